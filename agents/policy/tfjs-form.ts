// The three policies once more, as plain TensorFlow.js: weights in, log-probabilities and entropies out, gradients by its
// autodiff. Nothing searches with this form. The tests hold the compiled one (forward and gradients) to it, and the bench
// takes it for the time that a policy written the straight way needs.
import * as tf from "@tensorflow/tfjs";
import { INACTIVE } from "../../src/core/space.js";
import type { Decision, Layout } from "./layout.js";

export type PolicyKind = "autoregressive" | "factorised" | "lstm";

/** By parameter name, in the shapes that the policies give them. */
export type NamedTensors = Readonly<Record<string, tf.Tensor>>;

export interface TensorForm {
  /** [count] */
  readonly logProb: tf.Tensor1D;
  /** [count, decisions] */
  readonly decisionLogProbs: tf.Tensor2D;
  /** [count] */
  readonly entropy: tf.Tensor1D;
}

/** The logit of a value that a knob does not have: no softmax lets it through. */
const NO_LOGIT = -1e9;

/** Differentiable in the weights; call it inside a tidy. @param context shape [count][size], where the policy is told one */
export function tensorForm(
  kind: PolicyKind,
  layout: Layout,
  weights: NamedTensors,
  codes: readonly ArrayLike<number>[],
  context?: readonly ArrayLike<number>[],
): TensorForm {
  const { decisions, width, featureCount } = layout;
  const count = codes.length;
  const encoded = encodeBatch(layout, codes);
  const features = tf.tensor2d(encoded.features, [count, featureCount]);
  const biases = tf.reshape(weights.outputBiases!, [1, decisions.length * width]);
  let outputs = tf.tile(biases, [count, 1]);
  if (kind === "autoregressive") outputs = tf.add(outputs, maskedOutputs(layout, weights, features));
  if (kind === "lstm") outputs = tf.add(outputs, recurrentOutputs(layout, weights, codes));
  if (context !== undefined) {
    const told = tf.tensor2d(context.map((row) => Array.from(row)));
    outputs = tf.add(outputs, tf.matMul(told, weights.contextWeights as tf.Tensor2D));
  }
  const logits = headLogits(layout, tf.reshape(outputs, [count, decisions.length, width]));
  const logProbs = tf.logSoftmax(tf.add(logits, barred(layout, encoded.forbidden, count)));
  const oneHot = tf.tensor(encoded.oneHot, [count, decisions.length, width]);
  const chosen = tf.sum(tf.mul(logProbs, oneHot), 2) as tf.Tensor2D; // zero where a knob does not count
  const entropies = tf.neg(tf.sum(tf.mul(tf.exp(logProbs), logProbs), 2));
  const active = tf.tensor2d(encoded.active, [count, decisions.length]);
  return { logProb: tf.sum(chosen, 1), decisionLogProbs: chosen, entropy: tf.sum(tf.mul(entropies, active), 1) };
}

/** Writes the features of one choice at `offset`; nothing for a knob that does not count. */
function writeFeatures(decision: Decision, code: number, into: Float32Array | Float64Array, offset = 0): void {
  if (code === INACTIVE) return;
  const start = offset + decision.featureStart;
  if (decision.ordered) {
    into[start] = 1;
    into[start + 1] = (2 * code) / (decision.valueCount - 1) - 1;
  } else into[start + code] = 1;
}

interface EncodedBatch {
  readonly features: Float32Array;
  readonly oneHot: Float32Array;
  readonly active: Float32Array;
  readonly forbidden?: Float32Array;
}

/** Codes as plain arrays for the tensors.
 *  @returns features [count, featureCount], oneHot [count * decisions, width], active [count, decisions], and where the space
 *  has rules what is added to the logits, [count * decisions, width]: NO_LOGIT for values that may not follow */
function encodeBatch(layout: Layout, batch: readonly ArrayLike<number>[]): EncodedBatch {
  const { decisions, width, featureCount } = layout;
  const features = new Float32Array(batch.length * featureCount);
  const oneHot = new Float32Array(batch.length * decisions.length * width);
  const active = new Float32Array(batch.length * decisions.length);
  const forbidden = layout.space.hasRules ? new Float32Array(oneHot.length) : undefined;
  batch.forEach((codes, row) => {
    decisions.forEach((decision, d) => {
      const code = codes[decision.position]!;
      if (code === INACTIVE) return;
      const cell = row * decisions.length + d;
      active[cell] = 1;
      oneHot[cell * width + code] = 1;
      writeFeatures(decision, code, features, row * featureCount);
      const mask = forbidden && layout.space.mask(decision.position, codes);
      mask?.forEach((allowed, v) => {
        if (allowed === 0) forbidden![cell * width + v] = NO_LOGIT;
      });
    });
  });
  return { features, oneHot, active, ...(forbidden && { forbidden }) };
}

/** Ordered knobs sum their scaled outputs, categories take them as they are; [count, decisions, width]. */
function headLogits({ decisions, width }: Layout, outputs: tf.Tensor): tf.Tensor {
  const perDecision = tf.unstack(outputs, 1).map((output, d) => {
    const { ordered, outputScale } = decisions[d]!;
    const sums = Array.from({ length: width }, (_, step) =>
      Array.from({ length: width }, (_, v) => (ordered ? Number(step >= 1 && step <= v) : Number(step === v))),
    );
    return tf.matMul(tf.mul(output, outputScale) as tf.Tensor2D, tf.tensor2d(sums));
  });
  return tf.stack(perDecision, 1);
}

/** What is added to the logits of values that a knob does not have, or that rules forbid. */
function barred({ decisions, width }: Layout, forbidden: Float32Array | undefined, count: number): tf.Tensor {
  const padding = decisions.map(({ valueCount }) =>
    Array.from({ length: width }, (_, v) => (v < valueCount ? 0 : NO_LOGIT)),
  );
  const everywhere = tf.tensor3d([padding]);
  return forbidden === undefined
    ? everywhere
    : tf.add(everywhere, tf.tensor(forbidden, [count, decisions.length, width]));
}

/** Germain et al. 2015, arXiv:1502.03509: hidden unit u sees the first degree(u) decisions, a decision the units up to its own. */
function maskedOutputs({ decisions, width }: Layout, weights: NamedTensors, features: tf.Tensor2D): tf.Tensor {
  const hidden = weights.inputBiases!.size;
  const range = Math.max(1, decisions.length - 1);
  const degree = (u: number): number => 1 + Math.floor((u * range) / hidden);
  const owners = decisions.flatMap(({ featureCount }, d) => Array<number>(featureCount).fill(d));
  const units = Array.from({ length: hidden }, (_, u) => u);
  const inputMask = tf.tensor2d(owners.map((d) => units.map((u) => Number(d < degree(u)))));
  const outputMask = tf.tensor2d(
    units.map((u) => decisions.flatMap((_, d) => Array(width).fill(Number(degree(u) <= d)))),
  );
  const joined = tf.matMul(features, tf.mul(weights.inputWeights!, inputMask));
  const activations = tf.relu(tf.add(joined, weights.inputBiases!));
  return tf.matMul(activations as tf.Tensor2D, tf.mul(weights.outputWeights!, outputMask));
}

/** Hochreiter & Schmidhuber 1997 with the forget gate's bias at 1; a head per decision. Tokens: the value before, or that the
 *  knob before did not count, or the start. */
function recurrentOutputs(
  { decisions, width }: Layout,
  weights: NamedTensors,
  codes: readonly ArrayLike<number>[],
): tf.Tensor {
  const gates = ["inputGate", "forgetGate", "cellGate", "outputGate"].map((name) => weights[name] as tf.Tensor2D);
  const heads = tf.unstack(weights.outputWeights!);
  const hiddenUnits = gates[0]!.shape[1];
  let hidden: tf.Tensor2D = tf.zeros([codes.length, hiddenUnits]);
  let cell: tf.Tensor = tf.zeros([codes.length, hiddenUnits]);
  const outputs = decisions.map((_, d) => {
    const tokens = codes.map((point) => {
      const before = d === 0 ? width + 1 : point[decisions[d - 1]!.position]!;
      return before === INACTIVE ? width : before;
    });
    const joined = tf.concat([tf.oneHot(tokens, width + 2).toFloat() as tf.Tensor2D, hidden], 1);
    const [i, f, g, o] = gates.map((gate) => tf.matMul(joined, gate));
    cell = tf.add(tf.mul(tf.sigmoid(tf.add(f!, 1)), cell), tf.mul(tf.sigmoid(i!), tf.tanh(g!)));
    hidden = tf.mul(tf.sigmoid(o!), tf.tanh(cell)) as tf.Tensor2D;
    return tf.matMul(hidden, heads[d] as tf.Tensor2D);
  });
  return tf.concat(outputs, 1);
}

/** A PPO update the straight way, for the bench: each epoch one step of the library's Adam on the clipped surrogate.
 *  @param weights changed in place  @param oldLogProbs, advantages shape [count] */
export function tensorUpdate(
  kind: PolicyKind,
  layout: Layout,
  weights: Readonly<Record<string, tf.Variable>>,
  { codes, oldLogProbs, advantages }: StraightRollout,
  epochs: number,
): void {
  const adam = tf.train.adam(0.001);
  const old = tf.tensor1d(Float32Array.from(oldLogProbs));
  const worth = tf.tensor1d(Float32Array.from(advantages));
  for (let epoch = 0; epoch < epochs; epoch++) {
    adam.minimize(() => {
      const ratio = tf.exp(tf.sub(tensorForm(kind, layout, weights, codes).logProb, old));
      const clipped = tf.clipByValue(ratio, 0.8, 1.2);
      return tf.neg(tf.mean(tf.minimum(tf.mul(ratio, worth), tf.mul(clipped, worth)))) as tf.Scalar;
    });
  }
  adam.dispose();
  tf.dispose([old, worth]);
}

export interface StraightRollout {
  readonly codes: readonly ArrayLike<number>[];
  readonly oldLogProbs: ArrayLike<number>;
  readonly advantages: ArrayLike<number>;
}

/** Weights of the given shapes as variables, for `tensorUpdate`. */
export function asVariables(
  parameters: readonly { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array }[],
): Record<string, tf.Variable> {
  return Object.fromEntries(
    parameters.map(({ name, shape, values }) => [name, tf.variable(tf.tensor(values, [...shape]))]),
  );
}

/** `times` products [rows, inner] x [inner, columns] and nothing else, as a yardstick of the machine. */
export function matrixProducts(rows: number, inner: number, columns: number, times: number): void {
  tf.tidy(() => {
    const [a, b] = [tf.ones([rows, inner]) as tf.Tensor2D, tf.ones([inner, columns]) as tf.Tensor2D];
    for (let i = 0; i < times; i++) tf.matMul(a, b).dispose();
  });
}
