// How well the offline model predicts logged trials that it was not given: rank correlations, and how often its intervals hold.
import type { Estimate, OfflineModel } from "../agents/surrogate/offline-model.js";
import { feasibleReward, type Limits, type RewardSpec, rewardAxes } from "../envs/reward.js";
import { mean, median, spearman } from "../src/core/statistics.js";

/** How well the model predicts trials that it was not given. */
export interface Quality {
  /** metric, or "reward" of the designs within the limits */
  readonly name: string;
  readonly trials: number;
  /** Spearman's */
  readonly rankCorrelation: number;
  /** the same among the better half */
  readonly rankCorrelationBetterHalf: number;
  /** share of the true values inside the 90 % intervals */
  readonly coverage90: number;
}

/** Figures of the trials that were left out, block by block. */
export function qualityOf({ heldOut }: OfflineModel, question: Asked): Quality[] {
  const figures = (name: string, rows: readonly { readonly estimate: Estimate; readonly value: number }[]): Quality => {
    const middle = median(rows.map(({ value }) => value));
    const rank = (chosen: typeof rows): number =>
      spearman(
        chosen.map(({ estimate }) => estimate.mean),
        chosen.map(({ value }) => value),
      );
    const isInside = ({ estimate, value }: (typeof rows)[number]) => value >= estimate.low && value <= estimate.high;
    const better = rows.filter(({ value }) => (isLowerBetter(name, question) ? value <= middle : value >= middle));
    return {
      name,
      trials: rows.length,
      rankCorrelation: rank(rows),
      rankCorrelationBetterHalf: rank(better),
      coverage90: mean(rows.map((row) => (isInside(row) ? 1 : 0))),
    };
  };
  const reward = heldOut.map(({ trial, prediction }) => ({
    estimate: prediction.reward,
    value: feasibleReward(question.reward, trial.metrics!),
  }));
  return [
    ...namesOf(question.reward, question.limits).map((name) =>
      figures(
        name,
        heldOut.map(({ trial, prediction }) => ({ estimate: prediction.metrics[name]!, value: trial.metrics![name]! })),
      ),
    ),
    figures("reward", reward),
  ];
}

/** Metrics that a reward and limits read. */
export const namesOf = (reward: RewardSpec, limits: Limits): string[] => [
  ...new Set([...rewardAxes(reward).map(({ metric }) => metric), ...Object.keys(limits)]),
];

interface Asked {
  readonly reward: RewardSpec;
  readonly limits: Limits;
}

function isLowerBetter(name: string, { reward, limits }: Asked): boolean {
  const axis = rewardAxes(reward).find(({ metric }) => metric === name);
  return axis === undefined ? limits[name]?.max !== undefined : axis.sense === "minimise";
}
