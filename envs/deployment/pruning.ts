// Pruning as a deployment choice. Unstructured and N:M pattern pruning leave the layers as they are and store fewer weights;
// channel pruning makes every layer narrower, so that any machine gains. What each costs in accuracy: envs/accuracy/pruning.ts.
import { z } from "zod";
import type { Density } from "../accelerator/zeros.js";
import type { Layer, Network } from "../network/ir.js";

export const PRUNING_KINDS = ["none", "unstructured", "pattern", "channel"] as const;
export type PruningKind = (typeof PRUNING_KINDS)[number];

export const pruningSchema = z
  .strictObject({
    kind: z
      .enum(PRUNING_KINDS)
      .describe("unstructured: any weights; pattern: N of every M weights; channel: whole channels of every layer"),
    sparsity: z
      .number()
      .min(0)
      .max(0.95)
      .describe("share that is removed: of the weights, or of every layer's channels"),
  })
  .refine(({ kind, sparsity }) => kind !== "none" || sparsity === 0, "sparsity must be 0 where nothing is pruned");

export type Pruning = z.output<typeof pruningSchema>;
export const NO_PRUNING: Pruning = { kind: "none", sparsity: 0 };

/** Bits of a map that tells which weights are kept, per weight of the layer (NVDLA's compressed weights: one bit each). */
const MASK_BITS = 1;
/** Bits of an index per weight that is kept (2:4 patterns: two bits; Mishra et al. 2021, arXiv:2104.08378). */
const PATTERN_INDEX_BITS = 2;

/** Mean bits that one weight of the layer takes in DRAM and in every buffer; a weight is never stored in more than its own. */
export function storedWeightBits(weightBits: number, { kind, sparsity }: Pruning = NO_PRUNING): number {
  const kept = 1 - sparsity;
  if (kind === "unstructured") return Math.min(weightBits, kept * weightBits + MASK_BITS);
  if (kind === "pattern") return Math.min(weightBits, kept * (weightBits + PATTERN_INDEX_BITS));
  return weightBits;
}

/** Share of a layer's weights that are not zero, and whether the zeros keep to a pattern of N in every M. Pruned channels are
 *  gone, not zero. */
export function weightDensity({ kind, sparsity }: Pruning = NO_PRUNING): Pick<Density, "weights" | "hasPattern"> {
  const isSparse = kind === "unstructured" || kind === "pattern";
  return { weights: isSparse ? 1 - sparsity : 1, hasPattern: kind === "pattern" };
}

/** The network that runs on the chip. Channel pruning narrows every layer but the network's input and its result; counts follow. */
export function prunedNetwork(network: Network, { kind, sparsity }: Pruning = NO_PRUNING): Network {
  if (kind !== "channel" || sparsity === 0) return network;
  const unit = groupUnit(network.layers);
  const narrow = (channels: number): number => {
    const step = channels % unit === 0 ? unit : 1;
    return Math.max(1, Math.round((channels * (1 - sparsity)) / step)) * step;
  };
  const layers: Layer[] = [];
  for (const [i, layer] of network.layers.entries()) {
    const C = narrowedInput(layer, network, layers, narrow);
    const copiesInput = layer.kind !== "conv" && layer.kind !== "fully-connected" && layer.kind !== "matmul";
    const K = copiesInput ? C : i === network.layers.length - 1 ? layer.K : narrow(layer.K);
    const G = copiesInput && layer.G === layer.K ? K : layer.G;
    const share = (K / layer.K) * (C / layer.C) * (layer.G / G);
    const weightCount = Math.round(layer.weightCount * share);
    const perChannel = (layer.paramCount - layer.weightCount) * (K / layer.K);
    layers.push({
      ...layer,
      K,
      C,
      G,
      macCount: Math.round(layer.macCount * share),
      weightCount,
      paramCount: weightCount + Math.round(perChannel),
    });
  }
  const sum = (of: (layer: Layer) => number): number => layers.reduce((total, layer) => total + of(layer), 0);
  return { ...network, layers, macCount: sum((layer) => layer.macCount), paramCount: sum((layer) => layer.paramCount) };
}

/** Channels must stay a multiple of every number of groups (of grouped convolutions and of attention heads). */
function groupUnit(layers: readonly Layer[]): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  return layers.reduce(
    (unit, { kind, G }) => (kind === "conv" || kind === "matmul" ? (unit * G) / gcd(unit, G) : unit),
    1,
  );
}

/** Input channels after pruning: what the producers make now, where the old count can be told from theirs. */
function narrowedInput(
  layer: Layer,
  network: Network,
  narrowed: readonly Layer[],
  narrow: (channels: number) => number,
): number {
  const producers = layer.inputs.map((at) => ({
    before: at < 0 ? network.input.channels : network.layers[at]!.K,
    now: at < 0 ? network.input.channels : narrowed[at]!.K,
  }));
  const total = producers.reduce((sum, { before }) => sum + before, 0);
  const isJoined = layer.kind === "conv" || layer.kind === "fully-connected" || layer.kind === "depthwise";
  if (isJoined && producers.length > 1 && layer.C === total) return producers.reduce((sum, { now }) => sum + now, 0);
  // a fully connected layer after a map sees every pixel of every channel
  const [first] = producers;
  if (first !== undefined && layer.C % first.before === 0) return first.now * (layer.C / first.before);
  return narrow(layer.C);
}
