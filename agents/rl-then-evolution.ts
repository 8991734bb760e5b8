// Reinforcement learning first, local evolution after it: PPO finds the region, then a genetic algorithm that starts from its
// best designs refines them.
// Paper: Kao et al. 2020, "ConfuciuX", arXiv:2009.02010, sections III-D and III-F. Deviation: the policy is ours (see ppo.ts),
// and the genetic algorithm is the one of genetic.ts.
import { z } from "zod";
import type { Agent, Diagnostics, PolicyProbabilities, Prior, PriorReport, StateTree } from "../src/core/agent.js";
import type { Space } from "../src/core/space.js";
import type { Candidate, Trial } from "../src/core/trial.js";
import { blackBoxAgent } from "./black-box.js";
import { Genetic, variationShape } from "./genetic.js";
import { defineAgent } from "./options.js";
import { ppo } from "./ppo.js";
import { bestOf } from "./prior.js";
import { spaceSignature, stateOf } from "./signature.js";

const NAME = "rl-then-evolution";
const KEPT_TRIALS = 8;

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(16).describe("candidates proposed together"),
  rlTrials: z.int().min(1).default(700).describe("trials that PPO makes before evolution goes on"),
  populationSize: variationShape.populationSize,
  crossoverRate: variationShape.crossoverRate,
  mutationsPerChild: variationShape.mutationsPerChild,
});
type Options = z.output<typeof options>;

export const rlThenEvolution = defineAgent({
  name: NAME,
  summary: "PPO finds the region, then a genetic algorithm refines its best designs",
  paper: "Kao et al. 2020, arXiv:2009.02010",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: async (space, given, seed) => {
    const first = await ppo.create(space, { batchSize: given.batchSize }, seed);
    const second = blackBoxAgent(
      NAME,
      space,
      seed,
      (context) => new Genetic(context, { ...given, batchSize: given.batchSize }),
    );
    return new RlThenEvolution(space, given, first, second);
  },
});

class RlThenEvolution implements Agent {
  readonly name = NAME;
  readonly #space: Space;
  readonly #options: Options;
  readonly #first: Agent;
  readonly #second: Agent;
  #trials = 0;
  /** PPO's best, best first; the population that evolution starts from */
  #best: Trial[] = [];

  constructor(space: Space, options: Options, first: Agent, second: Agent) {
    this.#space = space;
    this.#options = options;
    this.#first = first;
    this.#second = second;
  }

  get #isEvolving(): boolean {
    return this.#trials >= this.#options.rlTrials;
  }

  propose(count: number): readonly Candidate[] | Promise<readonly Candidate[]> {
    return this.#isEvolving ? this.#second.propose(count) : this.#first.propose(count);
  }

  async observe(trials: readonly Trial[]): Promise<Diagnostics> {
    const wasEvolving = this.#isEvolving;
    const diagnostics = await (wasEvolving ? this.#second : this.#first).observe(trials);
    this.#trials += trials.length;
    if (wasEvolving) return diagnostics;
    this.#best = bestOf([...this.#best, ...trials], KEPT_TRIALS);
    if (this.#isEvolving) await this.#second.warmStart?.({ agentName: NAME, space: this.#space, trials: this.#best });
    return diagnostics;
  }

  /** PPO's, as long as it proposes. */
  policy(): PolicyProbabilities | undefined {
    return this.#isEvolving ? undefined : this.#first.policy?.();
  }

  async warmStart(prior: Prior): Promise<PriorReport> {
    const own =
      prior.agentName === NAME ? (prior.state as { readonly first?: StateTree } | undefined)?.first : prior.state;
    return this.#first.warmStart!({
      ...prior,
      agentName: prior.agentName === NAME ? "ppo" : prior.agentName,
      state: own,
    });
  }

  async state(): Promise<StateTree> {
    return {
      agent: NAME,
      space: spaceSignature(this.#space),
      trials: this.#trials,
      best: this.#best as unknown as StateTree,
      first: await this.#first.state(),
      second: await this.#second.state(),
    };
  }

  async restore(state: StateTree): Promise<void> {
    const fields = stateOf(state, NAME, this.#space);
    await this.#first.restore(fields.first ?? null);
    await this.#second.restore(fields.second ?? null);
    this.#trials = fields.trials as number;
    this.#best = [...(fields.best as unknown as Trial[])];
  }

  dispose(): void {
    this.#first.dispose();
    this.#second.dispose();
  }
}
