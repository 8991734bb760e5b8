// The proxy that trains: builds the candidate, trains it for a stated number of steps on small images and returns held-out
// accuracy. With `workers` in the study it runs in worker threads, so that the search goes on meanwhile.
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { packageRoot, readText } from "../../../src/files/documents.js";
import { evaluationBackend } from "../../../src/tensors/backend.js";
import type { Network } from "../../network/ir.js";
import { deploymentRise } from "../deployment-effects.js";
import { describe } from "../descriptors.js";
import type { AccuracyEstimate } from "../estimate.js";
import { estimateOf, shippedSurrogate } from "../imagenet-surrogate.js";
import { NoEstimate } from "../no-estimate.js";
import { defineProxy } from "../proxy-definition.js";
import { cifarFiles, readCifar } from "./cifar.js";
import { embeddedSet, type SplitSet } from "./image-set.js";
import type { SeedFit } from "./seed-fit.js";

export const TRAINING_PROXY = "short-training";
const SUMMARY = "held-out accuracy after a short real training on small images";

/** What two trainings that differ in their seed differ by, measured by zero-cost/measure-scores.ts on the embedded set. */
const FITTED_FILE = join(packageRoot, "envs/accuracy/short-training.fitted.json");

/** Standard deviation of ln(error) from one seed to the next where that has not been measured: an order of magnitude. */
const SEED_DEVIATION = 0.1;

const measuredSeeds = (): SeedFit | undefined =>
  existsSync(FITTED_FILE) ? (JSON.parse(readText(FITTED_FILE)) as SeedFit) : undefined;

const options = z.strictObject({
  data: z.string().min(1).default("embedded").describe("embedded, or the folder of CIFAR-10's binary form"),
  steps: z.int().min(1).max(1_000_000).default(200).describe("training steps; there is no limit in seconds"),
  batch: z.int().min(2).max(4096).default(64),
  learningRate: z.number().positive().default(0.1).describe("at its highest; a training that diverges answers chance"),
  resolution: z.int().min(8).max(64).default(16).describe("rows and columns of the embedded images"),
  trainImages: z.int().min(10).max(100_000).default(3000),
  heldOutImages: z.int().min(10).max(100_000).default(1000),
  seed: z.int().min(0).default(1),
});
export type TrainingProxyOptions = z.output<typeof options>;

export const trainingDefinition = defineProxy({
  name: TRAINING_PROXY,
  summary: SUMMARY,
  usesTensors: true,
  options,
  resolve(given, folder) {
    if (given.data === "embedded") return given;
    const data = isAbsolute(given.data) ? given.data : join(folder, given.data);
    cifarFiles(data); // complain before anything is written
    return { ...given, data };
  },
  create(given) {
    let data: SplitSet | undefined;
    const seeds = measuredSeeds();
    return {
      name: TRAINING_PROXY,
      summary: SUMMARY,
      error: seeds?.error,
      async estimate(network, deployment, context = {}) {
        data ??= dataOf(given);
        const error = 1 - (await trained(network, data, given));
        const { quantization } = shippedSurrogate();
        const rise = deploymentRise(network, describe(network), deployment, quantization, context.quantizationMethod);
        // the estimate has the luck of its own seed, and what it stands for that of another; fewer held-out images than were
        // measured with add to it
        const counted = (1 - error) / (error * data.heldOut.labels.length);
        const variance = Math.max(2 * (seeds?.logErrorDeviation ?? SEED_DEVIATION) ** 2, counted);
        return estimateOf(TRAINING_PROXY, error, variance, rise, quantization.relativeError) satisfies AccuracyEstimate;
      },
    };
  },
});

/** Never 0 or 1, so that logarithms of the error exist: one image more on either side. */
async function trained(network: Network, data: SplitSet, given: TrainingProxyOptions): Promise<number> {
  await evaluationBackend();
  const { checkRunnable } = await import("./run-network.js");
  const { trainNetwork } = await import("./train.js");
  try {
    checkRunnable(network);
  } catch (error) {
    throw new NoEstimate((error as Error).message);
  }
  const { accuracy } = await trainNetwork(network, data, given);
  const count = data.heldOut.labels.length;
  return (accuracy * count + 0.5) / (count + 1);
}

/** The images that options ask for. @throws CosearchError FILE_* */
export const dataOf = (
  given: Pick<TrainingProxyOptions, "data" | "seed" | "trainImages" | "heldOutImages" | "resolution">,
): SplitSet =>
  given.data === "embedded"
    ? embeddedSet(given.seed, given.trainImages, given.heldOutImages, given.resolution)
    : readCifar(given.data, given.trainImages, given.heldOutImages);
