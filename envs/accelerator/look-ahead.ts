// What a tile will cost the levels further in, before their tiles are chosen: the traffic into each of them by the estimate of
// reuse.ts, with the operand in place that makes it cheapest. Of two tiles that cost the same outside, the one that starves the
// array inside loses.
import type { Accelerator } from "./architecture.js";
import { type Boundary, copiesAt } from "./boundary.js";
import type { GroupOf } from "./loop-orders.js";
import { DIM_COUNT, I, O, P, type Problem, Q, R, S, W } from "./problem.js";
import { estimateReuse, newSetting, type ReuseSetting } from "./reuse.js";

/** The objective's figure for cycles, energy in all, and the energy that decides between equal latencies. */
export type Figure = (cycles: number, activePj: number, decidingPj: number) => number;

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

export class LookAhead {
  /** energy and cycles of the traffic into the levels inside, at least */
  energyPj = 0;
  busyCycles = 0;
  readonly #chip: Accelerator;
  readonly #figure: Figure;
  /** of all levels, and those of the boundary under way */
  readonly #levelsInside: readonly Ahead[];
  readonly #ahead: Ahead[] = [];
  readonly #reuse = new Float64Array(3);
  readonly #group = new Float64Array(4);
  #problem!: Problem;
  #groups!: GroupOf;
  #boundary!: Boundary;
  #instances!: Float64Array;
  #outerMoving!: Float64Array;
  #fullWords!: Float64Array;

  constructor(chip: Accelerator, figure: Figure) {
    this.#chip = chip;
    this.#figure = figure;
    this.#levelsInside = chip.levels.map(newAhead);
  }

  begin(problem: Problem, groups: GroupOf, fullWords: Float64Array): void {
    this.#problem = problem;
    this.#groups = groups;
    this.#fullWords = fullWords;
    for (const { setting } of this.#levelsInside) setting.stride = problem.stride;
  }

  /** Prepares the estimates for the tiles of a boundary.
   *  @param instances in use, by level @param outerMoving visits that the levels further out cause, by operand */
  open(boundary: Boundary, instances: Float64Array, outerMoving: Float64Array): void {
    this.#boundary = boundary;
    this.#instances = instances;
    this.#outerMoving = outerMoving;
    this.#ahead.length = 0;
    for (let inner = this.#boundary.level + 1; inner < this.#chip.levels.length; inner++) {
      const ahead = this.#levelsInside[inner]!;
      if (this.#prepare(inner, ahead)) this.#ahead.push(ahead);
    }
  }

  /** The estimate of the traffic into one level, of the operands that come to it from the boundary's level or one inside it.
   *  @returns whether there are any */
  #prepare(inner: number, ahead: Ahead): boolean {
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
      ahead.allCopies[operand] = copiesAt(inner, relevance[operand]!, spatial);
      setting.weight[operand] = ahead.pj[operand]!;
      setting.room[operand] = Math.max(1, (bytes * 8) / width);
      found = true;
    }
    return found;
  }

  /** Energy and cycles when the levels inside work on a tile.
   *  @param at the tile, clipped to the layer @param outerStationary operand that the loops outside leave in place */
  look(at: Float64Array, outerStationary: number): void {
    this.energyPj = this.busyCycles = 0;
    if (this.#ahead.length === 0) return;
    const group = this.#group;
    group[0] = group[1] = group[2] = group[3] = 1;
    for (let d = 0; d < DIM_COUNT; d++) group[this.#groups[d]!]! *= at[d]!;
    for (let i = 0; i < this.#ahead.length; i++) this.#estimate(this.#ahead[i]!, at, outerStationary);
  }

  /** Adds the traffic into one level, with the operand in place that makes it cheapest. */
  #estimate(ahead: Ahead, at: Float64Array, outerStationary: number): void {
    const { setting, pj, cycles, copies, unrolled } = ahead;
    for (let operand = 0; operand < 3; operand++) setting.most[operand] = this.#group[operand]! / copies[operand]!;
    setting.rows = at[P]! / unrolled[P]!;
    setting.columns = at[Q]! / unrolled[Q]!;
    setting.filterRows = at[R]! / unrolled[R]!;
    setting.filterColumns = at[S]! / unrolled[S]!;
    const reuse = this.#reuse;
    const { choice, outside } = this.#boundary;
    const settled = choice.fixedPj + outside.energyPj + this.energyPj;
    const cyclesSoFar = Math.max(choice.arrayCycles, outside.cycles, this.busyCycles);
    let least = Infinity;
    let leastEnergy = 0;
    let leastBusy = 0;
    for (let stationary = 0; stationary < 3; stationary++) {
      estimateReuse(stationary, setting, reuse);
      if (stationary === outerStationary) this.#keepThrough(stationary, ahead, at, reuse);
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
    this.energyPj += leastEnergy;
    this.busyCycles = Math.max(this.busyCycles, leastBusy);
  }

  /** An operand whose whole tile fits into a level further in stays there while the loops outside leave the tile in place. */
  #keepThrough(
    operand: number,
    { pj, setting, unrolled, allCopies }: Ahead,
    at: Float64Array,
    reuse: Float64Array,
  ): void {
    if (pj[operand] === 0 || operand === I) return;
    const mask = this.#problem.relevance[operand]!;
    let words = 1;
    for (let d = 0; d < DIM_COUNT; d++) if (mask & (1 << d)) words *= Math.ceil(at[d]! / unrolled[d]!);
    if (words > setting.room[operand]!) return;
    const loads = this.#fullWords[operand]! * this.#outerMoving[operand]! * allCopies[operand]!;
    reuse[operand] = Math.max(reuse[operand]!, this.#problem.operationCount / loads);
  }
}
