// From scores to accuracies: scores have no unit, so each is standardised by the networks that were trained, and a straight
// line turns it into ln(error / (1 − error)) on the embedded set. The aggregate is the mean of complementary scores.
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

/** @param accuracies fractions strictly between 0 and 1, at least 4 networks */
export function zeroCostFit(
  scores: readonly Scores[],
  accuracies: readonly number[],
): { readonly fitted: ZeroCostFitted; aggregate(scores: Scores): number } {
  const logits = accuracies.map((accuracy) => Math.log((1 - accuracy) / accuracy));
  const names = Object.keys(scores[0]!) as ZeroCostScore[];
  const single = Object.fromEntries(
    names.map((name) => [
      name,
      lineOf(
        scores.map((each) => each[name]),
        logits,
      ),
    ]),
  ) as Record<ZeroCostScore, ScoreLine>;
  const aggregate = (each: Scores): number => aggregateOf(each, single);
  const lines = { ...single, aggregate: lineOf(scores.map(aggregate), logits) };
  return { fitted: { lines, networkCount: scores.length }, aggregate };
}

function lineOf(scores: readonly number[], targets: readonly number[]): ScoreLine {
  const n = scores.length;
  const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const mean = average(scores);
  const deviation = Math.sqrt(average(scores.map((score) => (score - mean) ** 2))) || 1;
  const x = scores.map((score) => (score - mean) / deviation);
  const intercept = average(targets);
  const slope = average(x.map((value, i) => value * (targets[i]! - intercept)));
  // left out one at a time: residual / (1 − leverage), leverage = (1 + x²) / n for a standardised line
  const residuals = x.map((value, i) => (targets[i]! - intercept - slope * value) / (1 - (1 + value * value) / n));
  return { mean, deviation, intercept, slope, variance: average(residuals.map((residual) => residual * residual)) };
}
