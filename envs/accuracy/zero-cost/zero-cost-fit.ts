// From scores to accuracies: scores have no unit, so each is standardised by the networks that were trained, and a straight
// line turns it into ln(error / (1 − error)) on the embedded set. The aggregate is the mean of complementary scores.
import type { ProxyError } from "../estimate.js";
import { kendallTau } from "../rank-statistics.js";
import type { ZeroCostScore } from "./scores.js";

export const AGGREGATED: readonly ZeroCostScore[] = ["synflow", "naswot", "zico"];

export interface ScoreLine {
  /** of the score over the trained networks */
  readonly mean: number;
  readonly deviation: number;
  /** of ln(error / (1 − error)) by the standardised score */
  readonly intercept: number;
  readonly slope: number;
  /** variance of what the line leaves, each network predicted without itself */
  readonly variance: number;
  /** of those predictions; absent in files of version 0.1 */
  readonly error?: ProxyError;
}

export interface ZeroCostFitted {
  readonly lines: Readonly<Record<ZeroCostScore | "aggregate", ScoreLine>>;
  readonly networkCount: number;
}

type Scores = Readonly<Record<ZeroCostScore, number>>;

/** Mean of the standard scores of AGGREGATED: a rank aggregate that one network alone can have. */
export function aggregateOf(
  scores: Scores,
  lines: Readonly<Record<ZeroCostScore, Pick<ScoreLine, "mean" | "deviation">>>,
): number {
  const each = AGGREGATED.map((name) => (scores[name] - lines[name].mean) / lines[name].deviation);
  return each.reduce((sum, value) => sum + value, 0) / each.length;
}

/** @param accuracies fractions strictly between 0 and 1, at least 4 networks
 *  @param protocol one sentence: how the networks were trained */
export function zeroCostFit(
  scores: readonly Scores[],
  accuracies: readonly number[],
  protocol: string,
): { readonly fitted: ZeroCostFitted; aggregate(scores: Scores): number } {
  const names = Object.keys(scores[0]!) as ZeroCostScore[];
  const tauOf = (values: readonly number[]): number => kendallTau(values, accuracies);
  const counts = {
    macsOnlyKendallTau: tauOf(scores.map((each) => each.macs)),
    paramsOnlyKendallTau: tauOf(scores.map((each) => each.params)),
  };
  const lineFor = (values: readonly number[]): ScoreLine => {
    const { leftOut, ...line } = lineOf(values, accuracies);
    const predicted = leftOut.map((logit) => 1 / (1 + Math.exp(logit)));
    const misses = predicted.map((value, i) => Math.abs(value - accuracies[i]!));
    const inside = leftOut.filter(
      (logit, i) => Math.abs(logit - logOddsOfError(accuracies[i]!)) <= 1.645 * Math.sqrt(line.variance),
    );
    const error = {
      meanAbsoluteErrorPoints: (100 * misses.reduce((sum, miss) => sum + miss, 0)) / misses.length,
      kendallTau: tauOf(predicted),
      ...counts,
      coverage90: inside.length / misses.length,
      networkCount: misses.length,
      groupCount: misses.length,
      protocol,
    };
    return { ...line, error };
  };
  const single = Object.fromEntries(names.map((name) => [name, lineFor(scores.map((each) => each[name]))])) as Record<
    ZeroCostScore,
    ScoreLine
  >;
  const aggregate = (each: Scores): number => aggregateOf(each, single);
  const lines = { ...single, aggregate: lineFor(scores.map(aggregate)) };
  return { fitted: { lines, networkCount: scores.length }, aggregate };
}

const logOddsOfError = (accuracy: number): number => Math.log((1 - accuracy) / accuracy);

/** @returns leftOut: ln-odds of the error of each network, by the line through the others */
function lineOf(
  scores: readonly number[],
  accuracies: readonly number[],
): Omit<ScoreLine, "error"> & { readonly leftOut: readonly number[] } {
  const n = scores.length;
  const targets = accuracies.map(logOddsOfError);
  const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const mean = average(scores);
  const deviation = Math.sqrt(average(scores.map((score) => (score - mean) ** 2))) || 1;
  const x = scores.map((score) => (score - mean) / deviation);
  const intercept = average(targets);
  const slope = average(x.map((value, i) => value * (targets[i]! - intercept)));
  // left out one at a time: residual / (1 − leverage), leverage = (1 + x²) / n for a standardised line
  const residuals = x.map((value, i) => (targets[i]! - intercept - slope * value) / (1 - (1 + value * value) / n));
  const variance = average(residuals.map((residual) => residual * residual));
  return { mean, deviation, intercept, slope, variance, leftOut: targets.map((target, i) => target - residuals[i]!) };
}
