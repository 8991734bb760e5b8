// From the trials of a batch to advantages: how much better than expected each candidate was. Plain arrays, shape [count].
import { isFeasible, type Trial, violationOf } from "../../src/core/trial.js";

/** Compares trials for ranking, best first: feasible ones before the others, then the higher reward; among infeasible
 *  ones the smaller violation. 0 for equals. */
export function compareTrials(a: Trial, b: Trial): number {
  if (isFeasible(a) !== isFeasible(b)) return isFeasible(a) ? -1 : 1;
  return isFeasible(a) ? b.reward - a.reward : violationOf(a.infeasible) - violationOf(b.infeasible);
}

/** Centred ranks, scaled to unit variance: the best of n gets the most, equals share the mean of their ranks; all zero
 *  when all are equal. Only the order counts, so neither outliers nor the reward's scale move the policy.
 *  @see Salimans et al. 2017, arXiv:1703.03864, section 2 (fitness shaping), after Wierstra et al. 2014, JMLR 15 */
export function rankAdvantages<T>(items: readonly T[], compare: (a: T, b: T) => number): Float64Array {
  const order = items.map((_, i) => i).sort((i, j) => compare(items[i]!, items[j]!) || i - j);
  const ranks = new Float64Array(items.length);
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1;
    while (end < order.length && compare(items[order[begin]!]!, items[order[end]!]!) === 0) end++;
    const shared = (items.length - 1) / 2 - (begin + end - 1) / 2;
    for (let k = begin; k < end; k++) ranks[order[k]!] = shared;
    begin = end;
  }
  return normalisedAdvantages(ranks);
}

/** r_i minus the mean of the other rewards; zero for a single one.
 *  @see Kool et al. 2019, "Buy 4 REINFORCE samples, get a baseline for free!" */
export function leaveOneOutAdvantages(rewards: ArrayLike<number>): Float64Array {
  const total = Array.prototype.reduce.call(rewards, (sum, r) => (sum as number) + (r as number), 0) as number;
  return Float64Array.from(rewards, (reward) =>
    rewards.length < 2 ? 0 : reward - (total - reward) / (rewards.length - 1),
  );
}

/** r_i - baseline. @see Williams 1992, Machine Learning 8, section 4 (reinforcement comparison) */
export function baselineAdvantages(rewards: ArrayLike<number>, baseline: number): Float64Array {
  return Float64Array.from(rewards, (reward) => reward - baseline);
}

/** The moving average after a batch with the given mean: decay * before + (1 - decay) * mean; the mean itself at first. */
export function movingAverage(before: number | null, mean: number, decay: number): number {
  return before === null ? mean : decay * before + (1 - decay) * mean;
}

/** Centred and divided by the standard deviation (population); zeros when there is no spread. */
export function normalisedAdvantages(advantages: ArrayLike<number>): Float64Array {
  const count = advantages.length;
  const values = Float64Array.from(advantages);
  const mean = values.reduce((sum, a) => sum + a, 0) / Math.max(1, count);
  const deviation = Math.sqrt(values.reduce((sum, a) => sum + (a - mean) ** 2, 0) / Math.max(1, count));
  const magnitude = values.reduce((most, a) => Math.max(most, Math.abs(a)), 0);
  return values.map((a) => (deviation <= 1e-12 * magnitude || deviation === 0 ? 0 : (a - mean) / deviation));
}
