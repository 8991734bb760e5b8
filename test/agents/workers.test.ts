// The number of workers changes who evaluates what and when, never a trial: for every agent, through a whole run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { lastValueFrom } from "rxjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { agentDefinitions } from "../../agents/index.js";
import type { Evaluator } from "../../src/core/environment.js";
import type { Evaluation } from "../../src/core/trial.js";
import { createRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { workerEvaluator } from "../../src/study/worker-evaluator.js";
import { initBackend } from "../../src/tensors/backend.js";
import { tempRoot } from "../study/temp-root.js";
import { tickingClock, toyPlan, toySpace } from "../study/toy.js";

const module = new URL("../study/fixtures/worker.js", import.meta.url);
const score = (evaluation: Evaluation): { readonly reward: number } => ({
  reward: evaluation.kind === "measured" ? -evaluation.metrics.latencyMs! : -1000,
});
const evaluators: Evaluator[] = [];
beforeAll(async () => {
  await initBackend("wasm");
  for (const workers of [1, 4]) evaluators.push(workerEvaluator({ workers, module, options: { scale: 10 } }));
});
afterAll(async () => {
  for (const evaluator of evaluators) await evaluator.dispose();
});

it.each(
  agentDefinitions.map(({ name }) => name),
)("agent %s makes the same trials and updates with 1 and 4 workers", async (name) => {
  const definition = agentDefinitions.find((item) => item.name === name)!;
  const records: string[] = [];
  for (const evaluator of evaluators) {
    const agent = await definition.create(toySpace, definition.resolveOptions({}), 5);
    const plan = toyPlan({ agentName: name, agent, evaluator, score, trials: 32, batchSize: 8, checkpointEvery: 100 });
    const folder = createRunFolder(tempRoot(), plan, tickingClock());
    await lastValueFrom(runStudy(plan, folder));
    agent.dispose();
    records.push(
      ["trials", "updates", "policy"]
        .map((part) => readFileSync(join(folder.path, `${part}.jsonl`), "utf8"))
        .join("\n"),
    );
  }
  expect(records[0]!.match(/"reward"/g)).toHaveLength(32);
  expect(records[1]).toBe(records[0]);
});
