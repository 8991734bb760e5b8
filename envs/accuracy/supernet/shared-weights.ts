// The weights of all networks of a space at once. A network takes the first channels and the centre of the kernel of the
// largest weight of its name, as in Once-for-all (Cai et al. 2020, arXiv:1908.09791) without its kernel transformations; how
// many blocks a stage has decides which names occur. Gradients flow back into the parts that were taken.
import * as tf from "@tensorflow/tfjs";
import type { Layer } from "../../network/ir.js";
import { NoEstimate } from "../no-estimate.js";
import type { WeightRole, WeightSource } from "../training/run-network.js";
import { initialValues } from "../training/weights.js";
import { type Weight, weightKey } from "./subnets.js";

export class SharedWeights implements WeightSource {
  /** in the order of `keys` */
  readonly variables: readonly tf.Variable[];
  readonly keys: readonly string[];
  readonly #byKey: ReadonlyMap<string, tf.Variable>;

  /** @param largest from `largestWeights` */
  constructor(largest: ReadonlyMap<string, Weight>, seed: number) {
    this.keys = [...largest.keys()];
    this.variables = [...largest.values()].map(({ layer, role, shape }) =>
      tf.tidy(() => tf.variable(tf.tensor(initialValues(seed, layer, role, shape), [...shape]), true)),
    );
    this.#byKey = new Map(this.keys.map((key, i) => [key, this.variables[i]!]));
  }

  /** @throws NoEstimate for a layer that no network of the space has */
  get(layer: Layer, role: WeightRole, shape: readonly number[]): tf.Tensor {
    const whole = this.#byKey.get(weightKey(layer, role));
    const fits = whole !== undefined && shape.every((size, i) => size <= whole.shape[i]!);
    if (!fits) {
      const has = whole === undefined ? "no such layer" : `at most ${whole.shape.join(" × ")}`;
      throw new NoEstimate(`layer ${layer.id} (${layer.kind}, ${shape.join(" × ")}): the supernet has ${has}`);
    }
    if (shape.every((size, i) => size === whole.shape[i])) return whole;
    const isKernel = (i: number): boolean => shape.length === 4 && i < 2;
    const begin = shape.map((size, i) => (isKernel(i) ? Math.floor((whole.shape[i]! - size) / 2) : 0));
    return tf.slice(whole, begin, [...shape]);
  }

  dispose(): void {
    for (const variable of this.variables) variable.dispose();
  }
}
