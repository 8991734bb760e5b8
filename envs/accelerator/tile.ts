// The tile of a level while it is chosen: a size for each dimension out of those that balance, and what its words take.
import { type Accelerator, type Level, reservedBitsAt } from "./architecture.js";
import { balancedSizes } from "./balanced-sizes.js";
import type { Boundary } from "./boundary.js";
import { C, DIM_COUNT, G, I, N, P, type Problem, Q, R, S, W } from "./problem.js";

/** One tile of one machine's levels, for one boundary after the other. */
export class Tile {
  /** elements by dimension */
  readonly elements = new Float64Array(DIM_COUNT);
  /** the same, clipped to the layer */
  readonly clipped = new Float64Array(DIM_COUNT);
  /** iterations outside it, within what the parent leaves */
  readonly counts = new Float64Array(DIM_COUNT);
  /** places of the sizes among those that balance */
  readonly index = new Int32Array(DIM_COUNT);
  readonly #sizes: (readonly number[])[] = [];
  readonly #chip: Accelerator;
  /** bits of the level that what stays on chip takes from each operand's tiles */
  readonly #reserved = new Float64Array(3);
  #problem!: Problem;
  #accumulates = false;
  #level!: Level;
  #boundary!: Boundary;

  constructor(chip: Accelerator) {
    this.#chip = chip;
  }

  begin(problem: Problem): void {
    const { extents } = problem;
    this.#problem = problem;
    this.#accumulates = extents[C]! * extents[R]! * extents[S]! > 1;
  }

  open(boundary: Boundary): void {
    this.#boundary = boundary;
    this.#level = this.#chip.levels[boundary.level]!;
    for (let d = 0; d < DIM_COUNT; d++) {
      this.#sizes[d] = balancedSizes(Math.round(boundary.maximum[d]! / boundary.minimum[d]!));
    }
    for (let operand = 0; operand < 3; operand++) {
      this.#reserved[operand] = reservedBitsAt(this.#chip, this.#problem, boundary.level, operand);
    }
  }

  /** The largest index of a dimension: all that the parent leaves. */
  last(d: number): number {
    return this.#sizes[d]!.length - 1;
  }

  /** Gives a dimension the size at an index. */
  set(d: number, index: number): void {
    this.index[d] = index;
    const sizes = this.#sizes[d]!;
    const size = sizes[index]!;
    const tile = size * this.#boundary.minimum[d]!;
    const extent = this.#problem.extents[d]!;
    this.elements[d] = tile;
    this.clipped[d] = tile < extent ? tile : extent;
    this.counts[d] = Math.ceil(sizes[sizes.length - 1]! / size);
  }

  /** True when the tile holds all that the parent leaves, so that no loop runs outside it. */
  get isWhole(): boolean {
    for (let d = 0; d < DIM_COUNT; d++) if (this.elements[d]! < this.#boundary.maximum[d]!) return false;
    return true;
  }

  /** The largest balanced size that is at most half the present one, but at least one step down. */
  halved(d: number, index: number): number {
    const sizes = this.#sizes[d]!;
    const half = sizes[index]! / 2;
    let smaller = index - 1;
    while (smaller > 0 && sizes[smaller]! > half) smaller--;
    return smaller;
  }

  /** The smallest balanced size that is at least twice the present one, as far as there is one. */
  doubled(d: number, index: number): number {
    const sizes = this.#sizes[d]!;
    const twice = sizes[index]! * 2;
    let larger = index + 1;
    while (larger < sizes.length - 1 && sizes[larger]! < twice) larger++;
    return larger;
  }

  /** Share by which the tiles exceed the level, summed over its partitions; 0 or less when they fit. */
  overflow(): number {
    const { present } = this.#problem;
    const { keeps, partitionBytes, sharedCapacityBytes } = this.#level;
    let shared = this.#reserved[I]!;
    let over = 0;
    for (let operand = 0; operand < 3; operand++) {
      if (!keeps[operand] || !present[operand]) continue;
      const need = this.words(operand) * this.wordBits(operand);
      if (partitionBytes === undefined) shared += need;
      else over += Math.max(0, (need + this.#reserved[operand]!) / (partitionBytes[operand]! * 8) - 1);
    }
    return sharedCapacityBytes === undefined ? over : shared / (sharedCapacityBytes * 8) - 1;
  }

  /** Bits of a word in a tile; sums that are not finished are wide. */
  wordBits(operand: number): number {
    const { bits } = this.#problem;
    return operand === W ? bits.weights : operand === I ? bits.inputs : this.#accumulates ? bits.partial : bits.outputs;
  }

  /** Words of an operand in the tile. */
  words(operand: number): number {
    const { stride, dilation, relevance } = this.#problem;
    const at = this.clipped;
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
}
