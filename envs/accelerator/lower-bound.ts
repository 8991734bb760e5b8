// What no mapping that a dataflow allows can beat: cycles of a full array and of the compulsory DRAM traffic; energy of the
// operations, of the accesses next to the multipliers at the best sharing that the fan-outs and the dataflow permit, and of
// every word crossing every level once. A flexible machine skips the search of a dataflow that cannot win by this bound.
import { type Accelerator, homeOf, type Level, operationRate, operationsPj, zeroSharesOf } from "./architecture.js";
import type { DataflowConstraint } from "./dataflow.js";
import { DIM_COUNT, I, O, P, type Problem, Q, R, S, W } from "./problem.js";

export interface LowerBound {
  readonly cycles: number;
  readonly energyPj: number;
}

/** What holds for a problem on a machine whatever the dataflow and the spatial choice. */
export interface ProblemBound {
  readonly dramCycles: number;
  /** energy of the operations, and of every word crossing every level once */
  readonly crossingPj: number;
}

export function problemBound(problem: Problem, chip: Accelerator): ProblemBound {
  const { bits, words, present, resident } = problem;
  const needed = [words[W], neededInputs(problem), words[O]];
  const widths = [bits.weights, bits.inputs, bits.outputs];
  let crossingPj = operationsPj(chip, problem);
  let reads = 0;
  for (let operand = 0; operand < 3; operand++) {
    if (!present[operand]) continue;
    const total = needed[operand]! * widths[operand]!;
    let parent = chip.levels[resident[operand] ? homeOf(chip, problem, operand) : 0]!;
    for (let l = 1; l < chip.levels.length; l++) {
      const level = chip.levels[l]!;
      if (!level.keeps[operand]) continue;
      crossingPj += total * (operand === O ? parent.writePjPerBit : parent.readPjPerBit + level.writePjPerBit);
      parent = level;
    }
    if (operand !== O && !resident[operand]) reads += total;
  }
  const writes = resident[O] ? 0 : words[O] * bits.outputs;
  const dram = chip.levels[0]!;
  const dramCycles = Math.max(
    (reads + writes) / 8 / dram.sharedBytesPerCycle,
    reads / 8 / dram.readBytesPerCycle,
    writes / 8 / dram.writeBytesPerCycle,
  );
  return { dramCycles, crossingPj };
}

export function lowerBound(
  problem: Problem,
  chip: Accelerator,
  constraint: DataflowConstraint,
  { dramCycles, crossingPj }: ProblemBound,
): LowerBound {
  const operations = problem.operationCount;
  const rate = operationRate(chip, problem.multiplierBits.weights, problem.multiplierBits.inputs);
  return {
    cycles: Math.max(
      (operations * zeroSharesOf(chip, problem).cycles) / (rate * parallelism(problem, chip, constraint)),
      dramCycles,
    ),
    energyPj: crossingPj + nearestEnergyPj(problem, chip, constraint),
  };
}

/** Input words that some output needs: strides may leave rows and columns out. */
function neededInputs({ extents, words, stride, dilation }: Problem): number {
  const lines = (out: number, filter: number, axis: 0 | 1): number => {
    const span = (extents[out]! - 1) * stride[axis] + (extents[filter]! - 1) * dilation[axis] + 1;
    return Math.min((extents[out]! - 1) * stride[axis] + extents[filter]!, extents[out]! * extents[filter]!) / span;
  };
  return words[I] * Math.min(1, lines(P, R, 0)) * Math.min(1, lines(Q, S, 1));
}

/** Units that can be busy at most. */
function parallelism(problem: Problem, chip: Accelerator, { spatialMask }: DataflowConstraint): number {
  let ways = 1;
  for (const level of chip.levels) {
    for (const axis of level.fanout) ways *= Math.min(axis.size, extentOf(problem, axis.dimMask & spatialMask));
  }
  return Math.min(ways, extentOf(problem, spatialMask));
}

function extentOf({ extents }: Problem, mask: number): number {
  let product = 1;
  for (let d = 0; d < DIM_COUNT; d++) if (mask & (1 << d)) product *= extents[d]!;
  return product;
}

/** Reads of weights and inputs, and updates of outputs, at the innermost level that keeps each. Instances that need the same
 *  word share an access; the dimensions that one operand ignores take their share of the fan-out from the other operands'. */
function nearestEnergyPj(problem: Problem, chip: Accelerator, { spatialMask }: DataflowConstraint): number {
  const { bits, present, relevance, operationCount } = problem;
  const { accesses } = zeroSharesOf(chip, problem);
  const full = [0, 0, 0];
  const caps = [1, 1, 1];
  let fanout = 1;
  let firstPj = 0;
  let ignoredTwice = 0;
  let ignored = 0;
  for (let operand = 0; operand < 3; operand++) {
    if (!present[operand]) continue;
    const ignores = 255 & ~relevance[operand]!;
    ignoredTwice |= ignored & busy(problem, ignores);
    ignored |= busy(problem, ignores);
    const keeper = chip.levels.findLastIndex(({ keeps }) => keeps[operand]);
    const level = chip.levels[keeper]!;
    const perOperation =
      operand === O
        ? bits.partial * (level.readPjPerBit + level.writePjPerBit)
        : (operand === W ? bits.weights : bits.inputs) * level.readPjPerBit;
    full[operand] = operationCount * perOperation * accesses[operand]!;
    const inside = chip.levels.slice(keeper);
    if (operand === O ? level.reduce : level.multicast[operand]) {
      caps[operand] = axesRoom(inside, problem, ignores & spatialMask);
      fanout = Math.max(fanout, axesRoom(inside, problem, spatialMask));
    }
    // the first write of each sum is narrow and reads nothing; every instance outside may hold such a sum
    if (operand === O)
      firstPj =
        problem.words[O] * perOperation * axesRoom(chip.levels.slice(0, keeper), problem, ignores & spatialMask);
  }
  const isDisjoint = ignoredTwice === 0;
  const shared = (which: readonly number[]): number =>
    isDisjoint
      ? leastSum(
          which.map((i) => full[i]!),
          which.map((i) => caps[i]!),
          fanout,
        )
      : which.reduce((sum, i) => sum + full[i]! / caps[i]!, 0);
  return Math.max(shared([W, I]), shared([W, I, O]) - firstPj);
}

/** Those of a set of dimensions that run more than once. */
function busy({ extents }: Problem, mask: number): number {
  let found = 0;
  for (let d = 0; d < DIM_COUNT; d++) if (mask & (1 << d) && extents[d]! > 1) found |= 1 << d;
  return found;
}

function axesRoom(levels: readonly Level[], problem: Problem, mask: number): number {
  let room = 1;
  for (const { fanout } of levels) {
    for (const axis of fanout) if (axis.dimMask & mask) room *= axis.size;
  }
  return Math.min(room, extentOf(problem, mask));
}

/** The least Σ amount / x over x from 1 to the caps whose product is at most `product` (water-filling: every amount / x that
 *  is not at its cap or at 1 is the same in the optimum). */
function leastSum(amounts: readonly number[], caps: readonly number[], product: number): number {
  const x = amounts.map(() => 1);
  // a bound is enough, to one part in millions: bisect the common level, caps and ones clamp it
  let low = 0;
  let high = Math.max(...amounts, 1e-300);
  for (let step = 0; step < 24; step++) {
    const level = (low + high) / 2;
    let used = 1;
    for (let i = 0; i < x.length; i++) {
      x[i] = Math.min(caps[i]!, Math.max(1, amounts[i]! / level));
      used *= x[i]!;
    }
    if (used > product) low = level;
    else high = level;
  }
  let sum = 0;
  // at `low` the product is exceeded, so that the sum lies below the optimum
  for (let i = 0; i < x.length; i++)
    sum += amounts[i]! / Math.min(caps[i]!, Math.max(1, amounts[i]! / Math.max(low, 1e-300)));
  return sum;
}
