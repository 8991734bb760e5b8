// The page of the agents' study: per task, what each agent reached after so many trials, with intervals over the seeds.
import { RandomStream } from "../../src/core/rng.js";
import { bootstrapInterval, interquartileMean, median } from "../../src/core/statistics.js";
import type { AgentRun } from "./run-agent.js";

/** Markdown. @param optima task -> best possible reward, undefined where unknown */
export function studyPage(
  runs: readonly AgentRun[],
  optima: Readonly<Record<string, number | undefined>>,
  marks: readonly number[],
): string {
  const tasks = Object.keys(optima).filter((task) => runs.some((run) => run.task === task));
  const sections = tasks.map((task) =>
    section(
      task,
      runs.filter((run) => run.task === task),
      optima[task],
      marks,
    ),
  );
  return `# Agents compared

Made by \`node dist/experiments/agents-study/main.js\`. Best feasible reward after so many trials: interquartile mean over the
seeds, with a 95 % bootstrap interval at the last mark; "-" where some seed has no feasible design yet. Rewards of the sizing
task are -ln(cycles / optimum), so 0 is the optimum and -0.0953 is a ratio of 1.10. Area: mean over the trials of the best
reward so far. Every agent with its default options; agent ms: its own time per trial, on a machine that did other work too.

${sections.join("\n")}`;
}

function section(
  task: string,
  runs: readonly AgentRun[],
  optimum: number | undefined,
  marks: readonly number[],
): string {
  const agents = [...new Set(runs.map(({ agent }) => agent))];
  const last = marks.at(-1)!;
  const rows = agents.map((agent) => {
    const own = runs.filter((run) => run.agent === agent);
    const at = (mark: number) => own.map(({ bestAt }) => bestAt[mark] ?? Number.NaN);
    const final = bootstrapInterval(at(last), interquartileMean, RandomStream.of(1, `${task}/${agent}`), {
      resamples: 2000,
    });
    return {
      order: Number.isNaN(final.estimate) ? Number.NEGATIVE_INFINITY : final.estimate,
      cells: [
        agent,
        String(own.length),
        ...marks.map((mark) => number(interquartileMean(at(mark)))),
        `${number(final.low)} to ${number(final.high)}`,
        optimum === undefined ? "" : number(optimum - final.estimate),
        number(interquartileMean(own.map(({ area }) => area ?? Number.NaN))),
        String(Math.max(...own.map(({ firstFeasible }) => firstFeasible ?? Number.POSITIVE_INFINITY))),
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
    `interval at ${last}`,
    "regret",
    "area",
    "feasible after",
    "duplicates",
    "agent ms",
  ];
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const known = optimum === undefined ? "the optimum is not known" : `the optimum is ${number(optimum)}`;
  return `## ${task}\n\n${known}\n\n${[header, header.map(() => "---"), ...rows.map(({ cells }) => cells)].map(line).join("\n")}\n`;
}

const number = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : "-");
