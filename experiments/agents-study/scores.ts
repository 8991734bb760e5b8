// From runs to scores that can be compared between tasks, and from scores to what may be claimed: interquartile means with
// stratified bootstrap intervals, performance profiles, probability of improvement.
// Paper: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", arXiv:2108.13264.
import type { RandomStream } from "../../src/core/rng.js";
import { type Interval, interquartileMean, quantile } from "../../src/core/statistics.js";

/** 0 is `base`, 1 is `top`; nothing feasible yet counts as 0. @param top above base */
export function normalisedScore(best: number | null | undefined, base: number, top: number): number {
  if (best === null || best === undefined || !(top > base)) return 0;
  return Math.min(1, Math.max(0, (best - base) / (top - base)));
}

/** Interquartile mean over all runs of all tasks, seeds drawn again within each task.
 *  @param tasks per task the scores of its seeds  @see Agarwal et al. 2021, section 4.1 (stratified bootstrap) */
export function stratifiedInterval(
  tasks: readonly (readonly number[])[],
  random: RandomStream,
  resamples = 2000,
  level = 0.95,
): Interval {
  const all = tasks.flat();
  const sample = new Float64Array(all.length);
  const estimates = Float64Array.from({ length: resamples }, () => {
    let at = 0;
    for (const scores of tasks) for (const _ of scores) sample[at++] = scores[random.integer(scores.length)]!;
    return interquartileMean(sample);
  });
  const tail = (1 - level) / 2;
  return { estimate: interquartileMean(all), low: quantile(estimates, tail), high: quantile(estimates, 1 - tail) };
}

/** Share of runs whose score is above each threshold, every task with the same weight.
 *  @see Agarwal et al. 2021, section 4.2 (performance profiles: score distributions) */
export function performanceProfile(tasks: readonly (readonly number[])[], thresholds: readonly number[]): number[] {
  return thresholds.map((threshold) => {
    const shares = tasks.map((scores) => scores.filter((score) => score > threshold).length / scores.length);
    return shares.reduce((sum, share) => sum + share, 0) / shares.length;
  });
}

/** Probability that a run of the one is better than a run of the other on the same task, ties counted half, mean over the tasks.
 *  @see Agarwal et al. 2021, section 4.3 */
export function probabilityOfImprovement(
  ours: readonly (readonly number[])[],
  theirs: readonly (readonly number[])[],
): number {
  const perTask = ours.map((scores, t) => {
    let wins = 0;
    for (const a of scores) for (const b of theirs[t]!) wins += a > b ? 1 : a === b ? 0.5 : 0;
    return wins / (scores.length * theirs[t]!.length);
  });
  return perTask.reduce((sum, p) => sum + p, 0) / perTask.length;
}

/** What two intervals allow to be said of the first. */
export function verdict(ours: Interval, theirs: Interval): "better" | "worse" | "not told apart" {
  if (ours.low > theirs.high) return "better";
  return ours.high < theirs.low ? "worse" : "not told apart";
}
