import { readdirSync, readFileSync, truncateSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { lastValueFrom, tap } from "rxjs";
import { describe, expect, it } from "vitest";
import type { RunListener } from "../../../src/study/listeners.js";
import type { StudyPlan } from "../../../src/study/plan.js";
import { createRunFolder, openRunFolder, type RunFolder } from "../../../src/study/run-folder.js";
import { runStudy } from "../../../src/study/run-study.js";
import { policiesOf, trialsOf, updatesOf } from "../../../src/track/run-reader.js";
import { eventFileOf, readRecords } from "../../../src/track/tensorboard/event-file.js";
import { type EventRead, fieldsOf, readEvent } from "../../../src/track/tensorboard/events.js";
import { KnobHistograms } from "../../../src/track/tensorboard/knob-histograms.js";
import { tensorboard } from "../../../src/track/tensorboard/tensorboard.js";
import { tempRoot } from "../../study/temp-root.js";
import { tickingClock, toyPlan, toySpace } from "../../study/toy.js";

const listener = (): RunListener =>
  tensorboard({ space: toySpace.toData(), hparams: { rate: 0.5, on: true, list: [1, 2] }, clock: tickingClock() });

/** Runs, or goes on; ended after so many trials of this session when `stopAfter` says so. */
async function session(
  folder: RunFolder,
  plan: StudyPlan,
  stopAfter?: number,
  listeners = [listener()],
): Promise<void> {
  const stop = new AbortController();
  let count = 0;
  const onEvent = (event: { kind: string }): void => {
    if (event.kind === "trial" && ++count === stopAfter) stop.abort();
  };
  await lastValueFrom(runStudy(plan, folder, { signal: stop.signal, listeners }).pipe(tap(onEvent)));
}

const eventsOf = (runFolder: string): EventRead[] =>
  [...readRecords(readFileSync(eventFileOf(runFolder) ?? "none"))].map(({ data }) => readEvent(data));
const stepsOf = (runFolder: string): number[] =>
  eventsOf(runFolder)
    .filter(({ values }) => values.some(({ tag }) => tag.startsWith("rollout") || tag.startsWith("search")))
    .map(({ step }) => step);
const float = (value: number): number => Math.fround(value);

describe("the event file", () => {
  it("starts as TensorBoard expects and holds every update's diagnostics, float by float", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan());
    const events = eventsOf(folder.path);
    expect(readdirSync(folder.path).filter((name) => name.includes("tfevents"))).toHaveLength(1);
    expect(events[0]?.fileVersion).toBe("brain.Event:2");
    const updates = [...updatesOf(folder.path)];
    expect(updates.length).toBe(12);
    expect(stepsOf(folder.path)).toEqual(updates.map(({ trialCount }) => trialCount));
    for (const { trialCount, diagnostics } of updates) {
      const event = events.find(({ step, values }) => step === trialCount && values.length > 2);
      const scalars = new Map(event?.values.map(({ tag, fields }) => [tag, fields.get(2)]));
      for (const [name, value] of Object.entries(diagnostics)) expect(scalars.get(name)).toBe(float(value));
    }
  });

  it("has the mean of a batch, the best design so far, and the rate", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan());
    const trials = [...trialsOf(folder.path)];
    const measured = trials.slice(16, 32).flatMap(({ metrics }) => (metrics === undefined ? [] : [metrics.areaMm2!]));
    const second = eventsOf(folder.path).find(({ step }) => step === 32);
    const scalar = (tag: string): unknown => second?.values.find((value) => value.tag === tag)?.fields.get(2);
    expect(scalar("batch/areaMm2")).toBeCloseTo(measured.reduce((sum, area) => sum + area, 0) / measured.length, 5);
    const feasible = trials.slice(0, 32).filter(({ infeasible }) => infeasible === undefined);
    const best = feasible.reduce((a, b) => (b.reward > a.reward ? b : a));
    expect(scalar("best/latencyMs")).toBe(float(best.metrics!.latencyMs!));
    expect(scalar("time/trials_per_second")).toBeGreaterThan(0);
  });

  it("has hyper-parameters with their kinds, and the end, once", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan());
    await session(openRunFolder(folder.path, tickingClock()), toyPlan({ trials: 240 }));
    const hparams = eventsOf(folder.path).flatMap(({ values }) =>
      values.filter(({ tag }) => tag.startsWith("_hparams_")),
    );
    expect(hparams.map(({ tag }) => tag)).toEqual(["_hparams_/session_start_info", "_hparams_/session_end_info"]);
    const inside = (bytes: unknown, ...path: number[]): Buffer =>
      path.reduce((at, field) => fieldsOf(at).get(field) as Buffer, bytes as Buffer);
    const plugin = inside(hparams[0]?.fields.get(9), 1);
    expect(String(fieldsOf(plugin).get(1))).toBe("hparams");
    const text = inside(plugin, 2, 3).toString("latin1");
    for (const name of ["study", "toy", "agent", "drifting", "seed", "rate", "on", "list", "[1,2]"]) {
      expect(text).toContain(name);
    }
    expect(fieldsOf(inside(inside(hparams[1]?.fields.get(9), 1), 2, 4)).get(1)).toBe(1);
  });

  it("has histograms of what was proposed, whose counts are the trials of the window", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan());
    const at = eventsOf(folder.path).filter(({ values }) => values.some(({ tag }) => tag.startsWith("knobs/")));
    expect(at.map(({ step }) => step)).toEqual([64, 128, 192]);
    const value = at[1]?.values.find(({ tag }) => tag === "knobs/network/x");
    const tensor = fieldsOf(value?.fields.get(8) as Buffer);
    const rows = tensor.get(4) as Buffer;
    const row = (i: number): number[] => [0, 8, 16].map((offset) => rows.readDoubleLE(i * 24 + offset));
    const drawn = [...trialsOf(folder.path)].slice(64, 128).map(({ candidate }) => candidate["network/x"]);
    expect(tensor.get(1)).toBe(2);
    for (let i = 0; i < 12; i++) {
      expect(row(i)).toEqual([i - 0.5, i + 0.5, drawn.filter((x) => x === i).length]);
    }
    expect(
      [at[0], at[1]].map((event) => event?.values.some(({ fields, tag }) => tag.startsWith("knobs/") && fields.has(9))),
    ).toEqual([true, false]);
  });
});

describe("histograms of a policy", () => {
  it("hold the probabilities that the run recorded last", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan());
    const at = eventsOf(folder.path).filter(({ values }) => values.some(({ tag }) => tag.startsWith("policy/")));
    expect(at.map(({ step }) => step)).toEqual([64, 128, 192]);
    for (const { step, values } of at) {
      const record = [...policiesOf(folder.path)].findLast(({ trialCount }) => trialCount <= step);
      for (const [name, probabilities] of Object.entries(record?.policy ?? {})) {
        const value = values.find(({ tag }) => tag === `policy/${name}`);
        const rows = fieldsOf(value?.fields.get(8) as Buffer).get(4) as Buffer;
        expect(probabilities.map((_, i) => rows.readDoubleLE(i * 24 + 16))).toEqual(probabilities);
      }
      expect(Object.keys(record?.policy ?? {}).length).toBeGreaterThan(1);
    }
  });
});

describe("a run that goes on", () => {
  /** tag and step of all that is written, without what depends on the time */
  const contents = (runFolder: string): string[] =>
    eventsOf(runFolder).flatMap(({ step, values }) =>
      values
        .filter(({ tag }) => !tag.startsWith("_hparams_") && !tag.startsWith("time/"))
        .map(
          ({ tag, fields }) => `${step} ${tag} ${String(fields.get(2) ?? (fields.get(8) as Buffer).toString("hex"))}`,
        ),
    );

  it.each([
    17, 32, 40, 100, 150,
  ])("after %i trials has the steps of one that never stopped, none twice", async (stop) => {
    const whole = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(whole, toyPlan());
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan(), stop);
    await session(openRunFolder(folder.path, tickingClock()), toyPlan());
    expect(contents(folder.path)).toEqual(contents(whole.path));
    expect(new Set(stepsOf(folder.path)).size).toBe(stepsOf(folder.path).length);
  });

  it("cuts what a kill tore off, and writes it again", async () => {
    const whole = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(whole, toyPlan());
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan(), 100);
    const file = eventFileOf(folder.path) ?? "";
    truncateSync(file, readFileSync(file).length - 7);
    await session(openRunFolder(folder.path, tickingClock()), toyPlan());
    expect(contents(folder.path)).toEqual(contents(whole.path));
  });

  it("fills in what was run without a tracker, at the times of the record", async () => {
    const whole = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(whole, toyPlan());
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan(), 100, []);
    expect(eventFileOf(folder.path)).toBeUndefined();
    await session(openRunFolder(folder.path, tickingClock()), toyPlan());
    expect(contents(folder.path)).toEqual(contents(whole.path));
    const [line = ""] = readFileSync(join(folder.path, "times.jsonl"), "utf8").split("\n");
    const { at } = JSON.parse(line) as { at: string };
    const first = eventsOf(folder.path).find(({ step }) => step === 16);
    expect(first?.wallMs).toBeCloseTo(Date.parse(at), 0);
  });

  it("starts again when the file is gone or none", async () => {
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    await session(folder, toyPlan());
    const before = contents(folder.path);
    unlinkSync(eventFileOf(folder.path) ?? "");
    await session(openRunFolder(folder.path, tickingClock()), toyPlan());
    expect(contents(folder.path)).toEqual(before);
  });
});

it("windows of histograms grow with the run: some tens in 100,000 trials", () => {
  const knobs = new KnobHistograms(toySpace.toData());
  let windows = 0;
  for (let trialCount = 16; trialCount <= 100_000; trialCount += 16) {
    if (knobs.add([], trialCount).length > 0) windows++;
  }
  expect(windows).toBeGreaterThan(60);
  expect(windows).toBeLessThan(100);
});
