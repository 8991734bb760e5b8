// The proxy that only looks at a network at initialisation: one of the scores, or their aggregate, turned into the accuracy
// that a short training on the embedded set would give (measure-scores.ts).
import { join } from "node:path";
import { z } from "zod";
import { packageRoot, readText } from "../../../src/files/documents.js";
import { evaluationBackend } from "../../../src/tensors/backend.js";
import { deploymentRise } from "../deployment-effects.js";
import { describe } from "../descriptors.js";
import { estimateOf, shippedSurrogate } from "../imagenet-surrogate.js";
import { NoEstimate } from "../no-estimate.js";
import { defineProxy } from "../proxy-definition.js";
import { embeddedSet, type SplitSet } from "../training/image-set.js";
import { aggregateOf, type ZeroCostFitted } from "./zero-cost-fit.js";

export const ZERO_COST_PROXY = "zero-cost";
const SUMMARY = "scores of the untrained network: synflow, naswot, zico, grad-norm, macs, params, or their aggregate";
const FITTED_FILE = "envs/accuracy/zero-cost.fitted.json";
const SCORED_IMAGES = 128;

export const zeroCostDefinition = defineProxy({
  name: ZERO_COST_PROXY,
  summary: SUMMARY,
  usesTensors: true,
  options: z.strictObject({
    score: z
      .enum(["aggregate", "synflow", "naswot", "zico", "grad-norm", "macs", "params"])
      .default("aggregate")
      .describe("aggregate: mean standard score of synflow, naswot and zico"),
    resolution: z.int().min(8).max(64).default(16).describe("rows and columns of the images that are scored on"),
    seed: z.int().min(0).default(1),
  }),
  create(given) {
    let data: SplitSet | undefined;
    let known: ZeroCostFitted | undefined;
    const coefficients = (): ZeroCostFitted => {
      known ??= JSON.parse(readText(join(packageRoot, FITTED_FILE))) as ZeroCostFitted;
      return known;
    };
    return {
      name: ZERO_COST_PROXY,
      summary: SUMMARY,
      get error() {
        return coefficients().lines[given.score].error;
      },
      async estimate(network, deployment, context = {}) {
        const fitted = coefficients();
        data ??= embeddedSet(given.seed, SCORED_IMAGES, 1, given.resolution);
        await evaluationBackend();
        const { checkRunnable } = await import("../training/run-network.js");
        const { zeroCostScores } = await import("./scores.js");
        try {
          checkRunnable(network);
        } catch (error) {
          throw new NoEstimate((error as Error).message);
        }
        const scores = zeroCostScores(network, data.train, given.seed);
        const line = fitted.lines[given.score];
        const score = given.score === "aggregate" ? aggregateOf(scores, fitted.lines) : scores[given.score];
        const logit = line.intercept + (line.slope * (score - line.mean)) / line.deviation;
        const error = Math.min(0.999, Math.max(0.001, 1 / (1 + Math.exp(-logit))));
        const rise = deploymentRise(
          network,
          describe(network),
          deployment,
          shippedSurrogate().quantization,
          context.quantizationMethod,
        );
        // d(ln error) = (1 − error) · d(logit)
        const variance = line.variance * (1 - error) ** 2;
        return estimateOf(ZERO_COST_PROXY, error, variance, rise, shippedSurrogate().quantization.relativeError);
      },
    };
  },
});
