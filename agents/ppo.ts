// Proximal policy optimisation with the clipped surrogate, over whole candidates.
// Paper: Schulman et al. 2017, arXiv:1707.06347. Deviations: an episode is one candidate with one reward at its end, so there
// is no value network and no discounting; the baseline is the batch (or a moving average). By default advantages are centred
// ranks and the best trials are imitated, both measured to matter far more than the network, see README.md.
import { z } from "zod";
import type { Diagnostics } from "../src/core/agent.js";
import { createAdvantages } from "./baselines.js";
import { defineAgent } from "./options.js";
import type { Algorithm, Learner, LearnerStep, Rollout } from "./policy-gradient.js";
import { policyGradientShape } from "./policy-gradient-options.js";
import { OBJECTIVES_PATTERN } from "./preferences.js";
import { screeningShape } from "./screening.js";

const options = z.strictObject({
  ...policyGradientShape,
  ...screeningShape,
  baseline: z
    .enum(["batch", "moving-average", "value"])
    .default("batch")
    .describe(
      "what candidates are compared with: (normalized) the batch's mean or a moving average; or a value network per decision",
    ),
  objectives: z
    .string()
    .regex(OBJECTIVES_PATTERN)
    .default("reward")
    .describe(
      "reward, or metrics with their sense (latencyMs:min,accuracyFraction:max): one controller for their whole front, told a preference with each candidate",
    ),
  scalarisation: z
    .enum(["chebyshev", "weighted"])
    .default("chebyshev")
    .describe(
      "what several objectives are worth under a preference, each scaled to the front's extent; only with objectives",
    ),
  preferenceConcentration: z
    .number()
    .gt(0)
    .max(100)
    .default(1)
    .describe(
      "of the Dirichlet distribution of the preferences: 1 uniform, below 1 near single objectives; only with objectives",
    ),
  baselineDecay: z.number().min(0).lt(1).default(0.9).describe("share of the old value in the moving average"),
  clipRange: z.number().gt(0).lt(1).default(0.2).describe("how far the probability ratio counts, around 1"),
  epochs: z.int().min(1).max(1000).default(4).describe("passes over each batch"),
  minibatchSize: z.int().min(0).max(4096).default(0).describe("candidates per optimiser step; 0: the whole batch"),
  targetKl: z
    .number()
    .min(0)
    .default(0)
    .describe("stops the passes over a batch once the policy moved this far, nats per candidate; 0: never"),
});

type PpoOptions = z.output<typeof options>;

export const ppo = defineAgent({
  name: "ppo",
  summary: "proximal policy optimisation over an autoregressive policy with ordinal heads; the default",
  paper: "Schulman et al. 2017, arXiv:1707.06347",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: async (space, given, seed) => {
    const [{ createPolicyGradientAgent }, { createPreferenceAgent }, losses] = await Promise.all([
      import("./policy-gradient.js"),
      import("./preference-agent.js"),
      import("./losses/surrogate.js"),
    ]);
    const algorithm: Algorithm = {
      name: "ppo",
      ...createAdvantages({ advantage: given.advantage, baseline: given.baseline, decay: given.baselineDecay }),
      update: (learner, rollout) => updatePpo(given, losses, learner, rollout),
    };
    return given.objectives === "reward"
      ? createPolicyGradientAgent(space, seed, given, algorithm)
      : createPreferenceAgent(space, seed, given, algorithm);
  },
});

/** Several passes of minibatches over one rollout. */
function updatePpo(
  given: PpoOptions,
  losses: typeof import("./losses/surrogate.js"),
  learner: Learner,
  rollout: Rollout,
): Diagnostics {
  const count = rollout.trials.length;
  const size = given.minibatchSize === 0 ? count : Math.min(given.minibatchSize, count);
  const all = learner.prepare(rollout, range(count));
  const steps: LearnerStep[] = [];
  let clipped = 0;
  let epoch = 0;
  while (epoch < given.epochs) {
    const order = size === count ? range(count) : learner.shuffleStream.shuffle(range(count));
    for (let start = 0; start < count; start += size) {
      const rows = order.slice(start, start + size);
      const prepared = size === count ? all : learner.prepare(rollout, rows);
      const step = learner.step(prepared, (logProb, old, weights) =>
        losses.clippedSurrogateLoss(logProb, old, weights, given.clipRange),
      );
      const old = rows.map((row) => rollout.logProbs[row]!);
      clipped += rows.length * losses.clipFraction(old, step.logProbs, given.clipRange);
      steps.push(step);
    }
    epoch++;
    if (given.targetKl > 0 && epoch < given.epochs) {
      if (losses.approximateKl(rollout.logProbs, learner.logProbs(all)) > given.targetKl) break;
    }
  }
  return {
    "train/policy_loss": mean(steps.map((step) => step.policyLoss)),
    "train/imitation_loss": mean(steps.map((step) => step.imitationLoss)),
    "train/grad_norm": mean(steps.map((step) => step.gradNorm)),
    "train/approx_kl": losses.approximateKl(rollout.logProbs, learner.logProbs(all)),
    "train/clip_fraction": clipped / (epoch * count),
    "train/epochs": epoch,
  };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / Math.max(1, values.length);
