// The losses of the policy-gradient agents, as tensors to differentiate, and the figures that describe an update.
// All act on whole candidates: an episode is one candidate, its log-probability the sum over its knobs.
import * as tf from "@tensorflow/tfjs";

const MAX_LOG_RATIO = 20; // e^20: keeps float32 finite where the policy moved far

/** -mean(A log p): the gradient of expected reward. Weights carry advantage and 1/count, zero where a row is no sample.
 *  @param logProb shape [n], or [n, decisions] with an advantage for each  @param weights A_i / count, of the same shape
 *  @see Williams 1992, Machine Learning 8, equation 4 */
export function reinforceLoss(logProb: tf.Tensor, weights: tf.Tensor): tf.Scalar {
  return tf.neg(tf.sum(tf.mul(logProb, weights))) as tf.Scalar;
}

/** -mean(min(r A, clip(r, 1 - e, 1 + e) A)) with r = p / p_old.
 *  @param logProb, oldLogProb shape [n], or [n, decisions]: then each decision has a ratio  @param weights A_i / count
 *  @see Schulman et al. 2017, arXiv:1707.06347, equation 7 */
export function clippedSurrogateLoss(
  logProb: tf.Tensor,
  oldLogProb: tf.Tensor,
  weights: tf.Tensor,
  clipRange: number,
): tf.Scalar {
  const ratio = tf.exp(tf.clipByValue(tf.sub(logProb, oldLogProb), -MAX_LOG_RATIO, MAX_LOG_RATIO));
  const clipped = tf.clipByValue(ratio, 1 - clipRange, 1 + clipRange);
  return tf.neg(tf.sum(tf.minimum(tf.mul(ratio, weights), tf.mul(clipped, weights)))) as tf.Scalar;
}

/** -sum(w log p): pulls the policy towards candidates that did well, one weight a row, zero for the others.
 *  @param logProb shape [n]  @param weights shape [n]
 *  @see Oh et al. 2018, "Self-imitation learning", arXiv:1806.05635 (here: a fixed weight per archived candidate) */
export function imitationLoss(logProb: tf.Tensor1D, weights: tf.Tensor1D): tf.Scalar {
  return tf.neg(tf.sum(tf.mul(logProb, weights))) as tf.Scalar;
}

/** KL(old || new), estimated from samples of the old policy: mean(r - 1 - log r), never negative.
 *  @see Schulman 2020, "Approximating KL divergence", estimator k3 */
export function approximateKl(oldLogProbs: ArrayLike<number>, logProbs: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < oldLogProbs.length; i++) {
    const logRatio = Math.min(MAX_LOG_RATIO, logProbs[i]! - oldLogProbs[i]!);
    total += Math.expm1(logRatio) - logRatio;
  }
  return oldLogProbs.length === 0 ? 0 : total / oldLogProbs.length;
}

/** Share of samples with |p / p_old - 1| > clipRange. */
export function clipFraction(oldLogProbs: ArrayLike<number>, logProbs: ArrayLike<number>, clipRange: number): number {
  let clipped = 0;
  for (let i = 0; i < oldLogProbs.length; i++) {
    if (Math.abs(Math.expm1(logProbs[i]! - oldLogProbs[i]!)) > clipRange) clipped++;
  }
  return oldLogProbs.length === 0 ? 0 : clipped / oldLogProbs.length;
}
