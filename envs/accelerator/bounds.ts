// Bounds that no machine can beat, for checking our own results.
import type { Accelerator } from "./architecture.js";
import { operationRate, zeroSharesOf } from "./architecture.js";
import { I, O, P, type Problem, Q, R, S, W } from "./problem.js";

export interface Bounds {
  readonly cycles: number;
  readonly energyPj: number;
}

/** cycles ≥ operations / peak and ≥ compulsory DRAM traffic / bandwidth; energy ≥ operations and compulsory traffic. What the
 *  machine saves on zeros is taken off the operations.
 *  @param operationPj of one operation that is carried out */
export function boundsOf(problem: Problem, chip: Accelerator, operationPj: number): Bounds {
  const { extents, bits, words, present, resident } = problem;
  const needed = (out: number, filter: number, stride: number): number =>
    Math.min((extents[out]! - 1) * stride + extents[filter]!, extents[out]! * extents[filter]!);
  const inputWords =
    (words[I] / Math.max(1, axis(problem, P, R, 0) * axis(problem, Q, S, 1))) *
    needed(P, R, problem.stride[0]) *
    needed(Q, S, problem.stride[1]);
  const readBits =
    (present[W] && !resident[W] ? words[W] * bits.weights : 0) +
    (resident[I] ? 0 : Math.min(words[I], inputWords) * bits.inputs);
  const writeBits = resident[O] ? 0 : words[O] * bits.outputs;
  const dram = chip.levels[0]!;
  const zeros = zeroSharesOf(chip, problem);
  return {
    cycles: Math.max(
      (problem.operationCount * zeros.cycles) /
        (chip.macUnits * operationRate(chip, problem.multiplierBits.weights, problem.multiplierBits.inputs)),
      (readBits + writeBits) / 8 / dram.sharedBytesPerCycle,
      readBits / 8 / dram.readBytesPerCycle,
      writeBits / 8 / dram.writeBytesPerCycle,
    ),
    energyPj:
      problem.operationCount * operationPj * zeros.operations +
      readBits * dram.readPjPerBit +
      writeBits * dram.writePjPerBit,
  };
}

function axis(problem: Problem, out: number, filter: number, which: 0 | 1): number {
  const { extents, stride, dilation } = problem;
  return (extents[out]! - 1) * stride[which] + (extents[filter]! - 1) * dilation[which] + 1;
}
