// Regularised evolution: a tournament among a sample of the population picks a parent, its mutated child joins, and the
// oldest member leaves (ageing), however good it is.
// Paper: Real et al. 2019, arXiv:1802.01548, algorithm 1. Deviation: whole batches are proposed from one population, and the
// tournament puts feasible members first (Deb 2000).
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
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
import { mutated } from "./variation.js";

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(16).describe("candidates proposed together"),
  populationSize: z.int().min(2).max(100_000).default(50).describe("members; the first ones are random"),
  sampleSize: z.int().min(1).max(100_000).default(12).describe("members in the tournament that picks a parent"),
});

export const regularizedEvolution = defineAgent({
  name: "regularized-evolution",
  summary: "evolution with tournaments, one mutation a child, and the oldest member leaving",
  paper: "Real et al. 2019, arXiv:1802.01548",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) =>
    blackBoxAgent("regularized-evolution", space, seed, (context) => new RegularizedEvolution(context, given)),
});

class RegularizedEvolution implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  /** oldest first */
  #population: Point[] = [];

  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#options = given;
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    const missing = this.#options.populationSize - this.#population.length;
    return Array.from({ length: count }, (_, i) =>
      i < missing || this.#population.length === 0
        ? space.sample(random)
        : mutated(space, this.#parent().codes, 0, random),
    );
  }

  #parent(): Point {
    const { random } = this.#context;
    let best: Point | undefined;
    for (let i = 0; i < this.#options.sampleSize; i++) {
      const member = this.#population[random.integer(this.#population.length)]!;
      if (best === undefined || comparePoints(member, best) < 0) best = member;
    }
    return best!;
  }

  observe(points: readonly Point[]): Diagnostics {
    this.#population.push(...points);
    this.#population.splice(0, Math.max(0, this.#population.length - this.#options.populationSize));
    return {};
  }

  state(): StateTree {
    return packPoints(this.#population);
  }

  restore(state: StateTree): void {
    this.#population = unpackPoints(state);
  }
}
