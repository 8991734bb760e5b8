// What a tile costs under the objective, as a guide: the traffic across its boundary and those outside it, counted by the rules
// of cost.ts with ragged ends rounded up; the cycles of the levels that it keeps busy; the overheads of the machine; and what the
// levels further in will ask for (look-ahead.ts).
import type { Accelerator } from "./architecture.js";
import type { Boundary, Guide } from "./boundary.js";
import { Crossings } from "./crossings.js";
import { DramLines } from "./dram-lines.js";
import { LookAhead } from "./look-ahead.js";
import { GROUP_ORDERS, type GroupOf, groupsOf } from "./loop-orders.js";
import type { Objective } from "./objective.js";
import { DIM_COUNT, I, O, OPERANDS, P, type Problem, Q, R, S, W } from "./problem.js";
import type { Tile } from "./tile.js";
import { OWN_SLOT, TransferCycles } from "./transfer-cycles.js";

/** Share of the cycles by which the energy decides between equal latencies. */
const TIE_WEIGHT = 0.01;

/** Costs the tile that it was made with, for one boundary after the other. Holds scratch arrays; not reentrant. */
export class TileCost {
  groups!: GroupOf;
  /** whether the machine shows the first load, the last store or the start of a tile in its latency */
  readonly hasExposed: boolean;
  readonly #chip: Accelerator;
  readonly #tile: Tile;
  readonly #crossings: Crossings;
  readonly #lines: DramLines;
  readonly #transfers: TransferCycles;
  readonly #lookAhead: LookAhead;
  readonly #stationary: number;
  readonly #stationaryLevel: number;
  readonly #leakagePjPerCycle: number;
  #problem!: Problem;
  #objective: Objective = "latency";
  #boundary!: Boundary;
  #turnoverCycles = 0;
  /** 1 for a dimension that fan-outs further out share */
  readonly #isShared = new Uint8Array(DIM_COUNT);
  // of the tile at hand: iterations of each group outside it, bits of the inputs, iterations over those of the spatial choice
  readonly #group = new Float64Array(4);
  #inputBits = 0;
  #stretch = 1;
  // of the order of the loops at hand
  #energyPj = 0;
  #exposed = 0;
  #exposedPassing = 0;
  #partial = false;
  /** the array's cycles with those of the levels further out that this boundary leaves as they are */
  #busyCycles = 0;

  constructor(chip: Accelerator, tile: Tile) {
    this.#chip = chip;
    this.#tile = tile;
    this.#crossings = new Crossings(chip, tile);
    this.#lines = new DramLines(chip);
    this.#transfers = new TransferCycles(chip);
    this.#lookAhead = new LookAhead(chip, (cycles, active, deciding) => this.#figure(cycles, active, deciding));
    const { firstLoad, lastStore, dramTileStartCycles, stationary } = chip.overheads;
    this.hasExposed = firstLoad || lastStore || dramTileStartCycles > 0;
    this.#leakagePjPerCycle = (chip.leakageMw / chip.clockMhz) * 1000;
    this.#stationary = OPERANDS.indexOf(stationary);
    this.#stationaryLevel = chip.levels.reduce((last, { keeps }, l) => (keeps[this.#stationary] ? l : last), 0);
  }

  begin(problem: Problem, objective: Objective): void {
    this.#problem = problem;
    this.#objective = objective;
    this.groups = groupsOf(problem);
    this.#crossings.begin(problem, this.groups);
    this.#lines.begin(problem, this.groups);
    this.#lookAhead.begin(problem, this.groups, this.#crossings.fullWords);
  }

  /** Prepares a boundary; the tile is open for it already. */
  open(boundary: Boundary): void {
    this.#boundary = boundary;
    const { level, choice } = boundary;
    this.#isShared.fill(0);
    for (let index = 0; index < level * DIM_COUNT; index++)
      if (choice.spatial[index]! > 1) this.#isShared[index & 7] = 1;
    const crossings = this.#crossings;
    crossings.open(boundary);
    this.#transfers.open(boundary, crossings.source, crossings.instances);
    this.#lines.open(boundary, crossings.source, crossings.passBits);
    this.#lookAhead.open(boundary, crossings.instances, crossings.outerMoving);
    const { arrayFillCycles, arrayDrainCycles } = this.#chip.overheads;
    const turnsOver = this.#problem.present[this.#stationary] && level <= this.#stationaryLevel;
    this.#turnoverCycles = turnsOver ? arrayFillCycles + arrayDrainCycles : 0;
  }

  /** Merit of the tile when the loops outside leave one operand in place, under the better order of the others. */
  of(stationary: number): number {
    this.#measure(stationary);
    const order = GROUP_ORDERS[stationary * 2]!;
    const first = this.#merit(order);
    // the two groups further out change places: the same where one of them has no loop
    if (this.#group[order[0]]! === 1 || this.#group[order[1]]! === 1) return first;
    return Math.min(first, this.#merit(GROUP_ORDERS[stationary * 2 + 1]!));
  }

  /** The order of the two groups further out that is better, with all that goes on from there. */
  best(stationary: number): Guide {
    this.#measure(stationary);
    const first = this.#merit(GROUP_ORDERS[stationary * 2]!);
    let order = stationary * 2 + 1;
    let merit = this.#merit(GROUP_ORDERS[order]!);
    if (first <= merit) merit = this.#merit(GROUP_ORDERS[--order]!);
    const { outside } = this.#boundary;
    const transfers = this.#transfers;
    const exposedCycles = outside.exposedCycles + this.#exposed;
    transfers.leaveOutPassing();
    return {
      merit,
      order,
      energyPj: this.#energyPj,
      cycles: transfers.overlapping(this.#busyCycles, exposedCycles),
      exposedCycles,
      stretch: this.#stretch,
      partial: this.#partial,
      readBits: this.#carried(outside.readBits, transfers.readBits),
      writeBits: this.#carried(outside.writeBits, transfers.writeBits),
    };
  }

  /** Bits by level when those of this boundary's slots are added; what passes the level by is counted further in. */
  #carried(outside: Float64Array, slots: Float64Array): Float64Array {
    const bits = outside.slice();
    for (let operand = 0; operand < 3; operand++) {
      const isCounted = this.#crossings.passBits[operand]! > 0 && this.#crossings.roomInside[operand] === 0;
      if (isCounted) bits[this.#crossings.source[operand]!] = slots[this.#transfers.slot[operand]!]!;
    }
    bits[this.#boundary.level] = slots[OWN_SLOT]!;
    return bits;
  }

  /** What all orders of the loops outside the present tile share. */
  #measure(stationary: number): void {
    const { extents, stride, dilation } = this.#problem;
    const group = this.#group;
    const { counts, elements } = this.#tile;
    this.#lookAhead.look(this.#tile.clipped, stationary);
    group[0] = group[1] = group[2] = group[3] = 1;
    let stretch = this.#boundary.outside.stretch;
    for (let d = 0; d < DIM_COUNT; d++) {
      const count = counts[d]!;
      if (count === 1) continue;
      group[this.groups[d]!]! *= count;
      if (this.#isShared[d] === 1) stretch *= (count * elements[d]!) / this.#boundary.maximum[d]!;
    }
    this.#stretch = stretch;
    const { passBits } = this.#crossings;
    if (passBits[I] === 0) return;
    this.#inputBits =
      passBits[I]! *
      axisWords(extents[P]!, elements[P]!, extents[R]!, elements[R]!, stride[0], dilation[0]) *
      axisWords(extents[Q]!, elements[Q]!, extents[S]!, elements[S]!, stride[1], dilation[1]);
  }

  /** Merit of the traffic into and out of the level under an order of the loops outside, with what is settled already. */
  #merit(order: readonly [number, number, number]): number {
    const { choice, outside } = this.#boundary;
    const crossings = this.#crossings;
    const lines = this.#lines;
    const { readBits: read, writeBits: write, passing, slot: slots } = this.#transfers;
    this.#transfers.reset();
    if (this.#boundary.level === 1 && this.#chip.overheads.dramLineBytes > 0) {
      lines.find(this.#tile.elements, this.#tile.counts, order);
    }
    let energy = outside.energyPj;
    let passingPj = 0;
    let waiting = 0;
    this.#partial = outside.partial;
    for (let operand = 0; operand < 3; operand++) {
      if (crossings.passBits[operand] === 0) continue;
      const visits = this.#visitsOf(operand, order);
      const pass = operand === I ? this.#inputBits : crossings.passBits[operand]!;
      const slot = slots[operand]!;
      let readBits = visits * pass;
      let writeBits = 0;
      let fillBits = readBits;
      let pj = readBits * crossings.downPj[operand]!;
      if (operand === O) {
        const back = (visits - 1) * pass;
        if (visits > 1 || crossings.isReduced) this.#partial = true;
        const bits = back + pass * crossings.firstShare;
        pj = bits * crossings.downPj[O]! + back * crossings.revisitPj;
        readBits = fillBits = back;
        writeBits = bits * lines.writeShare;
      }
      readBits *= lines.readShare[operand]!;
      energy += pj;
      read[slot]! += readBits;
      write[slot]! += writeBits;
      if (crossings.hasPorts) {
        const wait = Math.max(
          readBits * crossings.portReadCycles[operand]!,
          writeBits * crossings.portWriteCycles[operand]!,
        );
        if (wait > waiting) waiting = wait;
      }
      fillBits *= crossings.receivers[operand]!;
      if (crossings.roomInside[operand] === 0) write[OWN_SLOT]! += fillBits;
      else {
        waiting = Math.max(waiting, (crossings.keeperBits[operand]! + fillBits) * crossings.keeperCycles[operand]!);
        passingPj += pj;
        passing[2 * slot]! += readBits;
        passing[2 * slot + 1]! += writeBits;
      }
    }
    let array = choice.arrayCycles * this.#stretch;
    if (this.#turnoverCycles > 0) array += this.#turnoverCycles * this.#residencies(order);
    this.#busyCycles = Math.max(array, outside.cycles, waiting);
    if (this.hasExposed) this.#findExposed();
    this.#energyPj = energy - passingPj;
    const exposed = outside.exposedCycles + this.#exposed + this.#exposedPassing;
    const transferring = this.#transfers.overlapping(this.#busyCycles, exposed) + this.#transfers.added();
    const { energyPj: aheadPj, busyCycles } = this.#lookAhead;
    const cycles = Math.max(transferring, busyCycles) + exposed;
    const further = energy + aheadPj;
    return this.#figure(cycles, choice.fixedPj + further, further);
  }
  #visitsOf(operand: number, order: readonly [number, number, number]): number {
    const reloads = this.#boundary.level === 1 && this.#chip.overheads.reloadPerDramTile;
    if (reloads && operand !== O) return this.#group[operand]!;
    const room = this.#crossings.roomInside[operand]!;
    // what passes by and does not fit further in has a relevant loop there
    if (room > 0 && this.#tile.words(operand) * this.#tile.wordBits(operand) > room)
      return this.#group[operand]! * this.#crossings.outerMoving[operand]!;
    return this.#visits(order, operand);
  }

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
      if (this.#crossings.passBits[operand] === 0 || this.#crossings.source[operand] !== 0 || resident[operand])
        continue;
      if (!dram.doubleBuffered || (operand === O ? !lastStore : !firstLoad)) continue;
      const width = operand === O ? bits.outputs : operand === W ? bits.weights : bits.inputs;
      const share = operand === O ? this.#lines.writeShare : this.#lines.readShare[operand]!;
      const bytes = (this.#tile.words(operand) * this.#crossings.distinct[operand]! * width * share) / 8;
      const bandwidth = operand === O ? dram.writeBytesPerCycle : dram.readBytesPerCycle;
      const cycles = bytes / Math.min(dram.sharedBytesPerCycle, bandwidth);
      if (this.#crossings.roomInside[operand] === 0) this.#exposed += cycles;
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
      let unrolled = isOwn ? this.#tile.elements[d]! : 1;
      const inside = isOwn ? this.#stationaryLevel : this.#chip.levels.length;
      for (let l = 0; l < inside; l++) unrolled *= spatial[l * DIM_COUNT + d]!;
      tiles *= Math.ceil(extents[d]! / unrolled);
    }
    const around = isOwn ? this.#visits(order, operand) : this.#group[operand]! * this.#crossings.outerMoving[operand]!;
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
    return visits * (moving ? this.#crossings.outerMoving[operand]! : this.#crossings.outerStill[operand]!);
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
