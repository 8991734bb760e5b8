import { readFileSync, writeFileSync } from "node:fs";
import { lastValueFrom, tap, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { CONTROL_FILE, NO_CONTROL, readControl, writeControl } from "../../src/study/control.js";
import type { RunEvent } from "../../src/study/events.js";
import { createRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { tempRoot } from "./temp-root.js";
import { tickingClock, toyPlan } from "./toy.js";

/** Runs, and calls `at` with each event. */
async function run(trials: number, at: (event: RunEvent, folder: string) => void): Promise<[RunEvent[], string]> {
  const plan = toyPlan({ trials });
  const folder = createRunFolder(tempRoot(), plan, tickingClock());
  const events = await lastValueFrom(
    runStudy(plan, folder).pipe(
      tap((event) => at(event, folder.path)),
      toArray(),
    ),
  );
  return [events, folder.path];
}

const trialsOf = (events: readonly RunEvent[]): number => events.filter(({ kind }) => kind === "trial").length;
const isUpdateAt = (event: RunEvent, trialCount: number): boolean =>
  event.kind === "update" && event.trialCount === trialCount;

describe("the control file", () => {
  it("stops a run after the batch under way, resumable", async () => {
    const [events] = await run(64, (event, folder) => {
      if (event.kind === "trial" && event.trial.trial === 20) writeControl(folder, { paused: false, stop: true });
    });
    expect(trialsOf(events)).toBe(32);
    expect(events.at(-1)?.kind).toBe("interrupted");
  });

  it("raises the budget of a run, and its trials equal those of a run that had that budget", async () => {
    const [raised, folder] = await run(32, (event, path) => {
      if (isUpdateAt(event, 16)) writeControl(path, { paused: false, stop: false, trials: 64 });
    });
    const [whole, other] = await run(64, () => {});
    expect(trialsOf(raised)).toBe(64);
    expect(trialsOf(whole)).toBe(64);
    expect(readFileSync(`${folder}/trials.jsonl`, "utf8")).toBe(readFileSync(`${other}/trials.jsonl`, "utf8"));
    expect(JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8")).trials).toBe(64);
  });

  it("never lowers a budget", async () => {
    const [events] = await run(64, (event, folder) => {
      if (isUpdateAt(event, 16)) writeControl(folder, { paused: false, stop: false, trials: 17 });
    });
    expect(trialsOf(events)).toBe(64);
  });

  it("pauses between batches until told to go on", async () => {
    const counts: number[] = [];
    let trials = 0;
    const [events] = await run(64, (event, folder) => {
      if (event.kind === "trial") trials++;
      if (!isUpdateAt(event, 16)) return;
      writeControl(folder, { paused: true, stop: false });
      setTimeout(() => {
        counts.push(trials);
        writeControl(folder, NO_CONTROL);
      }, 400);
    });
    expect(counts).toEqual([16]); // 400 ms later nothing had moved
    expect(trialsOf(events)).toBe(64);
  });

  it("is nothing when it is missing, broken or too long", () => {
    const folder = tempRoot();
    expect(readControl(folder)).toEqual(NO_CONTROL);
    for (const text of ["{", "[]", '{"stop":"yes"}', `{"stop":true}${" ".repeat(5000)}`]) {
      writeFileSync(`${folder}/${CONTROL_FILE}`, text);
      expect(readControl(folder)).toEqual(NO_CONTROL);
    }
  });
});
