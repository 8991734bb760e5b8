import { readFileSync } from "node:fs";
import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import { CosearchError } from "../../src/core/errors.js";
import { createRunFolder, openRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { runLog } from "../../src/track/run-log.js";
import { tempRoot } from "../study/temp-root.js";
import { tickingClock, toyPlan } from "../study/toy.js";

const logOf = (file: string): Record<string, unknown>[] =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("the log", () => {
  it("holds JSON lines with the time that the clock says, over all sessions; the console gets readable ones", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan({ trials: 40 }), tickingClock());
    const file = folder.file("log.jsonl");
    const lines: string[] = [];
    const first = runLog({ file, clock: () => Date.UTC(2026, 0, 1), console: (text) => lines.push(text) });
    await lastValueFrom(runStudy(toyPlan({ trials: 40 }), folder, { listeners: [first] }));
    expect(logOf(file).map(({ event }) => event)).toEqual(["started", "update", "update", "checkpoint", "finished"]);
    expect(logOf(file)[0]).toMatchObject({ level: "info", time: "2026-01-01T00:00:00.000Z", run: { seed: 1 } });
    expect(logOf(file)[1]).toMatchObject({ level: "debug", "train/mean_x": expect.any(Number) });
    expect(lines.map((line) => line.trim())).toEqual([
      `toy with drifting, seed 1, 40 trials, in ${folder.path}`,
      "finished after 40 trials",
    ]);
    const second = runLog({ file, clock: () => 0 });
    const again = toyPlan({ trials: 41, versions: { cosearch: "9" } });
    await lastValueFrom(runStudy(again, openRunFolder(folder.path, tickingClock()), { listeners: [second] }));
    const events = logOf(file).map(({ event }) => event);
    expect(events.slice(5)).toEqual(["resumed", "note", "finished"]);
    expect(logOf(file)[6]).toMatchObject({ level: "warn", message: "cosearch was 0.0.0 and is 9: results may move" });
  });

  it("keeps the stack of what made an evaluation fail", async () => {
    const evaluate = async function thePlaceToLookAt(): Promise<never> {
      throw new TypeError("x is undefined");
    };
    const evaluator = { concurrency: 1, evaluate, dispose: async () => {} };
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    const log = runLog({ file: folder.file("log.jsonl"), clock: () => 0 });
    await lastValueFrom(runStudy(toyPlan({ evaluator }), folder, { listeners: [log] })).catch(() => {});
    const last = logOf(folder.file("log.jsonl")).at(-1);
    expect(last).toMatchObject({
      code: "EVALUATION_FAILED",
      stack: expect.stringMatching(/TypeError.*thePlaceToLookAt/s),
    });
  });

  it("keeps the failure with its code", async () => {
    const score = (): never => {
      throw new CosearchError("REWARD_BAD", "no such metric");
    };
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    const log = runLog({ file: folder.file("log.jsonl"), clock: () => 0 });
    await lastValueFrom(runStudy(toyPlan({ score }), folder, { listeners: [log] })).catch(() => {});
    const last = logOf(folder.file("log.jsonl")).at(-1);
    expect(last).toMatchObject({ level: "error", event: "failed", code: "REWARD_BAD", message: "no such metric" });
  });
});
