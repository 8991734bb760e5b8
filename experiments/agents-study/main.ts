// Claim to be judged: which agent is best after 300, 1,000 and 3,000 trials, on tasks whose optimum is known and on the full
// joint space. Same budget, seeds and tasks for all, each agent tuned over an equal grid on other tasks than those reported.
// Judge: this program. Every run is a line of <cache>/runs.jsonl and is not made twice, so that a long study goes in pieces:
// `--minutes 20` stops after so long and writes the page of what is there.
//   npm run experiment:agents-study -- [--seeds 10] [--marks 300,1000,3000] [--tasks "a;b"] [--agents "a;b"] [--table FILE] [--minutes N]
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentDefinitions } from "../../agents/index.js";
import { packageRoot } from "../../src/files/package-root.js";
import { initBackend } from "../../src/tensors/backend.js";
import { scriptOptions } from "../script-options.js";
import { agentText, bestSetting, GRIDS } from "./grids.js";
import { studyPage, type TaskFacts } from "./page.js";
import { type AgentRun, runAgent } from "./run-agent.js";
import { type Task, taskOf } from "./tasks.js";

/** 96 networks x 100 chips. */
const JOINT = [
  "enumerated:edge-joint",
  "space.network=tiny-mbv2",
  'space.deployment={fusion: "on"}',
  "limits.accuracyFraction.min=0.1",
  "fix.network/width=1",
  "fix.accelerator/simdUnits=64",
  "fix.accelerator/computeLanes=4",
  "fix.accelerator/localMemoryMiB=2",
  "fix.accelerator/registerFileKiB=32",
  "fix.accelerator/ioBandwidthGBps=20",
].join(",");

/** Cheap ones first. The accelerator space with one dataflow has 50,000 points, the joint one 9,600. */
const REPORTED = [
  "chain:20",
  "sizing:0.1",
  "sizing:0.05",
  "enumerated:edge-chip,fix.accelerator/dataflow=weight-stationary",
  JOINT,
  "study:edge-joint",
];
const TUNING = ["chain:12", "study:edge-chip,space.network=mobilenet-v3-small"];
const TUNING_SEEDS = 3;
const TUNING_TRIALS = 1000;
const DEFAULT_AGENTS = agentDefinitions.map(({ name }) => name).filter((name) => name !== "grid");

const values = scriptOptions(
  {
    command: "npm run experiment:agents-study --",
    about:
      "The study of the agents: every agent, tuned alike, on tasks whose optimum is known; writes docs/agents-study.md.",
  },
  {
    tasks: { type: "string", default: REPORTED.join(";") },
    tuning: { type: "string", default: TUNING.join(";") },
    agents: { type: "string", default: DEFAULT_AGENTS.join(";") },
    seeds: { type: "string", default: "10" },
    marks: { type: "string", default: "300,1000,3000" },
    table: { type: "string", default: "../shared/data/agents/resnet18-sizing.json" },
    minutes: { type: "string", default: "100000" },
    cache: { type: "string", default: join(packageRoot, "runs/agents-study") },
    out: { type: "string", default: join(packageRoot, "docs/agents-study.md") },
  },
  {
    tasks: "reported, with semicolons; default: all",
    tuning: "what settings are chosen on, with semicolons",
    agents: "names, with semicolons; default: all but grid",
    seeds: "how many: 1, 2, ...",
    marks: "numbers of trials, with commas",
    table: "measured cells of the sizing task",
    minutes: "stops after so long and writes the page of what is there",
    cache: "folder of the runs that were made",
    out: "the page to write",
  },
);
const marks = values.marks.split(",").map(Number);
const deadline = performance.now() + 60_000 * Number(values.minutes);
const isOver = () => performance.now() > deadline;
mkdirSync(values.cache, { recursive: true });
process.env.COSEARCH_STUDY_CACHE ??= values.cache;
const file = join(values.cache, "runs.jsonl");
const runs = new Map(
  (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AgentRun)
    .map((run) => [keyOf(run.task, run.agent, run.seed, budgetOf(run)), run]),
);
const tasks = new Map<string, Task>();

await initBackend("wasm");
const agents = values.agents.split(";");
const tuned = new Map<string, Readonly<Record<string, unknown>>>();
for (const agent of agents) tuned.set(agent, await tunedSettings(agent));
for (const task of values.tasks.split(";").filter(isThere)) {
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    for (const agent of agents) await runOnce(task, agentText(agent, tuned.get(agent)!), seed, marks);
  }
}
writePage();

/** The settings that did best on the tuning tasks; the default ones where time is over before all are tried. */
async function tunedSettings(agent: string): Promise<Readonly<Record<string, unknown>>> {
  const grid = GRIDS[agent] ?? [{}];
  if (grid.length === 1) return grid[0]!;
  const scores: number[][] = [];
  for (const options of grid) {
    const own: number[] = [];
    for (const task of values.tuning.split(";").filter((name) => name !== "")) {
      for (let seed = 1; seed <= TUNING_SEEDS; seed++) {
        const run = await runOnce(task, agentText(agent, options), seed, [TUNING_TRIALS]);
        if (run === undefined) return grid[0]!;
        own.push(run.area ?? Number.NEGATIVE_INFINITY);
      }
    }
    scores.push(own);
  }
  return grid[bestSetting(scores)]!;
}

/** From the cache, or made now; undefined once time is over. */
async function runOnce(
  taskName: string,
  agent: string,
  seed: number,
  at: readonly number[],
): Promise<AgentRun | undefined> {
  const key = keyOf(taskName, agent, seed, at.at(-1)!);
  const known = runs.get(key);
  if (known !== undefined) return known;
  if (isOver()) return undefined;
  const task = tasks.get(taskName) ?? (await taskOf(taskName, values.table));
  tasks.set(taskName, task);
  const run = await runAgent(task, agent, seed, at, () => performance.now());
  runs.set(key, run);
  appendFileSync(file, `${JSON.stringify(run)}\n`);
  const reached = Object.values(run.bestAt).map((best) => best?.toFixed(4) ?? "-");
  process.stderr.write(`${taskName} ${agent} ${seed}: ${reached.join(" ")}\n`);
  return run;
}

function isThere(task: string): boolean {
  if (!task.startsWith("sizing") || existsSync(values.table)) return true;
  process.stderr.write(`${task} is left out: ${values.table} is not there\n`);
  return false;
}

/** The page of the runs that are there, tasks that nothing was run on left out. */
function writePage(): void {
  const settings = Object.fromEntries(
    agents.map((agent) => [
      agent,
      Object.keys(tuned.get(agent)!).length === 0 ? "defaults" : JSON.stringify(tuned.get(agent)),
    ]),
  );
  const shown = [...runs.values()].flatMap((run) => {
    const name = agents.find((agent) => agentText(agent, tuned.get(agent)!) === run.agent);
    const isAsked = values.tasks.split(";").includes(run.task) && marks.every((mark) => mark in run.bestAt);
    return name !== undefined && isAsked ? [{ ...run, agent: name }] : [];
  });
  const facts: Record<string, TaskFacts> = {};
  for (const name of values.tasks.split(";")) {
    if (shown.some(({ task }) => task === name)) facts[name] = factsOf(name);
  }
  if (shown.length === 0) {
    process.stdout.write("no run of these tasks is there yet, so no page is written\n");
    return;
  }
  const command = `npm run experiment:agents-study -- --seeds ${values.seeds} --marks ${values.marks}`;
  const { markdown, plots } = studyPage(shown, facts, marks, settings, command);
  const images = join(values.out, "../images/agents-study");
  mkdirSync(images, { recursive: true });
  for (const [name, svg] of Object.entries(plots)) writeFileSync(join(images, name), svg);
  writeFileSync(values.out, markdown);
  process.stdout.write(`${markdown}\nwritten to ${values.out}\n`);
}

/** Optimum and worst of a task, remembered beside the runs. */
function factsOf(name: string): TaskFacts {
  const factsFile = join(values.cache, "facts.json");
  const known = (existsSync(factsFile) ? JSON.parse(readFileSync(factsFile, "utf8")) : {}) as Record<string, TaskFacts>;
  const task = tasks.get(name);
  if (task !== undefined) {
    known[name] = { optimum: task.optimum, worst: task.worst };
    writeFileSync(factsFile, JSON.stringify(known, null, 2));
  }
  return known[name] ?? { optimum: undefined, worst: undefined };
}

function keyOf(task: string, agent: string, seed: number, budget: number): string {
  return JSON.stringify([task, agent, seed, budget]);
}

function budgetOf(run: AgentRun): number {
  return Math.max(...Object.keys(run.bestAt).map(Number));
}
