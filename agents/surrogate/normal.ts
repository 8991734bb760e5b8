// Logarithms of the normal distribution function and of the expected improvement, exact enough in the far lower tail that
// hopeless designs can still be compared.
// Papers: Ament et al. 2023, arXiv:2310.20708 (log expected improvement); Abramowitz & Stegun, sections 7.1 and 26.2.

/** log Φ(z). */
export function logNormalShare(z: number): number {
  if (z < -6) return -0.5 * z * z - Math.log(-z * Math.sqrt(2 * Math.PI)) - 1 / (z * z);
  return Math.log(normalShare(z));
}

/** log of E[max(0, z + ε)], ε standard normal. */
export function logImprovement(z: number): number {
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  if (z > -6) return Math.log(density + z * normalShare(z));
  return -0.5 * z * z - 0.5 * Math.log(2 * Math.PI) - 2 * Math.log(-z) - 3 / (z * z);
}

/** Φ(z), Abramowitz & Stegun 7.1.26 refined by a continued fraction below -2: relative error small in the lower tail. */
function normalShare(z: number): number {
  if (z >= -2) return 1 - upperTail(z);
  // Φ(-x) = density / (x + 1/(x + 2/(x + 3/(x + ...)))), Abramowitz & Stegun 26.2.14
  const x = -z;
  let fraction = x;
  for (let k = 30; k >= 1; k--) fraction = x + k / fraction;
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI) / fraction;
}

/** 1 - Φ(z), Abramowitz & Stegun 26.2.17 (error below 7.5e-8). */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  const tail =
    density * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z >= 0 ? tail : 1 - tail;
}
