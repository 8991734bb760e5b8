// Uniform random search: the control that every other agent has to beat.
// Paper: Bergstra & Bengio 2012, "Random search for hyper-parameter optimization", JMLR 13.
import { z } from "zod";
import type { Agent, Diagnostics, Prior, PriorReport, StateTree } from "../src/core/agent.js";
import { type RandomState, RandomStream } from "../src/core/rng.js";
import type { Space } from "../src/core/space.js";
import type { Candidate, Trial } from "../src/core/trial.js";
import { rolloutDiagnostics } from "./diagnostics.js";
import { defineAgent } from "./options.js";
import { priorPoints } from "./prior.js";
import { spaceSignature, stateOf } from "./signature.js";

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(16).describe("candidates proposed together"),
});

export const random = defineAgent({
  name: "random",
  summary: "uniform random search; learns nothing, the control for every other agent",
  paper: "Bergstra & Bengio 2012, JMLR 13",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, _options, seed) => new RandomAgent(space, seed),
});

class RandomAgent implements Agent {
  readonly name = "random";
  readonly #space: Space;
  #stream: RandomStream;
  /** points of an earlier run that are tried first */
  #prior: Int32Array[] = [];

  constructor(space: Space, seed: number) {
    this.#space = space;
    this.#stream = RandomStream.of(seed, "agent/random/sample");
  }

  propose(count: number): readonly Candidate[] {
    const first = this.#prior.splice(0, count);
    const drawn = Array.from({ length: count - first.length }, () => this.#space.sample(this.#stream));
    return [...first, ...drawn].map((codes) => this.#space.decode(codes));
  }

  observe(trials: readonly Trial[]): Diagnostics {
    return rolloutDiagnostics(trials);
  }

  warmStart(prior: Prior): PriorReport {
    const { points, report } = priorPoints(this.#space, prior, this.#stream);
    this.#prior = points;
    return report;
  }

  state(): StateTree {
    return {
      agent: this.name,
      space: spaceSignature(this.#space),
      stream: this.#stream.state(),
      prior: [...this.#prior],
    };
  }

  restore(state: StateTree): void {
    const fields = stateOf(state, this.name, this.#space);
    this.#stream = RandomStream.from(fields.stream as RandomState);
    this.#prior = [...((fields.prior ?? []) as Int32Array[])];
  }

  dispose(): void {}
}
