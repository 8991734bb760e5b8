// The weights of one network trained alone: tfjs variables, made on first use from the seed and the layer's name.
import * as tf from "@tensorflow/tfjs";
import { RandomStream } from "../../../src/core/rng.js";
import type { Layer } from "../../network/ir.js";
import type { WeightRole, WeightSource } from "./run-network.js";

/** He initialisation (He et al. 2015, arXiv:1502.01852) for filters, 1 for scales, 0 for shifts. */
export function initialValues(seed: number, layer: Layer, role: WeightRole, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (role !== "filter") return new Float32Array(count).fill(role === "scale" ? 1 : 0);
  const random = RandomStream.of(seed, `weights/${layer.id}`);
  const fanIn = layer.kind === "depthwise" ? shape[0]! * shape[1]! : count / shape.at(-1)!;
  const gain = layer.activation === "none" || layer.kind === "fully-connected" ? 1 : 2;
  const deviation = Math.sqrt(gain / fanIn);
  return Float32Array.from({ length: count }, () => deviation * random.normal());
}

export class OwnWeights implements WeightSource {
  readonly #seed: number;
  readonly #variables = new Map<string, tf.Variable>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** In the order of first use, which is that of the layers. */
  get variables(): readonly tf.Variable[] {
    return [...this.#variables.values()];
  }

  get(layer: Layer, role: WeightRole, shape: readonly number[]): tf.Tensor {
    const key = `${layer.id}/${role}`;
    const known = this.#variables.get(key);
    if (known !== undefined) return known;
    const values = initialValues(this.#seed, layer, role, shape);
    const made = tf.tidy(() => tf.variable(tf.tensor(values, [...shape]), true)); // variables outlive tidy
    this.#variables.set(key, made);
    return made;
  }

  dispose(): void {
    for (const variable of this.#variables.values()) variable.dispose();
    this.#variables.clear();
  }
}
