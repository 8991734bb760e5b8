// The hyper-parameters that PPO and REINFORCE share. No tensor library here: listing agents must stay cheap.
import { z } from "zod";
import { SCHEDULES } from "./optim/schedule.js";

const fraction = z.number().min(0).max(1);

/** For each: default, bounds, meaning. The defaults were tuned for budgets of about 2,000 trials, see agents/README.md. */
export const policyGradientShape = {
  batchSize: z.int().min(1).max(4096).default(16).describe("candidates proposed together, one update each"),
  advantage: z
    .enum(["rank", "normalized"])
    .default("rank")
    .describe(
      "rank: only the order within the batch counts, feasible first; normalized: reward minus baseline, scaled",
    ),
  learningRate: z.number().gt(0).max(10).default(0.05).describe("Adam step of the output biases"),
  learningRateSchedule: z
    .enum(SCHEDULES)
    .default("constant")
    .describe("how the learning rate changes over the horizon"),
  scheduleHorizonTrials: z
    .int()
    .min(1)
    .default(2000)
    .describe("trials over which linear schedules fall; part of the run, a larger budget on resume does not change it"),
  scheduleEndFraction: fraction.default(0.1).describe("share of the start value that a linear schedule ends at"),
  entropyCoefficient: z.number().min(0).max(10).default(0).describe("weight of the entropy bonus, nats per candidate"),
  entropySchedule: z.enum(SCHEDULES).default("constant").describe("how the entropy weight changes over the horizon"),
  imitationCoefficient: z
    .number()
    .min(0)
    .max(100)
    .default(0.5)
    .describe("weight of imitating the best trials; 0 is off"),
  imitationSize: z.int().min(0).max(4096).default(8).describe("how many best trials are imitated"),
  redraws: z
    .int()
    .min(0)
    .max(1000)
    .default(8)
    .describe(
      "how often a candidate that was proposed before is drawn again, each time from a flatter policy; 0: never",
    ),
  redrawHeat: z
    .number()
    .min(0)
    .max(100)
    .default(0.25)
    .describe("what each redraw adds to the temperature that it is drawn at"),
  maxGradNorm: z.number().gt(0).default(10).describe("longer gradients are scaled down to this L2 norm"),
  policy: z
    .enum(["autoregressive", "factorised", "lstm"])
    .default("autoregressive")
    .describe("what a knob's distribution depends on: earlier knobs, nothing, or earlier knobs read by an LSTM"),
  hiddenUnits: z
    .int()
    .min(1)
    .max(4096)
    .default(64)
    .describe("hidden units that connect each knob to the later ones (not factorised)"),
  connectionLearningRateScale: fraction
    .default(0.003)
    .describe("learning rate of the connections between knobs, relative to that of the output biases"),
  valueLearningRate: z
    .number()
    .gt(0)
    .max(10)
    .default(0.02)
    .describe("Adam step of the value network; only with baseline value"),
  valueSteps: z
    .int()
    .min(1)
    .max(1000)
    .default(4)
    .describe("optimiser steps of the value network after each batch; only with baseline value"),
  gaeLambda: fraction
    .default(0.95)
    .describe(
      "1: a decision is judged by the candidate's worth, 0: by what the value network says it changed; with value",
    ),
};

const policyGradientOptions = z.strictObject(policyGradientShape);
export type PolicyGradientOptions = z.output<typeof policyGradientOptions>;
