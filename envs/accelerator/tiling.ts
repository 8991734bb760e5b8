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

/** What is estimated of a level further in. */
interface Ahead {
  readonly setting: ReuseSetting;
  /** energy and cycles of its traffic by operand, if no word is used twice */
  readonly pj: Float64Array;
  readonly cycles: Float64Array;
  /** instances for one of the boundary's level, by the operands that ignore their dimensions, and by dimension */
  readonly copies: Float64Array;
  readonly unrolled: Float64Array;
  /** instances in all that need the same word */
  readonly allCopies: Float64Array;
}

const newAhead = (): Ahead => ({
  setting: newSetting([1, 1]),
  pj: new Float64Array(3),
  cycles: new Float64Array(3),
  copies: new Float64Array(3),
  unrolled: new Float64Array(DIM_COUNT),
  allCopies: new Float64Array(3),
});

/** Searches tiles for one machine, one problem after the other. Holds scratch arrays; not reentrant. */
export class BoundarySearch {
  readonly #chip: Accelerator;
  #problem!: Problem;
  #objective: Objective = "latency";
  groups!: GroupOf;
  readonly tile = new Float64Array(DIM_COUNT);
  /** the tile, clipped to the layer */
  readonly #clipped = new Float64Array(DIM_COUNT);
  readonly #fullWords = new Float64Array(3);
  #accumulates = false;
  readonly #hasExposed: boolean;
  /** whether a tile may be better than the largest one that fits */
  mayShrink = false;
  #inputBits = 0;
  #energyPj = 0;
  #exposed = 0;
  #exposedPassing = 0;
  #partial = false;
  #stretch = 1;
  /** 1 for a dimension that fan-outs further out share */
  readonly #isShared = new Uint8Array(DIM_COUNT);
  readonly #stationary: number;
  readonly #stationaryLevel: number;
  readonly #leakagePjPerCycle: number;
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
  /** cycles for each bit where an operand has a port of its own, 0 elsewhere */
  readonly #portReadCycles = new Float64Array(3);
  readonly #portWriteCycles = new Float64Array(3);
  #revisitPj = 0;
  /** instances that get each word that is sent, or whose sums are added on the way, by operand */
  readonly #receivers = new Float64Array(3);
  /** cycles for each bit of the next level that keeps what passes this one by, and the bits that it moves anyway */
  readonly #keeperCycles = new Float64Array(3);
  readonly #keeperBits = new Float64Array(3);
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
  /** the same of the boundaries further out and of the multipliers */
  readonly #settledReads = new Float64Array(SLOTS);
  readonly #settledWrites = new Float64Array(SLOTS);
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
  /** the levels inside whose traffic is estimated for each tile: of all levels, those of the boundary under way */
  readonly #levelsInside: readonly Ahead[];
  readonly #ahead: Ahead[] = [];
  readonly #aheadReuse = new Float64Array(3);
  #aheadEnergy = 0;
  #aheadBusy = 0;

  constructor(chip: Accelerator) {
    this.#chip = chip;
    this.#levelsInside = chip.levels.map(newAhead);
    const { firstLoad, lastStore, dramTileStartCycles } = chip.overheads;
    this.#hasExposed = firstLoad || lastStore || dramTileStartCycles > 0;
    this.#hasHops = chip.levels.some(({ hopPjPerBit }) => hopPjPerBit > 0);
    this.#hasPorts = chip.levels.some(
      ({ readPorts, writePorts }) => readPorts !== undefined || writePorts !== undefined,
    );
    this.#hasPassing = chip.levels.some(({ keeps }) => keeps.includes(false));
    this.#hasUnbuffered = chip.levels.some(({ doubleBuffered }) => !doubleBuffered);
    this.#leakagePjPerCycle = (chip.leakageMw / chip.clockMhz) * 1000;
    this.#stationary = OPERANDS.indexOf(chip.overheads.stationary);
    this.#stationaryLevel = chip.levels.reduce((last, { keeps }, l) => (keeps[this.#stationary] ? l : last), 0);
  }

  /** The boundaries from now on are of this problem. */
  begin(problem: Problem, objective: Objective): void {
    this.#problem = problem;
    this.#objective = objective;
    this.groups = groupsOf(problem);
    const { extents, stride, words } = problem;
    for (const { setting } of this.#levelsInside) setting.stride = stride;
    this.#fullWords[W] = words[W]!;
    this.#fullWords[I] = extents[N]! * extents[G]! * extents[C]!;
    this.#fullWords[O] = words[O]!;
    this.#accumulates = extents[C]! * extents[R]! * extents[S]! > 1;
    // where strides jump over inputs, small tiles leave out what lies between; where nothing hides the first tile, small ones
    // are sooner there
    this.mayShrink =
      this.#hasExposed || (extents[P]! > 1 && stride[0] > extents[R]!) || (extents[Q]! > 1 && stride[1] > extents[S]!);
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
    this.#isShared.fill(0);
    for (let l = 0; l < levels.length; l++) {
      this.#instances[l] = instances;
      for (let d = 0; d < DIM_COUNT; d++) {
        const bound = spatial[l * DIM_COUNT + d]!;
        instances *= bound;
        if (bound > 1 && l < boundary.level) this.#isShared[d] = 1;
      }
    }
    for (let operand = 0; operand < 3; operand++) {
      this.#reserved[operand] = reservedBitsAt(this.#chip, this.#problem, boundary.level, operand);
      this.#passBits[operand] = 0;
      this.#source[operand] = boundary.level;
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
      const isKept = this.#roomInside[operand] === 0;
      const keeper = isKept ? boundary.level : this.#nextKeeper(operand);
      const copies = this.#copies(operand, parent);
      const receivers = isKept ? boundary.replication[operand]! : this.#copies(operand, keeper) / copies;
      const sharers = (operand === O ? levels[parent]!.reduce : levels[parent]!.multicast[operand]!) ? receivers : 1;
      this.#receivers[operand] = sharers;
      this.#passBits[operand] = (this.#fullWords[operand]! * width * copies * receivers) / sharers;
      const hopPj = this.#hopPj(source, keeper);
      const fillPj = sharers * (levels[keeper]!.writePjPerBit + hopPj);
      const instances = 8 * this.#instances[source]!;
      this.#portReadCycles[operand] = from.readPorts === undefined ? 0 : 1 / (instances * from.readPorts[operand]!);
      this.#portWriteCycles[operand] = from.writePorts === undefined ? 0 : 1 / (instances * from.writePorts[operand]!);
      this.#keeperCycles[operand] = isKept ? 0 : this.#moveCyclesOf(keeper);
      this.#keeperBits[operand] = boundary.outside.readBits[keeper]! + boundary.outside.writeBits[keeper]!;
      if (operand === O) {
        this.#firstShare = boundary.outside.partial ? 1 : bits.outputs / bits.partial;
        this.#isReduced = receivers > 1;
        this.#downPj[O] = from.writePjPerBit + sharers * hopPj;
        this.#revisitPj = from.readPjPerBit + fillPj;
      } else this.#downPj[operand] = from.readPjPerBit + fillPj;
    }
    this.#settledReads.fill(0);
    this.#settledWrites.fill(0);
    for (let operand = 0; operand < 3; operand++) this.#assignSlot(operand);
    this.#setBandwidth(OWN_SLOT, boundary.level);
    this.#settleLines();
    this.#openAhead();
    this.#turnoverCycles = 0;
    const turnover = overheads.arrayFillCycles + overheads.arrayDrainCycles;
    if (turnover > 0 && present[this.#stationary] && boundary.level <= this.#stationaryLevel) {
      this.#turnoverCycles = turnover;
    }
  }

  /** pJ of a bit on its way over the network between two levels. */
  #hopPj(from: number, to: number): number {
    let pj = 0;
    if (!this.#hasHops) return pj;
    for (let l = Math.min(from, to); l < Math.max(from, to); l++) pj += this.#chip.levels[l]!.hopPjPerBit;
    return pj;
  }

  /** Inside of DRAM's own boundary its loops are settled, and so is what its lines take. */
  #settleLines(): void {
    this.#lineReadShare.fill(1);
    this.#lineWriteShare = 1;
    if (this.#chip.overheads.dramLineBytes === 0 || this.#boundary.level === 1) return;
    let node = this.#boundary.outside;
    while (node.level > 1) node = node.outer!;
    this.#findLineShares(node.tile, node.bounds, GROUP_ORDERS[node.order]!);
    for (let operand = 0; operand < 3; operand++) {
      if (this.#passBits[operand] === 0 || this.#source[operand] !== 0) this.#lineReadShare[operand] = 1;
    }
    if (this.#passBits[O] === 0 || this.#source[O] !== 0) this.#lineWriteShare = 1;
  }

  /** How many instances of a level need the same word: each reads, or adds to, its own. */
  #copies(operand: number, level: number): number {
    if (level === 0) return 1;
    const { spatial } = this.#boundary.choice;
    const mask = this.#problem.relevance[operand]!;
    let copies = 1;
    for (let l = 0; l < level; l++) {
      for (let d = 0; d < DIM_COUNT; d++) if ((mask & (1 << d)) === 0) copies *= spatial[l * DIM_COUNT + d]!;
    }
    return copies;
  }

  /** Prepares the estimates of the traffic further in. */
  #openAhead(): void {
    this.#ahead.length = 0;
    for (let inner = this.#boundary.level + 1; inner < this.#chip.levels.length; inner++) {
      const ahead = this.#levelsInside[inner]!;
      if (this.#prepareAhead(inner, ahead)) this.#ahead.push(ahead);
    }
  }

  /** The estimate of the traffic into one level, of the operands that come to it from the boundary's level or one inside it.
   *  @returns whether there are any */
  #prepareAhead(inner: number, ahead: Ahead): boolean {
    const { levels } = this.#chip;
    const { bits, present, operationCount, relevance } = this.#problem;
    const { spatial } = this.#boundary.choice;
    const { level } = this.#boundary;
    const { setting, copies, unrolled } = ahead;
    unrolled.fill(1);
    copies.fill(1);
    for (let l = level; l < inner; l++) {
      for (let d = 0; d < DIM_COUNT; d++) {
        const bound = spatial[l * DIM_COUNT + d]!;
        if (bound === 1) continue;
        unrolled[d]! *= bound;
        for (let operand = 0; operand < 3; operand++) {
          if ((relevance[operand]! & (1 << d)) === 0) copies[operand]! *= bound;
        }
      }
    }
    const { keeps, partitionBytes, sharedCapacityBytes, writePjPerBit } = levels[inner]!;
    const sharers = keeps.reduce((count, kept) => count + (kept ? 1 : 0), 0);
    let found = false;
    for (let operand = 0; operand < 3; operand++) {
      ahead.pj[operand] = ahead.cycles[operand] = 0;
      setting.weight[operand] = 1e-9;
      setting.room[operand] = Infinity;
      if (!present[operand] || !keeps[operand]) continue;
      let parent = inner - 1;
      while (parent > 0 && !levels[parent]!.keeps[operand]) parent--;
      if (parent < level) continue;
      const from = levels[parent]!;
      const width = operand === O ? bits.partial : operand === W ? bits.weights : bits.inputs;
      const bytes = partitionBytes?.[operand] ?? sharedCapacityBytes! / sharers;
      let sharing = 1;
      let parents = this.#instances[level]!;
      const shares = operand === O ? from.reduce : from.multicast[operand]!;
      for (let l = level; l < inner; l++) {
        for (let d = 0; d < DIM_COUNT; d++) {
          const bound = spatial[l * DIM_COUNT + d]!;
          if (l < parent) parents *= bound;
          else if (shares && (relevance[operand]! & (1 << d)) === 0) sharing *= bound;
        }
      }
      const pj = operand === O ? from.readPjPerBit + from.writePjPerBit : from.readPjPerBit;
      ahead.pj[operand] = operationCount * width * (pj / sharing + writePjPerBit);
      const rate = operand === O ? from.sharedBytesPerCycle / 2 : from.sharedBytesPerCycle;
      const own = operand === O ? Math.min(from.readBytesPerCycle, from.writeBytesPerCycle) : from.readBytesPerCycle;
      ahead.cycles[operand] = (operationCount * width) / sharing / parents / 8 / Math.min(rate, own);
      ahead.allCopies[operand] = this.#copies(operand, inner);
      setting.weight[operand] = ahead.pj[operand]!;
      setting.room[operand] = Math.max(1, (bytes * 8) / width);
      found = true;
    }
    return found;
  }

  /** Energy and cycles of the traffic into the levels inside when they work on the present tile, at least. */
  #lookAhead(outerStationary: number): void {
    const at = this.#clipped;
    const group = this.#group;
    group[0] = group[1] = group[2] = group[3] = 1;
    for (let d = 0; d < DIM_COUNT; d++) group[this.groups[d]!]! *= at[d]!;
    for (let i = 0; i < this.#ahead.length; i++) this.#estimate(this.#ahead[i]!, outerStationary);
  }

  /** Adds the traffic into one level, with the operand in place that makes it cheapest. */
  #estimate(ahead: Ahead, outerStationary: number): void {
    const at = this.#clipped;
    const { setting, pj, cycles, copies, unrolled } = ahead;
    for (let operand = 0; operand < 3; operand++) setting.most[operand] = this.#group[operand]! / copies[operand]!;
    setting.rows = at[P]! / unrolled[P]!;
    setting.columns = at[Q]! / unrolled[Q]!;
    setting.filterRows = at[R]! / unrolled[R]!;
    setting.filterColumns = at[S]! / unrolled[S]!;
    const reuse = this.#aheadReuse;
    const { choice, outside } = this.#boundary;
    const settled = choice.fixedPj + outside.energyPj + this.#aheadEnergy;
    const cyclesSoFar = Math.max(choice.arrayCycles, outside.cycles, this.#aheadBusy);
    let least = Infinity;
    let leastEnergy = 0;
    let leastBusy = 0;
    for (let stationary = 0; stationary < 3; stationary++) {
      estimateReuse(stationary, setting, reuse);
      if (stationary === outerStationary) this.#keepThrough(stationary, ahead, reuse);
      let energy = 0;
      let busy = 0;
      for (let operand = 0; operand < 3; operand++) {
        energy += pj[operand]! / reuse[operand]!;
        busy += cycles[operand]! / reuse[operand]!;
      }
      const figure = this.#figure(Math.max(cyclesSoFar, busy), settled + energy, energy);
      if (figure < least) {
        least = figure;
        leastEnergy = energy;
        leastBusy = busy;
      }
    }
    this.#aheadEnergy += leastEnergy;
    this.#aheadBusy = Math.max(this.#aheadBusy, leastBusy);
  }

  /** An operand whose whole tile fits into a level further in stays there while the loops outside leave the tile in place. */
  #keepThrough(operand: number, { pj, setting, unrolled, allCopies }: Ahead, reuse: Float64Array): void {
    if (pj[operand] === 0 || operand === I) return;
    const at = this.#clipped;
    const mask = this.#problem.relevance[operand]!;
    let words = 1;
    for (let d = 0; d < DIM_COUNT; d++) if (mask & (1 << d)) words *= Math.ceil(at[d]! / unrolled[d]!);
    if (words > setting.room[operand]!) return;
    const loads = this.#fullWords[operand]! * this.#outerMoving[operand]! * allCopies[operand]!;
    reuse[operand] = Math.max(reuse[operand]!, this.#problem.operationCount / loads);
  }

  #figure(cycles: number, active: number, energy: number): number {
    const total = active + cycles * this.#leakagePjPerCycle;
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
    this.#slotLevel[slot] = l;
    this.#slotUnbuffered[slot] = level.doubleBuffered ? 0 : 1;
    this.#settledReads[slot] = this.#boundary.outside.readBits[l]!;
    this.#settledWrites[slot] = this.#boundary.outside.writeBits[l]!;
    this.#moveCycles[slot] = perInstance / level.sharedBytesPerCycle;
    this.#readCycles[slot] = perInstance / level.readBytesPerCycle;
    this.#writeCycles[slot] = perInstance / level.writeBytesPerCycle;
  }

  /** Bits of a shared level that an operand can have: the smallest tiles of the others need theirs. */
  #roomBesideOthers(operand: number, l: number): number {
    const { levels } = this.#chip;
    const { present, relevance } = this.#problem;
    let room = levels[l]!.sharedCapacityBytes! * 8;
    for (let other = 0; other < 3; other++) {
      if (other === operand || !present[other] || !levels[l]!.keeps[other]) continue;
      let words = 1;
      for (let inner = l; inner < levels.length; inner++) {
        for (let d = 0; d < DIM_COUNT; d++) {
          if (relevance[other]! & (1 << d)) words *= this.#boundary.choice.spatial[inner * DIM_COUNT + d]!;
        }
      }
      room -= words * this.#wordBits(other);
    }
    return Math.max(0, room);
  }

  /** Cycles for each bit that a level inside the boundary moves. */
  #moveCyclesOf(l: number): number {
    const { sharedBytesPerCycle, readBytesPerCycle, writeBytesPerCycle } = this.#chip.levels[l]!;
    let instances = this.#instances[this.#boundary.level]!;
    for (let outer = this.#boundary.level; outer < l; outer++) {
      for (let d = 0; d < DIM_COUNT; d++) instances *= this.#boundary.choice.spatial[outer * DIM_COUNT + d]!;
    }
    return 1 / (8 * instances * Math.min(sharedBytesPerCycle, 2 * readBytesPerCycle, 2 * writeBytesPerCycle));
  }

  /** The next level inside this one that keeps an operand; the number of levels when there is none. */
  #nextKeeper(operand: number): number {
    const { levels } = this.#chip;
    let next = this.#boundary.level + 1;
    while (next < levels.length && !levels[next]!.keeps[operand]) next++;
    return next;
  }

  /** Bits that an operand which passes the level by finds further in, in all that one instance of the level feeds; 0 when it
   *  goes on to the multipliers. */
  #roomBeyond(operand: number): number {
    const { levels } = this.#chip;
    const { spatial } = this.#boundary.choice;
    const next = this.#nextKeeper(operand);
    const level = levels[next];
    if (level === undefined) return 0;
    let room =
      level.partitionBytes === undefined ? this.#roomBesideOthers(operand, next) : level.partitionBytes[operand]! * 8;
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
    const first = this.#merit(GROUP_ORDERS[stationary * 2]!);
    let order = stationary * 2 + 1;
    let merit = this.#merit(GROUP_ORDERS[order]!);
    if (first <= merit) merit = this.#merit(GROUP_ORDERS[--order]!);
    const exposedCycles = this.#boundary.outside.exposedCycles + this.#exposed;
    for (let slot = 0; this.#hasPassing && slot < SLOTS; slot++) {
      this.#readBits[slot]! -= this.#passing[2 * slot]!;
      this.#writeBits[slot]! -= this.#passing[2 * slot + 1]!;
    }
    return {
      merit,
      order,
      energyPj: this.#energyPj,
      cycles: this.#transferCycles(exposedCycles) - (this.#hasUnbuffered ? this.#unbufferedCycles() : 0),
      exposedCycles,
      stretch: this.#stretch,
      partial: this.#partial,
      readBits: this.#carried(this.#boundary.outside.readBits, this.#readBits),
      writeBits: this.#carried(this.#boundary.outside.writeBits, this.#writeBits),
    };
  }

  /** Bits by level when those of this boundary's slots are added; what passes the level by is counted further in. */
  #carried(outside: Float64Array, slots: Float64Array): Float64Array {
    const bits = outside.slice();
    for (let operand = 0; operand < 3; operand++) {
      const isCounted = this.#passBits[operand]! > 0 && this.#roomInside[operand] === 0;
      if (isCounted) bits[this.#source[operand]!] = slots[this.#slot[operand]!]!;
    }
    bits[this.#boundary.level] = slots[OWN_SLOT]!;
    return bits;
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
    if (this.#ahead.length > 0) this.#lookAhead(stationary);
    group[0] = group[1] = group[2] = group[3] = 1;
    let stretch = this.#boundary.outside.stretch;
    for (let d = 0; d < DIM_COUNT; d++) {
      const count = counts[d]!;
      if (count === 1) continue;
      group[this.groups[d]!]! *= count;
      if (this.#isShared[d] === 1) stretch *= (count * this.tile[d]!) / this.#boundary.maximum[d]!;
    }
    this.#stretch = stretch;
    if (this.#passBits[I] === 0) return;
    const tile = this.tile;
    this.#inputBits =
      this.#passBits[I]! *
      axisWords(extents[P]!, tile[P]!, extents[R]!, tile[R]!, stride[0], dilation[0]) *
      axisWords(extents[Q]!, tile[Q]!, extents[S]!, tile[S]!, stride[1], dilation[1]);
  }

  /** Merit of the traffic into and out of the level under an order of the loops outside, with what is settled already. */
  #merit(order: readonly [number, number, number]): number {
    const { choice, outside } = this.#boundary;
    const read = this.#readBits;
    const write = this.#writeBits;
    for (let slot = 0; slot < SLOTS; slot++) {
      read[slot] = this.#settledReads[slot]!;
      write[slot] = this.#settledWrites[slot]!;
    }
    if (this.#boundary.level === 1 && this.#chip.overheads.dramLineBytes > 0) {
      this.#findLineShares(this.tile, this.#counts, order);
    }
    const passing = this.#passing;
    if (this.#hasPassing) passing.fill(0);
    let energy = outside.energyPj;
    let passingPj = 0;
    let waiting = 0;
    this.#partial = outside.partial;
    for (let operand = 0; operand < 3; operand++) {
      if (this.#passBits[operand] === 0) continue;
      const visits = this.#visitsOf(operand, order);
      const pass = operand === I ? this.#inputBits : this.#passBits[operand]!;
      const slot = this.#slot[operand]!;
      let readBits = visits * pass;
      let writeBits = 0;
      let fillBits = readBits;
      let pj = readBits * this.#downPj[operand]!;
      if (operand === O) {
        const back = (visits - 1) * pass;
        if (visits > 1 || this.#isReduced) this.#partial = true;
        const bits = back + pass * this.#firstShare;
        pj = bits * this.#downPj[O]! + back * this.#revisitPj;
        readBits = fillBits = back;
        writeBits = bits * this.#lineWriteShare;
      }
      readBits *= this.#lineReadShare[operand]!;
      energy += pj;
      read[slot]! += readBits;
      write[slot]! += writeBits;
      if (this.#hasPorts) {
        const wait = Math.max(readBits * this.#portReadCycles[operand]!, writeBits * this.#portWriteCycles[operand]!);
        if (wait > waiting) waiting = wait;
      }
      fillBits *= this.#receivers[operand]!;
      if (this.#roomInside[operand] === 0) write[OWN_SLOT]! += fillBits;
      else {
        waiting = Math.max(waiting, (this.#keeperBits[operand]! + fillBits) * this.#keeperCycles[operand]!);
        passingPj += pj;
        passing[2 * slot]! += readBits;
        passing[2 * slot + 1]! += writeBits;
      }
    }
    let array = choice.arrayCycles * this.#stretch;
    if (this.#turnoverCycles > 0) array += this.#turnoverCycles * this.#residencies(order);
    this.#busyCycles = Math.max(array, outside.cycles, waiting);
    if (this.#hasExposed) this.#findExposed();
    this.#energyPj = energy - passingPj;
    const exposed = outside.exposedCycles + this.#exposed + this.#exposedPassing;
    const cycles = Math.max(this.#transferCycles(exposed), this.#aheadBusy) + exposed;
    const further = energy + this.#aheadEnergy;
    return this.#figure(cycles, choice.fixedPj + further, further);
  }
  /** bits of what passes the level by, read and written by slot: the boundary where it stops counts them again */
  readonly #passing = new Float64Array(2 * SLOTS);
  /** the array's cycles with those of the levels further out that this boundary leaves as they are */
  #busyCycles = 0;

  /** Time of the transfers with DRAM over that of their bytes, where runs of channels are shorter than a line (see cost.ts). */
  #findLineShares(tile: Float64Array, counts: Float64Array, order: readonly [number, number, number]): void {
    const { bits, extents, present, resident } = this.#problem;
    const { dramLineBytes } = this.#chip.overheads;
    const innermost = this.#innermostLoop(counts, order);
    const inDramTile = (d: number): number => Math.min(tile[d]! * this.#boundary.choice.spatial[d]!, extents[d]!);
    const groups = inDramTile(G);
    for (let operand = 0; operand < 3; operand++) {
      if (!present[operand] || resident[operand]) continue;
      const channels = operand === I ? C : K;
      const words = groups * inDramTile(channels);
      const width = operand === W ? bits.weights : operand === I ? bits.inputs : bits.outputs;
      const lines = (words * width) / 8 / dramLineBytes;
      const share = Math.ceil(lines) / lines;
      const goesOn = words === extents[G]! * extents[channels]! || innermost === channels || innermost === G;
      this.#lineReadShare[operand] = goesOn ? 1 : share;
      if (operand === O) this.#lineWriteShare = share;
    }
  }
  readonly #lineReadShare = new Float64Array(3).fill(1);
  #lineWriteShare = 1;

  /** Dimension of the innermost loop that runs more than once, -1 when there is none. */
  #innermostLoop(counts: Float64Array, order: readonly [number, number, number]): number {
    for (let g = 2; g >= -1; g--) {
      const group = g < 0 ? 3 : order[g]!;
      let last = -1;
      for (let d = 0; d < DIM_COUNT; d++) if (this.groups[d] === group && counts[d]! > 1) last = d;
      // columns of the window slide inside its rows (loop-orders.ts)
      if (last === R && this.groups[S] === group && counts[S]! > 1) last = S;
      if (last >= 0) return last;
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

  /** Cycles of the array and of the slowest level, transfers that do not overlap added.
   *  @param exposedCycles of DRAM's that are not behind the array's work */
  #transferCycles(exposedCycles: number): number {
    let most = this.#busyCycles;
    for (let slot = 0; slot < SLOTS; slot++) {
      const read = this.#readBits[slot]!;
      const write = this.#writeBits[slot]!;
      if (read + write === 0 || this.#slotUnbuffered[slot] === 1) continue;
      const cycles = this.#cyclesOf(slot, read, write);
      most = Math.max(most, this.#slotLevel[slot] === 0 ? cycles - exposedCycles : cycles);
    }
    return this.#hasUnbuffered ? most + this.#unbufferedCycles() : most;
  }

  #cyclesOf(slot: number, read: number, write: number): number {
    return Math.max(
      (read + write) * this.#moveCycles[slot]!,
      read * this.#readCycles[slot]!,
      write * this.#writeCycles[slot]!,
    );
  }

  /** Cycles of the transfers that do not overlap, as far as this boundary makes them. */
  #unbufferedCycles(): number {
    let cycles = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const isUsed = this.#readBits[slot]! + this.#writeBits[slot]! > 0;
      if (isUsed && this.#slotUnbuffered[slot] === 1) {
        cycles += this.#cyclesOf(slot, this.#readBits[slot]!, this.#writeBits[slot]!);
      }
    }
    return cycles;
  }
  readonly #hasUnbuffered: boolean;
  readonly #hasHops: boolean;
  readonly #hasPorts: boolean;
  readonly #hasPassing: boolean;
  readonly #slotUnbuffered = new Uint8Array(SLOTS);
  readonly #slotLevel = new Int32Array(SLOTS);

  /** Cycles of the first load and the last store, as far as they cross this boundary, and of the start of DRAM's tiles. */
  #findExposed(): void {
    const { firstLoad, lastStore, dramTileStartCycles } = this.#chip.overheads;
    const { bits, resident } = this.#problem;
    const dram = this.#chip.levels[0]!;
    const group = this.#group;
    this.#exposed = this.#exposedPassing = 0;
    if (this.#boundary.level === 1 && dramTileStartCycles > 0) {
      this.#exposed = dramTileStartCycles * group[0]! * group[1]! * group[2]! * group[3]!;
    }
    for (let operand = 0; operand < 3; operand++) {
      if (this.#passBits[operand] === 0 || this.#source[operand] !== 0 || resident[operand]) continue;
      if (!dram.doubleBuffered || (operand === O ? !lastStore : !firstLoad)) continue;
      const width = operand === O ? bits.outputs : operand === W ? bits.weights : bits.inputs;
      const share = operand === O ? this.#lineWriteShare : this.#lineReadShare[operand]!;
      const bytes = (this.#words(operand) * this.#distinct[operand]! * width * share) / 8;
      const bandwidth = operand === O ? dram.writeBytesPerCycle : dram.readBytesPerCycle;
      const cycles = bytes / Math.min(dram.sharedBytesPerCycle, bandwidth);
      if (this.#roomInside[operand] === 0) this.#exposed += cycles;
      else this.#exposedPassing += cycles;
    }
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
