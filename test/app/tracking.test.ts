import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetReadObjects } from "hyparquet";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunSummary } from "../../src/study/events.js";
import { type FakeMlflow, fakeMlflow } from "../track/mlflow-server.js";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "cosearch-tracking-"));
const source = readFileSync(join(root, "test/examples/custom-tracker.ts"), "utf8");

function cosearch(...argv: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, MLFLOW_TRACKING_TOKEN: "t0ken" } };
    execFile(process.execPath, [join(root, "bin/cosearch.js"), ...argv], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
    });
  });
}

let server: FakeMlflow;
let run = "";
beforeAll(async () => {
  server = await fakeMlflow();
  const module = ts.ModuleKind.ESNext;
  writeFileSync(join(folder, "tracker.mjs"), ts.transpileModule(source, { compilerOptions: { module } }).outputText);
  const options = [
    "--trials",
    "80",
    "--mlflow",
    server.url,
    "--tracker",
    "tracker.mjs",
    "--plain",
    "--json",
    "--id",
    "a",
  ];
  const { code, stdout, stderr } = await cosearch("run", "quick", ...options);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^quick with reinforce, seed 1, 80 trials, in runs\/a\n/)]);
  expect(stderr).toContain("80 of 80 trials (100 %)");
  run = (JSON.parse(stdout) as RunSummary).runFolder;
});
afterAll(() => server.close());

const curve = (): number[] =>
  readFileSync(join(folder, run, "curve.csv"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.split(",")[0]));

describe("trackers from the command line", () => {
  it("a module of one's own and MLflow get every step, also those of a resumed run, once", async () => {
    expect(curve()).toEqual([16, 32, 48, 64, 80]);
    expect([...server.authorizations]).toEqual(["Bearer t0ken"]);
    const argv = ["--trials", "112", "--mlflow", server.url, "--tracker", "tracker.mjs", "--quiet", "--json"];
    expect((await cosearch("resume", run, ...argv)).code).toBe(0);
    expect(curve()).toEqual([16, 32, 48, 64, 80, 96, 112]);
    const steps = server.runs[0]?.metrics.filter(({ key }) => key === "rollout/reward_mean").map(({ step }) => step);
    expect([server.runs.length, server.runs[0]?.status, steps]).toEqual([1, "FINISHED", curve()]);
  });

  it("what is no tracker is refused before a run is made", async () => {
    writeFileSync(join(folder, "none.mjs"), "export default { name: 'x' };\n");
    const { code, stderr } = await cosearch("run", "quick", "--tracker", "none.mjs", "--out", "never");
    expect([code, stderr]).toEqual([2, expect.stringContaining("error FILE_BAD_VALUE: --tracker none.mjs:")]);
    expect(readdirSync(folder)).not.toContain("never");
  });

  it("the example is the one of the docs, in about 20 lines of code", () => {
    expect(readFileSync(join(root, "docs/tracking.md"), "utf8")).toContain(source.trimEnd());
    expect(source.split("\n").filter((line) => !/^(\/\/|import|$)/.test(line)).length).toBeLessThanOrEqual(21);
  });
});

it("writes an event file unless told not to", async () => {
  const isEvents = (name: string): boolean => name.includes("tfevents");
  expect(readdirSync(join(folder, run)).filter(isEvents)).toHaveLength(1);
  await cosearch("run", "quick", "--trials", "16", "--no-tensorboard", "--id", "none", "--quiet");
  expect(readdirSync(join(folder, "runs/none")).filter(isEvents)).toEqual([]);
});

it("watch tells how a run stands that is over", async () => {
  const { code, stdout, stderr } = await cosearch("watch", run);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^finished after \d+ of \d+ trials\n$/)]);
  expect(stderr).toMatch(/\d+ of \d+ trials \(100 %\), best 0\.\d+ \(trial \d+\) {2}[▁-█]+\n$/);
});

it("exports the same trials in every format", async () => {
  for (const name of ["t.csv", "t.jsonl", "t.parquet"]) {
    expect((await cosearch("export-trials", run, "--out", name)).code).toBe(0);
  }
  const lines = readFileSync(join(folder, "t.jsonl"), "utf8").trimEnd().split("\n");
  const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const bytes = readFileSync(join(folder, "t.parquet"));
  const read = await parquetReadObjects({
    file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  });
  expect(read).toEqual(rows);
  const csv = readFileSync(join(folder, "t.csv"), "utf8").trimEnd().split("\n");
  expect(csv).toHaveLength(rows.length + 1);
  expect(csv[0]?.split(",")).toEqual(Object.keys(rows[0] ?? {}));
  const printed = await cosearch("export-trials", run, "--format", "csv");
  expect(printed.stdout.trimEnd().split("\n")).toEqual(csv);
  expect((await cosearch("export-trials", run, "--format", "parquet")).code).toBe(2);
});

it("compares, as text, JSON and a page", async () => {
  await cosearch("run", "quick", "--trials", "80", "--agent", "random", "--id", "b", "--quiet");
  const { code, stdout } = await cosearch("compare", run, "runs/b", "--out", "c.html");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/quick \/ reinforce +1 .*\n +quick \/ random +1 /)]);
  expect(readFileSync(join(folder, "c.html"), "utf8")).toMatch(/^<!doctype html>[\s\S]*<svg role="img"/);
  const json = JSON.parse((await cosearch("compare", run, "runs/b", "--json")).stdout) as { commonTrials: number };
  expect(json.commonTrials).toBe(80);
  const csv = await cosearch("report", run, "--csv");
  expect(csv.stdout).toMatch(/^run,trial,winner,on_front,reward,/);
});
