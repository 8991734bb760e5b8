// The report as Markdown, for a pull request or a note: the winner against the reference, the runs, the front.
import { bestOfRuns, factsOf, figuresOf, frontOfRuns, type ReportData, thinned } from "./report-data.js";
import { compareDesigns, describeCandidate, describeReference, formatMetric, metricLabel } from "./words.js";

const FRONT_ROWS = 12;

export function reportMarkdown(data: ReportData): string {
  return [
    `# ${data.studyName}`,
    data.description,
    winnerPart(data),
    runsPart(data),
    frontPart(data),
    searchedPart(data),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");
}

function winnerPart({ winner, runs }: ReportData): string {
  if (winner === undefined) {
    const best = bestOfRuns(runs);
    if (best === undefined) return "## Winner\n\nNo trial is feasible.";
    const origin = `Trial ${best.trial.trial} of ${best.run.runId}, reward ${best.trial.reward.toFixed(4)}.`;
    return `## Winner\n\n${origin}\n\n${table(["", "value"], factsOf(best.trial))}`;
  }
  const { trial, run, design, reference } = winner;
  const rows = compareDesigns(design, reference).map((item) => [item.label, item.winner, item.reference, item.verdict]);
  const knobs = describeCandidate(trial.candidate).map(({ group, text }) => `- ${group}: ${text}`);
  return [
    `## Winner\n\nTrial ${trial.trial} of ${run.runId}, reward ${trial.reward.toFixed(4)}, against ${describeReference(reference)}.`,
    table(["", "winner", "reference", "verdict"], rows),
    knobs.join("\n"),
  ].join("\n\n");
}

function runsPart(data: ReportData): string {
  const rows = data.runs.map((run) => {
    const { trialCount, feasibleCount, bestReward, frontSize } = figuresOf(run, data.axes);
    const best = bestReward?.toFixed(4) ?? "–";
    return [run.runId, run.agentName, run.seed, trialCount, feasibleCount, best, frontSize].map(String);
  });
  return `## Runs\n\n${table(["run", "agent", "seed", "trials", "feasible", "best feasible reward", "front"], rows)}`;
}

function frontPart(data: ReportData): string {
  const front = frontOfRuns(data);
  if (front.length === 0) return "";
  const rows = thinned(front, FRONT_ROWS).map((trial) => [
    String(trial.trial),
    ...data.axes.map(({ metric }) => formatMetric(metric, trial.metrics?.[metric] ?? Number.NaN)),
    trial.reward.toFixed(4),
  ]);
  const header = ["trial", ...data.axes.map(({ metric }) => metricLabel(metric)), "reward"];
  return `## Pareto front\n\n${front.length} designs${front.length > rows.length ? `, ${rows.length} of them here` : ""}.\n\n${table(header, rows)}`;
}

function searchedPart({ searched, reproduce }: ReportData): string {
  const items = searched.map(([term, text]) => `- ${term}: ${text}`).join("\n");
  return `## What was searched\n\n${items}\n\n## Make it again\n\n\`\`\`sh\n${reproduce}\n\`\`\``;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replace(/\|/g, "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}
