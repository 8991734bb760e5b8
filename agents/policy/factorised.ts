// A factorised policy: each knob has a distribution of its own, whatever the others are. The plain rival of the policies that
// see earlier choices; its update is a fraction of theirs. Ordered knobs have ordinal heads, as in autoregressive.ts.
// Paper: Williams 1992, Machine Learning 8 (independent units); as a controller e.g. Bender et al. 2020, arXiv:2008.06120.
import * as tf from "@tensorflow/tfjs";
import type { RandomStream } from "../../src/core/rng.js";
import type { Space } from "../../src/core/space.js";
import { ContextShift } from "./context.js";
import { headConstants } from "./heads.js";
import { encodeBatch, type Layout, layoutOf } from "./layout.js";
import type { Context, Evaluated, Parameter, Policy, PolicyBatch, Samples } from "./policy.js";
import { sampleAutoregressive } from "./sampler.js";

interface FactorisedBatch extends PolicyBatch {
  /** [count, decisions * width] */
  readonly oneHot: tf.Tensor2D;
  /** [count, decisions] */
  readonly active: tf.Tensor2D;
  /** [count * decisions, width], where the space has rules */
  readonly forbidden?: tf.Tensor2D;
  /** [count, context] */
  readonly context?: tf.Tensor2D | undefined;
}

const NOTHING = new Float32Array(0);

/** The policy; starts as the uniform one. */
export class FactorisedPolicy implements Policy<FactorisedBatch> {
  readonly layout: Layout;
  readonly parameters: readonly Parameter[];
  readonly #outputBiases: tf.Variable; // [decisions * width]
  readonly #constants: ReturnType<typeof headConstants>;
  readonly #shift: ContextShift;

  /** @param contextSize numbers that the policy is told with each candidate */
  constructor(space: Space, contextSize = 0) {
    this.layout = layoutOf(space);
    this.#shift = new ContextShift(this.layout, contextSize);
    this.#constants = headConstants(this.layout);
    const zeros = tf.zeros([this.layout.decisions.length * this.layout.width]);
    this.#outputBiases = tf.variable(zeros, true);
    zeros.dispose();
    this.parameters = [
      { name: "outputBiases", variable: this.#outputBiases, learningRateScale: 1 },
      ...this.#shift.parameters,
    ];
  }

  sample(count: number, random: RandomStream, temperature = 1, context?: Context): Samples {
    const weights = {
      degrees: new Int32Array(0),
      inputWeights: NOTHING,
      inputBiases: NOTHING,
      outputWeights: NOTHING,
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

  batch(codes: readonly ArrayLike<number>[], context?: Context): FactorisedBatch {
    const { oneHot, active, forbidden } = encodeBatch(this.layout, codes);
    const { decisions, width } = this.layout;
    const tensors = {
      oneHot: tf.tensor2d(oneHot, [codes.length, decisions.length * width]),
      active: tf.tensor2d(active, [codes.length, decisions.length]),
      ...(forbidden && { forbidden: tf.tensor2d(forbidden, [codes.length * decisions.length, width]) }),
      context: this.#shift.tensor(codes.length, context),
    };
    return { count: codes.length, ...tensors, dispose: () => tf.dispose(tensors) };
  }

  /** Differentiable; call it inside a tidy. Without context and rules all candidates share one row of logits. */
  evaluate({ count, oneHot, active, forbidden, context }: FactorisedBatch): Evaluated {
    const { decisions, width } = this.layout;
    const shape = [decisions.length, width];
    const isShared = forbidden === undefined && context === undefined;
    const rows = isShared ? 1 : count;
    const biases = tf.reshape(this.#outputBiases, [1, decisions.length * width]);
    const outputs = isShared ? biases : this.#shift.shifted(tf.tile(biases, [count, 1]), context);
    const logProbs = tf.logSoftmax(this.#constants.logits(outputs, rows, forbidden));
    const entropies = tf.reshape(tf.neg(tf.sum(tf.mul(tf.exp(logProbs), logProbs), 1)), [rows, decisions.length]);
    const perValue = tf.mul(tf.reshape(oneHot, [count, ...shape]), tf.reshape(logProbs, [rows, ...shape]));
    const chosen = tf.sum(perValue, 2) as tf.Tensor2D; // oneHot is zero where inactive
    return {
      logProb: tf.sum(chosen, 1),
      decisionLogProbs: chosen,
      entropy: tf.sum(tf.mul(active, entropies), 1),
    };
  }

  dispose(): void {
    for (const { variable } of this.parameters) variable.dispose();
    this.#constants.dispose();
  }
}
