// The context of a policy: numbers that the agent tells it beside the earlier choices, for example which objective counts how
// much. It shifts the outputs linearly, the same way in every policy, so one set of weights holds a family of policies.
// As preference input after Abels et al. 2019, "Dynamic weights in multi-objective deep reinforcement learning",
// arXiv:1809.07803 (conditioned network); linear, because the agent chooses the features.
import * as tf from "@tensorflow/tfjs";
import type { Layout } from "./layout.js";
import { matMul } from "./ops.js";
import type { Context, Parameter } from "./policy.js";

/** The weights of a context and what they do to the outputs; without a context, nothing. */
export class ContextShift {
  readonly parameters: readonly Parameter[];
  readonly #size: number;
  readonly #outputs: number;

  /** @param size numbers per candidate, 0 for a policy without context */
  constructor({ decisions, width }: Layout, size: number) {
    this.#size = size;
    this.#outputs = decisions.length * width;
    const zeros = tf.zeros([Math.max(1, size), this.#outputs]);
    this.parameters =
      size === 0 ? [] : [{ name: "contextWeights", variable: tf.variable(zeros, true), learningRateScale: 1 }];
    zeros.dispose();
  }

  /** The context of a batch as a tensor, [count, size]; undefined without one. */
  tensor(count: number, context: Context | undefined): tf.Tensor2D | undefined {
    if (this.#size === 0) return undefined;
    const values = new Float32Array(count * this.#size);
    context?.forEach((row, i) => {
      values.set(Array.from(row), i * this.#size);
    });
    return tf.tensor2d(values, [count, this.#size]);
  }

  /** outputs + context . weights, as tensors. @param outputs [count, decisions * width], or one row for all */
  shifted(outputs: tf.Tensor, context: tf.Tensor2D | undefined): tf.Tensor {
    const [weights] = this.parameters;
    return context === undefined || weights === undefined
      ? outputs
      : tf.add(outputs, matMul(context, weights.variable as tf.Tensor2D));
  }

  /** biases + context . weights of each candidate, on plain arrays; undefined without a context. */
  rows(biases: Float32Array, context: Context | undefined): Float32Array[] | undefined {
    const weights = this.parameters[0]?.variable.dataSync();
    if (context === undefined || weights === undefined) return undefined;
    return context.map((row) => {
      const shifted = biases.slice();
      for (let c = 0; c < this.#size; c++) {
        for (let o = 0; o < this.#outputs; o++) {
          shifted[o] = shifted[o]! + row[c]! * weights[c * this.#outputs + o]!;
        }
      }
      return shifted;
    });
  }
}
