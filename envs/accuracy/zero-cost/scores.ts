// Scores of a network at initialisation that cost one or two batches instead of a training. Higher is better.
//   synflow    Tanaka et al. 2020, arXiv:2006.05467   sum over parameters of |weight · d(sum of outputs)/d(weight)|, made of
//              absolute weights and an image of ones; its logarithm
//   naswot     Mellor et al. 2021, arXiv:2006.04647   log-determinant of how often two images switch the same units
//   zico       Li et al. 2023, arXiv:2301.11300       sum over layers of the logarithm of mean |gradient| / its deviation
//   grad-norm  Abdelfattah et al. 2021, arXiv:2101.08134   Euclidean norm of the gradient of one batch; its logarithm
import * as tf from "@tensorflow/tfjs";
import type { Layer, Network } from "../../network/ir.js";
import { cholesky } from "../linear-algebra.js";
import { batchOf, type ImageSet } from "../training/image-set.js";
import { checkRunnable, runNetwork, type WeightRole, type WeightSource } from "../training/run-network.js";
import { lossOf } from "../training/train.js";
import { OwnWeights } from "../training/weights.js";

export const ZERO_COST_SCORES = ["synflow", "naswot", "zico", "grad-norm", "macs", "params"] as const;
export type ZeroCostScore = (typeof ZERO_COST_SCORES)[number];

const BATCH = 32;
const ZICO_BATCHES = 2;

/** Every score of a network. The tensor backend must be set. @throws CosearchError NETWORK_BAD_SHAPE */
export function zeroCostScores(network: Network, set: ImageSet, seed: number): Record<ZeroCostScore, number> {
  checkRunnable(network);
  const weights = new OwnWeights(seed);
  try {
    const batch = (b: number): number[] => Array.from({ length: BATCH }, (_, i) => (b * BATCH + i) % set.labels.length);
    tf.dispose(tf.tidy(() => lossOf(network, weights, set, batch(0)))); // makes the variables
    const gradients = Array.from({ length: ZICO_BATCHES }, (_, b) => gradientsOf(network, weights, set, batch(b)));
    return {
      synflow: synflow(network, weights, set),
      naswot: naswot(network, weights, set, batch(0)),
      zico: zico(gradients),
      "grad-norm": gradNorm(gradients[0]!),
      macs: Math.log(network.macCount),
      params: Math.log(network.paramCount),
    };
  } finally {
    weights.dispose();
  }
}

/** ln of the synaptic flow, without normalisation; the signal stays positive, so rectifiers let it pass. */
export function synflow(network: Network, weights: OwnWeights, set: Pick<ImageSet, "size" | "classes">): number {
  const filters = new Map<string, tf.Tensor>();
  const source: WeightSource = {
    get(layer: Layer, role: WeightRole, shape: readonly number[]) {
      if (role !== "filter") return role === "scale" ? tf.ones([...shape]) : tf.zeros([...shape]);
      const key = layer.id;
      const made = filters.get(key) ?? tf.keep(tf.abs(weights.get(layer, role, shape)));
      filters.set(key, made);
      return made;
    },
  };
  const run = (): tf.Scalar => {
    const image = tf.ones([1, set.size, set.size, network.input.channels]) as tf.Tensor4D;
    return tf.sum(runNetwork(network, source, image, { classes: set.classes, normalization: { mode: "none" } }));
  };
  try {
    tf.dispose(tf.tidy(run)); // makes the filters
    const list = [...filters.values()];
    return tf.tidy(() => {
      const flows = tf.grads(run as unknown as (...given: tf.Tensor[]) => tf.Scalar)(list);
      const total = tf.addN(flows.map((flow, i) => tf.sum(tf.abs(tf.mul(flow, list[i]!)))));
      return Math.log(Math.max(Number.MIN_VALUE, total.dataSync()[0]!));
    });
  } finally {
    for (const filter of filters.values()) filter.dispose();
  }
}

/** ln|K| of the images' switching patterns. */
function naswot(network: Network, weights: WeightSource, set: ImageSet, indices: readonly number[]): number {
  const codes: Uint8Array[][] = indices.map(() => []);
  tf.tidy(() => {
    const x = tf.tensor4d(batchOf(set, indices).images, [indices.length, set.size, set.size, 3]);
    runNetwork(network, weights, x, {
      classes: set.classes,
      normalization: { mode: "batch" },
      onActivation(_, map) {
        const bits = map.dataSync();
        const each = bits.length / indices.length;
        indices.forEach((_, i) => {
          codes[i]!.push(Uint8Array.from(bits.subarray(i * each, (i + 1) * each), (value) => (value > 0 ? 1 : 0)));
        });
      },
    });
  });
  return logDeterminantOfAgreement(codes.map((parts) => concatenate(parts)));
}

/** ln|K|, K[i][j] = units that images i and j switch alike; identical patterns give a very small number.
 *  @param codes one pattern of zeros and ones per image */
export function logDeterminantOfAgreement(codes: readonly Uint8Array[]): number {
  const n = codes.length;
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let alike = 0;
      for (let u = 0; u < codes[i]!.length; u++) if (codes[i]![u] === codes[j]![u]) alike++;
      matrix[i * n + j] = alike;
      matrix[j * n + i] = alike;
    }
  }
  for (let i = 0; i < n; i++) matrix[i * n + i]! += 1e-6; // two images alike would make it singular
  const lower = cholesky(matrix, n);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += 2 * Math.log(lower[i * n + i]!);
  return sum;
}

/** @param gradients per batch, per layer, per weight; at least two batches */
export function zico(gradients: readonly (readonly ArrayLike<number>[])[]): number {
  const layerCount = gradients[0]!.length;
  let score = 0;
  for (let layer = 0; layer < layerCount; layer++) {
    const each = gradients.map((batch) => batch[layer]!);
    let sum = 0;
    for (let w = 0; w < each[0]!.length; w++) {
      const values = each.map((batch) => batch[w]!);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
      if (deviation > 0) sum += values.reduce((a, b) => a + Math.abs(b), 0) / values.length / deviation;
    }
    if (sum > 0) score += Math.log(sum);
  }
  return score;
}

/** ln of the norm of all gradients together. */
export function gradNorm(gradients: readonly ArrayLike<number>[]): number {
  let squares = 0;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) squares += gradient[i]! ** 2;
  return Math.log(Math.max(Number.MIN_VALUE, Math.sqrt(squares)));
}

/** Gradients of the loss by the filters, one array per layer. */
function gradientsOf(
  network: Network,
  weights: OwnWeights,
  set: ImageSet,
  indices: readonly number[],
): ArrayLike<number>[] {
  const filters = weights.variables.filter((variable) => variable.rank > 1);
  return tf.tidy(() => {
    const { grads } = tf.variableGrads(() => lossOf(network, weights, set, indices), [...filters]);
    return filters.map((filter) => grads[filter.name]!.dataSync().slice());
  });
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
