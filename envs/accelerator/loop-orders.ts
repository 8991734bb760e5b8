// Orders of a level's loops that can differ in cost: each operand ignores one group of dimensions (weights N P Q, inputs K,
// outputs C R S), so six orders of the groups stand for all permutations (Timeloop's mapspace, Parashar et al. 2019, collapses
// the same way), and within a group only the innermost loop matters, which may slide the input tile.
import { DIM_COUNT, I, O, P, type Problem, Q, R, S, W } from "./problem.js";

/** Dimension groups by the operand that ignores them; 3 = no operand does. */
export type GroupOf = Int8Array;

/** The six orders of the groups, outer to inner; 2·s and 2·s + 1 leave operand s in place. */
export const GROUP_ORDERS: readonly (readonly [number, number, number])[] = [
  [O, I, W],
  [I, O, W],
  [O, W, I],
  [W, O, I],
  [W, I, O],
  [I, W, O],
];

/** Which group of loops each dimension is in for a problem. */
export function groupsOf(problem: Problem): GroupOf {
  const groups = new Int8Array(DIM_COUNT).fill(3);
  for (let d = 0; d < DIM_COUNT; d++) {
    for (const operand of [W, I, O]) {
      if (problem.present[operand] && (problem.relevance[operand]! & (1 << d)) === 0) groups[d] = operand;
    }
  }
  return groups;
}

/** A complete order of a level's loops: the groups, and which dimensions run innermost in theirs, where they may slide. */
export interface LevelOrder {
  readonly groups: readonly [number, number, number];
  readonly last: readonly number[];
}

/** All orders that can differ in cost. Dimensions of one group are relevant to the same operands, so that interleaving groups
 *  never helps; within a group only the innermost loop matters, which slides the input tile. The first 6 slide Q and S. */
export const LEVEL_ORDERS: readonly LevelOrder[] = [
  [Q, S],
  [P, S],
  [Q, R],
  [P, R],
].flatMap((last) => GROUP_ORDERS.map((groups) => ({ groups, last })));

/** Position of each dimension's loop: group 3 outermost, then the groups in order. */
export function orderPositions(groups: GroupOf, order: LevelOrder, into: Int8Array, offset: number): void {
  const { groups: inner, last } = order;
  let position = 0;
  for (let g = -1; g < 3; g++) {
    const group = g < 0 ? 3 : inner[g];
    for (let d = 0; d < DIM_COUNT; d++) {
      if (groups[d] === group && d !== last[0] && d !== last[1]) into[offset + d] = position++;
    }
    for (const d of last) if (groups[d] === group) into[offset + d] = position++;
  }
}
