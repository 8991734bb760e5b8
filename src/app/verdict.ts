// How a run ends, in plain words: the winner, how it compares with the reference, the Pareto front, where everything is.
import type { Axis } from "../core/pareto.js";
import { paretoFront } from "../core/pareto.js";
import type { Trial } from "../core/trial.js";
import type { RunSummary } from "../study/events.js";
import type { DesignDocument } from "../track/design-document.js";
import {
  compareDesigns,
  describeCandidate,
  describeReference,
  formatCount,
  formatMetric,
  metricLabel,
} from "../track/words.js";
import { type Paint, table } from "./terminal.js";

export interface Designs {
  readonly winner: DesignDocument;
  readonly reference: DesignDocument;
}

const FRONT_ROWS = 12;

/** The text that a run prints on stdout. @param designs undefined when no design was feasible */
export function verdict(
  summary: RunSummary,
  trials: Iterable<Trial>,
  axes: readonly Axis[],
  designs: Designs | undefined,
  paint: Paint,
): string {
  return [
    header(summary) + boundText(trials, paint),
    designs === undefined ? withoutDesign(summary, trials, paint) : winnerOf(summary, designs, paint),
    frontText(trials, axes, paint),
    `${paint.bold("Run folder")}  ${summary.runFolder}\n  cosearch report ${summary.runFolder}\n`,
  ].join("\n");
}

function header({ trialCount, feasibleCount, cacheHitCount, wallSeconds, status }: RunSummary): string {
  const ended = status === "exhausted" ? "; the agent had no candidate left" : "";
  return `${trialCount} trials, ${feasibleCount} feasible, ${cacheHitCount} seen before, ${wallSeconds.toFixed(1)} s${ended}\n`;
}

/** Results below a physical bound are defects of the cost model: never an answer, and never hidden. */
function boundText(trials: Iterable<Trial>, paint: Paint): string {
  let first: Trial | undefined;
  let count = 0;
  for (const trial of trials) {
    if (trial.infeasible?.code !== "bound") continue;
    first ??= trial;
    count++;
  }
  if (first === undefined) return "";
  return `${paint.yellow("Rejected")}  ${count} results that no machine can reach, first in trial ${first.trial}: ${first.infeasible?.reason}\n`;
}

const winnerOf = ({ best }: RunSummary, designs: Designs, paint: Paint): string =>
  best === null ? "" : winnerText(best, designs, paint);

/** The winning trial, its design in words, and how it stands to the reference. */
export function winnerText(
  best: Pick<Trial, "trial" | "reward" | "candidate">,
  { winner, reference }: Designs,
  paint: Paint,
): string {
  const { macCount, paramCount } = winner.network;
  const lines = describeCandidate(best.candidate).map(({ group, text }) => `  ${group.padEnd(11)}  ${text}`);
  const rows = compareDesigns(winner, reference).map((item) => [item.label, item.winner, item.reference, item.verdict]);
  return [
    `${paint.bold("Winner")}  trial ${best.trial}, reward ${best.reward.toFixed(4)}`,
    ...lines,
    `  ${formatCount(macCount)} MACs, ${formatCount(paramCount)} parameters`,
    "",
    `${paint.bold("Against")}  ${describeReference(reference)}`,
    table(["", "winner", "reference", "verdict"], rows),
  ].join("\n");
}

/** A study whose candidates are no designs (a table), or one without a feasible trial. */
function withoutDesign({ best }: RunSummary, trials: Iterable<Trial>, paint: Paint): string {
  if (!best?.feasible) return nothingFeasible(trials, paint);
  const metrics = Object.entries(best.metrics ?? {}).map(([name, value]) => `${name} ${Number(value.toPrecision(6))}`);
  const knobs = Object.entries(best.candidate).map(([name, value]) => `${name}=${value}`);
  return [
    `${paint.bold("Winner")}  trial ${best.trial}, reward ${best.reward.toFixed(4)}`,
    `  ${metrics.join(", ")}`,
    `  ${knobs.join(" ")}\n`,
  ].join("\n");
}

function nothingFeasible(trials: Iterable<Trial>, paint: Paint): string {
  const reasons = new Map<string, number>();
  for (const { infeasible } of trials) {
    if (infeasible === undefined) continue;
    const subjects = infeasible.violations.map((violation) => violation.subject).join(", ");
    const reason = subjects === "" ? infeasible.code : `${infeasible.code}: ${subjects}`;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const common = [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 5);
  const rows = common.map(([reason, count]) => [reason, String(count)]);
  const advice = "Raise the limits, or run more trials.";
  return `${paint.yellow("No feasible design was found.")} ${advice}\n${table(["reason", "trials"], rows)}`;
}

/** The front as a table, at most a dozen designs. */
export function frontText(trials: Iterable<Trial>, axes: readonly Axis[], paint: Paint): string {
  const front = paretoFront(trials, axes);
  if (front.length === 0) return "";
  const title = axes.map(({ metric, sense }) => `${sense === "minimise" ? "low" : "high"} ${metricLabel(metric)}`);
  const shown = spread(front, FRONT_ROWS);
  const rows = shown.map((trial) => [
    String(trial.trial),
    ...axes.map(({ metric }) => formatMetric(metric, trial.metrics?.[metric] ?? Number.NaN)),
    trial.reward.toFixed(4),
  ]);
  const left = front.length > shown.length ? `  ${front.length - shown.length} more are in the report\n` : "";
  return `${paint.bold("Pareto front")}  ${front.length} designs: ${title.join(", ")}\n${table(
    ["trial", ...axes.map(({ metric }) => metricLabel(metric)), "reward"],
    rows,
  )}${left}`;
}

/** At most `count` items, evenly spread, both ends among them. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))] as T);
}
