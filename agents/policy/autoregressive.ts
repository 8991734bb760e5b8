// A masked feed-forward autoregressive policy: every conditional p(knob d | knobs before d) of a batch in one pass.
// Paper: Germain et al. 2015, "MADE", arXiv:1502.03509, section 3: hidden unit u sees the first degree(u) decisions, and
// output d sees the hidden units of degree <= d. Degrees rise with u, so sampling extends one prefix knob by knob.
// Ordered knobs: logit v = sum of the outputs 1..v (adjacent-categories logits), scaled down for long knobs. Up to a constant
// this is the ordinal head of Tang & Agrawal 2020 (arXiv:1901.10500): log s - log(1 - s) is what s = sigmoid(output) came from.
import * as tf from "@tensorflow/tfjs";
import { RandomStream } from "../../src/core/rng.js";
import type { Space } from "../../src/core/space.js";
import { ContextShift } from "./context.js";
import { type Heads, headConstants } from "./heads.js";
import { encodeBatch, type Layout, layoutOf } from "./layout.js";
import { matMul } from "./ops.js";
import type { Context, Evaluated, Parameter, Policy, PolicyBatch, Samples } from "./policy.js";
import { type SamplerWeights, sampleAutoregressive } from "./sampler.js";

export interface AutoregressiveSettings {
  readonly hiddenUnits: number;
  /** learning rate of the connections between knobs, relative to that of the output biases */
  readonly connectionLearningRateScale: number;
}

interface AutoregressiveBatch extends PolicyBatch {
  /** [count, features] */
  readonly features: tf.Tensor2D;
  /** [count * decisions, width] */
  readonly oneHot: tf.Tensor2D;
  /** [count, decisions] */
  readonly active: tf.Tensor2D;
  /** [count * decisions, width], where the space has rules */
  readonly forbidden?: tf.Tensor2D;
  /** [count, context] */
  readonly context?: tf.Tensor2D | undefined;
}

/** The policy; starts as the uniform one, because the outputs start at zero. */
export class AutoregressivePolicy implements Policy<AutoregressiveBatch> {
  readonly layout: Layout;
  readonly parameters: readonly Parameter[];
  readonly #degrees: Int32Array;
  readonly #inputWeights: tf.Variable; // [features, hidden]
  readonly #inputBiases: tf.Variable; // [hidden]
  readonly #outputWeights: tf.Variable; // [hidden, decisions * width]
  readonly #outputBiases: tf.Variable; // [decisions * width]
  readonly #constants: ReturnType<typeof constantsOf>;
  readonly #heads: Heads;
  readonly #shift: ContextShift;

  /** @param contextSize numbers that the policy is told with each candidate */
  constructor(space: Space, seed: number, label: string, settings: AutoregressiveSettings, contextSize = 0) {
    const layout = layoutOf(space);
    this.layout = layout;
    const hidden = settings.hiddenUnits;
    const outputs = layout.decisions.length * layout.width;
    this.#degrees = degreesOf(hidden, layout.decisions.length);
    this.#constants = constantsOf(layout, this.#degrees);
    this.#heads = headConstants(layout);
    this.#shift = new ContextShift(layout, contextSize);
    const random = RandomStream.of(seed, label);
    const spread = Math.sqrt(2 / Math.max(1, layout.decisions.length));
    const initial = Float32Array.from({ length: layout.featureCount * hidden }, () => spread * random.normal());
    const scale = settings.connectionLearningRateScale;
    const parameter = (name: string, value: tf.Tensor, learningRateScale: number): Parameter => {
      const variable = tf.variable(value, true);
      value.dispose();
      return { name, variable, learningRateScale };
    };
    this.parameters = [
      parameter("inputWeights", tf.tensor2d(initial, [layout.featureCount, hidden]), scale),
      parameter("inputBiases", tf.zeros([hidden]), scale),
      parameter("outputWeights", tf.zeros([hidden, outputs]), scale),
      parameter("outputBiases", tf.zeros([outputs]), 1),
      ...this.#shift.parameters,
    ];
    const [inputWeights, inputBiases, outputWeights, outputBiases] = this.parameters.map((p) => p.variable);
    this.#inputWeights = inputWeights!;
    this.#inputBiases = inputBiases!;
    this.#outputWeights = outputWeights!;
    this.#outputBiases = outputBiases!;
  }

  sample(count: number, random: RandomStream, temperature = 1, context?: Context): Samples {
    const weights: SamplerWeights = {
      degrees: this.#degrees,
      inputWeights: this.#inputWeights.dataSync() as Float32Array,
      inputBiases: this.#inputBiases.dataSync() as Float32Array,
      outputWeights: this.#outputWeights.dataSync() as Float32Array,
      outputBiases: this.#outputBiases.dataSync() as Float32Array,
    };
    const rows = this.#shift.rows(weights.outputBiases, context);
    return sampleAutoregressive(this.layout, weights, count, random, temperature, rows);
  }

  logProbs(points: readonly ArrayLike<number>[], context?: Context): Float32Array {
    const batch = this.batch(points, context);
    const logProbs = tf.tidy(() => this.evaluate(batch).logProb.dataSync().slice() as Float32Array);
    batch.dispose();
    return logProbs;
  }

  batch(codes: readonly ArrayLike<number>[], context?: Context): AutoregressiveBatch {
    const { features, oneHot, active, forbidden } = encodeBatch(this.layout, codes);
    const { decisions, width, featureCount } = this.layout;
    const tensors = {
      features: tf.tensor2d(features, [codes.length, featureCount]),
      oneHot: tf.tensor2d(oneHot, [codes.length * decisions.length, width]),
      active: tf.tensor2d(active, [codes.length, decisions.length]),
      ...(forbidden && { forbidden: tf.tensor2d(forbidden, [codes.length * decisions.length, width]) }),
      context: this.#shift.tensor(codes.length, context),
    };
    return { count: codes.length, ...tensors, dispose: () => tf.dispose(tensors) };
  }

  /** Differentiable; call it inside a tidy. */
  evaluate({ count, features, oneHot, active, forbidden, context }: AutoregressiveBatch): Evaluated {
    const { decisions } = this.layout;
    const { inputMask, outputMask } = this.#constants;
    const hidden = tf.relu(tf.add(matMul(features, tf.mul(this.#inputWeights, inputMask)), this.#inputBiases));
    const linear = tf.add(matMul(hidden, tf.mul(this.#outputWeights, outputMask)), this.#outputBiases);
    const logits = this.#heads.logits(this.#shift.shifted(linear, context), count, forbidden);
    const logProbs = tf.logSoftmax(logits);
    const chosen = tf.reshape(tf.sum(tf.mul(logProbs, oneHot), 1), [count, decisions.length]);
    const terms = tf.mul(tf.exp(logProbs), logProbs);
    const entropies = tf.reshape(tf.neg(tf.sum(terms, 1)), [count, decisions.length]);
    const entropy = tf.sum(tf.mul(entropies, active), 1) as tf.Tensor1D;
    return { logProb: tf.sum(chosen, 1), decisionLogProbs: chosen as tf.Tensor2D, entropy }; // oneHot is zero where inactive
  }

  dispose(): void {
    for (const { variable } of this.parameters) variable.dispose();
    tf.dispose(this.#constants);
    this.#heads.dispose();
  }
}

/** How many decisions each hidden unit sees: 1 .. decisions - 1, spread evenly and rising. */
export function degreesOf(hiddenUnits: number, decisionCount: number): Int32Array {
  const range = Math.max(1, decisionCount - 1);
  return Int32Array.from({ length: hiddenUnits }, (_, u) => 1 + Math.floor((u * range) / hiddenUnits));
}

/** What connects to what, as tensors of 0 and 1: inputMask [features, hidden], outputMask [hidden, decisions * width]. */
export function constantsOf(layout: Layout, degrees: Int32Array) {
  const { decisions, width, featureCount } = layout;
  const hidden = degrees.length;
  const outputs = decisions.length * width;
  const inputMask = new Float32Array(featureCount * hidden);
  const outputMask = new Float32Array(hidden * outputs);
  decisions.forEach((decision, d) => {
    for (let u = 0; u < hidden; u++) {
      for (let f = 0; f < decision.featureCount; f++) {
        if (d < degrees[u]!) inputMask[(decision.featureStart + f) * hidden + u] = 1;
      }
      for (let v = 0; v < decision.valueCount; v++) {
        if (degrees[u]! <= d) outputMask[u * outputs + d * width + v] = 1;
      }
    }
  });
  return {
    inputMask: tf.tensor2d(inputMask, [featureCount, hidden]),
    outputMask: tf.tensor2d(outputMask, [hidden, outputs]),
  };
}
