// Tensor operations in the form that the WebAssembly backend runs fast.
import * as tf from "@tensorflow/tfjs";

/** Product of two matrices, [n, k] x [k, m]. Its gradient transposes explicitly: the gradient that tfjs registers asks
 *  matMul to transpose, which takes a scalar path on WebAssembly (about 13 times slower). */
export const matMul = tf.customGrad((...inputs) => {
  const [a, b, save] = inputs as unknown as [tf.Tensor2D, tf.Tensor2D, tf.GradSaveFunc];
  save([a, b]);
  return {
    value: tf.matMul(a, b),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [left, right] = saved as [tf.Tensor2D, tf.Tensor2D];
      return [tf.matMul(dy as tf.Tensor2D, tf.transpose(right)), tf.matMul(tf.transpose(left), dy as tf.Tensor2D)];
    },
  };
}) as (a: tf.Tensor, b: tf.Tensor) => tf.Tensor2D;

/** Products of two stacks of matrices, [b, n, k] x [b, k, m]; the gradient transposes explicitly, as above. */
export const batchMatMul = tf.customGrad((...inputs) => {
  const [a, b, save] = inputs as unknown as [tf.Tensor3D, tf.Tensor3D, tf.GradSaveFunc];
  save([a, b]);
  return {
    value: tf.matMul(a, b),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [left, right] = saved as [tf.Tensor3D, tf.Tensor3D];
      return [
        tf.matMul(dy as tf.Tensor3D, tf.transpose(right, [0, 2, 1])),
        tf.matMul(tf.transpose(left, [0, 2, 1]), dy as tf.Tensor3D),
      ];
    },
  };
}) as (a: tf.Tensor, b: tf.Tensor) => tf.Tensor3D;
