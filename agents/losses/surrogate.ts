// The losses of the policy-gradient agents with their derivatives in closed form, and the figures that describe an update.
// All act on whole candidates: an episode is one candidate, its log-probability the sum over its knobs.

const MAX_LOG_RATIO = 20; // e^20: keeps the ratio finite where the policy moved far

/** A loss and its derivative by each log-probability. */
export interface Loss {
  readonly value: number;
  /** of the log-probabilities' shape */
  readonly slopes: Float64Array;
}

/** -mean(A log p): the gradient of expected reward. Weights carry advantage and 1/count, zero where a row is no sample.
 *  @param logProb shape [n], or [n * decisions] with an advantage for each  @param weights A_i / count, of the same shape
 *  @see Williams 1992, Machine Learning 8, equation 4 */
export function reinforceLoss(logProb: Float64Array, weights: Float64Array): Loss {
  let value = 0;
  for (let i = 0; i < logProb.length; i++) if (weights[i] !== 0) value -= logProb[i]! * weights[i]!;
  return { value, slopes: weights.map((weight) => -weight) };
}

/** -mean(min(r A, clip(r, 1 - e, 1 + e) A)) with r = p / p_old; no slope where clipping took the gain away.
 *  @param logProb, oldLogProb shape [n], or [n * decisions]: then each decision has a ratio  @param weights A_i / count
 *  @see Schulman et al. 2017, arXiv:1707.06347, equation 7 */
export function clippedSurrogateLoss(
  logProb: Float64Array,
  oldLogProb: Float64Array,
  weights: Float64Array,
  clipRange: number,
): Loss {
  const slopes = new Float64Array(logProb.length);
  let value = 0;
  for (let i = 0; i < logProb.length; i++) {
    const weight = weights[i]!;
    if (weight === 0) continue;
    const logRatio = logProb[i]! - oldLogProb[i]!;
    const ratio = Math.exp(Math.min(MAX_LOG_RATIO, Math.max(-MAX_LOG_RATIO, logRatio)));
    const gain = ratio * weight;
    const clippedGain = Math.min(1 + clipRange, Math.max(1 - clipRange, ratio)) * weight;
    value -= Math.min(gain, clippedGain);
    if (gain <= clippedGain && Math.abs(logRatio) <= MAX_LOG_RATIO) slopes[i] = -gain;
  }
  return { value, slopes };
}

/** -sum(w log p): pulls the policy towards candidates that did well, one weight a row, zero for the others.
 *  @param logProb shape [n]  @param weights shape [n]
 *  @see Oh et al. 2018, "Self-imitation learning", arXiv:1806.05635 (here: a fixed weight per archived candidate) */
export const imitationLoss = reinforceLoss;

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
