// Search with a model that learns from every trial: additive Gaussian processes predict the metrics, a formula learnt from the
// trials turns them into the reward, and climbing inside the model finds designs that are worth a true evaluation.
// Papers: Deng et al. 2022, Nature Communications 13, "Self-directed online machine learning for topology optimization";
// Kumar et al. 2022, arXiv:2110.11346 (infeasible designs teach, too); Ginsbourger et al. 2010 (several points from one model:
// each chosen point counts as tried). Deviation: processes instead of neural networks, which few trials suffice to fit.
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import type { RandomStream } from "../src/core/rng.js";
import { INACTIVE } from "../src/core/space.js";

import { blackBoxAgent, comparePoints, type Point, type SearchContext, type Strategy } from "./black-box.js";
import { defineAgent } from "./options.js";
import { type Climbed, climb } from "./surrogate/climb.js";
import { DesignModel, type Observed, observed, packObserved, unpackObserved } from "./surrogate/design-model.js";
import type { Forecast } from "./surrogate/forecast.js";
import { crossed, mutated, RecentPoints } from "./variation.js";

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(8).describe("candidates proposed together, from one model"),
  startTrials: z.int().min(2).max(100_000).default(16).describe("random trials at the beginning"),
  explore: z.number().min(0).max(1).default(0.05).describe("share of candidates drawn at random later on"),
  memory: z.int().min(32).max(5000).default(600).describe("trials that the model learns from: the best and the latest"),
  climbs: z.int().min(1).max(1000).default(12).describe("searches inside the model for each batch"),
});

export const surrogateAssisted = defineAgent({
  name: "surrogate-assisted",
  summary: "Gaussian processes of the metrics propose and filter; few true evaluations",
  paper: "Deng et al. 2022, Nature Communications 13; Kumar et al. 2022, arXiv:2110.11346",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) =>
    blackBoxAgent("surrogate-assisted", space, seed, (context) => new SurrogateAssisted(context, given)),
});

/** Steps of one climb and the best trials that climbs start from. */
const CLIMB_STEPS = 60;
const ELITES = 8;
/** What climbs start from or are guided by: a change of a good trial, the same along a function drawn from the posterior, one
 *  knob held at another value (would the others make up for it?), two good trials crossed, any point. */
const KINDS = ["near", "drawn", "what-if", "cross", "drawn", "what-if", "far", "what-if"] as const;

class SurrogateAssisted implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  readonly #recent = new RecentPoints();
  readonly #model: DesignModel;
  /** oldest first, all different */
  #trials: Observed[] = [];
  #trialCount = 0;
  /** what was foreseen for the points of the last proposal */
  #foreseen: { readonly forecast: Forecast; readonly points: Map<Int32Array, Expectation> } | undefined;

  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#options = given;
    this.#model = new DesignModel(context.space);
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    const isStart = this.#trialCount < this.#options.startTrials;
    const forecast = isStart ? undefined : this.#model.given(this.#trials);
    const points: Int32Array[] = [];
    const drawn = Array.from({ length: count }, () => random.next() < this.#options.explore);
    const modelled = forecast === undefined ? [] : this.#chosen(forecast, drawn.filter((isRandom) => !isRandom).length);
    for (const isRandom of drawn) {
      const point = (isRandom ? undefined : modelled.shift()) ?? space.sample(random);
      this.#recent.add(point);
      points.push(point);
    }
    return points;
  }

  /** The points of the pool that are worth most, one after the other, each counted as known for the next. */
  #chosen(forecast: Forecast, count: number): Int32Array[] {
    const pool = this.#pool(forecast, count).map((codes) => {
      const place = forecast.place(codes);
      return { place, reach: forecast.reach(place) };
    });
    const chosen: Int32Array[] = [];
    const expected = new Map<Int32Array, Expectation>();
    for (const { place, reach } of pool) {
      expected.set(place.row.codes, { means: place.means, deviations: forecast.deviations(reach) });
    }
    this.#foreseen = { forecast, points: expected };
    while (chosen.length < count && pool.length > 0) {
      const worths = pool.map(({ place, reach }) => forecast.worth(place.means, forecast.deviations(reach)));
      let at = 0;
      worths.forEach((worth, i) => {
        if (worth > worths[at]!) at = i;
      });
      const taken = pool.splice(at, 1)[0]!;
      chosen.push(taken.place.row.codes);
      for (const { place, reach } of pool) forecast.learn(place, reach, taken.place, taken.reach);
    }
    return chosen;
  }

  /** Points that were not tried, where climbs inside the model ended, and near there. */
  #pool(forecast: Forecast, count: number): Int32Array[] {
    const { space, random } = this.#context;
    const elites = [...this.#trials].sort(comparePoints).slice(0, ELITES);
    const elite = () => elites[Math.floor(random.next() ** 2 * elites.length)]!.codes;
    const rate = 2 / space.decisions.length;
    const found = new Map<string, Climbed>();
    const isTried = (codes: Int32Array) => this.#recent.has(codes);
    const relevances = forecast.relevances();
    const points = 2 + Math.ceil(count / 2);
    for (let i = 0; i < this.#options.climbs; i++) {
      const kind = KINDS[i % KINDS.length]!;
      let start = kind === "cross" ? crossed(space, elite(), elite(), random) : elite();
      let frozen: number | undefined;
      if (kind === "what-if") {
        const knobs = forecast.features.knobs;
        const knob = knobs[random.next() < 0.5 ? random.integer(knobs.length) : random.categorical(relevances)]!;
        if (start[knob.position] !== INACTIVE) {
          frozen = knob.position;
          start = space.repaired(start, frozen, otherLevel(start[frozen]!, knob.levels, random));
        }
      } else start = kind === "far" ? space.sample(random) : mutated(space, start, rate, random);
      const deviations = forecast.deviations(forecast.reach(forecast.place(start)));
      const guide = kind === "drawn" ? forecast.drawn(random) : forecast;
      for (const point of climb(space, guide, start, deviations, CLIMB_STEPS, points, isTried, frozen)) {
        found.set(space.key(point.codes), point);
      }
    }
    return [...found.values()].map(({ codes }) => codes);
  }

  observe(points: readonly Point[]): Diagnostics {
    const { space } = this.#context;
    this.#trialCount += points.length;
    const foreseen = this.#foreseen;
    if (foreseen !== undefined) {
      const came = points.flatMap((trial) => {
        const expected = foreseen.points.get(trial.codes);
        return expected === undefined ? [] : [{ ...expected, trial }];
      });
      this.#model.learnErrors(foreseen.forecast, came);
      this.#foreseen = undefined;
    }
    const known = new Set(this.#trials.map(({ codes }) => space.key(codes)));
    for (const point of points) {
      this.#model.note(point);
      const key = space.key(point.codes);
      if (!known.has(key)) this.#trials.push(observed(point));
      known.add(key);
    }
    const { memory } = this.#options;
    if (this.#trials.length > memory) this.#trials = kept(this.#trials, Math.floor((2 * memory) / 3));
    return {};
  }

  state(): StateTree {
    return {
      trials: packObserved(this.#trials),
      trialCount: this.#trialCount,
      recent: this.#recent.state(),
      model: this.#model.state(),
    };
  }

  restore(state: StateTree): void {
    const saved = state as { readonly [key: string]: StateTree };
    this.#trials = unpackObserved(saved.trials);
    this.#trialCount = saved.trialCount as number;
    this.#recent.restore(saved.recent);
    this.#model.restore(saved.model!);
    this.#foreseen = undefined;
  }
}

/** Any other level, all alike. */
const otherLevel = (level: number, levels: number, random: RandomStream): number =>
  (level + 1 + random.integer(levels - 1)) % levels;

interface Expectation {
  readonly means: Float64Array;
  readonly deviations: Float64Array;
}

/** Half the best, half the latest, in the order in which they came. */
function kept(trials: readonly Observed[], count: number): Observed[] {
  const best = [...trials].sort(comparePoints).slice(0, Math.floor(count / 2));
  const chosen = new Set([...best, ...trials.slice(-Math.ceil(count / 2))]);
  return trials.filter((trial) => chosen.has(trial));
}
