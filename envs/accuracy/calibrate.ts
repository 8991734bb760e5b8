// Holds a proxy against a table: how well it orders the networks, how far its level is off, and how often its interval holds
// the truth, always beside what the MAC count and the parameter count say alone.
import type { AccuracyEstimate, AccuracyProxy } from "./estimate.js";
import { NoEstimate } from "./no-estimate.js";
import { raisedError } from "./quantization.js";
import { kendallTau, spearman } from "./rank-statistics.js";
import { type AccuracyTable, FLOAT, type TableRow } from "./tables/table.js";

/** Of a quantisation pair both numbers are drops of top-1, else top-1 itself; fractions. */
export interface CalibrationPoint {
  readonly id: string;
  readonly measured: number;
  readonly estimate: number;
  readonly standardError: number;
}

export interface RankScore {
  /** null where every row has the same count */
  readonly kendallTau: number | null;
  readonly spearman: number | null;
}

export interface Calibration {
  readonly format: string;
  /** what is compared */
  readonly quantity: "top-1" | "drop of top-1";
  readonly rows: number;
  readonly scored: number;
  readonly kendallTau: number;
  readonly spearman: number;
  readonly meanAbsErrorPoints: number;
  /** mean of estimate − measured, points */
  readonly biasPoints: number;
  /** mean absolute error once the bias is taken off, for tables of another training schedule */
  readonly meanAbsErrorWithoutBiasPoints: number;
  /** share of rows inside estimate ± 1.645 standard errors */
  readonly coverage90: number;
  readonly macsOnly: RankScore;
  readonly paramsOnly: RankScore;
  readonly points: readonly CalibrationPoint[];
}

/** @returns figures of the rows that have a network and that the proxy answers; all zero when there is none */
export async function calibrate(proxy: AccuracyProxy, table: AccuracyTable): Promise<Calibration> {
  const points: CalibrationPoint[] = [];
  const scoredRows: TableRow[] = [];
  for (const row of table.rows) {
    const point = row.network === undefined ? undefined : await pointOf(proxy, row);
    if (point === undefined) continue;
    points.push(point);
    scoredRows.push(row);
  }
  const estimates = points.map((point) => point.estimate);
  const measured = points.map((point) => point.measured);
  const isPairs = table.format === "quantization-pairs";
  const misses = points.map((point) => 100 * (point.estimate - point.measured));
  const bias = mean(misses);
  const inside = points.filter((point) => Math.abs(point.estimate - point.measured) <= 1.645 * point.standardError);
  return {
    format: table.format,
    quantity: isPairs ? "drop of top-1" : "top-1",
    rows: table.rows.length,
    scored: points.length,
    kendallTau: kendallTau(estimates, measured),
    spearman: points.length === 0 ? 0 : spearman(estimates, measured),
    meanAbsErrorPoints: mean(misses.map(Math.abs)),
    biasPoints: bias,
    meanAbsErrorWithoutBiasPoints: mean(misses.map((miss) => Math.abs(miss - bias))),
    coverage90: points.length === 0 ? 0 : inside.length / points.length,
    // a family's representative says nothing of the size of the network that lost its bits
    macsOnly: rankScore(isPairs ? [] : scoredRows.map((row) => row.network!.macCount), measured),
    paramsOnly: rankScore(isPairs ? [] : scoredRows.map((row) => row.network!.paramCount), measured),
    points,
  };
}

async function pointOf(proxy: AccuracyProxy, row: TableRow): Promise<CalibrationPoint | undefined> {
  const network = row.network!;
  const context = { ...row.context, candidate: row.knobs };
  try {
    const answer = await proxy.estimate(network, row.deployment, context);
    if (row.floatAccuracy === undefined) return pointFrom(row, row.accuracy, answer.estimate, answer.standardError);
    const float = await proxy.estimate(network, FLOAT, context);
    const rise = riseBetween(float, answer);
    const before = 1 - row.floatAccuracy;
    const drop = raisedError(before, rise) - before;
    const spread = Math.sqrt(Math.max(0, answer.standardError ** 2 - float.standardError ** 2));
    return pointFrom(row, row.floatAccuracy - row.accuracy, drop, spread);
  } catch (error) {
    if (error instanceof NoEstimate) return undefined;
    throw error;
  }
}

const pointFrom = (row: TableRow, measured: number, estimate: number, standardError: number): CalibrationPoint => ({
  id: row.id,
  measured,
  estimate,
  standardError,
});

/** The rise of ln(error) that a proxy sees in fewer bits; the inverse of `raisedError`. */
function riseBetween(float: AccuracyEstimate, fewerBits: AccuracyEstimate): number {
  const logOdds = (accuracy: number): number => Math.log((1 - accuracy) / accuracy);
  return (logOdds(fewerBits.estimate) - logOdds(float.estimate)) * float.estimate;
}

function rankScore(counts: readonly number[], measured: readonly number[]): RankScore {
  if (new Set(counts).size < 2) return { kendallTau: null, spearman: null };
  return { kendallTau: kendallTau(counts, measured), spearman: spearman(counts, measured) };
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
