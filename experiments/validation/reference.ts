// What every adapter of reference data returns, and the statistics over a file. A row is scored by comparisons: the first is
// its main figure, which errors and rank correlation are taken over; the others (counts, energy) must hold too.
import type { z } from "zod";
import { spearman } from "../../envs/accuracy/rank-statistics.js";

/** One figure of the reference against ours. */
export interface Comparison {
  readonly quantity: string;
  readonly reference: number;
  readonly ours: number;
  /** what the row may be wrong by before it is listed as a failure; the adapter's unless stated */
  readonly toleranceFraction?: number;
}

/** A row's comparisons, main figure first; or why it could not be scored. */
export interface RowScore {
  readonly id: string;
  readonly comparisons: readonly Comparison[];
  readonly unscored?: string;
  /** rows that differ in kind within a file, scored together and apart */
  readonly group?: string;
}

/** Reads one format. `rows` are of one file; `siblings` are all rows of the folder, for rows that refer to others. */
export interface Adapter {
  readonly format: string;
  /** what it is compared with, and what differs and why, for the table */
  readonly about: string;
  readonly toleranceFraction: number;
  recognises(row: Readonly<Record<string, unknown>>): boolean;
  /** what a row must have: names what is missing in one that no adapter reads */
  readonly rowSchema?: z.ZodType;
  score(rows: readonly unknown[], siblings: readonly unknown[]): RowScore[];
}

export interface Failure {
  readonly id: string;
  readonly quantity: string;
  readonly reference: number | null;
  readonly ours: number | null;
  /** why, when there is no figure of ours */
  readonly reason?: string;
}

export interface GroupScore {
  readonly rows: number;
  readonly scored: number;
  /** rows of which every figure is within 0.1 % */
  readonly exactShare: number;
  readonly meanAbsErrorFraction: number;
  readonly medianAbsErrorFraction: number;
  readonly worstAbsErrorFraction: number;
  /** of the main figure; null below three rows or when a side is constant */
  readonly spearman: number | null;
}

export interface FileScore extends GroupScore {
  readonly file: string;
  readonly format: string;
  readonly quantity: string;
  readonly failures: readonly Failure[];
  /** the same figures for each kind of row, where a file has several */
  readonly groups: Readonly<Record<string, GroupScore>>;
}

/** Relative error below which a figure counts as exact: what the tools round when they print. */
export const EXACT_FRACTION = 0.001;

/** |ours − reference| / |reference|; 0 for two zeros, 1 for a reference of zero that we miss. */
export function errorFraction({ reference, ours }: Pick<Comparison, "reference" | "ours">): number {
  if (reference === ours) return 0;
  return reference === 0 ? 1 : Math.abs(ours - reference) / Math.abs(reference);
}

/** Statistics over the scored rows of a file. */
export function fileScore(file: string, adapter: Adapter, scores: readonly RowScore[]): FileScore {
  const names = [...new Set(scores.flatMap(({ group }) => (group === undefined ? [] : [group])))];
  const groups = Object.fromEntries(names.map((name) => [name, groupScore(scores.filter((s) => s.group === name))]));
  const failures = scores.flatMap((score): Failure[] => {
    if (score.unscored !== undefined) {
      return [{ id: score.id, quantity: "row", reference: null, ours: null, reason: score.unscored }];
    }
    return score.comparisons
      .filter((one) => !(errorFraction(one) <= (one.toleranceFraction ?? adapter.toleranceFraction)))
      .map(({ quantity, reference, ours }) => ({ id: score.id, quantity, reference, ours }));
  });
  const quantity = scores.find((score) => score.comparisons.length > 0)?.comparisons[0]?.quantity ?? "none";
  return { file, format: adapter.format, quantity, ...groupScore(scores), failures, groups };
}

function groupScore(all: readonly RowScore[]): GroupScore {
  const scores = all.filter((score) => score.unscored === undefined && score.comparisons.length > 0);
  const errors = scores.map((score) => errorFraction(score.comparisons[0]!)).sort((a, b) => a - b);
  const main = (side: "reference" | "ours"): number[] => scores.map((score) => score.comparisons[0]![side]);
  const varies = (values: number[]): boolean => new Set(values).size > 1;
  const exact = scores.filter((score) => score.comparisons.every((one) => errorFraction(one) <= EXACT_FRACTION));
  const middle = errors.length >> 1;
  const share = (part: number): number => (scores.length === 0 ? 0 : part / scores.length);
  return {
    rows: all.length,
    scored: scores.length,
    exactShare: share(exact.length),
    meanAbsErrorFraction: share(errors.reduce((sum, error) => sum + error, 0)),
    medianAbsErrorFraction:
      errors.length === 0 ? 0 : errors.length % 2 === 1 ? errors[middle]! : (errors[middle - 1]! + errors[middle]!) / 2,
    worstAbsErrorFraction: errors[errors.length - 1] ?? 0,
    spearman:
      scores.length >= 3 && varies(main("reference")) && varies(main("ours"))
        ? spearman(main("reference"), main("ours"))
        : null,
  };
}
