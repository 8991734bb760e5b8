// What the trials so far say about a design that was not tried: linear models of its rank among the feasible ones, of how far it
// is inside or outside each limit, and of whether it can be built at all. Limits are read off the violations, and what a metric is
// says how near a design comes, also when it keeps the limit. Of the rewards only the order counts.
// After Emmerich et al. 2006, IEEE Trans. Evolutionary Computation 10(4) (a cheap model picks among many offspring), and Gardner
// et al. 2014, ICML ("Bayesian optimization with inequality constraints": improvement times the probability of feasibility).
import type { StateTree } from "../src/core/agent.js";
import { INACTIVE, type Space } from "../src/core/space.js";
import type { Metrics } from "../src/core/trial.js";
import { comparePoints, type Point, packMeasured, unpackMeasured } from "./black-box.js";
import { rankAdvantages } from "./losses/advantages.js";
import { BLOCK_ROWS, BlockMoments, type Features, type Fit, fitted, type RidgeSystem } from "./screening-fit.js";
import { PairModel } from "./screening-pairs.js";

const MOST_SMOOTH_LEVELS = 16; // a curve does for these; to trust single levels there made the search settle early on sizing tasks
const WINDOW = 9 * BLOCK_ROWS; // trials that the models learn from at least, the latest ones; one block more before one is dropped
const AGE_DECAY = 0.998; // weight of a trial relative to that of the next one
const RIDGE = 1;
const LEAST_FEASIBLE = 20; // fewer do not say what makes a design good
const UNBUILDABLE_VIOLATION = 10; // what `violationOf` gives a design that has no metrics
// The models are never trusted beyond these; ranks have unit variance.
const LEAST_RANK_DEVIATION = 0.05;
const LEAST_EXCESS_DEVIATION = 0.01;
const LEAST_BUILDABLE_DEVIATION = 0.05;
const LARGEST_EXCESS = 3; // beyond, a limit is broken by so much that how much says little

/** A limit on a metric, as the violations tell it. */
interface Limit {
  readonly metric: string;
  readonly isMax: boolean;
  readonly bound: number;
}

/** A trial of the window with its features, in arrays that the trial after it gets when it leaves. */
interface Known extends Features, Point {
  count: number;
  reward: number;
  feasible: boolean;
  violation: number;
  metrics: Metrics | undefined;
}

/** Rows of one kind with what their fits share. */
interface Rows {
  readonly known: readonly Known[];
  readonly weights: readonly number[];
  readonly system: RidgeSystem;
}

export class ScreeningModel {
  /** per decision: knob, where its features start, and what they are for each value */
  readonly #decisions: readonly {
    readonly position: number;
    readonly start: number;
    readonly rows: number[][];
    readonly cell: number;
  }[];
  readonly #cellCount: number;
  readonly #all: BlockMoments;
  readonly #built: BlockMoments;
  readonly #feasible: BlockMoments;
  #known: Known[] = [];
  readonly #spare: Known[] = [];
  /** codes of a point, its features, and of those the ones with level effects */
  readonly #sizes: { readonly codes: number; readonly features: number; readonly cells: number };
  #limits: Limit[] = [];
  #rank: (Fit & { readonly best: number }) | undefined;
  /** per limit: relative excess, below 0 within it; last, where designs break limits that are on no metric, the excess over those */
  #excesses: Fit[] = [];
  #buildable: Fit | undefined;
  /** of the rewards, for the search inside the model */
  readonly pairs: PairModel;

  constructor(space: Space) {
    let start = 0;
    let cell = 0;
    this.#decisions = space.decisions.map((position) => {
      const rows = featureRows(space, position);
      const { values, ordered } = space.knobs[position]!;
      const hasEffects = ordered && values.length > MOST_SMOOTH_LEVELS;
      const decision = { position, start, rows, cell: hasEffects ? cell : -1 };
      start += rows[0]!.length;
      if (hasEffects) cell += values.length + 1;
      return decision;
    });
    this.#cellCount = cell;
    this.pairs = new PairModel(space);
    const cells = this.#decisions.filter((decision) => decision.cell >= 0).length;
    this.#sizes = { codes: space.length, features: start, cells };
    const ridge = new Float64Array(start).fill(RIDGE);
    this.#all = new BlockMoments(start, ridge, AGE_DECAY);
    this.#built = new BlockMoments(start, ridge, AGE_DECAY);
    this.#feasible = new BlockMoments(start, ridge, AGE_DECAY);
  }

  /** The trials that it learnt from, oldest first. */
  get points(): readonly Point[] {
    return this.#known;
  }

  /** Learns from more trials and fits again; old trials are dropped. */
  learn(points: readonly Point[]): void {
    const rank = this.#rank;
    if (rank !== undefined) this.pairs.judge(points, (codes) => this.#predicted(rank, codes));
    this.#take(points);
    this.pairs.learn(points);
  }

  #take(points: readonly Point[]): void {
    for (const point of points) {
      this.#noteLimits(point);
      const known = this.#noted(point);
      this.#known.push(known);
      this.#all.add(known);
      this.#built.add(isBuildable(point) ? known : undefined);
      this.#feasible.add(point.feasible ? known : undefined);
    }
    while (this.#known.length > WINDOW + BLOCK_ROWS) {
      this.#spare.push(...this.#known.splice(0, BLOCK_ROWS));
      for (const moments of [this.#all, this.#built, this.#feasible]) moments.dropBlock();
    }
    this.#fit();
  }

  /** A limit that is never broken need not be known. */
  #noteLimits({ infeasible, metrics }: Point): void {
    for (const { subject, needed, available } of infeasible?.violations ?? []) {
      const isMax = needed > available;
      if (metrics?.[subject] === undefined) continue;
      if (this.#limits.some((limit) => limit.metric === subject && limit.isMax === isMax)) continue;
      this.#limits.push({ metric: subject, isMax, bound: available });
    }
  }

  #fit(): void {
    const built = this.#rowsOf(this.#built, (point) => isBuildable(point));
    const targetsOf = (rows: Rows, target: (point: Point) => number) =>
      fitted(rows.system, rows.known, rows.weights, rows.known.map(target), this.#cellCount);
    this.#excesses = [];
    if (built !== undefined) {
      const shared = this.#limits.filter(({ metric }) =>
        built.known.every(({ metrics }) => metrics?.[metric] !== undefined),
      );
      const rest = (point: Point) => Math.min(LARGEST_EXCESS, otherViolation(point, shared));
      for (const limit of shared)
        this.#excesses.push(
          targetsOf(built, (point) => Math.min(LARGEST_EXCESS, Math.max(-1, relativeExcess(point, limit)))),
        );
      if (shared.length === 0 || built.known.some((point) => rest(point) > 0)) {
        this.#excesses.push(targetsOf(built, rest));
      }
    }
    const isAllBuilt = built !== undefined && built.known.length === this.#known.length;
    const all = isAllBuilt ? undefined : this.#rowsOf(this.#all, () => true);
    this.#buildable = all && targetsOf(all, (point) => (isBuildable(point) ? 1 : 0));
    const feasible = this.#rowsOf(this.#feasible, (point) => point.feasible);
    this.#rank = undefined;
    if (feasible === undefined || feasible.known.length < LEAST_FEASIBLE) return;
    const ranks = rankAdvantages(feasible.known, comparePoints);
    const found = fitted(feasible.system, feasible.known, feasible.weights, ranks, this.#cellCount);
    this.#rank = { ...found, best: Math.max(...ranks) };
  }

  #rowsOf(moments: BlockMoments, isOne: (point: Point) => boolean): Rows | undefined {
    const newest = this.#known.length - 1;
    const known: Known[] = [];
    const weights: number[] = [];
    this.#known.forEach((row, i) => {
      if (!isOne(row)) return;
      known.push(row);
      weights.push(AGE_DECAY ** (newest - i));
    });
    const system = known.length === 0 ? undefined : moments.system();
    return system && { known, weights, system };
  }

  /** Whether there is anything to go by. */
  get isReady(): boolean {
    return this.#excesses.length > 0 || this.#buildable !== undefined;
  }

  /** How promising a point is: the logarithm of (expected improvement x probability that it is feasible), or, before enough designs
   *  are feasible, how near the limits it is expected to be. Only the order means anything.
   *  @param effects drawn from `pairs`, which then say what improvement is expected */
  score(codes: ArrayLike<number>, effects?: readonly Float64Array[]): number {
    let worth = this.#logBuildable(codes);
    for (const excess of this.#excesses) {
      const mean = this.#predicted(excess, codes);
      const spread = excess.deviation + LEAST_EXCESS_DEVIATION;
      if (this.#rank === undefined) worth -= spread * softplus(mean / spread);
      else worth -= softplus((LOGISTIC_SLOPE * mean) / spread);
    }
    if (this.#rank === undefined) return worth;
    const gain =
      effects === undefined
        ? (this.#predicted(this.#rank, codes) - this.#rank.best) / (this.#rank.deviation + LEAST_RANK_DEVIATION)
        : this.pairs.gain(codes, effects, LEAST_RANK_DEVIATION);
    return worth + logSoftplus(LOGISTIC_SLOPE * gain);
  }

  /** The logarithm of the probability that a design can be built, by how far its prediction is from a half. */
  #logBuildable(codes: ArrayLike<number>): number {
    if (this.#buildable === undefined) return 0;
    const short = 0.5 - this.#predicted(this.#buildable, codes);
    return -softplus((LOGISTIC_SLOPE * short) / (this.#buildable.deviation + LEAST_BUILDABLE_DEVIATION));
  }

  /** What a fit says of a point, without making its features. */
  #predicted({ weights, offset, levels }: Fit, codes: ArrayLike<number>): number {
    const decisions = this.#decisions; // in loops that make no garbage: this runs for every draw
    let sum = offset;
    for (let d = 0; d < decisions.length; d++) {
      const { position, start, rows } = decisions[d]!;
      const code = codes[position]!;
      if (code === INACTIVE) continue;
      const row = rows[code]!;
      for (let k = 0; k < row.length; k++) sum += weights[start + k]! * row[k]!;
    }
    if (levels.length === 0) return sum;
    for (let d = 0; d < decisions.length; d++) {
      const { position, rows, cell } = decisions[d]!;
      const code = codes[position]!;
      if (cell >= 0) sum += levels[cell + (code === INACTIVE ? rows.length : code)]!;
    }
    return sum;
  }

  /** The point with its features, in the room of a trial that left the window. */
  #noted({ codes, reward, feasible, violation, metrics }: Point): Known {
    const known = this.#spare.pop() ?? roomOf(this.#sizes);
    known.codes.set(codes);
    Object.assign(known, { reward, feasible, violation, metrics });
    let [count, cells] = [0, 0];
    for (const { position, start, rows, cell } of this.#decisions) {
      const code = codes[position]!;
      if (cell >= 0) known.cells[cells++] = code === INACTIVE ? cell + rows.length : cell + code; // the last cell: where it does not count
      if (code === INACTIVE) continue;
      const row = rows[code]!;
      for (let k = 0; k < row.length; k++) {
        if (row[k] === 0) continue;
        known.at[count] = start + k;
        known.value[count++] = row[k]!;
      }
    }
    known.count = count;
    return known;
  }

  state(): StateTree {
    const limits = this.#limits as unknown as StateTree;
    return { trials: packMeasured(this.points), limits, pairs: this.pairs.state() };
  }

  restore(state: StateTree | undefined): void {
    const { trials, limits, pairs } = state as unknown as {
      readonly trials: StateTree;
      readonly limits: readonly Limit[];
      readonly pairs: StateTree;
    };
    this.forget();
    this.#limits = [...limits];
    const points = unpackMeasured(trials);
    if (points.length > 0) this.#take(points);
    this.pairs.restore(pairs);
  }

  forget(): void {
    this.#known = [];
    this.#limits = [];
    this.#excesses = [];
    this.#rank = undefined;
    this.#buildable = undefined;
    for (const moments of [this.#all, this.#built, this.#feasible]) moments.clear();
  }
}

const roomOf = (sizes: { readonly codes: number; readonly features: number; readonly cells: number }): Known => ({
  codes: new Int32Array(sizes.codes),
  count: 0,
  at: new Int32Array(sizes.features),
  value: new Float64Array(sizes.features),
  cells: new Int32Array(sizes.cells),
  reward: 0,
  feasible: false,
  violation: 0,
  metrics: undefined,
});

const LOGISTIC_SLOPE = 1.702; // makes the logistic function follow the normal distribution's within 0.01

/** log(1 + e^x), and its logarithm, without overflow. */
const softplus = (x: number): number => (x > 30 ? x : Math.log1p(Math.exp(x)));
const logSoftplus = (x: number): number => (x < -30 ? x : Math.log(softplus(x)));

const isBuildable = ({ feasible, violation }: Point): boolean => feasible || violation < UNBUILDABLE_VIOLATION;

/** How far outside a limit, relative to it; below 0 within it. */
function relativeExcess({ metrics }: Point, { metric, isMax, bound }: Limit): number {
  const over = (metrics![metric]! - bound) / Math.max(Math.abs(bound), 1e-12);
  return isMax ? over : -over;
}

/** What of a violation is not on these limits; 0 but for rounding where there is none. */
function otherViolation(point: Point, limits: readonly Limit[]): number {
  const known = limits.reduce((sum, limit) => sum + Math.min(10, Math.max(0, relativeExcess(point, limit))), 0);
  return point.violation - known < 1e-9 ? 0 : point.violation - known;
}

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
