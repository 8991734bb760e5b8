import { readFileSync } from "node:fs";
import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import { createRunFolder, openRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { workerEvaluator } from "../../src/study/worker-evaluator.js";
import { tempRoot } from "./temp-root.js";
import { tickingClock, toyPlan, toySpace } from "./toy.js";

const module = new URL("./fixtures/worker.js", import.meta.url);
const candidate = toySpace.decode([4, 2, 0, -1]);

describe("evaluation in worker threads", () => {
  it("hands the candidate and the options over", async () => {
    const evaluator = workerEvaluator({ workers: 1, module, options: { scale: 10 } });
    expect(await evaluator.evaluate(candidate)).toEqual({ kind: "measured", metrics: { latencyMs: 10 * 5 + 2 } });
    await evaluator.dispose();
  });

  it("uses as many threads as asked", async () => {
    const evaluator = workerEvaluator({ workers: 3, module, options: { tellThread: true } });
    const answers = await Promise.all(Array.from({ length: 30 }, () => evaluator.evaluate(candidate)));
    expect(new Set(answers.map((answer) => answer.kind === "measured" && answer.metrics.threadId)).size).toBe(3);
    await evaluator.dispose();
  });

  it("can be disposed of while evaluations are under way, which then reject", async () => {
    for (let round = 0; round < 20; round++) {
      const evaluator = workerEvaluator({ workers: 2, module, options: { scale: 10 } });
      const evaluations = Array.from({ length: 8 }, () => evaluator.evaluate(candidate));
      await Promise.race(evaluations);
      const settled = Promise.allSettled(evaluations);
      await evaluator.dispose();
      expect((await settled).map(({ status }) => status)).toContain("rejected");
    }
  });

  it("gives the same trials file with 1 and 4 workers", async () => {
    const files: string[] = [];
    for (const workers of [1, 4]) {
      const evaluator = workerEvaluator({ workers, module, options: { scale: 2 } });
      const plan = toyPlan({
        evaluator,
        score: (e) => ({ reward: e.kind === "measured" ? -e.metrics.latencyMs! : -99 }),
      });
      const folder = createRunFolder(tempRoot(), plan, tickingClock());
      await lastValueFrom(runStudy(plan, folder));
      files.push(readFileSync(folder.file("trials.jsonl"), "utf8"));
      await evaluator.dispose();
    }
    expect(files[0]!.split("\n").length).toBe(201);
    expect(files[1]).toBe(files[0]);
  });

  it("maps a worker that throws, or dies, to EVALUATION_FAILED, and the run can be resumed", async () => {
    for (const [trouble, cause] of [
      [{ throwAt: 4 }, /network\/x":4.*threw: cannot do 4/],
      [{ dieAt: 4 }, /network\/x":4.*threw: /],
    ] as const) {
      const bad = workerEvaluator({ workers: 2, module, options: { scale: 2, ...trouble } });
      const score = () => ({ reward: 0 });
      const plan = toyPlan({ evaluator: bad, score });
      const folder = createRunFolder(tempRoot(), plan, tickingClock());
      const failure = await lastValueFrom(runStudy(plan, folder)).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "EVALUATION_FAILED", message: expect.stringMatching(cause) });
      await bad.dispose();
      const evaluator = workerEvaluator({ workers: 2, module, options: { scale: 2 } });
      const end = await lastValueFrom(
        runStudy(toyPlan({ evaluator, score }), openRunFolder(folder.path, tickingClock())),
      );
      expect(end).toMatchObject({ kind: "finished", summary: { trialCount: 200 } });
      await evaluator.dispose();
    }
  });
});
