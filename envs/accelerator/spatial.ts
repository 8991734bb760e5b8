// Which dimensions unroll on which fan-out axis: a beam search over the axes, largest first. A choice is judged by what it
// decides alone: the temporal iterations that remain (at least the DRAM's compulsory cycles), and the energy of the accesses
// next to the multipliers, which fall with every instance that shares a word. An axis may carry several dimensions; a
// dimension's share is balanced, so that its last fold is not a sliver.
// States are only made for what enters the beam: this runs for every layer of every trial.
import { type Accelerator, operationEnergyPj, operationRate } from "./architecture.js";
import type { Objective } from "./objective.js";
import { DIM_COUNT, I, O, type Problem, W } from "./problem.js";

/** Spatial bounds by [level · 8 + dimension]. */
export interface SpatialChoice {
  readonly spatial: Int32Array;
  /** temporal iterations that remain: Π ceil(extent / unrolled) */
  readonly iterations: number;
}

interface FlatAxis {
  readonly level: number;
  readonly size: number;
  readonly dimMask: number;
}

/** The smallest share of an axis that its first dimension may take is one in this many. */
const FIRST_SHARES = 8;

/** Finds spatial choices for one machine. Holds scratch arrays; not reentrant. */
export class SpatialSearch {
  readonly #chip: Accelerator;
  readonly #axes: readonly FlatAxis[];
  readonly #size: number;
  readonly #remaining = new Float64Array(DIM_COUNT);
  // of the axis and the beam entry under way
  #from!: State;
  #axis!: FlatAxis;
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
  #fixedPj = 0;
  #worstPj = 0;
  readonly #accessPj = new Float64Array(6);
  /** innermost level that keeps the operand */
  readonly #keeper = new Int32Array(6);

  constructor(chip: Accelerator) {
    this.#chip = chip;
    this.#axes = chip.levels
      .flatMap((level, l) => level.fanout.map((axis) => ({ level: l, size: axis.size, dimMask: axis.dimMask })))
      .filter((axis) => axis.size > 1)
      .sort((a, b) => b.size - a.size);
    this.#size = chip.levels.length * DIM_COUNT;
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
        this.#extend(axis.dimMask & allowedMask, axis.size, state.iterations, 0);
      }
      beam = this.#beam;
    }
    return beam;
  }

  /** Ways to fill `room` slots of the axis with dimensions of `dims`, `count` of which are chosen already. The first may
   *  also take a half, a quarter or an eighth of the axis, so that operands can share evenly; the later ones take what fits. */
  #extend(dims: number, room: number, iterations: number, count: number): void {
    let filled = false;
    for (let d = 0; d < DIM_COUNT; d++) {
      const left = this.#remaining[d]!;
      if ((dims & (1 << d)) === 0 || left === 1) continue;
      let before = 1;
      for (let share = count === 0 ? FIRST_SHARES : 1; share >= 1; share /= 2) {
        const folds = Math.ceil(left / Math.floor(room / share));
        const bound = Math.ceil(left / folds);
        if (bound === before || !Number.isFinite(folds)) continue;
        before = bound;
        filled = true;
        this.#dims[count] = d;
        this.#bounds[count] = bound;
        this.#remaining[d] = folds;
        const next = (iterations / left) * folds;
        const rest = Math.floor(room / bound);
        this.#share(d, bound);
        if (rest >= 2) this.#extend(dims & ~(1 << d), rest, next, count + 1);
        else this.#offer(next, count + 1);
        this.#share(d, 1 / bound);
        this.#remaining[d] = left;
      }
    }
    if (!filled) this.#offer(iterations, count);
  }

  /** `bound` more instances of dimension d on the axis under way: those of one operand that does not depend on it share. */
  #share(d: number, bound: number): void {
    for (let i = 0; i < 6; i++) {
      if (this.#axis.level >= this.#keeper[i]! && (this.#relevance[i % 3]! & (1 << d)) === 0) this.#shared[i]! *= bound;
    }
  }

  /** What a choice costs at least, by the objective; lower is better. */
  #score(iterations: number): number {
    const shared = this.#shared;
    const access = this.#accessPj;
    let energy = this.#fixedPj;
    for (let i = 0; i < 6; i++) energy += access[i]! / shared[i]!;
    const cycles = Math.max(iterations / this.#rate, this.#dramCycles);
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
    this.#rate = operationRate(this.#chip, weights, inputs);
    let dramBits = 0;
    this.#fixedPj = problem.operationCount * operationEnergyPj(this.#chip, problem.operation, weights, inputs);
    for (let operand = 0; operand < 3; operand++) {
      let keeper = levels.length - 1;
      while (!levels[keeper]!.keeps[operand]) keeper--;
      const level = levels[keeper]!;
      const perOperation =
        operand === O
          ? bits.partial * (level.readPjPerBit + level.writePjPerBit)
          : (operand === W ? bits.weights : bits.inputs) * level.readPjPerBit;
      this.#accessPj[operand] = present[operand] ? problem.operationCount * perOperation : 0;
      // where the hardware cannot share, no axis counts
      this.#keeper[operand] = (operand === O ? level.reduce : level.multicast[operand]) ? keeper : levels.length;
      // a level further out serves what the tile next to the multipliers cannot: a reuse of about the root of its words
      let parent = keeper - 1;
      while (parent > 0 && !levels[parent]!.keeps[operand]) parent--;
      this.#accessPj[3 + operand] = 0;
      this.#keeper[3 + operand] = parent;
      if (parent > 0 && present[operand]) {
        const outer = levels[parent]!;
        const wide = operand === O ? bits.partial : operand === W ? bits.weights : bits.inputs;
        const room = (level.sharedCapacityBytes ?? level.partitionBytes![operand]!) * 8;
        const pj = operand === O ? outer.readPjPerBit + outer.writePjPerBit : outer.readPjPerBit;
        this.#accessPj[3 + operand] = (problem.operationCount * wide * pj) / Math.max(1, Math.sqrt(room / wide / 3));
      }
      if (!present[operand] || problem.resident[operand]) continue;
      const width = operand === O ? bits.outputs : operand === I ? bits.inputs : bits.weights;
      dramBits += words[operand]! * width;
      this.#fixedPj += words[operand]! * width * levels[0]!.readPjPerBit;
    }
    this.#dramCycles = dramBits / 8 / Math.min(levels[0]!.sharedBytesPerCycle, 1e12);
    this.#worstPj = this.#fixedPj + this.#accessPj.reduce((sum, value) => sum + value, 0);
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
      score: Infinity,
    };
  }
}

interface State extends SpatialChoice {
  iterations: number;
  score: number;
  readonly remaining: Float64Array;
  /** instances that share a word next to the multipliers, by operand */
  readonly shared: Float64Array;
}

export function sameBounds(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
