// What a search algorithm is to the rest: it proposes candidates of a space and observes trials, nothing else.
import type { Space } from "./space.js";
import type { Candidate, Trial } from "./trial.js";

/** JSON, with typed arrays allowed as leaves; serialised losslessly by state-codec.ts. */
export type StateTree =
  | null
  | boolean
  | number
  | string
  | Float32Array
  | Float64Array
  | Int32Array
  | readonly StateTree[]
  | { readonly [key: string]: StateTree | undefined };

/** Named scalars of one update, e.g. `train/approx_kl`. */
export type Diagnostics = Readonly<Record<string, number>>;

/** What a policy would draw: for each knob that leaves a choice and counted in the batch, the probability of every value, in
 *  the space's order. The mean over the candidates of a batch, each value's probability given the earlier choices. */
export type PolicyProbabilities = Readonly<Record<string, readonly number[]>>;

/** A search algorithm. Calls alternate: `propose(n)`, then `observe` with exactly those n trials in that order. */
export interface Agent {
  readonly name: string;
  /** n candidates of the space; duplicates are allowed and count as trials. May return fewer when the space is exhausted. */
  propose(count: number): readonly Candidate[] | Promise<readonly Candidate[]>;
  /** Learns from the trials of the last proposal. @throws CosearchError AGENT_DIVERGED, before any weight is touched */
  observe(trials: readonly Trial[]): Diagnostics | Promise<Diagnostics>;
  /** Everything that a bit-exact continuation needs, random streams included; valid between observe and propose. */
  state(): StateTree | Promise<StateTree>;
  /** @throws CosearchError AGENT_BAD_STATE when the state belongs to another agent or space */
  restore(state: StateTree): void | Promise<void>;
  dispose(): void;
  /** The probabilities that the batch observed last was drawn with; undefined before the first one. Only agents with a policy. */
  policy?(): PolicyProbabilities | undefined;
  /** Starts from what an earlier run learnt; only before the first proposal. Agents without it start cold. */
  warmStart?(prior: Prior): PriorReport | Promise<PriorReport>;
}

/** What an earlier run leaves to a new one. */
export interface Prior {
  readonly agentName: string;
  readonly space: Space;
  /** the agent's last state; undefined when only its trials are known */
  readonly state?: StateTree | undefined;
  readonly trials: readonly Trial[];
  /** the same study goes on: what its designs were worth still holds, so none of them need be tried again */
  readonly stillHolds?: boolean;
}

/** Names of the decisions that an earlier run knew with all their values, with some, or not at all. */
export interface PriorReport {
  readonly matched: readonly string[];
  readonly partly: readonly string[];
  readonly fresh: readonly string[];
}

/** How a registered agent is described and built. */
export interface AgentDefinition {
  readonly name: string;
  readonly summary: string;
  /** paper or book that it follows */
  readonly paper: string;
  /** hyper-parameter name -> meaning, default and what is allowed */
  readonly options: readonly AgentOption[];
  /** Checks and completes user-given options. @throws CosearchError AGENT_BAD_OPTION */
  resolveOptions(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  create(space: Space, options: Readonly<Record<string, unknown>>, seed: number): Agent | Promise<Agent>;
  /** false: it loads no tensor library */
  readonly usesTensors: boolean;
  /** proposals per update that suit the agent, unless the study says otherwise */
  batchSize(options: Readonly<Record<string, unknown>>): number;
}

export interface AgentOption {
  readonly name: string;
  readonly description: string;
  readonly default: unknown;
  readonly allowed: string;
}
