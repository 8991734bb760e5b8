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
import { type CompiledLoop, runLoop } from "./in-place.js";

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

/** Convolution without padding. @param x [N, H, W, C] @param filter [R, S, C, K] @returns [N, P, Q, K]
 *  @param isImage x needs no gradient, and gets zeros: an expensive one for nothing, in a network's first layer */
export function conv2d(x: tf.Tensor4D, filter: tf.Tensor4D, stride: number, isImage = false): tf.Tensor4D {
  const [R, S, C, K] = filter.shape;
  if (R === 1 && S === 1) {
    const reduced = stride === 1 ? x : subsample(x, stride);
    const [N, H, W] = reduced.shape;
    return matMul(reduced.reshape([N * H * W, C]), filter.reshape([C, K])).reshape([N, H, W, K]);
  }
  return convolve(stride, isImage)(x, filter);
}

const convolve = (stride: number, isImage: boolean): ((x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor4D) =>
  tf.customGrad((...given) => {
    const [x, filter, save] = given as unknown as [tf.Tensor4D, tf.Tensor4D, (tensors: tf.Tensor[]) => void];
    save([x, filter]);
    return {
      value: tf.conv2d(x, filter, stride, "valid"),
      gradFunc: (dyAny: tf.Tensor, saved: tf.Tensor[]) => {
        const dy = dyAny as tf.Tensor4D;
        const [input, weights] = saved as [tf.Tensor4D, tf.Tensor4D];
        const [R, S, C, K] = weights.shape;
        const dx = isImage ? tf.zerosLike(input) : tf.conv2dTranspose(dy, weights, input.shape, stride, "valid");
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
  const numbers = [N, P, Q, C, H, W, R, S, stride] as const;
  const [dw] = runLoop(
    [x, dy],
    [filter.shape],
    ([input, slope], [out]) => depthwiseFilterGradient(input!, slope!, out!, window),
    byFours(C, (loops, [input, slope], [out]) => loops.depthwiseFilterGradient(input!, slope!, out!, ...numbers)),
  );
  if (stride > 1) {
    const [dx] = runLoop(
      [dy, filter],
      [x.shape],
      ([slope, weights], [out]) => depthwiseInputGradient(slope!, weights!, out!, window),
      byFours(C, (loops, [slope, weights], [out]) => loops.depthwiseInputGradient(slope!, weights!, out!, ...numbers)),
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

/** A compiled loop, where the channels are a multiple of four. */
const byFours = (C: number, compiled: CompiledLoop): CompiledLoop | undefined => (C % 4 === 0 ? compiled : undefined);

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
      const moments = momentsOf(input);
      const inverse = inverseDeviation(moments.variance);
      const y = scaled(input, moments.mean, inverse, gain, offset, activation);
      save([input, y, moments.mean, inverse, gain]);
      return {
        value: y,
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
          normalizationGradients(dy as tf.Tensor2D, saved as NormalizationSaved, CAPS[activation]),
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
  return scaled(x, tf.tensor1d(mean), inverseDeviation(tf.tensor1d(variance)), scale, shift, activation);
}

/** Mean and variance of each column, each [C]. @param x [M, C] */
export function momentsOf(x: tf.Tensor2D): { readonly mean: tf.Tensor1D; readonly variance: tf.Tensor1D } {
  const [M, C] = x.shape;
  const [mean, variance] = runLoop(
    [x],
    [[C], [C], [2 * C]], // the last is room for double-precision sums
    ([from], [middle, spread, room]) => {
      columnMoments(from!, middle!, spread!);
      room!.fill(0);
    },
    byFours(C, (loops, [from], [middle, spread, room]) => loops.columnMoments(from!, M, C, middle!, spread!, room!)),
  );
  return { mean: mean as tf.Tensor1D, variance: variance as tf.Tensor1D };
}

const inverseDeviation = (variance: tf.Tensor1D): tf.Tensor1D => tf.rsqrt(variance.add(NORMALIZATION_EPSILON));

/** (x − mean) · inverse · scale + shift, and the activation. @param x [M, C], all others [C] */
function scaled(
  x: tf.Tensor2D,
  mean: tf.Tensor1D,
  inverse: tf.Tensor1D,
  scale: tf.Tensor,
  shift: tf.Tensor,
  activation: Activation,
): tf.Tensor2D {
  const [M, C] = x.shape;
  const cap = CAPS[activation];
  const [y] = runLoop(
    [x, mean, inverse, scale, shift],
    [x.shape],
    ([from, middle, reciprocal, gain, offset], [to]) =>
      scaleColumns(from!, middle!, reciprocal!, gain!, offset!, to!, cap),
    byFours(C, (loops, [from, middle, reciprocal, gain, offset], [to]) =>
      loops.scaleColumns(from!, to!, M, C, middle!, reciprocal!, gain!, offset!, cap === undefined ? 0 : 1, cap ?? 0),
    ),
  );
  return y as tf.Tensor2D;
}

/** x, y [M, C]; mean, inverse, scale [C] */
type NormalizationSaved = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];

/** @returns gradients by x, scale and shift */
function normalizationGradients(dy: tf.Tensor2D, saved: NormalizationSaved, cap: number | undefined): tf.Tensor[] {
  const [M, C] = dy.shape;
  return runLoop(
    [dy, ...saved],
    [[M, C], [C], [C], [2 * C], [2 * C]], // the last two are room for double-precision sums
    ([slope, x, y, mean, inverse, scale], [dx, dScale, dShift, sums, products]) => {
      const results = { dx: dx!, dScale: dScale!, dShift: dShift! };
      normalizationGradient(slope!, x!, y!, mean!, inverse!, scale!, cap, results);
      sums!.fill(0);
      products!.fill(0);
    },
    byFours(C, (loops, [slope, x, y, mean, inverse, scale], [dx, dScale, dShift, sums, products]) => {
      const [isCut, top] = cap === undefined ? [0, 0] : [1, cap];
      const columns = [mean!, inverse!, scale!, dScale!, dShift!, sums!, products!] as const;
      loops.normalizationGradient(slope!, x!, y!, dx!, M, C, ...columns, isCut, top);
    }),
  ).slice(0, 3);
}

/** Mean and variance of each column, kept outside the tensor library. */
export interface Moments {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}
