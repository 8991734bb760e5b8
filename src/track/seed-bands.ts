// Several runs that differ in nothing but the seed, as one curve: the median over the seeds of the best feasible reward so
// far, and the band between the quartiles. A seed that has found nothing feasible yet counts as worse than any that has.
import { quantile } from "../core/statistics.js";
import { isFeasible, type Trial } from "../core/trial.js";

/** Best feasible reward after each trial; -Infinity before the first feasible one. */
export function bestAfterEach(trials: readonly Trial[]): Float64Array {
  let best = Number.NEGATIVE_INFINITY;
  return Float64Array.from(trials, (trial) => {
    if (isFeasible(trial) && trial.reward > best) best = trial.reward;
    return best;
  });
}

export interface Spread {
  /** undefined where so many seeds have nothing feasible yet that there is no such value */
  readonly median: number | undefined;
  readonly lowQuartile: number | undefined;
  readonly highQuartile: number | undefined;
}

/** Median and quartiles of one value per seed, -Infinity standing for none. */
export function spreadOf(values: readonly number[]): Spread {
  const at = (fraction: number): number | undefined => {
    const value = quantile(values, fraction);
    return Number.isFinite(value) ? value : undefined;
  };
  return { median: at(0.5), lowQuartile: at(0.25), highQuartile: at(0.75) };
}

export interface BandPoint extends Spread {
  /** trials made */
  readonly trialCount: number;
}

/** The curve over the trials that all seeds have, in at most so many points. @param bests one curve per seed */
export function seedBand(bests: readonly Float64Array[], points = 200): BandPoint[] {
  const length = Math.min(...bests.map((best) => best.length));
  if (!Number.isFinite(length) || length === 0) return [];
  const count = Math.min(points, length);
  return Array.from({ length: count }, (_, i) => {
    const trialCount = Math.max(1, Math.round(((i + 1) * length) / count));
    return { trialCount, ...spreadOf(bests.map((best) => best[trialCount - 1]!)) };
  });
}
