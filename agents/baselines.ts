// Which advantages a policy-gradient agent works with, and the moving average that some of them keep.
import type { StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import type { Trial } from "../src/core/trial.js";
import {
  baselineAdvantages,
  compareTrials,
  leaveOneOutAdvantages,
  movingAverage,
  normalisedAdvantages,
  rankAdvantages,
} from "./losses/advantages.js";

export interface AdvantageSettings {
  readonly advantage: "rank" | "normalized";
  /** value: a network judges the decisions (value-baseline.ts), and what is here is not looked at */
  readonly baseline: "batch" | "leave-one-out" | "moving-average" | "value";
  readonly decay: number;
}

export interface Advantages {
  advantages(trials: readonly Trial[]): Float64Array;
  state(): StateTree;
  restore(state: StateTree): void;
}

/** Ranks need no baseline; a moving average compares with the batches before this one (with the batch itself at first). */
export function createAdvantages({ advantage, baseline, decay }: AdvantageSettings): Advantages {
  let average: number | null = null;
  return {
    advantages(trials) {
      if (advantage === "rank") return rankAdvantages(trials, compareTrials);
      const rewards = trials.map((trial) => trial.reward);
      if (baseline === "batch" || baseline === "value") return normalisedAdvantages(rewards);
      if (baseline === "leave-one-out") return scaledToUnit(leaveOneOutAdvantages(rewards));
      const mean = rewards.reduce((sum, r) => sum + r, 0) / Math.max(1, rewards.length);
      const before = average ?? mean;
      average = movingAverage(average, mean, decay);
      return scaledToUnit(baselineAdvantages(rewards, before));
    },
    state: () => ({ average }),
    restore(state) {
      const saved = (state as { readonly average?: unknown } | null)?.average;
      if (saved !== null && typeof saved !== "number") {
        throw new CosearchError("AGENT_BAD_STATE", "the saved baseline is no number");
      }
      average = saved;
    },
  };
}

/** Divided by the root mean square, not centred: the baseline has done that. */
function scaledToUnit(advantages: Float64Array): Float64Array {
  const scale = Math.sqrt(advantages.reduce((sum, a) => sum + a * a, 0) / Math.max(1, advantages.length));
  return scale > 0 ? advantages.map((a) => a / scale) : advantages;
}
