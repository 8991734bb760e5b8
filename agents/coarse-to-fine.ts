// Coarse levels first, with any agent: ordered knobs begin with a few of their values, evenly spread, and after so many trials
// a fresh agent of the same kind goes on over all values, started from what the first one learnt.
// After Kao et al. 2020, "ConfuciuX", arXiv:2009.02010, section III-F (coarse grid first, fine grid after it).
import { z } from "zod";
import type { Agent, Diagnostics, PolicyProbabilities, Prior, PriorReport, StateTree } from "../src/core/agent.js";
import { type Knob, Space } from "../src/core/space.js";
import type { Candidate, KnobValue, Trial } from "../src/core/trial.js";
import { bestOf } from "./prior.js";
import { spaceSignature, stateOf } from "./signature.js";

const KEPT_TRIALS = 8;
const WIDE_RATIO = 16;

/** Options that every agent has. */
export const levelsShape = {
  coarseLevels: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe("values that an ordered knob has at first, spread evenly or by ratio; 0: all of them from the start"),
  coarseTrials: z.int().min(1).default(1000).describe("trials before all values are searched; only with coarseLevels"),
};
export type LevelOptions = z.output<z.ZodObject<typeof levelsShape>>;

/** @param create builds the agent for the coarse space and for the whole one; only for the whole one when no knob has more levels */
export async function coarseToFineAgent(
  name: string,
  space: Space,
  seed: number,
  { coarseLevels, coarseTrials }: LevelOptions,
  create: (space: Space, seed: number) => Agent | Promise<Agent>,
): Promise<Agent> {
  if (!space.knobs.some(({ values, ordered }) => ordered && values.length > coarseLevels)) return create(space, seed);
  const coarse = coarseSpace(space, coarseLevels);
  return new CoarseToFine(name, space, coarse, coarseTrials, create, seed, await create(coarse, seed));
}

/** The space with at most `levels` values for each ordered knob, both ends among them. */
export function coarseSpace(space: Space, levels: number): Space {
  const data = space.toData();
  const knobs = data.knobs.map((knob, i): Knob => {
    const { values, ordered } = space.knobs[i]!;
    if (!ordered || values.length <= levels) return { ...knob, ordered };
    const kept = spreadValues(values, levels).map((v) => values[v]!);
    return { ...knob, ordered, values: kept };
  });
  return new Space({ ...data, name: `${data.name} (coarse)`, knobs });
}

/** Positions of the kept values, rising: evenly spread, or by equal ratios where positive numbers span a wide range. */
export function spreadValues(values: readonly KnobValue[], count: number): number[] {
  const last = values.length - 1;
  if (count === 1) return [0];
  const [low, high] = [values[0], values[last]];
  const isWide = typeof low === "number" && typeof high === "number" && low > 0 && high >= WIDE_RATIO * low;
  const kept = new Set<number>();
  for (let k = 0; k < count; k++) {
    const share = k / (count - 1);
    let position = Math.round(share * last);
    if (isWide) {
      const wanted = low * (high / low) ** share;
      const above = values.findIndex((value) => (value as number) >= wanted * (1 - 1e-12));
      position = above < 0 ? last : above;
    }
    kept.add(Math.max(position, k === 0 ? 0 : Math.max(...kept) + 1));
  }
  return [...kept].map((position, k) => Math.min(position, last - (kept.size - 1 - k)));
}

class CoarseToFine implements Agent {
  readonly name: string;
  readonly #space: Space;
  readonly #coarse: Space;
  readonly #coarseTrials: number;
  readonly #create: (space: Space, seed: number) => Agent | Promise<Agent>;
  /** of the agent to come */
  #seed: number;
  #inner: Agent;
  #isFine = false;
  #trials = 0;
  #best: Trial[] = [];

  constructor(
    name: string,
    space: Space,
    coarse: Space,
    coarseTrials: number,
    create: (space: Space, seed: number) => Agent | Promise<Agent>,
    seed: number,
    inner: Agent,
  ) {
    this.#seed = seed;
    this.name = name;
    this.#space = space;
    this.#coarse = coarse;
    this.#coarseTrials = coarseTrials;
    this.#create = create;
    this.#inner = inner;
  }

  propose(count: number): readonly Candidate[] | Promise<readonly Candidate[]> {
    return this.#inner.propose(count);
  }

  async observe(trials: readonly Trial[]): Promise<Diagnostics> {
    const diagnostics = await this.#inner.observe(trials);
    this.#trials += trials.length;
    if (this.#isFine) return diagnostics;
    this.#best = bestOf([...this.#best, ...trials], KEPT_TRIALS);
    if (this.#trials >= this.#coarseTrials) await this.#refine();
    return diagnostics;
  }

  async #refine(): Promise<void> {
    const prior: Prior = {
      agentName: this.name,
      space: this.#coarse,
      state: await this.#inner.state(),
      trials: this.#best,
      stillHolds: true,
    };
    await this.#replace(this.#space);
    this.#isFine = true;
    await this.#inner.warmStart?.(prior);
  }

  async #replace(space: Space): Promise<void> {
    const next = await this.#create(space, this.#seed);
    this.#inner.dispose();
    this.#inner = next;
  }

  /** The inner agent's, with zeros for the values that are not searched yet. */
  policy(): PolicyProbabilities | undefined {
    const inner = this.#inner.policy?.();
    if (inner === undefined) return undefined;
    const spread = ([name, probabilities]: [string, readonly number[]]) => {
      const { values } = this.#space.knobs[this.#space.indexOf(name)]!;
      const searched = this.#searched.knobs[this.#searched.indexOf(name)]!.values;
      return [name, values.map((value) => probabilities[searched.indexOf(value)] ?? 0)] as const;
    };
    return Object.fromEntries(Object.entries(inner).map(spread));
  }

  get #searched(): Space {
    return this.#isFine ? this.#space : this.#coarse;
  }

  warmStart(prior: Prior): PriorReport | Promise<PriorReport> {
    return this.#inner.warmStart?.(prior) ?? { matched: [], partly: [], fresh: [] };
  }

  async state(): Promise<StateTree> {
    return {
      agent: this.name,
      space: spaceSignature(this.#space),
      seed: this.#seed,
      isFine: this.#isFine,
      trials: this.#trials,
      best: this.#best as unknown as StateTree,
      inner: await this.#inner.state(),
    };
  }

  async restore(state: StateTree): Promise<void> {
    const fields = stateOf(state, this.name, this.#space);
    this.#seed = fields.seed as number;
    if (fields.isFine !== this.#isFine) await this.#replace(fields.isFine === true ? this.#space : this.#coarse);
    await this.#inner.restore(fields.inner ?? null);
    this.#isFine = fields.isFine === true;
    this.#trials = fields.trials as number;
    this.#best = [...(fields.best as unknown as Trial[])];
  }

  dispose(): void {
    this.#inner.dispose();
  }
}
