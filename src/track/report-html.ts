// The report as one HTML file: no script, no request, readable in light and dark and on paper.
// Everything that comes from a run folder is escaped; charts are SVG drawn by report-charts.ts.
import type { Trial } from "../core/trial.js";
import type { DesignDocument } from "./design-document.js";
import { bandChart, frontChart, meanWindow, rewardChart, runColour } from "./report-charts.js";
import { bestOfRuns, factsOf, figuresOf, frontOfRuns, type ReportData, thinned } from "./report-data.js";
import { REPORT_STYLE } from "./report-style.js";
import { bestAfterEach, seedBand } from "./seed-bands.js";
import {
  compareDesigns,
  describeCandidate,
  describeReference,
  formatCount,
  formatMetric,
  formatNumber,
  metricLabel,
} from "./words.js";

const FRONT_ROWS = 40;

/** The whole page. */
export function reportHtml(data: ReportData): string {
  const title = `${data.studyName}: ${data.runs.length === 1 ? "run" : `${data.runs.length} runs`}`;
  return htmlPage(
    title,
    `<h1>${escapeHtml(data.studyName)}</h1>
${data.description === "" ? "" : `<p class="lead">${escapeHtml(data.description)}</p>`}
${winnerSection(data)}
${section("Reward", `<div class="wide">${rewardChart(data)}</div>${rewardLegend(data)}`)}
${bandSection(data)}
${runsSection(data)}
${frontSection(data)}
${layerSection(data)}
${section("What was searched", list(data.searched))}
${knobSection(data)}
${section("Make it again", reproduction(data))}`,
  );
}

/** A page that asks for nothing and runs nothing. @param body HTML */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

function winnerSection({ winner, runs }: ReportData): string {
  if (winner === undefined) {
    const count = runs.reduce((sum, run) => sum + run.trials.length, 0);
    const best = bestOfRuns(runs);
    if (best !== undefined) {
      const { run, trial } = best;
      const origin = runs.length > 1 ? ` of ${escapeHtml(run.runId)}` : "";
      const rows = factsOf(trial).map((cells) => cells.map(escapeHtml));
      const heading = `<p>Trial ${trial.trial}${origin}, reward ${trial.reward.toFixed(4)}.</p>`;
      return section("Winner", `${heading}\n${table(["", "value"], rows, [1])}`);
    }
    return section(
      "Winner",
      `<p class="warning">None of the ${count} trials is feasible. Raise the limits or run more trials.</p>`,
    );
  }
  const { run, trial, design, reference } = winner;
  const rows = compareDesigns(design, reference).map((item) => [
    escapeHtml(item.label),
    escapeHtml(item.winner),
    escapeHtml(item.reference),
    `<span class="${item.outcome}">${escapeHtml(item.verdict)}</span>`,
  ]);
  const origin = runs.length > 1 ? ` of ${escapeHtml(run.runId)}` : "";
  return section(
    "Winner",
    `<p>Trial ${trial.trial}${origin}, reward ${trial.reward.toFixed(4)}, against ${escapeHtml(describeReference(reference))}.</p>
<div class="winner">${table(["", "winner", "reference", "verdict"], rows, [1, 2])}</div>
<p class="note">Accuracy is what the ${escapeHtml(design.accuracy.proxy)} proxy estimates, with its standard error${design.accuracy.trust === undefined ? "" : ` (${escapeHtml(design.accuracy.trust)})`}; a difference below that error is not called a win.</p>
${list([
  ...describeCandidate(trial.candidate).map(({ group, text }) => [group, text] as const),
  ["size", `${formatCount(design.network.macCount)} MACs, ${formatCount(design.network.paramCount)} parameters`],
])}`,
  );
}

function rewardLegend({ runs }: ReportData): string {
  if (runs.length === 1) {
    const window = meanWindow(runs[0]?.trials.length ?? 0);
    return legend([
      ["var(--c1)", "line", "best feasible reward so far"],
      ["var(--c2)", "line", `mean of ${window} trials`],
      ["var(--muted)", "dot", "feasible trial"],
      ["var(--bad)", "dot", "infeasible trial"],
    ]);
  }
  return legend(
    runs.map((run, i) => [runColour(i), "line", `${run.agentName}, seed ${run.seed} (dotted: running mean)`]),
  );
}

/** Agents with several seeds: the median over seeds with its band. */
function bandSection({ runs }: ReportData): string {
  const agents = [...new Set(runs.map(({ agentName }) => agentName))];
  const groups = agents.map((agent) => runs.filter(({ agentName }) => agentName === agent));
  if (!groups.some((group) => group.length > 1)) return "";
  const curves = groups.map((group, i) => ({
    colour: runColour(i),
    points: seedBand(group.map(({ trials }) => bestAfterEach(trials))),
  }));
  const labels = groups.map((group, i) => {
    const seeds = group.length === 1 ? "1 seed" : `median of ${group.length} seeds, band between the quartiles`;
    return [runColour(i), "line", `${agents[i]}: ${seeds}`] as const;
  });
  return section("Best reward over seeds", `<div class="wide">${bandChart(curves)}</div>${legend(labels)}`);
}

function runsSection(data: ReportData): string {
  const rows = data.runs.map((run) => {
    const { trialCount, feasibleCount, bestReward, bestTrial, frontSize } = figuresOf(run, data.axes);
    return [
      escapeHtml(run.runId),
      escapeHtml(run.agentName),
      String(run.seed),
      trialCount === run.budgetTrials ? String(trialCount) : `${trialCount} of ${run.budgetTrials}`,
      trialCount === 0 ? "–" : `${((100 * feasibleCount) / trialCount).toFixed(1)} %`,
      bestReward === undefined ? "–" : `${bestReward.toFixed(4)} (trial ${bestTrial})`,
      String(frontSize),
    ];
  });
  const header = ["run", "agent", "seed", "trials", "feasible", "best feasible reward", "front"];
  return section(data.runs.length === 1 ? "Run" : "Runs", table(header, rows, [2, 3, 4, 5, 6]));
}

function frontSection(data: ReportData): string {
  const [up, ...others] = data.axes;
  const front = frontOfRuns(data);
  if (up === undefined || front.length === 0) return "";
  const charts = others.map(
    (across) =>
      `<figure><div class="wide">${frontChart(data, across, up)}</div><figcaption>${escapeHtml(metricLabel(up.metric))} against ${escapeHtml(metricLabel(across.metric))}</figcaption></figure>`,
  );
  const shown = thinned(front, FRONT_ROWS);
  const rows = shown.map((trial) => [
    String(trial.trial),
    ...data.axes.map(({ metric }) => escapeHtml(formatMetric(metric, trial.metrics?.[metric] ?? Number.NaN))),
    trial.reward.toFixed(4),
  ]);
  const note = front.length > shown.length ? ` ${shown.length} of ${front.length} are listed.` : "";
  const senses = data.axes.map(
    ({ metric, sense }) => `${sense === "minimise" ? "low" : "high"} ${metricLabel(metric)}`,
  );
  return section(
    "Pareto front",
    `<p>${front.length} feasible designs that no other beats in all of: ${escapeHtml(senses.join(", "))}.${note}</p>
${charts.join("\n")}
${legend([
  ["var(--muted)", "dot", "feasible trial"],
  ["var(--c1)", "line", "front of the two axes shown"],
  ["var(--c2)", "diamond", "winner"],
  ["var(--ink)", "triangle", "reference"],
])}
<details><summary>Designs of the front</summary>${table(
      ["trial", ...data.axes.map(({ metric }) => metricLabel(metric)), "reward"],
      rows,
      data.axes.map((_, i) => i + 1).concat(0, data.axes.length + 1),
    )}</details>`,
  );
}

function layerSection({ winner }: ReportData): string {
  if (winner === undefined) return "";
  const { design } = winner;
  const [cycles, energy] = [totalOf(design, "latencyCycles"), totalOf(design, "energyPj")];
  const most = (key: "latencyCycles" | "energyPj"): number => Math.max(...design.layers.map((layer) => layer[key]));
  const [mostCycles, mostEnergy] = [most("latencyCycles"), most("energyPj")];
  const rows = design.layers.map((layer) => [
    escapeHtml(layer.id),
    escapeHtml(layer.kind),
    formatCount(layer.macCount),
    `${formatCount(layer.latencyCycles)}${bar(layer.latencyCycles / mostCycles)}`,
    `${formatNumber(layer.energyPj / 1e6)}${bar(layer.energyPj / mostEnergy)}`,
    (100 * layer.utilizationFraction).toFixed(1),
    escapeHtml(layer.bottleneck),
  ]);
  return section(
    "The winner layer by layer",
    `<p>${design.layers.length} layers, ${formatCount(cycles)} cycles, ${formatMetric("energyMillijoules", energy * 1e-9)} for a batch of ${design.deployment.batch}. Bars: relative to the largest layer.</p>
${table(["layer", "kind", "MACs", "cycles", "energy (µJ)", "use (%)", "bound by"], rows, [2, 3, 4, 5])}`,
  );
}

const totalOf = (design: DesignDocument, key: "latencyCycles" | "energyPj"): number =>
  design.layers.reduce((sum, layer) => sum + layer[key], 0);

function knobSection({ winner }: ReportData): string {
  if (winner === undefined) return "";
  const knobs: Trial["candidate"] = winner.trial.candidate;
  const rows = Object.entries(knobs).map(([name, value]) => [escapeHtml(name), escapeHtml(String(value))]);
  return section(
    "Knobs of the winner",
    `<details><summary>${rows.length} knobs</summary>${table(["knob", "value"], rows, [1])}</details>`,
  );
}

function reproduction({ runs, reproduce }: ReportData): string {
  const versions =
    runs[0] === undefined
      ? ""
      : Object.entries(runs[0].versions)
          .map(([name, version]) => `${name} ${version}`)
          .join(", ");
  const backends = [...new Set(runs.map((run) => run.backend))].join(", ");
  const when = runs.map((run) => run.created).sort()[0] ?? "";
  return `<pre>${escapeHtml(reproduce)}</pre><p class="note">Made with ${escapeHtml(versions)}; tensor backend ${escapeHtml(backends)}; begun ${escapeHtml(when)}. The study as it was resolved stands in each run folder's manifest.json.</p>`;
}

export const section = (title: string, body: string): string =>
  `<section>\n<h2>${escapeHtml(title)}</h2>\n${body}\n</section>`;

/** An HTML table. @param rows cells as HTML  @param right columns that hold numbers */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string {
  const cell = (tag: "td" | "th") => (content: string, i: number) =>
    `<${tag}${right.includes(i) ? ' class="right"' : ""}>${content}</${tag}>`;
  const head = header.map((title, i) => cell("th")(escapeHtml(title), i)).join("");
  const body = rows.map((row) => `<tr>${row.map(cell("td")).join("")}</tr>`).join("\n");
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

const list = (items: readonly (readonly [string, string])[]): string =>
  `<dl>${items.map(([term, text]) => `<dt>${escapeHtml(term)}</dt><dd>${escapeHtml(text)}</dd>`).join("")}</dl>`;

const bar = (fraction: number): string =>
  `<i class="bar" style="width:${(100 * Math.min(1, fraction)).toFixed(1)}%"></i>`;

const MARKS: Readonly<Record<string, string>> = {
  line: '<line x1="0" y1="6" x2="22" y2="6" stroke-width="2.5"/>',
  dot: '<circle cx="11" cy="6" r="4" stroke="none"/>',
  diamond: '<path d="M11 0L17 6L11 12L5 6Z" stroke="none"/>',
  triangle: '<path d="M11 0L17 12L5 12Z" stroke="none"/>',
};

export const legend = (items: readonly (readonly [colour: string, mark: string, text: string])[]): string =>
  `<ul class="legend">${items
    .map(
      ([colour, mark, text]) =>
        `<li><svg width="22" height="12" aria-hidden="true" fill="${colour}" stroke="${colour}">${MARKS[mark]}</svg> ${escapeHtml(text)}</li>`,
    )
    .join("")}</ul>`;

/** Text that is safe inside an element or a quoted attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
