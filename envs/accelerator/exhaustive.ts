// Every mapping of a small mapspace: all bounds at every level and fan-out (ragged ones too: an uneven last tile can be the
// better one), all loop orders that differ. The mapper uses it where the whole space is no larger than the budget, so that its
// answer is then the optimum.
import type { Accelerator } from "./architecture.js";
import type { DataflowConstraint } from "./dataflow.js";
import { type GroupOf, LEVEL_ORDERS, orderPositions } from "./loop-orders.js";
import { emptyMapping, type Mapping } from "./mapping.js";
import { DIM_COUNT, type Problem } from "./problem.js";

/** Bounds of one dimension, inner to outer: [spatial of level L-1, temporal of L-1, spatial of L-2, ...]. */
type Split = readonly number[];

export interface Mapspace {
  readonly splits: readonly (readonly Split[])[];
  /** orders allowed at each level but the innermost, as indices into LEVEL_ORDERS */
  readonly orders: readonly (readonly number[])[];
  /** an upper bound of the number of mappings (fan-outs and capacities rule some out) */
  readonly size: number;
}

/** The mapspace of a problem under a dataflow; undefined when it holds more than `limit` mappings. */
export function smallMapspace(
  problem: Problem,
  chip: Accelerator,
  constraint: DataflowConstraint,
  limit: number,
): Mapspace | undefined {
  const levels = chip.levels.length;
  // a constraint leaves at least a third of the orders at one level: no need to look further in most searches
  if (LEVEL_ORDERS.length ** (levels - 1) > 3 * limit) return undefined;
  const orders = Array.from({ length: levels - 1 }, (_, l) =>
    LEVEL_ORDERS.flatMap(({ groups }, index) => {
      const free = l < levels - 2 || constraint.stationary === undefined || constraint.stationary === groups[2];
      return free ? [index] : [];
    }),
  );
  let size = orders.reduce((product, list) => product * list.length, 1);
  const splits: (readonly Split[])[] = [];
  for (let d = 0; d < DIM_COUNT; d++) {
    const found = splitsOf(problem.extents[d]!, d, chip, constraint, limit);
    size *= found.length;
    if (size > limit) return undefined;
    splits.push(found);
  }
  return { splits, orders, size };
}

/** Calls `visit` with every mapping of the space (one object, changed in place). */
export function enumerateMapspace(
  { splits, orders }: Mapspace,
  chip: Accelerator,
  groups: GroupOf,
  visit: (mapping: Mapping) => void,
): void {
  const levels = chip.levels.length;
  const mapping = emptyMapping(levels);
  const chooseOrder = (level: number): void => {
    if (level === levels - 1) {
      visit(mapping);
      return;
    }
    for (const order of orders[level]!) {
      orderPositions(groups, LEVEL_ORDERS[order]!, mapping.order, level * DIM_COUNT);
      chooseOrder(level + 1);
    }
  };
  const chooseSplit = (d: number): void => {
    if (d === DIM_COUNT) {
      if (dealable(mapping, chip)) chooseOrder(0);
      return;
    }
    for (const split of splits[d]!) {
      for (let l = 0; l < levels; l++) {
        const position = 2 * (levels - 1 - l);
        mapping.spatial[l * DIM_COUNT + d] = split[position]!;
        mapping.temporal[l * DIM_COUNT + d] = split[position + 1]!;
      }
      chooseSplit(d + 1);
    }
  };
  chooseSplit(0);
}

function splitsOf(
  extent: number,
  d: number,
  chip: Accelerator,
  constraint: DataflowConstraint,
  limit: number,
): readonly Split[] {
  const levels = chip.levels.length;
  const found: Split[] = [];
  const split = new Array<number>(2 * levels).fill(1);
  const choose = (slot: number, left: number): void => {
    if (found.length > limit) return;
    const level = levels - 1 - (slot >> 1);
    if (slot === 2 * levels - 1) {
      split[slot] = left; // DRAM's temporal loop takes what is left
      found.push(split.slice());
      return;
    }
    const spatial = (slot & 1) === 0;
    const room = spatial ? roomFor(d, level, chip, constraint) : left;
    const whole = !spatial && level === levels - 1 && (constraint.wholeMask & (1 << d)) !== 0;
    for (let bound = whole ? left : 1; bound <= Math.min(left, room); bound++) {
      split[slot] = bound;
      choose(slot + 1, Math.ceil(left / bound));
    }
    split[slot] = 1;
  };
  choose(0, extent);
  return found;
}

function roomFor(d: number, level: number, chip: Accelerator, constraint: DataflowConstraint): number {
  if ((constraint.spatialMask & (1 << d)) === 0) return 1;
  return chip.levels[level]!.fanout.reduce((room, axis) => (axis.dimMask & (1 << d) ? room * axis.size : room), 1);
}

/** Whether the spatial bounds of every level can be dealt out to its axes. */
export function dealable(mapping: Mapping, chip: Accelerator): boolean {
  return chip.levels.every((_, l) => dealableLevel(mapping.spatial, l, chip));
}

/** The same for one level. @param spatial bounds by [level · 8 + dimension] */
export function dealableLevel(spatial: Int32Array, level: number, chip: Accelerator): boolean {
  const axes = chip.levels[level]!.fanout;
  const room = axes.map((axis) => axis.size);
  const deal = (d: number, left: number, axis: number): boolean => {
    if (left === 1) {
      let next = d + 1;
      while (next < DIM_COUNT && spatial[level * DIM_COUNT + next] === 1) next++;
      return next >= DIM_COUNT || deal(next, spatial[level * DIM_COUNT + next]!, 0);
    }
    if (axis === room.length) return false;
    const before = room[axis]!;
    const most = axes[axis]!.dimMask & (1 << d) ? Math.min(left, before) : 1;
    for (let bound = most; bound >= 1; bound--) {
      if (left % bound !== 0) continue;
      room[axis] = Math.floor(before / bound);
      if (deal(d, left / bound, axis + 1)) return true;
    }
    room[axis] = before;
    return false;
  };
  return deal(-1, 1, 0);
}
