// A row of Timeloop's as our layer, machine and mapping. Levels have any names and any number; a tensor that a level's tiles do
// not list passes it by; the fan-outs are as wide as the row's loops make them. What a row leaves unsaid or says twice is a
// reason not to score it, never a guess.
import { z } from "zod";
import { type Accelerator, type AcceleratorFile, buildAccelerator } from "../../envs/accelerator/architecture.js";
import { compileMapping, type Mapping, type MappingData } from "../../envs/accelerator/mapping.js";
import { DIMS, type Dim, makeProblem, OPERANDS, type Problem } from "../../envs/accelerator/problem.js";

/** In the order of our operands. */
export const TENSORS = ["Weights", "Inputs", "Outputs"] as const;

/** of rows and of columns, or one number for both */
const pair = z
  .union([z.number(), z.tuple([z.number(), z.number()])])
  .default(1)
  .transform((value) => (typeof value === "number" ? ([value, value] as const) : ([value[0], value[1]] as const)));

export const levelsSchema = z.array(
  z.object({
    level: z.string(),
    tile_words: z.partialRecord(z.enum(TENSORS), z.number()).optional(),
    loops_outer_to_inner: z.array(
      z.object({ dim: z.string(), bound: z.int().min(1), kind: z.enum(["temporal", "spatialX", "spatialY"]) }),
    ),
  }),
);
export type Levels = z.output<typeof levelsSchema>;

const extent = z.int().min(1);
export const layerSchema = z.object({
  N: extent.default(1),
  /** groups; K and C are those of one group where the loops say so, else of all */
  G: extent.default(1),
  K: extent,
  C: extent,
  P: extent,
  Q: extent,
  R: extent,
  S: extent,
  stride: pair,
  dilation: pair,
  depthwise: z.boolean().default(false),
});
export type TimeloopLayer = z.output<typeof layerSchema>;

/** One storage level as both kinds of row describe it; words are all of one size. */
export interface Storage {
  readonly name: string;
  readonly readWords: number | null | undefined;
  readonly writeWords: number | null | undefined;
  /** per access of `block` words; `updatePj` is of words that come from below */
  readonly readPj: number;
  readonly writePj: number;
  readonly updatePj: number;
  /** per cycle and instance in use */
  readonly leakPj: number;
  readonly block: number;
  readonly clusters: number;
  readonly clusterSize: number;
}

export interface TimeloopCase {
  readonly problem: Problem;
  readonly chip: Accelerator;
  readonly mapping: Mapping;
}

/** Every word has this many bits: Timeloop counts words, and its energies are per word. */
const WORD_BITS = 8;
const ROOMY_WORDS = 2 ** 40;

/** @param storages of the levels, in their order
 *  @returns why not, where the loops do not belong to the layer */
export function timeloopCase(
  layer: TimeloopLayer,
  levels: Levels,
  storages: readonly Storage[],
  macPj: number,
  overlapSurvivesReuse: boolean,
): TimeloopCase | string {
  const extents = extentsOf(layer, levels);
  const wrong = unfit(extents, levels, layer.depthwise);
  if (wrong !== undefined) return wrong;
  const chip = buildAccelerator(machine(storages, macPj, levels, overlapSurvivesReuse));
  return {
    problem: problemFor(extents, layer),
    chip,
    mapping: compileMapping(mappingFor(levels, layer.depthwise), chip),
  };
}

/** Our name of a dimension: Timeloop says M for K, and a depthwise layer's channels are groups. */
function dimOf(name: string, depthwise: boolean): Dim | undefined {
  if (name === "M") return "K";
  if (depthwise && name === "C") return "G";
  return (DIMS as readonly string[]).includes(name) ? (name as Dim) : undefined;
}

/** Iterations of a dimension's loops together. */
function reachOf(levels: Levels, dim: Dim, depthwise: boolean): number {
  return levels
    .flatMap(({ loops_outer_to_inner }) => loops_outer_to_inner)
    .reduce((reach, loop) => (dimOf(loop.dim, depthwise) === dim ? reach * loop.bound : reach), 1);
}

type Extents = Readonly<Record<Dim, number>>;

function extentsOf({ N, G, K, C, P, Q, R, S, depthwise }: TimeloopLayer, levels: Levels): Extents {
  if (depthwise) return { N, G: C, K: 1, C: 1, P, Q, R, S };
  const perGroup = (dim: "K" | "C", all: number): number =>
    G > 1 && all % G === 0 && reachOf(levels, dim, false) === all / G ? all / G : all;
  return { N, G, K: perGroup("K", K), C: perGroup("C", C), P, Q, R, S };
}

function unfit(extents: Extents, levels: Levels, depthwise: boolean): string | undefined {
  for (const { level, loops_outer_to_inner } of levels) {
    const seen = new Set<string>();
    for (const { dim, kind, bound } of loops_outer_to_inner) {
      if (dimOf(dim, depthwise) === undefined && bound > 1) return `level ${level}: "${dim}" is no dimension`;
      if (kind === "temporal" && bound > 1 && seen.has(dim)) return `level ${level}: temporal loop ${dim} stands twice`;
      if (kind === "temporal" && bound > 1) seen.add(dim);
    }
  }
  for (const dim of DIMS) {
    const reach = reachOf(levels, dim, depthwise);
    if (reach < extents[dim]) return `the loops of ${dim} reach ${reach} of ${extents[dim]}`;
  }
  return undefined;
}

function machine(
  storages: readonly Storage[],
  macPj: number,
  levels: Levels,
  overlapSurvivesReuse: boolean,
): AcceleratorFile {
  const bytes = WORD_BITS / 8;
  // a row that lists no tiles at all says nothing of what passes by
  const listsTiles = levels.some(({ tile_words }) => tile_words !== undefined);
  const built = storages.map((storage, l): AcceleratorFile["levels"][number] => {
    const { tile_words = {}, loops_outer_to_inner } = levels[l]!;
    const kept = OPERANDS.filter((_, operand) => !listsTiles || tile_words[TENSORS[operand]!] !== undefined);
    const axis = (name: "spatialX" | "spatialY") => ({
      name,
      size: loops_outer_to_inner.filter(({ kind }) => kind === name).reduce((size, { bound }) => size * bound, 1),
    });
    return {
      name: storage.name,
      type: l === 0 ? "dram" : "sram",
      ...(l === 0 ? {} : { capacityBytes: ROOMY_WORDS * bytes, keeps: kept }),
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

function problemFor(extents: Extents, { stride, dilation }: TimeloopLayer): Problem {
  return makeProblem({
    extents: DIMS.map((dim) => extents[dim]),
    stride,
    dilation,
    relevance: [bit("G", "K", "C", "R", "S"), bit("N", "G", "C", "P", "Q", "R", "S"), bit("N", "G", "K", "P", "Q")],
    bits: { weights: WORD_BITS, inputs: WORD_BITS, outputs: WORD_BITS, partial: WORD_BITS },
    operation: "mac",
    weightsAreActivations: false,
  });
}

function mappingFor(levels: Levels, depthwise: boolean): MappingData {
  return levels.map(({ level, loops_outer_to_inner }) => {
    const loops = loops_outer_to_inner.flatMap(({ dim, bound, kind }) => {
      const ours = dimOf(dim, depthwise);
      return ours === undefined || bound === 1 ? [] : [{ dim: ours, bound, kind }];
    });
    return {
      level,
      temporal: loops.filter(({ kind }) => kind === "temporal").map(({ dim, bound }) => ({ dim, bound })),
      spatial: loops.flatMap(({ dim, bound, kind }) => (kind === "temporal" ? [] : [{ dim, bound, axis: kind }])),
    };
  });
}
