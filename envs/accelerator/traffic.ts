// Words and bits that one mapping moves between the levels. The steady-state counts are Timeloop's (Parashar et al. 2019; what
// is counted: docs/accelerator-model.md):
//   - a tile stays while only loops irrelevant to its operand advance inside the innermost relevant one;
//   - when that innermost loop slides an input tile, only the words that are new against the tile before are charged;
//   - a word for several instances is read once and filled once per receiver; partial sums of several instances are
//     added before they are written; the first accumulation of a partial sum writes without reading.
import { type Accelerator, homeOf } from "./architecture.js";
import { type LoopNest, lowestDim } from "./loop-nest.js";
import { C, DIM_COUNT, G, I, N, O, P, type Problem, Q, R, S, W } from "./problem.js";
import { NOTHING_SAVED, type ZeroShares } from "./zeros.js";

/** Counts of the last mapping; indexed [level · 3 + operand] and summed over the instances in use. */
export class Traffic {
  readonly reads: Float64Array;
  readonly fills: Float64Array;
  readonly updates: Float64Array;
  /** bits of traffic, both directions apart */
  readonly readBits: Float64Array;
  readonly writeBits: Float64Array;
  /** bits moved between levels, where a level states what a hop costs */
  networkEnergyPj = 0;
  readonly #chip: Accelerator;
  readonly #nest: LoopNest;
  readonly #levels: number;
  /** pJ per bit from the outermost level down to each, by hops */
  readonly #hopPj: Float64Array;
  readonly #hasHops: boolean;
  // of the layer at hand
  #problem: Problem | undefined;
  #zeros: ZeroShares = NOTHING_SAVED;
  /** products of the extents that an operand depends on */
  readonly #extentOf = new Float64Array(3);

  constructor(chip: Accelerator, nest: LoopNest) {
    this.#chip = chip;
    this.#nest = nest;
    this.#levels = chip.levels.length;
    const size = this.#levels * 3;
    this.reads = new Float64Array(size);
    this.fills = new Float64Array(size);
    this.updates = new Float64Array(size);
    this.readBits = new Float64Array(size);
    this.writeBits = new Float64Array(size);
    this.#hopPj = new Float64Array(this.#levels + 1);
    chip.levels.forEach((level, l) => {
      this.#hopPj[l + 1] = this.#hopPj[l]! + level.hopPjPerBit;
    });
    this.#hasHops = this.#hopPj[this.#levels]! > 0;
  }

  /** Counts the mapping that the nest has read. */
  count(problem: Problem, zeros: ZeroShares): void {
    if (problem !== this.#problem) this.#open(problem, zeros);
    const { levels } = this.#chip;
    // a loop takes half the time of five calls of `fill` on arrays this short
    for (let i = this.#levels * 3 - 1; i >= 0; i--) {
      this.reads[i] = this.fills[i] = this.updates[i] = this.readBits[i] = this.writeBits[i] = 0;
    }
    this.networkEnergyPj = 0;
    this.#nest.countCopies();
    for (let operand = 0; operand < 3; operand++) {
      if (!problem.present[operand]) continue;
      const relevance = problem.relevance[operand]!;
      let parent = 0;
      let inner = -1;
      let partial = false;
      for (let child = 1; child <= this.#levels; child++) {
        const found = this.#nest.innermost(child - 1, relevance);
        if (found >= 0) inner = found;
        const isLevel = child < this.#levels;
        if (isLevel && !levels[child]!.keeps[operand]) continue;
        if (operand === O) partial = this.#countOutputs(problem, parent, child, inner, partial);
        else if (isLevel) this.#countLoads(problem, operand, parent, child, inner);
        else this.#countFeeds(problem, operand, parent);
        parent = child;
      }
    }
  }

  #open(problem: Problem, zeros: ZeroShares): void {
    this.#problem = problem;
    this.#zeros = zeros;
    for (let operand = 0; operand < 3; operand++) {
      let words = 1;
      for (let rest = problem.relevance[operand]!; rest !== 0; rest &= rest - 1) {
        words *= problem.extents[lowestDim(rest)]!;
      }
      this.#extentOf[operand] = words;
    }
  }

  /** Weights and inputs: words that move from `parent` down to `child`.
   *  @param found position of the innermost loop outside the child that the operand depends on, -1 if none */
  #countLoads(problem: Problem, operand: number, parent: number, child: number, found: number): void {
    const nest = this.#nest;
    const { overheads, levels } = this.#chip;
    const { order } = nest;
    const mask = problem.relevance[operand]!;
    // a machine that loads everything again for each DRAM tile: all of DRAM's loops count, and no tile slides
    const reloads = parent === 0 && found < DIM_COUNT && overheads.reloadPerDramTile;
    const inner = reloads ? -1 : found;
    const innerLevel = reloads ? 1 : inner < 0 ? 0 : inner >> 3;
    const innerOrder = inner < 0 ? -1 : order[inner]!;
    const senders = levels[parent]!.multicast[operand]! ? parent : child;
    const copies = operand * (this.#levels + 1);
    const visits = this.#evenVisits(mask, innerLevel, innerOrder);
    let received = visits * nest.copies[copies + child]!;
    let sent = visits * nest.copies[copies + senders]!;
    for (let rest = nest.ragged & ~mask; rest !== 0; rest &= rest - 1) {
      const d = lowestDim(rest);
      const loops = order[innerLevel * DIM_COUNT + d]! < innerOrder ? innerLevel + 1 : innerLevel;
      received *= nest.raggedVisits(d, loops, child);
      sent *= nest.raggedVisits(d, loops, senders);
    }
    const words =
      operand === I
        ? this.#inputWords(problem, child, inner >= 0 && this.#mayOverlap(inner, mask, child) ? inner : -1)
        : this.#extentOf[operand]!;
    const width = operand === W ? problem.bits.weights : problem.bits.inputs;
    const from = this.#slot(problem, parent, operand);
    const to = child * 3 + operand;
    this.reads[from]! += words * sent;
    this.readBits[from]! += words * sent * width;
    this.fills[to]! += words * received;
    this.writeBits[to]! += words * received * width;
    if (this.#hasHops) {
      const hops = this.#hops(this.#source(problem, parent, operand), child);
      this.networkEnergyPj += words * received * width * hops;
    }
  }

  /** Iterations in which a tile is fetched anew, of the even dimensions that its operand ignores: their loops outside the
   *  innermost loop that it depends on. */
  #evenVisits(mask: number, innerLevel: number, innerOrder: number): number {
    const { even, order, temporalOutside } = this.#nest;
    const base = innerLevel * DIM_COUNT;
    let visits = 1;
    for (let rest = even & ~mask; rest !== 0; rest &= rest - 1) {
      const index = base + lowestDim(rest);
      visits *= temporalOutside[order[index]! < innerOrder ? index + DIM_COUNT : index]!;
    }
    return visits;
  }

  /** Weights and inputs that the multipliers read from the innermost level that keeps them. */
  #countFeeds(problem: Problem, operand: number, parent: number): void {
    const nest = this.#nest;
    const levels = this.#levels;
    const mask = problem.relevance[operand]!;
    const words = this.#extentOf[operand]! * this.#zeros.accesses[operand]!;
    // every iteration asks for them: one of a loop inside the innermost level's
    const visits = this.#evenVisits(mask, levels - 1, DIM_COUNT);
    const senders = this.#chip.levels[parent]!.multicast[operand]! ? parent : levels;
    let sent = visits * nest.copies[operand * (levels + 1) + senders]!;
    for (let rest = nest.ragged & ~mask; rest !== 0; rest &= rest - 1) {
      sent *= nest.raggedVisits(lowestDim(rest), levels, senders);
    }
    const width = operand === W ? problem.bits.weights : problem.bits.inputs;
    const from = this.#slot(problem, parent, operand);
    this.reads[from]! += words * sent;
    this.readBits[from]! += words * sent * width;
    if (this.#hasHops) {
      const received = nest.visitsOfAll(~mask, levels, levels);
      this.networkEnergyPj += words * received * width * this.#hops(this.#source(problem, parent, operand), levels);
    }
  }

  /** pJ to move a bit between two levels that keep an operand, through all that lies between. */
  #hops(parent: number, child: number): number {
    return Math.abs(this.#hopPj[child]! - this.#hopPj[parent]!);
  }

  /** Outputs: partial sums that move up from `child` to `parent` (the multipliers when child is past the last level), and back
   *  down when a tile is visited again.
   *  @returns whether the words that `child` holds are partial sums */
  #countOutputs(problem: Problem, parent: number, child: number, found: number, partialOutside: boolean): boolean {
    const nest = this.#nest;
    const { order } = nest;
    const { bits } = problem;
    const isMultiplier = child === this.#levels;
    // the multipliers come back with every iteration: as with a loop inside the innermost level's
    const innerLevel = isMultiplier ? child - 1 : found < 0 ? 0 : found >> 3;
    const innerOrder = isMultiplier ? DIM_COUNT : found < 0 ? -1 : order[found]!;
    const adders = this.#chip.levels[parent]!.reduce ? parent : child;
    const relevance = problem.relevance[O]!;
    const copies = O * (this.#levels + 1);
    const visits = this.#evenVisits(relevance, innerLevel, innerOrder);
    let firstChild = nest.copies[copies + child]!;
    let firstParent = nest.copies[copies + parent]!;
    let visitsChild = visits * firstChild; // summed over the child's instances
    let visitsParent = visits * nest.copies[copies + adders]!; // after the partial sums of these have been added
    for (let rest = nest.ragged & ~relevance; rest !== 0; rest &= rest - 1) {
      const d = lowestDim(rest);
      const loops = order[innerLevel * DIM_COUNT + d]! < innerOrder ? innerLevel + 1 : innerLevel;
      visitsChild *= nest.raggedVisits(d, loops, child);
      visitsParent *= nest.raggedVisits(d, loops, adders);
      firstChild *= nest.raggedVisits(d, 0, child);
      firstParent *= nest.raggedVisits(d, 0, parent);
    }
    const words = this.#extentOf[O]!;
    // a sum that nothing is added to need not be touched again
    const live = isMultiplier ? this.#zeros.accesses[O] : 1;
    const revisited = words * (visitsParent - firstParent) * live;
    // the child holds partial sums when it comes back to a tile, or when several children share its sum
    const partial = partialOutside || visitsChild > firstParent;
    const finalBits = partialOutside ? bits.partial : bits.outputs;
    const up = this.#slot(problem, parent, O);
    this.updates[up]! += live === 1 ? words * visitsParent : words * firstParent + revisited;
    this.writeBits[up]! += words * firstParent * finalBits + revisited * bits.partial;
    this.reads[up]! += revisited;
    this.readBits[up]! += revisited * bits.partial;
    if (!isMultiplier) {
      const back = words * (visitsChild - firstChild);
      this.fills[child * 3 + O]! += back;
      this.writeBits[child * 3 + O]! += back * bits.partial;
    }
    // every visit sends the tile up, sums that go on as wide words
    const sentBits = words * (firstParent * finalBits + (visitsChild - firstParent) * live * bits.partial);
    if (parent === 0 && !isMultiplier && problem.resident[O] && this.#chip.copiesOutputs) {
      this.reads[child * 3 + O]! += words * visitsChild;
      this.readBits[child * 3 + O]! += sentBits;
    }
    if (this.#hasHops) {
      // all but the first got it from above
      const back = isMultiplier ? (visitsParent - firstParent) * live : visitsChild - firstChild;
      const moved = sentBits + words * back * bits.partial;
      this.networkEnergyPj += moved * this.#hops(this.#source(problem, parent, O), child);
    }
    return partial;
  }

  /** Where the words of a transfer from `parent` really are: an operand that stays on chip is not in DRAM but spread over the
   *  instances of the level where it stays, which read and write it for one another. */
  #source(problem: Problem, parent: number, operand: number): number {
    return parent === 0 && problem.resident[operand]! ? homeOf(this.#chip, problem, operand) : parent;
  }

  /** The same as a position [level · 3 + operand] of the counts: where outputs have a memory of their own, activations that
   *  stay are in that of the inputs, whatever they are to this layer. */
  #slot(problem: Problem, parent: number, operand: number): number {
    const source = this.#source(problem, parent, operand);
    const isElsewhere = source !== parent && this.#chip.copiesOutputs;
    const isActivation = operand === O || problem.weightsAreActivations;
    return source * 3 + (isElsewhere && isActivation ? I : operand);
  }

  /** Whether a tile that slides on still holds what it shares with the tile before: on some machines not when it was used again
   *  in between, by a loop inside that at `inner` which the operand ignores. */
  #mayOverlap(inner: number, mask: number, child: number): boolean {
    if (this.#chip.overheads.overlapSurvivesReuse) return true;
    const { looping, order } = this.#nest;
    const level = inner >> 3;
    for (let l = level + 1; l < child; l++) if ((looping[l]! & ~mask) !== 0) return false;
    for (let rest = looping[level]! & ~mask; rest !== 0; rest &= rest - 1) {
      if (order[level * DIM_COUNT + lowestDim(rest)]! > order[inner]!) return false;
    }
    return true;
  }

  /** Input words over all tiles of `child`, overlap with the tile before left out where the loop at `inner` slides. */
  #inputWords(problem: Problem, child: number, inner: number): number {
    const { extents } = problem;
    const rows = this.#axisWords(problem, child, P, R, 0, inner);
    const columns = this.#axisWords(problem, child, Q, S, 1, inner);
    return extents[N]! * extents[G]! * extents[C]! * rows * columns;
  }

  /** Input rows (or columns) summed over tiles: Σ ((p − 1)·stride + (r − 1)·dilation + 1), less what a sliding loop reuses. */
  #axisWords(problem: Problem, child: number, out: number, filter: number, axis: 0 | 1, inner: number): number {
    const nest = this.#nest;
    const stride = problem.stride[axis];
    const dilation = problem.dilation[axis];
    const outExtent = problem.extents[out]!;
    const filterExtent = problem.extents[filter]!;
    const outTile = nest.tile[child * DIM_COUNT + out]!;
    const filterTile = nest.tile[child * DIM_COUNT + filter]!;
    const outTiles = nest.tiles[child * DIM_COUNT + out]!;
    const filterTiles = nest.tiles[child * DIM_COUNT + filter]!;
    const words =
      stride * (outExtent - outTiles) * filterTiles +
      dilation * (filterExtent - filterTiles) * outTiles +
      outTiles * filterTiles;
    if (inner < 0) return words;
    const slides = inner & 7;
    if (slides !== out && slides !== filter) return words;
    const isOut = slides === out;
    const step = (nest.reach[inner]! / nest.temporal[inner]!) * (isOut ? stride : dilation);
    // a run is one pass of the sliding loop; inside it every tile but the first overlaps its predecessor, which is whole.
    // The tiles of the other dimension share the run's overlap, but the last of them may be smaller
    const runs = nest.visits(slides, inner >> 3, child);
    const pairs = (isOut ? outTiles : filterTiles) - runs;
    const others = isOut ? filterTiles : outTiles;
    const span = (outTile - 1) * stride + (filterTile - 1) * dilation + 1;
    const missing = isOut
      ? (filterTiles * filterTile - filterExtent) * dilation
      : (outTiles * outTile - outExtent) * stride;
    return words - pairs * ((others - 1) * Math.max(0, span - step) + Math.max(0, span - missing - step));
  }
}
