// What a search over several objectives shares: which metrics they are, preferences over them, and the front found so far.
// A preference is a weight per objective, all positive, summing to 1.
// Papers: Miettinen 1999, "Nonlinear Multiobjective Optimization", sections 3.1 and 3.4 (weighted sum, weighted Chebyshev);
// Zitzler & Thiele 1999, IEEE Trans. Evolutionary Computation 3(4) (hypervolume).
import type { StateTree } from "../src/core/agent.js";
import { dominates, hypervolume } from "../src/core/fronts.js";
import type { RandomStream } from "../src/core/rng.js";
import { isFeasible, type Metrics, type Trial, violationOf } from "../src/core/trial.js";

export interface Objective {
  readonly metric: string;
  readonly sense: "min" | "max";
}

/** Metrics with their sense and commas between; or the reward alone. */
export const OBJECTIVES_PATTERN = /^(reward|\w+:(min|max)(,\w+:(min|max))*)$/;

/** `latencyMs:min,accuracyFraction:max` as a list; `reward` is an empty one. */
export function parseObjectives(text: string): Objective[] {
  if (text === "reward") return [];
  return text.split(",").map((part) => {
    const [metric, sense] = part.split(":") as [string, Objective["sense"]];
    return { metric, sense };
  });
}

/** What a trial costs in each objective, lower is better; undefined when it lacks one. */
export function costsOf(
  { metrics }: { readonly metrics?: Metrics | undefined },
  objectives: readonly Objective[],
): number[] | undefined {
  const costs = objectives.map(({ metric, sense }) => (sense === "min" ? 1 : -1) * (metrics?.[metric] ?? Number.NaN));
  return costs.some(Number.isNaN) ? undefined : costs;
}

/** A preference drawn from the Dirichlet distribution with all parameters equal; 1 is uniform over the simplex.
 *  @param concentration above 0; below 1 near the corners (Marsaglia & Tsang 2000, ACM Trans. Math. Software 26(3)) */
export function drawPreference(count: number, concentration: number, random: RandomStream): number[] {
  const gammas = Array.from({ length: count }, () => Math.max(1e-12, gamma(concentration, random)));
  const total = gammas.reduce((sum, g) => sum + g, 0);
  return gammas.map((g) => g / total);
}

function gamma(shape: number, random: RandomStream): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = random.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** What the policy is told about a preference: each weight less its mean, and the products of each two. */
export function preferenceFeatures(preference: readonly number[]): number[] {
  const count = preference.length;
  const products = preference.flatMap((a, i) => preference.slice(i + 1).map((b) => 4 * a * b - 1 / count));
  return [...preference.map((w) => 2 * (w - 1 / count)), ...products];
}

/** Numbers per preference that preferenceFeatures gives. */
export const featureCount = (objectives: number): number => objectives + (objectives * (objectives - 1)) / 2;

/** One number for costs in [0, 1] under a preference, lower is better. Chebyshev reaches the whole front, also where it is not
 *  convex; a small weighted sum keeps it from points that are dominated. */
export function scalarised(
  costs: readonly number[],
  preference: readonly number[],
  form: "chebyshev" | "weighted",
): number {
  const sum = costs.reduce((total, cost, k) => total + preference[k]! * cost, 0);
  return form === "weighted" ? sum : Math.max(...costs.map((cost, k) => preference[k]! * cost)) + 0.05 * sum;
}

/** A trial as the search remembers it. */
export interface Remembered {
  readonly codes: Int32Array;
  /** undefined: infeasible, or without one of the metrics */
  readonly costs: readonly number[] | undefined;
  /** 0 when feasible */
  readonly violation: number;
}

export const remembered = (codes: Int32Array, trial: Trial, objectives: readonly Objective[]): Remembered => ({
  codes,
  costs: isFeasible(trial) ? costsOf(trial, objectives) : undefined,
  violation: violationOf(trial.infeasible),
});

/** The front so far: the feasible points that no other dominates, at most `capacity` (the most crowded leave first), and how
 *  costs are scaled: 0 is the best and 1 the worst that the front has in an objective. */
export class FrontArchive {
  readonly #capacity: number;
  #members: Remembered[] = [];
  /** costs that bound the hypervolume: the worst of the first batch with a feasible point */
  #reference: readonly number[] | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get members(): readonly Remembered[] {
    return this.#members;
  }

  add(points: readonly Remembered[]): void {
    const feasible = points.filter(({ costs }) => costs !== undefined);
    if (feasible.length > 0 && this.#reference === undefined) {
      const count = feasible[0]!.costs!.length;
      this.#reference = Array.from({ length: count }, (_, k) => Math.max(...feasible.map(({ costs }) => costs![k]!)));
    }
    for (const point of feasible) {
      const directions = point.costs!.map(() => "min" as const);
      const isBeaten = (a: Remembered) =>
        dominates(a.costs!, point.costs!, directions) || a.costs!.every((cost, k) => cost === point.costs![k]);
      if (this.#members.some(isBeaten)) continue;
      this.#members = this.#members.filter(({ costs }) => !dominates(point.costs!, costs!, directions));
      this.#members.push(point);
    }
    while (this.#members.length > this.#capacity)
      this.#members.splice(mostCrowded(this.#members.map((m) => this.scale(m.costs!))), 1);
  }

  /** Costs in units of the front's extent, 0 its best and 1 its worst; may lie outside for a point that is not on it. */
  scale(costs: readonly number[]): number[] {
    return costs.map((cost, k) => {
      const own = this.#members.map((member) => member.costs![k]!);
      const [low, high] = [Math.min(...own), Math.max(...own)];
      return high > low ? (cost - low) / (high - low) : cost - low;
    });
  }

  /** Volume that the front dominates below the reference, in units of the costs; undefined for more than three objectives. */
  hypervolume(): number | undefined {
    const reference = this.#reference;
    if (reference === undefined) return 0;
    if (reference.length > 3) return undefined;
    const points = this.#members.map(({ costs }) => costs!);
    return hypervolume(
      points,
      reference,
      reference.map(() => "min" as const),
    );
  }

  state(): StateTree {
    return {
      reference: this.#reference && Float64Array.from(this.#reference),
      members: this.#members.map(({ codes, costs }) => ({ codes, costs: Float64Array.from(costs!) })),
    };
  }

  restore(state: StateTree | undefined): void {
    const saved = state as unknown as SavedFront;
    this.#reference = saved.reference && [...saved.reference];
    this.#members = saved.members.map(({ codes, costs }) => ({ codes, costs: [...costs], violation: 0 }));
  }
}

interface SavedFront {
  readonly reference?: Float64Array;
  readonly members: readonly { readonly codes: Int32Array; readonly costs: Float64Array }[];
}

/** Position of the point whose nearest other is nearest; the ends of each objective are kept. */
function mostCrowded(points: readonly (readonly number[])[]): number {
  let found = 0;
  let least = Number.POSITIVE_INFINITY;
  points.forEach((point, i) => {
    if (point.some((cost, k) => points.every((other) => other[k]! >= cost))) return;
    const nearest = points.reduce((near, other, j) => {
      if (i === j) return near;
      return Math.min(
        near,
        point.reduce((sum, cost, k) => sum + (cost - other[k]!) ** 2, 0),
      );
    }, Number.POSITIVE_INFINITY);
    if (nearest < least) [found, least] = [i, nearest];
  });
  return found;
}
