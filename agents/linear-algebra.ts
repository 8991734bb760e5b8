// Small dense linear algebra on plain arrays, row-major: factors and triangular systems.

/** Lower factor of a positive definite matrix; undefined when it is not.
 *  @param factor overwritten and returned, zero above the diagonal */
export function choleskyOf(
  matrix: Float64Array,
  size: number,
  factor = new Float64Array(size * size),
): Float64Array | undefined {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j]!;
      for (let k = 0; k < j; k++) sum -= factor[i * size + k]! * factor[j * size + k]!;
      if (i !== j) factor[i * size + j] = sum / factor[j * size + j]!;
      else if (!(sum > 0)) return undefined;
      else factor[i * size + i] = Math.sqrt(sum);
    }
  }
  return factor;
}

/** x with lower x = right. */
export function solveLower(lower: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const x = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = right[i]!;
    for (let j = 0; j < i; j++) sum -= lower[i * size + j]! * x[j]!;
    x[i] = sum / lower[i * size + i]!;
  }
  return x;
}

/** x with (transpose of lower) x = right. */
export function solveUpper(lower: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const x = new Float64Array(size);
  for (let i = size - 1; i >= 0; i--) {
    let sum = right[i]!;
    for (let j = i + 1; j < size; j++) sum -= lower[j * size + i]! * x[j]!;
    x[i] = sum / lower[i * size + i]!;
  }
  return x;
}
