// Summaries and comparisons of a few numbers per seed: quantiles, interquartile mean, bootstrap intervals, rank
// correlations. Fronts and hypervolume are in fronts.ts and exported from here, too.
import type { RandomStream } from "./rng.js";

export { type Direction, dominates, hypervolume, paretoFront } from "./fronts.js";

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Value below which `fraction` of the values lie, linear between order statistics at (n - 1) * fraction; NaN of nothing.
 *  @see Hyndman & Fan 1996, The American Statistician 50(4), definition 7 */
export function quantile(values: ArrayLike<number>, fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (position - below) * (high - low);
}

export const median = (values: ArrayLike<number>): number => quantile(values, 0.5);

/** Mean of the values without the floor(n / 4) lowest and highest.
 *  @see Agarwal et al. 2021, arXiv:2108.13264, section 4.2 (the 25 % trimmed mean) */
export function interquartileMean(values: ArrayLike<number>): number {
  const cut = Math.floor(values.length / 4);
  return mean(
    Float64Array.from(values)
      .sort()
      .subarray(cut, values.length - cut),
  );
}

/** A statistic with its interval. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  /** default 0.95 */
  readonly level?: number;
  /** default 10,000 */
  readonly resamples?: number;
}

/** Percentile bootstrap interval of a statistic of independent values, one per seed.
 *  @see Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3 */
export function bootstrapInterval(
  values: ArrayLike<number>,
  statistic: (sample: Float64Array) => number,
  random: RandomStream,
  { level = 0.95, resamples = 10_000 }: BootstrapOptions = {},
): Interval {
  const given = Float64Array.from(values);
  const sample = new Float64Array(given.length);
  const estimates = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < sample.length; i++) sample[i] = given[random.integer(given.length)]!;
    estimates[r] = statistic(sample);
  }
  const tail = (1 - level) / 2;
  return { estimate: statistic(given), low: quantile(estimates, tail), high: quantile(estimates, 1 - tail) };
}

/** Bootstrap interval of a statistic of the differences a[i] - b[i], pairs (same seed) drawn together.
 *  @throws RangeError when the lengths differ */
export function pairedBootstrapInterval(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  statistic: (differences: Float64Array) => number,
  random: RandomStream,
  options: BootstrapOptions = {},
): Interval {
  sameLength(a, b);
  const differences = Float64Array.from(a, (value, i) => value - b[i]!);
  return bootstrapInterval(differences, statistic, random, options);
}

/** Pearson's correlation; NaN when either side is constant. @throws RangeError when the lengths differ */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  sameLength(a, b);
  const [meanA, meanB] = [mean(a), mean(b)];
  let [both, squareA, squareB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [da, db] = [a[i]! - meanA, b[i]! - meanB];
    both += da * db;
    squareA += da * da;
    squareB += db * db;
  }
  return both / Math.sqrt(squareA * squareB);
}

/** Spearman's rank correlation: Pearson's of the ranks, equal values share their mean rank; NaN when a side is constant.
 *  @see Spearman 1904, American Journal of Psychology 15(1) */
export const spearman = (a: ArrayLike<number>, b: ArrayLike<number>): number => pearson(ranks(a), ranks(b));

/** Kendall's tau-b: (concordant - discordant) pairs over the geometric mean of the pairs untied in a and in b.
 *  @see Kendall 1945, Biometrika 33(3) @throws RangeError when the lengths differ */
export function kendallTau(a: ArrayLike<number>, b: ArrayLike<number>): number {
  sameLength(a, b);
  let [score, untiedA, untiedB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [signA, signB] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)];
      score += signA * signB;
      untiedA += signA * signA;
      untiedB += signB * signB;
    }
  }
  return score / Math.sqrt(untiedA * untiedB);
}

/** Ranks from 1; equal values share the mean of their ranks. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (_, i) => i).sort((i, j) => values[i]! - values[j]!);
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let k = start; k < end; k++) result[order[k]!] = (start + 1 + end) / 2;
    start = end;
  }
  return result;
}

function sameLength(a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length !== b.length) throw new RangeError(`${a.length} values against ${b.length}`);
}
