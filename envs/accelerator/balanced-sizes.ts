// Tile sizes that are worth trying for an extent.

/** Ceiling quotients of n, ascending: the only tile sizes that balance. */
export function balancedSizes(n: number): readonly number[] {
  const known = sizesMemo.get(n);
  if (known !== undefined) return known;
  const sizes: number[] = [];
  for (let parts = n; parts >= 1; ) {
    const size = Math.ceil(n / parts);
    sizes.push(size);
    // the largest number of parts that gives a larger size
    parts = Math.ceil(n / size) - 1;
  }
  if (sizesMemo.size > 4096) sizesMemo.clear();
  sizesMemo.set(n, sizes);
  return sizes;
}
const sizesMemo = new Map<number, readonly number[]>();
