// Gemmini's RTL: the row's DRAM, scratchpad, accumulator and register loops on our gemmini preset, with the row's sizes.
// Nothing here is fitted: the overheads are the preset's, from the published microarchitecture. Rows that do not record
// their loops are run with the tile that Gemmini's library chooses (tiled_matmul_auto, gemmini-rocc-tests).
import { z } from "zod";
import { type AcceleratorFile, acceleratorSchema, buildAccelerator } from "../../envs/accelerator/architecture.js";
import { CostModel } from "../../envs/accelerator/cost.js";
import { compileMapping, covers, type MappingData } from "../../envs/accelerator/mapping.js";
import type { Dim, Problem } from "../../envs/accelerator/problem.js";
import { convProblem, presetFile } from "./machines.js";
import type { Adapter, RowScore } from "./reference.js";

export const gemminiRow = z.object({
  id: z.string(),
  layer: z.object({
    N: z.number().default(1),
    K: z.number(),
    C: z.number(),
    P: z.number(),
    Q: z.number(),
    R: z.number(),
    S: z.number(),
    strideW: z.number().default(1),
    strideH: z.number().default(1),
    dilationW: z.number().default(1),
    dilationH: z.number().default(1),
    /** one filter a channel; its loops count the channels as K or as C */
    depthwise: z.boolean().default(false),
  }),
  hardware: z.object({
    pe: z.tuple([z.number(), z.number()]),
    scratchpad: z.object({ bytes: z.number(), shared_bw_words_per_cycle: z.number().nullish() }),
    accumulator: z.object({
      total_bytes: z.number(),
      shared_bw_words_per_cycle_per_column: z.number().nullish(),
    }),
    dram_shared_bw_words_per_cycle: z.number().nullish(),
  }),
  dataflow: z.object({
    levels: z
      .array(
        z.object({
          level: z.string(),
          loops: z.array(z.object({ dim: z.string(), bound: z.number(), kind: z.string() })),
        }),
      )
      .nullish(),
  }),
  results: z.object({ rtl_cycles: z.number() }),
});
export type GemminiRow = z.output<typeof gemminiRow>;

/** Rows are failures beyond this; the target is on the mean. */
const TOLERANCE = 0.5;
const BITS = { weights: 8, inputs: 8, outputs: 8, partial: 32 };
/** the DMA bus of the default configuration, for rows that do not state theirs */
const DMA_BYTES_PER_CYCLE = 16;

export const gemmini: Adapter = {
  format: "rtl-gemmini",
  about:
    "cycle-exact RTL of a 16 × 16 array. Nothing fitted: weight blocks shift in for 16 cycles and stay for all pixels of a DRAM tile (the chip's sequencer orders the loops inside), the first load and last store hide behind nothing, every DRAM tile is loaded whole, in lines of 64 bytes. What remains: short strips of pixels fill the array's pipeline badly, and large filters fetched in pieces of 16 channels at a stride of a power of two miss the cache (two rows at a third of the time)",
  toleranceFraction: TOLERANCE,
  rowSchema: gemminiRow,
  recognises: (row) => gemminiRow.safeParse(row).success,
  score: (rows) =>
    rows.map((given): RowScore => {
      const row = gemminiRow.parse(given);
      const model = gemminiModel(row);
      if (model === undefined) return { id: row.id, comparisons: [], unscored: "its loops end before the layer does" };
      return {
        id: row.id,
        comparisons: [{ quantity: "cycles", reference: row.results.rtl_cycles, ours: model.latencyCycles }],
        group: row.dataflow.levels == null ? "loops not recorded" : "loops as recorded",
      };
    }),
};

/** The evaluated model of a row, with overheads of one's own where given; undefined when its loops do not cover the layer. */
export function gemminiModel(row: GemminiRow, overheads?: AcceleratorFile["overheads"]): CostModel | undefined {
  const { layer, dataflow } = row;
  const file = machineOf(row);
  const chip = buildAccelerator({ ...file, overheads: { ...file.overheads, ...overheads } });
  const model = new CostModel(chip);
  const { levels } = dataflow;
  const problem = levels == null ? asMatrices(layer) : problemOf(layer);
  const mapping = compileMapping(levels == null ? libraryMapping(row) : mappingOf(levels, layer.depthwise), chip);
  if (!covers(mapping, problem, chip.levels.length)) return undefined;
  model.evaluate(problem, mapping);
  return model;
}

type Levels = NonNullable<GemminiRow["dataflow"]["levels"]>;

function problemOf({ strideH, strideW, dilationH, dilationW, depthwise, ...layer }: GemminiRow["layer"]): Problem {
  const { K } = layer;
  const shape = depthwise ? { ...layer, G: K, K: 1, C: 1 } : layer;
  return convProblem(shape, [strideH, strideW], BITS, [dilationH, dilationW]);
}

/** A depthwise row counts its channels as K or as C; ours are groups. */
const dimOf = (dim: string, depthwise: boolean): Dim =>
  depthwise && (dim === "K" || dim === "C") ? "G" : (dim as Dim);

/** What the library multiplies: a row per output pixel, a column per output channel. */
const asMatrices = ({ N, K, C, P, Q, R, S }: GemminiRow["layer"]): Problem =>
  convProblem({ K, C: C * R * S, P: N * P * Q, Q: 1, R: 1, S: 1 }, [1, 1], BITS);

/** The preset with the row's sizes and bandwidths; a recorded mapping may unroll what the row says, on the axes it names. */
function machineOf({ hardware }: GemminiRow): AcceleratorFile {
  const file = acceleratorSchema.parse(presetFile("gemmini"));
  const [rows, columns] = hardware.pe;
  const gigahertz = file.clockMhz / 1000;
  const levels = file.levels.map((level) => {
    if (level.name === "DRAM") {
      return { ...level, bandwidthGBps: (hardware.dram_shared_bw_words_per_cycle ?? DMA_BYTES_PER_CYCLE) * gigahertz };
    }
    if (level.name === "Scratchpad") {
      const { bytes, shared_bw_words_per_cycle: words } = hardware.scratchpad;
      return {
        ...level,
        capacityBytes: bytes,
        ...(words == null ? {} : { bandwidthGBps: words * gigahertz }),
        fanout: [{ name: "columns", size: columns }],
      };
    }
    if (level.name !== "Accumulator") return level;
    const { total_bytes, shared_bw_words_per_cycle_per_column: words } = hardware.accumulator;
    return {
      ...level,
      capacityBytes: total_bytes / columns,
      ...(words == null ? {} : { bandwidthGBps: words * 4 * gigahertz }),
      fanout: [{ name: "rows", size: rows }],
    };
  });
  const fill = { ...file.overheads, arrayFillCycles: rows };
  return { ...file, levels, overheads: fill };
}

/** The row's loops. Inside a DRAM tile the chip's own sequencer orders them (LoopConv, LoopMatmul): all pixels of the tile pass
 *  while a block of weights is in the array, whatever order was asked for. */
function mappingOf(levels: Levels, depthwise: boolean): MappingData {
  const isPixel = ({ dim }: { readonly dim: string }): boolean => ["N", "P", "Q"].includes(dim);
  const sequenced = (loops: readonly { readonly dim: Dim; readonly bound: number }[]) => [
    ...loops.filter((loop) => !isPixel(loop)),
    ...loops.filter(isPixel),
  ];
  const temporalOf = (level: string, loops: Levels[number]["loops"]) => {
    const own = loops
      .filter(({ kind }) => kind === "temporal")
      .map(({ dim, bound }) => ({ dim: dimOf(dim, depthwise), bound }));
    return level === "DRAM" ? own : sequenced(own);
  };
  return levels.map(({ level, loops }) => ({
    level,
    temporal: temporalOf(level, loops),
    spatial: loops
      .filter(({ kind }) => kind !== "temporal")
      .map(({ dim, bound }) => ({
        dim: dimOf(dim, depthwise),
        bound,
        axis: level === "Scratchpad" ? "columns" : "rows",
      })),
  }));
}

/** The tile of the library: it grows from a square of half the accumulator, in turn along each side, as long as half of the
 *  scratchpad and of the accumulator (the other halves load and drain) hold it. Weights of a block stay for all its rows. */
function libraryMapping({ layer, hardware }: GemminiRow): MappingData {
  const [side] = hardware.pe;
  const pixels = layer.N * layer.P * layer.Q;
  const sums = layer.C * layer.R * layer.S;
  const blocks = (extent: number): number => Math.ceil(extent / side);
  const [most_i, most_j, most_k] = [blocks(pixels), blocks(layer.K), blocks(sums)];
  const scratchpadBlocks = hardware.scratchpad.bytes / 2 / side ** 2;
  const accumulatorBlocks = hardware.accumulator.total_bytes / 4 / 2 / side ** 2;
  const start = Math.max(1, Math.floor(Math.sqrt(accumulatorBlocks)));
  let i = Math.min(most_i, start);
  let j = Math.min(most_j, start);
  let k = Math.min(most_k, Math.max(1, Math.floor(scratchpadBlocks / 2 / start)));
  const fits = (a: number, b: number, c: number): boolean =>
    a <= most_i && b <= most_j && c <= most_k && (a + b) * c <= scratchpadBlocks && a * b <= accumulatorBlocks;
  for (let grown = true; grown; ) {
    grown = false;
    if (fits(i, j + 1, k)) [j, grown] = [j + 1, true];
    if (fits(i + 1, j, k)) [i, grown] = [i + 1, true];
    if (fits(i, j, k + 1)) [k, grown] = [k + 1, true];
  }
  const loop = (dim: Dim, bound: number): { dim: Dim; bound: number }[] => (bound > 1 ? [{ dim, bound }] : []);
  return [
    {
      level: "DRAM",
      temporal: [
        ...loop("P", Math.ceil(most_i / i)),
        ...loop("K", Math.ceil(most_j / j)),
        ...loop("C", Math.ceil(most_k / k)),
      ],
      spatial: [],
    },
    // blocks of 16 channels one after the other, so that a tile at the edge has fewer blocks, not thinner ones
    { level: "Scratchpad", temporal: loop("K", j), spatial: [{ dim: "K", bound: side, axis: "columns" }] },
    {
      level: "Accumulator",
      temporal: loop("C", k),
      spatial: [{ dim: "C", bound: side, axis: "rows" }],
    },
    { level: "Registers", temporal: [{ dim: "P", bound: i * side }], spatial: [] },
  ];
}
