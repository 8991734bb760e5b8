// Figures of the agents: how long sampling and an update take, and how near they come to the optimum of the sizing task.
// node dist/experiments/agent-figures.js [--data ../shared/data/agents] [--seeds 10]
import { existsSync } from "node:fs";
import { join } from "node:path";
import { agentDefinition } from "../agents/index.js";
import { RandomStream } from "../src/core/rng.js";
import { Space } from "../src/core/space.js";
import { isFeasible, type Trial } from "../src/core/trial.js";
import { readText } from "../src/files/documents.js";
import { scriptOptions } from "./script-options.js";
import { type SizingData, type SizingTask, sizingTask } from "./sizing-task.js";

const MARKS = [200, 500, 1000, 2000];
const print = (line: string) => process.stdout.write(`${line}\n`);
const median = (values: readonly number[]) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
};

/** 33 network, 8 accelerator and 16 deployment knobs: the size of the default study's space. */
const jointSpace = new Space({
  name: "joint",
  knobs: [
    ...Array.from({ length: 33 }, (_, i) => ({ name: `network/${i}`, values: i % 2 === 0 ? [3, 5, 7] : [3, 6] })),
    ...Array.from({ length: 7 }, (_, i) => ({ name: `accelerator/${i}`, values: [1, 2, 4, 6, 8] })),
    { name: "accelerator/dataflow", values: ["weight", "output", "row", "flexible"] },
    ...Array.from({ length: 16 }, (_, i) => ({ name: `deployment/${i}`, values: [4, 8, 16] })),
  ],
});

/** Median milliseconds of processor time of proposing a batch and of learning from it. */
async function speed(agentName: string, options: Record<string, unknown>): Promise<string> {
  const definition = agentDefinition(agentName);
  const resolved = definition.resolveOptions(options);
  const batchSize = definition.batchSize(resolved);
  const agent = await definition.create(jointSpace, resolved, 1);
  const random = RandomStream.of(1, "figures/rewards");
  const [proposeMs, observeMs]: [number[], number[]] = [[], []];
  const cpuMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  for (let update = 0; update < 120; update++) {
    const began = cpuMs();
    const candidates = await agent.propose(batchSize);
    const proposed = cpuMs();
    const trials = candidates.map((candidate, trial): Trial => ({ trial, candidate, reward: random.next() }));
    const before = cpuMs();
    await agent.observe(trials);
    if (update < 40) continue; // warm-up, and until the screening remembers its 600 trials
    proposeMs.push(proposed - began);
    observeMs.push(cpuMs() - before);
  }
  agent.dispose();
  return `| ${batchSize} | ${median(proposeMs).toFixed(1)} | ${median(observeMs).toFixed(1)} |`;
}

const PLAIN = { screening: 1, childFraction: 0 };
const SPEEDS: readonly (readonly [name: string, agent: string, options: Record<string, unknown>])[] = [
  ["ppo (4 passes)", "ppo", {}],
  ["ppo (4 passes)", "ppo", { batchSize: 64 }],
  ["ppo without screening", "ppo", PLAIN],
  ["ppo without screening, LSTM of 100 units", "ppo", { ...PLAIN, policy: "lstm", hiddenUnits: 100 }],
  ["reinforce", "reinforce", {}],
  ["sac", "sac", {}],
];

/** Best feasible cycles over the optimum at the marks, infinite before the first feasible design, and when that came. */
async function sizingRun(agentName: string, task: SizingTask, seed: number) {
  const definition = agentDefinition(agentName);
  const agent = await definition.create(task.space, {}, seed);
  const size = definition.batchSize({});
  const ratios: number[] = [];
  let best = Number.POSITIVE_INFINITY;
  let firstFeasible = Number.POSITIVE_INFINITY;
  for (let done = 0; done < MARKS.at(-1)!; ) {
    const trials: Trial[] = [];
    for (const candidate of await agent.propose(Math.min(size, MARKS.at(-1)! - done))) {
      const trial = task.evaluate(candidate, done++);
      trials.push(trial);
      if (isFeasible(trial)) {
        firstFeasible = Math.min(firstFeasible, done);
        best = Math.min(best, trial.metrics!.latencyCycles! / task.optimumCycles);
      }
      if (MARKS.includes(done)) ratios.push(best);
    }
    await agent.observe(trials);
  }
  agent.dispose();
  return { ratios, firstFeasible };
}

const values = scriptOptions(
  {
    command: "node dist/experiments/agent-figures.js",
    about: "Times of a batch, and how near agents come on the sizing task.",
  },
  { data: { type: "string", default: "../shared/data/agents" }, seeds: { type: "string", default: "10" } },
  { data: "folder with resnet18-sizing.json", seeds: "how many: 1, 2, ..." },
);
const folder = values.data;
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
print("| agent | batch | propose | observe |\n|---|---|---|---|");
for (const [name, agent, options] of SPEEDS) print(`| ${name} ${await speed(agent, options)}`);

const file = join(folder, "resnet18-sizing.json");
if (!existsSync(file)) print(`\n${file} is not there: no sizing figures`);
else {
  const data = JSON.parse(readText(file)) as SizingData;
  for (const areaFraction of [0.1, 0.05]) {
    const task = sizingTask(data, areaFraction);
    print(
      `\nsizing, m = ${areaFraction}: median ratio to the optimum of ${task.optimumCycles} cycles, ${seeds.length} seeds`,
    );
    print(
      `| agent | ${MARKS.join(" | ")} | worst at ${MARKS.at(-1)} | last first feasible |\n|---|---|---|---|---|---|---|`,
    );
    for (const agent of ["random", "reinforce", "ppo"]) {
      const runs: Awaited<ReturnType<typeof sizingRun>>[] = [];
      for (const seed of seeds) runs.push(await sizingRun(agent, task, seed));
      const columns = MARKS.map((_, i) => median(runs.map(({ ratios }) => ratios[i]!)).toFixed(3));
      const worst = Math.max(...runs.map(({ ratios }) => ratios.at(-1)!)).toFixed(3);
      const first = Math.max(...runs.map(({ firstFeasible }) => firstFeasible));
      print(`| ${agent} | ${columns.join(" | ")} | ${worst} | ${first} |`);
    }
  }
}
