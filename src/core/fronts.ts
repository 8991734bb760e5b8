// Fronts of points and the volume that they dominate, as plain numbers; the front of a run is in pareto.ts.
// Sources: dominance and hypervolume as in Zitzler & Thiele 1999, IEEE Trans. Evolutionary Computation 3(4); in two
// dimensions a sweep over the sorted front, in three one over its slices (Beume et al. 2009, IEEE Trans. Evol. Comp. 13(5)).
export type Direction = "max" | "min";

/** True when `a` is nowhere worse than `b` and somewhere better. */
export function dominates(a: readonly number[], b: readonly number[], directions: readonly Direction[]): boolean {
  let better = false;
  for (let k = 0; k < directions.length; k++) {
    const gain = directions[k] === "max" ? a[k]! - b[k]! : b[k]! - a[k]!;
    if (gain < 0) return false;
    if (gain > 0) better = true;
  }
  return better;
}

/** Positions of the points that no other point dominates, ascending; equal points stay together.
 *  @param points shape [n][objectives] */
export function paretoFront(points: readonly (readonly number[])[], directions: readonly Direction[]): number[] {
  // Best first in the first objective, ties by the next: whatever dominates a point then stands before it, so comparing
  // with the front so far is enough.
  const order = points.map((_, i) => i).sort((i, j) => compareBest(points[i]!, points[j]!, directions) || i - j);
  const front: number[] = [];
  for (const i of order) {
    if (!front.some((j) => dominates(points[j]!, points[i]!, directions))) front.push(i);
  }
  return front.sort((i, j) => i - j);
}

/** Exact volume between the points and the reference point, for 1, 2 or 3 objectives. Points that are not better than
 *  the reference in every objective add nothing.
 *  @throws RangeError for more objectives */
export function hypervolume(
  points: readonly (readonly number[])[],
  reference: readonly number[],
  directions: readonly Direction[],
): number {
  if (directions.length > 3) throw new RangeError(`hypervolume of ${directions.length} objectives; at most 3`);
  const gains = points
    .map((point) => directions.map((direction, k) => (direction === "max" ? 1 : -1) * (point[k]! - reference[k]!)))
    .filter((gain) => gain.every((value) => value > 0));
  if (gains.length === 0) return 0;
  if (directions.length === 1) return Math.max(...gains.map((gain) => gain[0]!));
  const flat = gains.map((gain) => [gain[0]!, gain[1]!] as const);
  if (directions.length === 2) return dominatedArea(flat);

  // Slices from the top: between two neighbouring heights, the area of all points at or above them.
  const byHeight = gains.map((gain, i) => ({ height: gain[2]!, flat: flat[i]! })).sort((a, b) => b.height - a.height);
  let volume = 0;
  let above: (readonly [number, number])[] = [];
  for (const [i, { height, flat: point }] of byHeight.entries()) {
    above.push(point);
    const below = byHeight[i + 1]?.height ?? 0;
    if (below === height) continue;
    above = stairs(above);
    volume += dominatedArea(above) * (height - below);
  }
  return volume;
}

/** Area of the union of the rectangles from the origin to each point. */
function dominatedArea(points: readonly (readonly [number, number])[]): number {
  let area = 0;
  let height = 0;
  for (const [x, y] of stairs(points)) {
    area += x * (y - height);
    height = y;
  }
  return area;
}

/** The undominated points, x descending, y ascending. */
function stairs(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const kept: (readonly [number, number])[] = [];
  for (const point of [...points].sort((a, b) => b[0] - a[0] || b[1] - a[1])) {
    if (point[1] > (kept.at(-1)?.[1] ?? 0)) kept.push(point);
  }
  return kept;
}

function compareBest(a: readonly number[], b: readonly number[], directions: readonly Direction[]): number {
  for (let k = 0; k < directions.length; k++) {
    const difference = directions[k] === "max" ? b[k]! - a[k]! : a[k]! - b[k]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
