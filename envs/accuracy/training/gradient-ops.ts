// Convolution, depthwise convolution and batch normalisation with gradients that the WebAssembly backend can compute: it
// has no kernel for the gradient of filters, so each is written with kernels that it has (docs/accuracy.md, "Training").
import * as tf from "@tensorflow/tfjs";

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
  // the gradient of the input is the depthwise convolution of the spread-out dy with the turned filter
  const spread = stride === 1 ? dy : spreadOut(dy, stride);
  const [, rows, columns] = spread.shape;
  const padded = tf.pad(spread, [
    [0, 0],
    [R - 1, H - rows],
    [S - 1, W - columns],
    [0, 0],
  ]);
  const dx = tf.depthwiseConv2d(padded as tf.Tensor4D, tf.reverse(filter, [0, 1]), 1, "valid");
  const flat = dy.reshape([N * P * Q, C]);
  const ones = tf.ones([1, N * P * Q]) as tf.Tensor2D;
  const taps: tf.Tensor[] = [];
  for (let r = 0; r < R; r++) {
    for (let s = 0; s < S; s++) {
      const seen = windowOf(x, [r, s], [P, Q], stride);
      taps.push(tf.matMul(ones, tf.mul(seen.reshape([N * P * Q, C]), flat) as tf.Tensor2D));
    }
  }
  return [dx, tf.concat(taps, 0).reshape([R, S, C, 1])];
}

/** The pixels that one tap of a filter sees, [N, P, Q, C]; a plain slice is much faster than a strided one. */
function windowOf(x: tf.Tensor4D, [r, s]: [number, number], [P, Q]: [number, number], stride: number): tf.Tensor {
  const [N, , , C] = x.shape;
  if (stride === 1) return tf.slice(x, [0, r, s, 0], [N, P, Q, C]);
  const end = [N, r + (P - 1) * stride + 1, s + (Q - 1) * stride + 1, C];
  return tf.stridedSlice(x, [0, r, s, 0], end, [1, stride, stride, 1]);
}

/** Every stride-th row and column, with a gradient. */
function subsample(x: tf.Tensor4D, stride: number): tf.Tensor4D {
  const [N, H, W, C] = x.shape;
  const [rows, columns] = [Math.ceil(H / stride), Math.ceil(W / stride)];
  return (
    tf.customGrad((...given) => {
      const [input, save] = given as unknown as [tf.Tensor4D, (tensors: tf.Tensor[]) => void];
      save([]);
      return {
        value: tf.stridedSlice(input, [0, 0, 0, 0], [N, H, W, C], [1, stride, stride, 1]) as tf.Tensor4D,
        gradFunc: (dy: tf.Tensor) => {
          const spread = spreadOut(dy as tf.Tensor4D, stride);
          const [, spreadRows, spreadColumns] = spread.shape;
          return [
            tf.pad(spread, [
              [0, 0],
              [0, H - spreadRows],
              [0, W - spreadColumns],
              [0, 0],
            ]),
          ];
        },
      };
    }) as unknown as (input: tf.Tensor4D) => tf.Tensor4D
  )(x).reshape([N, rows, columns, C]);
}

/** stride − 1 zeros between two pixels: [N, P, Q, C] -> [N, (P − 1)·stride + 1, (Q − 1)·stride + 1, C]. */
function spreadOut(dy: tf.Tensor4D, stride: number): tf.Tensor4D {
  const [N, P, Q, C] = dy.shape;
  const columns = tf
    .pad(dy.reshape([N * P * Q, 1, C]), [
      [0, 0],
      [0, stride - 1],
      [0, 0],
    ])
    .reshape([N * P, 1, Q * stride * C]);
  const rows = tf
    .pad(columns, [
      [0, 0],
      [0, stride - 1],
      [0, 0],
    ])
    .reshape([N, P * stride, Q * stride, C]) as tf.Tensor4D;
  return tf.slice(rows, [0, 0, 0, 0], [N, (P - 1) * stride + 1, (Q - 1) * stride + 1, C]);
}

export const NORMALIZATION_EPSILON = 1e-3;

/** Batch normalisation by the statistics of the batch (Ioffe and Szegedy 2015, arXiv:1502.03167).
 *  @param x [M, C] @param scale [C] @param shift [C] */
export const batchNormalize = tf.customGrad((...given) => {
  const [x, scale, shift, save] = given as unknown as [
    tf.Tensor2D,
    tf.Tensor1D,
    tf.Tensor1D,
    (tensors: tf.Tensor[]) => void,
  ];
  const [M] = x.shape;
  const { mean, variance } = momentsOf(x);
  const inverse = tf.rsqrt(variance.add(NORMALIZATION_EPSILON)); // [1, C]
  const normal = x.sub(mean).mul(inverse) as tf.Tensor2D;
  save([normal, inverse, scale]);
  return {
    value: normal.mul(scale).add(shift),
    gradFunc: (dyAny: tf.Tensor, saved: tf.Tensor[]) => {
      const dy = dyAny as tf.Tensor2D;
      const [hat, spread, gain] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
      const ones = tf.ones([1, M]) as tf.Tensor2D;
      const dShift = tf.matMul(ones, dy);
      const dScale = tf.matMul(ones, dy.mul(hat) as tf.Tensor2D);
      const dx = dy
        .sub(dShift.div(M))
        .sub(hat.mul(dScale.div(M)))
        .mul(spread.mul(gain));
      return [dx, dScale.reshape(gain.shape), dShift.reshape(gain.shape)];
    },
  };
}) as (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => tf.Tensor2D;

/** Mean and variance of each column, shape [1, C]; a product with ones is the fastest sum over rows. */
export function momentsOf(x: tf.Tensor2D): { readonly mean: tf.Tensor2D; readonly variance: tf.Tensor2D } {
  const [M] = x.shape;
  const ones = tf.fill([1, M], 1 / M) as tf.Tensor2D;
  const mean: tf.Tensor2D = tf.matMul(ones, x);
  const variance: tf.Tensor2D = tf.matMul(ones, tf.square(x.sub(mean)) as tf.Tensor2D);
  return { mean, variance };
}
