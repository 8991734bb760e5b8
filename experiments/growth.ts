// Claim to be judged: an agent does not grow. Tensors, heap and buffers after many trials are what they were after the first
// thousand, and resident memory stops at what lies between two collections. Judge: this program. The heap is measured after a
// full collection, all else half a second later, when V8 has handed pages back. `V8` is what it holds, its young generation
// included, which is brought to its full 32 MiB first, as an evaluation would; `malloc` is what the C allocator holds (Linux), with
// the holes of buffers that came and went. `--collect` makes full collections on the way: what then does not grow was waiting for one.
//   node --expose-gc dist/experiments/growth.js [--agents ppo,reinforce,sac] [--trials 100000] [--batch 64] [--collect 640]
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { agentDefinition } from "../agents/index.js";
import { Space } from "../src/core/space.js";
import type { Trial } from "../src/core/trial.js";
import { initBackend, tensorCount } from "../src/tensors/backend.js";
import { scriptOptions } from "./script-options.js";

const values = scriptOptions(
  { command: "node --expose-gc dist/experiments/growth.js", about: "Memory of agents after 1,000 to 100,000 trials." },
  {
    agents: { type: "string", default: "ppo,reinforce,sac" },
    trials: { type: "string", default: "100000" },
    batch: { type: "string", default: "64" },
    options: { type: "string", default: "{}" },
    collect: { type: "string" },
  },
  {
    agents: "names, with commas",
    trials: "the last mark",
    batch: "trials per update",
    options: "of the agents, JSON",
    collect: "trials between full collections; default: only at the marks",
  },
);

/** Twenty knobs of six levels; the optimum is 5 everywhere. */
const space = new Space({
  name: "growth",
  knobs: Array.from({ length: 20 }, (_, i) => ({ name: `k${i}`, values: [0, 1, 2, 3, 4, 5] })),
});
const SETTLING_MS = 500;
const SMAPS = "/proc/self/smaps";

async function sizes(usesTensors: boolean): Promise<(string | number)[]> {
  globalThis.gc?.();
  const { heapUsed } = process.memoryUsage();
  await wait(SETTLING_MS);
  const { arrayBuffers, heapTotal, rss } = process.memoryUsage();
  const tensors = usesTensors ? await tensorCount() : 0;
  return [tensors, mib(heapUsed), mib(arrayBuffers), mib(heapTotal), mallocMib(), mib(rss)];
}

/** Resident part of the C allocator's main arena. */
function mallocMib(): string {
  if (!existsSync(SMAPS)) return "";
  const [, afterHeap = ""] = readFileSync(SMAPS, "utf8").split("[heap]");
  return mib(Number(/^Rss:\s+(\d+) kB/m.exec(afterHeap)?.[1] ?? 0) * 1024);
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

/** Lets V8's young generation grow, which it does once that much of it has survived: 64 MiB of arrays, of which 2 MiB live. */
function fillYoungGeneration(): void {
  const live: number[][] = [];
  for (let i = 0; i < 64 * 1024; i++) live[i % 2048] = new Array<number>(128).fill(i);
}

if (globalThis.gc === undefined) process.stderr.write("without --expose-gc the heap is measured with its garbage\n");
process.stdout.write("| agent | trials | tensors | heap MiB | buffers MiB | V8 MiB | malloc MiB | resident MiB |\n");
process.stdout.write("|---|---|---|---|---|---|---|---|\n");
fillYoungGeneration();
for (const name of values.agents.split(",")) {
  const definition = agentDefinition(name);
  if (definition.usesTensors) await initBackend("wasm");
  const options = definition.resolveOptions(JSON.parse(values.options) as Record<string, unknown>);
  const agent = await definition.create(space, options, 1);
  const end = Number(values.trials);
  const marks = [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000].filter((mark) => mark <= end);
  const collectEvery = Number(values.collect ?? Number.POSITIVE_INFINITY);
  let done = 0;
  let collected = 0;
  for (const mark of marks) {
    while (done < mark) {
      const candidates = await agent.propose(Number(values.batch));
      if (candidates.length === 0) break;
      const trials = candidates.map((candidate): Trial => {
        const reward = Object.values(candidate).reduce<number>((sum, level) => sum + Number(level), 0);
        return { trial: done++, candidate, reward };
      });
      await agent.observe(trials);
      if (done - collected < collectEvery) continue;
      globalThis.gc?.();
      collected = done;
    }
    process.stdout.write(`| ${[name, done, ...(await sizes(definition.usesTensors))].join(" | ")} |\n`);
  }
  agent.dispose();
}
