import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RunSummary } from "../../src/study/events.js";

const root = join(import.meta.dirname, "../..");
const program = join(root, "bin/cosearch.js");
const newFolder = (): string => mkdtempSync(join(tmpdir(), "cosearch-cli-"));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command in a folder of its own. */
function cosearch(argv: readonly string[], cwd = newFolder(), env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 27 };
    execFile(process.execPath, [program, ...argv], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
    });
  });
}

const small = ["run", "quick", "--trials", "24", "--quiet"] as const;

describe("help", () => {
  it("stands on stdout, has examples and exit codes, and loads neither tensors nor streams", async () => {
    const { code, stdout, stderr } = await cosearch(["--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("cosearch run edge-joint --trials 2000 --seed 1");
    expect(stdout).toContain("130 interrupted");
  });

  it.each([
    "list",
    "run",
    "resume",
    "watch",
    "report",
    "compare",
    "export-trials",
    "propose",
    "evaluate",
    "schema",
  ])("%s has examples", async (command) => {
    const { code, stdout } = await cosearch([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples:\n +\\$ cosearch ${command}`));
  });

  it("imports nothing heavy, also by way of its own files: commander alone from outside, and node's own", () => {
    const seen = new Set<string>();
    const outside = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, target] of readFileSync(file, "utf8").matchAll(/^(?:import|export) .*?from "([^"]+)"/gm)) {
        if (target!.startsWith(".")) visit(join(dirname(file), target!));
        else if (!target!.startsWith("node:")) outside.add(target!);
      }
    };
    visit(join(root, "dist/src/app/main.js"));
    expect(seen.size).toBeGreaterThan(5);
    expect([...outside]).toEqual(["commander"]);
  });
});

describe("bad command lines end with 2, a coded error, and nothing written", () => {
  it.each([
    ["unknown command", ["rnu", "quick"], /error USAGE: unknown command 'rnu'\n\(Did you mean run\?\)/],
    [
      "unknown option",
      ["run", "quick", "--trails", "5"],
      /error USAGE: unknown option '--trails'\n\(Did you mean --trials\?\)/,
    ],
    ["negative budget", ["run", "quick", "--trials", "-5"], /--trials <count>' argument '-5' is invalid.*at least 1/],
    ["no number", ["run", "quick", "--seed", "one"], /'one' is invalid/],
    ["unknown study", ["run", "quik"], /error STUDY_UNKNOWN: .*did you mean "quick"/],
    ["unreadable file", ["run", "none.yaml"], /error FILE_UNREADABLE: study file none\.yaml does not exist/],
    [
      "unknown knob",
      ["run", "quick", "--set", "fix.network/widht=1"],
      /error SPACE_UNKNOWN_KNOB: --set fix\.network\/widht=1: .*did you mean "network\/width"/,
    ],
    ["unknown agent", ["run", "quick", "--agent", "pp"], /error AGENT_UNKNOWN: --agent pp: .*did you mean "ppo"/],
    [
      "unknown network",
      ["evaluate", "--network", "resnet-5", "--accelerator", "nahas-edge"],
      /error NETWORK_UNKNOWN: --network: .*did you mean/,
    ],
    [
      "unknown accelerator",
      ["evaluate", "--network", "resnet-50", "--accelerator", "nahas"],
      /error ACCELERATOR_UNKNOWN: --accelerator: /,
    ],
    [
      "unknown dataflow",
      ["evaluate", "--network", "resnet-50", "--accelerator", "nahas-edge", "--dataflow", "flexibel"],
      /error USAGE: --dataflow flexibel: .*did you mean "flexible"/,
    ],
    ["no run folder", ["resume", "nowhere"], /error RUN_NOT_FOUND: /],
    ["no run folder to report on", ["report", "nowhere"], /error RUN_NOT_FOUND: /],
    ["unknown list", ["list", "agnets"], /error USAGE: list agnets: .*did you mean "agents"/],
  ] as const)("%s", async (_, argv, expected) => {
    const folder = newFolder();
    const { code, stdout, stderr } = await cosearch(argv, folder);
    expect(stderr).toMatch(expected);
    expect([code, stdout]).toEqual([2, ""]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("list", () => {
  it("as JSON has every kind", async () => {
    const { stdout } = await cosearch(["list", "--json"]);
    const lists = JSON.parse(stdout) as Record<string, { name: string }[]>;
    expect(Object.keys(lists)).toEqual([
      "studies",
      "spaces",
      "agents",
      "accelerators",
      "networks",
      "proxies",
      "metrics",
    ]);
    expect(lists.agents?.map(({ name }) => name)).toEqual(expect.arrayContaining(["ppo", "reinforce", "random"]));
    expect(lists.studies?.map(({ name }) => name)).toEqual(expect.arrayContaining(["edge-joint", "quick"]));
  });
});

describe("evaluate", () => {
  it("prints the documented document", async () => {
    const { code, stdout } = await cosearch([
      ...["evaluate", "--network", "mobilenet-v2", "--accelerator", "nahas-edge", "--dataflow", "flexible", "--json"],
    ]);
    expect(code).toBe(0);
    const design = JSON.parse(stdout) as Record<string, unknown> & { network: object; layers: object[] };
    const keys =
      "latencyMs latencyCycles energyMillijoules areaMm2 peakOnChipBytes dramBytes utilizationFraction".split(" ");
    for (const key of keys) expect(design[key]).toBeTypeOf("number");
    expect(design.network).toMatchObject({ name: "mobilenet-v2" });
    expect(design.accuracy).toMatchObject({ estimate: expect.any(Number), standardError: expect.any(Number) });
    const layerKeys = "id kind shape macCount latencyCycles energyPj utilizationFraction bottleneck accesses".split(
      " ",
    );
    for (const layer of design.layers) expect(Object.keys(layer)).toEqual(expect.arrayContaining(layerKeys));
  });
});

describe("run, resume, report", () => {
  it("one after the other: documents, formats, a report without scripts", async () => {
    const folder = newFolder();
    const run = await cosearch([...small, "--json"], folder);
    expect([run.code, run.stderr]).toEqual([0, ""]);
    const summary = JSON.parse(run.stdout) as RunSummary;
    expect(summary).toMatchObject({
      trialCount: 24,
      feasibleCount: expect.any(Number),
      cacheHitCount: expect.any(Number),
    });
    expect(summary.best?.metrics).toMatchObject({ latencyMs: expect.any(Number) });
    const lines = readFileSync(join(folder, summary.runFolder, "trials.jsonl"), "utf8")
      .trimEnd()
      .split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { trial: number }).trial)).toEqual([...lines.keys()]);

    const resumed = await cosearch(["resume", summary.runFolder, "--trials", "40", "--json"], folder);
    expect(resumed.code).toBe(0);
    expect((JSON.parse(resumed.stdout) as RunSummary).trialCount).toBe(40);

    const whole = await cosearch(["run", "quick", "--trials", "40", "--json", "--out", "whole"], folder);
    const wholeFolder = (JSON.parse(whole.stdout) as RunSummary).runFolder;
    const trials = (path: string): string => readFileSync(join(folder, path, "trials.jsonl"), "utf8");
    expect(trials(summary.runFolder)).toBe(trials(wholeFolder));

    const report = await cosearch(["report", summary.runFolder], folder);
    expect(report.code).toBe(0);
    expect(report.stdout).toMatch(/Against\S*\s+mobilenet-v2 on nahas-edge/);
    const html = readFileSync(join(folder, summary.runFolder, "report.html"), "utf8");
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
    const both = await cosearch(["report", summary.runFolder, wholeFolder, "--json"], folder);
    expect((JSON.parse(both.stdout) as { runs: unknown[] }).runs).toHaveLength(2);
    const markdown = await cosearch(["report", summary.runFolder, "--markdown"], folder);
    expect(markdown.stdout).toContain("| time per image |");
  });

  it("results do not depend on the number of workers", async () => {
    const folder = newFolder();
    const trials = async (workers: string): Promise<string> => {
      const { stdout } = await cosearch([...small, "--json", "--workers", workers, "--out", `w${workers}`], folder);
      return readFileSync(join(folder, (JSON.parse(stdout) as RunSummary).runFolder, "trials.jsonl"), "utf8");
    };
    expect(await trials("2")).toBe(await trials("0"));
  });

  it("plain text on a pipe has no colour codes and no progress", async () => {
    const { stdout, stderr } = await cosearch(small, newFolder(), { FORCE_COLOR: "1" });
    expect(stderr).toBe("");
    expect(stdout).not.toContain("\u001b[");
    expect(stdout).toMatch(/Winner {2}trial \d+, reward 0\.\d{4}/);
    expect(stdout).toMatch(/Run folder {2}runs\/quick-reinforce-s1-/);
  });

  it("a study file that excludes everything says so, and the run ends with what was in the way", async () => {
    const folder = newFolder();
    const study = `space: { network: tiny-mbv2, accelerator: nahas-edge, deployment: uniform }
limits: { latencyMs: { max: 0.000001 } }
agent: random
budget: { trials: 5 }
`;
    writeFileSync(join(folder, "tight.yaml"), study);
    const { code, stdout } = await cosearch(["run", "tight.yaml"], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/No feasible design was found/);
    expect(stdout).toMatch(/limit: latencyMs +5/);
  });

  it("Ctrl-C ends with 130, says how to resume, and leaves the folder free", async () => {
    const folder = newFolder();
    const child = spawn(process.execPath, [program, "run", "quick", "--trials", "100000"], { cwd: folder });
    await untilTrials(folder, 20);
    child.kill("SIGINT");
    const { code, stderr } = await ended(child);
    expect(code).toBe(130);
    const command = /continue with: cosearch (resume \S+)/.exec(stderr)?.[1];
    expect(command).toBeDefined();
    // a budget can only be raised: the refusal proves that the folder is free again and knows its own budget
    const resumed = await cosearch([...(command ?? "").split(" "), "--trials", "50"], folder);
    expect(resumed.stderr).toMatch(/error USAGE: --trials 50 is less than the run's budget of 100000/);
  });
});

/** Waits until some run of the folder has so many trials. */
async function untilTrials(folder: string, count: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const runs = existsSync(join(folder, "runs")) ? readdirSync(join(folder, "runs")) : [];
    const file = join(folder, "runs", runs[0] ?? "", "trials.jsonl");
    if (runs.length > 0 && existsSync(file) && readFileSync(file, "utf8").split("\n").length > count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the run made no trials");
}

function ended(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stderr })));
}
