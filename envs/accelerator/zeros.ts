// What a machine saves on zeros, for a layer of known densities. Gating keeps the multiplier and the accesses next to it still
// while a zero passes (energy, no time: Chen et al., Eyeriss, JSSC 52(1), 2017, section V); skipping never issues the operation
// (energy and time: Parashar et al., SCNN, ISCA 2017; Albericio et al., Cnvlutin, ISCA 2016); a structured pattern lets a fixed
// share of the weights go (2:4 of Mishra et al. 2021, arXiv:2104.08378). Shares are expected values over operands whose zeros
// lie independently of each other, as in Sparseloop's uniform density model (Wu et al., MICRO 2022, section 5).
import { z } from "zod";
import { OPERANDS, W } from "./problem.js";

/** Operands whose zeros a machine can notice; sums are never left out. */
const noticed = z.array(z.enum(["weights", "inputs"]));

export const zerosSchema = z
  .strictObject({
    gate: noticed
      .default([])
      .describe("a zero of these stops the multiplier and the accesses behind it for its cycle: energy alone"),
    skip: noticed.default([]).describe("a zero of these takes no cycle: energy and time"),
    pattern: z
      .strictObject({ keeps: z.int().min(1), of: z.int().min(2) })
      .refine(({ keeps, of }) => keeps < of, "keeps must be less than of")
      .optional()
      .describe("weights pruned to this pattern of neighbouring input channels take their share of the cycles: 2 of 4"),
  })
  .prefault({});

export type Zeros = z.output<typeof zerosSchema>;

/** Shares of what is not zero, and whether the weights' zeros keep to a pattern of N in every M. */
export interface Density {
  readonly weights: number;
  readonly inputs: number;
  readonly hasPattern: boolean;
}

export const DENSE: Density = { weights: 1, inputs: 1, hasPattern: false };

/** What remains of a layer's work on a machine that notices zeros; 1 where it saves nothing. */
export interface ZeroShares {
  /** of the cycles */
  readonly cycles: number;
  /** of the energy of the operations */
  readonly operations: number;
  /** of the reads of weights and of inputs next to the multipliers, and of the updates of sums there that follow a first one */
  readonly accesses: readonly [weights: number, inputs: number, outputs: number];
}

export const NOTHING_SAVED: ZeroShares = { cycles: 1, operations: 1, accesses: [1, 1, 1] };

/** The shares of a layer. Only multiply-accumulates have two operands of which one zero is enough.
 *  @param channels input channels that are added up, per group: a pattern needs as many as it spans */
export function zeroShares(zeros: Zeros, density: Density, operation: string, channels: number): ZeroShares {
  if (operation !== "mac" || (density.weights === 1 && density.inputs === 1)) return NOTHING_SAVED;
  const { gate, skip, pattern } = zeros;
  const has = (list: Zeros["gate"], operand: 0 | 1): boolean =>
    list.includes(OPERANDS[operand] as "weights" | "inputs");
  // the pattern's hardware takes its whole share of slots, however few of them are not zero
  const structured =
    pattern !== undefined &&
    density.hasPattern &&
    channels >= pattern.of &&
    density.weights <= pattern.keeps / pattern.of
      ? pattern.keeps / pattern.of
      : 1;
  const skippedTo = [has(skip, W) ? density.weights : structured, has(skip, 1) ? density.inputs : 1] as const;
  const issued = skippedTo[0] * skippedTo[1];
  // what is issued and still has a zero
  const weightsLive = has(gate, W) ? density.weights / skippedTo[0] : 1;
  const inputsLive = has(gate, 1) ? density.inputs / skippedTo[1] : 1;
  // an input is looked at first, then a weight; what is looked at has been read
  const weightReads = issued * inputsLive;
  const inputReads = issued * (has(gate, W) && !has(gate, 1) ? weightsLive : 1);
  const live = issued * weightsLive * inputsLive;
  return { cycles: issued, operations: live, accesses: [weightReads, inputReads, live] };
}
