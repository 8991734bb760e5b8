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
import { crossed, exchanged, mutated, RecentPoints } from "./variation.js";

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(8).describe("candidates proposed together, from one model"),
  startTrials: z.int().min(2).max(100_000).default(16).describe("random trials at the beginning"),
  explore: z.number().min(0).max(1).default(0.05).describe("share of candidates drawn at random later on"),
  memory: z
    .int()
    .min(32)
    .max(5000)
    .default(600)
    .describe("trials that the model learns from: the best, the latest, and some of the others"),
  nearFraction: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe("largest share of candidates that are small changes of good trials, while nothing better is found"),
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
/** Batches without anything better before changes of good trials are tried, how many of these are looked at for a batch, and
 *  how many times larger than the model says errors are thought to be there. */
const PATIENCE = 2;
const LEAST_SHARE = 0.25;
const REMEMBERED = 0.96;
const NEIGHBOURS = 24;
const DOUBT = 4;
const doubted = (deviations: Float64Array): Float64Array => deviations.map((deviation) => DOUBT * deviation);
/** Of keeping the limits, below which such a change is not worth a trial. */
const LEAST_CHANCE = 0.1;
/** What climbs start from or are guided by: a change of a good trial, the same along a function drawn from the posterior, one
 *  knob held at another value (would the others make up for it?), two good trials crossed, any point. */
const KINDS = ["near", "drawn", "what-if", "cross", "drawn", "what-if", "far", "what-if"] as const;

class SurrogateAssisted implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  readonly #recent = new RecentPoints();
  readonly #model: DesignModel;
  /** small changes among the last proposal */
  #near = new Set<Int32Array>();
  /** oldest first, all different */
  #trials: Observed[] = [];
  #trialCount = 0;
  /** trials when the best so far was found */
  #bestAt = 0;
  /** of climbs and of small changes: trials lately, and how many of them were the best so far */
  #climbRecord: TrackRecord = { trials: 0, wins: 0 };
  #nearRecord: TrackRecord = { trials: 0, wins: 0 };
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

  /** The points that are worth most, one after the other, each counted as known for the next: where climbs ended, and, when the
   *  search stands still, changes of good trials, for which the model is doubted more than it doubts itself. */
  #chosen(forecast: Forecast, count: number): Int32Array[] {
    const judged = (codes: Int32Array) => {
      const place = forecast.place(codes);
      return { place, reach: forecast.reach(place) };
    };
    const nearCount = Math.round(this.#nearShare() * count);
    this.#near = new Set();
    const pool = this.#pool(forecast, count - nearCount).map(judged);
    const near = (nearCount === 0 ? [] : this.#neighbours().map(judged)).filter(
      ({ place, reach }) => forecast.feasibility(place.means, doubted(forecast.doubts(reach))) > LEAST_CHANCE,
    );
    const chosen: Int32Array[] = [];
    const expected = new Map<Int32Array, Expectation>();
    for (const { place, reach } of [...pool, ...near]) {
      expected.set(place.row.codes, { means: place.means, deviations: forecast.deviations(reach) });
    }
    this.#foreseen = { forecast, points: expected };
    for (let slot = 0; slot < count; slot++) {
      const isNear = near.length > 0 && (slot >= count - nearCount || pool.length === 0);
      const from = isNear ? near : pool;
      if (from.length === 0) break;
      const worths = from.map(({ place, reach }) => {
        const doubts = forecast.doubts(reach);
        return forecast.worth(place.means, isNear ? doubted(doubts) : doubts);
      });
      let at = 0;
      worths.forEach((worth, i) => {
        if (worth > worths[at]!) at = i;
      });
      const taken = from.splice(at, 1)[0]!;
      chosen.push(taken.place.row.codes);
      if (isNear) this.#near.add(taken.place.row.codes);
      for (const { place, reach } of [...pool, ...near]) forecast.learn(place, reach, taken.place, taken.reach);
    }
    return chosen;
  }

  /** Share of small changes: none while better designs are found, then more the more often they were the best so far. */
  #nearShare(): number {
    const { batchSize, nearFraction } = this.#options;
    if (this.#trialCount - this.#bestAt < PATIENCE * batchSize) return 0;
    const [near, climbs] = [rateOf(this.#nearRecord), rateOf(this.#climbRecord)];
    return nearFraction * Math.max(LEAST_SHARE, Math.min(1, near / climbs));
  }

  /** The best trials that differ in what they are worth. */
  #elites(): Observed[] {
    const sorted = [...this.#trials].sort(comparePoints);
    return sorted.filter(({ reward }, i) => i === 0 || reward !== sorted[i - 1]!.reward).slice(0, ELITES);
  }

  /** Changes of one knob, and exchanges between two, that were not tried; half of them of the best design. */
  #neighbours(): Int32Array[] {
    const { space, random } = this.#context;
    const elites = this.#elites();
    const found = new Map<string, Int32Array>();
    for (let i = 0; i < 4 * NEIGHBOURS && found.size < NEIGHBOURS; i++) {
      const { codes } = elites[i % 2 === 0 ? 0 : Math.floor(random.next() ** 2 * elites.length)]!;
      const point = random.next() < 0.7 ? mutated(space, codes, 0, random) : exchanged(space, codes, random);
      if (!this.#recent.has(point)) found.set(space.key(point), point);
    }
    return [...found.values()];
  }

  /** Points that were not tried, where climbs inside the model ended, and near there. */
  #pool(forecast: Forecast, count: number): Int32Array[] {
    const { space, random } = this.#context;
    const elites = this.#elites();
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
      const deviations = forecast.doubts(forecast.reach(forecast.place(start)));
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
    const isBest = (point: Point) => this.#trials.every((other) => comparePoints(point, other) < 0);
    const wins = points.filter(isBest);
    if (wins.length > 0) this.#bestAt = this.#trialCount;
    const isNear = (point: Point) => this.#near.has(point.codes);
    this.#nearRecord = extended(this.#nearRecord, points.filter(isNear).length, wins.filter(isNear).length);
    const isClimb = (point: Point) => foreseen?.points.has(point.codes) === true && !isNear(point);
    this.#climbRecord = extended(this.#climbRecord, points.filter(isClimb).length, wins.filter(isClimb).length);
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
      bestAt: this.#bestAt,
      climbRecord: { ...this.#climbRecord },
      nearRecord: { ...this.#nearRecord },
      recent: this.#recent.state(),
      model: this.#model.state(),
    };
  }

  restore(state: StateTree): void {
    const saved = state as { readonly [key: string]: StateTree };
    this.#trials = unpackObserved(saved.trials);
    this.#trialCount = saved.trialCount as number;
    this.#bestAt = saved.bestAt as number;
    this.#climbRecord = saved.climbRecord as unknown as TrackRecord;
    this.#nearRecord = saved.nearRecord as unknown as TrackRecord;
    this.#near = new Set();
    this.#recent.restore(saved.recent);
    this.#model.restore(saved.model!);
    this.#foreseen = undefined;
  }
}

interface TrackRecord {
  readonly trials: number;
  readonly wins: number;
}

/** A record with one more batch. */
const extended = ({ trials, wins }: TrackRecord, moreTrials: number, moreWins: number): TrackRecord => ({
  trials: REMEMBERED * trials + moreTrials,
  wins: REMEMBERED * wins + moreWins,
});

/** Wins a trial, as if one of sixteen trials more had won. */
const rateOf = ({ trials, wins }: TrackRecord): number => (wins + 1) / (trials + 16);

/** Any other level, all alike. */
const otherLevel = (level: number, levels: number, random: RandomStream): number =>
  (level + 1 + random.integer(levels - 1)) % levels;

interface Expectation {
  readonly means: Float64Array;
  readonly deviations: Float64Array;
}

/** A third the best, a third the latest, and a third spread over the others, in the order in which they came. */
function kept(trials: readonly Observed[], count: number): Observed[] {
  const part = Math.floor(count / 3);
  const chosen = new Set([...[...trials].sort(comparePoints).slice(0, part), ...trials.slice(-part)]);
  const others = trials.filter((trial) => !chosen.has(trial));
  const wanted = count - chosen.size;
  for (let i = 0; i < wanted; i++) chosen.add(others[Math.floor((i * others.length) / wanted)]!);
  return trials.filter((trial) => chosen.has(trial));
}
