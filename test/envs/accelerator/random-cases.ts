// Random small problems, machines and mappings for the properties of the cost model and the mapper.
import fc from "fast-check";
import { type Accelerator, type AcceleratorFile, buildAccelerator } from "../../../envs/accelerator/architecture.js";
import { emptyMapping, type Mapping } from "../../../envs/accelerator/mapping.js";
import { DIM_COUNT, DIMS, OPERANDS, type Problem, problemOf } from "../../../envs/accelerator/problem.js";
import type { Layer, LayerKind } from "../../../envs/network/ir.js";

/** A layer by the few fields that differ; the rest has the values of a single 1 × 1 convolution. */
export function layer(kind: LayerKind, fields: Partial<Layer>): Layer {
  const base = { K: 1, C: 1, P: 1, Q: 1, R: 1, S: 1, G: 1, stride: [1, 1], dilation: [1, 1], ...fields } as const;
  const { K, C, G, P, Q, R, S } = base;
  const macCount = ["conv", "depthwise", "fully-connected", "matmul"].includes(kind) ? (K * C * P * Q * R * S) / G : 0;
  return {
    id: kind,
    activation: "none",
    inputs: [-1],
    stage: 0,
    weightCount: 0,
    paramCount: 0,
    ...base,
    kind,
    macCount,
  };
}

const PRECISION = { weightBits: 8, inputBits: 8, outputBits: 8, partialBits: 32 };

/** A layer as a problem at batch 1 and 8 bits. */
export const problem = (kind: LayerKind, fields: Partial<Layer>, batch = 1): Problem =>
  problemOf(layer(kind, fields), batch, PRECISION);

const upTo = (max: number) => fc.integer({ min: 1, max });
const pair = (max: number) => fc.tuple(upTo(max), upTo(max));

/** Layers of every kind, up to some thousand operations. */
export const smallProblem: fc.Arbitrary<Problem> = fc
  .record({
    kind: fc.constantFrom<LayerKind[]>(
      "conv",
      "conv",
      "conv",
      "depthwise",
      "fully-connected",
      "matmul",
      "pool",
      "global-pool",
      "add",
      "multiply",
    ),
    batch: upTo(2),
    G: upTo(3),
    K: upTo(5),
    C: upTo(5),
    P: upTo(6),
    Q: upTo(6),
    R: upTo(4),
    S: upTo(3),
    stride: pair(3),
    dilation: pair(2),
  })
  .map(({ kind, batch, G, K, C, P, Q, R, S, stride, dilation }) => {
    const channels = { K: G * K, C: G * K };
    switch (kind) {
      case "conv":
        return problem(kind, { G, K: G * K, C: G * C, P, Q, R, S, stride, dilation }, batch);
      case "depthwise":
        return problem(kind, { ...channels, G: G * K, P, Q, R, S, stride, dilation }, batch);
      case "fully-connected":
        return problem(kind, { K: K * P, C: C * Q }, batch);
      case "matmul":
        return problem(kind, { G, K: G * K, C: G * C, P: P * R }, batch);
      case "pool":
        return problem(kind, { ...channels, P, Q, R, S, stride }, batch);
      case "global-pool":
        return problem(kind, { ...channels, R: P, S: Q }, batch);
      default:
        return problem(kind, { ...channels, P, Q }, batch);
    }
  })
  .filter((made) => made.operationCount <= 3000);

const flags = fc.subarray([...OPERANDS]);

/** Machines with fan-outs anywhere, operands that pass levels by, and every ability on or off. */
const machineOf = (size: { readonly minLength: number; readonly maxLength: number }): fc.Arbitrary<Accelerator> =>
  fc
    .array(
      fc.record({
        keeps: fc.subarray([...OPERANDS], { minLength: 1 }),
        fanout: fc.boolean(),
        multicast: flags,
        reduce: fc.boolean(),
        bandwidth: fc.constantFrom(undefined, 0.5, 2, 16),
      }),
      size,
    )
    .map((levels) =>
      buildAccelerator({
        name: "random",
        nodeNm: 45,
        clockMhz: 1000,
        mac: {},
        levels: levels.map(({ keeps, fanout, multicast, reduce, bandwidth }, l) => ({
          name: `level${l}`,
          type: l === 0 ? ("dram" as const) : ("sram" as const),
          ...(l > 0 && { capacityBytes: 1e9 }),
          ...(l > 0 && { keeps }),
          ...(bandwidth !== undefined && { readBytesPerCycle: bandwidth }),
          wordBits: 8,
          readPj: 1 + l,
          writePj: 2 + l,
          fanout: fanout ? [{ name: "axis", size: 4096 }] : [],
          multicast,
          reduce,
        })),
      } satisfies AcceleratorFile),
    );

/** Of 2 to 4 levels, and of 5 to 8. */
export const machine = machineOf({ minLength: 2, maxLength: 4 });
export const deepMachine = machineOf({ minLength: 5, maxLength: 8 });

export type Raggedness = "perfect" | "ragged" | "overlong";

/** Any mapping of the problem: bounds and orders at random, at most 24 ways in space. `perfect` bounds divide the extents,
 *  `ragged` ones need not, `overlong` ones may even run past the end for whole iterations. */
export const mappingOf = (problem: Problem, chip: Accelerator, raggedness: Raggedness): fc.Arbitrary<Mapping> =>
  fc.infiniteStream(fc.nat(1 << 20)).map((stream) => {
    const draw = (count: number): number => stream.next().value! % count;
    const levels = chip.levels.length;
    const mapping = emptyMapping(levels);
    let room = 24;
    let overlong = raggedness === "overlong" ? 3 : 0;
    for (let d = 0; d < DIM_COUNT; d++) {
      let rest = problem.extents[d]!;
      const slots = Array.from({ length: levels * 2 }, (_, i) => ({ l: i >> 1, spatial: (i & 1) === 1 }))
        .filter(({ l, spatial }) => !spatial || chip.levels[l]!.fanoutSize > 1)
        .reverse(); // inner first
      for (const [i, { l, spatial }] of slots.entries()) {
        const isLast = i === slots.length - 1;
        let bound = isLast ? rest : 1 + draw(rest);
        if (raggedness === "perfect") while (rest % bound !== 0) bound--;
        if (spatial && bound > room) bound = 1;
        if (spatial) room = Math.floor(room / bound);
        rest = Math.ceil(rest / bound);
        if (overlong > 0 && !spatial && draw(6) === 0) {
          bound++;
          overlong--;
        }
        (spatial ? mapping.spatial : mapping.temporal)[l * DIM_COUNT + d] = bound;
      }
    }
    for (let l = 0; l < levels; l++) {
      const order = Array.from({ length: DIM_COUNT }, (_, d) => d);
      for (let i = DIM_COUNT - 1; i > 0; i--) {
        const j = draw(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      for (const [d, position] of order.entries()) mapping.order[l * DIM_COUNT + d] = position;
    }
    return mapping;
  });

/** A mapping in words, for the message of a failed property. */
export function shown(mapping: Mapping): string {
  const lines: string[] = [];
  for (let l = 0; l * DIM_COUNT < mapping.temporal.length; l++) {
    const at = (d: number) => l * DIM_COUNT + d;
    const dims = DIMS.map((_, d) => d).sort((a, b) => mapping.order[at(a)]! - mapping.order[at(b)]!);
    const temporal = dims
      .filter((d) => mapping.temporal[at(d)]! > 1)
      .map((d) => `${DIMS[d]}${mapping.temporal[at(d)]}`);
    const spatial = dims.filter((d) => mapping.spatial[at(d)]! > 1).map((d) => `${DIMS[d]}${mapping.spatial[at(d)]}`);
    lines.push(`[${l}] ${temporal.join(" ")} | ${spatial.join(" ")}`);
  }
  return lines.join("; ");
}
