// The posterior over designs at one moment: predictions, and what a design is worth trying: the logarithm of the chance that
// it keeps the limits times the improvement that is expected of it.
// Papers: Jones et al. 1998, J. Global Optimization 13, equation 15 (expected improvement); Gardner et al. 2014 (times
// feasibility); Ament et al. 2023, arXiv:2310.20708 (logarithms, so that hopeless designs can be compared, too).

import type { RandomStream } from "../../src/core/rng.js";
import { columnsOf, dot, slopeOf } from "./additive-process.js";
import type { KnobFeatures, Row } from "./knob-features.js";
import { logImprovement, logNormalShare } from "./normal.js";
import type { Quantity } from "./quantity-model.js";

export interface ForecastLimit {
  /** position among the quantities */
  readonly quantity: number;
  readonly isMax: boolean;
  /** in the quantity's own scale, so a logarithm where that is logarithmic */
  readonly bound: number;
}

/** The reward (or its logarithm) by a formula of some quantities. */
export interface RewardFormula {
  /** positions of the quantities that it reads */
  readonly inputs: Int32Array;
  /** @param values one per input: the logarithm of a metric that was never 0 or below, else the metric itself */
  at(values: Float64Array): number;
  /** what it leaves over, as a standard deviation */
  readonly deviation: number;
}

/** Without trials to come nothing is gained by trying what is unknown: it counts as worse than expected. */
export interface Caution {
  /** standard deviations */
  readonly caution: number;
  /** a typical difference of rewards */
  readonly spread: number;
}

/** A formula, or the reward as a quantity itself; undefined before anything feasible was found. */
type RewardModel = RewardFormula | number | undefined;

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
  readonly #cautious: Caution | undefined;
  readonly #roots = new Map<string, Float64Array>();
  readonly #columns: Float64Array;
  readonly #inputs: Float64Array;

  constructor(
    features: KnobFeatures,
    quantities: readonly Quantity[],
    limits: readonly ForecastLimit[],
    reward: RewardModel,
    best: number,
    cautious?: Caution,
  ) {
    this.features = features;
    this.quantities = quantities;
    this.#limits = limits;
    this.#reward = reward;
    this.best = best;
    this.#cautious = cautious;
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

  /** The same with larger deviations. @param factors shape [quantities]; 1 where there is none */
  inflated(factors: readonly number[], cautious?: Caution): Forecast {
    const quantities = this.quantities.map((quantity, q) => ({ ...quantity, inflation: factors[q] ?? 1 }));
    return new Forecast(this.features, quantities, this.#limits, this.#reward, this.best, cautious);
  }

  /** Share that each knob has in what is known to matter, shape [knobs of the features]; sums to 1. */
  relevances(): Float64Array {
    const shares = new Float64Array(this.features.knobs.length);
    for (const { process } of this.quantities) {
      const { own } = process.variances;
      const total = own.reduce((sum, value) => sum + value, 0) * this.quantities.length;
      for (let j = 0; j < own.length; j++) shares[j]! += own[j]! / total;
    }
    return shares;
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

  /** The same without the noise of what the reward is made of: a design that must come out as another one did is not worth a
   *  trial. What only limits read keeps its noise, as that decides whether a trial keeps them. */
  doubts({ variances }: Reach): Float64Array {
    return Float64Array.from(this.quantities, ({ process, scale, inflation }, q) => {
      const noise = this.#isRewarded(q) ? 0 : process.variances.noise;
      return Math.max(1e-9, inflation * scale * Math.sqrt(variances[q]! + noise));
    });
  }

  #isRewarded(quantity: number): boolean {
    return typeof this.#reward === "object" ? this.#reward.inputs.includes(quantity) : this.#reward === quantity;
  }

  /** The same for a model that no trial will correct: beyond the logged range, the distance to it is unknown, too. */
  cautiousDeviations(means: Float64Array, reach: Reach): Float64Array {
    return this.deviations(reach).map((deviation, q) => {
      const [lowest, highest] = this.quantities[q]!.range;
      return Math.hypot(deviation, Math.max(0, lowest - means[q]!, means[q]! - highest));
    });
  }

  /** How much better than nothing a trial would be; larger is better. @param means,deviations shape [quantities] */
  worth(means: Float64Array, deviations: Float64Array): number {
    if (this.#cautious !== undefined) return this.#cautiousWorth(means, deviations, this.#cautious);
    let worth = 0;
    for (const { quantity, isMax, bound } of this.#limits) {
      const room = isMax ? bound - means[quantity]! : means[quantity]! - bound;
      worth += logNormalShare(room / deviations[quantity]!);
    }
    const reward = this.reward(means, deviations);
    if (reward === undefined || this.best === Number.NEGATIVE_INFINITY) return worth;
    return worth + Math.log(reward.deviation) + logImprovement((reward.mean - this.best) / reward.deviation);
  }

  /** What a design is worth when everything comes out worse than expected by some deviations. */
  #cautiousWorth(means: Float64Array, deviations: Float64Array, { caution, spread }: Caution): number {
    let worth = 0;
    for (const { quantity, isMax, bound } of this.#limits) {
      const room = isMax ? bound - means[quantity]! : means[quantity]! - bound;
      worth += logNormalShare(room / deviations[quantity]! - caution);
    }
    const reward = this.reward(means, deviations);
    return reward === undefined ? worth : worth + (reward.mean - caution * reward.deviation) / spread;
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
    const { inputs } = model;
    const values = this.#inputs;
    for (let i = 0; i < inputs.length; i++) values[i] = this.#input(inputs[i]!, means[inputs[i]!]!);
    const mean = model.at(values);
    let variance = model.deviation ** 2;
    for (let i = 0; i < inputs.length; i++) {
      const quantity = inputs[i]!;
      const before = values[i]!;
      values[i] = this.#input(quantity, means[quantity]! + deviations[quantity]!);
      const up = model.at(values);
      values[i] = this.#input(quantity, means[quantity]! - deviations[quantity]!);
      const down = model.at(values);
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
