// Which dimensions unroll on which fan-out axis: a beam search over the axes, largest first, for the fewest temporal
// iterations. An axis may carry several dimensions; a dimension's share is balanced, so that its last fold is not a sliver.
// States are only made for what enters the beam: this runs for every layer of every trial.
import type { Accelerator } from "./architecture.js";
import { DIM_COUNT, type Problem } from "./problem.js";

/** Spatial bounds by [level · 8 + dimension], and the axis of each. */
export interface SpatialChoice {
  readonly spatial: Int32Array;
  readonly spatialAxis: Int8Array;
  /** temporal iterations that remain: Π ceil(extent / unrolled) */
  readonly iterations: number;
}

interface FlatAxis {
  readonly level: number;
  readonly axis: number;
  readonly size: number;
  readonly dimMask: number;
}

/** Finds spatial choices for one machine. Holds scratch arrays; not reentrant. */
export class SpatialSearch {
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

  constructor(chip: Accelerator) {
    this.#axes = chip.levels
      .flatMap((level, l) =>
        level.fanout.map((axis, a) => ({ level: l, axis: a, size: axis.size, dimMask: axis.dimMask })),
      )
      .filter((axis) => axis.size > 1)
      .sort((a, b) => b.size - a.size);
    this.#size = chip.levels.length * DIM_COUNT;
    this.#offered = new Int32Array(this.#size);
  }

  /** At most `width` choices whose dimensions lie in `allowedMask`, fewest iterations first. */
  choices(problem: Problem, allowedMask: number, width: number): readonly SpatialChoice[] {
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
        this.#extend(axis.dimMask & allowedMask, axis.size, state.iterations, 0);
      }
      beam = this.#beam;
    }
    return beam;
  }

  /** Every way to fill `room` slots of the axis with dimensions of `dims`, `count` of which are chosen already. */
  #extend(dims: number, room: number, iterations: number, count: number): void {
    let filled = false;
    for (let d = 0; d < DIM_COUNT; d++) {
      const left = this.#remaining[d]!;
      if ((dims & (1 << d)) === 0 || left === 1) continue;
      const folds = Math.ceil(left / room);
      const bound = Math.ceil(left / folds);
      if (bound === 1) continue;
      filled = true;
      this.#dims[count] = d;
      this.#bounds[count] = bound;
      this.#remaining[d] = folds;
      const next = (iterations / left) * folds;
      const rest = Math.floor(room / bound);
      if (rest >= 2) this.#extend(dims & ~(1 << d), rest, next, count + 1);
      else this.#offer(next, count + 1);
      this.#remaining[d] = left;
    }
    if (!filled) this.#offer(iterations, count);
  }

  /** Takes the state under way into the beam if it is good enough and new. */
  #offer(iterations: number, count: number): void {
    const beam = this.#beam;
    const worst = beam.length < this.#width ? Infinity : beam[beam.length - 1]!.iterations;
    if (iterations >= worst) return;
    const offered = this.#offered;
    offered.set(this.#from.spatial);
    const base = this.#axis.level * DIM_COUNT;
    for (let i = 0; i < count; i++) offered[base + this.#dims[i]!]! *= this.#bounds[i]!;
    let position = beam.length;
    while (position > 0 && beam[position - 1]!.iterations > iterations) position--;
    for (let i = position - 1; i >= 0 && beam[i]!.iterations === iterations; i--) {
      if (sameBounds(beam[i]!.spatial, offered)) return;
    }
    // what drops out of a full beam lends its arrays to what comes in
    const state = beam.length < this.#width ? this.#newState() : beam.pop()!;
    state.iterations = iterations;
    state.spatial.set(offered);
    state.spatialAxis.set(this.#from.spatialAxis);
    state.remaining.set(this.#remaining);
    for (let i = 0; i < count; i++) state.spatialAxis[base + this.#dims[i]!] = this.#axis.axis;
    beam.splice(position, 0, state);
  }

  #newState(): State {
    return {
      spatial: new Int32Array(this.#size).fill(1),
      spatialAxis: new Int8Array(this.#size).fill(-1),
      remaining: new Float64Array(DIM_COUNT),
      iterations: Infinity,
    };
  }
}

interface State extends SpatialChoice {
  iterations: number;
  readonly remaining: Float64Array;
}

export function sameBounds(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
