import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Curves, FrontView, LiveMessage, PolicyMap, RunRow } from "../../../src/app/server/api.js";
import { createDashboard } from "../../../src/app/server/app.js";
import { curvesOf } from "../../../src/app/server/curves.js";
import { DesignService } from "../../../src/app/server/design-service.js";
import { frontOf } from "../../../src/app/server/front-view.js";
import { listen } from "../../../src/app/server/listen.js";
import { messageBetween, parsePosition } from "../../../src/app/server/live.js";
import { openMetrics } from "../../../src/app/server/open-metrics.js";
import { relativeEntropy } from "../../../src/app/server/policy-map.js";
import { RunColumns, secondsAt } from "../../../src/app/server/run-columns.js";
import { lockRun } from "../../../src/study/run-lock.js";
import { tempRoot } from "../../study/temp-root.js";
import { until } from "../../web/live-run.js";
import { fakeRun, fakeSpace, fakeTrials } from "./fake-run.js";

const root = tempRoot();
const folder = fakeRun(root, "one", 70);
const dashboard = createDashboard({ runsFolder: root, host: "127.0.0.1", clock: () => performance.now() });
afterAll(() => dashboard.close());
const get = async <T>(path: string): Promise<T> =>
  (await (await dashboard.app.request(path, { headers: { host: "localhost" } })).json()) as T;

describe("columns", () => {
  it("hold what the file says, and what is added to it, without a torn last line", async () => {
    const columns = new RunColumns(folder, fakeSpace.toData());
    await columns.refresh();
    expect(columns.count).toBe(70);
    const lines = readFileSync(join(folder, "trials.jsonl"), "utf8").trimEnd().split("\n");
    for (const t of [0, 9, 42, 69]) {
      const { candidate, metrics, reward, infeasible } = JSON.parse(lines[t]!);
      expect(columns.candidate(t)).toEqual(candidate);
      expect(columns.reward[t]).toBe(reward);
      expect(columns.metric("latencyMs")![t]).toBe(metrics.latencyMs);
      expect(columns.feasible[t]).toBe(infeasible === undefined ? 1 : 0);
    }
    const growing = fakeRun(root, "growing", 3);
    const grown = new RunColumns(growing, fakeSpace.toData());
    await grown.refresh();
    const more = fakeTrials(3, 5);
    appendFileSync(join(growing, "trials.jsonl"), more.slice(0, -20));
    await grown.refresh();
    expect(grown.count).toBe(4);
    appendFileSync(join(growing, "trials.jsonl"), more.slice(-20));
    await grown.refresh();
    expect(grown.count).toBe(5);
    expect(grown.candidate(5)).toBeUndefined();
  });

  it("read time between the recorded batches", () => {
    const times = [
      { trials: 10, seconds: 2 },
      { trials: 20, seconds: 6 },
    ];
    expect([0, 5, 10, 15, 20, 99].map((trials) => secondsAt(times, trials))).toEqual([0, 1, 2, 4, 6, 6]);
  });
});

describe("curves", () => {
  it("are every trial when there are few: best feasible never falls and skips infeasible ones", async () => {
    const { curves, position } = await get<{ curves: Curves; position: string }>("/api/runs/one/curves");
    expect(position).toBe("70.0");
    expect(curves.bucket).toBe(1);
    expect(curves.trial).toEqual(Array.from({ length: 70 }, (_, t) => t));
    expect(curves.rewardMean.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 0].map((n) => n / 7));
    expect(curves.best.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 6].map((n) => n / 7));
    expect(curves.runningMean[6]).toBeCloseTo(3 / 7, 12);
    expect(curves.feasibleRate[9]).toBeCloseTo(0.9, 12);
  });

  it("are buckets with lowest, mean and highest when there are many", async () => {
    const { curves } = await get<{ curves: Curves }>("/api/runs/one/curves?points=10");
    expect(curves.bucket).toBe(7); // one period of the rewards 0/7 .. 6/7
    expect(curves.trial).toEqual([6, 13, 20, 27, 34, 41, 48, 55, 62, 69]);
    for (let b = 0; b < 10; b++) {
      expect(curves.rewardMin[b]).toBe(0);
      expect(curves.rewardMax[b]).toBe(6 / 7);
      expect(curves.rewardMean[b]).toBeCloseTo(3 / 7, 12);
    }
  });

  it("bend the same way whether one zooms or not", async () => {
    const columns = new RunColumns(folder, fakeSpace.toData());
    await columns.refresh();
    const options = { from: 0, to: 70, points: 100, window: 20 };
    const whole = curvesOf(columns, options);
    const part = curvesOf(columns, { ...options, from: 30, to: 50 });
    expect(part.trial).toEqual(whole.trial.slice(30, 50));
    expect(part.best).toEqual(whole.best.slice(30, 50));
    part.runningMean.forEach((value, i) => {
      expect(value).toBeCloseTo(whole.runningMean[30 + i]!, 10);
    });
  });
});

describe("the policy map", () => {
  it("gives each value's share by window, which add up to one", async () => {
    const map = await get<PolicyMap>("/api/runs/one/policy?windows=2");
    expect([map.source, map.hasPolicy, map.ends]).toEqual(["proposed", false, [35, 70]]);
    expect(map.knobs.map(({ name }) => name)).toEqual(["network/width", "accelerator/peRows", "deployment/fusion"]);
    for (const { share } of map.knobs) for (const row of share) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 3);
    const widths = readFileSync(join(folder, "trials.jsonl"), "utf8")
      .split("\n")
      .slice(0, 35)
      .filter((line) => line.includes('"network/width":0.75')).length;
    expect(map.knobs[0]!.share[0]![1]).toBeCloseTo(widths / 35, 3);
  });

  it("gives the policy's own probabilities where they are recorded, and the shares when asked", async () => {
    const [even, decided] = [
      { "network/width": [0.25, 0.25, 0.5], "deployment/fusion": [0.5, 0.5] },
      { "network/width": [0, 0, 1] },
    ];
    const lines = [even, decided, decided].map((policy, i) => JSON.stringify({ trialCount: 16 * (i + 1), policy }));
    const wrong = JSON.stringify({ trialCount: 64, policy: { "network/width": [1, 0], "accelerator/peRows": "all" } });
    fakeRun(root, "policy", 70);
    writeFileSync(join(root, "policy", "policy.jsonl"), `${[...lines, wrong].join("\n")}\n{"torn`);
    const map = await get<PolicyMap>("/api/runs/policy/policy?windows=2");
    expect([map.source, map.hasPolicy, map.ends]).toEqual(["policy", true, [32, 64]]);
    const knob = (name: string) => map.knobs.find((one) => one.name === name)!;
    expect(knob("network/width").share).toEqual([
      [0.125, 0.125, 0.75], // the mean of the two records
      [0, 0, 1], // a list of another length is none
    ]);
    expect(knob("network/width").entropy[1]).toBe(0);
    expect(knob("deployment/fusion").share).toEqual([
      [0.5, 0.5], // it counted in one of them
      [0, 0],
    ]);
    expect(
      knob("accelerator/peRows")
        .share.flat()
        .every((p) => p === 0),
    ).toBe(true);
    const proposed = await get<PolicyMap>("/api/runs/policy/policy?windows=2&of=proposed");
    expect([proposed.source, proposed.ends]).toEqual(["proposed", [35, 70]]);
  });

  it("knows entropy 1 for even shares and 0 for one value", () => {
    expect(relativeEntropy([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(1, 12);
    expect(relativeEntropy([0, 1, 0])).toBe(0);
  });
});

describe("the front", () => {
  it("keeps what nothing dominates, the earliest of equals", () => {
    const [xs, ys] = [Float64Array.of(1, 2, 3, 2, 1), Float64Array.of(5, 3, 1, 4, 5)];
    const axis = (metric: string) => ({ metric, sense: "minimise" as const });
    expect(frontOf([0, 1, 2, 3, 4], xs, ys, axis("x"), axis("y"))).toEqual([0, 1, 2]);
    expect(frontOf([0, 1, 2, 3, 4], xs, ys, axis("x"), { metric: "y", sense: "maximise" })).toEqual([0]);
  });

  it("of the run is its smallest latency with its smallest area, and hypervolume never falls", async () => {
    const view = await get<FrontView>("/api/runs/one/front?x=latencyMs&y=areaMm2");
    expect(view.feasible).toBe(63);
    const front = view.points.filter(({ onFront }) => onFront);
    expect(front.map(({ metrics }) => metrics)).toEqual([[1, 1]]);
    const { value } = view.hypervolume;
    value.forEach((now, i) => {
      expect(now).toBeGreaterThanOrEqual(value[i - 1] ?? 0);
    });
    expect(value.at(-1)).toBeCloseTo((2 - 1) * (8 - 1), 12); // worst: latency 1 / 0.5, area 8
  });

  it("refuses an axis that is no metric", async () => {
    expect(
      (await dashboard.app.request("/api/runs/one/front?x=__proto__", { headers: { host: "localhost" } })).status,
    ).toBe(400);
  });
});

describe("OpenMetrics", () => {
  it("has a family each with type and help, labels escaped, and an end", () => {
    const row: RunRow = {
      id: "one",
      status: "running",
      study: 'a "quoted"\nname\\',
      agent: "ppo",
      seed: 1,
      trials: 70,
      budget: 100,
      feasible: 63,
      bestReward: null,
      frontSize: 4,
      created: "",
    };
    const text = openMetrics([row, { ...row, id: "bad", status: "broken" }]);
    expect(text).toContain("# TYPE cosearch_trials counter\n# HELP cosearch_trials ");
    expect(text).toContain(
      'cosearch_trials_total{run="one",study="a \\"quoted\\"\\nname\\\\",agent="ppo",seed="1"} 70\n',
    );
    expect(text).toContain("cosearch_running{");
    expect(text).not.toContain("cosearch_best_reward{"); // no feasible trial yet
    expect(text).not.toContain('run="bad"');
    expect(text.endsWith("\n# EOF\n")).toBe(true);
  });
});

describe("live events", () => {
  it("resume where a browser was, with nothing lost and nothing twice", async () => {
    const live = fakeRun(root, "live", 10);
    const server = await listen({ runsFolder: root, host: "127.0.0.1", port: 0 });
    const got: number[] = [];
    let lastId = "0.0";
    /** Reads until `enough` trials are there, then hangs up. */
    const follow = async (enough: number): Promise<void> => {
      const abort = new AbortController();
      const response = await fetch(`${server.url}api/runs/live/events?after=0.0`, {
        headers: { "last-event-id": lastId },
        signal: abort.signal,
      });
      let text = "";
      const decoder = new TextDecoder();
      try {
        for await (const chunk of response.body!) {
          text += decoder.decode(chunk as Uint8Array, { stream: true });
          for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
            const fields = Object.fromEntries(
              text
                .slice(0, end)
                .split("\n")
                .map((line) => line.split(/: (.*)/s).slice(0, 2)),
            );
            text = text.slice(end + 2);
            if (fields.event !== "trials") continue;
            lastId = fields.id;
            const message = JSON.parse(fields.data) as LiveMessage;
            got.push(...message.reward.map((_, i) => message.from + i));
          }
          if (got.length >= enough) abort.abort();
        }
      } catch (error) {
        if (!abort.signal.aborted) throw error;
      }
    };
    await follow(10);
    appendFileSync(join(live, "trials.jsonl"), fakeTrials(10, 30)); // while nobody listens
    const second = follow(45);
    setTimeout(() => appendFileSync(join(live, "trials.jsonl"), fakeTrials(30, 45)), 200);
    await second;
    expect(got).toEqual(Array.from({ length: 45 }, (_, t) => t));
    await until(() => server.dashboard.live.subscribers === 0); // both have hung up, and nobody is watched any more
    await server.close();
  });

  it("carry every metric, null where a trial has none", async () => {
    const columns = new RunColumns(folder, fakeSpace.toData());
    await columns.refresh();
    const message = messageBetween(columns, { trials: 8, updates: 0 }, { trials: 11, updates: 0 });
    expect(message.from).toBe(8);
    expect(message.feasible).toEqual([1, 0, 1]);
    expect(message.metrics.latencyMs).toHaveLength(3);
  });

  it("know their own ids only", () => {
    expect(parsePosition("12.3")).toEqual({ trials: 12, updates: 3 });
    for (const text of [undefined, "", "12", "1.2.3", "-1.0", "1e9.0", "9999999999.0"])
      expect(parsePosition(text)).toBeUndefined();
  });
});

describe("controls", () => {
  it("write what is wanted of a running run, and only raise a budget", async () => {
    const running = fakeRun(root, "running", 10);
    const unlock = lockRun(join(running, "lock"));
    const send = (body: unknown) =>
      dashboard.app.request("/api/runs/running/control", {
        method: "POST",
        headers: { host: "localhost", "x-cosearch": "1" },
        body: JSON.stringify(body),
      });
    const wanted = (): unknown => JSON.parse(readFileSync(join(running, "control.json"), "utf8"));
    expect((await send({ action: "pause" })).status).toBe(200);
    expect(wanted()).toEqual({ paused: true, stop: false });
    expect((await get<RunRow>("/api/runs/running")).status).toBe("paused");
    expect((await send({ action: "raise", trials: 100 })).status).toBe(400);
    expect((await send({ action: "raise", trials: 500 })).status).toBe(200);
    expect((await send({ action: "resume" })).status).toBe(200);
    expect(wanted()).toEqual({ paused: false, stop: false, trials: 500 });
    unlock();
    expect((await send({ action: "stop" })).status).toBe(409);
  });
});

describe("designs", () => {
  it("that take too long are given up, and the next one is computed all the same", async () => {
    const module = join(root, "slow.mjs");
    writeFileSync(
      module,
      `import { parentPort } from "node:worker_threads";
       parentPort.on("message", ({ number, study }) => {
         if (study === "endless") for (;;);
         parentPort.postMessage({ number, text: JSON.stringify(study) });
       });`,
    );
    const designs = new DesignService({ timeoutMs: 1000, module: new URL(`file://${module}`) });
    const endless = designs.view("endless", undefined);
    const fine = designs.view("fine", undefined);
    await expect(endless).rejects.toThrow("took longer than 1 s");
    expect(await fine).toBe('"fine"');
    await designs.close();
    rmSync(module);
  });
});
