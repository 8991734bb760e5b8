// Tabular Q-learning over the decisions in order: the state is the decision and the value of the one before it, the action
// the value, the reward comes at the end. Exploration falls in steps; past candidates are replayed after every batch.
// Paper: Baker et al. 2017, "MetaQNN", arXiv:1611.02167, sections 4 and 5; the same schedule serves QS-DNN (de Prado et al.
// 2018). Deviation: the schedule counts trials, and infeasible candidates enter with the reward that the study gives them.
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { INACTIVE } from "../src/core/space.js";
import { blackBoxAgent, type Point, packPoints, type SearchContext, type Strategy, unpackPoints } from "./black-box.js";
import { defineAgent } from "./options.js";

/** Exploration over the horizon: half of it is random, then it falls in equal steps to 0.1 (arXiv:1611.02167, table 2). */
const EPSILONS = [1, 1, 1, 1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(16).describe("candidates proposed together"),
  horizonTrials: z.int().min(1).default(1000).describe("trials over which exploration falls from 1 to 0.1"),
  learningRate: z.number().gt(0).max(1).default(0.1).describe("how far a value moves towards its target"),
  discount: z.number().min(0).max(1).default(1).describe("weight of the next decision's value"),
  replaySize: z.int().min(1).max(100_000).default(512).describe("past candidates that are kept, the latest ones"),
  replaysPerBatch: z
    .int()
    .min(0)
    .max(100_000)
    .default(100)
    .describe("past candidates that are learnt from after a batch"),
});

export const qLearning = defineAgent({
  name: "q-learning",
  summary: "tabular Q-learning over the decisions, with falling exploration and replay",
  paper: "Baker et al. 2017, arXiv:1611.02167",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) => blackBoxAgent("q-learning", space, seed, (context) => new QLearning(context, given)),
});

class QLearning implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  /** per decision: [value of the decision before it, or none * values] */
  #values: Float64Array[];
  #replay: Point[] = [];
  #trials = 0;

  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#options = given;
    const { space } = context;
    const most = Math.max(...space.decisions.map((position) => space.knobs[position]!.values.length));
    this.#values = space.decisions.map(
      (position) => new Float64Array((most + 1) * space.knobs[position]!.values.length),
    );
  }

  get #epsilon(): number {
    const step = Math.floor((this.#trials / this.#options.horizonTrials) * EPSILONS.length);
    return EPSILONS[Math.min(step, EPSILONS.length - 1)]!;
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    const epsilon = this.#epsilon;
    return Array.from({ length: count }, () => {
      const codes = new Int32Array(space.length);
      let before = INACTIVE;
      let d = 0;
      for (let i = 0; i < space.length; i++) {
        const isDecision = space.decisions[d] === i;
        if (isDecision) d++;
        if (!space.isActive(i, codes)) codes[i] = INACTIVE;
        else if (isDecision) {
          const size = space.knobs[i]!.values.length;
          const row = this.#row(d - 1, before, size);
          codes[i] = random.next() < epsilon ? random.integer(size) : best(row, random.integer(size));
          if (space.hasRules) codes[i] = space.nearestAllowed(i, codes[i]!, codes);
          before = codes[i]!;
        }
      }
      return codes;
    });
  }

  /** Values of the actions at a decision after a value. */
  #row(decision: number, before: number, size: number): Float64Array {
    return this.#values[decision]!.subarray((before + 1) * size, (before + 2) * size);
  }

  observe(points: readonly Point[]): Diagnostics {
    const { replaySize, replaysPerBatch } = this.#options;
    const epsilon = this.#epsilon;
    for (const point of points) this.#learn(point);
    this.#replay.push(...points);
    this.#replay.splice(0, Math.max(0, this.#replay.length - replaySize));
    for (let i = 0; i < replaysPerBatch; i++) {
      this.#learn(this.#replay[this.#context.random.integer(this.#replay.length)]!);
    }
    this.#trials += points.length;
    return { "train/epsilon": epsilon };
  }

  /** Backwards over the decisions of one candidate. */
  #learn({ codes, reward }: Point): void {
    const { space } = this.#context;
    const { learningRate, discount } = this.#options;
    const active = space.decisions
      .map((position, d) => ({ position, d }))
      .filter(({ position }) => codes[position]! >= 0);
    let target = reward;
    for (let k = active.length - 1; k >= 0; k--) {
      const { position, d } = active[k]!;
      const before = k === 0 ? INACTIVE : codes[active[k - 1]!.position]!;
      const row = this.#row(d, before, space.knobs[position]!.values.length);
      const code = codes[position]!;
      row[code] = row[code]! + learningRate * (target - row[code]!);
      target = discount * row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    }
  }

  state(): StateTree {
    return {
      values: this.#values.map((table) => table.slice()),
      replay: packPoints(this.#replay),
      trials: this.#trials,
    };
  }

  restore(state: StateTree): void {
    const saved = state as { readonly [key: string]: StateTree };
    this.#values = (saved.values as Float64Array[]).map((table) => table.slice());
    this.#replay = unpackPoints(saved.replay);
    this.#trials = saved.trials as number;
  }
}

/** Position of the largest value; among equals the first from `start` on, so that ties are no preference. */
function best(row: Float64Array, start: number): number {
  let found = start;
  for (let i = 1; i < row.length; i++) {
    const v = (start + i) % row.length;
    if (row[v]! > row[found]!) found = v;
  }
  return found;
}
