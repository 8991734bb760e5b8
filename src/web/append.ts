// New trials, added to the curves that are on the page until the next full answer of the server replaces them.
import type { Curves, LiveMessage } from "../app/server/api.js";

/** Curves with the trials of a message that they do not hold yet; unchanged when each point stands for several trials,
 *  since a point that is not full would look like one. */
export function appended(curves: Curves, message: LiveMessage, window = 100): Curves {
  const skip = curves.to - message.from;
  if (curves.bucket !== 1 || skip < 0 || skip >= message.reward.length) return curves;
  const rewards = message.reward.slice(skip);
  const reward = [...curves.rewardMean, ...rewards];
  const best = [...curves.best];
  const runningMean = [...curves.runningMean];
  rewards.forEach((value, i) => {
    const before = best.at(-1) ?? Number.NEGATIVE_INFINITY;
    const isBetter = message.feasible[skip + i] === 1 && value > before;
    best.push(isBetter ? value : Number.isFinite(before) ? before : null);
    const held = reward.slice(Math.max(0, curves.rewardMean.length + i + 1 - window), curves.rewardMean.length + i + 1);
    runningMean.push(held.reduce<number>((sum, x) => sum + (x ?? 0), 0) / held.length);
  });
  const metrics = Object.fromEntries(
    Object.entries({
      ...Object.fromEntries(Object.keys(message.metrics).map((name) => [name, []])),
      ...curves.metrics,
    }).map(([name, column]) => [
      name,
      [...padded(column, curves.rewardMean.length), ...(message.metrics[name]?.slice(skip) ?? rewards.map(() => null))],
    ]),
  );
  return {
    ...curves,
    to: curves.to + rewards.length,
    trial: [...curves.trial, ...rewards.map((_, i) => curves.to + i)],
    seconds: [...curves.seconds, ...rewards.map(() => message.seconds)],
    rewardMin: [...curves.rewardMin, ...rewards],
    rewardMean: reward,
    rewardMax: [...curves.rewardMax, ...rewards],
    runningMean,
    best,
    feasibleRate: [...curves.feasibleRate, ...rewards.map(() => curves.feasibleRate.at(-1) ?? null)],
    metrics,
  };
}

const padded = (column: readonly (number | null)[], length: number): readonly (number | null)[] =>
  column.length === length ? column : Array.from({ length }, () => null);
