// How close the mapper's result at its default budget comes to a search with 100 times that budget, over the distinct layers
// of four networks on five machines, for each objective. A ratio of 1 is the same score; the reference is the best that any
// of the three searches found, so that no ratio is below 1.
import { type Accelerator, loadAccelerator } from "../envs/accelerator/architecture.js";
import { CostModel } from "../envs/accelerator/cost.js";
import { scoreOf } from "../envs/accelerator/explain-mapping.js";
import { DEFAULT_BUDGET, mapProblem, type Objective } from "../envs/accelerator/mapper.js";
import { type Problem, problemKey, problemOf } from "../envs/accelerator/problem.js";
import { loadNetwork } from "../envs/network/network-file.js";

export const QUALITY_NETWORKS = ["mobilenet-v2", "resnet-50", "efficientnet-b0", "vgg-16"] as const;
export const QUALITY_MACHINES = ["nahas-edge", "eyeriss", "gemmini", "nvdla-like", "tpu-like"] as const;
const FACTORS = [1, 10, 100] as const;

export interface DistinctLayer {
  readonly id: string;
  readonly problem: Problem;
}

/** The layers of a network at batch 1 and 8 bits that differ for the mapper, each once. */
export function distinctLayers(network: string, chip: Accelerator): readonly DistinctLayer[] {
  const precision = { weightBits: 8, inputBits: 8, outputBits: 8, partialBits: chip.partialBits };
  const found = new Map<string, DistinctLayer>();
  for (const layer of loadNetwork(network).layers) {
    const problem = problemOf(layer, 1, precision);
    const key = problemKey(problem);
    if (!found.has(key)) found.set(key, { id: layer.id, problem });
  }
  return [...found.values()];
}

export interface Quality {
  readonly network: string;
  readonly machine: string;
  readonly objective: Objective;
  readonly layers: number;
  /** score over the reference's: geometric mean and worst layer, at the default budget, ten and a hundred times it */
  readonly atDefault: Gap;
  readonly atTen: Gap;
  readonly atHundred: Gap;
  /** milliseconds that the search at the default budget took, all layers */
  readonly defaultMs: number;
}

export interface Gap {
  readonly geometricMean: number;
  readonly worst: number;
  readonly worstLayer: string;
  /** of every layer, so that cells can be put together */
  readonly ratios: readonly number[];
}

/** One network on one machine. @throws Error when a layer cannot be mapped */
export function mapperQuality(network: string, machine: string, objective: Objective): Quality {
  const chip = loadAccelerator(machine);
  const model = new CostModel(chip);
  const layers = distinctLayers(network, chip);
  let defaultMs = 0;
  const scores = layers.map(({ id, problem }) =>
    FACTORS.map((factor) => {
      const began = performance.now();
      const found = mapProblem(problem, model, { objective, budget: DEFAULT_BUDGET * factor });
      if (factor === 1) defaultMs += performance.now() - began;
      if (found.kind !== "mapped") throw new Error(`${network} ${id} does not map on ${machine}`);
      return scoreOf(problem, found.mapping, model, objective);
    }),
  );
  const gap = (which: number): Gap => {
    const ratios = scores.map((of) => of[which]! / Math.min(...of));
    const worst = Math.max(...ratios);
    return { geometricMean: geometricMean(ratios), worst, worstLayer: layers[ratios.indexOf(worst)]!.id, ratios };
  };
  return {
    network,
    machine,
    objective,
    layers: layers.length,
    atDefault: gap(0),
    atTen: gap(1),
    atHundred: gap(2),
    defaultMs,
  };
}

/** The layers of several cells as one. */
export function together(cells: readonly Gap[]): Gap {
  const ratios = cells.flatMap((cell) => cell.ratios);
  const worst = cells.reduce((most, cell) => (cell.worst > most.worst ? cell : most));
  return { ...worst, geometricMean: geometricMean(ratios), ratios };
}

export function geometricMean(ratios: readonly number[]): number {
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}
