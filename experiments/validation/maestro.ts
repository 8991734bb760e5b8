// MAESTRO's runs: its data-centric directives read as our mapping vocabulary (dimensions, tiles, units), and the time of the
// nest they describe. Clusters nest: in each step of a cluster its units work on a tile, while the words that are new to the
// next step arrive and the finished outputs leave. Step = max(work, arrival, departure); the first step arrives unhidden.
import { z } from "zod";
import type { Adapter, RowScore } from "./reference.js";

const directive = z.object({
  kind: z.enum(["spatial", "temporal"]),
  dim: z.string(),
  size: z.number(),
  offset: z.number(),
});
const schema = z.object({
  id: z.string(),
  layer: z.object({
    N: z.number().default(1),
    K: z.number(),
    C: z.number(),
    P: z.number(),
    Q: z.number(),
    R: z.number(),
    S: z.number(),
    stride: z.number().default(1),
    depthwise: z.boolean().default(false),
  }),
  hardware: z.object({
    pes: z.number(),
    simd_lanes: z.number().default(1),
    noc_bw_elements_per_cycle: z.number(),
    noc_hops: z.number().default(1),
    noc_hop_latency_cycles: z.number().default(0),
    offchip_bw_elements_per_cycle: z.number().optional(),
    offchip_unlimited: z.boolean().default(true),
  }),
  dataflow: z.object({
    levels: z.array(z.union([z.object({ directives: z.array(directive) }), z.object({ cluster_size: z.number() })])),
  }),
  results: z.object({ cycles: z.number() }),
});
type Row = z.output<typeof schema>;
type Directive = z.output<typeof directive>;

/** Tile extents; P and Q in outputs. */
type Tile = Record<DimName, number>;
const DIM_NAMES = ["N", "K", "C", "P", "Q", "R", "S"] as const;
type DimName = (typeof DIM_NAMES)[number];

interface Loop {
  readonly dim: DimName;
  /** what one unit holds */
  readonly size: number;
  readonly steps: number;
  /** units that hold different parts; 1 for a temporal loop */
  readonly units: number;
}

interface Nest {
  readonly row: Row;
  readonly clusters: readonly { readonly directives: readonly Directive[]; readonly units: number }[];
}

export const maestro: Adapter = {
  format: "maestro",
  about:
    "MAESTRO 4eb08d1, eight mapping styles: only the rank of the cycles counts. Rows with limited off-chip bandwidth are a group of their own: MAESTRO charges each step for the whole buffer without regard to reuse, we charge each word once",
  toleranceFraction: 1,
  rowSchema: schema,
  recognises: (row) => schema.safeParse(row).success,
  score: (rows) =>
    rows.map((given): RowScore => {
      const row = schema.parse(given);
      return {
        id: row.id,
        group: row.hardware.offchip_unlimited ? "off-chip unlimited" : "off-chip limited",
        comparisons: [
          {
            quantity: "cycles",
            reference: row.results.cycles,
            ours: directiveCycles(row),
            ...(row.hardware.offchip_unlimited ? {} : { toleranceFraction: Infinity }),
          },
        ],
      };
    }),
};

/** Cycles of a layer under the row's directives. */
export function directiveCycles(row: Row): number {
  const { layer, hardware, dataflow } = row;
  const lists = dataflow.levels.flatMap((level) => ("directives" in level ? [level.directives] : []));
  const sizes = dataflow.levels.flatMap((level) => ("cluster_size" in level ? [level.cluster_size] : []));
  const inner = sizes.reduce((product, size) => product * size, 1);
  const clusters = lists.map((directives, i) => ({
    directives,
    units: i === 0 ? Math.max(1, Math.floor(hardware.pes / inner)) : sizes[i - 1]!,
  }));
  // a depthwise layer has one filter per channel: C is both
  const { N, C, P, Q, R, S, depthwise } = layer;
  const whole: Tile = { N, C, P, Q, R, S, K: depthwise ? 1 : layer.K };
  const cycles = clusterCycles({ row, clusters }, 0, whole);
  if (hardware.offchip_unlimited || hardware.offchip_bw_elements_per_cycle === undefined) return cycles;
  const words = inputWords(whole, layer.stride) + weightWords(whole) + outputWords(whole, depthwise);
  return Math.max(cycles, words / hardware.offchip_bw_elements_per_cycle);
}

/** Time for a cluster's units to go through a tile, from nothing in them to its outputs made. */
function clusterCycles(nest: Nest, level: number, tile: Tile): number {
  const { row, clusters } = nest;
  const cluster = clusters[level];
  if (cluster === undefined) return Math.ceil(products(tile) / row.hardware.simd_lanes);
  const { stride, depthwise } = row.layer;
  const loops = loopsOf(cluster.directives, tile, cluster.units);
  const unit: Tile = { ...tile };
  const held: Tile = { ...tile };
  for (const { dim, size, units } of loops) {
    unit[dim] = size;
    held[dim] = Math.min(tile[dim], size * units);
  }
  const work = clusterCycles(nest, level + 1, unit);
  const arrival = (words: number): number => transferCycles(row, words);
  // the first step: all of the tile that the units hold
  let total = arrival(inputWords(held, stride) + weightWords(held)) + work;
  let before = 1;
  loops.forEach((loop, position) => {
    const steps = before * (loop.steps - 1);
    before *= loop.steps;
    if (steps === 0) return;
    // this loop advances, those inside of it start again
    const moved = [loop.dim, ...loops.slice(position + 1).flatMap(({ dim, steps: n }) => (n > 1 ? [dim] : []))];
    const changes = (dims: readonly DimName[]): boolean => moved.some((dim) => dims.includes(dim));
    const slides = moved.filter((dim) => INPUT_DIMS.includes(dim)).length === 1;
    const inputs = !changes(INPUT_DIMS) ? 0 : slides ? newInputWords(held, loop.dim, stride) : inputWords(held, stride);
    const weights = changes(["K", "C", "R", "S"]) ? weightWords(held) : 0;
    const outputs = changes(depthwise ? ["N", "C", "P", "Q"] : ["N", "K", "P", "Q"]) ? outputWords(held, depthwise) : 0;
    total += steps * Math.max(work, arrival(inputs + weights), arrival(outputs));
  });
  return total;
}

const INPUT_DIMS: readonly DimName[] = ["N", "C", "P", "Q", "R", "S"];

const transferCycles = ({ hardware }: Row, words: number): number =>
  words === 0
    ? 0
    : hardware.noc_hops * hardware.noc_hop_latency_cycles + Math.ceil(words / hardware.noc_bw_elements_per_cycle) - 1;

const products = (tile: Tile): number => DIM_NAMES.reduce((product, dim) => product * tile[dim], 1);
const weightWords = ({ K, C, R, S }: Tile): number => K * C * R * S;
const outputWords = ({ N, K, C, P, Q }: Tile, depthwise: boolean): number => N * (depthwise ? C : K) * P * Q;
const inputWords = ({ N, C, P, Q, R, S }: Tile, stride: number): number =>
  N * C * ((P - 1) * stride + R) * ((Q - 1) * stride + S);

/** Input words that are new when the tile moves on along one dimension: a sliding window keeps its overlap. */
function newInputWords(tile: Tile, dim: DimName, stride: number): number {
  const rows = (tile.P - 1) * stride + tile.R;
  const columns = (tile.Q - 1) * stride + tile.S;
  if (dim === "P") return tile.N * tile.C * Math.min(rows, tile.P * stride) * columns;
  if (dim === "Q") return tile.N * tile.C * rows * Math.min(columns, tile.Q * stride);
  return inputWords(tile, stride);
}

/** Directives as loops. Y and X are input rows and columns: an offset of o moves on by o outputs. Where Y and R are both
 *  spatial, each unit pairs one filter row with one input row of the same output, so only R counts. */
function loopsOf(directives: readonly Directive[], tile: Tile, units: number): Loop[] {
  const isSpatial = (dim: string): boolean => directives.some((one) => one.kind === "spatial" && one.dim === dim);
  return directives.flatMap(({ kind, dim, size, offset }): Loop[] => {
    if ((dim === "Y" && isSpatial("R")) || (dim === "X" && isSpatial("S"))) {
      if (isSpatial(dim)) return [];
    }
    const name = OUTPUT_DIM[dim] ?? (dim as DimName);
    if (!DIM_NAMES.includes(name)) return [];
    const own = Math.min(tile[name], name === "P" || name === "Q" ? offset : size);
    const parts = Math.ceil(tile[name] / own);
    const spread = kind === "spatial" ? Math.min(units, parts) : 1;
    return [{ dim: name, size: own, steps: Math.ceil(parts / spread), units: spread }];
  });
}

const OUTPUT_DIM: Readonly<Record<string, DimName>> = { Y: "P", "Y'": "P", X: "Q", "X'": "Q" };
