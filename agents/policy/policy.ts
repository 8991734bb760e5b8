// What every policy over a space offers to the algorithms: sampling on plain arrays, and the same probabilities as tensors.
import type * as tf from "@tensorflow/tfjs";
import type { PolicyProbabilities } from "../../src/core/agent.js";
import type { RandomStream } from "../../src/core/rng.js";
import type { Layout } from "./layout.js";

/** Candidates drawn from a policy, with what drawing them told. */
export interface Samples {
  /** one code per knob of the space, INACTIVE where it does not count */
  readonly codes: readonly Int32Array[];
  /** log-probability of each candidate, nats, shape [count] */
  readonly logProbs: Float64Array;
  /** entropy per active decision, nats, mean over the batch */
  readonly entropyPerDecision: number;
  /** the same per knob group; absent for a group without an active decision */
  readonly entropyPerGroup: Readonly<Record<string, number>>;
  /** per decision: the probability of each value, mean over the candidates in which the knob counts (each given its earlier
   *  choices); undefined where it counts in none */
  readonly marginals: readonly (Float64Array | undefined)[];
}

/** What the policy says about given candidates, as differentiable tensors. */
export interface Evaluated {
  /** log-probability of each candidate, nats, shape [count] */
  readonly logProb: tf.Tensor1D;
  /** the same per decision, 0 where the knob does not count, shape [count, decisions] */
  readonly decisionLogProbs: tf.Tensor2D;
  /** entropy of the conditionals along each candidate, summed over its active decisions, nats, shape [count] */
  readonly entropy: tf.Tensor1D;
}

/** The tensors of a batch of candidates; built once, used in every epoch. */
export interface PolicyBatch {
  readonly count: number;
  dispose(): void;
}

/** A trainable parameter and how fast it learns relative to the learning rate. */
export interface Parameter {
  readonly name: string;
  readonly variable: tf.Variable;
  readonly learningRateScale: number;
}

/** What a policy is told beside the choices before, one row per candidate; it shifts the outputs by `context . weights`. */
export type Context = readonly ArrayLike<number>[];

/** A probability distribution over the points of a space, given a context where the policy was made for one. */
export interface Policy<Batch extends PolicyBatch = PolicyBatch> {
  readonly layout: Layout;
  /** always the same, in the same order */
  readonly parameters: readonly Parameter[];
  /** @param temperature draws from p^(1 / temperature), flatter above 1; `logProbs` are those of p all the same */
  sample(count: number, random: RandomStream, temperature?: number, context?: Context): Samples;
  /** log-probability of each given point, nats, shape [points] */
  logProbs(points: readonly ArrayLike<number>[], context?: Context): Float32Array;
  batch(codes: readonly ArrayLike<number>[], context?: Context): Batch;
  evaluate(batch: Batch): Evaluated;
  dispose(): void;
}

/** The marginals of a batch by knob name, without the knobs that counted nowhere in it. */
export function probabilitiesOf({ decisions }: Layout, marginals: Samples["marginals"]): PolicyProbabilities {
  return Object.fromEntries(
    decisions.flatMap(({ name }, d) => (marginals[d] === undefined ? [] : [[name, [...marginals[d]]]])),
  );
}
