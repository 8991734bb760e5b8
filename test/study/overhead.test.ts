// What the pipeline itself costs, with an environment and an agent that cost nothing, on trials as large as a real study's.
import { rmSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import type { Evaluation } from "../../src/core/trial.js";
import type { RunEvent } from "../../src/study/events.js";
import { createRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { tempRoot } from "./temp-root.js";
import { DriftingAgent, toyPlan } from "./toy.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const space = new Space({
  name: "wide",
  knobs: Array.from({ length: 45 }, (_, i) => ({ name: `network/block${i}.kernel`, values: [3, 5, 7, 9] })),
});
const evaluation: Evaluation = {
  kind: "measured",
  metrics: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`metric${i}Bytes`, 12345.678 * i])),
};

describe("the pipeline", () => {
  it("takes well under a millisecond a trial, and after 20,000 trials holds what it held after 2,000", async () => {
    const random = RandomStream.of(1, "overhead");
    const agent = new DriftingAgent(space, 1);
    agent.propose = (count) => Array.from({ length: count }, () => space.decode(space.sample(random)));
    agent.observe = () => ({});
    const evaluator = { concurrency: 1, evaluate: async () => evaluation, dispose: async () => {} };
    const score = () => ({ reward: 1 });
    const plan = toyPlan({ space, agent, evaluator, score, trials: 20_000, batchSize: 64, checkpointEvery: 10 });
    const folder = createRunFolder(tempRoot(), plan, Date.now);
    const start = performance.now();
    const heapAfter = new Map<number, number>(); // by trials, without garbage
    const next = (event: RunEvent): void => {
      if (event.kind === "trial" && [2000, 19_999].includes(event.trial.trial)) {
        collectGarbage();
        heapAfter.set(event.trial.trial, process.memoryUsage().heapUsed);
      }
    };
    const last = await lastValueFrom(runStudy(plan, folder, { listeners: [{ name: "memory", next }] }));
    const microsecondsPerTrial = (1000 * (performance.now() - start)) / 20_000;
    rmSync(folder.path, { recursive: true });
    expect(last).toMatchObject({ kind: "finished", summary: { trialCount: 20_000 } });
    expect(microsecondsPerTrial).toBeLessThan(1000); // about 40 on a free core
    expect((heapAfter.get(19_999)! - heapAfter.get(2000)!) / 18_000).toBeLessThan(100); // bytes; all outcomes would be 1,500
  });
});
