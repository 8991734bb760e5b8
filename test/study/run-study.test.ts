import { readFileSync } from "node:fs";
import { lastValueFrom, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.js";
import type { Candidate, Evaluation } from "../../src/core/trial.js";
import type { RunEvent } from "../../src/study/events.js";
import type { StudyPlan } from "../../src/study/plan.js";
import { createRunFolder, type RunFolder } from "../../src/study/run-folder.js";
import { type RunOptions, runStudy } from "../../src/study/run-study.js";
import { tempRoot } from "./temp-root.js";
import { DriftingAgent, tickingClock, toyEvaluation, toyPlan, toySpace } from "./toy.js";

const newFolder = (plan: StudyPlan): RunFolder => createRunFolder(tempRoot(), plan, tickingClock());

async function run(plan: StudyPlan, options: RunOptions = {}): Promise<{ folder: RunFolder; events: RunEvent[] }> {
  const folder = newFolder(plan);
  return { folder, events: await lastValueFrom(runStudy(plan, folder, options).pipe(toArray())) };
}

const read = (folder: RunFolder, name: string): string => readFileSync(folder.file(name), "utf8");
const lines = (folder: RunFolder): { trial: number; reward: number }[] =>
  read(folder, "trials.jsonl")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Answers after a random number of milliseconds, so in another order than asked. */
function slowEvaluator(concurrency: number, seed: number): StudyPlan["evaluator"] {
  const random = RandomStream.of(seed, "delays");
  return {
    concurrency,
    evaluate: (candidate) => new Promise((done) => setTimeout(() => done(toyEvaluation(candidate)), random.integer(6))),
    dispose: async () => {},
  };
}

describe("a run", () => {
  it("tells started, then batches of trials, update and now and then checkpoint, then finished", async () => {
    const { events, folder } = await run(toyPlan({ trials: 64 }));
    const kinds = events.map((event) => event.kind);
    const batch = Array.from({ length: 16 }, () => "trial");
    const two = [...batch, "update", ...batch, "update", "checkpoint"];
    expect(kinds).toEqual(["started", ...two, ...two, "finished"]);
    expect(folder.id).toBe("toy-drifting-s1-20260102-030406");
    expect(lines(folder).map(({ trial }) => trial)).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });

  it("summarises what the trials file says", async () => {
    const { events, folder } = await run(toyPlan());
    const last = events.at(-1)!;
    if (last.kind !== "finished") throw new Error(last.kind);
    const trials = lines(folder) as { trial: number; reward: number; candidate: Candidate; infeasible?: unknown }[];
    const feasible = trials.filter((trial) => trial.infeasible === undefined);
    const best = Math.max(...feasible.map((trial) => trial.reward));
    const distinct = new Set(trials.map(({ candidate }) => JSON.stringify(candidate)));
    expect(last.summary).toMatchObject({
      runId: folder.id,
      status: "finished",
      trialCount: 200,
      feasibleCount: feasible.length,
      cacheHitCount: 200 - distinct.size,
      best: { reward: best, feasible: true, trial: feasible.find((trial) => trial.reward === best)!.trial },
    });
    expect(feasible.length).toBeLessThan(200); // the study has infeasible designs, and
    expect(distinct.size).toBeLessThan(200); // repeated ones
    expect(JSON.parse(read(folder, "summary.json"))).toEqual(last.summary);
  });

  it("evaluates every candidate once, and counts the repeated ones as trials", async () => {
    const asked: string[] = [];
    const evaluator: StudyPlan["evaluator"] = {
      concurrency: 4,
      evaluate: async (candidate) => {
        asked.push(JSON.stringify(candidate));
        return toyEvaluation(candidate);
      },
      dispose: async () => {},
    };
    const { events } = await run(toyPlan({ evaluator }));
    const hits = events.filter((event) => event.kind === "trial" && event.cached).length;
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.length + hits).toBe(200);
  });

  it("gives the same files with 1, 2 and 8 evaluations under way that finish in any order", async () => {
    const reference = await run(toyPlan({ trials: 96 }));
    for (const concurrency of [1, 2, 8]) {
      const { folder, events } = await run(toyPlan({ trials: 96, evaluator: slowEvaluator(concurrency, concurrency) }));
      expect(read(folder, "trials.jsonl")).toBe(read(reference.folder, "trials.jsonl"));
      expect(read(folder, "updates.jsonl")).toBe(read(reference.folder, "updates.jsonl"));
      expect(events.slice(1, -1)).toEqual(reference.events.slice(1, -1));
    }
  });

  it("never has more evaluations under way than the evaluator allows, nor proposes ahead", async () => {
    let [now, peak] = [0, 0];
    const evaluator: StudyPlan["evaluator"] = {
      concurrency: 3,
      evaluate: async (candidate) => {
        peak = Math.max(peak, ++now);
        await new Promise((done) => setTimeout(done, 1));
        now--;
        return toyEvaluation(candidate);
      },
      dispose: async () => {},
    };
    await run(toyPlan({ trials: 64, evaluator }));
    expect(peak).toBe(3);
  });

  it("records and emits a trial as soon as its turn comes, not at the end of the batch", async () => {
    const plan = toyPlan({ trials: 16 });
    const folder = newFolder(plan);
    const whenEvaluated: number[] = [];
    const evaluate = async (candidate: Candidate): Promise<Evaluation> => {
      await new Promise((done) => setImmediate(done));
      whenEvaluated.push(read(folder, "trials.jsonl").split("\n").length - 1);
      return toyEvaluation(candidate);
    };
    const evaluator = { concurrency: 1, evaluate, dispose: async () => {} };
    await lastValueFrom(runStudy({ ...plan, evaluator }, folder));
    expect(whenEvaluated[0]).toBe(0);
    expect(whenEvaluated.at(-1)).toBeGreaterThan(10);
  });

  it("survives 5,000 cache hits in one batch and in many", async () => {
    const one: Candidate = toySpace.decode([7, 3, 0, -1]);
    for (const batchSize of [6000, 1]) {
      const agent = new DriftingAgent(toySpace, 1);
      agent.propose = (count) => Array.from({ length: count }, () => one);
      const { events } = await run(toyPlan({ agent, batchSize, trials: 6000, checkpointEvery: 1e6 }));
      const last = events.at(-1)!;
      expect(last.kind === "finished" && last.summary.cacheHitCount).toBe(5999);
    }
  });

  it("ends when the agent has nothing left to propose", async () => {
    const agent = new DriftingAgent(toySpace, 1);
    const all = [...toySpace.enumerate()].slice(0, 21).map((codes) => toySpace.decode(codes));
    agent.propose = (count) => all.splice(0, count);
    const { events } = await run(toyPlan({ agent }));
    const last = events.at(-1)!;
    expect(last.kind === "finished" && last.summary).toMatchObject({ status: "exhausted", trialCount: 21 });
  });
});

describe("what goes wrong", () => {
  const failing = (bad: number, concurrency: number): StudyPlan["evaluator"] => {
    let count = 0;
    return {
      concurrency,
      evaluate: async (candidate) => {
        const mine = count++;
        await new Promise((done) => setTimeout(done, mine === bad ? 0 : 2));
        if (mine === bad) throw new Error("out of paper");
        return toyEvaluation(candidate);
      },
      dispose: async () => {},
    };
  };

  it("stops with EVALUATION_FAILED naming candidate and cause, after the trials before it", async () => {
    const reference = await run(toyPlan());
    for (const concurrency of [1, 4]) {
      const plan = toyPlan({ evaluator: failing(20, concurrency) });
      const folder = newFolder(plan);
      const seen: RunEvent[] = [];
      const failure = await new Promise((done) =>
        runStudy(plan, folder).subscribe({ next: (event) => seen.push(event), error: done }),
      );
      expect(failure).toMatchObject({ code: "EVALUATION_FAILED", message: expect.stringMatching(/network\/x.*paper/) });
      const recorded = read(folder, "trials.jsonl");
      expect(read(reference.folder, "trials.jsonl").startsWith(recorded)).toBe(true);
      expect(recorded.trimEnd().split("\n").length).toBeGreaterThanOrEqual(20);
      expect(seen.filter((event) => event.kind === "trial").length).toBe(recorded.trimEnd().split("\n").length);
    }
  });

  it("refuses proposals outside the space, rewards and metrics that are no numbers", async () => {
    const outside = new DriftingAgent(toySpace, 1);
    outside.propose = () => [{ "network/x": 99, "accelerator/y": 0, "accelerator/kind": "a" }];
    await expect(run(toyPlan({ agent: outside }))).rejects.toMatchObject({ code: "AGENT_BAD_PROPOSAL" });
    const many = new DriftingAgent(toySpace, 1);
    const propose = many.propose.bind(many);
    many.propose = (count) => propose(count + 1);
    await expect(run(toyPlan({ agent: many }))).rejects.toMatchObject({ code: "AGENT_BAD_PROPOSAL" });
    await expect(run(toyPlan({ score: () => ({ reward: Number.NaN }) }))).rejects.toMatchObject({ code: "REWARD_BAD" });
    const evaluate = async (): Promise<Evaluation> => ({ kind: "measured", metrics: { latencyMs: Infinity } });
    const evaluator = { concurrency: 1, evaluate, dispose: async () => {} };
    await expect(run(toyPlan({ evaluator }))).rejects.toMatchObject({ code: "ENVIRONMENT_BAD_RESULT" });
  });

  it("takes a listener that throws off, reports it once, and runs on unchanged", async () => {
    const reference = await run(toyPlan());
    const reports: string[] = [];
    const heard: RunEvent[] = [];
    const { folder } = await run(toyPlan(), {
      listeners: [
        {
          name: "broken",
          next: (event) => {
            if (event.kind === "trial") throw new Error("no more ink");
          },
        },
        { name: "sound", next: (event) => heard.push(event) },
      ],
      onListenerError: (name, error) => reports.push(`${name}: ${(error as Error).message}`),
    });
    expect(reports).toEqual(["broken: no more ink"]);
    expect(heard.map((event) => event.kind)).toEqual(reference.events.map((event) => event.kind));
    expect(read(folder, "trials.jsonl")).toBe(read(reference.folder, "trials.jsonl"));
  });
});

describe("the signal", () => {
  it("ends the run at the trial under way and says how to resume", async () => {
    const stop = new AbortController();
    const stopAt = {
      name: "stop",
      next: (event: RunEvent) => void (event.kind === "trial" && event.trial.trial === 36 && stop.abort()),
    };
    const { events, folder } = await run(toyPlan(), { signal: stop.signal, listeners: [stopAt] });
    const last = events.at(-1)!;
    expect(lines(folder).length).toBe(37);
    expect(last).toMatchObject({ kind: "interrupted", resumeCommand: `cosearch resume ${folder.path}` });
    expect(last.kind === "interrupted" && last.summary).toMatchObject({ status: "interrupted", trialCount: 37 });
  });

  it("does not wait for evaluations under way", async () => {
    const stop = new AbortController();
    const evaluator = { concurrency: 2, evaluate: () => new Promise<Evaluation>(() => {}), dispose: async () => {} };
    setTimeout(() => stop.abort(), 20);
    const { events } = await run(toyPlan({ evaluator }), { signal: stop.signal });
    expect(events.map((event) => event.kind)).toEqual(["started", "interrupted"]);
  });
});
