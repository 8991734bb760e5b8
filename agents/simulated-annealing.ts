// Simulated annealing on several chains side by side: each chain changes a knob and keeps the change when it is better, or
// with a probability that falls with the loss and with time.
// Paper: Kirkpatrick et al. 1983, Science 220. Deviations: rewards are compared in units of their spread over the first
// batches, so that temperatures mean the same in every study; a change that breaks limits counts as a loss of 1 + violation.
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
  batchSize: z.int().min(1).max(4096).default(4).describe("candidates proposed together, one a chain"),
  startTemperature: z
    .number()
    .gt(0)
    .max(1000)
    .default(0.3)
    .describe("in units of the rewards' spread at the beginning"),
  endTemperature: z.number().gt(0).max(1000).default(0.001).describe("reached at the horizon and kept"),
  horizonTrials: z.int().min(1).default(2000).describe("trials over which the temperature falls, geometrically"),
});

export const simulatedAnnealing = defineAgent({
  name: "simulated-annealing",
  summary: "chains that accept losses less and less often",
  paper: "Kirkpatrick et al. 1983, Science 220",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) =>
    blackBoxAgent("simulated-annealing", space, seed, (context) => new SimulatedAnnealing(context, given)),
});

class SimulatedAnnealing implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  #chains: Point[] = [];
  #trials = 0;
  /** running sums of the feasible rewards: count, mean, squared deviations (Welford) */
  #spread: Float64Array = new Float64Array(3);

  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#options = given;
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    return Array.from({ length: count }, (_, i) => {
      const chain = this.#chains[i % this.#options.batchSize];
      return chain === undefined ? space.sample(random) : mutated(space, chain.codes, 0, random);
    });
  }

  observe(points: readonly Point[]): Diagnostics {
    const { startTemperature, endTemperature, horizonTrials, batchSize } = this.#options;
    const done = Math.min(1, this.#trials / horizonTrials);
    const temperature = startTemperature * (endTemperature / startTemperature) ** done;
    points.forEach((point, i) => {
      this.#note(point);
      const chain = i % batchSize;
      const current = this.#chains[chain];
      const isBetter = current === undefined || comparePoints(point, current) <= 0;
      if (isBetter || this.#context.random.next() < Math.exp(-this.#loss(current, point) / temperature)) {
        this.#chains[chain] = point;
      }
    });
    this.#trials += points.length;
    return { "train/temperature": temperature };
  }

  /** How much worse `to` is, in units of the rewards' spread. */
  #loss(from: Point, to: Point): number {
    if (!from.feasible) return to.violation - from.violation;
    if (!to.feasible) return 1 + to.violation;
    const deviation = Math.sqrt(this.#spread[2]! / Math.max(1, this.#spread[0]!));
    return deviation > 0 ? (from.reward - to.reward) / deviation : 0;
  }

  #note({ reward, feasible }: Point): void {
    if (!feasible) return;
    const [count, mean, squares] = this.#spread as unknown as [number, number, number];
    const delta = reward - mean;
    const next = mean + delta / (count + 1);
    this.#spread = Float64Array.of(count + 1, next, squares + delta * (reward - next));
  }

  state(): StateTree {
    return { chains: packPoints(this.#chains), trials: this.#trials, spread: this.#spread };
  }

  restore(state: StateTree): void {
    const saved = state as { readonly chains: StateTree; readonly trials: number; readonly spread: Float64Array };
    this.#chains = unpackPoints(saved.chains);
    this.#trials = saved.trials;
    this.#spread = saved.spread;
  }
}
