// Timeloop's figures for an explicit mapping: generic three-level rows, rows with component lists (bypass, per-tensor
// energies), and rows that name a published example design. Our model must give the same counts, cycles and energy.
// What Timeloop counts: docs/accelerator-model.md. Component tables of the named designs: timeloop-designs.json.
import { join } from "node:path";
import { z } from "zod";
import { type AcceleratorFile, buildAccelerator } from "../../envs/accelerator/architecture.js";
import { CostModel } from "../../envs/accelerator/cost.js";
import { compileMapping, type MappingData } from "../../envs/accelerator/mapping.js";
import { DIMS, type Dim, makeProblem, OPERANDS, type Problem } from "../../envs/accelerator/problem.js";
import { packageRoot, readDocument } from "../../src/files/documents.js";
import { type Adapter, type Comparison, EXACT_FRACTION, type RowScore } from "./reference.js";

/** of rows and of columns, or one number for both */
const pair = z
  .union([z.number(), z.tuple([z.number(), z.number()])])
  .default(1)
  .transform((value) => (typeof value === "number" ? ([value, value] as const) : ([value[0], value[1]] as const)));
const TENSORS = ["Weights", "Inputs", "Outputs"] as const;
const counts = z.object({ reads: z.number().optional(), fills: z.number().optional(), updates: z.number().optional() });
const results = z.object({
  cycles: z.number(),
  accesses: z.record(z.string(), z.partialRecord(z.enum(TENSORS), counts)).default({}),
  energy_units_total: z.number().optional(),
  energy_pJ_sum: z.number().optional(),
  energy_uJ_printed: z.number().optional(),
});
const levels = z.array(
  z.object({
    level: z.string(),
    tile_words: z.partialRecord(z.enum(TENSORS), z.number()).default({}),
    loops_outer_to_inner: z.array(
      z.object({ dim: z.string(), bound: z.number(), kind: z.enum(["temporal", "spatialX", "spatialY"]) }),
    ),
  }),
);
type Levels = z.output<typeof levels>;
const layerSchema = z.object({
  N: z.number().default(1),
  K: z.number(),
  C: z.number(),
  P: z.number(),
  Q: z.number(),
  R: z.number(),
  S: z.number(),
  stride: pair,
  dilation: pair,
  depthwise: z.boolean().default(false),
});

const genericRow = z.object({
  id: z.string(),
  layer: layerSchema,
  hardware: z
    .object({
      energy_per_access: z.record(z.string(), z.number()).optional(),
    })
    .catchall(z.unknown()),
  dataflow: z.object({ levels }),
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
  dataflow: z.object({ levels }),
  results,
});

/** One storage level as both kinds of row describe it; words are all of one size. */
interface Storage {
  readonly name: string;
  readonly capacityWords: number;
  readonly readWords: number | null | undefined;
  readonly writeWords: number | null | undefined;
  /** per access of `block` words */
  readonly readPj: number;
  readonly writePj: number;
  /** per cycle and instance in use */
  readonly leakPj: number;
  readonly block: number;
  readonly clusters: number;
  readonly clusterSize: number;
}

/** Every word has this many bits: Timeloop counts words, and its energies are per word. */
const WORD_BITS = 8;
const ROOMY_WORDS = 2 ** 40;

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
  // `glb_read_bw` of level GLB: words a cycle; none is no limit
  const wordsOf = (level: string, way: "read" | "write"): number | undefined => {
    const words = hardware[`${level.toLowerCase()}_${way}_bw`];
    return typeof words === "number" ? words : undefined;
  };
  const storages = stored.map(
    ({ level: name }): Storage => ({
      name,
      capacityWords: ROOMY_WORDS,
      readWords: wordsOf(name, "read"),
      writeWords: wordsOf(name, "write"),
      readPj: energy[name] ?? 0,
      writePj: energy[name] ?? 0,
      leakPj: 0,
      block: 1,
      clusters: 1,
      clusterSize: 1,
    }),
  );
  const priced = ["MAC", ...stored.map(({ level }) => level)].every((name) => energy[name] !== undefined);
  const comparisons = compare(layer, layer.dilation, storages, energy.MAC ?? 0, stored, reference);
  return { id: row.id, comparisons: comparisons.filter(({ quantity }) => priced || !quantity.startsWith("energy")) };
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
      capacityWords: ROOMY_WORDS,
      readWords: part.read_bandwidth,
      writeWords: part.write_bandwidth,
      readPj: part.energy_pJ?.read ?? 0,
      writePj: part.energy_pJ?.write ?? 0,
      leakPj: part.energy_pJ?.leak ?? 0,
      block: Math.max(1, Math.floor((part.width ?? 1) / (part.datawidth ?? part.width ?? 1))),
      clusters: Math.max(1, (part.instances ?? 1) / clusterSize),
      clusterSize,
    };
  });
  const compute = components.find((part) => part.energy_pJ?.compute !== undefined);
  const shape = row.problem === undefined ? undefined : shapeOf(row.problem);
  const layer = shape?.layer ?? row.layer;
  if (layer === undefined) return { id: row.id, comparisons: [], unscored: "neither a problem nor a layer" };
  const dilation = shape?.dilation ?? layer.dilation;
  const macPj = compute?.energy_pJ?.compute ?? 0;
  // the published outputs come from a version that loads a whole tile when it slides on after reuse
  const isPublished = row.problem !== undefined;
  const { results } = row;
  const comparisons = compare(layer, dilation, storages, macPj, stored, results, shape?.strides, !isPublished);
  return { id: row.id, comparisons };
}

/** Runs our model on the row's machine and mapping, and sets every figure beside the row's. */
function compare(
  layer: z.output<typeof layerSchema>,
  dilation: readonly [number, number],
  storages: readonly Storage[],
  macPj: number,
  stored: Levels,
  reference: z.output<typeof results>,
  strides: readonly [number, number] = layer.stride,
  overlapSurvivesReuse = true,
): Comparison[] {
  const problem = problemFor(layer, strides, dilation);
  const chip = buildAccelerator(machine(storages, macPj, stored, overlapSurvivesReuse));
  const model = new CostModel(chip);
  model.evaluate(problem, compileMapping(mappingFor(stored, layer.depthwise), chip));
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
  return comparisons;
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
  storages.forEach(({ readPj, writePj, block, clusters, clusterSize }, l) => {
    const used = model.usedInstances[l]!;
    const shared = clusterSize > 1 ? (Math.min(clusters, used) * clusterSize) / used : 1;
    for (let at = l * 3; at < l * 3 + 3; at++) {
      const accesses = (words: number): number => Math.ceil(words / block) * shared;
      energy += accesses(model.reads[at]!) * readPj;
      energy += (accesses(model.fills[at]!) + accesses(model.updates[at]!)) * writePj;
    }
  });
  return energy;
}

/** Leakage of the storage in use; Timeloop adds none for idle instances and for the multipliers. */
function leakageOf(model: CostModel, storages: readonly Storage[]): number {
  return storages.reduce((sum, { leakPj }, l) => sum + leakPj * model.usedInstances[l]! * model.latencyCycles, 0);
}

function machine(
  storages: readonly Storage[],
  macPj: number,
  stored: Levels,
  overlapSurvivesReuse: boolean,
): AcceleratorFile {
  const bytes = WORD_BITS / 8;
  const built = storages.map((storage, l): AcceleratorFile["levels"][number] => {
    const { tile_words, loops_outer_to_inner } = stored[l]!;
    const axis = (name: "spatialX" | "spatialY") => ({
      name,
      size: loops_outer_to_inner.filter(({ kind }) => kind === name).reduce((size, { bound }) => size * bound, 1),
    });
    return {
      name: storage.name,
      type: l === 0 ? "dram" : "sram",
      ...(l === 0 ? {} : { capacityBytes: storage.capacityWords * bytes }),
      ...(l === 0 ? {} : { keeps: OPERANDS.filter((_, operand) => tile_words[TENSORS[operand]!] !== undefined) }),
      wordBits: WORD_BITS,
      ...(storage.readWords == null ? {} : { readBytesPerCycle: storage.readWords * bytes }),
      ...(storage.writeWords == null ? {} : { writeBytesPerCycle: storage.writeWords * bytes }),
      readPj: storage.readPj / storage.block,
      writePj: storage.writePj / storage.block,
      fanout: [axis("spatialX"), axis("spatialY")],
    };
  });
  // our machines have two levels or more; below a single buffer comes one that stores nothing
  if (built.length === 1)
    built.push({ name: "none", type: "sram", capacityBytes: 1, keeps: [], readPj: 0, writePj: 0 });
  const mac = { energyPj: macPj, rate: { [WORD_BITS]: 1 } };
  return {
    name: "timeloop",
    nodeNm: 45,
    clockMhz: 1000,
    mac,
    partialBits: WORD_BITS,
    overheads: { overlapSurvivesReuse },
    levels: built,
  };
}

const bit = (...dims: Dim[]): number => dims.reduce((mask, dim) => mask | (1 << DIMS.indexOf(dim)), 0);

function problemFor(
  layer: z.output<typeof layerSchema>,
  stride: readonly [number, number],
  dilation: readonly [number, number],
): Problem {
  const { N, K, C, P, Q, R, S, depthwise } = layer;
  return makeProblem({
    extents: depthwise ? [N, C, 1, 1, P, Q, R, S] : [N, 1, K, C, P, Q, R, S],
    stride,
    dilation,
    relevance: [bit("G", "K", "C", "R", "S"), bit("N", "G", "C", "P", "Q", "R", "S"), bit("N", "G", "K", "P", "Q")],
    bits: { weights: WORD_BITS, inputs: WORD_BITS, outputs: WORD_BITS, partial: WORD_BITS },
    operation: "mac",
    weightsAreActivations: false,
  });
}

/** A Timeloop problem as a layer; which stride goes with which output index stands in the projection of the inputs. */
function shapeOf({ instance, data_spaces }: NonNullable<z.output<typeof componentRow>["problem"]>) {
  const of = (name: string): number => instance[name] ?? 1;
  const projection = data_spaces.find(({ name }) => name === "Inputs")?.projection ?? [];
  const factor = (index: string): number => {
    const term = projection.flat().find(([name]) => name === index);
    return term?.[1] === undefined ? 1 : of(term[1]);
  };
  const layer = layerSchema.parse({
    N: of("N"),
    K: instance.M ?? of("K"),
    C: of("C"),
    P: of("P"),
    Q: of("Q"),
    R: of("R"),
    S: of("S"),
  });
  return {
    layer,
    strides: [factor("P"), factor("Q")] as const,
    dilation: [factor("R"), factor("S")] as const,
  };
}

function mappingFor(stored: Levels, depthwise: boolean): MappingData {
  const dimOf = (name: string): Dim => (name === "M" ? "K" : depthwise && name === "C" ? "G" : (name as Dim));
  return stored.map(({ level, loops_outer_to_inner }) => ({
    level,
    temporal: loops_outer_to_inner
      .filter(({ kind, bound }) => kind === "temporal" && bound > 1)
      .map(({ dim, bound }) => ({ dim: dimOf(dim), bound })),
    spatial: loops_outer_to_inner
      .filter(({ kind }) => kind !== "temporal")
      .map(({ dim, bound, kind }) => ({ dim: dimOf(dim), bound, axis: kind })),
  }));
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
