// The report as CSV: the designs of the front over all runs, the winner marked, with every knob and metric. All trials of
// one run: `cosearch export-trials`.
import type { KnobValue } from "../core/trial.js";
import { bestOfRuns, frontOfRuns, type ReportData } from "./report-data.js";
import { csvCell } from "./trial-table.js";

export function reportCsv(data: ReportData): string {
  const front = frontOfRuns(data);
  const runOf = new Map(data.runs.flatMap((run) => run.trials.map((trial) => [trial, run] as const)));
  const winner = bestOfRuns(data.runs)?.trial;
  const designs = winner === undefined || front.includes(winner) ? front : [winner, ...front];
  const knobs = [...new Set(designs.flatMap(({ candidate }) => Object.keys(candidate)))];
  const metrics = [...new Set(designs.flatMap((trial) => Object.keys(trial.metrics ?? {})))];
  const line = (cells: readonly (KnobValue | null)[]): string => `${cells.map(csvCell).join(",")}\n`;
  const rows = designs.map((trial) =>
    line([
      runOf.get(trial)?.runId ?? "",
      trial.trial,
      trial === winner,
      front.includes(trial),
      trial.reward,
      ...metrics.map((name) => trial.metrics?.[name] ?? null),
      ...knobs.map((name) => trial.candidate[name] ?? null),
    ]),
  );
  return line(["run", "trial", "winner", "on_front", "reward", ...metrics, ...knobs]) + rows.join("");
}
