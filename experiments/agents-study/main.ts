// Claim to be judged: which agent is best after 300, 1,000 and 3,000 trials, on tasks whose optimum is known and on the full
// joint space. Same budget, same seeds, same tasks for all; the page says only what the intervals allow.
// Judge: this program. Every run is a line of <out>.jsonl and is not made twice, so a long study can be stopped and continued.
//   node dist/experiments/agents-study/main.js [--tasks a;b] [--agents a;b] [--seeds 3] [--marks 100,300,1000] [--table FILE]
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { agentDefinitions } from "../../agents/index.js";
import { packageRoot } from "../../src/files/package-root.js";
import { initBackend } from "../../src/tensors/backend.js";
import { studyPage } from "./page.js";
import { type AgentRun, runAgent } from "./run-agent.js";
import { taskOf } from "./tasks.js";

const DEFAULT_TASKS = ["chain:20", "sizing:0.1", "sizing:0.05", "study:edge-chip", "study:edge-joint"];
const DEFAULT_AGENTS = agentDefinitions.map(({ name }) => name).filter((name) => name !== "grid");

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: DEFAULT_TASKS.join(";") },
    agents: { type: "string", default: DEFAULT_AGENTS.join(";") },
    seeds: { type: "string", default: "3" },
    marks: { type: "string", default: "100,300,1000" },
    table: { type: "string", default: "../shared/data/agents/resnet18-sizing.json" },
    out: { type: "string", default: join(packageRoot, "experiments/agents-study/study") },
  },
});
const marks = values.marks.split(",").map(Number);
const file = `${values.out}.jsonl`;
const runs: AgentRun[] = existsSync(file)
  ? readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as AgentRun)
  : [];
const done = new Set(runs.map(({ task, agent, seed }) => `${task} ${agent} ${seed}`));
const optima: Record<string, number | undefined> = {};

await initBackend("wasm");
for (const taskName of values.tasks.split(";")) {
  if (taskName.startsWith("sizing") && !existsSync(values.table)) {
    process.stderr.write(`${taskName} is left out: ${values.table} is not there\n`);
    continue;
  }
  const task = await taskOf(taskName, values.table);
  optima[taskName] = task.optimum;
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    for (const agent of values.agents.split(";")) {
      if (done.has(`${taskName} ${agent} ${seed}`)) continue;
      const run = await runAgent(task, agent, seed, marks, () => performance.now());
      runs.push(run);
      appendFileSync(file, `${JSON.stringify(run)}\n`);
      process.stderr.write(
        `${taskName} ${agent} ${seed}: ${Object.values(run.bestAt)
          .map((v) => v?.toFixed(4))
          .join(" ")}\n`,
      );
    }
  }
}
const page = studyPage(runs, optima, marks);
writeFileSync(`${values.out}.md`, page);
process.stdout.write(page);
