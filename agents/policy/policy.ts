// What every policy over a space offers to the algorithms: drawing, log-probabilities, and the gradient of a loss of them. All on
// plain arrays; the products behind them are compiled loops (kernels/), the same for drawing and for learning.
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

/** What the policy says about given candidates. */
export interface Evaluated {
  /** log-probability of each candidate, nats, shape [count] */
  readonly logProb: Float64Array;
  /** the same per decision, 0 where the knob does not count, shape [count * decisions] */
  readonly decisionLogProbs: Float64Array;
  /** entropy of the conditionals along each candidate, summed over its active decisions, nats, shape [count] */
  readonly entropy: Float64Array;
}

/** The derivatives of a loss. */
export interface Slopes {
  /** by each decision's log-probability, shape [count * decisions] */
  readonly decisionLogProbs: Float64Array;
  /** by each candidate's entropy, shape [count] */
  readonly entropy: Float64Array;
  /** by the log-probability of every value, chosen or not, shape [count * decisions * width] */
  readonly valueLogProbs?: Float64Array;
}

/** A batch of candidates as a policy reads it; built once, used in every epoch. */
export interface PolicyBatch {
  readonly count: number;
  /** the code of each decision, INACTIVE where it does not count, shape [count * decisions] */
  readonly choices: Int32Array;
  /** 1 for the values that may follow, where the space has rules, shape [count * decisions * width] */
  readonly allowed: Uint8Array | undefined;
  /** shape [count * context], where the policy is told one */
  readonly context: Float32Array | undefined;
}

/** A trainable parameter, row by row, with the gradient of the last loss. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly gradient: Float32Array;
  /** how fast it learns relative to the learning rate */
  readonly learningRateScale: number;
}

/** @param values taken over; zeros when left out */
export function parameterOf(
  name: string,
  shape: readonly number[],
  learningRateScale: number,
  values: Float32Array = new Float32Array(shape.reduce((product, extent) => product * extent, 1)),
): Parameter {
  return { name, shape, values, gradient: new Float32Array(values.length), learningRateScale };
}

/** What a policy is told beside the choices before, one row per candidate; it shifts the outputs by `context . weights`. */
export type Context = readonly ArrayLike<number>[];

/** A probability distribution over the points of a space, given a context where the policy was made for one. */
export interface Policy {
  readonly layout: Layout;
  /** always the same, in the same order */
  readonly parameters: readonly Parameter[];
  /** @param temperature draws from p^(1 / temperature), flatter above 1; `logProbs` are those of p all the same */
  sample(count: number, random: RandomStream, temperature?: number, context?: Context): Samples;
  /** log-probability of each given point, nats, shape [points] */
  logProbs(points: readonly ArrayLike<number>[], context?: Context): Float64Array;
  batch(codes: readonly ArrayLike<number>[], context?: Context): PolicyBatch;
  evaluate(batch: PolicyBatch): Evaluated;
  /** Evaluates, asks for the slopes of the loss there, and writes the gradient of every parameter. */
  differentiate(batch: PolicyBatch, slopesOf: (evaluated: Evaluated) => Slopes): void;
}

/** The marginals of a batch by knob name, without the knobs that counted nowhere in it. */
export function probabilitiesOf({ decisions }: Layout, marginals: Samples["marginals"]): PolicyProbabilities {
  return Object.fromEntries(
    decisions.flatMap(({ name }, d) => (marginals[d] === undefined ? [] : [[name, [...marginals[d]]]])),
  );
}
