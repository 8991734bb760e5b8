// What one short training says about another of the same network with another seed: the error of the proxy that trains.

import type { ProxyError } from "../estimate.js";
import { kendallTau } from "../rank-statistics.js";
import type { TrainedNetwork } from "./rank-study.js";

export interface SeedFit {
  /** standard deviation of ln(error) between two seeds of one network, of one training each */
  readonly logErrorDeviation: number;
  readonly error: ProxyError;
}

/** @param rows networks trained with at least two seeds; the first is taken as the estimate of the second
 *  @param protocol one sentence: how they were trained */
export function seedFit(rows: readonly TrainedNetwork[], protocol: string): SeedFit {
  const [first, second] = [0, 1].map((seed) => rows.map((row) => row.accuracies[seed]!)) as [number[], number[]];
  const steps = first.map((accuracy, i) => Math.log((1 - accuracy) / (1 - second[i]!)));
  const variance = steps.reduce((sum, step) => sum + step ** 2, 0) / (2 * steps.length); // a difference has twice the variance
  const inside = steps.filter((step) => Math.abs(step) <= 1.645 * Math.sqrt(2 * variance));
  const misses = first.map((accuracy, i) => Math.abs(accuracy - second[i]!));
  return {
    logErrorDeviation: Math.sqrt(variance),
    error: {
      meanAbsoluteErrorPoints: (100 * misses.reduce((sum, miss) => sum + miss, 0)) / misses.length,
      kendallTau: kendallTau(first, second),
      macsOnlyKendallTau: kendallTau(
        rows.map((row) => row.scores.macs),
        second,
      ),
      paramsOnlyKendallTau: kendallTau(
        rows.map((row) => row.scores.params),
        second,
      ),
      coverage90: inside.length / steps.length,
      networkCount: rows.length,
      groupCount: rows.length,
      protocol,
    },
  };
}
