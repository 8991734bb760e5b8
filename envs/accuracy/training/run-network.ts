// Runs a network of the IR on a batch of images, with weights that somebody else keeps: a stand-alone training, a supernet,
// or a zero-cost score. Smaller images than the network was described for pass through the same layers.
import * as tf from "@tensorflow/tfjs";
import { CosearchError } from "../../../src/core/errors.js";
import type { Activation, Layer, Network } from "../../network/ir.js";
import {
  batchNormalize,
  conv2d,
  depthwiseConv2d,
  isFused,
  type Moments,
  matMul,
  momentsOf,
  normalizeBy,
} from "./gradient-ops.js";

export type WeightRole = "filter" | "scale" | "shift";

/** Where the tensors of a layer come from; filters of convolutions are [R, S, C / G, K], of matrices [C, K]. */
export interface WeightSource {
  get(layer: Layer, role: WeightRole, shape: readonly number[]): tf.Tensor;
}

/** Sums of each layer's statistics over some batches, by layer. */
export type Collected = Map<string, { readonly sum: Moments; readonly batches: number }>;

/** batch: by the batch's own statistics; collect: the same, and remember their mean; fixed: by what was remembered;
 *  none: no normalisation (for scores that follow the signal through the weights alone). */
export type Normalization =
  | { readonly mode: "batch" | "none" }
  | { readonly mode: "collect"; readonly into: Collected }
  | { readonly mode: "fixed"; readonly from: ReadonlyMap<string, Moments> };

export interface RunOptions {
  readonly classes: number;
  readonly normalization: Normalization;
  /** called with every rectified feature map, inside tidy */
  readonly onActivation?: (layer: Layer, map: tf.Tensor) => void;
}

const TRAINABLE: ReadonlySet<Layer["kind"]> = new Set([
  "conv",
  "depthwise",
  "fully-connected",
  "pool",
  "global-pool",
  "add",
  "multiply",
]);

/** @throws CosearchError NETWORK_BAD_SHAPE for layers that a trainer does not know: products of activations, dilation */
export function checkRunnable(network: Network): void {
  for (const layer of network.layers) {
    const isKnown = TRAINABLE.has(layer.kind) && layer.dilation[0] === 1 && layer.dilation[1] === 1;
    const isEven = layer.stride[0] === layer.stride[1];
    if (isKnown && isEven) continue;
    const what = !isEven ? "unequal strides" : TRAINABLE.has(layer.kind) ? "dilation" : layer.kind;
    throw new CosearchError(
      "NETWORK_BAD_SHAPE",
      `network ${network.name}, layer ${layer.id}: ${what} cannot be trained here`,
    );
  }
}

/** Logits of a batch. @param images [N, rows, columns, channels] @returns [N, classes] */
export function runNetwork(
  network: Network,
  weights: WeightSource,
  images: tf.Tensor4D,
  options: RunOptions,
): tf.Tensor2D {
  const outputs: tf.Tensor4D[] = [];
  const last = network.layers.length - 1;
  network.layers.forEach((layer, i) => {
    const inputs = layer.inputs.map((position) => (position < 0 ? images : outputs[position]!));
    const rowsBefore = layer.inputs[0]! < 0 ? network.input.resolution : network.layers[layer.inputs[0]!]!.P;
    const output = runLayer(layer, inputs, rowsBefore, weights, i === last, options);
    outputs.push(output);
  });
  const output = outputs[last]!;
  return output.reshape([output.shape[0], -1]) as tf.Tensor2D;
}

function runLayer(
  layer: Layer,
  inputs: readonly tf.Tensor4D[],
  rowsBefore: number,
  weights: WeightSource,
  isLast: boolean,
  options: RunOptions,
): tf.Tensor4D {
  const seen = (activated: tf.Tensor4D): tf.Tensor4D => {
    if (layer.activation !== "none") options.onActivation?.(layer, activated);
    return activated;
  };
  const activate = (x: tf.Tensor4D): tf.Tensor4D => seen(ACTIVATE[layer.activation](x) as tf.Tensor4D);
  if (layer.kind === "add")
    return activate(inputs.reduce((sum: tf.Tensor4D, input): tf.Tensor4D => tf.add(sum, input)));
  if (layer.kind === "multiply")
    return activate(inputs.reduce((product: tf.Tensor4D, input): tf.Tensor4D => tf.mul(product, input)));
  const input = inputs.length === 1 ? inputs[0]! : tf.concat([...inputs], 3);
  const [N, , , C] = input.shape;
  const stride = layer.stride[0];
  switch (layer.kind) {
    case "global-pool":
      return activate(tf.mean(input, [1, 2], true) as tf.Tensor4D);
    case "pool": {
      const padding = isSame(layer, rowsBefore) ? "same" : "valid";
      // the IR does not tell maximum from average: those that keep the size are averages in the published cells
      const pooled =
        stride === 1
          ? tf.avgPool(input, [layer.R, layer.S], 1, padding)
          : tf.maxPool(input, [layer.R, layer.S], stride, padding);
      return activate(pooled);
    }
    case "fully-connected": {
      const flat = input.reshape([N, -1]);
      const units = isLast ? options.classes : layer.K;
      const product = matMul(flat, weights.get(layer, "filter", [flat.shape[1]!, units]));
      const shifted = product.add(weights.get(layer, "shift", [units]));
      return activate(shifted.reshape([N, 1, 1, units]));
    }
    default: {
      const padded = padFor(layer, input, rowsBefore);
      const product =
        layer.kind === "depthwise"
          ? depthwiseConv2d(padded, weights.get(layer, "filter", [layer.R, layer.S, C, 1]) as tf.Tensor4D, stride)
          : grouped(
              layer,
              padded,
              weights.get(layer, "filter", [layer.R, layer.S, C / layer.G, layer.K]) as tf.Tensor4D,
            );
      return seen(normalized(layer, product, weights, options.normalization));
    }
  }
}

function grouped(layer: Layer, x: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  const stride = layer.stride[0];
  if (layer.G === 1) return conv2d(x, filter, stride, layer.inputs[0]! < 0);
  const inputs: tf.Tensor4D[] = tf.split(x, layer.G, 3);
  const filters: tf.Tensor4D[] = tf.split(filter, layer.G, 3);
  return tf.concat(
    inputs.map((part, g) => conv2d(part, filters[g]!, stride)),
    3,
  );
}

/** Normalisation, or a bias where the layer has no normalisation, and the activation. */
function normalized(layer: Layer, x: tf.Tensor4D, weights: WeightSource, normalization: Normalization): tf.Tensor4D {
  const [N, P, Q, K] = x.shape;
  const activate = ACTIVATE[layer.activation] as (map: tf.Tensor4D) => tf.Tensor4D;
  // a signal without normalisation grows from layer to layer: a cap would stop it, and its gradient
  if (normalization.mode === "none") return (layer.activation === "relu6" ? tf.relu(x) : activate(x)) as tf.Tensor4D;
  // one parameter more per channel is a bias, two are the scale and the shift of a normalisation
  if (layer.paramCount - layer.weightCount < 2 * layer.K) return activate(tf.add(x, weights.get(layer, "shift", [K])));
  const flat = x.reshape([N * P * Q, K]) as tf.Tensor2D;
  const scale = weights.get(layer, "scale", [K]);
  const shift = weights.get(layer, "shift", [K]);
  const fused = isFused(layer.activation) ? layer.activation : "none";
  if (normalization.mode === "collect") {
    const { mean, variance } = momentsOf(flat);
    const found = { mean: mean.dataSync() as Float32Array, variance: variance.dataSync() as Float32Array };
    collect(layer.id, found, normalization.into);
  }
  const result =
    normalization.mode === "fixed"
      ? normalizeBy(flat, normalization.from.get(layer.id)!, scale, shift, fused)
      : batchNormalize(flat, scale, shift, fused);
  const map = result.reshape([N, P, Q, K]) as tf.Tensor4D;
  return fused === layer.activation ? map : activate(map);
}

function collect(id: string, { mean, variance }: Moments, into: Collected): void {
  const before = into.get(id);
  into.set(id, {
    sum: {
      mean: before === undefined ? mean : before.sum.mean.map((value, i) => value + mean[i]!),
      variance: before === undefined ? variance : before.sum.variance.map((value, i) => value + variance[i]!),
    },
    batches: (before?.batches ?? 0) + 1,
  });
}

/** Whether the layer keeps rows / stride, as TensorFlow's "same" padding does. */
const isSame = (layer: Layer, rowsBefore: number): boolean => layer.P === Math.ceil(rowsBefore / layer.stride[0]);

/** Zeros around a map so that a convolution without padding gives what the layer means. */
function padFor(layer: Layer, x: tf.Tensor4D, rowsBefore: number): tf.Tensor4D {
  const [, H, W] = x.shape;
  const stride = layer.stride[0];
  const around = (size: number, kernel: number): [number, number] => {
    const total = isSame(layer, rowsBefore)
      ? (Math.ceil(size / stride) - 1) * stride + kernel - size
      : Math.max((layer.P - 1) * stride + kernel - rowsBefore, kernel - size);
    const before = Math.floor(Math.max(0, total) / 2);
    return [before, Math.max(0, total) - before];
  };
  const [rows, columns] = [around(H, layer.R), around(W, layer.S)];
  if (rows[0] + rows[1] + columns[0] + columns[1] === 0) return x;
  return tf.pad(x, [[0, 0], rows, columns, [0, 0]]);
}

const ACTIVATE: Readonly<Record<Activation, (x: tf.Tensor) => tf.Tensor>> = {
  none: (x) => x,
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.clipByValue(x, 0, 6),
  swish: (x) => tf.mul(x, tf.sigmoid(x)),
  "hard-swish": (x) => tf.mul(x, hardSigmoid(x)),
  sigmoid: (x) => tf.sigmoid(x),
  "hard-sigmoid": (x) => hardSigmoid(x),
  // x · sigmoid(1.702 x), Hendrycks and Gimpel 2016 (arXiv:1606.08415)
  gelu: (x) => tf.mul(x, tf.sigmoid(x.mul(1.702))),
};

const hardSigmoid = (x: tf.Tensor): tf.Tensor => tf.clipByValue(x.add(3), 0, 6).div(6);
