// Advantages of the decisions of one candidate from a value network, and how much the network knows. Plain arrays.

/** A_d = sum_k lambda^k delta_{d+k}, with delta_d = V_{d+1} - V_d and, for the last, reward - V_d.
 *  lambda 1: reward - V_d; lambda 0: what the choice changed in the eyes of the network.
 *  @param values V of the prefix before each decision, shape [decisions]
 *  @see Schulman et al. 2016, arXiv:1506.02438, equation 16, gamma 1 */
export function episodeAdvantages(values: readonly number[], reward: number, lambda: number): Float64Array {
  const advantages = new Float64Array(values.length);
  let following = 0;
  for (let d = values.length - 1; d >= 0; d--) {
    following = (d === values.length - 1 ? reward : values[d + 1]!) - values[d]! + lambda * following;
    advantages[d] = following;
  }
  return advantages;
}

/** 1 - Var(got - expected) / Var(got): 1 when all is foreseen, 0 when no better than the mean, below 0 when worse; 0 when
 *  there is nothing to foresee. */
export function explainedVariance(expected: ArrayLike<number>, got: ArrayLike<number>): number {
  const variance = (values: Float64Array): number => {
    const mean = values.reduce((sum, v) => sum + v, 0) / Math.max(1, values.length);
    return values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(1, values.length);
  };
  const total = variance(Float64Array.from(got));
  return total === 0 ? 0 : 1 - variance(Float64Array.from(got, (value, i) => value - expected[i]!)) / total;
}
