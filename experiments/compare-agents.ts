// Claim: over 10 seeds of 2,000 trials on the default study, PPO's best feasible reward beats random search's, and so does
// REINFORCE's: higher median, and a paired bootstrap interval (95 %) of the difference above zero.
// Judge: this program, which writes experiments/agents-<study>.md. Same seed, same space, same budget for every agent.
//   npm run experiment:agents -- [--study edge-joint] [--trials 2000] [--seeds 10] [--agents ppo,reinforce,random]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RandomStream } from "../src/core/rng.js";
import { median, pairedBootstrapInterval, quantile } from "../src/core/statistics.js";
import { packageRoot } from "../src/files/package-root.js";
import { createRunFolder } from "../src/study/run-folder.js";
import { runToEnd } from "../src/study/run-to-end.js";
import { bestFeasible } from "../src/track/report-data.js";
import { trialsOf } from "../src/track/run-reader.js";
import { composeStudy } from "./compose.js";
import { resolveStudy } from "./resolve-study.js";
import { scriptOptions } from "./script-options.js";
import { loadStudy } from "./study-file.js";

const MARKS = [100, 300, 1000, 2000, 4000, 8000];

interface Outcome {
  readonly best: number;
  readonly feasibleCount: number;
  readonly wallSeconds: number;
  /** best feasible reward after so many trials */
  readonly bestAt: ReadonlyMap<number, number>;
}

const values = scriptOptions(
  {
    command: "npm run experiment:agents --",
    about: "Agents on one study, the same seeds and budget for all; writes experiments/agents-<study>.md.",
  },
  {
    study: { type: "string", default: "edge-joint" },
    trials: { type: "string", default: "2000" },
    seeds: { type: "string", default: "10" },
    agents: { type: "string", default: "ppo,reinforce,random" },
    out: { type: "string" },
  },
  {
    study: "built-in study or file",
    trials: "budget of a run",
    seeds: "how many: 1, 2, ...",
    agents: "names, with commas",
    out: "the page to write",
  },
);
const [trials, seedCount] = [Number(values.trials), Number(values.seeds)];
const agents = values.agents.split(",");
const results = new Map<string, Outcome[]>(agents.map((agent) => [agent, []]));
const scratch = mkdtempSync(join(tmpdir(), "cosearch-agents-"));
try {
  for (let seed = 1; seed <= seedCount; seed++) {
    for (const agent of agents) {
      const outcome = await runOnce(agent, seed);
      results.get(agent)?.push(outcome);
      process.stderr.write(
        `seed ${seed} ${agent}: ${outcome.best.toFixed(4)} in ${outcome.wallSeconds.toFixed(1)} s\n`,
      );
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const text = page();
const file = values.out ?? join(packageRoot, "experiments", `agents-${values.study}.md`);
writeFileSync(file, text);
process.stdout.write(`${text}\nwritten to ${file}\n`);

async function runOnce(agent: string, seed: number): Promise<Outcome> {
  const study = resolveStudy(
    loadStudy(values.study, [
      { path: ["agent"], value: agent, source: `--agents ${agent}` },
      { path: ["seed"], value: seed, source: `--seeds ${seed}` },
      { path: ["budget", "trials"], value: trials, source: `--trials ${trials}` },
    ]),
  );
  const composed = await composeStudy(study, { workers: 2 });
  try {
    const folder = createRunFolder(scratch, composed.plan, Date.now);
    const { feasibleCount, wallSeconds } = await runToEnd(composed.plan, folder);
    const made = [...trialsOf(folder.path)];
    const bestOf = (count: number): number => bestFeasible(made.slice(0, count))?.reward ?? Number.NaN;
    const bestAt = new Map(MARKS.filter((mark) => mark <= trials).map((mark) => [mark, bestOf(mark)]));
    return { best: bestOf(trials), feasibleCount, wallSeconds, bestAt };
  } finally {
    await composed.dispose();
  }
}

function page(): string {
  const rewards = (agent: string): number[] => (results.get(agent) ?? []).map(({ best }) => best);
  const marks = MARKS.filter((mark) => mark <= trials);
  const rows = agents.map((agent) => {
    const outcomes = results.get(agent) ?? [];
    const best = rewards(agent);
    const feasible = median(outcomes.map(({ feasibleCount }) => feasibleCount / trials));
    return [
      agent,
      median(best).toFixed(4),
      `${quantile(best, 0.25).toFixed(4)} to ${quantile(best, 0.75).toFixed(4)}`,
      ...marks.map((mark) => median(outcomes.map(({ bestAt }) => bestAt.get(mark) ?? Number.NaN)).toFixed(4)),
      `${(100 * feasible).toFixed(0)} %`,
      median(outcomes.map(({ wallSeconds }) => wallSeconds)).toFixed(1),
    ];
  });
  const control = rewards("random");
  const against = agents
    .filter((agent) => agent !== "random" && control.length > 0)
    .map((agent) => {
      const random = RandomStream.of(1, `bootstrap/${agent}`);
      const { estimate, low, high } = pairedBootstrapInterval(rewards(agent), control, median, random);
      const wins = rewards(agent).filter((value, i) => value > (control[i] ?? Number.NaN)).length;
      const verdict = low > 0 ? "better" : high < 0 ? "worse" : "not told apart";
      return [agent, signed(estimate), `${signed(low)} to ${signed(high)}`, `${wins} of ${control.length}`, verdict];
    });
  const seeds = Array.from({ length: seedCount }, (_, i) => [
    String(i + 1),
    ...agents.map((agent) => (rewards(agent)[i] ?? Number.NaN).toFixed(4)),
  ]);
  const header = ["agent", "median", "quartiles", ...marks.map((mark) => `at ${mark}`), "feasible", "seconds"];
  return `# Agents on ${values.study}

Best feasible reward, ${seedCount} seeds of ${trials} trials each, made by
\`npm run experiment:agents -- --study ${values.study} --trials ${trials} --seeds ${seedCount} --agents ${agents.join(",")}\`.
Medians over the seeds; "at n": after n trials; seconds depend on the machine and on what else it did.

${table(header, rows)}

Against random search, same seed by seed; 95 % interval of the median difference by paired bootstrap, 10,000 resamples:

${table(["agent", "median difference", "interval", "seeds won", "verdict"], against)}

Every run:

${table(["seed", ...agents], seeds)}
`;
}

function signed(value: number): string {
  return `${value >= 0 ? "+" : ""}${value.toFixed(4)}`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}
