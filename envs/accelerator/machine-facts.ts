// What a machine says of one problem: what an operation costs and how fast it goes at the problem's precision, and what part of
// its memories is taken by what stays on chip.
import { CosearchError } from "../../src/core/errors.js";
import type { Accelerator } from "./architecture.js";
import { macEnergyPj } from "./energy.js";
import { C, I, type Problem, W } from "./problem.js";
import { type ZeroShares, zeroShares } from "./zeros.js";

/** Bits of one instance of a level that what stays on chip takes from the tiles of an operand; from all of them, where the
 *  level shares its room. */
export function reservedBitsAt(
  chip: Pick<Accelerator, "levels" | "residentLevel" | "weightLevel">,
  { reservedBits, reservedWeightBits }: Pick<Problem, "reservedBits" | "reservedWeightBits">,
  level: number,
  operand: number,
): number {
  const isShared = chip.levels[level]!.partitionBytes === undefined;
  let bits = 0;
  if (level === chip.residentLevel && (isShared || operand === I)) bits += reservedBits;
  if (level === chip.weightLevel && (isShared || operand === W)) bits += reservedWeightBits;
  return bits;
}

/** Level where the words of an operand that stays are: its own for weights, that of the activations for all others. */
export const homeOf = (
  chip: Pick<Accelerator, "residentLevel" | "weightLevel">,
  { weightsAreActivations }: Pick<Problem, "weightsAreActivations">,
  operand: number,
): number => (operand === W && !weightsAreActivations ? chip.weightLevel : chip.residentLevel);

/** Energy of one operation of the given precision. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function operationEnergyPj(
  chip: Accelerator,
  operation: string,
  weightBits: number,
  activationBits: number,
): number {
  if (operation === "accumulate") return chip.addEnergyPj;
  if (chip.macEnergyPj !== undefined) return chip.macEnergyPj;
  const key = weightBits * 1024 + activationBits;
  const known = macEnergies.get(chip)?.get(key);
  if (known !== undefined) return known;
  const format = chip.macFormats[String(Math.max(weightBits, activationBits))];
  const energyPj = macEnergyPj(chip.nodeNm, weightBits, activationBits, format);
  macEnergies.set(chip, (macEnergies.get(chip) ?? new Map<number, number>()).set(key, energyPj));
  return energyPj;
}

/** Energies of multiply-accumulates that were looked up in the tables, by machine and precision: every layer of every trial
 *  asks for one several times. */
const macEnergies = new WeakMap<Accelerator, Map<number, number>>();

/** Operations per unit and cycle. @throws CosearchError ENERGY_UNKNOWN_COMPONENT when the machine cannot do the precision */
export function operationRate(chip: Accelerator, weightBits: number, activationBits: number): number {
  const bits = Math.max(weightBits, activationBits);
  const rate = chip.macRate[String(bits)];
  if (rate === undefined) {
    throw new CosearchError(
      "ENERGY_UNKNOWN_COMPONENT",
      `${chip.name} states no rate for ${bits}-bit operations; it has ${Object.keys(chip.macRate).join(", ")}`,
    );
  }
  return rate;
}

/** What remains of a problem's work on a machine that notices zeros. */
export const zeroSharesOf = (chip: Accelerator, { density, operation, extents }: Problem): ZeroShares =>
  zeroShares(chip.zeros, density, operation, extents[C]!);

/** Energy of all operations of a problem, less what is saved on zeros. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function operationsPj(chip: Accelerator, problem: Problem): number {
  const { operation, operationCount, multiplierBits } = problem;
  const each = operationEnergyPj(chip, operation, multiplierBits.weights, multiplierBits.inputs);
  return operationCount * each * zeroSharesOf(chip, problem).operations;
}
