// A run that is killed with SIGKILL at 20 random moments and resumed each time ends like one that was never killed.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.js";
import { tempRoot } from "./temp-root.js";

const script = fileURLToPath(new URL("./fixtures/run-toy.ts", import.meta.url));
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Starts a run and waits until it has its folder. */
async function start(root: string, resume?: string): Promise<{ child: ChildProcess; path: string }> {
  const args = ["--import", "tsx", script, root, ...(resume === undefined ? [] : [resume])];
  const child = spawn(process.execPath, args, { cwd: repository, stdio: ["ignore", "pipe", "inherit"] });
  const [first] = (await once(child.stdout!, "data")) as [Buffer];
  return { child, path: first.toString().trim() };
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

function trialsIn(path: string): number {
  const file = join(path, "trials.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

describe("kill -9", () => {
  it("at 20 random moments leaves the same trials, updates and final checkpoint, byte for byte", async () => {
    const reference = await start(tempRoot());
    expect(await exitOf(reference.child)).toBe(0);
    const root = tempRoot();
    const random = RandomStream.of(20, "kill");
    // Half of the kills wait for a random amount of progress, the others strike a few milliseconds after the start, while
    // the run is being restored or its record made again; each a little later, to meet every kind of moment.
    const targets = Array.from({ length: 10 }, () => random.integer(2900)).sort((a, b) => a - b);
    let path: string | undefined;
    for (let kill = 0; kill < 20; kill++) {
      const run = await start(root, path);
      path = run.path;
      const target = kill % 2 === 0 ? targets[kill / 2]! : 0;
      while (trialsIn(path) < target) await wait(2);
      await wait(random.next() * 12);
      run.child.kill("SIGKILL");
      await exitOf(run.child);
      expect(run.child.signalCode).toBe("SIGKILL"); // it was not over
    }
    const last = await start(root, path);
    expect(await exitOf(last.child)).toBe(0);

    expect(readdirSync(root).length).toBe(1);
    for (const file of [
      "trials.jsonl",
      "updates.jsonl",
      ...readdirSync(join(reference.path, "checkpoints")).map((name) => `checkpoints/${name}`),
    ]) {
      expect(readFileSync(join(path!, file), "utf8")).toBe(readFileSync(join(reference.path, file), "utf8"));
    }
    expect(trialsIn(path!)).toBe(3000);
  });
});
