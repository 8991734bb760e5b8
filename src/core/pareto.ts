// The Pareto front of a run: the feasible trials that no other feasible trial beats on every axis.
import { isFeasible, type Trial } from "./trial.js";

/** One direction in which designs are compared. */
export interface Axis {
  readonly metric: string;
  readonly sense: "minimise" | "maximise";
}

/** Feasible trials that no other dominates (as good on every axis, better on one), in the order of the first axis,
 *  best first. Of trials equal on every axis the earliest stays. O(n · front). */
export function paretoFront(trials: Iterable<Trial>, axes: readonly Axis[]): Trial[] {
  let front: { readonly trial: Trial; readonly costs: readonly number[] }[] = [];
  for (const trial of trials) {
    if (!isFeasible(trial)) continue;
    const costs = costsOf(trial, axes);
    if (costs === undefined || front.some((member) => noWorse(member.costs, costs))) continue;
    front = front.filter((member) => !noWorse(costs, member.costs));
    front.push({ trial, costs });
  }
  return front
    .sort((a, b) => (a.costs[0] ?? 0) - (b.costs[0] ?? 0) || a.trial.trial - b.trial.trial)
    .map((member) => member.trial);
}

/** Lower is better on every axis; undefined when the trial lacks a metric. */
function costsOf(trial: Trial, axes: readonly Axis[]): number[] | undefined {
  const costs = axes.map(
    ({ metric, sense }) => (trial.metrics?.[metric] ?? Number.NaN) * (sense === "minimise" ? 1 : -1),
  );
  return costs.some(Number.isNaN) ? undefined : costs;
}

const noWorse = (a: readonly number[], b: readonly number[]): boolean => a.every((cost, i) => cost <= (b[i] ?? 0));
