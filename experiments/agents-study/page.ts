// The page of the agents' study: per task what each agent reached after so many trials, then over all tasks together what the
// intervals allow to be said. Words, tables and the data of the plots; nothing is measured here.
import { RandomStream } from "../../src/core/rng.js";
import { bootstrapInterval, type Interval, interquartileMean, median } from "../../src/core/statistics.js";
import { type Line, lineChart } from "./line-chart.js";
import type { AgentRun } from "./run-agent.js";
import {
  normalisedScore,
  performanceProfile,
  probabilityOfImprovement,
  stratifiedInterval,
  verdict,
} from "./scores.js";

/** What is known of a task beside its runs. */
export interface TaskFacts {
  readonly optimum: number | undefined;
  readonly worst: number | undefined;
}

export interface StudyPage {
  readonly markdown: string;
  /** file name -> SVG */
  readonly plots: Readonly<Record<string, string>>;
}

const DEFAULT_AGENT = "ppo";
const THRESHOLDS = Array.from({ length: 51 }, (_, i) => i / 50);

/** @param runs `agent` is the name under which a run is shown, whatever its settings
 *  @param settings agent -> the settings that tuning chose, as text
 *  @param command that made the page */
export function studyPage(
  runs: readonly AgentRun[],
  facts: Readonly<Record<string, TaskFacts>>,
  marks: readonly number[],
  settings: Readonly<Record<string, string>>,
  command: string,
): StudyPage {
  const tasks = Object.keys(facts).filter((task) => runs.some((run) => run.task === task));
  const agents = [...new Set(runs.map(({ agent }) => agent))];
  const scales = new Map(tasks.map((task) => [task, scaleOf(task, runs, facts[task]!, marks)]));
  const shared = tasks.filter((task) =>
    agents.every((agent) => runs.some((run) => run.task === task && run.agent === agent)),
  );
  const others = tasks.filter((task) => !shared.includes(task));
  const plots: Record<string, string> = {};
  const sections = tasks.map((task) => {
    const own = runs.filter((run) => run.task === task);
    plots[`${fileName(task)}.svg`] = curvePlot(task, own);
    return taskSection(task, own, facts[task]!, marks);
  });
  const scoresOf = (agent: string, mark: number) =>
    shared.map((task) => {
      const { base, top } = scales.get(task)!;
      return runs
        .filter((run) => run.task === task && run.agent === agent)
        .map((run) => normalisedScore(run.bestAt[mark], base, top));
    });
  if (shared.length > 0) for (const mark of marks) plots[`profile-${mark}.svg`] = profilePlot(agents, mark, scoresOf);
  const seeds = Math.min(...shared.flatMap((task) => agents.map((agent) => seedCount(runs, task, agent))));
  const overallSection =
    shared.length === 0
      ? "No task was run with every agent yet, so nothing is said over all of them."
      : `## The tasks that all agents ran, together

Scores run from 0 (the worst feasible design where it is known, else the median that random search has at the first budget; nothing
feasible counts as 0) to 1 (the optimum, or the best that any agent found). Interquartile mean over ${shared.length} tasks and at least
${seeds} seeds each, seeds drawn again within each task.${
          others.length === 0
            ? ""
            : ` Left out, because not every agent ran on ${others.length === 1 ? "it" : "them"}: ${others.map((task) => `\`${task}\``).join(", ")}.`
        }

${overall(agents, marks, scoresOf)}

${marks.map((mark) => `![Performance profile after ${mark} trials](images/agents-study/profile-${mark}.svg)`).join("\n\n")}

A performance profile shows which share of the runs is above a score; higher is better everywhere.`;
  const markdown = `# Agents compared

Made by \`${command}\`. Every agent gets the same tasks, seeds and numbers of trials, and was tuned over an equal number of settings on
tasks that are not shown here (experiments/agents-study/grids.ts). Statistics follow Agarwal et al. 2021 (arXiv:2108.13264):
interquartile means over seeds with 95 % bootstrap intervals. Read intervals, not estimates: where two overlap, nothing is claimed.

${overallSection}

Settings chosen by tuning: ${agents.map((agent) => `\`${agent}\` ${settings[agent] ?? "defaults"}`).join("; ")}.

${sections.join("\n")}`;
  return { markdown, plots };
}

/** What 0 and 1 mean on a task. */
function scaleOf(task: string, runs: readonly AgentRun[], { optimum, worst }: TaskFacts, marks: readonly number[]) {
  const own = runs.filter((run) => run.task === task);
  const found = own.flatMap(({ bestAt }) => Object.values(bestAt)).filter((best) => best !== null);
  const control = own
    .filter(({ agent }) => agent === "random")
    .flatMap(({ bestAt }) => bestAt[marks[0]!] ?? [])
    .filter((best) => best !== null);
  const base = worst ?? (control.length > 0 ? median(control) : Math.min(...found));
  return { base, top: optimum ?? Math.max(...found) };
}

function overall(
  agents: readonly string[],
  marks: readonly number[],
  scoresOf: (agent: string, mark: number) => number[][],
): string {
  const interval = (agent: string, mark: number) =>
    stratifiedInterval(scoresOf(agent, mark), RandomStream.of(1, `study/${agent}/${mark}`));
  const last = marks.at(-1)!;
  const rows = agents.map((agent) => ({ agent, intervals: marks.map((mark) => interval(agent, mark)) }));
  rows.sort((a, b) => b.intervals.at(-1)!.estimate - a.intervals.at(-1)!.estimate);
  const ours = rows.find(({ agent }) => agent === DEFAULT_AGENT);
  const header = ["agent", ...marks.map((mark) => `score at ${mark}`), `the default beats it at ${last}`, "verdict"];
  const cells = rows.map(({ agent, intervals }) => [
    agent,
    ...intervals.map(intervalText),
    ours === undefined || agent === DEFAULT_AGENT
      ? ""
      : `${(100 * probabilityOfImprovement(scoresOf(DEFAULT_AGENT, last), scoresOf(agent, last))).toFixed(0)} % of pairs`,
    ours === undefined || agent === DEFAULT_AGENT
      ? ""
      : marks.map((mark, i) => `${mark}: default ${verdict(ours.intervals[i]!, intervals[i]!)}`).join("; "),
  ]);
  return table(header, cells);
}

function taskSection(
  task: string,
  runs: readonly AgentRun[],
  { optimum, worst }: TaskFacts,
  marks: readonly number[],
): string {
  const last = marks.at(-1)!;
  const agents = [...new Set(runs.map(({ agent }) => agent))];
  const range = optimum !== undefined && worst !== undefined ? optimum - worst : undefined;
  const rows = agents.map((agent) => {
    const own = runs.filter((run) => run.agent === agent);
    const at = (mark: number) => own.map(({ bestAt }) => bestAt[mark] ?? Number.NaN);
    const interval = (name: string, values: readonly number[]) =>
      bootstrapInterval(values, interquartileMean, RandomStream.of(1, `${task}/${agent}/${name}`), { resamples: 2000 });
    const reached = marks.map((mark) => interval(String(mark), at(mark)));
    const final = reached.at(-1)!;
    const regret = (mark: number) => (optimum === undefined ? Number.NaN : optimum - median(at(mark)));
    const hits = own.filter(({ bestAt }) => (bestAt[last] ?? Number.NEGATIVE_INFINITY) >= (optimum ?? Infinity) - 1e-9);
    return {
      order: Number.isNaN(final.estimate) ? Number.NEGATIVE_INFINITY : final.estimate,
      cells: [
        agent,
        String(own.length),
        ...reached.map(intervalText),
        ...(optimum === undefined
          ? []
          : [
              marks
                .map((mark) =>
                  range === undefined ? number(regret(mark)) : `${((100 * regret(mark)) / range).toFixed(2)} %`,
                )
                .join(", "),
              `${hits.length} of ${own.length}`,
            ]),
        intervalText(
          interval(
            "area",
            own.map(({ area }) => area ?? Number.NaN),
          ),
        ),
        own.every(({ firstFeasible }) => firstFeasible !== null)
          ? String(Math.max(...own.map(({ firstFeasible }) => firstFeasible!)))
          : "never",
        `${(100 * median(own.map(({ duplicateRate }) => duplicateRate))).toFixed(0)} %`,
        median(own.map(({ agentMsPerTrial }) => agentMsPerTrial)).toFixed(2),
      ],
    };
  });
  rows.sort((a, b) => b.order - a.order);
  const header = [
    "agent",
    "seeds",
    ...marks.map((mark) => `at ${mark}`),
    ...(optimum === undefined ? [] : [`median regret${range === undefined ? "" : " of the range"}`, "optimum found"]),
    "area",
    "all feasible after",
    "duplicates",
    "agent ms",
  ];
  const known = optimum === undefined ? "The optimum is not known." : `The optimum is ${number(optimum)}.`;
  const note = task.startsWith("sizing") ? " Rewards are -ln(cycles / optimum): -0.0953 is a ratio of 1.10." : "";
  return `## \`${task}\`

${known}${note} "At n" is the interquartile mean of the best feasible reward after n trials, with its 95 % interval ("-": a seed
has none yet), area the mean of the best so far over all trials, agent ms its own time per trial on a machine that did other work too.

![Best feasible reward over trials](images/agents-study/${fileName(task)}.svg)

${table(
  header,
  rows.map(({ cells }) => cells),
)}
`;
}

function curvePlot(task: string, runs: readonly AgentRun[]): string {
  const lines = [...new Set(runs.map(({ agent }) => agent))].map((agent): Line => {
    const own = runs.filter((run) => run.agent === agent);
    const points = own[0]!.curve.flatMap(([x], i) => {
      const values = own.map(({ curve }) => curve[i]?.[1] ?? null).filter((best) => best !== null);
      if (values.length < own.length) return []; // some seed has nothing feasible yet
      const sorted = [...values].sort((a, b) => a - b);
      return [
        {
          x,
          y: interquartileMean(values),
          low: sorted[Math.floor(sorted.length / 4)]!,
          high: sorted[Math.ceil((3 * (sorted.length - 1)) / 4)]!,
        },
      ];
    });
    return { name: agent, points };
  });
  return lineChart(
    lines.filter(({ points }) => points.length > 1),
    { title: task.split(",")[0]!, xTitle: "trials", yTitle: "best feasible reward (IQM, quartiles)", isLogX: true },
  );
}

function profilePlot(
  agents: readonly string[],
  mark: number,
  scoresOf: (agent: string, mark: number) => number[][],
): string {
  const lines = agents.map((name): Line => {
    const shares = performanceProfile(scoresOf(name, mark), THRESHOLDS);
    return { name, points: THRESHOLDS.map((x, i) => ({ x, y: shares[i]! })) };
  });
  return lineChart(lines, {
    title: `Performance profile after ${mark} trials`,
    xTitle: "score",
    yTitle: "share of runs above it",
    yRange: [0, 1],
  });
}

const seedCount = (runs: readonly AgentRun[], task: string, agent: string): number =>
  runs.filter((run) => run.task === task && run.agent === agent).length;

/** Short enough for a file system; the tasks of a study differ early on. */
const fileName = (task: string): string => task.replaceAll(/[^a-z0-9]+/gi, "-").slice(0, 60);

const number = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : "-");

const intervalText = ({ estimate, low, high }: Interval): string =>
  Number.isFinite(estimate) ? `${number(estimate)} (${number(low)} to ${number(high)})` : "-";

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [header, header.map(() => "---"), ...rows].map(line).join("\n");
}
