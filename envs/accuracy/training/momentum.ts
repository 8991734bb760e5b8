// Gradient descent with momentum and weight decay, its whole state in plain sight so that a checkpoint can hold it.
// Gradients that are too long together are shortened (Pascanu et al. 2013, arXiv:1211.5063): deep narrow networks start with
// spikes. A gradient that is not finite changes nothing.
import * as tf from "@tensorflow/tfjs";
import { runLoop } from "./in-place.js";

const MOMENTUM = 0.9;
/** of filters; scales and shifts are left alone */
const WEIGHT_DECAY = 1e-4;
const LONGEST_GRADIENT = 5;

/** Velocities of variables, all zero; the caller disposes them. */
export const restingVelocities = (variables: readonly tf.Variable[]): tf.Variable[] =>
  variables.map((variable) => tf.tidy(() => tf.variable(tf.zerosLike(variable), false)));

/** velocity = 0.9 · velocity + gradient + decay · weight; weight = weight − rate · velocity.
 *  @param gradients one per variable; a variable without one keeps its weight and its velocity
 *  @returns false, and nothing has changed, when the gradient is not finite */
export function descend(
  variables: readonly tf.Variable[],
  velocities: readonly tf.Variable[],
  gradients: readonly (tf.Tensor | undefined)[],
  rate: number,
): boolean {
  let squares = 0;
  for (const gradient of gradients) {
    if (gradient === undefined) continue;
    for (const value of gradient.dataSync()) squares += value * value;
  }
  const length = Math.sqrt(squares);
  if (!Number.isFinite(length)) return false;
  const scale = length > LONGEST_GRADIENT ? LONGEST_GRADIENT / length : 1;
  variables.forEach((variable, i) => {
    const gradient = gradients[i];
    if (gradient === undefined) return;
    const decay = variable.rank > 1 ? WEIGHT_DECAY : 0;
    tf.tidy(() => {
      const { shape } = variable;
      const [weight, velocity] = runLoop(
        [variable, velocities[i]!, gradient],
        [shape, shape],
        ([w, v, g], [to, speed]) => {
          for (let at = 0; at < w!.length; at++) {
            speed![at] = MOMENTUM * v![at]! + scale * g![at]! + decay * w![at]!;
            to![at] = w![at]! - rate * speed![at]!;
          }
        },
      );
      variable.assign(weight!);
      velocities[i]!.assign(velocity!);
    });
  });
  return true;
}
