// How fast it is: the default study from the command line (wall time, peak memory), the environment alone on one core, and
// `--help`. Medians of repeated runs; they depend on the machine and on what else it does.
//   npm run bench -- [--repeat 3] [--study edge-joint] [--trials 2000] [--json]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createCodesignEnvironment } from "../envs/codesign-env.js";
import { RandomStream } from "../src/core/rng.js";
import { median } from "../src/core/statistics.js";
import type { Candidate } from "../src/core/trial.js";
import { packageRoot } from "../src/files/package-root.js";
import type { RunSummary } from "../src/study/events.js";
import { trialsOf } from "../src/track/run-reader.js";
import { accuracyRates } from "./bench-accuracy.js";
import { agentTimes, policyTimes } from "./bench-policies.js";
import { trainingRate } from "./bench-training.js";
import { evaluationRate, networkMapping } from "./mapper-speed.js";
import { packageVersion } from "./package-version.js";
import { codesignOptions, resolveStudy } from "./resolve-study.js";
import { scriptOptions } from "./script-options.js";
import { loadStudy } from "./study-file.js";

const COLD_CANDIDATES = 200;
const HELP_RUNS = 7;
const MAPPING_RUNS = 15;
const TRAINING_STEPS = 20;
const POLICY_BATCHES = 9;
const AGENT_BATCHES = 100;

const values = scriptOptions(
  { command: "npm run bench --", about: "Speed of a run's parts and of whole runs." },
  {
    study: { type: "string", default: "edge-joint" },
    trials: { type: "string", default: "2000" },
    repeat: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
  {
    study: "built-in study or file",
    trials: "of a whole run",
    repeat: "runs of which the median counts",
    json: "one JSON document",
  },
);
const repeat = Number(values.repeat);
const study = resolveStudy(loadStudy(values.study));
const scratch = mkdtempSync(join(tmpdir(), "cosearch-bench-"));
const figures: { readonly what: string; readonly value: number; readonly unit: string; readonly goal: string }[] = [];
try {
  await measure();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
report();

async function measure(): Promise<void> {
  const helps = times(HELP_RUNS, () => timedMs(() => cosearch(["--help"])) / 1000);
  add("cosearch --help", median(helps), "s", "< 0.5");

  const runs = times(repeat, (i) => wholeRun(i + 1));
  add(
    `${values.study}, ${values.trials} trials, wall`,
    median(runs.map(({ wallSeconds }) => wallSeconds)),
    "s",
    "< 60",
  );
  add("the same, with start-up and verdict", median(runs.map(({ processSeconds }) => processSeconds)), "s", "");
  add("peak memory of that process", median(runs.map(({ peakMib }) => peakMib)), "MiB", "< 1024");

  const cold = await rates(times(repeat, (i) => randomCandidates(i + 1)));
  add("environment, every network and chip new", median(cold), "trials/s", ">= 60");
  const asInRun = await rates(runs.map(({ candidates }) => candidates));
  add("environment, the candidates of a run in order", median(asInRun), "trials/s", "");

  for (const machine of ["nahas-edge", "gemmini"]) {
    const { levels, perSecond, referencePerSecond } = evaluationRate(machine, repeat);
    add(`mappings evaluated, ${machine}, ${levels} levels`, perSecond, "mappings/s", ">= 100000");
    add("a count of the traffic alone, for reference", referencePerSecond, "mappings/s", "");
  }
  for (const objective of ["latency", "edp"] as const) {
    const { shapes, milliseconds } = networkMapping("nahas-edge", objective, MAPPING_RUNS);
    add(`${shapes} layers of MobileNetV2 mapped for ${objective}, nahas-edge`, milliseconds, "ms", "<= 15");
  }

  for (const policy of ["lstm", "autoregressive", "factorised"] as const) {
    const { propose, observe } = await policyTimes(policy, POLICY_BATCHES);
    const goals = { lstm: ["<= 20", "<= 250"], autoregressive: ["both <= 40", ""], factorised: ["both <= 10", ""] }[
      policy
    ];
    add(`${policy} policy, 64 x 40 decisions drawn`, propose.wallMs, "ms", goals[0]!);
    add("the PPO update of 4 epochs after it", observe.wallMs, "ms", goals[1]!);
  }
  const { propose, observe, batchSize } = await agentTimes({}, AGENT_BATCHES, AGENT_BATCHES / 2);
  add("the default agent alone, a trial", (propose.wallMs + observe.wallMs) / batchSize, "ms", "< an evaluation");

  const accuracy = accuracyRates(repeat);
  add("accuracy surrogate", accuracy.estimate, "networks/s", ">= 20000");
  add("its first 1,000 networks", accuracy.firstEstimates, "networks/s", "");
  add("accuracy surrogate, network built for it", accuracy.buildAndEstimate, "networks/s", "");
  add("the building alone, for reference", accuracy.build, "networks/s", "");
  const training = await trainingRate("wasm", TRAINING_STEPS);
  add("training MobileNetV2-0.35, 32 x 32, batch 64, wasm", training.stepsPerSecond, "steps/s", "");
}

interface Run {
  readonly wallSeconds: number;
  readonly processSeconds: number;
  readonly peakMib: number;
  /** without repetitions */
  readonly candidates: readonly Candidate[];
}

/** One run of the study as a process of its own, which tells its peak memory at the end. */
function wholeRun(seed: number): Run {
  const argv = ["run", values.study, "--trials", values.trials, "--seed", String(seed), "--out", scratch, "--json"];
  const began = performance.now();
  const { stdout, stderr } = cosearch([...argv, "--quiet"]);
  const processSeconds = (performance.now() - began) / 1000;
  const summary = JSON.parse(stdout) as RunSummary;
  const peakMib = Number(/maxRSS (\d+)/.exec(stderr)?.[1]) / 1024;
  const seen = new Map([...trialsOf(summary.runFolder)].map(({ candidate }) => [JSON.stringify(candidate), candidate]));
  return { wallSeconds: summary.wallSeconds, processSeconds, peakMib, candidates: [...seen.values()] };
}

function randomCandidates(seed: number): Candidate[] {
  const { space } = createCodesignEnvironment(codesignOptions(study));
  const random = RandomStream.of(seed, "bench");
  return times(COLD_CANDIDATES, () => space.decode(space.sample(random)));
}

/** Candidates per second of CPU time, in a new environment; what only the first one pays (tables) is paid before. */
async function rate(candidates: readonly Candidate[]): Promise<number> {
  const warmUp = createCodesignEnvironment(codesignOptions(study));
  for (const candidate of candidates.slice(0, 3)) await warmUp.evaluate(candidate);
  const environment = createCodesignEnvironment(codesignOptions(study));
  const before = process.cpuUsage();
  for (const candidate of candidates) await environment.evaluate(candidate);
  const { user, system } = process.cpuUsage(before);
  return candidates.length / ((user + system) / 1e6);
}

/** One after the other: side by side each would be charged for the others' processor time. */
async function rates(batches: readonly (readonly Candidate[])[]): Promise<number[]> {
  const found: number[] = [];
  for (const batch of batches) found.push(await rate(batch));
  return found;
}

function cosearch(argv: readonly string[]): { readonly stdout: string; readonly stderr: string } {
  const program = `
    const { main } = await import(${JSON.stringify(new URL("../src/app/main.js", import.meta.url).href)});
    process.exitCode = await main(process.argv.slice(1));
    process.stderr.write("maxRSS " + process.resourceUsage().maxRSS + "\\n");`;
  const options = { encoding: "utf8", cwd: packageRoot, maxBuffer: 1 << 28 } as const;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", program, ...argv],
    options,
  );
  if (status !== 0) throw new Error(`cosearch ${argv.join(" ")} ended with ${status}: ${stderr}`);
  return { stdout, stderr };
}

function timedMs(work: () => unknown): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function add(what: string, value: number, unit: string, goal: string): void {
  figures.push({ what, value, unit, goal });
  process.stderr.write(`${what}: ${value.toFixed(2)} ${unit}\n`);
}

function report(): void {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, node ${process.versions.node}, cosearch ${packageVersion()}`;
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ machine, repeat, figures }, null, 2)}\n`);
    return;
  }
  const rows = figures.map(
    ({ what, value, unit, goal }) => `| ${what} | ${Number(value.toPrecision(3))} ${unit} | ${goal} |`,
  );
  process.stdout.write(
    `${machine}; medians of ${repeat}\n\n| what | measured | goal |\n| --- | --- | --- |\n${rows.join("\n")}\n`,
  );
}
