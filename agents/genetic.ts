// A genetic algorithm that puts feasibility first: binary tournaments, uniform crossover, mutation, and the best of parents
// and children survive.
// Papers: Deb 2000, Computer Methods in Applied Mechanics and Engineering 186 (comparison of infeasible members); Holland
// 1975 (the algorithm). Members are different points; a child that was tried lately is mutated once more.
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import type { Space } from "../src/core/space.js";
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
import { crossed, exchanged, mutated, RecentPoints } from "./variation.js";

const ATTEMPTS = 8;

/** Hyper-parameters of the algorithms that vary a population. */
export const variationShape = {
  batchSize: z.int().min(1).max(4096).default(16).describe("children proposed together"),
  populationSize: z.int().min(2).max(100_000).default(32).describe("members that survive; the first ones are random"),
  crossoverRate: z.number().min(0).max(1).default(0.8).describe("share of children that have two parents"),
  mutationsPerChild: z.number().min(0).max(1000).default(1).describe("knobs that change in a child, on average"),
};
export type VariationOptions = z.output<z.ZodObject<typeof variationShape>> & { readonly exchangeRate?: number };

/** A larger population and bolder children than the others' defaults: nearer the optimum after thousands of trials. */
const options = z.strictObject({
  ...variationShape,
  populationSize: variationShape.populationSize.default(48),
  crossoverRate: variationShape.crossoverRate.default(1),
  mutationsPerChild: variationShape.mutationsPerChild.default(1.5),
  exchangeRate: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe("share of mutations that move one ordered knob up and another one down"),
});

export const genetic = defineAgent({
  name: "genetic",
  summary: "genetic algorithm with crossover and mutation, feasibility first",
  paper: "Deb 2000, Computer Methods in Applied Mechanics and Engineering 186",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) => blackBoxAgent("genetic", space, seed, (context) => new Genetic(context, given)),
});

/** Share of the decisions that have levels in order. */
const orderedShare = (space: Space): number =>
  space.decisions.filter((position) => space.knobs[position]!.ordered).length / space.decisions.length;

/** A point that was not tried lately, if one is found in a few attempts: crossover of two parents, then mutation. */
export function childOf(
  { space, random }: SearchContext,
  given: VariationOptions,
  recent: RecentPoints,
  parent: () => Point,
): Int32Array {
  const first = parent();
  const isCrossed = random.next() < given.crossoverRate;
  let child = isCrossed ? crossed(space, first.codes, parent().codes, random) : first.codes;
  const rate = given.mutationsPerChild / space.decisions.length;
  if (!isCrossed || random.next() < given.mutationsPerChild) {
    const isExchange = given.exchangeRate !== undefined && random.next() < given.exchangeRate * orderedShare(space);
    child = isExchange ? exchanged(space, child, random) : mutated(space, child, rate, random);
  }
  for (let attempt = 0; attempt < ATTEMPTS && recent.has(child); attempt++) child = mutated(space, child, rate, random);
  return child;
}

export class Genetic implements Strategy {
  readonly #context: SearchContext;
  readonly #options: VariationOptions;
  readonly #recent = new RecentPoints();
  /** best first */
  #population: Point[] = [];

  constructor(context: SearchContext, given: VariationOptions) {
    this.#context = context;
    this.#options = given;
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    const missing = this.#options.populationSize - this.#population.length;
    return Array.from({ length: count }, (_, i) => {
      const child =
        i < missing || this.#population.length === 0
          ? space.sample(random)
          : childOf(this.#context, this.#options, this.#recent, () => this.#parent());
      this.#recent.add(child);
      return child;
    });
  }

  /** The better of two; the population is sorted, so the smaller position wins. */
  #parent(): Point {
    const { random } = this.#context;
    const size = this.#population.length;
    return this.#population[Math.min(random.integer(size), random.integer(size))]!;
  }

  observe(points: readonly Point[]): Diagnostics {
    const { space } = this.#context;
    const known = new Set(this.#population.map(({ codes }) => space.key(codes)));
    for (const point of points) {
      const key = space.key(point.codes);
      if (!known.has(key)) this.#population.push(point);
      known.add(key);
    }
    this.#population.sort(comparePoints);
    this.#population.length = Math.min(this.#population.length, this.#options.populationSize);
    return {};
  }

  state(): StateTree {
    return { population: packPoints(this.#population), recent: this.#recent.state() };
  }

  restore(state: StateTree): void {
    const saved = state as { readonly population: StateTree; readonly recent: StateTree };
    this.#population = unpackPoints(saved.population);
    this.#recent.restore(saved.recent);
  }
}
