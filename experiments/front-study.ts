// Claim to be judged: one PPO controller that is told preferences finds as good a front as NSGA-II in the same number of trials.
// Judge: this program; hypervolume of the feasible trials, as a share of that of all runs' trials together, between the best and
// the worst value that their common front has in each objective. Same seeds, budgets and task for all.
//   node dist/experiments/front-study.js [--task study:edge-chip] [--objectives latencyMs:min,areaMm2:min] [--seeds 5]
//     [--marks 300,1000] [--table FILE] [--options JSON]
import { agentDefinition } from "../agents/index.js";
import { costsOf, parseObjectives } from "../agents/preferences.js";
import { hypervolume, paretoFront } from "../src/core/fronts.js";
import { isFeasible, type Trial } from "../src/core/trial.js";
import { initBackend } from "../src/tensors/backend.js";
import { type Task, taskOf } from "./agents-study/tasks.js";
import { scriptOptions } from "./script-options.js";

const values = scriptOptions(
  {
    command: "node dist/experiments/front-study.js",
    about: "One controller that is told preferences against NSGA-II: hypervolumes after the same trials.",
  },
  {
    task: { type: "string", default: "study:edge-chip" },
    objectives: { type: "string", default: "latencyMs:min,areaMm2:min" },
    agents: { type: "string", default: "ppo,nsga2,random" },
    options: { type: "string", default: "{}" },
    seeds: { type: "string", default: "5" },
    marks: { type: "string", default: "300,1000" },
    table: { type: "string", default: "../shared/data/agents/resnet18-sizing.json" },
  },
  {
    task: "as in the study of the agents",
    objectives: "metric:min or metric:max, with commas",
    agents: "names, with commas",
    options: "of ppo, JSON",
    seeds: "how many: 1, 2, ...",
    marks: "numbers of trials, with commas",
    table: "measured cells of the sizing task",
  },
);
const objectives = parseObjectives(values.objectives);
const marks = values.marks.split(",").map(Number);

/** Costs of the feasible trials of one run, with the trial's number. */
interface FrontRun {
  readonly agent: string;
  readonly seed: number;
  readonly found: readonly { readonly trial: number; readonly costs: readonly number[] }[];
  readonly msPerTrial: number;
}

async function run(task: Task, agent: string, seed: number): Promise<FrontRun> {
  const definition = agentDefinition(agent);
  const given = agent === "random" ? {} : { objectives: values.objectives };
  const options = definition.resolveOptions({
    ...given,
    ...(agent === "ppo" && (JSON.parse(values.options) as object)),
  });
  const search = await definition.create(task.space, options, seed);
  const found: { trial: number; costs: readonly number[] }[] = [];
  let agentMs = 0;
  let done = 0;
  while (done < Math.max(...marks)) {
    const startMs = performance.now();
    const candidates = await search.propose(definition.batchSize(options));
    agentMs += performance.now() - startMs;
    const trials: Trial[] = [];
    for (const candidate of candidates) {
      trials.push({ ...(await task.evaluate(candidate, done)), trial: done++, candidate });
    }
    for (const trial of trials) {
      const costs = isFeasible(trial) ? costsOf(trial, objectives) : undefined;
      if (costs !== undefined) found.push({ trial: trial.trial, costs });
    }
    const observedMs = performance.now();
    await search.observe(trials);
    agentMs += performance.now() - observedMs;
  }
  search.dispose();
  return { agent, seed, found, msPerTrial: agentMs / done };
}

await initBackend("wasm");
const task = await taskOf(values.task, values.table);
const runs: FrontRun[] = [];
for (let seed = 1; seed <= Number(values.seeds); seed++) {
  for (const agent of values.agents.split(",")) {
    runs.push(await run(task, agent, seed));
    process.stderr.write(`${agent} ${seed}\n`);
  }
}

const directions = objectives.map(() => "min" as const);
const all = runs.flatMap(({ found }) => found.map(({ costs }) => costs));
const front = paretoFront(all, directions).map((i) => all[i]!);
const low = objectives.map((_, k) => Math.min(...front.map((costs) => costs[k]!)));
const high = objectives.map((_, k) => Math.max(...front.map((costs) => costs[k]!)));
/** Volume between the front and just beyond its worst corner, in units of its extent. */
const volumeOf = (points: readonly (readonly number[])[]): number =>
  hypervolume(
    points.map((costs) => costs.map((cost, k) => (cost - low[k]!) / (high[k]! - low[k]!))),
    objectives.map(() => 1.1),
    directions,
  );
const whole = volumeOf(front);
process.stdout.write(
  `${values.task}, ${values.objectives}: ${all.length} feasible trials, a common front of ${front.length}\n\n`,
);
process.stdout.write(
  `| agent | ${marks.map((mark) => `${mark} trials`).join(" | ")} | ms per trial |\n|---|${marks.map(() => "---|").join("")}---|\n`,
);
for (const agent of values.agents.split(",")) {
  const own = runs.filter((item) => item.agent === agent);
  const cells = marks.map((mark) => {
    const shares = own
      .map(({ found }) => volumeOf(found.filter(({ trial }) => trial < mark).map(({ costs }) => costs)) / whole)
      .sort((a, b) => a - b);
    const median = (shares[Math.floor((shares.length - 1) / 2)]! + shares[Math.ceil((shares.length - 1) / 2)]!) / 2;
    return `${median.toFixed(3)} (${shares[0]!.toFixed(3)} to ${shares.at(-1)!.toFixed(3)})`;
  });
  const ms = own.reduce((sum, { msPerTrial }) => sum + msPerTrial, 0) / own.length;
  process.stdout.write(`| ${agent} | ${cells.join(" | ")} | ${ms.toFixed(1)} |\n`);
}
