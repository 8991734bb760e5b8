import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { environmentOf, resolveStudy } from "../../../experiments/resolve-study.js";
import { loadStudy } from "../../../experiments/study-file.js";
import { RandomStream } from "../../../src/core/rng.js";
import { Space } from "../../../src/core/space.js";
import { tempRoot } from "../../study/temp-root.js";
import { fakeRun } from "../server/fake-run.js";
import { SPACE, TestServer } from "./http.js";

const root = tempRoot();
const server = new TestServer(root, {
  studies: { mine: join(import.meta.dirname, "../../../examples/small-and-fast.yaml") },
});
const latencyOf = (candidate: Readonly<Record<string, unknown>>): number =>
  64 / Number(candidate.tile) + Number(candidate.buffers);
const board = (id: string, more: object = {}) =>
  server.create({ id, study: { ...SPACE, agent: "random" }, trials: 32, ...more });

describe("a client that measures what an agent proposes", () => {
  it("asks, tells and gets the reward, until the budget is spent; the run is one like any other", async () => {
    const made = await board("measured");
    expect([made.proposals, made.metrics, made.agent, made.status]).toEqual(["agent", "client", "random", "running"]);
    expect(made.space.knobs.map(({ name }) => name)).toEqual(["tile", "buffers", "order"]);
    expect([made.space.size, made.needed]).toEqual(["24", ["latencyMs"]]);
    const seen: number[] = [];
    for (let answer = await server.ask("measured", { count: 5 }); answer.status === "running"; ) {
      for (const { trial, candidate } of answer.trials) {
        const latencyMs = latencyOf(candidate);
        const told = await server.tell("measured", { trial, metrics: { latencyMs } });
        expect(told.reward).toBeCloseTo(1 / (1 + latencyMs), 12); // lexicographic, one metric to lower, scale 1
        expect([told.trial, told.feasible, told.metrics]).toEqual([trial, true, { latencyMs }]);
        seen.push(trial);
      }
      answer = await server.ask("measured", { count: 5 });
    }
    expect(new Set(seen).size).toBe(seen.length);
    const end = await server.study("measured");
    expect([end.status, end.trials, end.asked]).toEqual(["finished", 32, 0]);
    expect(end.best?.metrics?.latencyMs).toBe(
      Math.min(...readTrials("measured").map(({ metrics }) => Number(metrics.latencyMs))),
    );
    expect(readdirSync(join(root, "measured"))).toEqual(
      expect.arrayContaining(["manifest.json", "trials.jsonl", "updates.jsonl", "exchange.jsonl", "summary.json"]),
    );
  });

  it("answers the same tell the same way, also later, and refuses another one with both", async () => {
    await board("twice", { trials: 16 });
    const { trials } = await server.ask("twice", { count: 16 });
    expect(trials.length).toBeGreaterThan(5); // duplicates are not asked
    const first = { trial: trials[0]!.trial, metrics: { latencyMs: 3.5, boardCelsius: 41 } };
    const told = await server.tell("twice", first);
    expect(await server.tell("twice", { metrics: { boardCelsius: 41, latencyMs: 3.5 }, trial: first.trial })).toEqual(
      told,
    );
    const other = await server.send("/twice/tell", { trial: first.trial, metrics: { latencyMs: 3.6 } });
    expect(other.status).toBe(409);
    expect([other.body.told, other.body.given]).toEqual([{ metrics: first.metrics }, { metrics: { latencyMs: 3.6 } }]);
    for (const { trial } of trials.slice(1)) await server.tell("twice", { trial, metrics: { latencyMs: 1 + trial } });
    while ((await server.study("twice")).status !== "finished") await wait(20);
    expect(await server.tell("twice", first)).toEqual(told);
    await server.dashboard.studies.stop("twice"); // and by a server that knows the folder alone
    expect(await server.tell("twice", first)).toEqual(told);
    expect(readTrials("twice")[first.trial]?.metrics).toEqual(first.metrics);
  });

  it("takes an infeasible design as an outcome", async () => {
    await board("infeasible", { trials: 16 });
    const { trial } = (await server.ask("infeasible")).trials[0]!;
    const told = await server.tell("infeasible", { trial, infeasible: { reason: "the board does not boot" } });
    expect([told.feasible, told.reward]).toEqual([false, -1]);
    expect(told.infeasible).toEqual({ code: "evaluator", reason: "the board does not boot", violations: [] });
  });

  it("gives an ask that nobody told to the next one, and lets the first teller count", async () => {
    await board("late", { timeoutSeconds: 0.3 });
    const first = (await server.ask("late")).trials[0]!;
    const others = (await server.ask("late", { count: 256 })).trials.map(({ trial }) => trial);
    expect(others).not.toContain(first.trial);
    const begun = performance.now();
    const again = await server.ask("late", { count: 1, waitSeconds: 5 }); // waits until the first one runs out
    expect(performance.now() - begun).toBeGreaterThan(50);
    expect(again.trials[0]).toMatchObject({ trial: first.trial, candidate: first.candidate });
    expect(Date.parse(again.trials[0]!.deadline)).toBeGreaterThan(Date.parse(first.deadline));
    await server.tell("late", { trial: first.trial, metrics: { latencyMs: 2 } });
    expect((await server.send("/late/tell", { trial: first.trial, metrics: { latencyMs: 2.1 } })).status).toBe(409);
  });

  it("gives the same trials for the same key, and none when nothing is free", async () => {
    await board("keyed");
    const first = await server.ask("keyed", { count: 3, key: "board-1.1" });
    const again = await server.ask("keyed", { count: 3, key: "board-1.1" });
    expect(again).toEqual(first);
    await server.ask("keyed", { count: 256 });
    expect((await server.ask("keyed", { waitSeconds: 0 })).trials).toEqual([]);
    await server.dashboard.studies.stop("keyed"); // what was promised outlives the server
    expect((await server.ask("keyed", { waitSeconds: 0 })).trials).toEqual([]);
    expect((await server.ask("keyed", { count: 3, key: "board-1.1" })).trials).toEqual(first.trials);
  });

  it("says what is wrong with a tell", async () => {
    await board("wrong");
    const { trial } = (await server.ask("wrong")).trials[0]!;
    const refused = async (body: unknown) => {
      const { status, body: answer } = await server.send("/wrong/tell", body);
      return [status, String(answer.error)];
    };
    expect(await refused({ trial, metrics: { energyMillijoules: 1 } })).toEqual([
      422,
      expect.stringContaining("latencyMs"),
    ]);
    expect(await refused({ trial: trial + 1, metrics: { latencyMs: 1 } })).toEqual([
      404,
      expect.stringContaining("asked"),
    ]);
    expect((await refused({ trial, metrics: { latencyMs: "fast" } }))[0]).toBe(400);
    expect((await refused({ trial, metrics: { latencyMs: 1 }, infeasible: { reason: "x" } }))[0]).toBe(400);
    expect((await refused(`{"trial":${trial},"metrics":{"latencyMs":1e999}}`))[0]).toBe(400);
    expect((await refused(`{"trial":${trial},"metrics":{"__proto__":{"latencyMs":1}}}`))[0]).not.toBe(200);
    expect((await refused("{"))[0]).toBe(400);
    expect((await server.send("/wrong/evaluate", { candidate: {} })).status).toBe(409); // an agent proposes here
    await server.tell("wrong", { trial, metrics: { latencyMs: 1 } }); // nothing of that was taken
  });

  it("lays what is told over the models' metrics where both measure", async () => {
    await server.create({ id: "both", study: "quick", metrics: "both", agent: "random", trials: 16 });
    const { trial, candidate, predicted } = (await server.ask("both")).trials[0]!;
    const told = await server.tell("both", { trial, metrics: { latencyMs: 123 } });
    expect(predicted?.latencyMs).toBeLessThan(100);
    expect(told.metrics).toEqual({ ...predicted, latencyMs: 123 });
    const evaluation = await environmentOf(resolveStudy(loadStudy("quick"))).evaluate(candidate);
    expect(evaluation).toEqual({ kind: "measured", metrics: predicted });
  });

  it("pauses and stops by the dashboard's controls, and goes on", async () => {
    await board("steered");
    const control = (action: string) =>
      server.dashboard.app.request("/api/runs/steered/control", {
        method: "POST",
        body: JSON.stringify({ action }),
        headers: { host: "127.0.0.1:7007", "X-Cosearch": "1" },
      });
    expect((await control("pause")).status).toBe(200);
    expect(await server.ask("steered", { waitSeconds: 0 })).toEqual({ status: "paused", trials: [] });
    await control("resume");
    const { trial } = (await server.ask("steered")).trials[0]!;
    expect((await control("stop")).status).toBe(200);
    expect(server.dashboard.studies.isOpen("steered")).toBe(false);
    await server.tell("steered", { trial, metrics: { latencyMs: 7 } }); // opens it again, and knows what was asked
  });
});

describe("a client that proposes", () => {
  const study = resolveStudy(loadStudy("quick"));
  const space = environmentOf(study).space.fix(study.fix);

  it("gets what our models say of its candidates", async () => {
    const made = await server.create({
      id: "proposed",
      study: "quick",
      proposals: "client",
      agent: "my-es",
      trials: 12,
    });
    expect([made.metrics, made.agent]).toEqual(["model", "my-es"]);
    const described = new Space({
      name: "described",
      knobs: made.space.knobs.map(({ when, ...knob }) => ({ ...knob, ...(when && { when }) })),
    });
    const random = RandomStream.of(1, "client");
    const environment = environmentOf(study);
    for (let i = 0; i < 12; i++) {
      const candidate = described.decode(described.sample(random)); // the description is enough to build the space
      const answer = await server.evaluate("proposed", { candidate });
      expect(answer.trial).toBe(i);
      const evaluation = await environment.evaluate(candidate);
      expect(evaluation).toEqual({ kind: "measured", metrics: answer.metrics });
    }
    const over = await server.send("/proposed/evaluate", { candidate: space.decode(space.sample(random)) });
    expect(over.status).toBe(409);
    expect((await server.study("proposed")).status).toBe("finished");
    const raised = await server.dashboard.app.request("/api/runs/proposed/control", {
      method: "POST",
      body: JSON.stringify({ action: "raise", trials: 14 }),
      headers: { host: "127.0.0.1:7007", "X-Cosearch": "1" },
    });
    expect(raised.status).toBe(200);
    expect((await server.evaluate("proposed", { candidate: space.decode(space.sample(random)) })).trial).toBe(12);
    expect(readTrials("proposed").length).toBe(13);
  });

  it("gets one trial for one key, and a refusal for another candidate under it", async () => {
    await server.create({ id: "keys", study: "quick", proposals: "client", trials: 12 });
    const random = RandomStream.of(2, "client");
    const [one, two] = [0, 1].map(() => space.decode(space.sample(random)));
    const [first, again] = await Promise.all([0, 1].map(() => server.evaluate("keys", { candidate: one, key: "a" })));
    expect(again).toEqual(first);
    const other = await server.send("/keys/evaluate", { candidate: two, key: "a" });
    expect([other.status, other.body.told, other.body.given]).toEqual([409, one, two]);
    await server.dashboard.studies.stop("keys");
    expect(await server.evaluate("keys", { candidate: one, key: "a" })).toEqual(first);
    expect((await server.study("keys")).trials).toBe(1);
  });

  it("hears why something is no candidate", async () => {
    await server.create({ id: "points", study: "quick", proposals: "client", trials: 12 });
    const candidate = space.decode(space.sample(RandomStream.of(3, "client")));
    const bad = await server.send("/points/evaluate", { candidate: { ...candidate, "network/head": 641 } });
    expect([bad.status, bad.body.code]).toEqual([422, "SPACE_BAD_VALUE"]);
    const missing = await server.send("/points/evaluate", { candidate: {} });
    expect([missing.status, missing.body.code]).toEqual([422, "SPACE_NOT_A_POINT"]);
    expect((await server.send("/points/ask", {})).status).toBe(409);
  });
});

describe("who may start what", () => {
  it("starts built-in studies, documents, and those the server was given, by name", async () => {
    expect((await server.create({ study: "mine", agent: "random", proposals: "client" })).name).toBe("small-and-fast");
    const document = { name: "doc", space: { network: "mobilenet-v2", deployment: "uniform" }, agent: "random" };
    expect((await server.create({ study: document, proposals: "client" })).name).toBe("doc");
    expect((await server.send("", undefined)).body.studies).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "doc", proposals: "client", open: true })]),
    );
  });

  it("reads no file that a client names", async () => {
    const documents = [
      "/etc/passwd",
      "../secret.yaml",
      { name: "x", space: { network: "../../secret.yaml" } },
      { name: "x", reference: { accelerator: "/etc/chip.yaml" } },
      { name: "x", environment: "table-sizing", table: "/etc/table.json" },
      { name: "x", accuracy: { proxy: "table", table: "/etc/table.json" } },
    ];
    for (const study of documents) {
      const { status, body } = await server.send("", { study, proposals: "client" });
      expect([status, body.code]).toEqual([422, "STUDY_BAD"]);
      expect(body.error).toContain("names no files");
    }
  });

  it("refuses what makes no sense, with the code of the command line", async () => {
    const refused = async (body: unknown) => {
      const { status, body: answer } = await server.send("", body);
      return [status, answer.code];
    };
    expect(await refused({ study: "qiuck" })).toEqual([422, "STUDY_UNKNOWN"]);
    expect(await refused({ study: "quick", agent: "nobody" })).toEqual([422, "AGENT_UNKNOWN"]);
    expect(await refused({ study: "quick", metrics: "model" })).toEqual([422, "STUDY_BAD"]);
    expect(await refused({ study: SPACE, metrics: "both" })).toEqual([422, "STUDY_BAD"]);
    expect(await refused({ study: { ...SPACE, reward: { form: "no" } } })).toEqual([422, "FILE_BAD_VALUE"]);
    expect((await refused({ study: "quick", budget: 3 }))[0]).toBe(400);
    await board("taken");
    expect(await refused({ study: "quick", id: "taken" })).toEqual([409, "RUN_EXISTS"]);
    expect((await refused({ study: "quick", id: "../x" }))[0]).toBe(400);
  });

  it("keeps the server's other guards", async () => {
    expect((await server.send("", { study: "quick" }, {})).status).toBe(403);
    expect(
      (await server.send("", { study: "quick" }, { "X-Cosearch": "1", origin: "http://evil.example" })).status,
    ).toBe(403);
    expect((await server.send("", undefined, { host: "evil.example" })).status).toBe(421);
    const closed = new TestServer(root, { token: "correct-horse-battery-staple" });
    expect((await closed.send("", { study: "quick" })).status).toBe(401);
    const large = { candidate: { a: "x".repeat(20_000) } };
    expect((await server.send("/points/evaluate", large)).status).toBe(413);
    expect((await server.send("", `{"study":"${"x".repeat(1.1e6)}"}`)).status).toBe(413);
  });

  it("touches no folder that is not an ask / tell study's", async () => {
    fakeRun(root, "ordinary", 20);
    expect((await server.send("/ordinary/ask", {})).status).toBe(404);
    expect((await server.send("/nothing/ask", {})).status).toBe(404);
    for (const id of ["..", "%2e%2e", "..%2fx", "%2e%2e%2f"])
      expect((await server.send(`/${id}/ask`, {})).status).toBe(404);
    const elsewhere = tempRoot();
    fakeRun(elsewhere, "far", 5);
    symlinkSync(join(elsewhere, "far"), join(root, "linked"));
    expect((await server.send("/linked/ask", {})).status).toBe(404);
    mkdirSync(join(root, "hostile"));
    const exchange = { proposals: "client", metrics: "model", timeoutSeconds: 1 };
    const manifest = JSON.parse(readFileSync(join(root, "ordinary", "manifest.json"), "utf8")) as Record<
      string,
      unknown
    >;
    const hostile = { ...manifest, runId: "hostile", study: { name: "<script>", exchange } };
    writeFileSync(join(root, "hostile", "manifest.json"), JSON.stringify(hostile));
    const { status, body } = await server.send("/hostile");
    expect(status).toBeGreaterThanOrEqual(400);
    expect(typeof body.error).toBe("string");
    expect((await server.study("taken")).status).toBe("running"); // the others go on
  });
});

function readTrials(id: string): { readonly metrics: Record<string, number> }[] {
  const text = readFileSync(join(root, id, "trials.jsonl"), "utf8").trim();
  return text.split("\n").map((line) => JSON.parse(line) as { metrics: Record<string, number> });
}
