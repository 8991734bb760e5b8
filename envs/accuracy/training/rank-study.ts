// Networks that were trained several times, and how well anything else orders them: what the pages about short training,
// zero-cost scores and the supernet report. Intervals are 95 %, from networks drawn again with replacement.
import { RandomStream } from "../../../src/core/rng.js";
import { bootstrapInterval, type Interval, mean } from "../../../src/core/statistics.js";
import { kendallTau, spearman } from "../rank-statistics.js";
import type { ZeroCostScore } from "../zero-cost/scores.js";

/** One network of such a study. */
export interface TrainedNetwork {
  readonly name: string;
  /** held-out accuracy of trainings that differ in their seed alone, at least two */
  readonly accuracies: readonly number[];
  readonly scores: Readonly<Record<ZeroCostScore, number>>;
}

export interface RankRow {
  readonly name: string;
  readonly kendallTau: Interval;
  readonly spearman: number;
}

export interface Reliability {
  /** order by the first seed against order by the second */
  readonly kendallTau: Interval;
  /** standard deviation between networks, without what the seeds add; points */
  readonly betweenPoints: number;
  /** standard deviation between seeds of one network; points */
  readonly seedPoints: number;
  /** between² / (between² + seed²): the part of what one training shows that is the network's own */
  readonly ownShare: number;
  readonly lowest: number;
  readonly highest: number;
}

const RESAMPLES = 2000;

export const meanAccuracies = (rows: readonly TrainedNetwork[]): number[] => rows.map((row) => mean(row.accuracies));

/** How well `values` order networks of the given accuracies. */
export function rankRow(name: string, values: readonly number[], accuracies: readonly number[]): RankRow {
  return { name, kendallTau: tauInterval(values, accuracies), spearman: spearman(values, accuracies) };
}

/** Kendall's tau-b and its 95 % interval over networks drawn again with replacement. */
export function tauInterval(a: readonly number[], b: readonly number[]): Interval {
  const tauOf = (rows: ArrayLike<number>): number =>
    kendallTau(
      Array.from(rows, (row) => a[row]!),
      Array.from(rows, (row) => b[row]!),
    );
  const all = a.map((_, i) => i);
  return bootstrapInterval(all, tauOf, RandomStream.of(1, "rank-study"), { resamples: RESAMPLES });
}

/** Variance components of a one-way layout (Fisher 1925, intraclass correlation). */
export function reliabilityOf(rows: readonly TrainedNetwork[]): Reliability {
  const seeds = rows[0]!.accuracies.length;
  const means = meanAccuracies(rows);
  const variance = (values: readonly number[]): number => {
    const middle = mean(values);
    return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
  };
  const ofSeeds = mean(rows.map((row) => variance(row.accuracies)));
  const between = Math.max(0, variance(means) - ofSeeds / seeds);
  return {
    kendallTau: tauInterval(
      rows.map((row) => row.accuracies[0]!),
      rows.map((row) => row.accuracies[1]!),
    ),
    betweenPoints: 100 * Math.sqrt(between),
    seedPoints: 100 * Math.sqrt(ofSeeds),
    ownShare: between / (between + ofSeeds),
    lowest: Math.min(...means),
    highest: Math.max(...means),
  };
}

export const rankTable = (rows: readonly RankRow[]): string[] => [
  "| predictor | Kendall tau (95 %) | Spearman |",
  "|---|---|---|",
  ...rows.map((row) => `| ${row.name} | ${intervalText(row.kendallTau)} | ${row.spearman.toFixed(3)} |`),
];

export const intervalText = ({ estimate, low, high }: Interval): string =>
  `${estimate.toFixed(3)} (${low.toFixed(2)} to ${high.toFixed(2)})`;

/** What the reliability says, as sentences of a page. */
export function reliabilityText(rows: readonly TrainedNetwork[]): string {
  const { kendallTau: tau, betweenPoints, seedPoints, ownShare, lowest, highest } = reliabilityOf(rows);
  const percent = (value: number): string => (100 * value).toFixed(1);
  return (
    `Held-out accuracy ${percent(lowest)} to ${percent(highest)} %. Two trainings with different seeds agree on the order with ` +
    `Kendall tau ${intervalText(tau)}. Standard deviation between networks ${betweenPoints.toFixed(1)} points, between seeds of ` +
    `one network ${seedPoints.toFixed(1)}: ${percent(ownShare)} % of the variance of one training is the network's own.`
  );
}
