// A model of the rewards in which knobs interact: an effect for each value of a knob and for each combination of the values of
// some pairs of knobs, those whose residuals say more than chance would. How far the effects of a knob or a pair are shrunk is
// learnt with them, so that a pair chosen by chance comes out near zero. It stands beside the screening models, which have no
// pairs, and is trusted only while it foretells better than they do which of two new trials is the better one.
// After Lou et al. 2013, KDD, "Accurate intelligible models with pairwise interactions" (forward choice of pairs by what the means
// of their cells explain), and Bishop 2006, "Pattern recognition and machine learning", chapter 10 (mean-field updates).
import type { StateTree } from "../src/core/agent.js";
import type { RandomStream } from "../src/core/rng.js";
import { INACTIVE, type Space } from "../src/core/space.js";
import { type Point, packPoints, unpackPoints } from "./black-box.js";
import { normalisedAdvantages } from "./losses/advantages.js";

const MOST_BINS = 8; // values of a knob that are told apart; of an ordered one with more, neighbours are taken together
const MEMORY = 1024; // feasible trials that are kept, the latest ones
const LEAST_ROWS = 64;
const CHOICE_EVERY = 64; // feasible trials
const CHOICE_ROUNDS = 8;
const CHOICE_SWEEPS = 8; // after each round
const SWEEPS = 40; // of the last fit, over all effects
const PAIRS_PER_KNOB = 2; // at most
const FALSE_ALARMS = 0.1; // pairs expected to pass where there are none; without one that passes, none is chosen
const LEAST_SIGNIFICANCE = 1; // of a chosen pair, standard deviations
const NEAR_BEST = 0.5; // and as a share of the best pair's of its round
const START_SHRINKAGE = 5; // rows
const CLIPPED_SPREADS = 2; // a reward further below the best one than so many times the lowest tenth is, says no more
const JUDGEMENT_DECAY = 0.9; // per batch
const LEAST_JUDGEMENTS = 10; // pairs of trials on which the models disagreed
const TRUSTED_SHARE = 0.5; // of them, decided rightly

/** The effects of one knob, where `b` is none of them, or of a pair; its cell is bin of a x width + bin of b. */
interface Term {
  readonly a: number;
  readonly b: number;
  /** bins of `b`; 1 for a single knob */
  readonly width: number;
  /** per cell */
  readonly counts: Float64Array;
  readonly effects: Float64Array;
  /** how many rows without any effect the shrinkage is worth */
  shrinkage: number;
}

interface Row {
  readonly codes: Int32Array;
  reward: number;
}

export class PairModel {
  readonly #positions: readonly number[];
  /** per decision and value; what has no value is in the last cell */
  readonly #bins: readonly Int32Array[];
  readonly #sizes: readonly number[];
  /** the feasible trials that are kept, oldest first; one that leaves gives its room to the newest */
  #rows: Row[] = [];
  /** rooms: bin of each row, knob after knob, and zeros behind them */
  readonly #columns: readonly Int32Array[];
  #learnt = 0;
  /** chosen pairs of decisions */
  #pairs: (readonly [number, number])[] = [];
  #terms: Term[] = [];
  #noise = 0;
  #best = 0;
  /** disagreements with the other model that this one, and that the other one decided rightly, old ones fading */
  #right = 0;
  #wrong = 0;

  constructor(space: Space) {
    this.#positions = space.decisions;
    this.#bins = space.decisions.map((position) => {
      const count = space.knobs[position]!.values.length;
      const bins = Math.min(count, MOST_BINS);
      return Int32Array.from({ length: count }, (_, v) => Math.floor((v * bins) / count));
    });
    this.#sizes = this.#bins.map((bins) => bins.at(-1)! + 2);
    this.#columns = [...this.#bins, []].map(() => new Int32Array(MEMORY));
  }

  /** Pairs of decisions that were chosen, the earliest first. */
  get pairs(): readonly (readonly [number, number])[] {
    return this.#pairs;
  }

  get isTrusted(): boolean {
    const judgements = this.#right + this.#wrong;
    return this.#pairs.length > 0 && judgements >= LEAST_JUDGEMENTS && this.#right > TRUSTED_SHARE * judgements;
  }

  /** Compares what both models foretold of new trials. @param other the other model's prediction, higher is better */
  judge(points: readonly Point[], other: (codes: ArrayLike<number>) => number): void {
    if (this.#pairs.length === 0) return;
    const known = points
      .filter(({ feasible }) => feasible)
      .map(({ codes, reward }) => ({ reward, own: this.at(codes), other: other(codes) }));
    this.#right *= JUDGEMENT_DECAY;
    this.#wrong *= JUDGEMENT_DECAY;
    known.forEach((a, i) => {
      for (const b of known.slice(0, i)) {
        const isOwnRight = (a.own - b.own) * (a.reward - b.reward) > 0;
        const isOtherRight = (a.other - b.other) * (a.reward - b.reward) > 0;
        if (isOwnRight && !isOtherRight) this.#right++;
        if (!isOwnRight && isOtherRight) this.#wrong++;
      }
    });
  }

  /** Learns from the feasible ones of more trials and fits again; pairs are chosen again from time to time. */
  learn(points: readonly Point[]): void {
    const choices = Math.floor(this.#learnt / CHOICE_EVERY);
    for (const point of points) if (point.feasible) this.#note(point);
    if (this.#rows.length < LEAST_ROWS) return;
    if (Math.floor(this.#learnt / CHOICE_EVERY) > choices) this.#choose();
    this.#fit();
  }

  #note({ codes, reward }: Point): void {
    const row = this.#rows.length < MEMORY ? { codes: codes.slice(), reward } : this.#rows.shift()!;
    row.codes.set(codes);
    row.reward = reward;
    this.#rows.push(row);
    this.#learnt++;
  }

  #choose(): void {
    const left = this.#table();
    const knobs = this.#positions.length;
    this.#pairs = [];
    this.#terms = this.#positions.map((_, k) => this.#termOf(k, this.#positions.length));
    this.#sweep(left, CHOICE_SWEEPS);
    let open: (readonly [number, number])[] = [];
    for (let b = 0; b < knobs; b++) for (let a = 0; a < b; a++) open.push([a, b]);
    const alarm = normalQuantile(1 - FALSE_ALARMS / Math.max(2, open.length));
    const chosen: (readonly [number, number])[] = [];
    for (let round = 0; round < CHOICE_ROUNDS && this.#noise > 0; round++) {
      const scored = open
        .map((pair) => ({ pair, z: this.#significance(left, pair) }))
        .filter(({ z }) => z > 0)
        .sort((x, y) => y.z - x.z);
      const top = scored[0]?.z ?? 0;
      if (round === 0 && top < alarm) break;
      const room = Math.min(Math.ceil(knobs / 4), PAIRS_PER_KNOB * knobs - chosen.length);
      const next = scored.slice(0, room).filter(({ z }) => z > Math.max(LEAST_SIGNIFICANCE, NEAR_BEST * top));
      if (next.length === 0) break;
      const taken = new Set(next.map(({ pair }) => pair));
      open = scored.map(({ pair }) => pair).filter((pair) => !taken.has(pair));
      chosen.push(...taken);
      for (const [a, b] of taken) this.#terms.push(this.#termOf(a, b));
      this.#sweep(left, CHOICE_SWEEPS);
    }
    this.#pairs = chosen;
  }

  /** Depends on the kept trials and the chosen pairs only. */
  #fit(): void {
    this.#terms = [];
    if (this.#pairs.length === 0) return;
    const left = this.#table();
    this.#best = Math.max(...left);
    this.#terms = [
      ...this.#positions.map((_, k) => this.#termOf(k, this.#positions.length)),
      ...this.#pairs.map(([a, b]) => this.#termOf(a, b)),
    ];
    this.#sweep(left, SWEEPS);
  }

  /** Fills the columns and gives the targets; the noise is set to what no effect explains yet. */
  #table(): Float64Array {
    this.#positions.forEach((position, k) => {
      const column = this.#columns[k]!;
      for (let i = 0; i < this.#rows.length; i++) column[i] = this.#binOf(k, this.#rows[i]!.codes[position]!);
    });
    const targets = clippedTargets(this.#rows.map(({ reward }) => reward));
    this.#noise = meanSquare(targets);
    return targets;
  }

  #binOf(knob: number, code: number): number {
    return code === INACTIVE ? this.#sizes[knob]! - 1 : this.#bins[knob]![code]!;
  }

  #termOf(a: number, b: number): Term {
    const width = this.#sizes[b] ?? 1;
    const counts = new Float64Array(this.#sizes[a]! * width);
    const [ofA, ofB] = [this.#columns[a]!, this.#columns[b]!];
    for (let i = 0; i < this.#rows.length; i++) counts[ofA[i]! * width + ofB[i]!]!++;
    return { a, b, width, counts, effects: new Float64Array(counts.length), shrinkage: START_SHRINKAGE };
  }

  /** How far the squares between a pair's cells are above those of noise, in standard deviations (Wilson & Hilferty 1931, PNAS 17:
   *  the cube root of chi-squared is about normal). */
  #significance(left: Float64Array, [a, b]: readonly [number, number]): number {
    const width = this.#sizes[b]!;
    const sums = new Float64Array(this.#sizes[a]! * width);
    const counts = new Int32Array(sums.length);
    const [ofA, ofB] = [this.#columns[a]!, this.#columns[b]!];
    for (let i = 0; i < left.length; i++) {
      const cell = ofA[i]! * width + ofB[i]!;
      sums[cell]! += left[i]!;
      counts[cell]!++;
    }
    let squares = 0;
    let freedom = 1;
    const isSeenInA = new Uint8Array(this.#sizes[a]!);
    const isSeenInB = new Uint8Array(width);
    for (let c = 0; c < sums.length; c++) {
      if (counts[c] === 0) continue;
      freedom++;
      squares += sums[c]! ** 2 / counts[c]!;
      isSeenInA[Math.floor(c / width)] = 1;
      isSeenInB[c % width] = 1;
    }
    for (const seen of isSeenInA) freedom -= seen;
    for (const seen of isSeenInB) freedom -= seen;
    if (freedom < 1) return 0;
    const spread = 2 / (9 * freedom);
    return (Math.cbrt(squares / this.#noise / freedom) - (1 - spread)) / Math.sqrt(spread);
  }

  /** Effects, shrinkages and noise, each given the others, in turn. @param left what is not explained yet; changed */
  #sweep(left: Float64Array, sweeps: number): void {
    const rows = left.length;
    for (let sweep = 0; sweep < sweeps; sweep++) {
      let uncertainty = 0;
      for (const term of this.#terms) {
        const { width, effects, counts } = term;
        const [ofA, ofB] = [this.#columns[term.a]!, this.#columns[term.b]!];
        const steps = new Float64Array(effects.length);
        for (let i = 0; i < rows; i++) steps[ofA[i]! * width + ofB[i]!]! += left[i]!;
        let squares = 0;
        let seen = 0;
        for (let c = 0; c < effects.length; c++) {
          const count = counts[c]!;
          if (count === 0) continue;
          const next = (steps[c]! + count * effects[c]!) / (count + term.shrinkage);
          const variance = this.#noise / (count + term.shrinkage);
          steps[c] = next - effects[c]!;
          effects[c] = next;
          squares += next * next + variance;
          uncertainty += count * variance;
          seen++;
        }
        for (let i = 0; i < rows; i++) left[i]! -= steps[ofA[i]! * width + ofB[i]!]!;
        term.shrinkage = Math.min(1e6, Math.max(0.02, (this.#noise * seen) / squares));
      }
      this.#noise = Math.max(1e-6, meanSquare(left) + uncertainty / rows);
    }
  }

  /** How far a point is expected to be above the best trial, in standard deviations of a reward. @param effects as drawn */
  gain(codes: ArrayLike<number>, effects: readonly Float64Array[], leastDeviation: number): number {
    return (this.at(codes, effects) - this.#best) / (Math.sqrt(this.#noise) + leastDeviation);
  }

  /** The reward that is expected, in standard deviations from the mean of the trials; 0 before there are pairs.
   *  @param effects as drawn; their means where not given */
  at(codes: ArrayLike<number>, effects?: readonly Float64Array[]): number {
    let sum = 0;
    for (let t = 0; t < this.#terms.length; t++) {
      const term = this.#terms[t]!;
      let cell = this.#binOf(term.a, codes[this.#positions[term.a]!]!) * term.width;
      if (term.width > 1) cell += this.#binOf(term.b, codes[this.#positions[term.b]!]!);
      sum += (effects === undefined ? term.effects : effects[t]!)[cell]!;
    }
    return sum;
  }

  /** Effects as they may be, given the trials: what was seen seldom differs most (Thompson 1933, Biometrika 25). */
  draw(random: RandomStream): readonly Float64Array[] {
    return this.#terms.map(({ effects, counts, shrinkage }) =>
      effects.map((effect, c) => effect + Math.sqrt(this.#noise / (counts[c]! + shrinkage)) * random.normal()),
    );
  }

  state(): StateTree {
    return {
      rows: packPoints(this.#rows.map((row) => ({ ...row, feasible: true, violation: 0 }))),
      learnt: this.#learnt,
      pairs: Int32Array.from(this.#pairs.flat()),
      right: this.#right,
      wrong: this.#wrong,
    };
  }

  /** @throws CosearchError AGENT_BAD_STATE */
  restore(state: StateTree | undefined): void {
    const saved = (state ?? {}) as unknown as SavedPairs;
    this.#rows = unpackPoints(saved.rows).map(({ codes, reward }) => ({ codes, reward }));
    this.#learnt = saved.learnt;
    this.#pairs = Array.from({ length: saved.pairs.length / 2 }, (_, p) => [
      saved.pairs[2 * p]!,
      saved.pairs[2 * p + 1]!,
    ]);
    this.#right = saved.right;
    this.#wrong = saved.wrong;
    this.#fit();
  }
}

interface SavedPairs {
  readonly rows: StateTree;
  readonly learnt: number;
  readonly pairs: Int32Array;
  readonly right: number;
  readonly wrong: number;
}

/** Rewards, the worst ones clipped, with mean 0 and variance 1; zeros where more than half are the best. */
function clippedTargets(rewards: readonly number[]): Float64Array {
  const sorted = Float64Array.from(rewards).sort();
  const best = sorted.at(-1)!;
  const low = sorted[Math.floor(sorted.length / 10)]!;
  const least = best - CLIPPED_SPREADS * (best - low);
  return normalisedAdvantages(rewards.map((reward) => Math.max(least, reward)));
}

const meanSquare = (values: Float64Array): number => values.reduce((sum, v) => sum + v * v, 0) / values.length;

/** Inverse of the normal distribution function for shares above a half, within 0.0005 (Abramowitz & Stegun 1964, 26.2.23). */
function normalQuantile(share: number): number {
  const t = Math.sqrt(-2 * Math.log(1 - share));
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}
