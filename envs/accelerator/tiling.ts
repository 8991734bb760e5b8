// The tile of a level for a given spatial choice and operand that stays in place outside it: first as large as its parent allows,
// dimensions halved where that costs least per bit freed, until it fits; then from the smallest, doubled where that saves most. The
// better of the two grows where room is left, and dimensions trade room, as long as the guide (tile-cost.ts) falls.
import type { Accelerator } from "./architecture.js";
import type { Boundary, Guide } from "./boundary.js";
import type { GroupOf } from "./loop-orders.js";
import type { Objective } from "./objective.js";
import { DIM_COUNT, P, type Problem, Q, R, S } from "./problem.js";
import { Tile } from "./tile.js";
import { TileCost } from "./tile-cost.js";

/** Passes over the dimensions in which they trade room. */
const ROUNDS = 4;

/** Searches tiles for one machine, one problem after the other. Holds scratch arrays; not reentrant. */
export class BoundarySearch {
  readonly #tile: Tile;
  readonly #cost: TileCost;
  /** whether a tile may be better than the largest one that fits */
  mayShrink = false;
  /** cost of all that the parent leaves, fits or not: nothing moves twice */
  #wholeCost = 0;
  readonly #shrunk = new Int32Array(DIM_COUNT);

  constructor(chip: Accelerator) {
    this.#tile = new Tile(chip);
    this.#cost = new TileCost(chip, this.#tile);
  }

  /** The boundaries from now on are of this problem. */
  begin(problem: Problem, objective: Objective): void {
    const { extents, stride } = problem;
    this.#tile.begin(problem);
    this.#cost.begin(problem, objective);
    // where strides jump over inputs, small tiles leave out what lies between; where nothing hides the first tile, small ones
    // are sooner there
    this.mayShrink =
      this.#cost.hasExposed ||
      (extents[P]! > 1 && stride[0] > extents[R]!) ||
      (extents[Q]! > 1 && stride[1] > extents[S]!);
  }

  get groups(): GroupOf {
    return this.#cost.groups;
  }

  /** Elements by dimension of the tile that `fill` left. */
  get tile(): Float64Array {
    return this.#tile.elements;
  }

  /** True when that tile holds all that the parent leaves, so that no loop runs outside it. */
  get isWhole(): boolean {
    return this.#tile.isWhole;
  }

  /** Prepares a boundary; `fill` then answers for each stationary operand. */
  open(boundary: Boundary): void {
    this.#tile.open(boundary);
    this.#cost.open(boundary);
  }

  /** The guide for the tile that `fill` left. */
  best(stationary: number): Guide {
    return this.#cost.best(stationary);
  }

  /** The tile for one stationary operand (the group that it ignores runs innermost just outside the level).
   *  @param wholeMask dimensions that stay at their maximum
   *  @returns the merit of the better order, Infinity when nothing fits. The tile is in `tile`. */
  fill(stationary: number, wholeMask: number): number {
    const shrunk = this.#shrink(stationary, wholeMask);
    if (!this.mayShrink && shrunk <= this.#wholeCost * (1 + 1e-9)) return shrunk;
    this.#shrunk.set(this.#tile.index);
    const grown = this.#raise(stationary, wholeMask);
    if (grown >= shrunk) for (let d = 0; d < DIM_COUNT; d++) this.#tile.set(d, this.#shrunk[d]!);
    const cost = Math.min(grown, shrunk);
    return cost === Infinity ? cost : this.#exchange(stationary, wholeMask, cost);
  }

  /** Halves one dimension and gives the room to another, as long as that saves something. */
  #exchange(stationary: number, wholeMask: number, from: number): number {
    let cost = from;
    for (let improved = true, round = 0; improved && round < ROUNDS; round++) {
      improved = false;
      for (let d = 0; d < DIM_COUNT; d++) {
        const index = this.#tile.index[d]!;
        if (index === 0 || wholeMask & (1 << d)) continue;
        this.#tile.set(d, this.#tile.halved(d, index));
        if (this.mayShrink) {
          const next = this.#cost.of(stationary);
          if (next < cost) {
            cost = next;
            improved = true;
            continue;
          }
        }
        let taken = false;
        for (let e = 0; e < DIM_COUNT && !taken; e++) {
          const before = this.#tile.index[e]!;
          if (e === d || before === this.#tile.last(e)) continue;
          if (!this.#growWhileFits(e)) continue;
          const next = this.#cost.of(stationary);
          if (next < cost) {
            cost = next;
            taken = true;
          } else this.#tile.set(e, before);
        }
        if (taken) improved = true;
        else this.#tile.set(d, index);
      }
    }
    return cost;
  }

  /** Starts with the smallest tile; doubles the dimension that saves most, as long as one saves and fits. */
  #raise(stationary: number, wholeMask: number): number {
    for (let d = 0; d < DIM_COUNT; d++) this.#tile.set(d, wholeMask & (1 << d) ? this.#tile.last(d) : 0);
    if (this.#tile.overflow() > 0) return Infinity;
    let cost = this.#cost.of(stationary);
    for (;;) {
      let bestDim = -1;
      let bestIndex = 0;
      let bestCost = cost;
      for (let d = 0; d < DIM_COUNT; d++) {
        const index = this.#tile.index[d]!;
        if (index === this.#tile.last(d)) continue;
        const larger = this.#tile.doubled(d, index);
        this.#tile.set(d, larger);
        if (this.#tile.overflow() <= 0) {
          const next = this.#cost.of(stationary);
          if (next < bestCost) {
            bestCost = next;
            bestDim = d;
            bestIndex = larger;
          }
        }
        this.#tile.set(d, index);
      }
      if (bestDim < 0) return this.#grow(stationary);
      this.#tile.set(bestDim, bestIndex);
      cost = bestCost;
    }
  }

  /** Doubles a dimension, or grows it as far as there is room. @returns whether it grew */
  #growWhileFits(d: number): boolean {
    const before = this.#tile.index[d]!;
    let index = this.#tile.doubled(d, before);
    for (; index > before; index--) {
      this.#tile.set(d, index);
      if (this.#tile.overflow() <= 0) return true;
    }
    this.#tile.set(d, before);
    return false;
  }

  #shrink(stationary: number, wholeMask: number): number {
    for (let d = 0; d < DIM_COUNT; d++) this.#tile.set(d, this.#tile.last(d));
    let over = this.#tile.overflow();
    this.#wholeCost = this.#cost.of(stationary);
    while (over > 0) {
      const cost = this.#cost.of(stationary);
      let bestScore = Infinity;
      let bestDim = -1;
      let bestIndex = 0;
      for (let d = 0; d < DIM_COUNT; d++) {
        const index = this.#tile.index[d]!;
        if (index === 0 || wholeMask & (1 << d)) continue;
        const smaller = this.#tile.halved(d, index);
        this.#tile.set(d, smaller);
        const freed = over - this.#tile.overflow();
        const score = freed > 0 ? (this.#cost.of(stationary) - cost) / freed : Number.MAX_VALUE;
        this.#tile.set(d, index);
        if (score < bestScore) {
          bestScore = score;
          bestDim = d;
          bestIndex = smaller;
        }
      }
      if (bestDim < 0) return Infinity;
      this.#tile.set(bestDim, bestIndex);
      over = this.#tile.overflow();
    }
    return this.#grow(stationary);
  }

  /** Uses the room that is left: grows a dimension as long as the merit falls, then where it stays, for the levels inside. */
  #grow(stationary: number): number {
    let cost = this.#cost.of(stationary);
    for (let mayStay = 0; mayStay < 2; mayStay++) {
      for (let improved = true; improved; ) {
        improved = false;
        for (let d = 0; d < DIM_COUNT; d++) {
          // steps grow while they succeed
          for (let step = 1; ; step *= 2) {
            const index = this.#tile.index[d]!;
            const last = this.#tile.last(d);
            if (index === last) break;
            this.#tile.set(d, Math.min(last, index + step));
            const next = this.#tile.overflow() > 0 ? Infinity : this.#cost.of(stationary);
            if (next < cost || (mayStay === 1 && next === cost)) {
              cost = next;
              improved = true;
            } else {
              this.#tile.set(d, index);
              if (step === 1) break;
              step = 0.5;
            }
          }
        }
      }
    }
    return cost;
  }
}
