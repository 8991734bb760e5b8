// Designs from logs alone: the model learns from trials of any runs and proposes what should be best even if everything comes
// out worse than expected, because no trial will correct it. Infeasible trials teach where not to go.
// Paper: Kumar et al. 2022, arXiv:2110.11346 (PRIME: a conservative model of logged accelerators). Deviation: the posterior's
// deviations, stretched to the errors on trials left out, take the place of adversarial training.
import type { RandomStream } from "../../src/core/rng.js";
import type { Space } from "../../src/core/space.js";
import { mean, quantile } from "../../src/core/statistics.js";
import type { Metrics } from "../../src/core/trial.js";
import { comparePoints } from "../black-box.js";
import { crossed } from "../variation.js";
import { stepped, stepsFrom } from "./climb.js";
import { EXCESS, excessOf, type KnownLimit, type Observed } from "./design-model.js";
import { type Caution, Forecast, type ForecastLimit } from "./forecast.js";
import { KnobFeatures } from "./knob-features.js";
import { type Quantity, QuantityModel } from "./quantity-model.js";

/** What is asked of the logs. */
export interface OfflineTask {
  readonly space: Space;
  /** different points, with reward, feasibility and violation as the question scores them */
  readonly trials: readonly Observed[];
  /** shape [trials]: with which others a trial is left out */
  readonly blocks: Int32Array;
  /** metrics that reward and limits read; every trial with metrics has them */
  readonly metrics: readonly string[];
  readonly limits: readonly KnownLimit[];
  /** the reward of a design that keeps its limits */
  readonly rewardOf: (metrics: Metrics) => number;
}

/** A prediction with its interval. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** What a design is expected to be; intervals hold 90 % if errors are as on the trials left out. */
export interface Prediction {
  readonly metrics: Readonly<Record<string, Estimate>>;
  readonly reward: Estimate;
  /** 0 to 1 */
  readonly feasibleChance: number;
}

/** A trial that the model was not given, and what it predicted. */
export interface HeldOut {
  readonly trial: Observed;
  readonly prediction: Prediction;
}

const CLIMBS = 10;
const CLIMB_STEPS = 25;
/** Steps whose own deviations are looked at. */
const TRIES = 8;
/** 90 % of a normal distribution are within so many deviations. */
const Z90 = 1.6449;

interface Candidate {
  readonly codes: Int32Array;
  readonly worth: number;
}

export class OfflineModel {
  readonly #task: OfflineTask;
  readonly #features: KnobFeatures;
  readonly #models = new Map<string, QuantityModel>();
  /** per quantity: how many times larger than foreseen the errors on trials left out are, at least 1 */
  #inflations: readonly number[] = [];
  readonly #whole: Forecast;
  /** every trial with metrics, predicted by a model that was not given its block; prior variances are those of all trials */
  readonly heldOut: readonly HeldOut[];

  constructor(task: OfflineTask) {
    this.#task = task;
    this.#features = new KnobFeatures(task.space);
    this.#forecast(task.trials); // fits the prior variances
    const left = [...new Set(task.blocks)].map((block) => this.#leaveOut(block));
    this.#inflations = this.#inflationsOf(left.flatMap(({ errors }) => errors));
    this.heldOut = left.flatMap(({ forecast, trials }) =>
      trials.map((trial) => ({ trial, prediction: this.#predict(this.#inflated(forecast), trial.codes) })),
    );
    this.#whole = this.#forecast(task.trials);
  }

  predict(codes: Int32Array): Prediction {
    return this.#predict(this.#whole, codes);
  }

  /** Designs that were not logged, the best first; fewer when no more are found.
   *  @param caution by how many standard deviations everything may come out worse */
  propose(count: number, caution: number, random: RandomStream): Int32Array[] {
    const { space, trials } = this.#task;
    const forecast = this.#forecast(trials, { caution, spread: this.#spread() });
    const elites = [...trials].sort(comparePoints).slice(0, CLIMBS);
    const elite = () => elites[random.integer(elites.length)]!.codes;
    const tried = new Set(trials.map(({ codes }) => space.key(codes)));
    const pool = new Map<string, Candidate>();
    elites.forEach(({ codes }, i) => {
      this.#climb(forecast, i % 2 === 0 ? codes : crossed(space, elite(), elite(), random), tried, pool);
    });
    return apart(
      [...pool.values()].sort((a, b) => b.worth - a.worth),
      count,
    );
  }

  /** From a design uphill, each step judged with its own deviations; collects what was seen and not logged. */
  #climb(forecast: Forecast, start: Int32Array, tried: ReadonlySet<string>, pool: Map<string, Candidate>): void {
    const { space } = this.#task;
    const judged = (codes: Int32Array) => {
      const place = forecast.place(codes);
      const deviations = forecast.cautiousDeviations(place.means, forecast.reach(place));
      const worth = forecast.worth(place.means, deviations);
      const key = space.key(codes);
      if (!tried.has(key)) pool.set(key, { codes, worth });
      return { place, deviations, worth };
    };
    let at = judged(start);
    for (let step = 0; step < CLIMB_STEPS; step++) {
      const near = stepsFrom(forecast, at.place, at.deviations).slice(0, TRIES);
      let best = at;
      for (const candidate of near) {
        const next = judged(stepped(space, at.place, candidate));
        if (next.worth > best.worth) best = next;
      }
      if (best === at) return;
      at = best;
    }
  }

  #forecast(trials: readonly Observed[], caution?: Caution): Forecast {
    const { metrics, limits, rewardOf } = this.#task;
    const measured = trials.filter((trial) => trial.metrics !== undefined);
    const quantities = metrics.map((name) => this.#quantity(name, measured, (trial) => trial.metrics![name]!));
    const bounds = limits.flatMap(({ metric, isMax, bound }): ForecastLimit[] => {
      const quantity = metrics.indexOf(metric);
      const { isLog } = quantities[quantity]!;
      if (isLog && bound <= 0) return []; // nothing that was logged comes near
      return [{ quantity, isMax, bound: isLog ? Math.log(bound) : bound }];
    });
    if (this.#task.trials.some(({ unbuilt }) => unbuilt)) {
      quantities.push(this.#quantity(EXCESS, trials, excessOf));
      bounds.push({ quantity: quantities.length - 1, isMax: true, bound: 0 });
    }
    const isPositive = quantities.map(({ least }) => least > 0);
    const formula = {
      inputs: Int32Array.from(metrics, (_, i) => i),
      deviation: 0,
      at: (values: Float64Array) =>
        rewardOf(
          Object.fromEntries(metrics.map((name, i) => [name, isPositive[i] ? Math.exp(values[i]!) : values[i]!])),
        ),
    };
    const forecast = new Forecast(this.#features, quantities, bounds, formula, 0, caution);
    return this.#inflated(forecast, caution);
  }

  #quantity(name: string, trials: readonly Observed[], read: (trial: Observed) => number): Quantity {
    const rows = trials.map(({ codes }) => this.#features.row(codes));
    const values = Float64Array.from(trials, read);
    const model = this.#models.get(name);
    if (model !== undefined) return model.withoutFitting(rows, values);
    const fresh = new QuantityModel(name, this.#features);
    this.#models.set(name, fresh);
    return fresh.given(rows, values, name !== EXCESS);
  }

  #inflated(forecast: Forecast, caution?: Caution): Forecast {
    return this.#inflations.length === 0 ? forecast : forecast.inflated(this.#inflations, caution);
  }

  #leaveOut(block: number): { forecast: Forecast; trials: Observed[]; errors: Float64Array[] } {
    const { trials, blocks, metrics } = this.#task;
    const forecast = this.#forecast(trials.filter((_, i) => blocks[i] !== block));
    const left = trials.filter((trial, i) => blocks[i] === block && trial.metrics !== undefined);
    const errors = left.map((trial) => {
      const place = forecast.place(trial.codes);
      const deviations = forecast.cautiousDeviations(place.means, forecast.reach(place));
      return Float64Array.from(metrics, (name, q) => {
        const value = trial.metrics![name]!;
        const { isLog, least } = forecast.quantities[q]!;
        const scaled = isLog ? Math.log(Math.max(value, 0.1 * least)) : value;
        return (scaled - place.means[q]!) / deviations[q]!;
      });
    });
    return { forecast, trials: left, errors };
  }

  /** The deviations that hold 90 % of the errors, over those of a normal distribution. */
  #inflationsOf(errors: readonly Float64Array[]): number[] {
    return this.#task.metrics.map((_, q) =>
      Math.max(
        1,
        quantile(
          errors.map((error) => Math.abs(error[q]!)),
          0.9,
        ) / Z90,
      ),
    );
  }

  /** Standard deviation of the logged rewards, of feasible designs where there are some. */
  #spread(): number {
    const { trials, rewardOf } = this.#task;
    const measured = trials.filter(({ metrics }) => metrics !== undefined);
    const feasible = measured.filter((trial) => trial.feasible);
    const rewards = (feasible.length > 1 ? feasible : measured).map(({ metrics }) => rewardOf(metrics!));
    const centre = mean(rewards);
    return Math.max(1e-12, Math.sqrt(mean(rewards.map((reward) => (reward - centre) ** 2))));
  }

  #predict(forecast: Forecast, codes: Int32Array): Prediction {
    const place = forecast.place(codes);
    const deviations = forecast.cautiousDeviations(place.means, forecast.reach(place));
    const metrics = this.#task.metrics.map((name, q) => {
      const at = (z: number): number => {
        const value = place.means[q]! + z * deviations[q]!;
        return forecast.quantities[q]!.isLog ? Math.exp(value) : value;
      };
      return [name, { mean: at(0), low: at(-Z90), high: at(Z90) }] as const;
    });
    const reward = forecast.reward(place.means, deviations)!;
    return {
      metrics: Object.fromEntries(metrics),
      reward: {
        mean: reward.mean,
        low: reward.mean - Z90 * reward.deviation,
        high: reward.mean + Z90 * reward.deviation,
      },
      feasibleChance: forecast.feasibility(place.means, deviations),
    };
  }
}

/** The first designs that differ from those before them in two knobs; in one where there are not enough. */
function apart(ranked: readonly Candidate[], count: number): Int32Array[] {
  const chosen: Int32Array[] = [];
  for (const least of [2, 1]) {
    for (const { codes } of ranked) {
      if (chosen.length === count) return chosen;
      const distance = (other: Int32Array) => codes.reduce((sum, code, i) => sum + (code === other[i] ? 0 : 1), 0);
      if (chosen.every((other) => distance(other) >= least)) chosen.push(codes);
    }
  }
  return chosen;
}
