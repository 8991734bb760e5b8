// The little linear algebra that a fit by ridge regression needs: symmetric solves, and least squares under sign constraints.
// Matrices are row-major Float64Array of n × n; sizes stay below a few hundred, so plain loops are enough.

/** Lower Cholesky factor of a symmetric positive definite matrix, n × n. @throws RangeError when it is not */
export function cholesky(matrix: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= lower[i * n + k]! * lower[j * n + k]!;
      if (i !== j) lower[i * n + j] = sum / lower[j * n + j]!;
      else if (sum > 0) lower[i * n + i] = Math.sqrt(sum);
      else throw new RangeError(`matrix is not positive definite: pivot ${i} is ${sum}`);
    }
  }
  return lower;
}

/** Solves L Lᵀ x = b for one right-hand side. */
export function choleskySolve(lower: Float64Array, n: number, rightHandSide: ArrayLike<number>): Float64Array {
  const x = Float64Array.from(rightHandSide);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= lower[i * n + k]! * x[k]!;
    x[i]! /= lower[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= lower[k * n + i]! * x[k]!;
    x[i]! /= lower[i * n + i]!;
  }
  return x;
}

/** Inverse of a symmetric positive definite matrix, n × n. @throws RangeError */
export function symmetricInverse(matrix: Float64Array, n: number): Float64Array {
  const lower = cholesky(matrix, n);
  const inverse = new Float64Array(n * n);
  const unit = new Float64Array(n);
  for (let column = 0; column < n; column++) {
    unit.fill(0);
    unit[column] = 1;
    const x = choleskySolve(lower, n, unit);
    for (let row = 0; row < n; row++) inverse[row * n + column] = x[row]!;
  }
  return inverse;
}

export interface Regression {
  /** rows of equal length n */
  readonly rows: readonly ArrayLike<number>[];
  readonly targets: ArrayLike<number>;
  /** weight of each row, 1 / variance up to a factor */
  readonly weights: ArrayLike<number>;
  /** ridge penalty of each coefficient */
  readonly penalties: ArrayLike<number>;
  /** what each coefficient is pulled to; default 0 */
  readonly centres?: ArrayLike<number>;
}

/** XᵀWX + diag(penalties) and XᵀWy + diag(penalties)·centres. */
export function normalEquations(problem: Regression): { matrix: Float64Array; vector: Float64Array } {
  const n = problem.penalties.length;
  const matrix = new Float64Array(n * n);
  const vector = new Float64Array(n);
  problem.rows.forEach((row, r) => {
    const weight = problem.weights[r]!;
    const target = problem.targets[r]!;
    for (let i = 0; i < n; i++) {
      const scaled = row[i]! * weight;
      if (scaled === 0) continue;
      vector[i]! += scaled * target;
      for (let j = 0; j <= i; j++) matrix[i * n + j]! += scaled * row[j]!;
    }
  });
  for (let i = 0; i < n; i++) {
    matrix[i * n + i]! += problem.penalties[i]!;
    vector[i]! += problem.penalties[i]! * (problem.centres?.[i] ?? 0);
    for (let j = 0; j < i; j++) matrix[j * n + i] = matrix[i * n + j]!;
  }
  return { matrix, vector };
}

/** Weighted ridge regression whose coefficients marked true in `isAtMostZero` may not be positive.
 *  Cyclic coordinate descent on the normal equations: the problem is strictly convex, so it converges to the one solution. */
export function constrainedRidge(problem: Regression, isAtMostZero: readonly boolean[]): Float64Array {
  const n = problem.penalties.length;
  const { matrix, vector } = normalEquations(problem);
  const solution = new Float64Array(n);
  const gradient = Float64Array.from(vector, (value) => -value);
  for (let sweep = 0; sweep < 20_000; sweep++) {
    let largest = 0;
    for (let i = 0; i < n; i++) {
      const pivot = matrix[i * n + i]!;
      if (pivot <= 0) continue;
      let value = solution[i]! - gradient[i]! / pivot;
      if (isAtMostZero[i] === true && value > 0) value = 0;
      const step = value - solution[i]!;
      if (step === 0) continue;
      solution[i] = value;
      for (let j = 0; j < n; j++) gradient[j]! += matrix[j * n + i]! * step;
      largest = Math.max(largest, Math.abs(step) * Math.sqrt(pivot));
    }
    if (largest < 1e-9) break;
  }
  return solution;
}
