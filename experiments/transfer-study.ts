// Claim to be judged: a controller that was trained for one target reaches, on another target, what a cold start ends at in at most
// half of the trials (median over seeds and targets).
// Judge: this program. Per seed one run is trained on the first task; on each other task a cold start and one that begins with the
// trained controller (what `--init-from` hands over: its state and its trials) get the same budget.
//   node dist/experiments/transfer-study.js --help
import { writeFileSync } from "node:fs";
import { agentDefinition } from "../agents/index.js";
import type { Agent, Prior } from "../src/core/agent.js";
import { RandomStream } from "../src/core/rng.js";
import { bootstrapInterval, median } from "../src/core/statistics.js";
import { isFeasible, type Trial } from "../src/core/trial.js";
import { initBackend } from "../src/tensors/backend.js";
import { parseAgent } from "./agents-study/run-agent.js";
import { type Task, taskOf } from "./agents-study/tasks.js";
import { scriptOptions } from "./script-options.js";

const LATENCY = "study:edge-joint,reward.targets.latencyMs.target=";

const values = scriptOptions(
  {
    command: "node dist/experiments/transfer-study.js",
    about: "Does a trained controller reach a cold start's final reward in fewer trials? Prints a page.",
  },
  {
    from: { type: "string", default: "study:edge-joint" },
    to: { type: "string", default: `${LATENCY}0.15;${LATENCY}0.3` },
    agent: { type: "string", default: "ppo" },
    trials: { type: "string", default: "600" },
    seeds: { type: "string", default: "5" },
    table: { type: "string", default: "../shared/data/agents/resnet18-sizing.json" },
    out: { type: "string" },
  },
  {
    from: "task that the controller is trained on: sizing:<m>[:fine], chain:<knobs> or study:<name>[,key=value...]",
    to: "tasks that it is started on, ; between them (default: edge-joint with a latency target of 0.15 and of 0.3 ms)",
    agent: "any that can start from an earlier run: name or name{json options}",
    trials: "budget of every run",
    seeds: "how many; the first is 1",
    table: "table of the tasks sizing:<m>",
    out: "file that the page is written to as well",
  },
);

/** One run: its trials and the agent's last state. */
interface Finished {
  readonly trials: readonly Trial[];
  readonly prior: Prior;
}

/** One pair of runs on one task. */
interface Pair {
  readonly task: string;
  readonly seed: number;
  /** best feasible reward of the cold start, -Infinity when it found nothing feasible */
  readonly coldBest: number;
  /** trials after which the cold start was there itself */
  readonly coldTrials: number;
  readonly warmBest: number;
  /** trials after which the other was there; undefined: never */
  readonly warmTrials: number | undefined;
}

async function run(task: Task, seed: number, count: number, prior?: Prior): Promise<Finished> {
  const { name, options } = parseAgent(values.agent);
  const definition = agentDefinition(name);
  const given = definition.resolveOptions(options);
  const agent: Agent = await definition.create(task.space, given, seed);
  try {
    if (prior !== undefined) await agent.warmStart?.(prior);
    const trials: Trial[] = [];
    while (trials.length < count) {
      const candidates = await agent.propose(Math.min(definition.batchSize(given), count - trials.length));
      const batch: Trial[] = [];
      for (const candidate of candidates) {
        const trial = trials.length + batch.length;
        batch.push({ ...(await task.evaluate(candidate, trial)), trial, candidate });
      }
      trials.push(...batch);
      await agent.observe(batch);
    }
    return { trials, prior: { agentName: name, space: task.space, state: await agent.state(), trials } };
  } finally {
    agent.dispose();
  }
}

const rewardOf = (trial: Trial): number => (isFeasible(trial) ? trial.reward : Number.NEGATIVE_INFINITY);
const bestOf = ({ trials }: Finished): number => Math.max(...trials.map(rewardOf));

/** Trials until a reward is reached; undefined: never. Rewards count as equal within rounding. */
function trialsTo({ trials }: Finished, reward: number): number | undefined {
  const at = trials.findIndex((trial) => rewardOf(trial) >= reward - 1e-12 * Math.abs(reward));
  return at < 0 ? undefined : at + 1;
}

async function pairsOf(trials: number, seeds: number): Promise<Pair[]> {
  const source = await taskOf(values.from, values.table);
  const pairs: Pair[] = [];
  const targets: Task[] = [];
  for (const text of values.to.split(";")) targets.push(await taskOf(text, values.table));
  for (let seed = 1; seed <= seeds; seed++) {
    const trained = await run(source, seed, trials);
    for (const task of targets) {
      // another seed than the trained run's: its stream must not go on where that one began
      const cold = await run(task, 1000 + seed, trials);
      const warm = await run(task, 1000 + seed, trials, trained.prior);
      const coldBest = bestOf(cold);
      const warmTrials = coldBest === Number.NEGATIVE_INFINITY ? undefined : trialsTo(warm, coldBest);
      const coldTrials = trialsTo(cold, coldBest) ?? trials;
      pairs.push({ task: task.name, seed, coldBest, coldTrials, warmBest: bestOf(warm), warmTrials });
      process.stderr.write(`seed ${seed}, ${task.name}: ${warmTrials ?? "never"} of ${trials} trials\n`);
    }
  }
  return pairs;
}

/** Trials over the budget; one that never got there counts as twice the budget, which no median below 1 depends on. */
const shareOf = ({ warmTrials }: Pair, trials: number): number => (warmTrials ?? 2 * trials) / trials;

function page(pairs: readonly Pair[], trials: number, command: string): string {
  const tasks = [...new Set(pairs.map(({ task }) => task))];
  const rows = tasks.map((task) => {
    const own = pairs.filter((pair) => pair.task === task);
    const reached = own.filter(({ warmTrials }) => warmTrials !== undefined).length;
    return [
      `\`${task}\``,
      median(own.map(({ coldBest }) => coldBest)).toFixed(4),
      median(own.map(({ coldTrials }) => coldTrials)).toFixed(0),
      median(own.map(({ warmBest }) => warmBest)).toFixed(4),
      `${reached} of ${own.length}`,
      (trials * median(own.map((pair) => shareOf(pair, trials)))).toFixed(0),
    ];
  });
  const shares = pairs.map((pair) => shareOf(pair, trials));
  const { estimate, low, high } = bootstrapInterval(shares, median, RandomStream.of(1, "transfer"));
  const header = ["target", "cold: final reward", "reached at", "trained: final reward", "got there", "trials to it"];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const verdict = high <= 0.5 ? "holds" : low > 0.5 ? "does not hold" : "is not decided by these runs";
  return `# Starting from a trained controller

Made by \`${command}\`. Trained on \`${values.from}\` for ${trials} trials, then started on each target, beside a cold start of the same
budget; ${Number(values.seeds)} seeds, medians over them. "Reached at" is when the cold start had its final reward itself.

${[line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n")}

The trained controller needs ${percent(estimate)} of the cold start's trials for the reward that the cold start ends at (median over
targets and seeds, 95 % bootstrap interval ${percent(low)} to ${percent(high)}; a run that never gets there counts as 200 %).
The claim, at most 50 %, ${verdict}.
`;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

await initBackend("wasm");
const budget = Number(values.trials);
const pairs = await pairsOf(budget, Number(values.seeds));
const given = process.argv.slice(2).map((part) => (/[\s;{]/.test(part) ? `'${part}'` : part));
const text = page(pairs, budget, ["node dist/experiments/transfer-study.js", ...given].join(" "));
if (values.out !== undefined) writeFileSync(values.out, text);
process.stdout.write(text);
