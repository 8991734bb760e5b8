// Tile sizes and loop orders for a given spatial choice, one level boundary after the other, outermost first.
// At a boundary only the group order of the loops outside matters: each operand ignores one group of dimensions
// (weights N P Q, inputs K, outputs C R S), so six orders stand for all permutations (Timeloop's mapspace, Parashar et al.
// 2019, collapses the same way). The tile starts as large as its parent allows; dimensions are halved where the traffic
// across the boundary grows least per bit freed, until it fits; then they grow back where room is left.
import type { Accelerator, Level } from "./architecture.js";
import { C, DIM_COUNT, G, I, N, O, P, type Problem, Q, R, S, W } from "./problem.js";

/** Dimension groups by the operand that ignores them; 3 = no operand does. */
export type GroupOf = Int8Array;

/** The six orders of the groups, outer to inner; 2·s and 2·s + 1 leave operand s in place. */
export const GROUP_ORDERS: readonly (readonly [number, number, number])[] = [
  [O, I, W],
  [I, O, W],
  [O, W, I],
  [W, O, I],
  [W, I, O],
  [I, W, O],
];

/** Which group of loops each dimension is in for a problem. */
export function groupsOf(problem: Problem): GroupOf {
  const groups = new Int8Array(DIM_COUNT).fill(3);
  for (let d = 0; d < DIM_COUNT; d++) {
    for (const operand of [W, I, O]) {
      if (problem.present[operand] && (problem.relevance[operand]! & (1 << d)) === 0) groups[d] = operand;
    }
  }
  return groups;
}

/** A complete order of a level's loops: the groups, and which dimensions run innermost in theirs, where they may slide. */
export interface LevelOrder {
  readonly groups: readonly [number, number, number];
  readonly last: readonly number[];
}

/** All orders that can differ in cost. Dimensions of one group are relevant to the same operands, so that interleaving groups
 *  never helps; within a group only the innermost loop matters, which slides the input tile. The first 6 slide Q and S. */
export const LEVEL_ORDERS: readonly LevelOrder[] = [
  [Q, S],
  [P, S],
  [Q, R],
  [P, R],
].flatMap((last) => GROUP_ORDERS.map((groups) => ({ groups, last })));

/** Position of each dimension's loop: group 3 outermost, then the groups in order. */
export function orderPositions(groups: GroupOf, order: LevelOrder, into: Int8Array, offset: number): void {
  const { groups: inner, last } = order;
  let position = 0;
  for (let g = -1; g < 3; g++) {
    const group = g < 0 ? 3 : inner[g];
    for (let d = 0; d < DIM_COUNT; d++) {
      if (groups[d] === group && d !== last[0] && d !== last[1]) into[offset + d] = position++;
    }
    for (const d of last) if (groups[d] === group) into[offset + d] = position++;
  }
}

/** Tiles chosen so far, outermost first: one node per level, each pointing to the level outside it. */
export interface Tiling {
  readonly level: number;
  /** tile of the level in elements per instance; the root holds the extents */
  readonly tile: Float64Array;
  /** temporal bounds of the loops just outside the level (they belong to level - 1) */
  readonly bounds: Float64Array;
  /** index into GROUP_ORDERS of those loops */
  readonly order: number;
  readonly outer: Tiling | undefined;
}

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

/** What a boundary needs to know of the levels outside it and of the fan-outs between. */
export interface Boundary {
  readonly level: number;
  /** smallest and largest tile by dimension: what the fan-outs inside need, what the parent's tile leaves */
  readonly minimum: Float64Array;
  readonly maximum: Float64Array;
  /** how many instances of the level receive the same word, by operand */
  readonly replication: Float64Array;
  /** the level outside */
  readonly outside: Tiling;
}

/** Searches tiles for one problem and machine. Holds scratch arrays; not reentrant. */
export class BoundarySearch {
  readonly #chip: Accelerator;
  readonly #problem: Problem;
  readonly groups: GroupOf;
  readonly tile = new Float64Array(DIM_COUNT);
  /** the tile, clipped to the layer */
  readonly #clipped = new Float64Array(DIM_COUNT);
  readonly #fullWords: readonly [number, number, number];
  readonly #accumulates: boolean;
  // of the boundary under way
  readonly #sizes: (readonly number[])[] = [];
  readonly #index = new Int32Array(DIM_COUNT);
  readonly #counts = new Float64Array(DIM_COUNT);
  readonly #group = new Float64Array(4);
  /** pJ per full pass over the operand (inputs: per word), and per revisit on top for outputs */
  readonly #coefficient = new Float64Array(3);
  #revisitCoefficient = 0;
  /** visits that the levels further out cause, when a relevant loop runs inside them and when none does */
  readonly #outerMoving = new Float64Array(3);
  readonly #outerStill = new Float64Array(3);
  #level!: Level;
  #boundary!: Boundary;

  constructor(chip: Accelerator, problem: Problem) {
    this.#chip = chip;
    this.#problem = problem;
    this.groups = groupsOf(problem);
    const { extents } = problem;
    this.#fullWords = [problem.words[W]!, extents[N]! * extents[G]! * extents[C]!, problem.words[O]!];
    this.#accumulates = extents[C]! * extents[R]! * extents[S]! > 1;
  }

  /** Prepares a boundary; `fill` then answers for each stationary operand. */
  open(boundary: Boundary): void {
    this.#boundary = boundary;
    this.#level = this.#chip.levels[boundary.level]!;
    const { bits, present } = this.#problem;
    for (let d = 0; d < DIM_COUNT; d++) {
      this.#sizes[d] = balancedSizes(Math.round(boundary.maximum[d]! / boundary.minimum[d]!));
    }
    for (let operand = 0; operand < 3; operand++) {
      this.#coefficient[operand] = 0;
      if (!present[operand] || !this.#level.keeps[operand]) continue;
      let parent = boundary.level - 1;
      while (!this.#chip.levels[parent]!.keeps[operand]) parent--;
      const from = this.#chip.levels[parent]!;
      const words = this.#fullWords[operand]!;
      if (operand === O) {
        this.#coefficient[O] = words * bits.partial * from.writePjPerBit;
        this.#revisitCoefficient = words * bits.partial * (from.readPjPerBit + this.#level.writePjPerBit);
      } else {
        const width = operand === W ? bits.weights : bits.inputs;
        const write = boundary.replication[operand]! * this.#level.writePjPerBit;
        this.#coefficient[operand] = words * width * (from.readPjPerBit + write);
      }
      this.#outerVisits(operand);
    }
  }

  /** The tile for one stationary operand (the group that it ignores runs innermost just outside the level).
   *  @param wholeMask dimensions that stay at their maximum
   *  @returns traffic across the boundary in pJ (a guide: ragged ends rounded up), Infinity when nothing fits.
   *  The tile is in `tile`. */
  fill(stationary: number, wholeMask: number): number {
    for (let d = 0; d < DIM_COUNT; d++) this.#set(d, this.#sizes[d]!.length - 1);
    let over = this.#overflowBits();
    while (over > 0) {
      const cost = this.#cost(stationary);
      let bestScore = Infinity;
      let bestDim = -1;
      let bestIndex = 0;
      for (let d = 0; d < DIM_COUNT; d++) {
        const index = this.#index[d]!;
        if (index === 0 || wholeMask & (1 << d)) continue;
        const smaller = this.#halved(d, index);
        this.#set(d, smaller);
        const freed = over - this.#overflowBits();
        const score = freed > 0 ? (this.#cost(stationary) - cost) / freed : Number.MAX_VALUE;
        this.#set(d, index);
        if (score < bestScore) {
          bestScore = score;
          bestDim = d;
          bestIndex = smaller;
        }
      }
      if (bestDim < 0) return Infinity;
      this.#set(bestDim, bestIndex);
      over = this.#overflowBits();
    }
    return this.#grow(stationary);
  }

  /** Uses the room that is left: grows a dimension as long as the traffic falls. */
  #grow(stationary: number): number {
    let cost = this.#cost(stationary);
    for (let improved = true; improved; ) {
      improved = false;
      for (let d = 0; d < DIM_COUNT; d++) {
        const index = this.#index[d]!;
        if (index === this.#sizes[d]!.length - 1) continue;
        this.#set(d, index + 1);
        const next = this.#overflowBits() > 0 ? Infinity : this.#cost(stationary);
        if (next < cost) {
          cost = next;
          improved = true;
        } else this.#set(d, index);
      }
    }
    return cost;
  }

  /** The order of the two groups further out that moves less, for the tile that `fill` left. */
  bestOrder(stationary: number): number {
    let best = -1;
    let bestCost = Infinity;
    for (let order = 0; order < GROUP_ORDERS.length; order++) {
      if (GROUP_ORDERS[order]![2] !== stationary) continue;
      const cost = this.#costOfOrder(GROUP_ORDERS[order]!);
      if (cost < bestCost) {
        best = order;
        bestCost = cost;
      }
    }
    return best;
  }

  /** True when the tile holds all that the parent leaves, so that no loop runs outside it. */
  get isWhole(): boolean {
    for (let d = 0; d < DIM_COUNT; d++) if (this.tile[d]! < this.#boundary.maximum[d]!) return false;
    return true;
  }

  #set(d: number, index: number): void {
    this.#index[d] = index;
    const sizes = this.#sizes[d]!;
    const size = sizes[index]!;
    const tile = size * this.#boundary.minimum[d]!;
    const extent = this.#problem.extents[d]!;
    this.tile[d] = tile;
    this.#clipped[d] = tile < extent ? tile : extent;
    this.#counts[d] = Math.ceil(sizes[sizes.length - 1]! / size);
  }

  /** The largest balanced size that is at most half the present one, but at least one step down. */
  #halved(d: number, index: number): number {
    const sizes = this.#sizes[d]!;
    const half = sizes[index]! / 2;
    let smaller = index - 1;
    while (smaller > 0 && sizes[smaller]! > half) smaller--;
    return smaller;
  }

  /** Bits by which the tiles exceed the level, at most over its partitions; 0 or less when they fit. */
  #overflowBits(): number {
    const { present, bits } = this.#problem;
    const level = this.#level;
    let shared = this.#boundary.level === this.#chip.residentLevel ? this.#problem.reservedBits : 0;
    let worst = -Infinity;
    for (let operand = 0; operand < 3; operand++) {
      if (!level.keeps[operand] || !present[operand]) continue;
      const width =
        operand === W ? bits.weights : operand === I ? bits.inputs : this.#accumulates ? bits.partial : bits.outputs;
      const need = this.#words(operand) * width;
      if (level.partitionBytes !== undefined) worst = Math.max(worst, need - level.partitionBytes[operand]! * 8);
      else shared += need;
    }
    if (level.sharedCapacityBytes !== undefined) worst = Math.max(worst, shared - level.sharedCapacityBytes * 8);
    return worst;
  }

  #words(operand: number): number {
    const { stride, dilation, relevance } = this.#problem;
    const at = this.#clipped;
    if (operand === I) {
      const rows = (at[P]! - 1) * stride[0] + (at[R]! - 1) * dilation[0] + 1;
      const columns = (at[Q]! - 1) * stride[1] + (at[S]! - 1) * dilation[1] + 1;
      return at[N]! * at[G]! * at[C]! * rows * columns;
    }
    const mask = relevance[operand]!;
    let words = 1;
    for (let d = 0; d < DIM_COUNT; d++) if (mask & (1 << d)) words *= at[d]!;
    return words;
  }

  #cost(stationary: number): number {
    const first = this.#costOfOrder(GROUP_ORDERS[stationary * 2]!);
    return Math.min(first, this.#costOfOrder(GROUP_ORDERS[stationary * 2 + 1]!));
  }

  /** Energy of the traffic into and out of the level for all operands that it keeps. */
  #costOfOrder(order: readonly [number, number, number]): number {
    const { extents, stride, dilation } = this.#problem;
    const group = this.#group;
    const counts = this.#counts;
    group[0] = group[1] = group[2] = group[3] = 1;
    for (let d = 0; d < DIM_COUNT; d++) if (counts[d]! > 1) group[this.groups[d]!]! *= counts[d]!;
    let cost = 0;
    for (let operand = 0; operand < 3; operand++) {
      const coefficient = this.#coefficient[operand]!;
      if (coefficient === 0) continue;
      const visits = this.#visits(order, operand);
      let passes = visits;
      if (operand === I) {
        passes *=
          axisWords(extents[P]!, this.tile[P]!, extents[R]!, this.tile[R]!, stride[0], dilation[0]) *
          axisWords(extents[Q]!, this.tile[Q]!, extents[S]!, this.tile[S]!, stride[1], dilation[1]);
      }
      cost += passes * coefficient;
      if (operand === O) cost += (visits - 1) * this.#revisitCoefficient;
    }
    return cost;
  }

  /** How often an operand's tiles are fetched: the loops that it ignores, where a loop that it needs runs inside. */
  #visits(order: readonly [number, number, number], operand: number): number {
    const group = this.#group;
    let moving = false;
    let visits = 1;
    for (let g = 2; g >= 0; g--) {
      const which = order[g]!;
      if (which === operand) {
        if (moving) visits = group[which]!;
      } else if (group[which]! > 1) moving = true;
    }
    if (group[3]! > 1) moving = true;
    return visits * (moving ? this.#outerMoving[operand]! : this.#outerStill[operand]!);
  }

  #outerVisits(operand: number): void {
    let all = 1;
    let still = 1;
    let moving = false;
    // the node of the level outside holds the bounds of the loops two levels out, and so on
    for (let node = this.#boundary.outside; node.outer !== undefined; node = node.outer) {
      const groups = this.#scratch.fill(1);
      for (let d = 0; d < DIM_COUNT; d++) groups[this.groups[d]!]! *= node.bounds[d]!;
      const order = GROUP_ORDERS[node.order]!;
      all *= groups[operand]!;
      for (let g = 2; g >= 0; g--) {
        const which = order[g]!;
        if (which === operand) still *= moving ? groups[which]! : 1;
        else if (groups[which]! > 1) moving = true;
      }
      if (groups[3]! > 1) moving = true;
    }
    this.#outerMoving[operand] = all;
    this.#outerStill[operand] = still;
  }
  readonly #scratch = new Float64Array(4);
}

function axisWords(
  out: number,
  outTile: number,
  filter: number,
  filterTile: number,
  stride: number,
  dilation: number,
): number {
  const outTiles = Math.ceil(out / outTile);
  const filterTiles = Math.ceil(filter / filterTile);
  return (
    stride * (out - outTiles) * filterTiles + dilation * (filter - filterTiles) * outTiles + outTiles * filterTiles
  );
}
