import { setTimeout as sleep } from "node:timers/promises";
import { lastValueFrom, tap } from "rxjs";
import { afterEach, describe, expect, it } from "vitest";
import { createRunFolder, openRunFolder, type RunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { mlflowTracker } from "../../src/track/mlflow.js";
import { updatesOf } from "../../src/track/run-reader.js";
import { type Tracker, trackerListener } from "../../src/track/tracker.js";
import { tempRoot } from "../study/temp-root.js";
import { tickingClock, toyPlan } from "../study/toy.js";
import { type FakeMlflow, fakeMlflow } from "./mlflow-server.js";

const newFolder = (): RunFolder => createRunFolder(tempRoot(), toyPlan(), tickingClock());

/** Runs or goes on with a tracker. @returns what it complained about */
async function tracked(tracker: Tracker, folder: RunFolder, stopAfter?: number, trials = 200): Promise<unknown[]> {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const listener = trackerListener(tracker, { hparams: { rate: 0.5, deep: { a: 1 } }, clock: tickingClock(), onError });
  const stop = new AbortController();
  let count = 0;
  const onEvent = (event: { kind: string }): void => {
    if (event.kind === "trial" && ++count === stopAfter) stop.abort();
  };
  const events$ = runStudy(toyPlan({ trials }), folder, { signal: stop.signal, listeners: [listener] });
  await lastValueFrom(events$.pipe(tap(onEvent)));
  await listener.settled();
  return errors;
}

describe("a tracker", () => {
  it("gets the start, every step once and in order, and the end", async () => {
    const calls: string[] = [];
    const steps: number[] = [];
    const tracker: Tracker = {
      name: "list",
      start: ({ runId, resumed, hparams }) => {
        calls.push(`start ${runId === folder.id} ${resumed} ${JSON.stringify(hparams)}`);
        return undefined;
      },
      log: async (some) => {
        await sleep(5); // slower than the run
        steps.push(...some.map(({ trialCount }) => trialCount));
      },
      finish: ({ status, summary }) => calls.push(`${status} ${summary?.trialCount}`),
    };
    const folder = newFolder();
    expect(await tracked(tracker, folder)).toEqual([]);
    expect(calls).toEqual(['start true false {"rate":0.5,"deep":{"a":1}}', "finished 200"]);
    expect(steps).toEqual([...updatesOf(folder.path)].map(({ trialCount }) => trialCount));
  });

  it("that says what it has gets the rest when the run goes on, also what it missed", async () => {
    const steps: number[] = [];
    const tracker = (has: number | undefined): Tracker => ({
      name: "list",
      start: () => has,
      log: (some) => steps.push(...some.map(({ trialCount }) => trialCount)),
      finish: () => undefined,
    });
    const folder = newFolder();
    await tracked(tracker(undefined), folder, 100);
    expect(steps.splice(0).at(-1)).toBe(96);
    await tracked(tracker(64), openRunFolder(folder.path, tickingClock()));
    expect(steps).toEqual([80, 96, 112, 128, 144, 160, 176, 192]);
  });

  it("that fails is reported once and left alone, and the run is whole", async () => {
    let calls = 0;
    const tracker: Tracker = {
      name: "broken",
      start: () => undefined,
      log: () => {
        calls++;
        throw new Error("no space");
      },
      finish: () => calls++,
    };
    const folder = newFolder();
    expect(await tracked(tracker, folder)).toEqual([new Error("no space")]);
    expect(calls).toBe(1);
    expect([...updatesOf(folder.path)]).toHaveLength(12);
  });
});

it("a tracker that takes too long can be given up: it is told of once and gets nothing more", async () => {
  const errors: unknown[] = [];
  let release = (): void => undefined;
  let calls = 0;
  const answer = new Promise<undefined>((resolve) => {
    release = () => resolve(undefined);
  });
  const slow: Tracker = { name: "slow", start: () => answer, log: () => calls++, finish: () => calls++ };
  const onError = (error: unknown): void => void errors.push(error);
  const listener = trackerListener(slow, { hparams: {}, clock: tickingClock(), onError });
  await lastValueFrom(runStudy(toyPlan(), newFolder(), { listeners: [listener] }));
  listener.abandon();
  release();
  await listener.settled();
  listener.abandon();
  expect([calls, String(errors)]).toEqual([0, expect.stringMatching(/takes too long/)]);
  expect(errors).toHaveLength(1);
});

describe("MLflow", () => {
  let server: FakeMlflow;
  afterEach(() => server.close());
  const tracker = (more: object = {}): Tracker =>
    mlflowTracker({ url: `${server.url}/`, clock: () => 1_800_000_000_000, retryMs: [1, 1], ...more });

  it("has a run with parameters, metrics with their steps, and its end", async () => {
    server = await fakeMlflow();
    const folder = newFolder();
    expect(await tracked(tracker({ authorization: "Bearer abc" }), folder)).toEqual([]);
    const [run] = server.runs;
    expect([...server.experiments]).toEqual([["toy", "1"]]);
    expect(run).toMatchObject({ run_name: folder.id, status: "FINISHED", end_time: 1_800_000_000_000 });
    expect(Object.fromEntries(run?.params ?? [])).toEqual({
      ...{ study: "toy", agent: "drifting", seed: "1", rate: "0.5", deep: '{"a":1}' },
    });
    const logged = run?.metrics.filter(({ key }) => key === "train/mean_x").map(({ step, value }) => [step, value]);
    expect(logged).toEqual(
      [...updatesOf(folder.path)].map(({ trialCount, diagnostics }) => [trialCount, diagnostics["train/mean_x"]]),
    );
    expect([...server.authorizations]).toEqual(["Bearer abc"]);
  });

  it("a run that goes on is the same MLflow run, and no step is there twice", async () => {
    server = await fakeMlflow();
    const folder = newFolder();
    await tracked(tracker(), folder, 100);
    expect(server.runs[0]?.status).toBe("KILLED");
    await tracked(tracker(), openRunFolder(folder.path, tickingClock()));
    expect(server.runs).toHaveLength(1);
    expect(server.runs[0]?.status).toBe("FINISHED");
    const steps = server.runs[0]?.metrics.filter(({ key }) => key === "train/mean_x").map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 12 }, (_, i) => 16 * (i + 1)));
  });

  it("a server that is busy is asked again; one that refuses, or is not there, is reported", async () => {
    server = await fakeMlflow();
    server.busyFor = 2;
    expect(await tracked(tracker({ experiment: "mine" }), newFolder())).toEqual([]);
    expect(server.requests.slice(0, 3)).toEqual(Array(3).fill("GET experiments/get-by-name"));
    expect([...server.experiments.keys()]).toEqual(["mine"]);
    server.busyFor = 1000;
    expect(String(await tracked(tracker(), newFolder()))).toMatch(/experiments\/get-by-name: 503/);
    await server.close();
    expect(String(await tracked(tracker(), newFolder()))).toMatch(
      /127\.0\.0\.1:\d+\/? cannot be reached: .*ECONNREFUSED/,
    );
  });

  it("takes addresses of servers only", async () => {
    server = await fakeMlflow();
    expect(() => tracker({ url: "file:///etc" })).toThrow(/--mlflow file:\/\/\/etc: not the address of a server/);
  });
});
