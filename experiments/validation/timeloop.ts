// Timeloop's figures for an explicit mapping: generic rows of any levels, rows with component lists (bypass, per-tensor
// energies), and rows that name a published example design. Our model must give the same counts, cycles and energy.
// What Timeloop counts: docs/accelerator-model.md. Component tables of the named designs: timeloop-designs.json.
import { join } from "node:path";
import { z } from "zod";
import { CostModel } from "../../envs/accelerator/cost.js";
import type { Problem } from "../../envs/accelerator/problem.js";
import { packageRoot, readDocument } from "../../src/files/documents.js";
import { type Adapter, type Comparison, EXACT_FRACTION, type RowScore } from "./reference.js";
import {
  type Levels,
  layerSchema,
  levelsSchema,
  type Storage,
  TENSORS,
  type TimeloopLayer,
  timeloopCase,
} from "./timeloop-case.js";

const counts = z.object({ reads: z.number().optional(), fills: z.number().optional(), updates: z.number().optional() });
const results = z.object({
  cycles: z.number(),
  accesses: z.record(z.string(), z.partialRecord(z.enum(TENSORS), counts)).default({}),
  energy_units_total: z.number().optional(),
  energy_pJ_sum: z.number().optional(),
  energy_uJ_printed: z.number().optional(),
});
const genericRow = z.object({
  id: z.string(),
  layer: layerSchema,
  hardware: z
    .object({
      energy_per_access: z.record(z.string(), z.number()).optional(),
    })
    .catchall(z.unknown()),
  dataflow: z.object({ levels: levelsSchema }),
  results,
});

const component = z.object({
  name: z.string(),
  instances: z.number().nullish(),
  /** instances that share one access of `width` bits */
  cluster_size: z.number().nullish(),
  width: z.number().nullish(),
  datawidth: z.number().nullish(),
  read_bandwidth: z.number().nullish(),
  write_bandwidth: z.number().nullish(),
  energy_pJ: z.record(z.string(), z.number()).nullish(),
});
type Component = z.output<typeof component>;
const componentRow = z.object({
  id: z.string(),
  source: z.string().default(""),
  design: z.string().optional(),
  problem: z
    .object({
      instance: z.record(z.string(), z.number()),
      data_spaces: z.array(z.object({ name: z.string(), projection: z.array(z.array(z.array(z.string()))) })),
    })
    .optional(),
  layer: layerSchema.optional(),
  hardware: z.object({ components_outer_to_inner: z.array(component) }).optional(),
  dataflow: z.object({ levels: levelsSchema }),
  results,
});

export const timeloopGeneric: Adapter = {
  format: "timeloop-generic",
  about: "Timeloop 4cf6d4c, three levels, explicit mapping: cycles, every count, energy",
  toleranceFraction: EXACT_FRACTION,
  rowSchema: genericRow,
  recognises: (row) => !hasComponents(row) && !("design" in row) && genericRow.safeParse(row).success,
  score: (rows) => rows.map((row) => scoreGeneric(genericRow.parse(row))),
};

export const timeloopComponents: Adapter = {
  format: "timeloop-components",
  about: "Timeloop with component lists and bypass (published exercises and designs): cycles, every count, energy",
  toleranceFraction: EXACT_FRACTION,
  rowSchema: componentRow,
  recognises: (row) => componentRow.safeParse(row).success && ("design" in row || hasComponents(row)),
  score: (rows, siblings) => rows.map((row) => scoreComponents(componentRow.parse(row), siblings)),
};

const hasComponents = (row: Readonly<Record<string, unknown>>): boolean =>
  typeof row.hardware === "object" && row.hardware !== null && "components_outer_to_inner" in row.hardware;

function scoreGeneric(row: z.output<typeof genericRow>): RowScore {
  const { hardware, layer, results: reference } = row;
  const { levels: stored } = row.dataflow;
  const energy = hardware.energy_per_access ?? {};
  // `glb_read_bw` of level GLB, `weight_buffer_read_bw` of Weight Buffer: words a cycle; none is no limit
  const wordsOf = (level: string, way: "read" | "write"): number | undefined => {
    const words = hardware[`${level.toLowerCase().replace(/[^a-z0-9]+/g, "_")}_${way}_bw`];
    return typeof words === "number" ? words : undefined;
  };
  const storages = stored.map(
    ({ level: name }): Storage => ({
      name,
      readWords: wordsOf(name, "read"),
      writeWords: wordsOf(name, "write"),
      readPj: energy[name] ?? 0,
      writePj: energy[name] ?? 0,
      updatePj: energy[name] ?? 0,
      leakPj: 0,
      block: 1,
      clusters: 1,
      clusterSize: 1,
    }),
  );
  const priced = ["MAC", ...stored.map(({ level }) => level)].every((name) => energy[name] !== undefined);
  const { comparisons, unscored } = compare(layer, storages, energy.MAC ?? 0, stored, reference);
  const known = comparisons.filter(({ quantity }) => priced || !quantity.startsWith("energy"));
  return { id: row.id, comparisons: known, ...(unscored !== undefined && { unscored }) };
}

function scoreComponents(row: z.output<typeof componentRow>, siblings: readonly unknown[]): RowScore {
  const components = row.hardware?.components_outer_to_inner ?? designOf(row.design, siblings);
  if (components === undefined) {
    return { id: row.id, comparisons: [], unscored: `no component list, and design ${row.design} is not known` };
  }
  const stored = row.dataflow.levels;
  const parts = new Map(components.map((part) => [part.name, part]));
  const missing = stored.filter(({ level }) => !parts.has(level));
  if (missing.length > 0) {
    return { id: row.id, comparisons: [], unscored: `no component for level ${missing[0]!.level}` };
  }
  const storages = stored.map(({ level }): Storage => {
    const part = parts.get(level)!;
    const clusterSize = part.cluster_size ?? 1;
    return {
      name: level,
      readWords: part.read_bandwidth,
      writeWords: part.write_bandwidth,
      readPj: part.energy_pJ?.read ?? 0,
      writePj: part.energy_pJ?.write ?? 0,
      updatePj: part.energy_pJ?.update ?? part.energy_pJ?.write ?? 0,
      leakPj: part.energy_pJ?.leak ?? 0,
      block: Math.max(1, Math.floor((part.width ?? 1) / (part.datawidth ?? part.width ?? 1))),
      clusters: Math.max(1, (part.instances ?? 1) / clusterSize),
      clusterSize,
    };
  });
  const compute = components.find((part) => part.energy_pJ?.compute !== undefined);
  const layer = row.problem === undefined ? row.layer : shapeOf(row.problem);
  if (layer === undefined) return { id: row.id, comparisons: [], unscored: "neither a problem nor a layer" };
  const macPj = compute?.energy_pJ?.compute ?? 0;
  // the published outputs come from a version that loads a whole tile when it slides on after reuse
  const isPublished = row.problem !== undefined;
  return { id: row.id, ...compare(layer, storages, macPj, stored, row.results, !isPublished) };
}

/** Runs our model on the row's machine and mapping, and sets every figure beside the row's. */
function compare(
  layer: TimeloopLayer,
  storages: readonly Storage[],
  macPj: number,
  stored: Levels,
  reference: z.output<typeof results>,
  overlapSurvivesReuse = true,
): Pick<RowScore, "comparisons" | "unscored"> {
  const built = timeloopCase(layer, stored, storages, macPj, overlapSurvivesReuse);
  if (typeof built === "string") return { comparisons: [], unscored: built };
  const { problem, chip, mapping } = built;
  const model = new CostModel(chip);
  model.evaluate(problem, mapping);
  const comparisons: Comparison[] = [
    { quantity: "cycles", reference: reference.cycles, ours: model.latencyCycles },
    ...energyComparison(reference, energyOf(model, problem, storages, macPj), leakageOf(model, storages)),
  ];
  chip.levels.forEach(({ name }, l) => {
    TENSORS.forEach((tensor, operand) => {
      const theirs = reference.accesses[name]?.[tensor];
      if (theirs === undefined) return;
      const at = l * 3 + operand;
      for (const [kind, ours] of [
        ["reads", model.reads[at]!],
        ["fills", model.fills[at]!],
        ["updates", model.updates[at]!],
      ] as const) {
        const figure = theirs[kind];
        if (figure !== undefined) comparisons.push({ quantity: `${name} ${tensor} ${kind}`, reference: figure, ours });
      }
    });
  });
  return { comparisons };
}

/** Energy at the precision that the row has it. The sum leaves out leakage; the total that Timeloop prints has it. */
function energyComparison(reference: z.output<typeof results>, ours: number, leakage: number): Comparison[] {
  const exact = reference.energy_units_total ?? reference.energy_pJ_sum;
  if (exact !== undefined) return [{ quantity: "energy", reference: exact, ours }];
  const printed = reference.energy_uJ_printed;
  if (printed === undefined) return [];
  return [{ quantity: "energy uJ", reference: printed, ours: Math.round((ours + leakage) / 1e4) / 100 }];
}

/** Energy as Timeloop adds it up: an access moves a whole block, also for fewer words, and a block that several instances
 *  share is paid for once per cluster, however few of its instances are in use. */
function energyOf(model: CostModel, problem: Problem, storages: readonly Storage[], macPj: number): number {
  let energy = problem.operationCount * macPj;
  storages.forEach(({ readPj, writePj, updatePj, block, clusters, clusterSize }, l) => {
    const used = model.usedInstances[l]!;
    const shared = clusterSize > 1 ? (Math.min(clusters, used) * clusterSize) / used : 1;
    for (let at = l * 3; at < l * 3 + 3; at++) {
      const accesses = (words: number): number => Math.ceil(words / block) * shared;
      energy += accesses(model.reads[at]!) * readPj;
      energy += accesses(model.fills[at]!) * writePj + accesses(model.updates[at]!) * updatePj;
    }
  });
  return energy;
}

/** Leakage of the storage in use; Timeloop adds none for idle instances and for the multipliers. */
function leakageOf(model: CostModel, storages: readonly Storage[]): number {
  return storages.reduce((sum, { leakPj }, l) => sum + leakPj * model.usedInstances[l]! * model.latencyCycles, 0);
}

/** A Timeloop problem as a layer; which stride goes with which output index stands in the projection of the inputs. */
function shapeOf({ instance, data_spaces }: NonNullable<z.output<typeof componentRow>["problem"]>): TimeloopLayer {
  const of = (name: string): number => instance[name] ?? 1;
  const inputs = data_spaces.find(({ name }) => name === "Inputs")?.projection ?? [];
  const factor = (index: string): number => {
    const term = inputs.flat().find(([name]) => name === index);
    return term?.[1] === undefined ? 1 : of(term[1]);
  };
  const isIndexed = (tensor: string, index: string): boolean =>
    data_spaces.some(({ name, projection }) => name === tensor && projection.flat().some(([of]) => of === index));
  return layerSchema.parse({
    N: of("N"),
    G: of("G"),
    K: instance.M ?? of("K"),
    C: of("C"),
    P: of("P"),
    Q: of("Q"),
    R: of("R"),
    S: of("S"),
    stride: [factor("P"), factor("Q")],
    dilation: [factor("R"), factor("S")],
    depthwise: isIndexed("Outputs", "C"),
  });
}

/** The component list of a named design: of a row in the folder that stands for it, else the published one. */
function designOf(design: string | undefined, siblings: readonly unknown[]): readonly Component[] | undefined {
  if (design === undefined) return undefined;
  for (const sibling of siblings) {
    const row = componentRow.safeParse(sibling);
    if (row.success && row.data.hardware !== undefined && row.data.source.includes(`/${design}/`)) {
      return row.data.hardware.components_outer_to_inner;
    }
  }
  const path = join(packageRoot, "experiments/validation/timeloop-designs.json");
  return readDocument(path, z.object({ source: z.string(), designs: z.record(z.string(), z.array(component)) }))
    .designs[design];
}
