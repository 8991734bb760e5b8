// Exact counts for (layer, accelerator, mapping): words read, filled and updated at every level, cycles by cause, energy.
// The steady-state counts are Timeloop's (Parashar et al. 2019; what is counted: docs/accelerator-model.md):
//   - a tile stays while only loops irrelevant to its operand advance inside the innermost relevant one;
//   - when that innermost loop slides an input tile, only the words that are new against the tile before are charged;
//   - a word for several instances is read once and filled once per receiver; partial sums of several instances are
//     added before they are written; the first accumulation of a partial sum writes without reading.
// Tiles may be ragged: every count below is exact for loops whose bounds do not divide the extent.
// One CostModel holds its scratch arrays, so that an evaluation allocates nothing.
import {
  type Accelerator,
  homeOf,
  operationEnergyPj,
  operationRate,
  reservedBitsAt,
  zeroSharesOf,
} from "./architecture.js";
import type { Mapping } from "./mapping.js";
import { C, DIM_COUNT, G, I, K, N, O, OPERANDS, type Operation, P, type Problem, Q, R, S } from "./problem.js";
import { NOTHING_SAVED, type ZeroShares } from "./zeros.js";

const MAX_LEVELS = 12;

/** What the latency is made of; the parts add up to it before it is rounded up. `steady` is the largest of compute and the
 *  double-buffered levels, `unbuffered` the transfers that do not overlap; the others are the machine's named overheads. */
export const LATENCY_PARTS = [
  "steady",
  "unbuffered",
  "firstLoad",
  "lastStore",
  "arrayFill",
  "arrayDrain",
  "tileStart",
  "setup",
] as const;
export type LatencyPart = (typeof LATENCY_PARTS)[number];
const [STEADY, UNBUFFERED, FIRST_LOAD, LAST_STORE, ARRAY_FILL, ARRAY_DRAIN, TILE_START, SETUP] = [
  0, 1, 2, 3, 4, 5, 6, 7,
] as const;

/** Result of the last `evaluate`, valid until the next. */
export class CostModel {
  readonly chip: Accelerator;
  readonly #levels: number;
  /** words by [level · 3 + operand], summed over the instances in use */
  readonly reads: Float64Array;
  readonly fills: Float64Array;
  readonly updates: Float64Array;
  /** bits of traffic by [level · 3 + operand], both directions apart */
  readonly readBits: Float64Array;
  readonly writeBits: Float64Array;
  /** cycles that each level's own bandwidth asks for */
  readonly levelCycles: Float64Array;
  /** instances of each level that hold data */
  readonly usedInstances: Float64Array;
  computeCycles = 0;
  latencyCycles = 0;
  energyPj = 0;
  /** part of the energy: bits moved between levels, where a level states what a hop costs */
  networkEnergyPj = 0;
  /** cycles by part, in the order of LATENCY_PARTS */
  readonly latencyParts = new Float64Array(LATENCY_PARTS.length);

  // scratch, indexed [level · 8 + dimension]; entry of level L is the multiplier
  readonly #tile = new Float64Array((MAX_LEVELS + 1) * DIM_COUNT);
  readonly #temporalOutside = new Float64Array((MAX_LEVELS + 1) * DIM_COUNT);
  readonly #spatialOutside = new Float64Array((MAX_LEVELS + 1) * DIM_COUNT);
  readonly #ragged = new Uint8Array(DIM_COUNT);
  /** dimensions that run more than once, the first `#busyCount`: the others multiply every count by 1 */
  readonly #busy = new Uint8Array(DIM_COUNT);
  #busyCount = 0;
  /** bounds and extents that the arrays above stand for: a dimension that did not change since the last mapping keeps them */
  readonly #seenTemporal = new Int32Array(MAX_LEVELS * DIM_COUNT);
  readonly #seenSpatial = new Int32Array(MAX_LEVELS * DIM_COUNT);
  readonly #seenExtents = new Int32Array(DIM_COUNT);
  /** visits of ragged dimensions, -1 where not yet counted; indexed as in `#count` */
  readonly #visits: Float64Array;
  readonly #visitsOfDim: number;
  #problem!: Problem;
  /** problem that the shares below are of */
  #costed: Problem | undefined;
  #zeros: ZeroShares = NOTHING_SAVED;
  #mapping!: Mapping;
  /** energy and rate of the operation at hand, kept while operation and precision stay the same */
  #operation: Operation | undefined;
  #weightBits = 0;
  #inputBits = 0;
  #operationPj = 0;
  #rate = 1;
  /** operand whose residencies fill and drain the array, and the innermost level that keeps it */
  readonly #stationary: number;
  readonly #stationaryLevel: number;
  /** by operand that is read, and of the outputs (counted last) that are written; 1 where DRAM answers by the byte */
  readonly #readShare = new Float64Array(3).fill(1);
  #writeShare = 1;
  /** bits of time that DRAM spends on the unused parts of lines */
  #lineReadBits = 0;
  #lineWriteBits = 0;
  /** pJ per bit from the outermost level down to each, by hops */
  readonly #hopPj: Float64Array;
  readonly #hasHops: boolean;

  constructor(chip: Accelerator) {
    this.chip = chip;
    this.#stationary = OPERANDS.indexOf(chip.overheads.stationary);
    this.#stationaryLevel = chip.levels.reduce((last, level, l) => (level.keeps[this.#stationary] ? l : last), 0);
    this.#levels = chip.levels.length;
    this.#hopPj = new Float64Array(this.#levels + 1);
    chip.levels.forEach((level, l) => {
      this.#hopPj[l + 1] = this.#hopPj[l]! + level.hopPjPerBit;
    });
    this.#hasHops = this.#hopPj[this.#levels]! > 0;
    const size = this.#levels * 3;
    this.reads = new Float64Array(size);
    this.fills = new Float64Array(size);
    this.updates = new Float64Array(size);
    this.readBits = new Float64Array(size);
    this.writeBits = new Float64Array(size);
    this.levelCycles = new Float64Array(this.#levels);
    this.usedInstances = new Float64Array(this.#levels);
    this.#visitsOfDim = 2 * (this.#levels + 1) * (this.#levels + 1);
    this.#visits = new Float64Array(DIM_COUNT * this.#visitsOfDim);
  }

  /** Sizes of the tiles of a mapping; enough for `tileWords`, `tileBits` and `fits`. */
  prepare(problem: Problem, mapping: Mapping): void {
    this.#problem = problem;
    this.#mapping = mapping;
    let count = 0;
    for (let d = 0; d < DIM_COUNT; d++) {
      if (this.#isNew(d)) this.#prepareDim(d);
      if (problem.extents[d]! > 1 || this.#ragged[d] === 1) this.#busy[count++] = d;
    }
    this.#busyCount = count;
  }

  #isNew(d: number): boolean {
    if (this.#seenExtents[d] !== this.#problem.extents[d]) return true;
    const { temporal, spatial } = this.#mapping;
    for (let index = d; index < this.#levels * DIM_COUNT; index += DIM_COUNT) {
      if (this.#seenTemporal[index] !== temporal[index] || this.#seenSpatial[index] !== spatial[index]) return true;
    }
    return false;
  }

  /** Tiles of dimension d, and the products of the bounds outside each level. */
  #prepareDim(d: number): void {
    const levels = this.#levels;
    const { temporal, spatial } = this.#mapping;
    const extent = this.#problem.extents[d]!;
    let inside = 1;
    this.#tile[levels * DIM_COUNT + d] = 1;
    for (let l = levels - 1; l >= 0; l--) {
      const index = l * DIM_COUNT + d;
      this.#seenTemporal[index] = temporal[index]!;
      this.#seenSpatial[index] = spatial[index]!;
      inside *= temporal[index]! * spatial[index]!;
      this.#tile[index] = inside;
    }
    let t = 1;
    let s = 1;
    for (let l = 0; l <= levels; l++) {
      const index = l * DIM_COUNT + d;
      this.#temporalOutside[index] = t;
      this.#spatialOutside[index] = s;
      if (l === levels) break;
      t *= temporal[index]!;
      s *= spatial[index]!;
    }
    this.#seenExtents[d] = extent;
    this.#ragged[d] = inside === extent ? 0 : 1;
    if (inside !== extent) this.#visits.fill(-1, d * this.#visitsOfDim, (d + 1) * this.#visitsOfDim);
  }

  /** Words of an operand in one tile of a level (clipped to the layer). Needs `prepare`. */
  tileWords(level: number, operand: number): number {
    const problem = this.#problem;
    if (!problem.present[operand]) return 0;
    if (operand === I) {
      const extent = (d: number): number => Math.min(this.#tile[level * DIM_COUNT + d]!, problem.extents[d]!);
      const rows = (extent(P) - 1) * problem.stride[0] + (extent(R) - 1) * problem.dilation[0] + 1;
      const columns = (extent(Q) - 1) * problem.stride[1] + (extent(S) - 1) * problem.dilation[1] + 1;
      return extent(N) * extent(G) * extent(C) * rows * columns;
    }
    const mask = problem.relevance[operand]!;
    let words = 1;
    for (let i = 0; i < this.#busyCount; i++) {
      const d = this.#busy[i]!;
      if (mask & (1 << d)) words *= Math.min(this.#tile[level * DIM_COUNT + d]!, problem.extents[d]!);
    }
    return words;
  }

  /** Bits that an operand's tile takes at a level; an output tile that still accumulates takes wide words. Needs `prepare`. */
  tileBits(level: number, operand: number): number {
    const bits = this.#problem.bits;
    const width =
      operand === 0
        ? bits.weights
        : operand === I
          ? bits.inputs
          : this.#accumulatesAt(level)
            ? bits.partial
            : bits.outputs;
    return this.tileWords(level, operand) * width;
  }

  /** Whether the outputs in a level's tiles are partial sums: some reduction loop runs at this level or outside of it,
   *  or inside of it down to the next level that keeps outputs. */
  #accumulatesAt(level: number): boolean {
    const problem = this.#problem;
    let child = level + 1;
    while (child < this.#levels && !this.chip.levels[child]!.keeps[O]) child++;
    const mask = problem.relevance[O]!;
    for (let i = 0; i < this.#busyCount; i++) {
      const d = this.#busy[i]!;
      if ((mask & (1 << d)) === 0 && this.#tile[child * DIM_COUNT + d]! < problem.extents[d]!) return true;
    }
    return false;
  }

  /** Whether every tile fits its level, and what is short if not. Needs `prepare`. */
  fits(): boolean {
    const keepsSomething = this.#problem.reservedBits > 0 || this.#problem.reservedWeightBits > 0;
    for (let l = 1; l < this.#levels; l++) {
      const level = this.chip.levels[l]!;
      let shared = 0;
      for (let operand = 0; operand < 3; operand++) {
        if (!level.keeps[operand]) continue;
        const bits = this.tileBits(l, operand);
        if (level.partitionBytes === undefined) {
          shared += bits;
          continue;
        }
        const reserved = keepsSomething ? reservedBitsAt(this.chip, this.#problem, l, operand) : 0;
        if (bits + reserved > level.partitionBytes[operand]! * 8) return false;
      }
      if (keepsSomething && level.partitionBytes === undefined) {
        shared += reservedBitsAt(this.chip, this.#problem, l, I);
      }
      if (level.sharedCapacityBytes !== undefined && shared > level.sharedCapacityBytes * 8) return false;
    }
    return true;
  }

  /** Counts everything for a mapping that covers the layer. */
  evaluate(problem: Problem, mapping: Mapping): void {
    this.prepare(problem, mapping);
    this.evaluatePrepared();
  }

  /** The same for the mapping that `prepare` has seen. */
  evaluatePrepared(): void {
    const problem = this.#problem;
    const levels = this.#levels;
    if (problem !== this.#costed) {
      this.#costed = problem;
      this.#zeros = zeroSharesOf(this.chip, problem);
    }
    for (let l = 0; l < levels; l++) {
      let used = 1;
      for (let i = 0; i < this.#busyCount; i++) used *= this.#count(this.#busy[i]!, 0, false, l);
      this.usedInstances[l] = used;
    }
    // a loop takes half the time of five calls of `fill` on arrays this short
    for (let i = 0; i < levels * 3; i++) {
      this.reads[i] = this.fills[i] = this.updates[i] = this.readBits[i] = this.writeBits[i] = 0;
    }
    this.networkEnergyPj = 0;
    for (let operand = 0; operand < 3; operand++) {
      if (!problem.present[operand]) continue;
      let parent = 0;
      let partial = false;
      for (let child = 1; child <= levels; child++) {
        if (child < levels && !this.chip.levels[child]!.keeps[operand]) continue;
        if (operand === O) partial = this.#countOutputs(parent, child, partial);
        else this.#countLoads(operand, parent, child);
        parent = child;
      }
    }
    this.#finish(problem);
  }

  /** Visits of dimension d: temporal loops of the levels outside `temporalLevel` (and at it, if `inclusive`) and spatial
   *  loops outside `spatialLevel` count; the other loops stand at their first iteration. Ragged ends are exact: the
   *  first iterations are full, and the remainder follows the nest inwards. */
  #count(d: number, temporalLevel: number, inclusive: boolean, spatialLevel: number): number {
    const t = temporalLevel * DIM_COUNT + d;
    if (this.#ragged[d] === 0) {
      return (
        this.#temporalOutside[t]! *
        (inclusive ? this.#seenTemporal[t]! : 1) *
        this.#spatialOutside[spatialLevel * DIM_COUNT + d]!
      );
    }
    const outside = 2 * temporalLevel + (inclusive ? 1 : 0);
    const slot = d * this.#visitsOfDim + outside * (this.#levels + 1) + spatialLevel;
    const known = this.#visits[slot]!;
    if (known >= 0) return known;
    const visits = this.#countRagged(d, temporalLevel, inclusive, spatialLevel);
    this.#visits[slot] = visits;
    return visits;
  }

  #countRagged(d: number, temporalLevel: number, inclusive: boolean, spatialLevel: number): number {
    const { temporal, spatial } = this.#mapping;
    const t = temporalLevel * DIM_COUNT + d;
    const lastTemporal = inclusive ? temporalLevel : temporalLevel - 1;
    // counted bounds inside the current loop, by division as the walk goes inwards
    let inside =
      this.#temporalOutside[t]! * (inclusive ? temporal[t]! : 1) * this.#spatialOutside[spatialLevel * DIM_COUNT + d]!;
    let rest = this.#problem.extents[d]!;
    let total = 0;
    for (let l = 0; l < this.#levels; l++) {
      const index = l * DIM_COUNT + d;
      for (let kind = 0; kind < 2; kind++) {
        const bound = kind === 0 ? temporal[index]! : spatial[index]!;
        const size = kind === 0 ? this.#tile[index]! / bound : this.#tile[index + DIM_COUNT]!;
        const counted = kind === 0 ? l <= lastTemporal : l < spatialLevel;
        if (bound === 1) continue;
        if (counted) {
          inside /= bound;
          const whole = Math.floor(rest / size);
          total += whole * inside;
          rest -= whole * size;
          if (rest === 0) return total;
        } else if (rest >= size) return total + inside;
      }
    }
    return total + (rest > 0 ? 1 : 0);
  }

  /** Weights and inputs: words that move from `parent` down to `child` (the multipliers when child is past the last level). */
  #countLoads(operand: number, parent: number, child: number): void {
    const problem = this.#problem;
    const mask = problem.relevance[operand]!;
    const isMultiplier = child === this.#levels;
    const found = isMultiplier ? -1 : this.#innermostRelevant(mask, child);
    // a machine that loads everything again for each DRAM tile: all of DRAM's loops count, and no tile slides
    const reloads = parent === 0 && !isMultiplier && found < DIM_COUNT && this.chip.overheads.reloadPerDramTile;
    const inner = reloads ? -1 : found;
    const innerLevel = isMultiplier ? this.#levels : reloads ? 1 : inner < 0 ? 0 : inner >> 3;
    const innerOrder = inner < 0 ? 0 : this.#mapping.order[inner]!;
    const multicast = this.chip.levels[parent]!.multicast[operand]!;
    let received = 1;
    let sent = 1;
    for (let i = 0; i < this.#busyCount; i++) {
      const d = this.#busy[i]!;
      if (mask & (1 << d)) continue;
      const inclusive = inner >= 0 && this.#mapping.order[innerLevel * DIM_COUNT + d]! < innerOrder;
      received *= this.#count(d, innerLevel, inclusive, child);
      sent *= this.#count(d, innerLevel, inclusive, multicast ? parent : child);
    }
    const slides = inner >= 0 && (this.chip.overheads.overlapSurvivesReuse || !this.#repeatsInside(inner, mask, child));
    const words = isMultiplier
      ? this.#relevantExtent(mask) * this.#zeros.accesses[operand]!
      : operand === I
        ? this.#inputWords(child, slides ? inner : -1)
        : this.#relevantExtent(mask);
    const width = operand === 0 ? problem.bits.weights : problem.bits.inputs;
    const from = this.#slot(parent, operand);
    this.reads[from]! += words * sent;
    this.readBits[from]! += words * sent * width;
    if (!isMultiplier) {
      const to = child * 3 + operand;
      this.fills[to]! += words * received;
      this.writeBits[to]! += words * received * width;
    }
    if (this.#hasHops) {
      this.networkEnergyPj += words * received * width * this.#hops(this.#source(parent, operand), child);
    }
  }

  /** pJ to move a bit between two levels that keep an operand, through all that lies between. */
  #hops(parent: number, child: number): number {
    return Math.abs(this.#hopPj[child]! - this.#hopPj[parent]!);
  }

  /** Outputs: partial sums that move up from `child` to `parent`, and back down when a tile is visited again.
   *  @returns whether the words that `child` holds are partial sums */
  #countOutputs(parent: number, child: number, partialOutside: boolean): boolean {
    const problem = this.#problem;
    const mask = problem.relevance[O]!;
    const isMultiplier = child === this.#levels;
    const inner = isMultiplier ? -1 : this.#innermostRelevant(mask, child);
    const innerLevel = isMultiplier ? this.#levels : inner < 0 ? 0 : inner >> 3;
    const innerOrder = inner < 0 ? 0 : this.#mapping.order[inner]!;
    const level = this.chip.levels[parent]!;
    let visitsChild = 1; // summed over the child's instances
    let visitsParent = 1; // after the partial sums of the child's instances have been added
    let firstChild = 1;
    let firstParent = 1;
    for (let i = 0; i < this.#busyCount; i++) {
      const d = this.#busy[i]!;
      if (mask & (1 << d)) continue;
      const inclusive = inner >= 0 && this.#mapping.order[innerLevel * DIM_COUNT + d]! < innerOrder;
      visitsChild *= this.#count(d, innerLevel, inclusive, child);
      visitsParent *= this.#count(d, innerLevel, inclusive, level.reduce ? parent : child);
      firstChild *= this.#count(d, 0, false, child);
      firstParent *= this.#count(d, 0, false, parent);
    }
    const words = this.#relevantExtent(mask);
    // a sum that nothing is added to need not be touched again
    const live = isMultiplier ? this.#zeros.accesses[O] : 1;
    const revisited = words * (visitsParent - firstParent) * live;
    // the child holds partial sums when it comes back to a tile, or when several children share its sum
    const partial = partialOutside || visitsChild > firstParent;
    const finalBits = partialOutside ? problem.bits.partial : problem.bits.outputs;
    const up = this.#slot(parent, O);
    this.updates[up]! += live === 1 ? words * visitsParent : words * firstParent + revisited;
    this.writeBits[up]! += words * firstParent * finalBits + revisited * problem.bits.partial;
    this.reads[up]! += revisited;
    this.readBits[up]! += revisited * problem.bits.partial;
    if (!isMultiplier) {
      const back = words * (visitsChild - firstChild);
      this.fills[child * 3 + O]! += back;
      this.writeBits[child * 3 + O]! += back * problem.bits.partial;
    }
    // every visit sends the tile up, sums that go on as wide words
    const sentBits = words * (firstParent * finalBits + (visitsChild - firstParent) * live * problem.bits.partial);
    if (parent === 0 && !isMultiplier && problem.resident[O] && this.chip.copiesOutputs) {
      this.reads[child * 3 + O]! += words * visitsChild;
      this.readBits[child * 3 + O]! += sentBits;
    }
    if (this.#hasHops) {
      // all but the first got it from above
      const back = isMultiplier ? (visitsParent - firstParent) * live : visitsChild - firstChild;
      const bits = sentBits + words * back * problem.bits.partial;
      this.networkEnergyPj += bits * this.#hops(this.#source(parent, O), child);
    }
    return partial;
  }

  /** Where the words of a transfer from `parent` really are: an operand that stays on chip is not in DRAM but spread over the
   *  instances of the level where it stays, which read and write it for one another. */
  #source(parent: number, operand: number): number {
    return parent === 0 && this.#problem.resident[operand]! ? homeOf(this.chip, this.#problem, operand) : parent;
  }

  /** The same as a position [level · 3 + operand] of the counts: where outputs have a memory of their own, activations that
   *  stay are in that of the inputs, whatever they are to this layer. */
  #slot(parent: number, operand: number): number {
    const source = this.#source(parent, operand);
    const isElsewhere = source !== parent && this.chip.copiesOutputs;
    const isActivation = operand === O || this.#problem.weightsAreActivations;
    return source * 3 + (isElsewhere && isActivation ? I : operand);
  }

  /** Position [level · 8 + dimension] of the innermost temporal loop outside `child` whose dimension is relevant, -1 if none. */
  #innermostRelevant(mask: number, child: number): number {
    const { temporal, order } = this.#mapping;
    for (let l = child - 1; l >= 0; l--) {
      let best = -1;
      let bestOrder = -1;
      for (let i = 0; i < this.#busyCount; i++) {
        const index = l * DIM_COUNT + this.#busy[i]!;
        if (mask & (1 << (index & 7)) && temporal[index]! > 1 && order[index]! > bestOrder) {
          best = index;
          bestOrder = order[index]!;
        }
      }
      if (best >= 0) return best;
    }
    return -1;
  }

  /** Whether a loop that the operand ignores runs inside the loop at `inner`, so that its tile is used again before it moves. */
  #repeatsInside(inner: number, mask: number, child: number): boolean {
    const { temporal, order } = this.#mapping;
    for (let index = (inner >> 3) * DIM_COUNT; index < child * DIM_COUNT; index++) {
      const isInside = index >> 3 > inner >> 3 || order[index]! > order[inner]!;
      if (isInside && temporal[index]! > 1 && (mask & (1 << (index & 7))) === 0) return true;
    }
    return false;
  }

  #relevantExtent(mask: number): number {
    let words = 1;
    for (let i = 0; i < this.#busyCount; i++) {
      const d = this.#busy[i]!;
      if (mask & (1 << d)) words *= this.#problem.extents[d]!;
    }
    return words;
  }

  /** Input words over all tiles of `child`, overlap with the tile before left out where the innermost loop slides. */
  #inputWords(child: number, inner: number): number {
    const { extents } = this.#problem;
    const slides = inner < 0 ? -1 : inner & 7;
    const rows = this.#axisWords(child, P, R, 0, slides, inner >> 3);
    const columns = this.#axisWords(child, Q, S, 1, slides, inner >> 3);
    return extents[N]! * extents[G]! * extents[C]! * rows * columns;
  }

  /** Input rows (or columns) summed over tiles: Σ ((p − 1)·stride + (r − 1)·dilation + 1), less what a sliding loop reuses. */
  #axisWords(child: number, out: number, filter: number, axis: 0 | 1, slides: number, innerLevel: number): number {
    const problem = this.#problem;
    const stride = problem.stride[axis];
    const dilation = problem.dilation[axis];
    const outExtent = problem.extents[out]!;
    const filterExtent = problem.extents[filter]!;
    const outTile = Math.min(this.#tile[child * DIM_COUNT + out]!, outExtent);
    const filterTile = Math.min(this.#tile[child * DIM_COUNT + filter]!, filterExtent);
    const outTiles = Math.ceil(outExtent / outTile);
    const filterTiles = Math.ceil(filterExtent / filterTile);
    let words =
      stride * (outExtent - outTiles) * filterTiles +
      dilation * (filterExtent - filterTiles) * outTiles +
      outTiles * filterTiles;
    if (slides === out || slides === filter) {
      const index = innerLevel * DIM_COUNT + slides;
      const step = (this.#tile[index]! / this.#mapping.temporal[index]!) * (slides === out ? stride : dilation);
      // a run is one pass of the sliding loop; inside it every tile but the first overlaps its predecessor, which is whole.
      // The tiles of the other dimension share the run's overlap, but the last of them may be smaller
      const pairs = (slides === out ? outTiles : filterTiles) - this.#runs(slides, innerLevel, child);
      const others = slides === out ? filterTiles : outTiles;
      const span = (outTile - 1) * stride + (filterTile - 1) * dilation + 1;
      const missing =
        slides === out
          ? (filterTiles * filterTile - filterExtent) * dilation
          : (outTiles * outTile - outExtent) * stride;
      words -= pairs * ((others - 1) * Math.max(0, span - step) + Math.max(0, span - missing - step));
    }
    return words;
  }

  /** Passes of the sliding loop at `level`: visits of its dimension with that loop at its first iteration. */
  #runs(d: number, level: number, child: number): number {
    return this.#count(d, level, false, child);
  }

  #finish(problem: Problem): void {
    const { chip, latencyParts: parts } = this;
    const levels = this.#levels;
    const lost = chip.overheads;
    this.#lookUp(problem);
    if (lost.dramLineBytes > 0) this.#findLineShares(lost.dramLineBytes);
    let iterations = 1;
    for (let i = 0; i < this.#busyCount; i++) iterations *= this.#count(this.#busy[i]!, levels, false, 0);
    this.computeCycles = (iterations * this.#zeros.cycles) / this.#rate;
    for (let part = 0; part < parts.length; part++) parts[part] = 0;
    parts[SETUP] = chip.layerSetupCycles;
    if (lost.dramTileStartCycles > 0) parts[TILE_START] = lost.dramTileStartCycles * this.#dramTiles();
    if (chip.levels[0]!.doubleBuffered) {
      if (lost.firstLoad) parts[FIRST_LOAD] = this.#firstLoadCycles();
      if (lost.lastStore) parts[LAST_STORE] = this.#lastStoreCycles();
    }
    let busiest = 0;
    let energy = problem.operationCount * this.#operationPj * this.#zeros.operations;
    for (let l = 0; l < levels; l++) {
      const level = chip.levels[l]!;
      let readBits = this.readBits[l * 3]! + this.readBits[l * 3 + 1]! + this.readBits[l * 3 + 2]!;
      let writeBits = this.writeBits[l * 3]! + this.writeBits[l * 3 + 1]! + this.writeBits[l * 3 + 2]!;
      energy += readBits * level.readPjPerBit + writeBits * level.writePjPerBit;
      if (l === 0) {
        readBits += this.#lineReadBits;
        writeBits += this.#lineWriteBits;
      }
      const perInstance = 8 * this.usedInstances[l]!;
      let cycles = Math.max(
        (readBits + writeBits) / perInstance / level.sharedBytesPerCycle,
        readBits / perInstance / level.readBytesPerCycle,
        writeBits / perInstance / level.writeBytesPerCycle,
      );
      if (level.readPorts !== undefined) cycles = this.#portCycles(cycles, this.readBits, l, level.readPorts);
      if (level.writePorts !== undefined) cycles = this.#portCycles(cycles, this.writeBits, l, level.writePorts);
      this.levelCycles[l] = cycles;
      if (!level.doubleBuffered) parts[UNBUFFERED]! += cycles;
      // what is shown as first load and last store is no longer behind the array's work
      else busiest = Math.max(busiest, l === 0 ? cycles - parts[FIRST_LOAD]! - parts[LAST_STORE]! : cycles);
    }
    const array = this.computeCycles;
    parts[STEADY] = Math.max(array, busiest);
    const turnover = lost.arrayFillCycles + lost.arrayDrainCycles;
    if (turnover > 0) {
      // filling and draining keep the array from computing, while transfers go on
      const added = Math.max(array + turnover * this.#residencies(), busiest) - parts[STEADY]!;
      parts[ARRAY_FILL] = (added * lost.arrayFillCycles) / turnover;
      parts[ARRAY_DRAIN] = (added * lost.arrayDrainCycles) / turnover;
    }
    let latency = 0;
    for (let part = 0; part < parts.length; part++) latency += parts[part]!;
    // the allowance is for rounding in divisions; it grows with the figure
    this.latencyCycles = Math.ceil(latency - 1e-9 - latency * 1e-13);
    // mW · cycles / MHz = mW · µs = nJ
    this.energyPj = energy + this.networkEnergyPj + ((chip.leakageMw * this.latencyCycles) / chip.clockMhz) * 1000;
  }

  /** Cycles of the operand that waits longest for its own port, at least `cycles`. */
  #portCycles(cycles: number, bits: Float64Array, l: number, ports: readonly [number, number, number]): number {
    const perInstance = 8 * this.usedInstances[l]!;
    let longest = cycles;
    for (let operand = 0; operand < 3; operand++) {
      longest = Math.max(longest, bits[l * 3 + operand]! / perInstance / ports[operand]!);
    }
    return longest;
  }

  /** Times that the array's stationary operand is replaced: iterations down to its innermost relevant loop. */
  #residencies(): number {
    const { present, relevance } = this.#problem;
    const inner = present[this.#stationary]!
      ? this.#innermostRelevant(relevance[this.#stationary]!, this.#stationaryLevel)
      : -1;
    if (inner < 0) return 1;
    const innerOrder = this.#mapping.order[inner]!;
    const level = inner >> 3;
    let visits = 1;
    for (let d = 0; d < DIM_COUNT; d++) {
      visits *= this.#count(d, level, this.#mapping.order[level * DIM_COUNT + d]! <= innerOrder, 0);
    }
    return visits;
  }

  /** Iterations of DRAM's own loops. */
  #dramTiles(): number {
    let tiles = 1;
    for (let d = 0; d < DIM_COUNT; d++) tiles *= this.#count(d, 1, false, 0);
    return tiles;
  }

  /** Time of each operand's transfers with DRAM over that of its bytes alone: runs of channels in a DRAM tile that are shorter
   *  than a line take as long as whole lines. Reads find the rest of the line in place when the tile has all channels, or when
   *  the next tile goes on along them; every run that is written is a request of its own. */
  #findLineShares(dramLineBytes: number): void {
    const { extents, bits } = this.#problem;
    const last = this.#innermostDramLoop();
    const groups = this.#inDramTile(G);
    this.#lineReadBits = 0;
    this.#lineWriteBits = 0;
    for (let operand = 0; operand < 3; operand++) {
      const channels = operand === I ? C : K;
      const words = groups * this.#inDramTile(channels);
      const width = operand === 0 ? bits.weights : operand === I ? bits.inputs : bits.outputs;
      const lines = (words * width) / 8 / dramLineBytes;
      const share = Math.ceil(lines) / lines;
      const goesOn = words === extents[G]! * extents[channels]! || last === channels || last === G;
      this.#readShare[operand] = goesOn ? 1 : share;
      this.#writeShare = share;
      if (!goesOn) this.#lineReadBits += this.readBits[operand]! * (share - 1);
      this.#lineWriteBits += this.writeBits[operand]! * (share - 1);
    }
  }

  /** Extent of a dimension in all that DRAM sends for one iteration of its loops. */
  #inDramTile(d: number): number {
    const sent = this.#tile[DIM_COUNT + d]! * this.#spatialOutside[DIM_COUNT + d]!;
    return Math.min(sent, this.#problem.extents[d]!);
  }

  /** Dimension of the innermost loop at DRAM, -1 when there is none. */
  #innermostDramLoop(): number {
    const { temporal, order } = this.#mapping;
    let last = -1;
    for (let d = 0; d < DIM_COUNT; d++) {
      if (temporal[d]! > 1 && (last < 0 || order[d]! > order[last]!)) last = d;
    }
    return last;
  }

  /** Bits of an operand that the first DRAM tile takes, over all instances; none for what stays on chip. */
  #firstTileBits(operand: number, width: number): number {
    const problem = this.#problem;
    if (!problem.present[operand] || problem.resident[operand]) return 0;
    let child = 1;
    while (child < this.#levels && !this.chip.levels[child]!.keeps[operand]) child++;
    const extent = (d: number): number =>
      Math.min(this.#tile[child * DIM_COUNT + d]! * this.#spatialOutside[child * DIM_COUNT + d]!, problem.extents[d]!);
    if (operand === I) {
      const rows = (extent(P) - 1) * problem.stride[0] + (extent(R) - 1) * problem.dilation[0] + 1;
      const columns = (extent(Q) - 1) * problem.stride[1] + (extent(S) - 1) * problem.dilation[1] + 1;
      return extent(N) * extent(G) * extent(C) * rows * columns * width;
    }
    let words = 1;
    for (let d = 0; d < DIM_COUNT; d++) if (problem.relevance[operand]! & (1 << d)) words *= extent(d);
    return words * width;
  }

  #firstLoadCycles(): number {
    const { bits } = this.#problem;
    const dram = this.chip.levels[0]!;
    const weights = (this.#firstTileBits(0, bits.weights) / 8) * this.#readShare[0]!;
    const inputs = (this.#firstTileBits(I, bits.inputs) / 8) * this.#readShare[I]!;
    const together = (weights + inputs) / Math.min(dram.sharedBytesPerCycle, dram.readBytesPerCycle);
    return dram.readPorts === undefined
      ? together
      : Math.max(together, weights / dram.readPorts[0], inputs / dram.readPorts[I]);
  }

  #lastStoreCycles(): number {
    const dram = this.chip.levels[0]!;
    const bytes = (this.#firstTileBits(O, this.#problem.bits.outputs) / 8) * this.#writeShare;
    return bytes / Math.min(dram.sharedBytesPerCycle, dram.writeBytesPerCycle, dram.writePorts?.[O] ?? Infinity);
  }

  #lookUp({ operation, multiplierBits: { weights, inputs } }: Problem): void {
    if (operation === this.#operation && weights === this.#weightBits && inputs === this.#inputBits) return;
    this.#operationPj = operationEnergyPj(this.chip, operation, weights, inputs);
    this.#rate = operationRate(this.chip, weights, inputs);
    this.#operation = operation;
    this.#weightBits = weights;
    this.#inputBits = inputs;
  }
}
