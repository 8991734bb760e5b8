// REINFORCE: one step along advantage times the gradient of the log-probability, per batch.
// Paper: Williams 1992, Machine Learning 8, "Simple statistical gradient-following algorithms". Baselines: moving average
// (section 4 there), leave-one-out (Kool et al. 2019) or a value network (value-baseline.ts). By default advantages are centred ranks, which need no baseline, and
// the best trials are imitated, see README.md.
import { z } from "zod";
import type { Diagnostics } from "../src/core/agent.js";
import { createAdvantages } from "./baselines.js";
import { defineAgent } from "./options.js";
import type { Algorithm, Learner, Rollout } from "./policy-gradient.js";
import { policyGradientShape } from "./policy-gradient-options.js";

const options = z.strictObject({
  ...policyGradientShape,
  learningRate: policyGradientShape.learningRate
    .removeDefault()
    .default(0.1)
    .describe("Adam step of the output biases"),
  baseline: z
    .enum(["leave-one-out", "moving-average", "value"])
    .default("moving-average")
    .describe(
      "what candidates are compared with: (normalized) the batch's others or a moving average; or a value network per decision",
    ),
  baselineDecay: z.number().min(0).lt(1).default(0.9).describe("share of the old value in the moving average"),
});

export const reinforce = defineAgent({
  name: "reinforce",
  summary: "REINFORCE with a baseline over an autoregressive policy with ordinal heads",
  paper: "Williams 1992, Machine Learning 8",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: async (space, given, seed) => {
    const [{ createPolicyGradientAgent }, losses] = await Promise.all([
      import("./policy-gradient.js"),
      import("./losses/surrogate.js"),
    ]);
    const algorithm: Algorithm = {
      name: "reinforce",
      ...createAdvantages({ advantage: given.advantage, baseline: given.baseline, decay: given.baselineDecay }),
      update: (learner, rollout) => updateReinforce(losses, learner, rollout),
    };
    return createPolicyGradientAgent(space, seed, given, algorithm);
  },
});

/** One step on the whole rollout. */
function updateReinforce(
  losses: typeof import("./losses/surrogate.js"),
  learner: Learner,
  rollout: Rollout,
): Diagnostics {
  const prepared = learner.prepare(
    rollout,
    rollout.trials.map((_, row) => row),
  );
  const step = learner.step(prepared, (logProb, _old, weights) => losses.reinforceLoss(logProb, weights));
  return {
    "train/policy_loss": step.policyLoss,
    "train/imitation_loss": step.imitationLoss,
    "train/grad_norm": step.gradNorm,
    "train/approx_kl": losses.approximateKl(rollout.logProbs, learner.logProbs(prepared)),
  };
}
