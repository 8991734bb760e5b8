// What agents report about a batch of trials and about their policy, named as Stable-Baselines3 names it.
import type { Diagnostics } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import type { Trial } from "../src/core/trial.js";

/** Every diagnostic that an agent of this folder can report; a trailing `*` stands for a knob group. */
export const DIAGNOSTICS = {
  "rollout/reward_mean": "mean reward of the batch",
  "rollout/reward_std": "standard deviation of the rewards in the batch (population); 0 means a flat reward",
  "train/entropy": "entropy of the policy that proposed the batch, in nats per decision; near 0 it repeats itself",
  "train/entropy_*": "the same for the knobs of one group: network, accelerator, deployment",
  "train/approx_kl": "divergence between the policy before and after the update, in nats (Schulman's k3 estimate)",
  "train/clip_fraction": "share of samples whose probability ratio left the clip range, over the epochs (PPO)",
  "train/policy_loss": "policy part of the loss, mean over the steps of the update; its sign and size mean little",
  "train/imitation_loss": "negative log-probability of the best trials, in nats per candidate",
  "train/value_loss":
    "mean squared error of the value network over its steps, in squared units of what it predicts (baseline value)",
  "train/explained_variance":
    "share of the candidates' worth that the value network foresaw: 1 all, 0 none, below 0 worse than none (baseline value)",
  "train/grad_norm": "norm of the gradient before clipping, mean over the steps of the update",
  "train/learning_rate": "learning rate of the output biases in this update",
  "train/entropy_coefficient": "weight of the entropy bonus in this update",
  "train/actor_loss": "loss of the actor, mean over the steps of the update; its sign and size mean little (SAC)",
  "train/critic_loss": "mean squared error of one critic's action values, in squared reward units (SAC)",
  "train/ent_coef": "temperature: what a nat of entropy is worth in rewards, adapted to keep the entropy target (SAC)",
  "train/entropy_target": "entropy that the temperature aims at, in nats per decision (SAC)",
  "train/epochs": "passes over the batch before the target KL stopped the update (PPO)",
  "train/temperature":
    "temperature at which losses were accepted, in units of the rewards' spread (simulated annealing)",
  "train/sigma": "step size, as a share of a knob's range (CMA-ES)",
  "train/epsilon": "share of decisions that were drawn at random (Q-learning)",
} as const;

/** What the run reports beside its agent, and where the times stand. */
export const RUN_DIAGNOSTICS = {
  "search/best_feasible": "best reward of a feasible trial so far; absent before the first one",
  "search/feasible_rate": "share of the trials so far that are feasible",
  "search/duplicate_rate": "share of the trials so far whose candidate had been a trial before",
  "search/bound_violations": "results so far that beat a physical bound: defects of the cost model, rejected",
  "search/hypervolume":
    "volume between the front so far and the worst costs of the first batch with a feasible trial, in units of the objectives (`ppo` and `nsga2` with up to three objectives)",
  "time/trials_per_second": "trials of the batch by the time since the batch before (trackers)",
} as const;

/** Mean and spread of the rewards. @throws CosearchError AGENT_DIVERGED when one is not finite */
export function rolloutDiagnostics(trials: readonly Trial[]): Diagnostics {
  checkRewards(trials);
  if (trials.length === 0) return {};
  const mean = trials.reduce((sum, trial) => sum + trial.reward, 0) / trials.length;
  const variance = trials.reduce((sum, trial) => sum + (trial.reward - mean) ** 2, 0) / trials.length;
  return { "rollout/reward_mean": mean, "rollout/reward_std": Math.sqrt(variance) };
}

/** Entropy of the policy that drew a batch, over all decisions and per knob group. */
export function entropyDiagnostics(samples: {
  readonly entropyPerDecision: number;
  readonly entropyPerGroup: Readonly<Record<string, number>>;
}): Diagnostics {
  const groups = Object.entries(samples.entropyPerGroup);
  return {
    "train/entropy": samples.entropyPerDecision,
    ...Object.fromEntries(groups.map(([group, entropy]) => [`train/entropy_${group}`, entropy])),
  };
}

function checkRewards(trials: readonly Trial[]): void {
  for (const { trial, reward } of trials) {
    if (!Number.isFinite(reward)) throw new CosearchError("AGENT_DIVERGED", `reward of trial ${trial} is ${reward}`);
  }
}
