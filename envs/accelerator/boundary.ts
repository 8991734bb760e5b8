// A boundary between a level and the level outside it, as the search of tiles sees it: what is chosen further out, what the
// spatial choice settles, and what the guide finds for the tile of the level.
import { DIM_COUNT } from "./problem.js";

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
  /** of this and the boundaries further out */
  readonly energyPj: number;
  readonly cycles: number;
  readonly exposedCycles: number;
  /** iterations over those of the spatial choice: tiles that overhang their share leave instances idle */
  readonly stretch: number;
  /** bits that each level moves in these, and next to the multipliers; at DRAM as many as take the same time in whole lines */
  readonly readBits: Float64Array;
  readonly writeBits: Float64Array;
  /** whether the outputs in its tiles are unfinished sums, which leave it as wide words */
  readonly partial: boolean;
}

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
  readonly choice: ChoiceFacts;
}

/** What a spatial choice settles before any tile is chosen. */
export interface ChoiceFacts {
  /** spatial bounds by [level · 8 + dimension] */
  readonly spatial: Int32Array;
  /** cycles of the array, and energy of the operations and of the accesses next to the multipliers */
  readonly arrayCycles: number;
  readonly fixedPj: number;
  /** bits that each level moves for the multipliers */
  readonly nearReadBits: Float64Array;
  readonly nearWriteBits: Float64Array;
}

/** What a boundary costs under the objective, as a guide: ragged ends are rounded up, further levels are left out. */
export interface Guide {
  /** figure of merit, lower is better */
  readonly merit: number;
  /** index into GROUP_ORDERS */
  readonly order: number;
  /** energy of the traffic across this boundary and those outside it */
  readonly energyPj: number;
  /** of the slowest of the array and the levels so far */
  readonly cycles: number;
  /** of the first load and the last store, which nothing hides */
  readonly exposedCycles: number;
  /** of the array's iterations, by tiles that overhang */
  readonly stretch: number;
  /** bits that each level moves in all that */
  readonly readBits: Float64Array;
  readonly writeBits: Float64Array;
  /** whether the level holds unfinished sums */
  readonly partial: boolean;
}

/** How many instances of a level need the same word of an operand, whose dimensions are `mask`: each reads, or adds to, its own.
 *  @param spatial bounds by [level · 8 + dimension] */
export function copiesAt(level: number, mask: number, spatial: Int32Array): number {
  let copies = 1;
  for (let index = 0; index < level * DIM_COUNT; index++) {
    if ((mask & (1 << (index & 7))) === 0) copies *= spatial[index]!;
  }
  return copies;
}
