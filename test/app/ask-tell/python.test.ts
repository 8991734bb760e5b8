// The Python examples, run as a user would: against `cosearch serve`, with the standard library alone (Optuna is used when it
// is installed). Skipped where there is no python3.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PolicyRecord } from "../../../src/study/policy-lines.js";
import { tempRoot } from "../../study/temp-root.js";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const python = process.env.COSEARCH_PYTHON ?? "python3";
const hasPython = spawnSync(python, ["-c", "import json, urllib.request"]).status === 0;
const runs = tempRoot();
let server: ReturnType<typeof spawn>;
let url = "";

beforeAll(async () => {
  const args = [join(repository, "bin/cosearch.js"), "serve", runs, "--port", "0"];
  server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(server.stdout!, "data")) as [Buffer];
  url = /http:\S+/.exec(line.toString())![0];
});
afterAll(() => {
  server.kill();
});

function run(script: string, ...more: string[]): string {
  const args = [join(repository, "examples", script), "--url", url, ...more];
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };
  const { status, stdout, stderr } = spawnSync(python, args, { encoding: "utf8", env, timeout: 150_000 });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}

describe.skipIf(!hasPython)("the Python examples", () => {
  it("optuna_ask_tell.py drives our environment", () => {
    const output = run("optuna_ask_tell.py", "--trials", "12", "--id", "driven");
    expect(output).toMatch(/^(optuna-tpe|python-random): finished, 12 trials, best reward 0\.\d+ in trial \d+\n$/);
    expect(
      readFileSync(join(runs, "driven", "trials.jsonl"), "utf8")
        .trim()
        .split("\n").length,
    ).toBe(12);
    run("optuna_ask_tell.py", "--trials", "12", "--id", "driven"); // once more: there is nothing left to do
  });

  it("external_evaluator.py scores our agent's proposals, and the agent learns", () => {
    const output = run("external_evaluator.py", "--trials", "256", "--agent", "reinforce");
    expect(output).toContain("reinforce: finished, 256 trials, best {'latencyMs': 0.375}"); // the best of the 150 points
    const lines = readFileSync(join(runs, "matmul-tiles", "policy.jsonl"), "utf8")
      .trim()
      .split("\n");
    const [before, after] = [lines[0]!, lines.at(-1)!].map((line) => JSON.parse(line) as PolicyRecord);
    expect(before?.policy.tileM).toEqual([0.2, 0.2, 0.2, 0.2, 0.2]);
    expect(after?.policy.tileM?.at(-1)).toBeGreaterThan(0.5); // the largest tile is the best
    expect(after?.policy.buffers?.[1]).toBeGreaterThan(0.4); // and two buffers
  });

  it("use nothing but the standard library, Optuna apart", () => {
    const known = [
      "argparse",
      "json",
      "os",
      "random",
      "time",
      "urllib.error",
      "urllib.request",
      "uuid",
      "optuna",
      "ask_tell_client",
    ];
    for (const name of readdirSync(join(repository, "examples")).filter((file) => file.endsWith(".py"))) {
      const text = readFileSync(join(repository, "examples", name), "utf8");
      const imports = [...text.matchAll(/^\s*(?:import|from) ([\w.]+)/gm)].map((match) => match[1]);
      expect(imports.length).toBeGreaterThan(1);
      expect(imports.filter((module) => !known.includes(module!))).toEqual([]);
    }
  });
});
