// Convolution, depthwise convolution and batch normalisation with gradients that the WebAssembly backend can compute: it
// has no kernel for the gradient of filters, so each is written with kernels that it has (docs/accuracy.md, "Training").
import * as tf from "@tensorflow/tfjs";
import type { Activation } from "../../network/ir.js";
import {
  columnMoments,
  depthwiseFilterGradient,
  depthwiseInputGradient,
  normalizationGradient,
  scaleColumns,
  spreadInto,
  subsampleInto,
} from "./channel-loops.js";
import { runLoop } from "./in-place.js";

/** Product of two matrices whose gradients do without the transpose flags, which are slow on WebAssembly. */
export const matMul = tf.customGrad((...given) => {
  const [a, b, save] = given as unknown as [tf.Tensor2D, tf.Tensor2D, (tensors: tf.Tensor[]) => void];
  save([a, b]);
  return {
    value: tf.matMul(a, b),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [left, right] = saved as [tf.Tensor2D, tf.Tensor2D];
      return [tf.matMul(dy as tf.Tensor2D, tf.transpose(right)), tf.matMul(tf.transpose(left), dy as tf.Tensor2D)];
    },
  };
}) as (a: tf.Tensor, b: tf.Tensor) => tf.Tensor2D;

/** Convolution without padding. @param x [N, H, W, C] @param filter [R, S, C, K] @returns [N, P, Q, K] */
export function conv2d(x: tf.Tensor4D, filter: tf.Tensor4D, stride: number): tf.Tensor4D {
  const [R, S, C, K] = filter.shape;
  if (R === 1 && S === 1) {
    const reduced = stride === 1 ? x : subsample(x, stride);
    const [N, H, W] = reduced.shape;
    return matMul(reduced.reshape([N * H * W, C]), filter.reshape([C, K])).reshape([N, H, W, K]);
  }
  return convolve(stride)(x, filter);
}

const convolve = (stride: number): ((x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor4D) =>
  tf.customGrad((...given) => {
    const [x, filter, save] = given as unknown as [tf.Tensor4D, tf.Tensor4D, (tensors: tf.Tensor[]) => void];
    save([x, filter]);
    return {
      value: tf.conv2d(x, filter, stride, "valid"),
      gradFunc: (dyAny: tf.Tensor, saved: tf.Tensor[]) => {
        const dy = dyAny as tf.Tensor4D;
        const [input, weights] = saved as [tf.Tensor4D, tf.Tensor4D];
        const [R, S, C, K] = weights.shape;
        const dx = tf.conv2dTranspose(dy, weights, input.shape, stride, "valid");
        // dw[r,s,c,k] = sum over n,p,q of x[n, p·stride + r, q·stride + s, c] · dy[n,p,q,k]: a convolution whose channels
        // are the images, whose images are the channels, and whose filter is dy, spread by the stride
        const spread = tf.conv2d(
          tf.transpose(input, [3, 1, 2, 0]),
          tf.transpose(dy, [1, 2, 0, 3]),
          1,
          "valid",
          "NHWC",
          stride,
        ) as tf.Tensor4D;
        const dw = tf.transpose(tf.slice(spread, [0, 0, 0, 0], [C, R, S, K]), [1, 2, 0, 3]);
        return [dx, dw];
      },
    };
  }) as unknown as (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor4D;

/** Each channel with its own filter, without padding. @param x [N, H, W, C] @param filter [R, S, C, 1] */
export const depthwiseConv2d = (x: tf.Tensor4D, filter: tf.Tensor4D, stride: number): tf.Tensor4D =>
  (
    tf.customGrad((...given) => {
      const [input, weights, save] = given as unknown as [tf.Tensor4D, tf.Tensor4D, (tensors: tf.Tensor[]) => void];
      save([input, weights]);
      return {
        value: tf.depthwiseConv2d(input, weights, stride, "valid"),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
          depthwiseGradients(dy as tf.Tensor4D, saved[0] as tf.Tensor4D, saved[1] as tf.Tensor4D, stride),
      };
    }) as unknown as (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor4D
  )(x, filter);

function depthwiseGradients(dy: tf.Tensor4D, x: tf.Tensor4D, filter: tf.Tensor4D, stride: number): tf.Tensor[] {
  const [N, P, Q, C] = dy.shape;
  const [, H, W] = x.shape;
  const [R, S] = filter.shape;
  const window = { N, P, Q, C, H, W, R, S, stride };
  const [dw] = runLoop([x, dy], [filter.shape], ([input, slope], [out]) =>
    depthwiseFilterGradient(input!, slope!, out!, window),
  );
  if (stride > 1) {
    const [dx] = runLoop([dy, filter], [x.shape], ([slope, weights], [out]) =>
      depthwiseInputGradient(slope!, weights!, out!, window),
    );
    return [dx!, dw!];
  }
  // without a stride the gradient of the input is the depthwise convolution of dy with the turned filter, which is faster
  const padded = tf.pad(dy, [
    [0, 0],
    [R - 1, H - P],
    [S - 1, W - Q],
    [0, 0],
  ]);
  return [tf.depthwiseConv2d(padded as tf.Tensor4D, tf.reverse(filter, [0, 1]), 1, "valid"), dw!];
}

/** Every stride-th row and column, with a gradient. */
function subsample(x: tf.Tensor4D, stride: number): tf.Tensor4D {
  const [N, H, W, C] = x.shape;
  const [P, Q] = [Math.ceil(H / stride), Math.ceil(W / stride)];
  const window = { N, P, Q, C, H, W, R: 1, S: 1, stride };
  return (
    tf.customGrad((...given) => {
      const [input, save] = given as unknown as [tf.Tensor4D, (tensors: tf.Tensor[]) => void];
      save([]);
      const [value] = runLoop([input], [[N, P, Q, C]], ([from], [to]) => subsampleInto(from!, to!, window));
      return {
        value: value!,
        gradFunc: (dy: tf.Tensor) => runLoop([dy], [[N, H, W, C]], ([from], [to]) => spreadInto(from!, to!, window)),
      };
    }) as unknown as (input: tf.Tensor4D) => tf.Tensor4D
  )(x);
}

export const NORMALIZATION_EPSILON = 1e-3;

/** Activations that are computed together with a normalisation: the largest value that passes. */
const CAPS: Readonly<Partial<Record<Activation, number>>> = { relu: Number.POSITIVE_INFINITY, relu6: 6 };
export const isFused = (activation: Activation): boolean => activation === "none" || CAPS[activation] !== undefined;

/** Batch normalisation by the statistics of the batch (Ioffe and Szegedy 2015, arXiv:1502.03167), and the activation.
 *  @param x [M, C] @param scale [C] @param shift [C] @param activation one that `isFused` */
export const batchNormalize = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, activation: Activation): tf.Tensor2D =>
  (
    tf.customGrad((...given) => {
      const [input, gain, offset, save] = given as unknown as [
        tf.Tensor2D,
        tf.Tensor1D,
        tf.Tensor1D,
        (tensors: tf.Tensor[]) => void,
      ];
      const cap = CAPS[activation];
      const [M, C] = input.shape;
      const [y, mean, inverse] = runLoop([input, gain, offset], [[M, C], [C], [C]], ([from, g, o], results) => {
        const [to, middle, reciprocal] = results as [Float32Array, Float32Array, Float32Array];
        columnMoments(from!, middle, reciprocal);
        for (let c = 0; c < C; c++) reciprocal[c] = 1 / Math.sqrt(reciprocal[c]! + NORMALIZATION_EPSILON);
        const factor = Float64Array.from(reciprocal, (value, c) => value * g![c]!);
        scaleColumns(
          from!,
          factor,
          factor.map((value, c) => o![c]! - middle[c]! * value),
          to,
          cap,
        );
      });
      save([input, y!, mean!, inverse!, gain]);
      return {
        value: y!,
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
          runLoop(
            [dy, ...saved],
            [[M, C], [C], [C]],
            ([slope, from, to, middle, reciprocal, g], [dx, dScale, dShift]) =>
              normalizationGradient(slope!, from!, to!, middle!, reciprocal!, g!, cap, {
                dx: dx!,
                dScale: dScale!,
                dShift: dShift!,
              }),
          ),
      };
    }) as unknown as (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => tf.Tensor2D
  )(x, scale, shift);

/** Normalisation by statistics that are known, and the activation; without gradients.
 *  @param x [M, C] @param scale [C] @param shift [C] */
export function normalizeBy(
  x: tf.Tensor2D,
  { mean, variance }: Moments,
  scale: tf.Tensor,
  shift: tf.Tensor,
  activation: Activation,
): tf.Tensor2D {
  const [y] = runLoop([x, scale, shift], [x.shape], ([from, g, o], [to]) => {
    const factor = Float64Array.from(g!, (value, c) => value / Math.sqrt(variance[c]! + NORMALIZATION_EPSILON));
    const offset = factor.map((value, c) => o![c]! - mean[c]! * value);
    scaleColumns(from!, factor, offset, to!, CAPS[activation]);
  });
  return y as tf.Tensor2D;
}

/** Mean and variance of each column. */
export interface Moments {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** @param x [M, C] */
export function momentsOf(x: tf.Tensor2D): Moments {
  const [mean, variance] = [new Float32Array(x.shape[1]), new Float32Array(x.shape[1])];
  columnMoments(x.dataSync() as Float32Array, mean, variance);
  return { mean, variance };
}
