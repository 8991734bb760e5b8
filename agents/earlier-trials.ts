// What an earlier run's trials say under limits, targets or scales of today. Some of them are tried again first; where their
// metrics then follow the old ones on a line (unchanged, or relative to a limit that moved), all others are judged by that line and
// by the limits that the new trials broke, their rewards by a line through those that are feasible. Where they do not follow, the
// old trials say nothing and are left alone. So nothing is believed that this run did not confirm.
// After Feurer et al. 2015, AAAI ("Initializing Bayesian hyperparameter optimization via meta-learning": good designs first).
import type { Prior, StateTree } from "../src/core/agent.js";
import type { Space } from "../src/core/space.js";
import { violationOf } from "../src/core/trial.js";
import { comparePoints, type Point, packMeasured, pointOf, unpackMeasured } from "./black-box.js";
import { exactCodes } from "./prior.js";

const MOST_TRIALS = 512; // half the best, half the latest
const AGAIN = 8; // that should be the best now, tried before the others are believed
const LEAST_PAIRS = 4;
const METRIC_TOLERANCE = 0.02; // root mean square error, as a share of the standard deviation
const REWARD_TOLERANCE = 0.1;

interface Limit {
  readonly metric: string;
  readonly isMax: boolean;
  readonly bound: number;
}

/** new = slope * old + offset */
interface Line {
  readonly slope: number;
  readonly offset: number;
}

/** What to do next: try designs again, or learn from trials as if this run had made them. `isMoved`: what was feasible is not, or
 *  what was not is now. */
export type Advice = { readonly again: Int32Array[] } | { readonly believed: Point[]; readonly isMoved: boolean };

export class EarlierTrials {
  /** as they were measured then */
  readonly #old = new Map<string, Point>();
  readonly #oldLimits: Limit[] = [];
  readonly #limits: Limit[] = [];
  /** of the old ones that were tried again, as they are now */
  readonly #tried = new Map<string, Point>();
  readonly #space: Space;
  #triedBest = false;

  constructor(space: Space, prior?: Prior) {
    this.#space = space;
    const points = (prior?.trials ?? []).flatMap((trial): Point[] => {
      noteLimits(this.#oldLimits, { metrics: trial.metrics, infeasible: trial.infeasible });
      const codes = exactCodes(space, trial.candidate);
      return codes === undefined ? [] : [pointOf(codes, trial)];
    });
    for (const point of chosen(points)) this.#old.set(space.key(point.codes), point);
  }

  /** Hears what this run measured. @param isComplete all that was asked for has been tried  @returns what to do then */
  next(points: readonly Point[], isComplete: boolean): Advice | undefined {
    for (const point of points) {
      noteLimits(this.#limits, point);
      const key = this.#space.key(point.codes);
      if (this.#old.has(key)) this.#tried.set(key, point);
    }
    if (!isComplete) return undefined;
    const isMoved = [...this.#tried].some(([key, now]) => now.feasible !== this.#old.get(key)!.feasible);
    const lines = this.#metricLines();
    if (lines === undefined) return { believed: [], isMoved };
    const judged = [...this.#old].flatMap(([key, old]) => {
      const point = this.#tried.has(key) ? undefined : this.#judged(old, lines);
      return point === undefined ? [] : [{ old, point }];
    });
    if (!this.#triedBest) {
      this.#triedBest = true;
      const feasible = judged.filter(({ point }) => point.feasible).sort((a, b) => b.old.reward - a.old.reward);
      if (feasible.length > 0) return { again: feasible.slice(0, AGAIN).map(({ point }) => point.codes) };
    }
    const rewardOf = this.#rewardLine();
    const believed = judged.flatMap(({ old, point }) => {
      if (!point.feasible) return [point];
      const reward = rewardOf?.(old);
      return reward === undefined ? [] : [{ ...point, reward }];
    });
    return { believed, isMoved };
  }

  /** How each limited metric follows from what it was; undefined when one does not. */
  #metricLines(): ReadonlyMap<string, Line> | undefined {
    const lines = new Map<string, Line>();
    for (const { metric } of [...this.#limits, ...this.#oldLimits]) {
      if (lines.has(metric)) continue;
      const pairs = this.#pairs(
        (point) => point.metrics?.[metric],
        (point) => point.metrics?.[metric],
      );
      const line = lineThrough(pairs, METRIC_TOLERANCE);
      if (line === undefined) return undefined;
      lines.set(metric, line);
    }
    return lines;
  }

  #pairs(before: (point: Point) => number | undefined, now: (point: Point) => number | undefined): [number, number][] {
    return [...this.#tried].flatMap(([key, point]) => {
      const [x, y] = [before(this.#old.get(key)!), now(point)];
      return x === undefined || y === undefined ? [] : [[x, y]];
    });
  }

  /** An old trial under the limits of this run, its reward as it was; undefined when it cannot be told whether it is feasible. */
  #judged(old: Point, lines: ReadonlyMap<string, Line>): Point | undefined {
    if (old.metrics === undefined) return undefined; // whether it can be built today is not known
    const metrics: Record<string, number> = {};
    for (const [metric, { slope, offset }] of lines) {
      const value = old.metrics[metric];
      if (value === undefined) return undefined;
      metrics[metric] = slope * value + offset;
    }
    const known = this.#oldLimits.reduce((sum, limit) => sum + excessOf(old.metrics!, limit), 0);
    if (old.violation - known > 1e-9) return undefined; // it broke what no metric tells
    let violation = 0;
    for (const limit of this.#limits) violation += excessOf(metrics, limit);
    for (const limit of this.#oldLimits) {
      if (this.#limits.some(({ metric, isMax }) => metric === limit.metric && isMax === limit.isMax)) continue;
      const sign = limit.isMax ? 1 : -1; // this run has not met the limit: what goes further than it has been may break it
      const reached = Math.max(
        ...[...this.#tried.values()].map((point) => sign * (point.metrics?.[limit.metric] ?? -sign * Infinity)),
      );
      if (sign * metrics[limit.metric]! > reached + 1e-9 * Math.abs(reached)) return undefined;
    }
    return { codes: old.codes, reward: old.reward, feasible: violation === 0, violation, metrics };
  }

  /** What a design that is feasible now is worth, from what it was worth, and, where it was infeasible, how far. */
  #rewardLine(): ((old: Point) => number | undefined) | undefined {
    const pairs = [...this.#tried].flatMap(([key, now]) => (now.feasible ? [{ old: this.#old.get(key)!, now }] : []));
    const line = lineThrough(
      pairs.filter(({ old }) => old.feasible).map(({ old, now }) => [old.reward, now.reward]),
      REWARD_TOLERANCE,
    );
    if (line === undefined || line.slope <= 0) return undefined;
    const straight = ({ reward }: Point) => line.slope * reward + line.offset;
    // what being infeasible took away then, by how much the limits were broken
    const penalty = lineThrough(
      pairs.filter(({ old }) => !old.feasible).map(({ old, now }) => [old.violation, now.reward - straight(old)]),
      REWARD_TOLERANCE,
    );
    return (old) => {
      if (old.feasible) return straight(old);
      return penalty && straight(old) + penalty.slope * old.violation + penalty.offset;
    };
  }

  state(): StateTree {
    return {
      old: packMeasured([...this.#old.values()]),
      tried: packMeasured([...this.#tried.values()]),
      oldLimits: this.#oldLimits as unknown as StateTree,
      limits: this.#limits as unknown as StateTree,
      triedBest: this.#triedBest,
    };
  }

  static restored(space: Space, state: StateTree): EarlierTrials {
    const saved = state as unknown as Saved;
    const restored = new EarlierTrials(space);
    for (const point of unpackMeasured(saved.old)) restored.#old.set(space.key(point.codes), point);
    for (const point of unpackMeasured(saved.tried)) restored.#tried.set(space.key(point.codes), point);
    restored.#oldLimits.push(...saved.oldLimits);
    restored.#limits.push(...saved.limits);
    restored.#triedBest = saved.triedBest;
    return restored;
  }
}

interface Saved {
  readonly old: StateTree;
  readonly tried: StateTree;
  readonly oldLimits: readonly Limit[];
  readonly limits: readonly Limit[];
  readonly triedBest: boolean;
}

/** Half the best, half the latest, in the order in which they came. */
function chosen(points: readonly Point[]): Point[] {
  const best = [...points].sort(comparePoints).slice(0, MOST_TRIALS / 2);
  const kept = new Set([...best, ...points.slice(-MOST_TRIALS / 2)]);
  return points.filter((point) => kept.has(point));
}

/** Notes the limits that a point breaks and whose metric it has. */
function noteLimits(limits: Limit[], { metrics, infeasible }: Pick<Point, "metrics" | "infeasible">): void {
  for (const { subject, needed, available } of infeasible?.violations ?? []) {
    const isMax = needed > available;
    if (metrics?.[subject] === undefined) continue;
    if (limits.some((limit) => limit.metric === subject && limit.isMax === isMax)) continue;
    limits.push({ metric: subject, isMax, bound: available });
  }
}

/** How far over a limit, relative to it, as `violationOf` counts it. */
function excessOf(metrics: Readonly<Record<string, number>>, { metric, isMax, bound }: Limit): number {
  const needed = metrics[metric] ?? bound;
  if (isMax ? needed <= bound : needed >= bound) return 0;
  return violationOf({
    code: "limit",
    reason: "",
    violations: [{ subject: metric, needed, available: bound, unit: "" }],
  });
}

/** Least squares; undefined for fewer than four pairs, or where the error is above its share of the deviation. */
export function lineThrough(pairs: readonly (readonly [number, number])[], tolerance: number): Line | undefined {
  const count = pairs.length;
  if (count < LEAST_PAIRS) return undefined;
  const meanX = pairs.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = pairs.reduce((sum, [, y]) => sum + y, 0) / count;
  const squaresX = pairs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const squaresY = pairs.reduce((sum, [, y]) => sum + (y - meanY) ** 2, 0);
  const products = pairs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  if (squaresX <= 1e-24 * count * meanX ** 2) {
    const isSame = pairs.every(([x, y]) => Math.abs(y - x) <= 1e-9 * Math.abs(x));
    return isSame ? { slope: 1, offset: 0 } : undefined;
  }
  const slope = products / squaresX;
  const offset = meanY - slope * meanX;
  const error = pairs.reduce((sum, [x, y]) => sum + (y - slope * x - offset) ** 2, 0);
  return error <= tolerance ** 2 * squaresY + 1e-24 * count * meanY ** 2 ? { slope, offset } : undefined;
}
