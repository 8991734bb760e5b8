// The targets of discrete soft actor-critic on plain arrays, for an episode of decisions with one reward at its end.
// Paper: Christodoulou 2019, arXiv:1910.07207, equations 3 and 10, and Haarnoja et al. 2018, arXiv:1812.05905, section 5.

/** sum_v p (min(q1, q2) - temperature log p): what the policy expects from here on, entropy included.
 *  @param probabilities shape [values], 0 where a value may not be chosen  @param q1, q2 shape [values] */
export function softValue(
  probabilities: ArrayLike<number>,
  q1: ArrayLike<number>,
  q2: ArrayLike<number>,
  temperature: number,
): number {
  let value = 0;
  for (let v = 0; v < probabilities.length; v++) {
    const p = probabilities[v]!;
    if (p > 0) value += p * (Math.min(q1[v]!, q2[v]!) - temperature * Math.log(p));
  }
  return value;
}

/** -sum_v p log p, nats. */
export function entropyOf(probabilities: ArrayLike<number>): number {
  let entropy = 0;
  for (let v = 0; v < probabilities.length; v++) {
    const p = probabilities[v]!;
    if (p > 0) entropy -= p * Math.log(p);
  }
  return entropy;
}

/** Targets of Q(state d, action d), last to first: the reward at the end, before it a mix of the soft value of the next state
 *  (share 1 - lambda) and what the episode really brought (share lambda), the next state's entropy added to the latter.
 *  @param reward of the whole episode  @param softValues, entropies of the states (or what they are above a target), shape
 *  [decisions]
 *  @returns shape [decisions]   @see Sutton & Barto 2018, section 12.1 (lambda-return) */
export function softTargets(
  reward: number,
  softValues: ArrayLike<number>,
  entropies: ArrayLike<number>,
  {
    temperature,
    discount,
    lambda,
  }: { readonly temperature: number; readonly discount: number; readonly lambda: number },
): Float64Array {
  const targets = new Float64Array(softValues.length);
  for (let d = targets.length - 1; d >= 0; d--) {
    if (d === targets.length - 1) targets[d] = reward;
    else {
      const returned = targets[d + 1]! + temperature * entropies[d + 1]!;
      targets[d] = discount * ((1 - lambda) * softValues[d + 1]! + lambda * returned);
    }
  }
  return targets;
}

/** Normal scores of items by rank: the best of n about +2 to +4, the middle 0, equals the same. Only the order counts.
 *  @param compare best first, 0 for equals  @see Blom 1958, "Statistical estimates and transformed beta-variables" (logistic
 *  in place of the normal quantile) */
export function rankScores<T>(items: readonly T[], compare: (a: T, b: T) => number): Float64Array {
  const order = items.map((_, i) => i).sort((i, j) => compare(items[i]!, items[j]!) || i - j);
  const scores = new Float64Array(items.length);
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1;
    while (end < order.length && compare(items[order[begin]!]!, items[order[end]!]!) === 0) end++;
    const share = 1 - (begin + end) / 2 / order.length;
    for (let k = begin; k < end; k++) scores[order[k]!] = Math.log(share / (1 - share)) / 1.7;
    begin = end;
  }
  return scores;
}
