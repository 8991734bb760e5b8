// Tile sizes and loop orders for a given spatial choice, one level boundary after the other, outermost first.
// At a boundary only the group order of the loops outside matters (loop-orders.ts). The tile starts as large as its parent
// allows; dimensions are halved where the traffic across the boundary grows least per bit freed, until it fits; then they grow
// back where room is left.
import { type Accelerator, homeOf, type Level, reservedBitsAt } from "./architecture.js";
import { balancedSizes } from "./balanced-sizes.js";
import { GROUP_ORDERS, type GroupOf, groupsOf } from "./loop-orders.js";
import type { Objective } from "./objective.js";
import { C, DIM_COUNT, G, I, K, N, O, OPERANDS, P, type Problem, Q, R, S, W } from "./problem.js";
import { estimateReuse, newSetting, type ReuseSetting } from "./reuse.js";

const MAX_LEVELS = 12;
const SLOTS = 4;
const OWN_SLOT = 3;
/** Share of the cycles by which the energy decides between equal latencies. */
const TIE_WEIGHT = 0.01;
/** Passes over the dimensions in which tiles exchange room. */
const ROUNDS = 4;

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
  /** whether the level holds unfinished sums */
  readonly partial: boolean;
}

/** Searches tiles for one problem and machine. Holds scratch arrays; not reentrant. */
export class BoundarySearch {
  readonly #chip: Accelerator;
  readonly #problem: Problem;
  readonly #objective: Objective;
  readonly groups: GroupOf;
  readonly tile = new Float64Array(DIM_COUNT);
  /** the tile, clipped to the layer */
  readonly #clipped = new Float64Array(DIM_COUNT);
  readonly #fullWords: readonly [number, number, number];
  readonly #accumulates: boolean;
  readonly #hasExposed: boolean;
  /** whether a tile may be better than the largest one that fits */
  readonly mayShrink: boolean;
  #inputBits = 0;
  #energyPj = 0;
  #cycles = 0;
  #exposed = 0;
  #partial = false;
  readonly #stationary: number;
  readonly #stationaryLevel: number;
  // of the boundary under way
  readonly #sizes: (readonly number[])[] = [];
  readonly #index = new Int32Array(DIM_COUNT);
  readonly #counts = new Float64Array(DIM_COUNT);
  readonly #group = new Float64Array(4);
  /** bits per full pass over the operand (inputs: per word), 0 where the level does not keep it */
  readonly #passBits = new Float64Array(3);
  /** bits of the level that what stays on chip takes from each operand's tiles */
  readonly #reserved = new Float64Array(3);
  /** level that the words really come from, and energy of a bit on its way */
  readonly #source = new Int32Array(3);
  readonly #downPj = new Float64Array(3);
  #revisitPj = 0;
  /** bits of an output that leaves the level for the first time, over those of an unfinished sum */
  #firstShare = 1;
  #isReduced = false;
  /** bits that the next level inside has for an operand that passes this one by, 0 for one that is kept */
  readonly #roomInside = new Float64Array(3);
  /** how many instances receive different words, by operand */
  readonly #distinct = new Float64Array(3);
  readonly #instances = new Float64Array(MAX_LEVELS);
  /** operands whose words come from one level share a slot; the last slot is the level itself */
  readonly #slot = new Int32Array(3);
  readonly #readBits = new Float64Array(SLOTS);
  readonly #writeBits = new Float64Array(SLOTS);
  /** cycles for each bit that a slot's level moves, reads, writes */
  readonly #moveCycles = new Float64Array(SLOTS);
  readonly #readCycles = new Float64Array(SLOTS);
  readonly #writeCycles = new Float64Array(SLOTS);
  /** visits that the levels further out cause, when a relevant loop runs inside them and when none does */
  readonly #outerMoving = new Float64Array(3);
  readonly #outerStill = new Float64Array(3);
  #turnoverCycles = 0;
  #level!: Level;
  #boundary!: Boundary;
  /** the level inside whose traffic is estimated for each tile, and its operands' share of that */
  readonly #ahead: ReuseSetting;
  readonly #aheadReuse = new Float64Array(3);
  readonly #aheadPj = new Float64Array(3);
  readonly #aheadCycles = new Float64Array(3);
  /** instances of that level for one of this one, by the operands that ignore their dimensions, and by dimension */
  readonly #aheadCopies = new Float64Array(3);
  readonly #aheadUnrolled = new Float64Array(DIM_COUNT);
  #hasAhead = false;
  #aheadEnergy = 0;
  #aheadBusy = 0;

  constructor(chip: Accelerator, problem: Problem, objective: Objective) {
    this.#chip = chip;
    this.#problem = problem;
    this.#objective = objective;
    this.groups = groupsOf(problem);
    this.#ahead = newSetting(problem);
    const { extents } = problem;
    this.#fullWords = [problem.words[W]!, extents[N]! * extents[G]! * extents[C]!, problem.words[O]!];
    this.#accumulates = extents[C]! * extents[R]! * extents[S]! > 1;
    // where strides jump over inputs, small tiles leave out what lies between; where nothing hides the first tile, small ones
    // are sooner there
    const { firstLoad, lastStore } = chip.overheads;
    this.#hasExposed = firstLoad || lastStore;
    this.mayShrink =
      this.#hasExposed ||
      (extents[P]! > 1 && problem.stride[0] > extents[R]!) ||
      (extents[Q]! > 1 && problem.stride[1] > extents[S]!);
    this.#stationary = OPERANDS.indexOf(chip.overheads.stationary);
    this.#stationaryLevel = chip.levels.reduce((last, { keeps }, l) => (keeps[this.#stationary] ? l : last), 0);
  }

  /** Prepares a boundary; `fill` then answers for each stationary operand. */
  open(boundary: Boundary): void {
    this.#boundary = boundary;
    this.#level = this.#chip.levels[boundary.level]!;
    const { bits, present, resident } = this.#problem;
    const { levels, overheads } = this.#chip;
    const { spatial } = boundary.choice;
    for (let d = 0; d < DIM_COUNT; d++) {
      this.#sizes[d] = balancedSizes(Math.round(boundary.maximum[d]! / boundary.minimum[d]!));
    }
    let instances = 1;
    for (let l = 0; l <= boundary.level; l++) {
      this.#instances[l] = instances;
      for (let d = 0; d < DIM_COUNT; d++) instances *= spatial[l * DIM_COUNT + d]!;
    }
    for (let operand = 0; operand < 3; operand++) {
      this.#reserved[operand] = reservedBitsAt(this.#chip, this.#problem, boundary.level, operand);
      this.#passBits[operand] = 0;
      this.#outerVisits(operand);
      if (!present[operand]) continue;
      this.#roomInside[operand] = this.#level.keeps[operand] ? 0 : this.#roomBeyond(operand);
      if (!this.#level.keeps[operand] && this.#roomInside[operand] === 0) continue;
      let parent = boundary.level - 1;
      while (!levels[parent]!.keeps[operand]) parent--;
      const source = parent === 0 && resident[operand]! ? homeOf(this.#chip, this.#problem, operand) : parent;
      const from = levels[source]!;
      this.#source[operand] = source;
      this.#instances[source] = Math.max(1, Math.min(this.#instances[source]!, levels[source]!.instances));
      this.#distinct[operand] = this.#instances[boundary.level]! / boundary.replication[operand]!;
      const width = operand === O ? bits.partial : operand === W ? bits.weights : bits.inputs;
      this.#passBits[operand] = this.#fullWords[operand]! * width * this.#copies(operand, parent);
      const fillPj = this.#roomInside[operand] === 0 ? this.#level.writePjPerBit : 0;
      if (operand === O) {
        this.#firstShare = boundary.outside.partial ? 1 : bits.outputs / bits.partial;
        this.#isReduced = boundary.replication[O]! > 1;
        this.#downPj[O] = from.writePjPerBit;
        this.#revisitPj = from.readPjPerBit + fillPj;
      } else this.#downPj[operand] = from.readPjPerBit + boundary.replication[operand]! * fillPj;
    }
    for (let operand = 0; operand < 3; operand++) this.#assignSlot(operand);
    this.#setBandwidth(OWN_SLOT, boundary.level);
    this.#lineReadShare.fill(1);
    this.#lineWriteShare = 1;
    this.#openAhead();
    this.#turnoverCycles = 0;
    const turnover = overheads.arrayFillCycles + overheads.arrayDrainCycles;
    if (turnover > 0 && present[this.#stationary] && boundary.level <= this.#stationaryLevel) {
      this.#turnoverCycles = turnover;
    }
  }

  /** How many instances of a level need the same word: each reads, or adds to, its own. */
  #copies(operand: number, level: number): number {
    const { spatial } = this.#boundary.choice;
    const mask = this.#problem.relevance[operand]!;
    let copies = 1;
    for (let l = 0; l < level; l++) {
      for (let d = 0; d < DIM_COUNT; d++) if ((mask & (1 << d)) === 0) copies *= spatial[l * DIM_COUNT + d]!;
    }
    return copies;
  }

  /** Prepares the estimate of the traffic further in: into the innermost level, of the operands that have their last tile
   *  there and come from this level or one inside it. */
  #openAhead(): void {
    const { levels } = this.#chip;
    const { bits, present, operationCount, relevance } = this.#problem;
    const { spatial } = this.#boundary.choice;
    const { level } = this.#boundary;
    const last = levels.length - 1;
    this.#hasAhead = false;
    if (level === last) return;
    this.#aheadUnrolled.fill(1);
    this.#aheadCopies.fill(1);
    for (let operand = 0; operand < 3; operand++) this.#innermostCopies[operand] = this.#copies(operand, last);
    for (let l = level; l < last; l++) {
      for (let d = 0; d < DIM_COUNT; d++) {
        const bound = spatial[l * DIM_COUNT + d]!;
        this.#aheadUnrolled[d]! *= bound;
        for (let operand = 0; operand < 3; operand++) {
          if ((relevance[operand]! & (1 << d)) === 0) this.#aheadCopies[operand]! *= bound;
        }
      }
    }
    const inner = levels[last]!;
    const sharers = inner.keeps.reduce((count, kept) => count + (kept ? 1 : 0), 0);
    for (let operand = 0; operand < 3; operand++) {
      this.#aheadPj[operand] = this.#aheadCycles[operand] = 0;
      this.#ahead.weight[operand] = 1e-9;
      this.#ahead.room[operand] = Infinity;
      if (!present[operand] || !inner.keeps[operand]) continue;
      let parent = last - 1;
      while (parent > 0 && !levels[parent]!.keeps[operand]) parent--;
      if (parent < level) continue;
      const from = levels[parent]!;
      const width = operand === O ? bits.partial : operand === W ? bits.weights : bits.inputs;
      const bytes = inner.partitionBytes?.[operand] ?? inner.sharedCapacityBytes! / sharers;
      let sharing = 1;
      let parents = this.#instances[level]!;
      const shares = operand === O ? from.reduce : from.multicast[operand]!;
      for (let l = level; l < last; l++) {
        for (let d = 0; d < DIM_COUNT; d++) {
          const bound = spatial[l * DIM_COUNT + d]!;
          if (l < parent) parents *= bound;
          else if (shares && (relevance[operand]! & (1 << d)) === 0) sharing *= bound;
        }
      }
      const pj = operand === O ? from.readPjPerBit + from.writePjPerBit : from.readPjPerBit;
      this.#aheadPj[operand] = operationCount * width * (pj / sharing + inner.writePjPerBit);
      const rate = operand === O ? from.sharedBytesPerCycle / 2 : from.sharedBytesPerCycle;
      const own = operand === O ? Math.min(from.readBytesPerCycle, from.writeBytesPerCycle) : from.readBytesPerCycle;
      this.#aheadCycles[operand] = (operationCount * width) / sharing / parents / 8 / Math.min(rate, own);
      this.#ahead.weight[operand] = this.#aheadPj[operand]!;
      this.#ahead.room[operand] = Math.max(1, (bytes * 8) / width);
      this.#hasAhead = true;
    }
  }

  /** Energy and cycles of the traffic into the innermost level when it works on the present tile, at least. */
  #lookAhead(outerStationary: number): void {
    const at = this.#clipped;
    const setting = this.#ahead;
    const { most } = setting;
    const group = this.#group;
    group[0] = group[1] = group[2] = group[3] = 1;
    for (let d = 0; d < DIM_COUNT; d++) group[this.groups[d]!]! *= at[d]!;
    for (let operand = 0; operand < 3; operand++) most[operand] = group[operand]! / this.#aheadCopies[operand]!;
    const unrolled = this.#aheadUnrolled;
    setting.rows = at[P]! / unrolled[P]!;
    setting.columns = at[Q]! / unrolled[Q]!;
    setting.filterRows = at[R]! / unrolled[R]!;
    setting.filterColumns = at[S]! / unrolled[S]!;
    const reuse = this.#aheadReuse;
    let least = Infinity;
    const settled = this.#boundary.choice.fixedPj + this.#boundary.outside.energyPj;
    const cyclesSoFar = Math.max(this.#boundary.choice.arrayCycles, this.#boundary.outside.cycles);
    for (let stationary = 0; stationary < 3; stationary++) {
      estimateReuse(stationary, setting, reuse);
      if (stationary === outerStationary) this.#keepThrough(stationary, reuse);
      let energy = 0;
      let busy = 0;
      for (let operand = 0; operand < 3; operand++) {
        energy += this.#aheadPj[operand]! / reuse[operand]!;
        busy += this.#aheadCycles[operand]! / reuse[operand]!;
      }
      const figure = this.#figure(Math.max(cyclesSoFar, busy), settled + energy, energy);
      if (figure < least) {
        least = figure;
        this.#aheadEnergy = energy;
        this.#aheadBusy = busy;
      }
    }
  }

  /** An operand whose whole tile fits into the innermost level stays there while the loops outside leave the tile in place. */
  #keepThrough(operand: number, reuse: Float64Array): void {
    const at = this.#clipped;
    const unrolled = this.#aheadUnrolled;
    if (this.#aheadPj[operand] === 0 || operand === I) return;
    const mask = this.#problem.relevance[operand]!;
    let words = 1;
    for (let d = 0; d < DIM_COUNT; d++) if (mask & (1 << d)) words *= Math.ceil(at[d]! / unrolled[d]!);
    if (words > this.#ahead.room[operand]!) return;
    const loads = this.#fullWords[operand]! * this.#outerMoving[operand]! * this.#innermostCopies[operand]!;
    reuse[operand] = Math.max(reuse[operand]!, this.#problem.operationCount / loads);
  }
  /** innermost instances that need the same word, by operand */
  readonly #innermostCopies = new Float64Array(3);

  #figure(cycles: number, total: number, energy: number): number {
    switch (this.#objective) {
      case "latency":
        return cycles * (1 + (TIE_WEIGHT * energy) / total);
      case "energy":
        return total;
      case "edp":
        return total * cycles;
    }
  }

  #assignSlot(operand: number): void {
    const source = this.#source[operand]!;
    let slot = operand;
    if (source === this.#boundary.level) slot = OWN_SLOT;
    else
      for (let other = operand - 1; other >= 0; other--) if (this.#source[other] === source) slot = this.#slot[other]!;
    this.#slot[operand] = slot;
    if (slot === operand) this.#setBandwidth(slot, source);
  }

  #setBandwidth(slot: number, l: number): void {
    const level = this.#chip.levels[l]!;
    const perInstance = 1 / (8 * Math.max(1, this.#instances[l]!));
    this.#moveCycles[slot] = perInstance / level.sharedBytesPerCycle;
    this.#readCycles[slot] = perInstance / level.readBytesPerCycle;
    this.#writeCycles[slot] = perInstance / level.writeBytesPerCycle;
  }

  /** Bits that an operand which passes the level by finds further in, in all that one instance of the level feeds; 0 when it
   *  goes on to the multipliers. */
  #roomBeyond(operand: number): number {
    const { levels } = this.#chip;
    const { spatial } = this.#boundary.choice;
    let next = this.#boundary.level + 1;
    while (next < levels.length && !levels[next]!.keeps[operand]) next++;
    const level = levels[next];
    if (level === undefined) return 0;
    let room = (level.sharedCapacityBytes ?? level.partitionBytes![operand]!) * 8;
    for (let l = this.#boundary.level; l < next; l++) {
      for (let d = 0; d < DIM_COUNT; d++) {
        if (this.#problem.relevance[operand]! & (1 << d)) room *= spatial[l * DIM_COUNT + d]!;
      }
    }
    return room;
  }

  /** The tile for one stationary operand (the group that it ignores runs innermost just outside the level).
   *  @param wholeMask dimensions that stay at their maximum
   *  @returns the merit of the better order, Infinity when nothing fits. The tile is in `tile`. */
  fill(stationary: number, wholeMask: number): number {
    const shrunk = this.#shrink(stationary, wholeMask);
    if (!this.mayShrink && shrunk <= this.#wholeCost * (1 + 1e-9)) return shrunk;
    this.#shrunk.set(this.#index);
    const grown = this.#raise(stationary, wholeMask);
    if (grown >= shrunk) for (let d = 0; d < DIM_COUNT; d++) this.#set(d, this.#shrunk[d]!);
    const cost = Math.min(grown, shrunk);
    return cost === Infinity ? cost : this.#exchange(stationary, wholeMask, cost);
  }

  /** Halves one dimension and gives the room to another, as long as that saves something. */
  #exchange(stationary: number, wholeMask: number, from: number): number {
    let cost = from;
    for (let improved = true, round = 0; improved && round < ROUNDS; round++) {
      improved = false;
      for (let d = 0; d < DIM_COUNT; d++) {
        const index = this.#index[d]!;
        if (index === 0 || wholeMask & (1 << d)) continue;
        this.#set(d, this.#halved(d, index));
        if (this.mayShrink) {
          const next = this.#cost(stationary);
          if (next < cost) {
            cost = next;
            improved = true;
            continue;
          }
        }
        let taken = false;
        for (let e = 0; e < DIM_COUNT && !taken; e++) {
          const before = this.#index[e]!;
          if (e === d || before === this.#sizes[e]!.length - 1) continue;
          if (!this.#growWhileFits(e)) continue;
          const next = this.#cost(stationary);
          if (next < cost) {
            cost = next;
            taken = true;
          } else this.#set(e, before);
        }
        if (taken) improved = true;
        else this.#set(d, index);
      }
    }
    return cost;
  }

  /** cost of all that the parent leaves, fits or not: nothing moves twice */
  #wholeCost = 0;
  readonly #shrunk = new Int32Array(DIM_COUNT);

  /** Starts with the smallest tile; doubles the dimension that saves most, as long as one saves and fits. */
  #raise(stationary: number, wholeMask: number): number {
    for (let d = 0; d < DIM_COUNT; d++) this.#set(d, wholeMask & (1 << d) ? this.#sizes[d]!.length - 1 : 0);
    if (this.#overflow() > 0) return Infinity;
    let cost = this.#cost(stationary);
    for (;;) {
      let bestDim = -1;
      let bestIndex = 0;
      let bestCost = cost;
      for (let d = 0; d < DIM_COUNT; d++) {
        const index = this.#index[d]!;
        if (index === this.#sizes[d]!.length - 1) continue;
        const larger = this.#doubled(d, index);
        this.#set(d, larger);
        if (this.#overflow() <= 0) {
          const next = this.#cost(stationary);
          if (next < bestCost) {
            bestCost = next;
            bestDim = d;
            bestIndex = larger;
          }
        }
        this.#set(d, index);
      }
      if (bestDim < 0) return this.#grow(stationary);
      this.#set(bestDim, bestIndex);
      cost = bestCost;
    }
  }

  /** Doubles a dimension, or grows it as far as there is room. @returns whether it grew */
  #growWhileFits(d: number): boolean {
    const before = this.#index[d]!;
    let index = this.#doubled(d, before);
    for (; index > before; index--) {
      this.#set(d, index);
      if (this.#overflow() <= 0) return true;
    }
    this.#set(d, before);
    return false;
  }

  #doubled(d: number, index: number): number {
    const sizes = this.#sizes[d]!;
    const twice = sizes[index]! * 2;
    let larger = index + 1;
    while (larger < sizes.length - 1 && sizes[larger]! < twice) larger++;
    return larger;
  }

  #shrink(stationary: number, wholeMask: number): number {
    for (let d = 0; d < DIM_COUNT; d++) this.#set(d, this.#sizes[d]!.length - 1);
    let over = this.#overflow();
    this.#wholeCost = this.#cost(stationary);
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
        const freed = over - this.#overflow();
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
      over = this.#overflow();
    }
    return this.#grow(stationary);
  }

  /** Uses the room that is left: grows a dimension as long as the merit falls, then where it stays, for the levels inside. */
  #grow(stationary: number): number {
    let cost = this.#cost(stationary);
    for (let mayStay = 0; mayStay < 2; mayStay++) {
      for (let improved = true; improved; ) {
        improved = false;
        for (let d = 0; d < DIM_COUNT; d++) {
          // steps grow while they succeed
          for (let step = 1; ; step *= 2) {
            const index = this.#index[d]!;
            const last = this.#sizes[d]!.length - 1;
            if (index === last) break;
            this.#set(d, Math.min(last, index + step));
            const next = this.#overflow() > 0 ? Infinity : this.#cost(stationary);
            if (next < cost || (mayStay === 1 && next === cost)) {
              cost = next;
              improved = true;
            } else {
              this.#set(d, index);
              if (step === 1) break;
              step = 0.5;
            }
          }
        }
      }
    }
    return cost;
  }

  /** The order of the two groups further out that is better, for the tile that `fill` left. */
  best(stationary: number): Guide {
    this.#measure(stationary);
    let best: Guide | undefined;
    for (let order = stationary * 2; order <= stationary * 2 + 1; order++) {
      const merit = this.#merit(GROUP_ORDERS[order]!);
      if (best === undefined || merit < best.merit) {
        best = {
          merit,
          order,
          energyPj: this.#energyPj,
          cycles: this.#cycles,
          exposedCycles: this.#exposed,
          partial: this.#partial,
        };
      }
    }
    return best!;
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

  /** Share by which the tiles exceed the level, summed over its partitions; 0 or less when they fit. */
  #overflow(): number {
    const { present } = this.#problem;
    const { keeps, partitionBytes, sharedCapacityBytes } = this.#level;
    let shared = this.#reserved[I]!;
    let over = 0;
    for (let operand = 0; operand < 3; operand++) {
      if (!keeps[operand] || !present[operand]) continue;
      const need = this.#words(operand) * this.#wordBits(operand);
      if (partitionBytes === undefined) shared += need;
      else over += Math.max(0, (need + this.#reserved[operand]!) / (partitionBytes[operand]! * 8) - 1);
    }
    return sharedCapacityBytes === undefined ? over : shared / (sharedCapacityBytes * 8) - 1;
  }

  #wordBits(operand: number): number {
    const { bits } = this.#problem;
    return operand === W ? bits.weights : operand === I ? bits.inputs : this.#accumulates ? bits.partial : bits.outputs;
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
    this.#measure(stationary);
    const order = GROUP_ORDERS[stationary * 2]!;
    const first = this.#merit(order);
    // the two groups further out change places: the same where one of them has no loop
    if (this.#group[order[0]]! === 1 || this.#group[order[1]]! === 1) return first;
    return Math.min(first, this.#merit(GROUP_ORDERS[stationary * 2 + 1]!));
  }

  /** What all orders of the loops outside the present tile share. */
  #measure(stationary: number): void {
    const { extents, stride, dilation } = this.#problem;
    const group = this.#group;
    const counts = this.#counts;
    this.#aheadEnergy = this.#aheadBusy = 0;
    if (this.#hasAhead) this.#lookAhead(stationary);
    group[0] = group[1] = group[2] = group[3] = 1;
    for (let d = 0; d < DIM_COUNT; d++) group[this.groups[d]!]! *= counts[d]!;
    if (this.#passBits[I] === 0) return;
    const tile = this.tile;
    this.#inputBits =
      this.#passBits[I]! *
      axisWords(extents[P]!, tile[P]!, extents[R]!, tile[R]!, stride[0], dilation[0]) *
      axisWords(extents[Q]!, tile[Q]!, extents[S]!, tile[S]!, stride[1], dilation[1]);
  }

  /** Merit of the traffic into and out of the level under an order of the loops outside, with what is settled already. */
  #merit(order: readonly [number, number, number]): number {
    const { choice, outside, replication } = this.#boundary;
    const read = this.#readBits;
    const write = this.#writeBits;
    for (let slot = 0; slot < SLOTS; slot++) read[slot] = write[slot] = 0;
    const lineBytes = this.#boundary.level === 1 ? this.#chip.overheads.dramLineBytes : 0;
    if (lineBytes > 0) this.#findLineShares(order, lineBytes);
    let energy = outside.energyPj;
    let passingPj = 0;
    this.#partial = outside.partial;
    for (let operand = 0; operand < 3; operand++) {
      if (this.#passBits[operand] === 0) continue;
      const visits = this.#visitsOf(operand, order);
      const pass = operand === I ? this.#inputBits : this.#passBits[operand]!;
      const isKept = this.#roomInside[operand] === 0;
      const slot = this.#slot[operand]!;
      if (operand === O) {
        const back = (visits - 1) * pass;
        const bits = back + pass * this.#firstShare;
        if (visits > 1 || this.#isReduced) this.#partial = true;
        const pj = bits * this.#downPj[O]! + back * this.#revisitPj;
        energy += pj;
        write[slot]! += bits * this.#lineWriteShare;
        read[slot]! += back * this.#lineReadShare[O]!;
        if (isKept) write[OWN_SLOT]! += back * replication[O]!;
        else passingPj += pj;
      } else {
        const bits = visits * pass;
        const pj = bits * this.#downPj[operand]!;
        energy += pj;
        read[slot]! += bits * this.#lineReadShare[operand]!;
        if (isKept) write[OWN_SLOT]! += bits * replication[operand]!;
        else passingPj += pj;
      }
    }
    let array = choice.arrayCycles;
    if (this.#turnoverCycles > 0) array += this.#turnoverCycles * this.#residencies(order);
    const exposed = this.#hasExposed ? this.#exposedCycles() : 0;
    this.#energyPj = energy - passingPj;
    this.#cycles = Math.max(array, outside.cycles, this.#transferCycles(exposed));
    this.#exposed = outside.exposedCycles + exposed;
    const further = energy + this.#aheadEnergy;
    return this.#figure(Math.max(this.#cycles, this.#aheadBusy) + this.#exposed, choice.fixedPj + further, further);
  }

  /** Time of the transfers with DRAM over that of their bytes, where runs of channels are shorter than a line (see cost.ts). */
  #findLineShares(order: readonly [number, number, number], lineBytes: number): void {
    const { bits, extents, present, resident } = this.#problem;
    const innermost = this.#innermostLoop(order);
    const inDramTile = (d: number): number => Math.min(this.tile[d]! * this.#boundary.choice.spatial[d]!, extents[d]!);
    const groups = inDramTile(G);
    for (let operand = 0; operand < 3; operand++) {
      if (!present[operand] || resident[operand]) continue;
      const channels = operand === I ? C : K;
      const words = groups * inDramTile(channels);
      const width = operand === W ? bits.weights : operand === I ? bits.inputs : bits.outputs;
      const lines = (words * width) / 8 / lineBytes;
      const share = Math.ceil(lines) / lines;
      const goesOn = words === extents[G]! * extents[channels]! || innermost === channels || innermost === G;
      this.#lineReadShare[operand] = goesOn ? 1 : share;
      if (operand === O) this.#lineWriteShare = share;
    }
  }
  readonly #lineReadShare = new Float64Array(3).fill(1);
  #lineWriteShare = 1;

  /** Dimension of the innermost loop that runs more than once outside the present tile, -1 when there is none. */
  #innermostLoop(order: readonly [number, number, number]): number {
    const counts = this.#counts;
    for (let g = 2; g >= -1; g--) {
      const group = g < 0 ? 3 : order[g]!;
      if (this.#group[group] === 1) continue;
      for (let d = DIM_COUNT - 1; d >= 0; d--) {
        if (this.groups[d] === group && counts[d]! > 1 && (d === Q || d === S)) return d;
      }
      for (let d = DIM_COUNT - 1; d >= 0; d--) {
        if (this.groups[d] === group && counts[d]! > 1) return d;
      }
    }
    return -1;
  }

  #visitsOf(operand: number, order: readonly [number, number, number]): number {
    const reloads = this.#boundary.level === 1 && this.#chip.overheads.reloadPerDramTile;
    if (reloads && operand !== O) return this.#group[operand]!;
    const room = this.#roomInside[operand]!;
    // what passes by and does not fit further in has a relevant loop there
    if (room > 0 && this.#words(operand) * this.#wordBits(operand) > room)
      return this.#group[operand]! * this.#outerMoving[operand]!;
    return this.#visits(order, operand);
  }

  /** Cycles of the slowest level that this boundary moves words through. */
  #transferCycles(exposedCycles: number): number {
    let most = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const read = this.#readBits[slot]!;
      const write = this.#writeBits[slot]!;
      if (read + write === 0) continue;
      let cycles = Math.max(
        (read + write) * this.#moveCycles[slot]!,
        read * this.#readCycles[slot]!,
        write * this.#writeCycles[slot]!,
      );
      if (exposedCycles > 0 && slot !== OWN_SLOT && this.#source[slot] === 0) cycles -= exposedCycles;
      if (cycles > most) most = cycles;
    }
    const group = this.#group;
    const starts = this.#boundary.level === 1 ? this.#chip.overheads.dramTileStartCycles : 0;
    return starts > 0 ? most + starts * group[0]! * group[1]! * group[2]! * group[3]! : most;
  }

  /** Cycles of the first load and the last store, as far as they cross this boundary. */
  #exposedCycles(): number {
    const { firstLoad, lastStore } = this.#chip.overheads;
    const { bits, resident } = this.#problem;
    const dram = this.#chip.levels[0]!;
    let exposed = 0;
    for (let operand = 0; operand < 3; operand++) {
      if (this.#passBits[operand] === 0 || this.#source[operand] !== 0 || resident[operand]) continue;
      if (operand === O ? !lastStore : !firstLoad) continue;
      const width = operand === O ? bits.outputs : operand === W ? bits.weights : bits.inputs;
      const share = operand === O ? this.#lineWriteShare : this.#lineReadShare[operand]!;
      const bytes = (this.#words(operand) * this.#distinct[operand]! * width * share) / 8;
      const bandwidth = operand === O ? dram.writeBytesPerCycle : dram.readBytesPerCycle;
      exposed += bytes / Math.min(dram.sharedBytesPerCycle, bandwidth);
    }
    return exposed;
  }

  /** At least how often the array's stationary operand is replaced: its tiles of one word each instance (of this level's
   *  tile at its own boundary), times the loops around them that it ignores. */
  #residencies(order: readonly [number, number, number]): number {
    const { extents, relevance } = this.#problem;
    const operand = this.#stationary;
    const isOwn = this.#boundary.level === this.#stationaryLevel;
    const { spatial } = this.#boundary.choice;
    let tiles = 1;
    for (let d = 0; d < DIM_COUNT; d++) {
      if ((relevance[operand]! & (1 << d)) === 0) continue;
      let unrolled = isOwn ? this.tile[d]! : 1;
      const inside = isOwn ? this.#stationaryLevel : this.#chip.levels.length;
      for (let l = 0; l < inside; l++) unrolled *= spatial[l * DIM_COUNT + d]!;
      tiles *= Math.ceil(extents[d]! / unrolled);
    }
    const around = isOwn ? this.#visits(order, operand) : this.#group[operand]! * this.#outerMoving[operand]!;
    return tiles * around;
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
