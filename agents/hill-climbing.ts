// Steepest-ascent hill climbing by batches, with random restarts: tries the neighbours of where it stands, moves to the best
// of a batch when that is better, and begins elsewhere when no neighbour is.
// Book: Russell & Norvig, Artificial Intelligence: A Modern Approach, chapter "Local search" (steepest ascent, restarts).
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
  restarts: z.boolean().default(true).describe("begin at a random point once no neighbour is better"),
});

export const hillClimbing = defineAgent({
  name: "hill-climbing",
  summary: "moves to the best neighbour, one knob one step, with random restarts",
  paper: "Russell & Norvig, Artificial Intelligence, chapter on local search",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) =>
    blackBoxAgent("hill-climbing", space, seed, (context) => new HillClimbing(context, given.restarts)),
});

class HillClimbing implements Strategy {
  readonly #context: SearchContext;
  readonly #restarts: boolean;
  #current: Point | undefined;
  /** neighbours that were not tried yet, in random order */
  #untried: Int32Array[] = [];

  constructor(context: SearchContext, restarts: boolean) {
    this.#context = context;
    this.#restarts = restarts;
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    const current = this.#current;
    if (current === undefined) return Array.from({ length: count }, () => space.sample(random));
    const neighbours = this.#untried.splice(0, count);
    const missing = count - neighbours.length; // what is left of the batch looks two or more steps away
    const further = Array.from({ length: missing }, () =>
      mutated(space, current.codes, 2 / space.decisions.length, random),
    );
    return [...neighbours, ...further];
  }

  observe(points: readonly Point[]): Diagnostics {
    const best = points.reduce((a, b) => (comparePoints(b, a) < 0 ? b : a));
    if (this.#current === undefined || comparePoints(best, this.#current) < 0) this.#move(best);
    else if (this.#untried.length === 0) {
      if (this.#restarts) this.#current = undefined;
      else this.#move(this.#current);
    }
    return {};
  }

  #move(to: Point): void {
    const { space, random } = this.#context;
    this.#current = to;
    this.#untried = random.shuffle(space.neighbours(to.codes));
  }

  state(): StateTree {
    return { current: packPoints(this.#current === undefined ? [] : [this.#current]), untried: [...this.#untried] };
  }

  restore(state: StateTree): void {
    const saved = state as { readonly current: StateTree; readonly untried: readonly Int32Array[] };
    this.#current = unpackPoints(saved.current)[0];
    this.#untried = [...saved.untried];
  }
}
