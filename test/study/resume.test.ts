import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { lastValueFrom, toArray } from "rxjs";
import { beforeAll, describe, expect, it } from "vitest";
import type { Candidate } from "../../src/core/trial.js";
import type { RunEvent } from "../../src/study/events.js";
import type { StudyPlan } from "../../src/study/plan.js";
import { createRunFolder, openRunFolder, type RunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { tempRoot } from "./temp-root.js";
import { DriftingAgent, tickingClock, toyEvaluation, toyPlan, toySpace } from "./toy.js";

const finish = (plan: StudyPlan, folder: RunFolder): Promise<RunEvent[]> =>
  lastValueFrom(runStudy(plan, folder).pipe(toArray()));

/** Runs and stops after trial `stopAfter`, as a kill between two writes would. @returns the folder's path */
async function stopped(stopAfter: number, changes: Partial<StudyPlan> = {}): Promise<string> {
  const plan = toyPlan(changes);
  const folder = createRunFolder(tempRoot(), plan, tickingClock());
  const stop = new AbortController();
  const next = (event: RunEvent) => void (event.kind === "trial" && event.trial.trial === stopAfter && stop.abort());
  await lastValueFrom(runStudy(plan, folder, { signal: stop.signal, listeners: [{ name: "stop", next }] }));
  return folder.path;
}

/** @returns the events and the candidates that were evaluated in this session */
async function resume(
  path: string,
  changes: Partial<StudyPlan> = {},
): Promise<{ events: RunEvent[]; evaluated: string[] }> {
  const evaluated: string[] = [];
  const evaluate = async (candidate: Candidate) => {
    evaluated.push(JSON.stringify(candidate));
    return toyEvaluation(candidate);
  };
  const plan = toyPlan({ evaluator: { concurrency: 3, evaluate, dispose: async () => {} }, ...changes });
  return { events: await finish(plan, openRunFolder(path, tickingClock())), evaluated };
}

const text = (path: string, name: string): string => readFileSync(join(path, name), "utf8");
const checkpointsOf = (path: string): string[] => readdirSync(join(path, "checkpoints")).sort();
const resumedEvent = (events: readonly RunEvent[]): Extract<RunEvent, { kind: "resumed" }> => {
  const [first] = events;
  if (first?.kind !== "resumed") throw new Error(`first event is ${first?.kind}`);
  return first;
};

/** Same trials, updates, probabilities of the policy, and newest checkpoint, byte for byte. */
function expectSameRun(path: string, reference: string): void {
  expect(text(path, "trials.jsonl")).toBe(text(reference, "trials.jsonl"));
  expect(text(path, "updates.jsonl")).toBe(text(reference, "updates.jsonl"));
  expect(text(path, "policy.jsonl")).toBe(text(reference, "policy.jsonl"));
  const newest = checkpointsOf(reference).at(-1)!;
  expect(checkpointsOf(path).at(-1)).toBe(newest);
  expect(text(path, `checkpoints/${newest}`)).toBe(text(reference, `checkpoints/${newest}`));
}

let reference: string; // 200 trials, never stopped
let half: string; // stopped after trial 100: checkpoints at 32, 64 and 96 trials, 101 trials recorded
beforeAll(async () => {
  const plan = toyPlan();
  const folder = createRunFolder(tempRoot(), plan, tickingClock());
  await finish(plan, folder);
  reference = folder.path;
  half = await stopped(100);
});

/** The half-done run in a folder of its own, to be damaged. */
function copyOfHalf(): string {
  const path = join(tempRoot(), "copy");
  cpSync(half, path, { recursive: true });
  return path;
}

describe("resume", () => {
  it("goes on as if never stopped, wherever the stop came", async () => {
    for (const stopAfter of [0, 15, 16, 31, 32, 50, 95, 96, 100, 192, 198]) {
      const path = await stopped(stopAfter);
      const recorded = new Set(
        text(path, "trials.jsonl")
          .trimEnd()
          .split("\n")
          .map((line) => JSON.stringify(JSON.parse(line).candidate)),
      );
      const { events, evaluated } = await resume(path);
      expectSameRun(path, reference);
      expect(evaluated.filter((candidate) => recorded.has(candidate))).toEqual([]); // nothing is evaluated twice
      const last = events.at(-1)!;
      const whole = JSON.parse(text(reference, "summary.json"));
      const { runId, runFolder, wallSeconds, ...figures } = whole;
      expect(last).toMatchObject({ kind: "finished", summary: figures });
    }
  });

  it("goes on after a stop in the resumed session, again and again", async () => {
    const path = await stopped(10);
    for (let at = 20; at < 200; at += 23) {
      const folder = openRunFolder(path, tickingClock());
      const stop = new AbortController();
      const next = (event: RunEvent) => void (event.kind === "trial" && event.trial.trial >= at && stop.abort());
      await lastValueFrom(runStudy(toyPlan(), folder, { signal: stop.signal, listeners: [{ name: "stop", next }] }));
    }
    await resume(path);
    expectSameRun(path, reference);
  });

  it("tells where it starts: checkpoint, restored trials, and recorded ones that come again", async () => {
    const { events } = await resume(copyOfHalf());
    const first = resumedEvent(events);
    expect(first).toMatchObject({ checkpoint: "checkpoint-000000096.json", recordedCount: 101, notes: [] });
    expect(first.restored.length).toBe(96);
    const again = events
      .filter((event) => event.kind === "trial" && event.recorded)
      .map((event) => event.kind === "trial" && event.trial.trial);
    expect(again).toEqual([96, 97, 98, 99, 100]);
  });

  it("adds the wall time of all sessions", async () => {
    const path = copyOfHalf();
    const before = text(path, "times.jsonl")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).wallSeconds as number);
    const { events } = await resume(path);
    const last = events.at(-1)!;
    expect(before.at(-1)).toBeGreaterThan(10); // the clock goes on by 1 s per question
    expect(last.kind === "finished" && last.summary.wallSeconds).toBeGreaterThan(before.at(-1)! + 10);
  });

  it("of a finished run changes nothing", async () => {
    const path = join(tempRoot(), "copy");
    cpSync(reference, path, { recursive: true });
    const { evaluated, events } = await resume(path);
    expectSameRun(path, reference);
    expect(evaluated).toEqual([]);
    expect(events.at(-1)!.kind).toBe("finished");
  });
});

describe("a raised budget", () => {
  it("gives the run that had it from the start, even when the first budget cut a batch", async () => {
    for (const first of [7, 96, 100, 110, 199]) {
      const plan = toyPlan({ trials: first });
      const folder = createRunFolder(tempRoot(), plan, tickingClock());
      await finish(plan, folder);
      expect(text(reference, "trials.jsonl").startsWith(text(folder.path, "trials.jsonl"))).toBe(true);
      const { evaluated } = await resume(folder.path, { trials: 200 });
      expectSameRun(folder.path, reference);
      expect(JSON.parse(text(folder.path, "manifest.json")).trials).toBe(200);
      expect(evaluated.length).toBeLessThan(200 - first + 1);
    }
  });

  it("cannot be lowered below the trials that are there", async () => {
    await expect(resume(copyOfHalf(), { trials: 100 })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(/101 trials/),
    });
  });
});

describe("damage that is repaired", () => {
  it("a torn last line, cut anywhere", async () => {
    const whole = text(half, "trials.jsonl");
    const lastLine = whole.trimEnd().split("\n").at(-1)!.length;
    for (const missing of [1, 2, 20, lastLine, lastLine + 1]) {
      const path = copyOfHalf();
      truncateSync(join(path, "trials.jsonl"), Buffer.byteLength(whole) - missing);
      const { events } = await resume(path);
      expect(resumedEvent(events).recordedCount).toBe(100);
      expectSameRun(path, reference);
    }
  });

  it("a last line, update or time of garbage", async () => {
    for (const name of ["trials.jsonl", "updates.jsonl", "times.jsonl"]) {
      const path = copyOfHalf();
      appendFileSync(join(path, name), '{"trial":101,"candi\u0000\u0000\n');
      await resume(path);
      expectSameRun(path, reference);
    }
  });

  it("a damaged newest checkpoint: the one before it is used", async () => {
    for (const damage of [
      (t: string) => t.replace(/"batchCount":6/, '"batchCount":7'),
      (t: string) => t.slice(0, 200),
      () => "",
      () => "{}\n{}\n",
    ]) {
      const path = copyOfHalf();
      const newest = join(path, "checkpoints/checkpoint-000000096.json");
      expect(damage(readFileSync(newest, "utf8"))).not.toBe(readFileSync(newest, "utf8"));
      writeFileSync(newest, damage(readFileSync(newest, "utf8")));
      const { events, evaluated } = await resume(path);
      const first = resumedEvent(events);
      expect(first.checkpoint).toBe("checkpoint-000000064.json");
      expect(first.notes.join()).toMatch(/checkpoint-000000096.json cannot be used/);
      expect(evaluated.length).toBeLessThan(100);
      expectSameRun(path, reference);
    }
  });

  it("a missing newest checkpoint, and one left half-written", async () => {
    const path = copyOfHalf();
    rmSync(join(path, "checkpoints/checkpoint-000000096.json"));
    writeFileSync(join(path, "checkpoints/checkpoint-000000096.json.tmp"), "{");
    const { events } = await resume(path);
    expect(resumedEvent(events)).toMatchObject({ checkpoint: "checkpoint-000000064.json", recordedCount: 101 });
    expectSameRun(path, reference);
  });

  it("no checkpoint left: from trial 0 with the recorded evaluations, saying so", async () => {
    const path = copyOfHalf();
    for (const name of checkpointsOf(path)) writeFileSync(join(path, "checkpoints", name), "gone");
    const { events, evaluated } = await resume(path);
    const first = resumedEvent(events);
    expect(first).toMatchObject({ checkpoint: null, recordedCount: 101, restored: [] });
    expect(first.notes.at(-1)).toMatch(/made again from trial 0 with the 101 recorded trials/);
    expect(evaluated.length).toBeLessThan(100);
    expectSameRun(path, reference);
  });

  it("trials lost behind the newest checkpoint: the checkpoint that fits is used", async () => {
    const path = copyOfHalf();
    const kept = text(path, "trials.jsonl").split("\n").slice(0, 70).join("\n");
    writeFileSync(join(path, "trials.jsonl"), `${kept}\n`);
    const { events } = await resume(path);
    expect(resumedEvent(events)).toMatchObject({ checkpoint: "checkpoint-000000064.json", recordedCount: 70 });
    expectSameRun(path, reference);
  });

  it("all trials lost", async () => {
    const path = copyOfHalf();
    rmSync(join(path, "trials.jsonl"));
    rmSync(join(path, "updates.jsonl"));
    const { events } = await resume(path);
    expect(resumedEvent(events).notes.at(-1)).toMatch(/from trial 0 with the 0 recorded trials/);
    expectSameRun(path, reference);
  });
});

describe("damage that is refused, with nothing changed", () => {
  const unchanged = (path: string): Record<string, string> =>
    Object.fromEntries(
      readdirSync(path)
        .filter((name) => /json/.test(name) && !/times/.test(name))
        .map((name) => [name, text(path, name)]),
    );

  it("garbage in the middle of the trials: RUN_DAMAGED with the line", async () => {
    const lines = text(half, "trials.jsonl").split("\n");
    const damages: ((line: string) => string)[] = [
      () => "garbage",
      () => "",
      () => "null",
      (line) => line.slice(5),
      (line) => line.replace('"trial":41', '"trial":40'),
      (line) => line.replace(/"accelerator.kind":"[ab]"/, '"accelerator/kind":"c"'),
      (line) => line.replace("network/x", "network/w"),
    ];
    for (const damage of damages) {
      const path = copyOfHalf();
      expect(damage(lines[41]!)).not.toBe(lines[41]);
      writeFileSync(join(path, "trials.jsonl"), lines.with(41, damage(lines[41]!)).join("\n"));
      const before = unchanged(path);
      await expect(resume(path)).rejects.toThrow(/trials\.jsonl:42: /);
      await expect(resume(path)).rejects.toMatchObject({ code: "RUN_DAMAGED" });
      expect(unchanged(path)).toEqual(before);
    }
  });

  it("a digit changed among the trials that the checkpoint counts: RUN_DAMAGED", async () => {
    const path = copyOfHalf();
    const lines = text(path, "trials.jsonl").split("\n");
    const changed = lines[41]!.replace(/"reward":-(\d)/, (_, digit) => `"reward":-${(Number(digit) + 1) % 10}`);
    expect(changed).not.toBe(lines[41]);
    writeFileSync(join(path, "trials.jsonl"), lines.with(41, changed).join("\n"));
    const before = unchanged(path);
    await expect(resume(path)).rejects.toMatchObject({
      code: "RUN_DAMAGED",
      message: expect.stringMatching(/first 96 was changed/),
    });
    expect(unchanged(path)).toEqual(before);
  });

  it("a recorded trial that the agent would not make: RUN_DIVERGED", async () => {
    const path = copyOfHalf();
    const lines = text(path, "trials.jsonl").split("\n");
    [lines[97], lines[98]] = [
      lines[98]!.replace('"trial":98', '"trial":97'),
      lines[97]!.replace('"trial":97', '"trial":98'),
    ];
    writeFileSync(join(path, "trials.jsonl"), lines.join("\n"));
    const before = unchanged(path);
    await expect(resume(path)).rejects.toMatchObject({
      code: "RUN_DIVERGED",
      message: expect.stringMatching(/recorded.*\n.*now/),
    });
    expect(unchanged(path)).toEqual(before);
  });

  it("another agent, seed, space or backend: RUN_DIVERGED naming it", async () => {
    const other: [string, Partial<StudyPlan>][] = [
      ["agentName", { agentName: "ppo" }],
      ["seed", { seed: 2, agent: new DriftingAgent(toySpace, 2) }],
      ["backend", { backend: "wasm" }],
      ["batchSize", { batchSize: 8 }],
      ["space", { space: toySpace.fix({ "accelerator/kind": "a" }) }],
    ];
    for (const [name, changes] of other) {
      await expect(resume(copyOfHalf(), changes)).rejects.toMatchObject({
        code: "RUN_DIVERGED",
        message: expect.stringContaining(name),
      });
    }
  });

  it("other versions are only said", async () => {
    const { events } = await resume(copyOfHalf(), { versions: { cosearch: "0.0.1" } });
    expect(resumedEvent(events).notes).toEqual(["cosearch was 0.0.0 and is 0.0.1: results may move"]);
  });

  it("no run folder, another format, a damaged manifest", () => {
    const open = (path: string) => () => openRunFolder(path, tickingClock());
    expect(open("/nowhere/run")).toThrow(expect.objectContaining({ code: "RUN_NOT_FOUND" }));
    const empty = tempRoot();
    expect(open(empty)).toThrow(expect.objectContaining({ code: "RUN_NOT_FOUND" }));
    expect(readdirSync(empty)).toEqual([]);
    const changed = (change: (manifest: string) => string): string => {
      const path = copyOfHalf();
      writeFileSync(join(path, "manifest.json"), change(text(path, "manifest.json")));
      return path;
    };
    expect(open(changed((t) => t.replace('"format": 1', '"format": 0')))).toThrow(
      expect.objectContaining({ code: "RUN_VERSION" }),
    );
    expect(open(changed((t) => t.replace('"format": 1', '"format": 2')))).toThrow(/newer cosearch/);
    expect(open(changed((t) => t.slice(0, 100)))).toThrow(expect.objectContaining({ code: "RUN_DAMAGED" }));
    expect(open(changed((t) => t.replace('"seed": 1', '"seed": "1"')))).toThrow(/manifest\.json: seed is "1"/);
  });
});

describe("files of a run", () => {
  it("keeps the last few checkpoints and leaves no temporary files or lock", () => {
    expect(checkpointsOf(reference)).toEqual(
      [128, 160, 192].map((n) => `checkpoint-${String(n).padStart(9, "0")}.json`),
    );
    expect(existsSync(join(reference, "lock"))).toBe(false);
    expect(readdirSync(reference).sort()).toEqual([
      "checkpoints",
      "manifest.json",
      "policy.jsonl",
      "summary.json",
      "times.jsonl",
      "trials.jsonl",
      "updates.jsonl",
    ]);
  });

  it("gives a second run of the same second a name of its own", () => {
    const root = tempRoot();
    const clock = () => Date.UTC(2026, 0, 2, 3, 4, 5);
    const ids = [1, 2, 3].map(() => createRunFolder(root, toyPlan(), clock).id);
    expect(ids).toEqual(["", "-2", "-3"].map((suffix) => `toy-drifting-s1-20260102-030405${suffix}`));
  });

  it("holds trials with trial, candidate, metrics and/or infeasible, reward, in that order", () => {
    const keys = new Set(
      text(reference, "trials.jsonl")
        .trimEnd()
        .split("\n")
        .map((line) => Object.keys(JSON.parse(line)).join()),
    );
    expect([...keys].sort()).toEqual([
      "trial,candidate,infeasible,reward",
      "trial,candidate,metrics,infeasible,reward",
      "trial,candidate,metrics,reward",
    ]);
  });
});
