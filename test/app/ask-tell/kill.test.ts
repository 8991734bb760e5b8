// `cosearch serve` killed with SIGKILL at random moments while a client works: nothing is lost, nothing happens twice, and the
// run equals one whose server never died.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../../src/core/rng.js";
import { Space } from "../../../src/core/space.js";
import { tempRoot } from "../../study/temp-root.js";
import { SPACE } from "./http.js";

const command = fileURLToPath(new URL("../../../bin/cosearch.js", import.meta.url));
const space = new Space({ name: "tiles", knobs: SPACE.knobs });
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** A server that is killed and started again on the same port while `clients` work; they finish only after the last kill, on
 *  a machine of any speed. */
async function serving<T>(
  runs: string,
  kills: number,
  clients: (url: string, allKilled: Promise<void>) => Promise<T>,
): Promise<T> {
  const port = await freePort();
  const random = RandomStream.of(11, "kill");
  let over = false;
  let killed = 0;
  let last = (): void => {};
  const allKilled = new Promise<void>((resolve) => {
    last = resolve;
  });
  if (kills === 0) last();
  const keeper = (async () => {
    while (!over) {
      const child = spawn(process.execPath, [command, "serve", runs, "--port", String(port)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.add(child);
      const exit = once(child, "exit");
      await Promise.race([once(child.stdout!, "data"), exit]);
      for (
        const until = performance.now() + 500 + 800 * random.next();
        !over && (killed >= kills || performance.now() < until);
      )
        await wait(10);
      if (!over) killed++;
      child.kill("SIGKILL");
      await exit;
      children.delete(child);
      if (killed === kills) last();
    }
  })();
  try {
    return await clients(`http://127.0.0.1:${port}/api/studies`, allKilled);
  } finally {
    over = true;
    await keeper;
    expect(killed).toBe(kills);
  }
}

/** As a patient client: tried again until an answer comes. */
async function post(url: string, body: unknown): Promise<{ status: number; answer: Record<string, unknown> }> {
  const headers = { "X-Cosearch": "1" };
  for (let attempt = 0; attempt < 1000; attempt++) {
    try {
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
      if (response.status !== 503)
        return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
    } catch {
      // no server just now
    }
    await wait(20);
  }
  throw new Error(`${url} never answered`);
}

const latencyOf = (candidate: Readonly<Record<string, unknown>>): number =>
  64 / Number(candidate.tile) + Number(candidate.buffers);

interface Asked {
  readonly trial: number;
  readonly candidate: Readonly<Record<string, unknown>>;
}

/** Measures until the study is over; every tell is sent twice, as after a lost answer. */
async function measuring(url: string, request: object, eachMs: number, allKilled: Promise<void>): Promise<void> {
  await post(url, request);
  for (;;) {
    const { answer } = await post(`${url}/study/ask`, { count: 3, waitSeconds: 1 });
    if (answer.status === "finished") return;
    for (const { trial, candidate } of (answer.trials ?? []) as Asked[]) {
      await wait(eachMs);
      if (trial >= LATE) await allKilled;
      const told = { trial, metrics: { latencyMs: latencyOf(candidate) } };
      const [first, second] = [await post(`${url}/study/tell`, told), await post(`${url}/study/tell`, told)];
      expect([first.status, second]).toEqual([200, first]);
    }
  }
}

/** From this trial of 96 on a client waits for the last kill; the last ones may repeat what was measured and are never asked. */
const LATE = 48;

const record = (runs: string): string[] =>
  ["trials.jsonl", "updates.jsonl", "policy.jsonl"].map((file) => readFileSync(join(runs, "study", file), "utf8"));

describe("a server that is killed", () => {
  it("loses and doubles nothing of what an agent proposed and a client told", async () => {
    const request = {
      id: "study",
      study: { ...SPACE, agent: "q-learning" },
      trials: 96,
      batch: 8,
      timeoutSeconds: 0.4,
    };
    const [whole, killed] = [join(tempRoot(), "runs"), join(tempRoot(), "runs")];
    for (const runs of [whole, killed]) mkdirSync(runs);
    await serving(whole, 0, (url, allKilled) => measuring(url, request, 0, allKilled));
    await serving(killed, 4, (url, allKilled) => measuring(url, request, 120, allKilled));
    expect(record(killed)).toEqual(record(whole));
    expect(record(whole)[0]!.trim().split("\n").length).toBe(96);
    const log = readFileSync(join(killed, "study", "exchange.jsonl"), "utf8")
      .trim()
      .split("\n");
    const told = log.map((line) => (JSON.parse(line) as { told?: number }).told).filter((trial) => trial !== undefined);
    expect(new Set(told).size).toBe(told.length);
  });

  it("loses and doubles nothing of what a client proposed", async () => {
    const runs = join(tempRoot(), "runs");
    mkdirSync(runs);
    const random = RandomStream.of(5, "proposals");
    const candidates = Array.from({ length: 48 }, () => space.decode(space.sample(random)));
    const answers = await serving(runs, 3, async (url, allKilled) => {
      await post(url, { id: "study", study: SPACE, proposals: "client", trials: 48, timeoutSeconds: 0.4 });
      let over = false;
      const board = (async () => {
        while (!over) {
          const { answer } = await post(`${url}/study/ask`, { count: 8, waitSeconds: 0.2 });
          for (const { trial, candidate } of (answer.trials ?? []) as Asked[]) {
            await post(`${url}/study/tell`, { trial, metrics: { latencyMs: latencyOf(candidate) } });
          }
        }
      })();
      const made: Record<string, unknown>[] = [];
      for (const [i, candidate] of candidates.entries()) {
        await wait(60);
        if (i === candidates.length - 1) await allKilled;
        let reply = await post(`${url}/study/evaluate`, { candidate, key: `c${i}` });
        while (reply.status === 202) reply = await post(`${url}/study/evaluate`, { candidate, key: `c${i}` });
        expect(reply.status).toBe(200);
        made.push(reply.answer);
      }
      over = true;
      await board;
      return made;
    });
    expect(answers.map(({ trial }) => trial)).toEqual(candidates.map((_, i) => i));
    expect(answers.map(({ candidate }) => candidate)).toEqual(candidates);
    const trials = readFileSync(join(runs, "study", "trials.jsonl"), "utf8")
      .trim()
      .split("\n");
    expect(trials.map((line) => (JSON.parse(line) as Asked).candidate)).toEqual(candidates);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
