// How fast short training is: steps per second of MobileNetV2-0.35 on images of 32 × 32, batch 64, on each tensor backend that
// loads here, and with PyTorch beside them where a Python with torch is named.
//   npx tsx experiments/bench-training.ts [--steps 20] [--python /path/to/python]
import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { embeddedSet } from "../envs/accuracy/training/image-set.js";
import { trainNetwork } from "../envs/accuracy/training/train.js";
import type { Network } from "../envs/network/ir.js";
import { buildNetwork } from "../envs/network/network-file.js";
import { CosearchError } from "../src/core/errors.js";
import { packageRoot } from "../src/files/package-root.js";
import { initBackend } from "../src/tensors/backend.js";
import { scriptOptions } from "./script-options.js";

const SIZE = 32;
const BATCH = 64;
const WARM_UP_STEPS = 3;

/** MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, table 2) at width 0.35, its strides kept, for ten classes. */
export function smallMobileNet(): Network {
  const rows = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  return buildNetwork({
    name: "mobilenet-v2-0.35",
    input: { resolution: SIZE },
    classes: 10,
    activation: "relu6",
    stem: { channels: narrowed(32), stride: 2 },
    stages: rows.map(([expansion, channels, repeat, stride]) => ({
      kind: "inverted-residual" as const,
      expansion,
      channels: narrowed(channels),
      repeat,
      stride,
    })),
    head: { channels: 1280 },
  });
}

/** The nearest multiple of 8 to 0.35 of the channels, at least 8, and not below 0.9 of it: the authors' rule. */
function narrowed(channels: number): number {
  const exact = 0.35 * channels;
  const rounded = Math.max(8, Math.floor((exact + 4) / 8) * 8);
  return rounded < 0.9 * exact ? rounded + 8 : rounded;
}

export interface TrainingRate {
  readonly stepsPerSecond: number;
  /** of processor time: what a busy machine leaves comparable */
  readonly stepsPerCpuSecond: number;
}

/** Forward, backward and update. @throws CosearchError BACKEND_UNAVAILABLE */
export async function trainingRate(backend: "wasm" | "native", steps: number): Promise<TrainingRate> {
  await initBackend(backend);
  const data = embeddedSet(1, BATCH * 8, 10, SIZE);
  const network = smallMobileNet();
  const secondsFor = async (count: number): Promise<{ readonly wall: number; readonly cpu: number }> => {
    const [began, cpuBefore] = [performance.now(), process.cpuUsage()];
    await trainNetwork(network, data, { steps: count, batch: BATCH, learningRate: 0.01, seed: 1 });
    const { user, system } = process.cpuUsage(cpuBefore);
    return { wall: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 };
  };
  await secondsFor(WARM_UP_STEPS);
  const short = await secondsFor(WARM_UP_STEPS); // initial weights and the measurement at the end are in both
  const long = await secondsFor(WARM_UP_STEPS + steps);
  return { stepsPerSecond: steps / (long.wall - short.wall), stepsPerCpuSecond: steps / (long.cpu - short.cpu) };
}

async function main(): Promise<void> {
  const values = scriptOptions(
    {
      command: "npx tsx experiments/bench-training.ts",
      about: "Steps per second of short training, by tensor backend.",
    },
    { steps: { type: "string", default: "20" }, python: { type: "string" } },
    { steps: "to be timed", python: "an interpreter with torch, to be timed beside" },
  );
  const steps = Number(values.steps);
  const rows: (readonly string[])[] = [];
  for (const backend of ["wasm", "native"] as const) {
    try {
      const { stepsPerSecond, stepsPerCpuSecond } = await trainingRate(backend, steps);
      rows.push([`tfjs, ${backend}`, stepsPerSecond.toFixed(2), stepsPerCpuSecond.toFixed(2)]);
    } catch (error) {
      if (!(error instanceof CosearchError)) throw error;
      rows.push([`tfjs, ${backend}`, "does not load here", ""]);
    }
  }
  if (values.python !== undefined) rows.push(...torchRates(values.python, steps));
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, node ${process.versions.node}`;
  const lines = rows.map((cells) => `| ${cells.join(" | ")} |`);
  process.stdout.write(
    `${machine}, load ${loadavg()[0]!.toFixed(1)}\n\n| backend | steps/s | steps per CPU second |\n| --- | --- | --- |\n${lines.join("\n")}\n`,
  );
}

/** The same network in PyTorch, by bench-training.py: one thread, then all. */
function torchRates(python: string, steps: number): (readonly string[])[] {
  const script = join(packageRoot, "experiments/bench-training.py");
  const { status, stdout, stderr } = spawnSync(python, [script, String(steps)], { encoding: "utf8" });
  if (status !== 0) return [[python, stderr.trim().split("\n").at(-1) ?? "failed", ""]];
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
