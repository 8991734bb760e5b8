// Which dimensions unroll on which fan-out axis: a beam search over the axes, largest first. A choice is judged by what it
// decides alone: the temporal iterations that remain (at least the DRAM's compulsory cycles), and the energy of the accesses
// next to the multipliers, which fall with every instance that shares a word. An axis may carry several dimensions; a
// dimension's share is balanced, so that its last fold is not a sliver.
// States are only made for what enters the beam: this runs for every layer of every trial.
import { type Accelerator, operationRate, operationsPj, zeroSharesOf } from "./architecture.js";
import type { Objective } from "./objective.js";
import { C, DIM_COUNT, G, I, K, N, O, P, type Problem, Q, R, S, W, type WordBits } from "./problem.js";
import type { ChoiceFacts } from "./tiling.js";

/** A spatial choice: the bounds, and what they settle alone. */
export interface SpatialChoice extends ChoiceFacts {
  /** temporal iterations that remain: Π ceil(extent / unrolled) */
  readonly iterations: number;
  /** energy of the accesses next to the multipliers, at least */
  readonly nearPj: number;
}

interface FlatAxis {
  readonly level: number;
  readonly size: number;
  readonly dimMask: number;
}

/** Which dimension takes its share of an axis first: the later ones can use what is left over, whatever its size. */
const GIVEN_ORDER = [N, G, K, C, P, Q, R, S] as const;
const ONE_ORDER = [GIVEN_ORDER] as const;
const BOTH_ORDERS = [GIVEN_ORDER, [R, S, P, Q, K, C, G, N]] as const;
/** On axes up to this size the order hardly matters. */
const SMALL_AXIS = 8;

/** Finds spatial choices for one machine. Holds scratch arrays; not reentrant. */
export class SpatialSearch {
  readonly #chip: Accelerator;
  readonly #axes: readonly FlatAxis[];
  readonly #size: number;
  readonly #remaining = new Float64Array(DIM_COUNT);
  // of the axis and the beam entry under way
  #from!: State;
  #axis!: FlatAxis;
  #order: readonly number[] = GIVEN_ORDER;
  readonly #dims = new Int32Array(DIM_COUNT);
  readonly #bounds = new Int32Array(DIM_COUNT);
  readonly #offered: Int32Array;
  #beam: State[] = [];
  #width = 0;
  readonly #shared = new Float64Array(6);
  // of the problem under way
  #objective: Objective = "latency";
  #relevance: readonly [number, number, number] = [0, 0, 0];
  #operations = 0;
  #rate = 1;
  #dramCycles = 0;
  readonly #outputKeeper: number;
  #operationsPj = 0;
  #fixedPj = 0;
  #worstPj = 0;
  readonly #accessPj = new Float64Array(6);
  readonly #accessCycles = new Float64Array(6);
  readonly #level = new Int32Array(6);
  /** level from which on instances share the access */
  readonly #keeper = new Int32Array(6);
  readonly #innermost = new Int32Array(3);
  readonly #room = new Float64Array(3);
  readonly #busy: Float64Array;

  constructor(chip: Accelerator) {
    this.#chip = chip;
    this.#axes = chip.levels
      .flatMap((level, l) => level.fanout.map((axis) => ({ level: l, size: axis.size, dimMask: axis.dimMask })))
      .filter((axis) => axis.size > 1)
      .sort((a, b) => b.size - a.size);
    this.#size = chip.levels.length * DIM_COUNT;
    this.#busy = new Float64Array(chip.levels.length);
    this.#outputKeeper = chip.levels.findLastIndex(({ keeps }) => keeps[O]);
    this.#offered = new Int32Array(this.#size);
  }

  /** At most `width` choices whose dimensions lie in `allowedMask`, most promising first. */
  choices(problem: Problem, allowedMask: number, width: number, objective: Objective): readonly SpatialChoice[] {
    this.#weigh(problem, objective);
    const start = this.#newState();
    start.remaining.set(problem.extents);
    start.iterations = problem.operationCount;
    let beam: State[] = [start];
    this.#width = width;
    for (const axis of this.#axes) {
      this.#axis = axis;
      this.#beam = [];
      for (const state of beam) {
        this.#from = state;
        this.#remaining.set(state.remaining);
        this.#shared.set(state.shared);
        for (const order of axis.size > SMALL_AXIS ? BOTH_ORDERS : ONE_ORDER) {
          this.#order = order;
          this.#extend(axis.dimMask & allowedMask, axis.size, state.iterations, 0, 0);
        }
      }
      beam = this.#beam;
    }
    for (const state of beam) {
      state.arrayCycles = state.iterations / this.#rate;
      state.fixedPj = this.#operationsPj;
      for (let i = 0; i < 3; i++) state.fixedPj += this.#accessPj[i]! / state.shared[i]!;
      state.nearPj = this.#nearPj(problem, state);
    }
    return beam;
  }

  /** Ways to fill `room` slots of the axis with dimensions from the `from`th on, of which `count` are chosen already: each
   *  takes all of what is left, a half, a quarter, ... or nothing. */
  #extend(dims: number, room: number, iterations: number, count: number, from: number): void {
    for (let i = from; i < DIM_COUNT; i++) {
      const d = this.#order[i]!;
      const left = this.#remaining[d]!;
      if ((dims & (1 << d)) === 0 || left === 1) continue;
      let before = 1;
      for (let slots = room; slots >= 2; slots >>= 1) {
        const folds = Math.ceil(left / slots);
        const bound = Math.ceil(left / folds);
        if (bound === before) continue;
        before = bound;
        this.#dims[count] = d;
        this.#bounds[count] = bound;
        this.#remaining[d] = folds;
        const next = (iterations / left) * folds;
        const rest = Math.floor(room / bound);
        this.#share(d, bound);
        if (rest >= 2) this.#extend(dims, rest, next, count + 1, i + 1);
        else this.#offer(next, count + 1);
        this.#share(d, 1 / bound);
        this.#remaining[d] = left;
      }
    }
    this.#offer(iterations, count);
  }

  /** `bound` more instances of dimension d on the axis under way: those of one operand that does not depend on it share. */
  #share(d: number, bound: number): void {
    for (let i = 0; i < 6; i++) {
      if (this.#axis.level >= this.#keeper[i]! && (this.#relevance[i % 3]! & (1 << d)) === 0) this.#shared[i]! *= bound;
    }
  }

  /** Energy of the accesses next to the multipliers, at least: the first write of a sum, which every instance outside may
   *  hold, reads nothing. */
  #nearPj(problem: Problem, { shared, spatial }: State): number {
    let copies = 1;
    for (let index = 0; index < this.#outputKeeper * DIM_COUNT; index++) {
      if ((problem.relevance[O]! & (1 << (index & 7))) === 0) copies *= spatial[index]!;
    }
    const updates = this.#accessPj[O]! / shared[O]!;
    const first = (problem.words[O]! * copies * this.#accessPj[O]!) / problem.operationCount;
    return this.#accessPj[W]! / shared[W]! + this.#accessPj[I]! / shared[I]! + Math.max(0, updates - first);
  }

  /** What a choice costs at least, by the objective; lower is better. */
  #score(iterations: number): number {
    const shared = this.#shared;
    const access = this.#accessPj;
    let energy = this.#fixedPj;
    const busy = this.#busy;
    for (let l = 1; l < busy.length; l++) busy[l] = 0;
    for (let i = 0; i < 6; i++) {
      energy += access[i]! / shared[i]!;
      busy[this.#level[i]!]! += this.#accessCycles[i]! / shared[i]!;
    }
    let cycles = Math.max(iterations / this.#rate, this.#dramCycles);
    for (let l = 1; l < busy.length; l++) if (busy[l]! > cycles) cycles = busy[l]!;
    switch (this.#objective) {
      case "latency":
        return cycles * (1 + (1e-3 * energy) / this.#worstPj);
      case "energy":
        return energy * (1 + (1e-3 * iterations) / this.#operations);
      case "edp":
        return cycles * energy;
    }
  }

  /** Constants of the score: accesses next to the multipliers if nothing is shared, and what no choice changes. */
  #weigh(problem: Problem, objective: Objective): void {
    const { levels } = this.#chip;
    const { bits, present, words } = problem;
    this.#objective = objective;
    this.#operations = problem.operationCount;
    this.#relevance = problem.relevance;
    const { weights, inputs } = problem.multiplierBits;
    const zeros = zeroSharesOf(this.#chip, problem);
    this.#rate = operationRate(this.#chip, weights, inputs) / zeros.cycles;
    let dramBits = 0;
    this.#operationsPj = operationsPj(this.#chip, problem);
    this.#fixedPj = this.#operationsPj;
    this.#keepers(problem);
    for (let operand = 0; operand < 3; operand++) {
      const keeper = this.#innermost[operand]!;
      const near = present[operand] ? problem.operationCount * zeros.accesses[operand]! : 0;
      this.#weighAccess(operand, operand, keeper, near, bits);
      // a level further out serves what the tile next to the multipliers cannot
      let parent = keeper - 1;
      while (parent > 0 && !levels[parent]!.keeps[operand]) parent--;
      const served = parent > 0 && present[operand] ? problem.operationCount / this.#reuse(operand, problem) : 0;
      this.#weighAccess(3 + operand, operand, Math.max(0, parent), served, bits);
      if (!present[operand] || problem.resident[operand]) continue;
      const width = operand === O ? bits.outputs : operand === I ? bits.inputs : bits.weights;
      dramBits += words[operand]! * width;
      this.#fixedPj += words[operand]! * width * levels[0]!.readPjPerBit;
    }
    this.#dramCycles = dramBits / 8 / Math.min(levels[0]!.sharedBytesPerCycle, 1e12);
    this.#worstPj = this.#fixedPj + this.#accessPj.reduce((sum, value) => sum + value, 0);
  }

  /** Energy and cycles of `words` accesses at a level if no instance shares them. Where the hardware cannot share, no axis
   *  counts; those of the level itself only where it has such an ability. */
  #weighAccess(slot: number, operand: number, l: number, words: number, bits: WordBits): void {
    const level = this.#chip.levels[l]!;
    const width = operand === O ? bits.partial : operand === W ? bits.weights : bits.inputs;
    const perInstance = 8 * level.instances;
    const [read, write] = [words * width, operand === O ? words * width : 0];
    this.#accessPj[slot] = read * level.readPjPerBit + write * level.writePjPerBit;
    this.#accessCycles[slot] = Math.max(
      (read + write) / perInstance / level.sharedBytesPerCycle,
      read / perInstance / level.readBytesPerCycle,
      write / perInstance / level.writeBytesPerCycle,
    );
    this.#level[slot] = l;
    this.#keeper[slot] = (operand === O ? level.reduce : level.multicast[operand]) ? l : this.#chip.levels.length;
  }

  /** Innermost level that keeps each operand, and the words that it has for it. */
  #keepers({ bits }: Problem): void {
    const { levels } = this.#chip;
    for (let operand = 0; operand < 3; operand++) {
      const keeper = levels.findLastIndex(({ keeps }) => keeps[operand]);
      const { sharedCapacityBytes, partitionBytes, keeps } = levels[keeper]!;
      const width = operand === O ? bits.partial : operand === W ? bits.weights : bits.inputs;
      const sharers = keeps.reduce((count, kept) => count + (kept ? 1 : 0), 0);
      const bytes = partitionBytes?.[operand] ?? sharedCapacityBytes! / sharers;
      this.#innermost[operand] = keeper;
      this.#room[operand] = Math.max(1, (bytes * 8) / width);
    }
  }

  /** How often a word next to the multipliers is used before it is replaced. A tile of x · y weights, y · z inputs and x · z
   *  outputs uses each z, x and y times; it fills all three rooms when z is the root of inputs · outputs / weights, and so on. */
  #reuse(operand: number, problem: Problem): number {
    const room = this.#room;
    const balanced = Math.sqrt((room[0]! * room[1]! * room[2]!) / (room[operand]! * room[operand]!));
    let ignored = 1;
    for (let d = 0; d < DIM_COUNT; d++)
      if ((problem.relevance[operand]! & (1 << d)) === 0) ignored *= problem.extents[d]!;
    return Math.max(1, Math.min(balanced, ignored));
  }

  /** Takes the state under way into the beam if it is good enough and new. */
  #offer(iterations: number, count: number): void {
    const beam = this.#beam;
    const score = this.#score(iterations);
    if (beam.length >= this.#width && score >= beam[beam.length - 1]!.score) return;
    const offered = this.#offered;
    offered.set(this.#from.spatial);
    const base = this.#axis.level * DIM_COUNT;
    for (let i = 0; i < count; i++) offered[base + this.#dims[i]!]! *= this.#bounds[i]!;
    let position = beam.length;
    while (position > 0 && beam[position - 1]!.score > score) position--;
    for (let i = position - 1; i >= 0 && beam[i]!.score === score; i--) {
      if (sameBounds(beam[i]!.spatial, offered)) return;
    }
    // what drops out of a full beam lends its arrays to what comes in
    const state = beam.length < this.#width ? this.#newState() : beam.pop()!;
    state.iterations = iterations;
    state.score = score;
    state.shared.set(this.#shared);
    state.spatial.set(offered);
    state.remaining.set(this.#remaining);
    beam.splice(position, 0, state);
  }

  #newState(): State {
    return {
      spatial: new Int32Array(this.#size).fill(1),
      remaining: new Float64Array(DIM_COUNT),
      shared: new Float64Array(6).fill(1),
      iterations: Infinity,
      arrayCycles: Infinity,
      fixedPj: 0,
      nearPj: 0,
      score: Infinity,
    };
  }
}

interface State extends SpatialChoice {
  iterations: number;
  arrayCycles: number;
  fixedPj: number;
  nearPj: number;
  score: number;
  readonly remaining: Float64Array;
  /** instances that share a word next to the multipliers, by operand */
  readonly shared: Float64Array;
}

export function sameBounds(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
