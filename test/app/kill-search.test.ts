// A real search (PPO over network, chip and deployment) killed with SIGKILL at 20 random moments, resumed each time, ends
// with the same trials and the same policy, byte for byte, as one never killed; so does one with four worker threads.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.js";

const command = fileURLToPath(new URL("../../bin/cosearch.js", import.meta.url));
const runs = mkdtempSync(join(tmpdir(), "cosearch-kill-"));
const TRIALS = 640;

const start = (args: readonly string[]) =>
  spawn(process.execPath, [command, ...args, "--quiet"], { stdio: ["ignore", "ignore", "inherit"] });

const trialsIn = (id: string): number => {
  const file = join(runs, id, "trials.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
};

async function finish(args: readonly string[]): Promise<void> {
  const [code] = (await once(start(args), "exit")) as [number];
  expect(code).toBe(0);
}

/** Trials and every checkpoint that is kept. */
function record(id: string): Map<string, string> {
  const folder = join(runs, id);
  const files = ["trials.jsonl", ...readdirSync(join(folder, "checkpoints")).map((name) => join("checkpoints", name))];
  return new Map(files.map((file) => [file, readFileSync(join(folder, file), "utf8")]));
}

const study = ["edge-joint", "--trials", String(TRIALS), "--seed", "3", "--out", runs];

describe("a search that is killed", () => {
  afterAll(() => rmSync(runs, { recursive: true, force: true }));

  it("20 times ends as one that never was, and as one with four workers", async () => {
    await finish(["run", ...study, "--id", "whole"]);
    await finish(["run", ...study, "--id", "four", "--workers", "4"]);
    const random = RandomStream.of(1, "kill");
    let kills = 0;
    for (let attempt = 0; kills < 20; attempt++) {
      const begun = existsSync(join(runs, "killed", "manifest.json"));
      const child = start(begun ? ["resume", join(runs, "killed")] : ["run", ...study, "--id", "killed"]);
      const exit = once(child, "exit");
      const target = Math.min(TRIALS - 40, Math.round(((kills + random.next()) * TRIALS) / 22));
      while (child.exitCode === null && trialsIn("killed") < target) await wait(2);
      await wait(random.next() * 40);
      child.kill("SIGKILL");
      await exit;
      if (child.signalCode === "SIGKILL") kills++;
      expect(attempt).toBeLessThan(40);
    }
    await finish(["resume", join(runs, "killed")]);
    const whole = record("whole");
    expect(whole.get("trials.jsonl")!.split("\n").length - 1).toBe(TRIALS);
    expect(record("four")).toEqual(whole);
    expect(record("killed")).toEqual(whole);
  }, 300_000);
});
