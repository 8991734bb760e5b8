// Rows in Timeloop's formats that nobody has seen: any level names, 2 to 6 levels, fan-outs, strides, dilations, batches, groups,
// bypass. Their figures come from the walked loop nest (brute-force.ts), built here from the same plan as the row, and from the
// formulas that the README of the reference rows states; every count must be equal, not near.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { buildAccelerator } from "../../../envs/accelerator/architecture.js";
import { emptyMapping } from "../../../envs/accelerator/mapping.js";
import { DIM_COUNT, DIMS, OPERANDS, type Problem } from "../../../envs/accelerator/problem.js";
import { timeloopComponents, timeloopGeneric } from "../../../experiments/validation/timeloop.js";
import { validatePaths } from "../../../experiments/validation/validate-folder.js";
import { bruteForceCounts } from "../../envs/accelerator/brute-force.js";
import { problem } from "../../envs/accelerator/random-cases.js";

const TENSORS = ["Weights", "Inputs", "Outputs"] as const;
const NAMES = ["HBM", "L3 cache", "weight-buffer", "Tile_Mem", "psums", "PE.regs", "B2", "lane", "shared_glb2"];
const KINDS = ["temporal", "spatialX", "spatialY"] as const;

interface Loop {
  readonly dim: number;
  readonly bound: number;
  readonly kind: (typeof KINDS)[number];
}

interface Plan {
  readonly kind: "dense" | "grouped" | "depthwise";
  /** by dimension; K and C of one group */
  readonly extents: readonly number[];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly levels: readonly {
    readonly name: string;
    readonly keeps: readonly boolean[];
    readonly loops: readonly Loop[];
    readonly readWords: number | null;
    readonly writeWords: number | null;
    readonly readPj: number;
    readonly writePj: number;
    readonly updatePj: number;
    /** words of an access */
    readonly block: number;
  }[];
  /** K and C of all groups in the row, instead of one */
  readonly statesTotals: boolean;
  readonly macPj: number;
}

const upTo = (max: number) => fc.integer({ min: 1, max });
const pair = (max: number) => fc.tuple(upTo(max), upTo(max));
const words = fc.constantFrom(null, 0.25, 1, 3, 16);
const pj = fc.constantFrom(0, 0.5, 1, 6, 200);

const level = fc.record({
  keeps: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  readWords: words,
  writeWords: words,
  readPj: pj,
  writePj: pj,
  updatePj: pj,
  block: fc.constantFrom(1, 2, 4),
});

const plan: fc.Arbitrary<Plan> = fc
  .record({
    kind: fc.constantFrom("dense" as const, "dense" as const, "grouped" as const, "depthwise" as const),
    sizes: fc.tuple(upTo(3), fc.integer({ min: 2, max: 4 }), upTo(6), upTo(6), upTo(6), upTo(6), upTo(3), upTo(4)),
    stride: pair(3),
    dilation: pair(3),
    names: fc.shuffledSubarray(NAMES, { minLength: 2, maxLength: 6 }),
    levels: fc.array(level, { minLength: 6, maxLength: 6 }),
    statesTotals: fc.boolean(),
    macPj: pj,
    draws: fc.infiniteStream(fc.nat(1 << 20)),
  })
  .map(({ kind, sizes: [N, G, K, C, P, Q, R, S], names, levels, draws, ...rest }) => {
    const draw = (count: number): number => draws.next().value! % count;
    const one = kind === "depthwise" ? 1 : undefined;
    const extents = [N, kind === "dense" ? 1 : G, one ?? K, one ?? C, P, Q, R, S];
    const loops = names.map((): Loop[] => []);
    let room = 32;
    extents.forEach((extent, dim) => {
      let left = extent;
      while (left > 1) {
        const divisors = Array.from({ length: left }, (_, i) => i + 1).filter((d) => d > 1 && left % d === 0);
        const bound = divisors[draw(divisors.length)]!;
        const target = loops[draw(names.length)]!;
        const kind = bound <= room ? KINDS[draw(KINDS.length)]! : "temporal";
        if (target.some((loop) => loop.dim === dim && loop.kind === kind)) continue;
        if (kind !== "temporal") room = Math.floor(room / bound);
        target.splice(draw(target.length + 1), 0, { dim, bound, kind });
        left /= bound;
      }
    });
    const built = names.map((name, l) => {
      const made = levels[l]!;
      return { ...made, name, loops: loops[l]!, keeps: l === 0 ? [true, true, true] : made.keeps };
    });
    return { kind, extents, levels: built, ...rest };
  })
  .filter(({ extents }) => extents.reduce((product, extent) => product * extent, 1) <= 1500);

/** What the walk says of the plan, in the words of the reference rows. */
function figuresOf({ extents, stride, dilation, levels, macPj }: Plan, blocks: boolean) {
  const [N, G, K, C, P, Q, R, S] = extents as [number, number, number, number, number, number, number, number];
  const layer: Problem = problem("conv", { G, K: G * K, C: G * C, P, Q, R, S, stride, dilation }, N);
  const chip = buildAccelerator({
    name: "walked",
    nodeNm: 45,
    clockMhz: 1,
    mac: {},
    levels: levels.map(({ name, keeps, loops }, l) => ({
      name,
      type: l === 0 ? ("dram" as const) : ("sram" as const),
      ...(l > 0 && { capacityBytes: 1e9, keeps: OPERANDS.filter((_, o) => keeps[o]) }),
      readPj: 0,
      writePj: 0,
      fanout: [
        {
          name: "array",
          size: loops.reduce((size, { kind, bound }) => (kind === "temporal" ? size : size * bound), 1),
        },
      ],
    })),
  });
  const mapping = emptyMapping(levels.length);
  levels.forEach(({ loops }, l) => {
    for (const { dim, bound, kind } of loops) {
      (kind === "temporal" ? mapping.temporal : mapping.spatial)[l * DIM_COUNT + dim]! *= bound;
    }
    const positions = loops.filter(({ kind }) => kind === "temporal").map(({ dim }) => dim);
    const all = [...positions, ...DIMS.map((_, d) => d).filter((d) => !positions.includes(d))];
    for (const [position, d] of all.entries()) mapping.order[l * DIM_COUNT + d] = position;
  });
  const walked = bruteForceCounts(chip, layer, mapping);
  let cycles = walked.steps;
  let energy = walked.operations * macPj;
  const accesses: Record<string, Record<string, { reads: number; fills: number; updates: number }>> = {};
  levels.forEach(({ name, keeps, readWords, writeWords, readPj, writePj, updatePj, block }, l) => {
    const instances = walked.usedInstances[l]!;
    let [reads, writes] = [0, 0];
    accesses[name] = {};
    for (const [o, tensor] of TENSORS.entries()) {
      if (!keeps[o]) continue;
      const counted = {
        reads: walked.reads[l * 3 + o]!,
        fills: walked.fills[l * 3 + o]!,
        updates: walked.updates[l * 3 + o]!,
      };
      accesses[name][tensor] = counted;
      reads += counted.reads;
      writes += counted.fills + counted.updates;
      const energyOf = (count: number, each: number) => Math.ceil(count / (blocks ? block : 1)) * each;
      energy += energyOf(counted.reads, readPj);
      energy +=
        energyOf(counted.fills, blocks ? writePj : readPj) + energyOf(counted.updates, blocks ? updatePj : readPj);
    }
    if (readWords !== null) cycles = Math.max(cycles, Math.ceil(reads / instances / readWords));
    if (writeWords !== null) cycles = Math.max(cycles, Math.ceil(writes / instances / writeWords));
  });
  return { cycles, energy, accesses };
}

/** The plan as a row of either format. */
function rowOf(id: string, plan: Plan, format: "generic" | "components") {
  const { kind, extents, levels, stride, dilation, statesTotals, macPj } = plan;
  const [N, G, K, C, P, Q, R, S] = extents as [number, number, number, number, number, number, number, number];
  const isDepthwise = kind === "depthwise";
  const groups = statesTotals ? G : 1;
  const timeloopName = (dim: number): string => {
    const name = DIMS[dim]!;
    return name === "K" ? "M" : isDepthwise && name === "G" ? "C" : name;
  };
  const { cycles, energy, accesses } = figuresOf(plan, format === "components");
  const slug = (name: string) => name.toLowerCase().replaceAll(/[ .-]/g, "_");
  const generic = {
    word_bits: 16,
    energy_per_access: Object.fromEntries([["MAC", macPj], ...levels.map(({ name, readPj }) => [name, readPj])]),
    ...Object.fromEntries(
      levels.flatMap(({ name, readWords, writeWords }) => [
        [`${slug(name)}_read_bw`, readWords],
        [`${slug(name)}_write_bw`, writeWords],
      ]),
    ),
  };
  const components = {
    components_outer_to_inner: [
      ...levels.map(({ name, readWords, writeWords, readPj, writePj, updatePj, block }) => ({
        name,
        width: 8 * block,
        datawidth: 8,
        ...(readWords !== null && { read_bandwidth: readWords }),
        ...(writeWords !== null && { write_bandwidth: writeWords }),
        energy_pJ: { read: readPj, write: writePj, update: updatePj, leak: 0 },
      })),
      { name: "mac", energy_pJ: { compute: macPj } },
    ],
  };
  return {
    id,
    source: "walked",
    layer: isDepthwise
      ? { N, K: G, C: G, P, Q, R, S, stride, dilation, depthwise: true }
      : { N, ...(G > 1 && { G }), K: K * groups, C: C * groups, P, Q, R, S, stride, dilation, depthwise: false },
    hardware: format === "generic" ? generic : components,
    dataflow: {
      levels: levels.map(({ name, keeps, loops }) => ({
        level: name,
        tile_words: Object.fromEntries(TENSORS.filter((_, o) => keeps[o]).map((tensor) => [tensor, 1])),
        loops_outer_to_inner: loops.map(({ dim, bound, kind: how }) => ({ dim: timeloopName(dim), bound, kind: how })),
      })),
    },
    results: {
      cycles,
      accesses,
      ...(format === "generic" ? { energy_units_total: energy } : { energy_pJ_sum: energy }),
    },
  };
}

const ADAPTERS = { generic: timeloopGeneric, components: timeloopComponents } as const;

const scratch = mkdtempSync(join(tmpdir(), "timeloop-rows-"));
afterAll(() => rmSync(scratch, { recursive: true }));

describe("rows in Timeloop's formats", () => {
  for (const format of ["generic", "components"] as const) {
    it(`${format}: cycles, every count and energy of 250 unseen rows are those of the walked loop nest`, () => {
      fc.assert(
        fc.property(plan, (made) => {
          const row = rowOf("unseen", made, format);
          expect(ADAPTERS[format].recognises(row)).toBe(true);
          const [score] = ADAPTERS[format].score([row], [row]);
          expect(score!.unscored).toBeUndefined();
          const kept = made.levels.reduce((count, { keeps }) => count + keeps.filter((keep) => keep).length, 0);
          expect(score!.comparisons).toHaveLength(2 + 3 * kept);
          for (const { quantity, reference, ours } of score!.comparisons) {
            if (quantity === "energy") expect(Math.abs(ours - reference)).toBeLessThanOrEqual(1e-9 * reference);
            else expect(ours, quantity).toBe(reference);
          }
        }),
        { numRuns: 250, seed: 5 },
      );
    });
  }

  it("are told apart, scored and exact in a folder of files", () => {
    const plans = fc.sample(plan, { numRuns: 12, seed: 7 });
    for (const format of ["generic", "components"] as const) {
      const rows = plans.map((made, i) => rowOf(`${format}-${i}`, made, format));
      writeFileSync(join(scratch, `${format}.json`), JSON.stringify({ meta: {}, rows }));
    }
    expect(
      validatePaths([scratch]).map(({ file, format, rows, scored, exactShare }) => [
        file,
        format,
        rows,
        scored,
        exactShare,
      ]),
    ).toEqual([
      ["components.json", "timeloop-components", 12, 12, 1],
      ["generic.json", "timeloop-generic", 12, 12, 1],
    ]);
  });

  it("that do not add up are not scored, and say why", () => {
    const made = fc.sample(plan, { numRuns: 50, seed: 9 }).find(({ extents }) => extents[4]! > 1)!;
    const row = rowOf("bad", made, "generic");
    const loops = row.dataflow.levels[0]!.loops_outer_to_inner;
    const unscored = (changed: unknown): string | undefined => timeloopGeneric.score([changed], [])[0]!.unscored;
    const withLayer = (fields: object) => ({ ...row, layer: { ...row.layer, ...fields } });
    expect(unscored(row)).toBeUndefined();
    expect(unscored(withLayer({ P: 7 * made.extents[4]! }))).toBe(
      `the loops of P reach ${made.extents[4]} of ${7 * made.extents[4]!}`,
    );
    loops.push({ dim: "X", bound: 2, kind: "temporal" });
    expect(unscored(row)).toBe(`level ${made.levels[0]!.name}: "X" is no dimension`);
  });
});
