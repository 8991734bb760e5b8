// Claim to be judged: an agent does not grow. Tensors, heap and resident memory after many trials are what they were after the
// first thousand. Judge: this program; the heap is measured after a full collection.
//   node --expose-gc dist/experiments/growth.js [--agents ppo,reinforce,sac] [--trials 100000] [--batch 64]
import { parseArgs } from "node:util";
import { agentDefinition } from "../agents/index.js";
import { Space } from "../src/core/space.js";
import type { Trial } from "../src/core/trial.js";
import { initBackend, tensorCount } from "../src/tensors/backend.js";

const { values } = parseArgs({
  options: {
    agents: { type: "string", default: "ppo,reinforce,sac" },
    trials: { type: "string", default: "100000" },
    batch: { type: "string", default: "64" },
    options: { type: "string", default: "{}" },
  },
});

/** Twenty knobs of six levels; the optimum is 5 everywhere. */
const space = new Space({
  name: "growth",
  knobs: Array.from({ length: 20 }, (_, i) => ({ name: `k${i}`, values: [0, 1, 2, 3, 4, 5] })),
});

interface Sizes {
  readonly tensors: number;
  readonly heapMib: number;
  readonly rssMib: number;
}

async function sizes(): Promise<Sizes> {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { tensors: await tensorCount(), heapMib: heapUsed / 2 ** 20, rssMib: rss / 2 ** 20 };
}

await initBackend("wasm");
if (globalThis.gc === undefined) process.stderr.write("without --expose-gc the heap is measured with its garbage\n");
process.stdout.write("| agent | trials | tensors | heap MiB | resident MiB |\n|---|---|---|---|---|\n");
for (const name of values.agents.split(",")) {
  const definition = agentDefinition(name);
  const options = definition.resolveOptions(JSON.parse(values.options) as Record<string, unknown>);
  const agent = await definition.create(space, options, 1);
  const end = Number(values.trials);
  const marks = [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000].filter((mark) => mark <= end);
  let done = 0;
  for (const mark of marks) {
    while (done < mark) {
      const candidates = await agent.propose(Number(values.batch));
      if (candidates.length === 0) break;
      const trials = candidates.map((candidate): Trial => {
        const reward = Object.values(candidate).reduce<number>((sum, level) => sum + Number(level), 0);
        return { trial: done++, candidate, reward };
      });
      await agent.observe(trials);
    }
    const { tensors, heapMib, rssMib } = await sizes();
    process.stdout.write(`| ${name} | ${done} | ${tensors} | ${heapMib.toFixed(1)} | ${rssMib.toFixed(0)} |\n`);
  }
  agent.dispose();
}
