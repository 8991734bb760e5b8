// Bayesian optimisation with a forest of extremely randomised trees: the forest's spread stands for what is not known,
// expected improvement ranks many points, and a second forest says how likely each is to keep the limits.
// Papers: Hutter et al. 2011, "SMAC" (forest, expected improvement, local search); Geurts et al. 2006, Machine Learning 63
// (the trees); Gardner et al. 2014 (improvement times feasibility). Deviation: the forest learns ranks, feasible first.
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { RandomStream } from "../src/core/rng.js";
import {
  blackBoxAgent,
  comparePoints,
  type Point,
  packPoints,
  type SearchContext,
  type Strategy,
  unpackPoints,
} from "./black-box.js";
import { defineAgent } from "./options.js";
import { fitForest, predict } from "./surrogate/forest.js";
import { crossed, mutated, RecentPoints } from "./variation.js";

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(8).describe("candidates proposed together, from one fit"),
  startTrials: z.int().min(1).max(100_000).default(24).describe("random trials at the beginning"),
  trees: z.int().min(1).max(1000).default(24).describe("trees in the forest"),
  memory: z
    .int()
    .min(16)
    .max(100_000)
    .default(500)
    .describe("trials that the forest learns from: half the best, half the latest"),
  candidates: z.int().min(1).max(100_000).default(400).describe("points that are ranked for each batch"),
});

export const bayesian = defineAgent({
  name: "bayesian",
  summary: "Bayesian optimisation with a tree ensemble, expected improvement and a feasibility model",
  paper: "Hutter et al. 2011, LION 5 (SMAC)",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) => blackBoxAgent("bayesian", space, seed, (context) => new Bayesian(context, given)),
});

class Bayesian implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  readonly #recent = new RecentPoints();
  /** best first */
  #best: Point[] = [];
  /** oldest first */
  #latest: Point[] = [];
  #trials = 0;

  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#options = given;
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    const isStart = this.#trials < this.#options.startTrials || this.#best.length === 0;
    const points = isStart ? Array.from({ length: count }, () => space.sample(random)) : this.#improving(count);
    for (const point of points) this.#recent.add(point);
    return points;
  }

  #improving(count: number): Int32Array[] {
    const { space, random } = this.#context;
    const known = [...new Set([...this.#best, ...this.#latest])].sort(comparePoints);
    const rows = known.map(({ codes }) => codes);
    // ranks as normal scores: the best of n is about +2, the middle 0
    const scores = Float64Array.from(known, (_, i) => -logit((i + 0.5) / known.length) / 1.7);
    const feasible = Float64Array.from(known, (point) => (point.feasible ? 1 : 0));
    const fitting = RandomStream.of(random.integer(2 ** 32), "forest");
    const worth = fitForest(space, rows, scores, this.#options.trees, fitting);
    const isMixed = feasible.includes(1) && feasible.includes(0);
    const limits = isMixed ? fitForest(space, rows, feasible, this.#options.trees, fitting) : undefined;
    const goal = scores[0]!;

    const ranked: { readonly codes: Int32Array; readonly gain: number }[] = [];
    const seen = new Set<string>();
    for (let i = 0; i < Math.max(count, this.#options.candidates); i++) {
      const codes = this.#candidate(i, known);
      const key = space.key(codes);
      if (seen.has(key)) continue;
      seen.add(key);
      const { mean, deviation } = predict(worth, codes);
      const chance = limits === undefined ? 1 : Math.max(0.01, predict(limits, codes).mean);
      const repeated = this.#recent.has(codes) ? 1e-9 : 1;
      ranked.push({ codes, gain: expectedImprovement(mean, Math.max(deviation, 0.05), goal) * chance * repeated });
    }
    ranked.sort((a, b) => b.gain - a.gain);
    const chosen = ranked.slice(0, count).map(({ codes }) => codes);
    while (chosen.length < count) chosen.push(space.sample(random));
    return chosen;
  }

  /** One in eight at random, the others near or between the best points. */
  #candidate(i: number, known: readonly Point[]): Int32Array {
    const { space, random } = this.#context;
    if (i % 8 === 0) return space.sample(random);
    const elite = () => known[Math.floor(random.next() ** 2 * Math.min(known.length, 20))]!.codes;
    const rate = random.next() < 0.5 ? 0 : 2 / space.decisions.length;
    return mutated(space, i % 3 === 0 ? crossed(space, elite(), elite(), random) : elite(), rate, random);
  }

  observe(points: readonly Point[]): Diagnostics {
    const half = Math.ceil(this.#options.memory / 2);
    this.#trials += points.length;
    const { space } = this.#context;
    const known = new Set(this.#best.map(({ codes }) => space.key(codes)));
    const fresh = points.filter(({ codes }) => !known.has(space.key(codes)) && known.add(space.key(codes)));
    const all = [...this.#best, ...fresh].sort(comparePoints);
    this.#best = all.slice(0, half);
    this.#latest.push(...all.slice(half));
    this.#latest.splice(0, Math.max(0, this.#latest.length - half));
    return {};
  }

  state(): StateTree {
    return {
      best: packPoints(this.#best),
      latest: packPoints(this.#latest),
      trials: this.#trials,
      recent: this.#recent.state(),
    };
  }

  restore(state: StateTree): void {
    const saved = state as { readonly [key: string]: StateTree };
    this.#best = unpackPoints(saved.best);
    this.#latest = unpackPoints(saved.latest);
    this.#trials = saved.trials as number;
    this.#recent.restore(saved.recent);
  }
}

const logit = (p: number): number => Math.log(p / (1 - p));

/** E[max(0, y - goal)] for a normal y. @see Jones et al. 1998, J. Global Optimization 13, equation 15 */
export function expectedImprovement(mean: number, deviation: number, goal: number): number {
  const z = (mean - goal) / deviation;
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  // the normal distribution function, Abramowitz & Stegun 26.2.17 (error below 7.5e-8)
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    density * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return deviation * (z * (z >= 0 ? 1 - tail : tail) + density);
}
