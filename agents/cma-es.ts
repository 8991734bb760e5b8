// CMA-ES on the knobs as numbers: an ordered knob is one coordinate in 0 .. 1 that is cut into its levels, a category has one
// coordinate per value and takes the largest. Ranking puts feasible points first, then the least violation.
// Paper: Hansen 2016, "The CMA evolution strategy: a tutorial", arXiv:1604.00772. Integers: no coordinate's deviation falls
// below a share of its level, in the spirit of Hamano et al. 2022, arXiv:2205.13482 (a floor on the probability of another
// level). Box: samples and mean are clipped. The factor of C is Cholesky's (Suttorp et al. 2009), not its eigenvectors. At first
// only C's diagonal is learnt (Ros & Hansen 2008, PPSN X): the many correlations need more trials than a search has.
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { blackBoxAgent, comparePoints, type Point, type SearchContext, type Strategy } from "./black-box.js";
import { choleskyOf, solveLower } from "./linear-algebra.js";
import { defineAgent } from "./options.js";
import { settled } from "./variation.js";

const options = z.strictObject({
  batchSize: z
    .int()
    .min(1)
    .max(4096)
    .default(16)
    .describe("candidates proposed together, one generation; fewer than 6 learn badly"),
  startDeviation: z
    .number()
    .gt(0)
    .max(1)
    .default(0.15)
    .describe("first standard deviation, as a share of a knob's range"),
  diagonalTrials: z
    .int()
    .min(0)
    .default(1000)
    .describe(
      "trials in which only the knobs' own deviations are learnt, many times faster; then correlations as well",
    ),
  levelDeviation: z.number().min(0).max(1).default(0.25).describe("least standard deviation, as a share of one level"),
});

export const cmaEs = defineAgent({
  name: "cma-es",
  summary: "CMA-ES on ordered levels, feasibility first; strong from the start on ordered knobs",
  paper: "Hansen 2016, arXiv:1604.00772; Ros & Hansen 2008, PPSN X; Hamano et al. 2022, arXiv:2205.13482",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) => blackBoxAgent("cma-es", space, seed, (context) => new CmaEs(context, given)),
});

/** Where a decision's coordinates stand. */
interface Slot {
  readonly position: number;
  readonly start: number;
  readonly size: number;
  readonly levels: number;
  readonly ordered: boolean;
}

class CmaEs implements Strategy {
  readonly #context: SearchContext;
  readonly #diagonalTrials: number;
  readonly #slots: readonly Slot[];
  readonly #floors: Float64Array;
  readonly #size: number;
  /** coordinates of the proposed points */
  readonly #drawn = new WeakMap<Int32Array, Float64Array>();
  #mean: Float64Array;
  #covariance: Float64Array; // row-major
  #factor: Float64Array; // lower triangle with factor x factor' = covariance
  #covariancePath: Float64Array;
  #sigmaPath: Float64Array;
  #sigma: number;
  #generation = 0;
  #trials = 0;

  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#diagonalTrials = given.diagonalTrials;
    let size = 0;
    this.#slots = context.space.decisions.map((position) => {
      const { values, ordered } = context.space.knobs[position]!;
      const isLine = ordered || values.length === 2;
      const slot = { position, start: size, size: isLine ? 1 : values.length, levels: values.length, ordered: isLine };
      size += slot.size;
      return slot;
    });
    this.#size = size;
    this.#floors = new Float64Array(size);
    for (const { start, size: count, levels, ordered } of this.#slots) {
      this.#floors.fill(given.levelDeviation / (ordered ? levels : 2), start, start + count);
    }
    this.#mean = new Float64Array(size).fill(0.5);
    this.#covariance = identity(size);
    this.#factor = identity(size);
    this.#covariancePath = new Float64Array(size);
    this.#sigmaPath = new Float64Array(size);
    this.#sigma = given.startDeviation;
  }

  propose(count: number): readonly Int32Array[] {
    return Array.from({ length: count }, () => {
      const x = this.#draw();
      const codes = this.#codesOf(x);
      this.#drawn.set(codes, x);
      return codes;
    });
  }

  #draw(): Float64Array {
    const size = this.#size;
    const z = Float64Array.from({ length: size }, () => this.#context.random.normal());
    const x = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      let step = 0;
      for (let j = 0; j <= i; j++) step += this.#factor[i * size + j]! * z[j]!;
      const deviation = this.#sigma * Math.sqrt(this.#covariance[i * size + i]!);
      const widened = Math.max(1, this.#floors[i]! / deviation);
      x[i] = Math.min(1, Math.max(0, this.#mean[i]! + this.#sigma * step * widened));
    }
    return x;
  }

  #codesOf(x: Float64Array): Int32Array {
    const { space, random } = this.#context;
    const codes = new Int32Array(space.length);
    for (const { position, start, size, levels, ordered } of this.#slots) {
      if (ordered) codes[position] = Math.min(levels - 1, Math.floor(x[start]! * levels));
      else for (let v = 1; v < size; v++) if (x[start + v]! > x[start + codes[position]!]!) codes[position] = v;
    }
    return settled(space, codes, random);
  }

  /** Coordinates in the middle of a point's levels; the mean's for knobs that do not count. */
  #coordinatesOf(codes: Int32Array): Float64Array {
    const x = this.#mean.slice();
    for (const { position, start, size, levels, ordered } of this.#slots) {
      const code = codes[position]!;
      if (code < 0) continue;
      if (ordered) x[start] = (code + 0.5) / levels;
      else for (let v = 0; v < size; v++) x[start + v] = v === code ? 0.75 : 0.25;
    }
    return x;
  }

  observe(points: readonly Point[]): Diagnostics {
    const size = this.#size;
    const sorted = points
      .map((point, i) => ({ point, i }))
      .sort((a, b) => comparePoints(a.point, b.point) || a.i - b.i);
    const parents = Math.max(1, Math.floor(points.length / 2));
    const raw = Float64Array.from({ length: parents }, (_, i) => Math.log((points.length + 1) / 2) - Math.log(i + 1));
    if (parents === 1) raw[0] = 1;
    const total = raw.reduce((sum, w) => sum + w, 0);
    const weights = raw.map((w) => w / total);
    const mass = 1 / weights.reduce((sum, w) => sum + w * w, 0);
    const isDiagonal = this.#trials < this.#diagonalTrials;
    const rates = isDiagonal ? diagonalRates(size, ratesOf(size, mass)) : ratesOf(size, mass);
    this.#trials += points.length;

    const steps = sorted.slice(0, parents).map(({ point }) => {
      const x = this.#drawn.get(point.codes) ?? this.#coordinatesOf(point.codes);
      return x.map((value, i) => (value - this.#mean[i]!) / this.#sigma);
    });
    const move = new Float64Array(size);
    steps.forEach((step, k) => {
      for (let i = 0; i < size; i++) move[i] = move[i]! + weights[k]! * step[i]!;
    });
    const whitened = solveLower(this.#factor, move);
    const sigmaScale = Math.sqrt(rates.sigma * (2 - rates.sigma) * mass);
    for (let i = 0; i < size; i++) {
      this.#sigmaPath[i] = (1 - rates.sigma) * this.#sigmaPath[i]! + sigmaScale * whitened[i]!;
    }
    const pathLength = Math.sqrt(this.#sigmaPath.reduce((sum, v) => sum + v * v, 0));
    this.#generation++;
    const expected = Math.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size * size));
    const unbiased = pathLength / Math.sqrt(1 - (1 - rates.sigma) ** (2 * this.#generation));
    const isSteady = unbiased < (1.4 + 2 / (size + 1)) * expected;
    const pathScale = isSteady ? Math.sqrt(rates.path * (2 - rates.path) * mass) : 0;
    for (let i = 0; i < size; i++) {
      this.#covariancePath[i] = (1 - rates.path) * this.#covariancePath[i]! + pathScale * move[i]!;
      this.#mean[i] = Math.min(1, Math.max(0, this.#mean[i]! + this.#sigma * move[i]!));
    }
    this.#learnCovariance(steps, weights, rates, isSteady, isDiagonal);
    const change = Math.exp(Math.min(1, (rates.sigma / rates.damping) * (pathLength / expected - 1)));
    this.#sigma = Math.min(1, Math.max(1e-6, this.#sigma * change));
    return { "train/sigma": this.#sigma };
  }

  #learnCovariance(
    steps: readonly Float64Array[],
    weights: Float64Array,
    rates: Rates,
    isSteady: boolean,
    isDiagonal: boolean,
  ): void {
    const size = this.#size;
    const path = this.#covariancePath;
    const kept = 1 - rates.one - rates.many + (isSteady ? 0 : rates.one * rates.path * (2 - rates.path));
    const next = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let j = isDiagonal ? i : 0; j <= i; j++) {
        let many = 0;
        for (let k = 0; k < steps.length; k++) many += weights[k]! * steps[k]![i]! * steps[k]![j]!;
        const value = kept * this.#covariance[i * size + j]! + rates.one * path[i]! * path[j]! + rates.many * many;
        next[i * size + j] = value;
        next[j * size + i] = value;
      }
      next[i * size + i] = Math.max(next[i * size + i]!, 1e-12);
    }
    const factor = choleskyOf(next, size);
    if (factor === undefined) return; // rounding made it indefinite: keep the last good one
    this.#covariance = next;
    this.#factor = factor;
  }

  state(): StateTree {
    return {
      mean: this.#mean.slice(),
      covariance: this.#covariance.slice(),
      covariancePath: this.#covariancePath.slice(),
      sigmaPath: this.#sigmaPath.slice(),
      sigma: this.#sigma,
      generation: this.#generation,
      trials: this.#trials,
    };
  }

  restore(state: StateTree): void {
    const saved = state as unknown as SavedCma;
    if (saved.mean.length !== this.#size) throw new CosearchError("AGENT_BAD_STATE", "cma-es: another number of knobs");
    this.#mean = saved.mean.slice();
    this.#covariance = saved.covariance.slice();
    this.#factor = choleskyOf(this.#covariance, this.#size)!;
    this.#covariancePath = saved.covariancePath.slice();
    this.#sigmaPath = saved.sigmaPath.slice();
    this.#sigma = saved.sigma;
    this.#generation = saved.generation;
    this.#trials = saved.trials;
  }
}

interface SavedCma {
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
  readonly covariancePath: Float64Array;
  readonly sigmaPath: Float64Array;
  readonly sigma: number;
  readonly generation: number;
  readonly trials: number;
}

interface Rates {
  readonly sigma: number;
  readonly damping: number;
  readonly path: number;
  readonly one: number;
  readonly many: number;
}

/** Learning rates for n coordinates and an effective number of parents. @see Hansen 2016, table 1 */
function ratesOf(n: number, mass: number): Rates {
  const sigma = (mass + 2) / (n + mass + 5);
  const one = 2 / ((n + 1.3) ** 2 + mass);
  return {
    sigma,
    damping: 1 + 2 * Math.max(0, Math.sqrt((mass - 1) / (n + 1)) - 1) + sigma,
    path: (4 + mass / n) / (n + 4 + (2 * mass) / n),
    one,
    many: Math.min(1 - one, (2 * (mass - 2 + 1 / mass)) / ((n + 2) ** 2 + mass)),
  };
}

/** Learning rates while only the diagonal of C is learnt: n numbers instead of n (n + 1) / 2.
 *  @see Ros & Hansen 2008, "A simple modification in CMA-ES achieving linear time and space complexity", section 3 */
function diagonalRates(n: number, rates: Rates): Rates {
  const one = Math.min(0.5, (rates.one * (n + 2)) / 3);
  return { ...rates, one, many: Math.min(1 - one, (rates.many * (n + 2)) / 3) };
}

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
  return matrix;
}
