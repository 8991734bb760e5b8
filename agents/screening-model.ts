// What the trials so far say about a design that was not tried: linear models of its rank among the feasible ones, of how far it
// is outside the limits, and of whether it can be built at all. Only the order of rewards counts, so their scale does not.
// After Emmerich et al. 2006, IEEE Trans. Evolutionary Computation 10(4) (a cheap model picks among many offspring), and Gardner
// et al. 2014, ICML ("Bayesian optimization with inequality constraints": improvement times the probability of feasibility).
import { INACTIVE, type Space } from "../src/core/space.js";
import type { Point } from "./black-box.js";
import { comparePoints } from "./black-box.js";
import { choleskyOf, solveLower, solveUpper } from "./linear-algebra.js";
import { rankAdvantages } from "./losses/advantages.js";

const WINDOW = 600; // trials that the models learn from, the latest ones
const AGE_DECAY = 0.998; // weight of a trial relative to that of the next one
const RIDGE = 1;
const LEAST_FEASIBLE = 20; // fewer do not say what makes a design good
const UNBUILDABLE_VIOLATION = 10; // what `violationOf` gives a design that has no metrics
// The models are never trusted beyond these; ranks have unit variance.
const LEAST_RANK_DEVIATION = 0.05;
const LEAST_VIOLATION_DEVIATION = 0.01;
const LEAST_BUILDABLE_DEVIATION = 0.05;
const LARGEST_VIOLATION = 3; // beyond, a limit is broken by so much that how much says little

/** Positions and numbers of the features that are not zero. */
interface Features {
  readonly at: Int32Array;
  readonly value: Float64Array;
}

interface Fit {
  readonly weights: Float64Array;
  readonly offset: number;
  /** of what the model leaves unexplained, root mean square */
  readonly deviation: number;
}

interface Known extends Features {
  readonly point: Point;
}

export class ScreeningModel {
  /** per decision: knob, where its features start, and what they are for each value */
  readonly #decisions: readonly { readonly position: number; readonly start: number; readonly rows: number[][] }[];
  readonly #featureCount: number;
  #known: Known[] = [];
  #rank: (Fit & { readonly best: number }) | undefined;
  #violation: Fit | undefined;
  #buildable: Fit | undefined;

  constructor(space: Space) {
    let start = 0;
    this.#decisions = space.decisions.map((position) => {
      const rows = featureRows(space, position);
      const decision = { position, start, rows };
      start += rows[0]!.length;
      return decision;
    });
    this.#featureCount = start;
  }

  /** The trials that it learnt from, oldest first. */
  get points(): readonly Point[] {
    return this.#known.map(({ point }) => point);
  }

  /** Learns from more trials and fits again; older trials than the last 600 are dropped. */
  learn(points: readonly Point[]): void {
    this.#known.push(...points.map((point) => ({ point, ...this.#featuresOf(point.codes) })));
    this.#known.splice(0, this.#known.length - WINDOW);
    const weighted = this.#known.map((known, i) => ({ known, weight: AGE_DECAY ** (this.#known.length - 1 - i) }));
    const built = weighted.filter(({ known }) => isBuildable(known.point));
    const feasible = weighted.filter(({ known }) => known.point.feasible);
    const ridge = (rows: typeof weighted, targets: ArrayLike<number>) => ridgeFit(rows, targets, this.#featureCount);
    this.#violation = ridge(
      built,
      built.map(({ known }) => Math.min(LARGEST_VIOLATION, known.point.violation)),
    );
    this.#buildable =
      built.length === weighted.length
        ? undefined
        : ridge(
            weighted,
            weighted.map(({ known }) => (isBuildable(known.point) ? 1 : 0)),
          );
    if (feasible.length < LEAST_FEASIBLE) {
      this.#rank = undefined;
      return;
    }
    const ranks = rankAdvantages(
      feasible.map(({ known }) => known.point),
      comparePoints,
    );
    const found = ridge(feasible, ranks);
    this.#rank = found && { ...found, best: Math.max(...ranks) };
  }

  /** Whether there is anything to go by. */
  get isReady(): boolean {
    return this.#violation !== undefined || this.#buildable !== undefined;
  }

  /** How promising a point is: the logarithm of (expected improvement x probability that it is feasible), or, before enough designs
   *  are feasible, how near the limits it is expected to be. Only the order means anything. */
  score(codes: ArrayLike<number>): number {
    const features = this.#featuresOf(codes);
    const violation = this.#violation === undefined ? 0 : predicted(this.#violation, features);
    const logBuilt = this.#logBuildable(features);
    if (this.#rank === undefined) return logBuilt - violation;
    const spread = (this.#violation?.deviation ?? 0) + LEAST_VIOLATION_DEVIATION;
    const logWithin = -softplus((LOGISTIC_SLOPE * violation) / spread);
    const gain = (predicted(this.#rank, features) - this.#rank.best) / (this.#rank.deviation + LEAST_RANK_DEVIATION);
    return logBuilt + logWithin + logSoftplus(LOGISTIC_SLOPE * gain);
  }

  /** The logarithm of the probability that a design can be built, by how far its prediction is from a half. */
  #logBuildable(features: Features): number {
    if (this.#buildable === undefined) return 0;
    const short = 0.5 - predicted(this.#buildable, features);
    return -softplus((LOGISTIC_SLOPE * short) / (this.#buildable.deviation + LEAST_BUILDABLE_DEVIATION));
  }

  #featuresOf(codes: ArrayLike<number>): Features {
    const at: number[] = [];
    const value: number[] = [];
    for (const { position, start, rows } of this.#decisions) {
      const code = codes[position]!;
      if (code === INACTIVE) continue;
      const row = rows[code]!;
      for (let k = 0; k < row.length; k++) {
        if (row[k] === 0) continue;
        at.push(start + k);
        value.push(row[k]!);
      }
    }
    return { at: Int32Array.from(at), value: Float64Array.from(value) };
  }

  /** Forgets everything and takes these trials instead. */
  restore(points: readonly Point[]): void {
    this.#known = [];
    this.#rank = undefined;
    this.#violation = undefined;
    this.#buildable = undefined;
    if (points.length > 0) this.learn(points);
  }
}

const LOGISTIC_SLOPE = 1.702; // makes the logistic function follow the normal distribution's within 0.01

/** log(1 + e^x), and its logarithm, without overflow. */
const softplus = (x: number): number => (x > 30 ? x : Math.log1p(Math.exp(x)));
const logSoftplus = (x: number): number => (x < -30 ? x : Math.log(softplus(x)));

const isBuildable = ({ feasible, violation }: Point): boolean => feasible || violation < UNBUILDABLE_VIOLATION;

/** Per value: level and squared level for an ordered knob (about centred, of like size), one of n for a category. */
function featureRows(space: Space, position: number): number[][] {
  const { values, ordered } = space.knobs[position]!;
  if (!ordered) return values.map((_, v) => values.map((__, w) => (v === w ? 1 : 0)));
  const isConditional = space.toData().knobs[position]!.when !== undefined;
  return values.map((_, v) => {
    const level = (2 * v) / (values.length - 1) - 1;
    const curve = values.length > 2 ? [1.6 * (level * level - 0.37)] : [];
    return [level, ...curve, ...(isConditional ? [1] : [])];
  });
}

function predicted({ weights, offset }: Fit, { at, value }: Features): number {
  let sum = offset;
  for (let k = 0; k < at.length; k++) sum += weights[at[k]!]! * value[k]!;
  return sum;
}

/** Ridge regression with an unpenalised offset. @returns undefined without rows, or where rounding leaves no solution */
function ridgeFit(
  rows: readonly { readonly known: Features; readonly weight: number }[],
  targets: ArrayLike<number>,
  count: number,
): Fit | undefined {
  let total = 0;
  let targetSum = 0;
  const sums = new Float64Array(count);
  const moments = new Float64Array(count * count);
  const right = new Float64Array(count);
  rows.forEach(({ known: { at, value }, weight }, i) => {
    total += weight;
    targetSum += weight * targets[i]!;
    for (let a = 0; a < at.length; a++) {
      const scaled = weight * value[a]!;
      const row = at[a]! * count;
      sums[at[a]!]! += scaled;
      right[at[a]!]! += scaled * targets[i]!;
      for (let b = 0; b <= a; b++) moments[row + at[b]!]! += scaled * value[b]!; // positions rise: the lower triangle
    }
  });
  if (total === 0) return undefined;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) moments[i * count + j]! -= (sums[i]! * sums[j]!) / total;
    moments[i * count + i]! += RIDGE;
    right[i]! -= (sums[i]! * targetSum) / total;
  }
  const factor = choleskyOf(moments, count);
  if (factor === undefined) return undefined;
  const weights = solveUpper(factor, solveLower(factor, right));
  let offset = targetSum / total;
  for (let i = 0; i < count; i++) offset -= (weights[i]! * sums[i]!) / total;
  const fit = { weights, offset, deviation: 0 };
  let squares = 0;
  rows.forEach(({ known, weight }, i) => {
    squares += weight * (predicted(fit, known) - targets[i]!) ** 2;
  });
  return { ...fit, deviation: Math.sqrt(squares / total) };
}
