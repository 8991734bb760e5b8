// Trials as a table: one row each, one column for each knob and each metric, for spreadsheets, data frames and databases.
// What a trial lacks (a knob that does not count there, metrics of a design that cannot be built) is null.
import type { SpaceData } from "../core/space.js";
import { isFeasible, type KnobValue, type Trial } from "../core/trial.js";

export type CellType = "whole" | "number" | "text" | "boolean";
export type Cell = KnobValue | null;

export interface Column {
  readonly name: string;
  readonly type: CellType;
  read(trial: Trial): Cell;
}

/** The columns for a run: trial, reward, feasible, why not, the knobs in the space's order, the metrics.
 *  @param metricNames of the trials, see metricNamesOf */
export function trialColumns(space: SpaceData, metricNames: readonly string[]): Column[] {
  return [
    { name: "trial", type: "whole", read: ({ trial }) => trial },
    { name: "reward", type: "number", read: ({ reward }) => reward },
    { name: "feasible", type: "boolean", read: isFeasible },
    { name: "infeasible_code", type: "text", read: ({ infeasible }) => infeasible?.code ?? null },
    { name: "infeasible_reason", type: "text", read: ({ infeasible }) => infeasible?.reason ?? null },
    ...space.knobs.map(({ name, values }): Column => {
      const type = typeOf(values);
      return {
        name,
        type,
        read: ({ candidate }) => {
          const value = candidate[name];
          if (value === undefined) return null;
          return type === "text" ? String(value) : value;
        },
      };
    }),
    ...metricNames.map((name): Column => ({ name, type: "number", read: ({ metrics }) => metrics?.[name] ?? null })),
  ];
}

/** Names of all metrics that occur, in the order of their first appearance. */
export function metricNamesOf(trials: Iterable<Trial>): string[] {
  const names = new Set<string>();
  for (const { metrics } of trials) if (metrics !== undefined) for (const name in metrics) names.add(name);
  return [...names];
}

/** Values of different kinds are shown as text. */
function typeOf(values: readonly KnobValue[]): CellType {
  if (values.every((value) => typeof value === "number")) return "number";
  return values.every((value) => typeof value === "boolean") ? "boolean" : "text";
}

/** The table as CSV (RFC 4180, lines end with \n), a header and one line a trial. */
export function* csvLines(columns: readonly Column[], trials: Iterable<Trial>): Generator<string> {
  yield `${columns.map(({ name }) => csvCell(name)).join(",")}\n`;
  for (const trial of trials) yield `${columns.map(({ read }) => csvCell(read(trial))).join(",")}\n`;
}

/** A cell of CSV: quoted where it has to be, empty for null. */
export function csvCell(value: Cell): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The table as JSON lines, one flat object a trial. */
export function* jsonLines(columns: readonly Column[], trials: Iterable<Trial>): Generator<string> {
  for (const trial of trials) yield `${JSON.stringify(rowOf(columns, trial))}\n`;
}

/** Column name -> cell. */
export const rowOf = (columns: readonly Column[], trial: Trial): Record<string, Cell> =>
  Object.fromEntries(columns.map(({ name, read }) => [name, read(trial)]));
