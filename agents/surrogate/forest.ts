// A forest of extremely randomised regression trees over the points of a space: ordered knobs are split at a level,
// categories one value against the others; a knob that does not count has the code -1 and is a value of its own.
// Paper: Geurts et al. 2006, "Extremely randomized trees", Machine Learning 63. Every tree sees all rows; the trees differ
// by their random splits, and their spread is taken as the uncertainty (Hutter et al. 2011).
import type { RandomStream } from "../../src/core/rng.js";
import type { Space } from "../../src/core/space.js";

const MIN_ROWS = 4;

/** A tree as parallel arrays; a leaf has feature -1. */
interface Tree {
  readonly feature: number[];
  /** level (below or equal goes left) or category (equal goes left) */
  readonly threshold: number[];
  readonly isCategory: boolean[];
  readonly left: number[];
  readonly right: number[];
  readonly value: number[];
}

export interface Forest {
  readonly trees: readonly Tree[];
}

/** @param rows codes, one per target  @param targets shape [rows] */
export function fitForest(
  space: Space,
  rows: readonly Int32Array[],
  targets: Float64Array,
  treeCount: number,
  random: RandomStream,
): Forest {
  const tries = Math.max(2, Math.ceil(space.decisions.length / 3));
  return { trees: Array.from({ length: treeCount }, () => growTree(space, rows, targets, tries, random)) };
}

/** Mean and standard deviation over the trees. */
export function predict({ trees }: Forest, codes: Int32Array): { readonly mean: number; readonly deviation: number } {
  let sum = 0;
  let squares = 0;
  for (const tree of trees) {
    let node = 0;
    while (tree.feature[node]! >= 0) {
      const code = codes[tree.feature[node]!]!;
      const goesLeft = tree.isCategory[node] ? code === tree.threshold[node] : code <= tree.threshold[node]!;
      node = goesLeft ? tree.left[node]! : tree.right[node]!;
    }
    const value = tree.value[node]!;
    sum += value;
    squares += value * value;
  }
  const mean = sum / trees.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / trees.length - mean * mean)) };
}

function growTree(
  space: Space,
  rows: readonly Int32Array[],
  targets: Float64Array,
  tries: number,
  random: RandomStream,
): Tree {
  const tree: Tree = { feature: [], threshold: [], isCategory: [], left: [], right: [], value: [] };
  const grow = (members: readonly number[]): number => {
    const node = tree.feature.length;
    const mean = members.reduce((sum, row) => sum + targets[row]!, 0) / members.length;
    tree.feature.push(-1);
    tree.threshold.push(0);
    tree.isCategory.push(false);
    tree.left.push(-1);
    tree.right.push(-1);
    tree.value.push(mean);
    if (members.length < MIN_ROWS) return node;
    const split = bestSplit(space, rows, targets, members, tries, random);
    if (split === undefined) return node;
    tree.feature[node] = split.feature;
    tree.threshold[node] = split.threshold;
    tree.isCategory[node] = split.isCategory;
    tree.left[node] = grow(split.left);
    tree.right[node] = grow(split.right);
    return node;
  };
  grow(rows.map((_, row) => row));
  return tree;
}

interface Split {
  readonly feature: number;
  readonly threshold: number;
  readonly isCategory: boolean;
  readonly left: number[];
  readonly right: number[];
}

/** The best of a few random splits: most variance explained. */
function bestSplit(
  { decisions, knobs }: Space,
  rows: readonly Int32Array[],
  targets: Float64Array,
  members: readonly number[],
  tries: number,
  random: RandomStream,
): Split | undefined {
  let best: Split | undefined;
  let bestGain = 0;
  const all = members.reduce((sum, row) => sum + targets[row]!, 0);
  for (let attempt = 0; attempt < tries; attempt++) {
    const feature = decisions[random.integer(decisions.length)]!;
    const isCategory = !knobs[feature]!.ordered;
    const code = rows[members[random.integer(members.length)]!]![feature]!;
    const threshold = isCategory || random.next() < 0.5 ? code : code - 1;
    const left: number[] = [];
    const right: number[] = [];
    let leftSum = 0;
    for (const row of members) {
      const goesLeft = isCategory ? rows[row]![feature] === threshold : rows[row]![feature]! <= threshold;
      (goesLeft ? left : right).push(row);
      if (goesLeft) leftSum += targets[row]!;
    }
    if (left.length === 0 || right.length === 0) continue;
    const rightSum = all - leftSum;
    const gain = leftSum ** 2 / left.length + rightSum ** 2 / right.length - all ** 2 / members.length;
    if (gain > bestGain) {
      best = { feature, threshold, isCategory, left, right };
      bestGain = gain;
    }
  }
  return best;
}
