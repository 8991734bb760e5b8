// Discrete soft actor-critic over the sequence of knobs: twin critics, a temperature that keeps the policy's entropy on a
// target, replay of past candidates.
// Papers: Christodoulou 2019, "Soft actor-critic for discrete action settings", arXiv:1910.07207; twin critics and the automatic
// temperature from Haarnoja et al. 2018, arXiv:1812.05905. Deviations: an episode is one candidate, a step one knob, and the only
// reward comes at the end, so targets mix in what the episode really brought (lambda-returns, uncorrected); rewards are normal
// scores of the ranks within the replay, feasible first; the entropy target falls over the run, because a search has to settle;
// entropy counts as what it is above its target.
import { z } from "zod";
import { SCHEDULES } from "./optim/schedule.js";
import { defineAgent } from "./options.js";
import { policyGradientShape } from "./policy-gradient-options.js";

const { batchSize, redraws, redrawHeat, maxGradNorm, hiddenUnits, scheduleHorizonTrials } = policyGradientShape;

const options = z.strictObject({
  batchSize: batchSize.removeDefault().default(16).describe("candidates proposed together"),
  reward: z
    .enum(["rank", "standardized"])
    .default("rank")
    .describe(
      "rank: normal scores of the ranks in the replay, feasible first; standardized: rewards, centred and scaled",
    ),
  replaySize: z
    .int()
    .min(1)
    .max(100_000)
    .default(1000)
    .describe("past candidates that are learnt from, the latest ones"),
  stepsPerBatch: z.int().min(1).max(1000).default(8).describe("optimiser steps of critics and actor after each batch"),
  minibatchSize: z.int().min(1).max(4096).default(64).describe("past candidates per optimiser step"),
  actorLearningRate: z.number().gt(0).max(10).default(0.05).describe("Adam step of the actor's output biases"),
  criticLearningRate: z.number().gt(0).max(10).default(0.02).describe("Adam step of the critics' output biases"),
  connectionLearningRateScale: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe("learning rate of the connections between knobs, relative to that of the output biases"),
  targetRate: z
    .number()
    .gt(0)
    .max(1)
    .default(0.05)
    .describe("share of the critics that their targets take over per step"),
  discount: z.number().min(0).max(1).default(1).describe("weight of the next decision"),
  returnShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.98)
    .describe("lambda: share of what the episode brought in a target; the rest is the target critics' word"),
  initialTemperature: z
    .number()
    .gt(0)
    .max(100)
    .default(0.2)
    .describe("weight of the entropy at first, in rewards a nat"),
  temperatureLearningRate: z
    .number()
    .min(0)
    .max(10)
    .default(0.01)
    .describe("Adam step of the temperature's logarithm; 0: fixed"),
  targetEntropy: z
    .number()
    .gt(0)
    .max(1)
    .default(0.7)
    .describe("entropy that the temperature aims at, as a share of the uniform policy's"),
  entropySchedule: z.enum(SCHEDULES).default("linear").describe("how the entropy target changes over the horizon"),
  scheduleHorizonTrials: scheduleHorizonTrials
    .removeDefault()
    .default(1500)
    .describe("trials over which a linear schedule falls"),
  scheduleEndFraction: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe("share of the start value that a linear schedule ends at"),
  redraws,
  redrawHeat,
  maxGradNorm,
  hiddenUnits,
});

export type SacOptions = z.output<typeof options>;

export const sac = defineAgent({
  name: "sac",
  summary: "discrete soft actor-critic: twin critics, automatic temperature, replay",
  paper: "Christodoulou 2019, arXiv:1910.07207",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: async (space, given, seed) => {
    const { createSacAgent } = await import("./sac-agent.js");
    return createSacAgent(space, seed, given);
  },
});
