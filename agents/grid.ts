// Every point of a small space once, in random or in plain order; the run ends when there is none left.
// Paper: Bergstra & Bengio 2012, JMLR 13, compares it with random search.
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { type RandomState, RandomStream } from "../src/core/rng.js";
import { blackBoxAgent, type SearchContext, type Strategy } from "./black-box.js";
import { defineAgent } from "./options.js";

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(16).describe("candidates proposed together"),
  order: z.enum(["shuffled", "plain"]).default("shuffled").describe("plain: the last knob changes fastest"),
  maxPoints: z.int().min(1).max(2_000_000).default(200_000).describe("a larger space is refused"),
});

export const grid = defineAgent({
  name: "grid",
  summary: "every point of a small space once",
  paper: "Bergstra & Bengio 2012, JMLR 13 (as a rival of random search)",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) => blackBoxAgent("grid", space, seed, (context) => new Grid(context, given)),
});

class Grid implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  #points: Int32Array[];
  /** the order is drawn again from it after a restore */
  #start: RandomState;
  #next = 0;

  /** @throws CosearchError SPACE_TOO_LARGE */
  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#options = given;
    this.#start = context.random.state();
    this.#points = this.#ordered();
  }

  #ordered(): Int32Array[] {
    const points = [...this.#context.space.enumerate(this.#options.maxPoints)];
    return this.#options.order === "plain" ? points : RandomStream.from(this.#start).shuffle(points);
  }

  propose(count: number): readonly Int32Array[] {
    return this.#points.slice(this.#next, this.#next + count);
  }

  observe(points: readonly unknown[]): Diagnostics {
    this.#next += points.length;
    return {};
  }

  state(): StateTree {
    return { start: this.#start, next: this.#next };
  }

  restore(state: StateTree): void {
    const saved = state as unknown as { readonly start: RandomState; readonly next: number };
    this.#start = saved.start;
    this.#next = saved.next;
    this.#points = this.#ordered();
  }
}
