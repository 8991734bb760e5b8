// A factorised policy: each knob has a distribution of its own, whatever the others are. The plain rival of the policies that
// see earlier choices; its update is a fraction of theirs. Ordered knobs have ordinal heads, as in autoregressive.ts.
// Paper: Williams 1992, Machine Learning 8 (independent units); as a controller e.g. Bender et al. 2020, arXiv:2008.06120.
import * as tf from "@tensorflow/tfjs";
import type { RandomStream } from "../../src/core/rng.js";
import type { Space } from "../../src/core/space.js";
import { headConstants } from "./heads.js";
import { encodeBatch, type Layout, layoutOf } from "./layout.js";
import type { Evaluated, Parameter, Policy, PolicyBatch, Samples } from "./policy.js";
import { sampleAutoregressive } from "./sampler.js";

interface FactorisedBatch extends PolicyBatch {
  /** [count, decisions * width] */
  readonly oneHot: tf.Tensor2D;
  /** [count, decisions] */
  readonly active: tf.Tensor2D;
}

const NOTHING = new Float32Array(0);

/** The policy; starts as the uniform one. */
export class FactorisedPolicy implements Policy<FactorisedBatch> {
  readonly layout: Layout;
  readonly parameters: readonly Parameter[];
  readonly #outputBiases: tf.Variable; // [decisions * width]
  readonly #constants: ReturnType<typeof headConstants>;

  constructor(space: Space) {
    this.layout = layoutOf(space);
    this.#constants = headConstants(this.layout);
    const zeros = tf.zeros([this.layout.decisions.length * this.layout.width]);
    this.#outputBiases = tf.variable(zeros, true);
    zeros.dispose();
    this.parameters = [{ name: "outputBiases", variable: this.#outputBiases, learningRateScale: 1 }];
  }

  sample(count: number, random: RandomStream, temperature = 1): Samples {
    const weights = {
      degrees: new Int32Array(0),
      inputWeights: NOTHING,
      inputBiases: NOTHING,
      outputWeights: NOTHING,
      outputBiases: this.#outputBiases.dataSync() as Float32Array,
    };
    return sampleAutoregressive(this.layout, weights, count, random, temperature);
  }

  logProbs(points: readonly ArrayLike<number>[]): Float32Array {
    const batch = this.batch(points);
    const logProbs = tf.tidy(() => this.evaluate(batch).logProb.dataSync().slice() as Float32Array);
    batch.dispose();
    return logProbs;
  }

  batch(codes: readonly ArrayLike<number>[]): FactorisedBatch {
    const { oneHot, active } = encodeBatch(this.layout, codes);
    const { decisions, width } = this.layout;
    const tensors = {
      oneHot: tf.tensor2d(oneHot, [codes.length, decisions.length * width]),
      active: tf.tensor2d(active, [codes.length, decisions.length]),
    };
    return { count: codes.length, ...tensors, dispose: () => tf.dispose(tensors) };
  }

  /** Differentiable; call it inside a tidy. */
  evaluate({ oneHot, active }: FactorisedBatch): Evaluated {
    const { decisions, width } = this.layout;
    const { logits } = this.#constants;
    const logProbs = tf.logSoftmax(logits(tf.reshape(this.#outputBiases, [1, decisions.length * width]), 1));
    const entropies = tf.neg(tf.sum(tf.mul(tf.exp(logProbs), logProbs), 1)); // [decisions]
    const flat = tf.reshape(logProbs, [1, decisions.length * width]);
    return {
      logProb: tf.sum(tf.mul(oneHot, flat), 1),
      entropy: tf.sum(tf.mul(active, tf.reshape(entropies, [1, decisions.length])), 1),
    };
  }

  dispose(): void {
    this.#outputBiases.dispose();
    this.#constants.dispose();
  }
}
