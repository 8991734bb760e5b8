import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../src/study/events.js";
import { createRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { frontOf, readRun, trialsOf, updatesOf } from "../../src/track/run-reader.js";
import { tempRoot } from "../study/temp-root.js";
import { tickingClock, toyPlan } from "../study/toy.js";

describe("reading a run", () => {
  it("gives what the run itself said at its end", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    const last = await lastValueFrom(runStudy(toyPlan(), folder));
    const { status, summary, manifest } = readRun(folder.path);
    if (last.kind !== "finished") throw new Error(last.kind);
    const { wallSeconds, ...figures } = last.summary;
    expect(summary).toMatchObject(figures);
    expect(status).toBe("finished");
    expect(manifest).toMatchObject({ studyName: "toy", agentName: "drifting", seed: 1, trials: 200 });
    expect([...trialsOf(folder.path)].length).toBe(200);
    expect([...updatesOf(folder.path)].map(({ trialCount }) => trialCount)).toEqual(
      Array.from({ length: 12 }, (_, i) => 16 * (i + 1)),
    );
  });

  it("works on a run that is being written and one that was stopped, torn line and all", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    expect(readRun(folder.path)).toMatchObject({ status: "running", summary: { trialCount: 0, best: null } });
    const stop = new AbortController();
    const seen: string[] = [];
    const next = (event: RunEvent) => {
      if (event.kind !== "trial" || event.trial.trial !== 50) return;
      seen.push(readRun(folder.path).status);
      stop.abort();
    };
    await lastValueFrom(runStudy(toyPlan(), folder, { signal: stop.signal, listeners: [{ name: "reader", next }] }));
    expect(seen).toEqual(["running"]);
    appendFileSync(join(folder.path, "trials.jsonl"), '{"trial":51,');
    appendFileSync(join(folder.path, "updates.jsonl"), '{"trial');
    expect(readRun(folder.path)).toMatchObject({
      status: "stopped",
      summary: { trialCount: 51, status: "interrupted" },
    });
    expect([...updatesOf(folder.path)].length).toBe(3);
  });

  it("finds the front of the feasible trials", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await lastValueFrom(runStudy(toyPlan(), folder));
    const front = frontOf(folder.path, [
      { metric: "latencyMs", sense: "minimise" },
      { metric: "areaMm2", sense: "minimise" },
    ]);
    const feasible = [...trialsOf(folder.path)].filter((trial) => trial.infeasible === undefined);
    expect(front.length).toBeGreaterThan(1);
    for (const { metrics } of front) {
      const beats = feasible.filter(
        (other) =>
          other.metrics!.latencyMs! <= metrics!.latencyMs! &&
          other.metrics!.areaMm2! <= metrics!.areaMm2! &&
          (other.metrics!.latencyMs! < metrics!.latencyMs! || other.metrics!.areaMm2! < metrics!.areaMm2!),
      );
      expect(beats).toEqual([]);
    }
  });
});
