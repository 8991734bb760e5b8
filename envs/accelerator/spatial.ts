// Which dimensions unroll on which fan-out axis: a beam search over the axes, largest first, for the fewest temporal
// iterations. An axis may carry several dimensions; a dimension's share is balanced, so that its last fold is not a sliver.
import type { Accelerator } from "./architecture.js";
import { DIM_COUNT, type Problem } from "./problem.js";

/** Spatial bounds by [level · 8 + dimension], and the axis of each. */
export interface SpatialChoice {
  readonly spatial: Int32Array;
  readonly spatialAxis: Int8Array;
  /** temporal iterations that remain: Π ceil(extent / unrolled) */
  readonly iterations: number;
}

interface State extends SpatialChoice {
  readonly remaining: Float64Array;
}

/** At most `width` choices whose dimensions lie in `allowedMask`, fewest iterations first. */
export function spatialChoices(
  chip: Accelerator,
  problem: Problem,
  allowedMask: number,
  width: number,
): SpatialChoice[] {
  const axes = chip.levels
    .flatMap((level, l) => level.fanout.map((axis, a) => ({ ...axis, level: l, axis: a })))
    .filter((axis) => axis.size > 1)
    .sort((a, b) => b.size - a.size);
  const size = chip.levels.length * DIM_COUNT;
  const remaining = Float64Array.from(problem.extents);
  let beam: State[] = [
    {
      spatial: new Int32Array(size).fill(1),
      spatialAxis: new Int8Array(size).fill(-1),
      remaining,
      iterations: remaining.reduce((product, value) => product * value, 1),
    },
  ];
  for (const axis of axes) {
    const dims = axis.dimMask & allowedMask;
    const next: State[] = [];
    for (const state of beam) extend(state, axis, dims, axis.size, next);
    beam = best(next, width);
  }
  return beam;
}

/** Adds to `found` the state itself and every way to fill `room` slots of the axis with dimensions of `dims`. */
function extend(
  state: State,
  axis: { readonly level: number; readonly axis: number },
  dims: number,
  room: number,
  found: State[],
): void {
  let filled = false;
  for (let d = 0; d < DIM_COUNT; d++) {
    const left = state.remaining[d]!;
    if ((dims & (1 << d)) === 0 || left === 1) continue;
    const folds = Math.ceil(left / room);
    const bound = Math.ceil(left / folds);
    if (bound === 1) continue;
    filled = true;
    const spatial = state.spatial.slice();
    const spatialAxis = state.spatialAxis.slice();
    const remaining = state.remaining.slice();
    const index = axis.level * DIM_COUNT + d;
    spatial[index]! *= bound;
    spatialAxis[index] = axis.axis;
    remaining[d] = folds;
    const next = { spatial, spatialAxis, remaining, iterations: (state.iterations / left) * folds };
    const rest = Math.floor(room / bound);
    if (rest >= 2) extend(next, axis, dims & ~(1 << d), rest, found);
    else found.push(next);
  }
  if (!filled) found.push(state);
}

function best(states: State[], width: number): State[] {
  const seen = new Set<string>();
  return states
    .sort((a, b) => a.iterations - b.iterations)
    .filter((state) => {
      if (seen.size >= width) return false;
      const key = state.spatial.join();
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
}
