// Hill climbing from a complete mapping, in neighbourhoods of growing reach; an improvement leads back to the first.
//   1. a factor of a temporal loop moves to another level (ragged halves too); a level's loops change their order
//   2. where such a move does not fit, another dimension makes room for it at the same level
//   3. a fan-out unrolls more of one dimension, at the cost of another's share or of idle instances
//   4. a factor moves and the loops at either level change their order with it
// A move is taken as soon as the score falls; all moves keep the dataflow's constraint.
import type { RandomStream } from "../../src/core/rng.js";
import type { Accelerator } from "./architecture.js";
import type { DataflowConstraint } from "./dataflow.js";
import { dealableLevel } from "./exhaustive.js";
import { type GroupOf, LEVEL_ORDERS, orderPositions } from "./loop-orders.js";
import { copyMapping, type Mapping } from "./mapping.js";
import { DIM_COUNT } from "./problem.js";
import type { Scorer } from "./scorer.js";

/** A complete mapping with its score. */
export interface Start {
  readonly mapping: Mapping;
  readonly score: number;
}

/** Kicks in a row that cost nothing (none of them fits) after which a machine is taken to leave no other mapping. */
const FRUITLESS_KICKS = 100;

export class Climb {
  readonly #scorer: Scorer;
  readonly #chip: Accelerator;
  readonly #levels: number;
  readonly #groups: GroupOf;
  /** dimensions that run more than once */
  readonly #dims: readonly number[];
  #mapping!: Mapping;
  #score = Infinity;
  #constraint!: DataflowConstraint;

  constructor(scorer: Scorer, chip: Accelerator, groups: GroupOf) {
    this.#scorer = scorer;
    this.#chip = chip;
    this.#levels = chip.levels.length;
    this.#groups = groups;
    this.#dims = [...scorer.problem.extents.keys()].filter((d) => scorer.problem.extents[d]! > 1);
  }

  /** Climbs until nothing improves or the scorer's budget ends. @returns where it ends */
  run(from: Start, constraint: DataflowConstraint): Start {
    this.#mapping = copyMapping(from.mapping);
    this.#score = from.score;
    this.#constraint = constraint;
    while (this.#shifts() || this.#orders() || this.#exchanges() || this.#respread() || this.#shiftsWithOrders());
    return { mapping: this.#mapping, score: this.#score };
  }

  /** Spends the rest of the budget around the best mapping: some random moves from it, then a climb (iterated local search,
   *  Lourenço, Martin, Stützle 2003). */
  wander(from: Start, constraint: DataflowConstraint, random: RandomStream): void {
    let best = from;
    for (let fruitless = 0; fruitless < FRUITLESS_KICKS && !this.#isSpent; fruitless++) {
      const { left } = this.#scorer;
      this.#mapping = copyMapping(best.mapping);
      this.#constraint = constraint;
      const kicked = this.#kick(random);
      if (!kicked) continue;
      const mapping = this.#mapping;
      const end = this.run({ mapping, score: this.#scorer.score(mapping) }, constraint);
      if (end.score < best.score) best = end;
      if (this.#scorer.left < left) fruitless = 0;
    }
  }

  /** One to three random shifts, and a random order of some level. @returns false when what they lead to does not fit */
  #kick(random: RandomStream): boolean {
    const { temporal, order } = this.#mapping;
    for (let moves = 1 + random.integer(3); moves > 0; moves--) {
      const d = this.#dims[random.integer(this.#dims.length)]!;
      const from = random.integer(this.#levels);
      const to = random.integer(this.#levels);
      const bound = temporal[from * DIM_COUNT + d]!;
      if (from === to || bound === 1 || !this.#mayLeave(d, from)) continue;
      const rest = leftAfter(bound, random.integer(3));
      temporal[from * DIM_COUNT + d] = rest;
      temporal[to * DIM_COUNT + d] = Math.ceil((temporal[to * DIM_COUNT + d]! * bound) / rest);
    }
    if (random.integer(2) === 0) {
      const level = random.integer(this.#levels - 1);
      const candidate = LEVEL_ORDERS[random.integer(LEVEL_ORDERS.length)]!;
      if (this.#allowsOrder(level, candidate.groups[2]))
        orderPositions(this.#groups, candidate, order, level * DIM_COUNT);
    }
    return this.#scorer.fits(this.#mapping);
  }

  get #isSpent(): boolean {
    return this.#scorer.left <= 0;
  }

  /** Scores the mapping as changed; true when it is better and stays so. */
  #accepts(): boolean {
    const score = this.#scorer.score(this.#mapping);
    if (!(score < this.#score)) return false;
    this.#score = score;
    return true;
  }

  #shifts(): boolean {
    let improved = false;
    for (const d of this.#dims) {
      for (let from = 0; from < this.#levels; from++) {
        for (let to = 0; to < this.#levels; to++) {
          if (from === to || !this.#mayLeave(d, from)) continue;
          while (!this.#isSpent && this.#shift(d, from, to)) improved = true;
        }
      }
    }
    return improved;
  }

  #mayLeave(d: number, from: number): boolean {
    return from < this.#levels - 1 || (this.#constraint.wholeMask & (1 << d)) === 0;
  }

  /** Moves a factor of dimension d's loop: its smallest prime, a ragged half, or all of it. */
  #shift(d: number, from: number, to: number): boolean {
    const { temporal } = this.#mapping;
    const [a, b] = [from * DIM_COUNT + d, to * DIM_COUNT + d];
    const [bound, target] = [temporal[a]!, temporal[b]!];
    if (bound === 1) return false;
    let before = 0;
    for (let attempt = 0; attempt < 3; attempt++) {
      const rest = leftAfter(bound, attempt);
      if (rest === before || this.#isSpent) continue;
      before = rest;
      temporal[a] = rest;
      temporal[b] = Math.ceil((target * bound) / rest);
      if (this.#accepts()) return true;
    }
    temporal[a] = bound;
    temporal[b] = target;
    return false;
  }

  #orders(): boolean {
    let improved = false;
    for (let l = 0; l < this.#levels - 1; l++) if (this.#reorder(l)) improved = true;
    return improved;
  }

  /** Tries the orders of a level that differ in the loops that run there. */
  #reorder(level: number): boolean {
    const { order } = this.#mapping;
    const base = level * DIM_COUNT;
    const kept = order.slice(base, base + DIM_COUNT);
    const tried = [this.#sequence(level)];
    if (tried[0]! < 9) return false; // one loop at most
    let improved = false;
    for (const candidate of LEVEL_ORDERS) {
      if (this.#isSpent) break;
      if (!this.#allowsOrder(level, candidate.groups[2])) continue;
      orderPositions(this.#groups, candidate, order, base);
      const sequence = this.#sequence(level);
      if (tried.includes(sequence)) continue;
      tried.push(sequence);
      if (this.#accepts()) {
        improved = true;
        kept.set(order.subarray(base, base + DIM_COUNT));
      }
    }
    order.set(kept, base);
    return improved;
  }

  #allowsOrder(level: number, innermostGroup: number): boolean {
    const { stationary } = this.#constraint;
    return level < this.#levels - 2 || stationary === undefined || innermostGroup === stationary;
  }

  /** The loops of a level that run more than once, outer to inner, as the digits of a number. */
  #sequence(level: number): number {
    const { temporal, order } = this.#mapping;
    const base = level * DIM_COUNT;
    let sequence = 0;
    for (let position = 0; position < DIM_COUNT; position++) {
      for (const d of this.#dims) {
        if (order[base + d] === position && temporal[base + d]! > 1) sequence = sequence * 9 + d + 1;
      }
    }
    return sequence;
  }

  /** Inward moves that do not fit alone, with an outward move of another dimension between the same levels. */
  #exchanges(): boolean {
    const { temporal } = this.#mapping;
    let improved = false;
    for (let to = 1; to < this.#levels; to++) {
      for (let from = to - 1; from >= 0; from--) {
        for (const d of this.#dims) {
          const [a, b] = [from * DIM_COUNT + d, to * DIM_COUNT + d];
          for (const other of this.#dims) {
            const [bound, target] = [temporal[a]!, temporal[b]!];
            if (bound === 1) break;
            if (other === d || !this.#mayLeave(other, to)) continue;
            const [c, e] = [to * DIM_COUNT + other, from * DIM_COUNT + other];
            const [otherBound, otherTarget] = [temporal[c]!, temporal[e]!];
            if (otherBound === 1) continue;
            if (this.#isSpent) return improved;
            const rest = leftAfter(bound, 0);
            temporal[a] = rest;
            temporal[b] = Math.ceil((target * bound) / rest);
            let taken = false;
            for (let attempt = 0, before = 0; attempt < 3 && !taken && !this.#isSpent; attempt++) {
              const otherRest = leftAfter(otherBound, attempt);
              if (otherRest === before) continue;
              before = otherRest;
              temporal[c] = otherRest;
              temporal[e] = Math.ceil((otherTarget * otherBound) / otherRest);
              taken = this.#accepts();
            }
            if (taken) improved = true;
            else {
              temporal[a] = bound;
              temporal[b] = target;
              temporal[c] = otherBound;
              temporal[e] = otherTarget;
            }
          }
        }
      }
    }
    return improved;
  }

  #respread(): boolean {
    for (let level = 0; level < this.#levels; level++) {
      if (this.#chip.levels[level]!.fanoutSize === 1) continue;
      for (const gains of this.#dims) {
        if ((this.#constraint.spatialMask & (1 << gains)) === 0) continue;
        if (this.#respreadFrom(level, -1, gains)) return true;
        for (const loses of this.#dims) if (loses !== gains && this.#respreadFrom(level, loses, gains)) return true;
        if (this.#isSpent) return false;
      }
    }
    return false;
  }

  /** Gives instances of one dimension (-1: idle ones) to another. */
  #respreadFrom(level: number, loses: number, gains: number): boolean {
    const { spatial, temporal } = this.#mapping;
    const base = level * DIM_COUNT;
    const had = loses < 0 ? 1 : spatial[base + loses]!;
    if (loses >= 0 && had === 1) return false;
    const before = spatial[base + gains]!;
    for (let keep = loses < 0 ? 1 : had >> 1; keep >= 1; keep = keep > 1 ? 1 : 0) {
      if (loses >= 0) spatial[base + loses] = keep;
      spatial[base + gains] = 1;
      let others = 1;
      for (const d of this.#dims) others *= spatial[base + d]!;
      const room = Math.floor(this.#chip.levels[level]!.fanoutSize / others);
      let folds = before;
      for (let l = 0; l < this.#levels; l++) folds *= temporal[l * DIM_COUNT + gains]!;
      const most = Math.min(room, folds);
      const balanced = Math.ceil(folds / Math.ceil(folds / most));
      const growth = Math.ceil(had / keep);
      for (const bound of balanced === before * growth ? [balanced] : [balanced, Math.min(most, before * growth)]) {
        if (bound <= before) continue;
        spatial[base + gains] = bound;
        if (dealableLevel(spatial, level, this.#chip) && this.#retime(level, loses, growth, gains, before, bound)) {
          return true;
        }
      }
      spatial[base + gains] = before;
    }
    if (loses >= 0) spatial[base + loses] = had;
    return false;
  }

  /** Lets time do what space no longer does, and the reverse: at the level itself, the innermost, or DRAM. */
  #retime(level: number, loses: number, growth: number, gains: number, before: number, bound: number): boolean {
    const { temporal } = this.#mapping;
    const last = this.#levels - 1;
    for (let fall = 0; fall < this.#levels; fall++) {
      const g = fall * DIM_COUNT + gains;
      const falling = temporal[g]!;
      if (falling === 1) continue;
      temporal[g] = Math.ceil((falling * before) / bound);
      for (let place = 0; place < 3; place++) {
        if (this.#isSpent) break;
        const rise = place === 0 ? level : place === 1 ? last : 0;
        if (loses < 0 ? place > 0 : (place === 1 && level === last) || (place === 2 && level === 0)) continue;
        const r = rise * DIM_COUNT + loses;
        const rising = loses < 0 ? 1 : temporal[r]!;
        if (loses >= 0) temporal[r] = rising * growth;
        if (this.#accepts()) return true;
        if (loses >= 0) temporal[r] = rising;
      }
      temporal[g] = falling;
    }
    return false;
  }

  #shiftsWithOrders(): boolean {
    const { temporal, order } = this.#mapping;
    const scratch = new Int8Array(order.length);
    for (const d of this.#dims) {
      for (let from = 0; from < this.#levels; from++) {
        for (let to = 0; to < this.#levels; to++) {
          const [a, b] = [from * DIM_COUNT + d, to * DIM_COUNT + d];
          const [bound, target] = [temporal[a]!, temporal[b]!];
          if (from === to || bound === 1 || !this.#mayLeave(d, from)) continue;
          for (const rest of [leftAfter(bound, 0), 1]) {
            if (this.#isSpent) return false;
            temporal[a] = rest;
            temporal[b] = Math.ceil((target * bound) / rest);
            if (this.#scorer.fits(this.#mapping)) {
              scratch.set(order);
              if (from < this.#levels - 1 && this.#reorder(from)) return true;
              if (to < this.#levels - 1 && this.#reorder(to)) return true;
              order.set(scratch);
            }
          }
          temporal[a] = bound;
          temporal[b] = target;
        }
      }
    }
    return false;
  }
}

/** What a bound keeps: all but its smallest prime, half of it rounded up, or nothing. */
function leftAfter(bound: number, attempt: number): number {
  if (attempt === 2) return 1;
  if (attempt === 1) return Math.ceil(bound / 2);
  for (const factor of [2, 3, 5, 7]) if (bound % factor === 0) return bound / factor;
  return Math.ceil(bound / 2);
}
