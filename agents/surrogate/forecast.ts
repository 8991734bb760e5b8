// The posterior over designs at one moment: predictions, and what a design is worth trying: the logarithm of the chance that
// it keeps the limits times the improvement that is expected of it.
// Papers: Jones et al. 1998, J. Global Optimization 13, equation 15 (expected improvement); Gardner et al. 2014 (times
// feasibility); Ament et al. 2023, arXiv:2310.20708 (logarithms, so that hopeless designs can be compared, too).

import type { RandomStream } from "../../src/core/rng.js";
import { columnsOf, dot, slopeOf } from "./additive-process.js";
import type { KnobFeatures, Row } from "./knob-features.js";
import type { Quantity } from "./quantity-model.js";
import { linkAt, type RewardLink } from "./reward-link.js";

export interface ForecastLimit {
  /** position among the quantities */
  readonly quantity: number;
  readonly isMax: boolean;
  /** in the quantity's own scale, so a logarithm where that is logarithmic */
  readonly bound: number;
}

/** The reward by a formula of quantities, or as a quantity itself; undefined before anything feasible was found. */
type RewardModel = { readonly link: RewardLink; readonly inputs: Int32Array } | number | undefined;

/** A point with what one-knob changes of it would do. */
export interface Place {
  readonly row: Row;
  /** shape [quantities] */
  readonly means: Float64Array;
  /** per quantity, shape [columns]: change of the mean per change of a column */
  readonly slopes: readonly Float64Array[];
}

/** What the trials tell about one point beyond the mean. */
export interface Reach {
  /** per quantity, shape [trials] */
  readonly reaches: readonly Float64Array[];
  /** per quantity: the same for points that count as tried since */
  readonly later: readonly number[][];
  /** shape [quantities]: variance of the process, without noise */
  readonly variances: Float64Array;
}

export class Forecast {
  readonly features: KnobFeatures;
  readonly quantities: readonly Quantity[];
  readonly #limits: readonly ForecastLimit[];
  readonly #reward: RewardModel;
  /** of the feasible trials, in the scale of the reward model; -Infinity when there is none */
  readonly best: number;
  readonly #roots = new Map<string, Float64Array>();
  readonly #columns: Float64Array;
  readonly #inputs: Float64Array;

  constructor(
    features: KnobFeatures,
    quantities: readonly Quantity[],
    limits: readonly ForecastLimit[],
    reward: RewardModel,
    best: number,
  ) {
    this.features = features;
    this.quantities = quantities;
    this.#limits = limits;
    this.#reward = reward;
    this.best = best;
    this.#columns = new Float64Array(features.width);
    this.#inputs = new Float64Array(typeof reward === "object" ? reward.inputs.length : 0);
  }

  /** Another function that the trials allow: the knobs' own curves drawn from their posterior. */
  drawn(random: RandomStream): Forecast {
    const quantities = this.quantities.map((quantity): Quantity => {
      const { process, weights } = quantity;
      const { width } = this.features;
      const root = this.#rootOf(quantity);
      const change = Float64Array.from({ length: width }, () => random.normal() * quantity.inflation);
      for (let c = width - 1; c >= 0; c--) {
        let rest = change[c]!;
        for (let d = c + 1; d < width; d++) rest -= root[c * width + d]! * change[d]!;
        change[c] = rest / root[c * width + c]!;
      }
      const own = weights.own.map((value, c) => value + change[c]!);
      return { ...quantity, process, weights: { ...weights, own } };
    });
    return new Forecast(this.features, quantities, this.#limits, this.#reward, this.best);
  }

  #rootOf({ name, process }: Quantity): Float64Array {
    const root = this.#roots.get(name) ?? process.ownRoot();
    this.#roots.set(name, root);
    return root;
  }

  place(codes: Int32Array): Place {
    columnsOf(this.features, codes, this.#columns);
    const means = new Float64Array(this.quantities.length);
    const slopes = this.quantities.map(({ weights, shift, scale }, q) => {
      const slope = new Float64Array(this.features.width);
      means[q] = shift + scale * slopeOf(weights, this.#columns, slope);
      return slope;
    });
    return { row: this.features.row(codes), means, slopes };
  }

  reach({ row }: Place): Reach {
    const reaches = this.quantities.map(({ process }) => process.reach(row));
    const variances = Float64Array.from(this.quantities, ({ process }, q) => {
      const reach = reaches[q]!;
      return Math.max(0, process.kernel(row, row) - dot(reach, reach, reach.length));
    });
    return { reaches, later: reaches.map(() => []), variances };
  }

  /** Takes note that another point counts as tried: what is left unknown about the first becomes less. */
  learn(point: Place, reach: Reach, tried: Place, triedReach: Reach): void {
    this.quantities.forEach(({ process }, q) => {
      const [mine, theirs] = [reach.reaches[q]!, triedReach.reaches[q]!];
      let common = process.kernel(point.row, tried.row) - dot(mine, theirs, mine.length);
      const [later, others] = [reach.later[q]!, triedReach.later[q]!];
      for (let i = 0; i < later.length; i++) common -= later[i]! * others[i]!;
      const share = common / Math.sqrt(triedReach.variances[q]! + process.variances.noise);
      later.push(share);
      reach.variances[q] = Math.max(0, reach.variances[q]! - share ** 2);
    });
  }

  /** Standard deviations of what a trial would show, in the quantities' own scales. */
  deviations({ variances }: Reach): Float64Array {
    return Float64Array.from(this.quantities, ({ process, scale, inflation }, q) =>
      Math.max(1e-9, inflation * scale * Math.sqrt(variances[q]! + process.variances.noise)),
    );
  }

  /** How much better than nothing a trial would be; larger is better. @param means,deviations shape [quantities] */
  worth(means: Float64Array, deviations: Float64Array): number {
    let worth = 0;
    for (const { quantity, isMax, bound } of this.#limits) {
      const room = isMax ? bound - means[quantity]! : means[quantity]! - bound;
      worth += logNormalShare(room / deviations[quantity]!);
    }
    const reward = this.reward(means, deviations);
    if (reward === undefined || this.best === Number.NEGATIVE_INFINITY) return worth;
    return worth + Math.log(reward.deviation) + logImprovement((reward.mean - this.best) / reward.deviation);
  }

  /** Chance of keeping the limits, 0 to 1. */
  feasibility(means: Float64Array, deviations: Float64Array): number {
    let log = 0;
    for (const { quantity, isMax, bound } of this.#limits) {
      const room = isMax ? bound - means[quantity]! : means[quantity]! - bound;
      log += logNormalShare(room / deviations[quantity]!);
    }
    return Math.exp(log);
  }

  /** The reward, in the scale of the reward model, taken as linear within the deviations. */
  reward(
    means: Float64Array,
    deviations: Float64Array,
  ): { readonly mean: number; readonly deviation: number } | undefined {
    const model = this.#reward;
    if (model === undefined) return undefined;
    if (typeof model === "number") return { mean: means[model]!, deviation: deviations[model]! };
    const { link, inputs } = model;
    const values = this.#inputs;
    for (let i = 0; i < inputs.length; i++) values[i] = this.#input(inputs[i]!, means[inputs[i]!]!);
    const mean = linkAt(link, values);
    let variance = link.deviation ** 2;
    for (let i = 0; i < inputs.length; i++) {
      const quantity = inputs[i]!;
      const before = values[i]!;
      values[i] = this.#input(quantity, means[quantity]! + deviations[quantity]!);
      const up = linkAt(link, values);
      values[i] = this.#input(quantity, means[quantity]! - deviations[quantity]!);
      const down = linkAt(link, values);
      values[i] = before;
      variance += ((up - mean) ** 2 + (down - mean) ** 2) / 2;
    }
    return { mean, deviation: Math.max(1e-12, Math.sqrt(variance)) };
  }

  /** What the link reads: logarithms of positive metrics, also of those that are not modelled as logarithms. */
  #input(quantity: number, value: number): number {
    const { isLog, least } = this.quantities[quantity]!;
    return isLog || least <= 0 ? value : Math.log(Math.max(value, 0.1 * least));
  }
}

/** log Φ(z). */
export function logNormalShare(z: number): number {
  if (z < -6) return -0.5 * z * z - Math.log(-z * Math.sqrt(2 * Math.PI)) - 1 / (z * z);
  return Math.log(normalShare(z));
}

/** log of E[max(0, z + ε)], ε standard normal. */
export function logImprovement(z: number): number {
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  if (z > -6) return Math.log(density + z * normalShare(z));
  return -0.5 * z * z - 0.5 * Math.log(2 * Math.PI) - 2 * Math.log(-z) - 3 / (z * z);
}

/** Φ(z), Abramowitz & Stegun 7.1.26 refined by a continued fraction below -2: relative error small in the lower tail. */
function normalShare(z: number): number {
  if (z >= -2) return 1 - upperTail(z);
  // Φ(-x) = density / (x + 1/(x + 2/(x + 3/(x + ...)))), Abramowitz & Stegun 26.2.14
  const x = -z;
  let fraction = x;
  for (let k = 30; k >= 1; k--) fraction = x + k / fraction;
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI) / fraction;
}

/** 1 - Φ(z), Abramowitz & Stegun 26.2.17 (error below 7.5e-8). */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  const tail =
    density * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z >= 0 ? tail : 1 - tail;
}
