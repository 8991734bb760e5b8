// Ordinary least squares for the fits of this folder: few features, few rows.

/** Coefficients of the best linear combination, and the root mean square of what it leaves.
 *  @param rows features, shape [rows][features]  @param targets shape [rows] */
export function leastSquares(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
): { coefficients: number[]; rms: number } {
  const size = rows[0]!.length;
  // normal equations, solved by Gaussian elimination with pivoting
  const system = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size + 1 }, (_, j) =>
      rows.reduce((sum, row, r) => sum + row[i]! * (j < size ? row[j]! : targets[r]!), 0),
    ),
  );
  for (let column = 0; column < size; column++) {
    const pivot = system.slice(column).sort((a, b) => Math.abs(b[column]!) - Math.abs(a[column]!))[0]!;
    system.splice(system.indexOf(pivot), 1);
    system.splice(column, 0, pivot);
    for (const row of system) {
      if (row === pivot) continue;
      const factor = row[column]! / pivot[column]!;
      for (let j = column; j <= size; j++) row[j]! -= factor * pivot[j]!;
    }
  }
  const coefficients = system.map((row, i) => row[size]! / row[i]!);
  const squares = rows.reduce((sum, row, r) => {
    const predicted = row.reduce((total, value, i) => total + value * coefficients[i]!, 0);
    return sum + (predicted - targets[r]!) ** 2;
  }, 0);
  return { coefficients, rms: Math.sqrt(squares / rows.length) };
}
