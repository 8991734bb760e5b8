// Energy and area of the parts of a chip. Logic: published figures at 45 nm, moved between nodes with the factors of
// Stillmaker & Baas 2017 (Integration 58, pp. 74-81). SRAM: power laws in size and word width fitted per node to CACTI 7
// runs (fit/fit-sram.ts; the fit's own error stands in the fitted file). DRAM: published energy per bit. What is not in a
// table is an error, never a guess.

import { join } from "node:path";
import { z } from "zod";
import { CosearchError } from "../../src/core/errors.js";
import { packageRoot, readDocument } from "../../src/files/documents.js";

/** Energy of switching logic relative to 45 nm, at each node's nominal supply (1.1, 1.0, 0.97, 0.9, 0.8, 0.8, 0.7 V):
 *  the quadratic in the supply voltage of Stillmaker & Baas 2017, Table 7, divided by its value at 45 nm and 1.0 V. */
const LOGIC_ENERGY: readonly (readonly [nodeNm: number, factor: number])[] = [
  [65, 1.6516],
  [45, 1],
  [32, 0.601],
  [20, 0.1973],
  [16, 0.1182],
  [14, 0.0944],
  [7, 0.047],
];

/** Area of logic relative to 45 nm: Stillmaker & Baas 2017, Table 5. */
const LOGIC_AREA: readonly (readonly [nodeNm: number, factor: number])[] = [
  [65, 1.5],
  [45, 1],
  [32, 0.46],
  [20, 0.21],
  [16, 0.19],
  [14, 0.17],
  [7, 0.059],
];

/** One integer multiply-accumulate at 45 nm. 8 bit: 0.2 pJ multiply + 0.1 pJ 32-bit add (Horowitz, ISSCC 2014), which
 *  Accelergy's Aladdin table gives as 0.315 pJ and 417 µm² (Wu et al. 2019). Multiplier energy and area grow with the
 *  product of the operand widths (array multiplier; 32 bit: 3.1 pJ by the same source, 15.5 times 8 bit). */
const MAC_8BIT_45NM = { multiplyPj: 0.215, addPj: 0.1, multiplyUm2: 282, addUm2: 135 } as const;

/** Energy of a DRAM access, interface included, in pJ per bit. */
const DRAM_PJ_PER_BIT: Readonly<Record<string, number>> = {
  LPDDR4: 8, // 512 pJ per 64 bit: Accelergy's reference table for the Eyeriss exercise
  DDR3: 7.07, // 56.53 pJ per byte, DDR3-1600: DRAMsim3
  DDR4: 5.87, // 48.80 read / 45.07 write pJ per byte, DDR4-2400: DRAMsim3
  HBM2: 1.83, // 12.56 read / 16.69 write pJ per byte: DRAMsim3
};

const sramFitSchema = z.object({
  source: z.string(),
  nodes: z.array(
    z.object({
      nodeNm: z.number(),
      /** ln(pJ) = a + b ln(bytes) + c ln(width / 64) */
      read: z.tuple([z.number(), z.number(), z.number()]),
      write: z.tuple([z.number(), z.number(), z.number()]),
      /** ln(mm²) = a + b ln(bytes) */
      area: z.tuple([z.number(), z.number()]),
      readRmsLogError: z.number(),
      writeRmsLogError: z.number(),
      areaRmsLogError: z.number(),
    }),
  ),
});
type SramFit = z.output<typeof sramFitSchema>["nodes"][number];
let sramFits: readonly SramFit[] | undefined;

function sramFit(nodeNm: number): SramFit {
  sramFits ??= readDocument(join(packageRoot, "envs/accelerator/sram.fitted.json"), sramFitSchema).nodes;
  const fit = sramFits.find((entry) => entry.nodeNm === nodeNm);
  if (fit === undefined) {
    throw new CosearchError(
      "ENERGY_UNKNOWN_COMPONENT",
      `SRAM at ${nodeNm} nm is in no table; allowed: ${sramFits.map((entry) => entry.nodeNm).join(", ")} nm`,
    );
  }
  return fit;
}

export interface Access {
  /** pJ for one access of `widthBits` */
  readonly readPj: number;
  readonly writePj: number;
}

/** SRAM (or register file) of a size, accessed `widthBits` at a time. Below 512 bytes the law is the one fitted above it. */
export function sramAccess(nodeNm: number, bytes: number, widthBits: number): Access {
  const fit = sramFit(nodeNm);
  const power = ([a, b, c]: readonly [number, number, number]): number =>
    Math.exp(a + b * Math.log(bytes) + c * Math.log(widthBits / 64));
  return { readPj: power(fit.read), writePj: power(fit.write) };
}

export function sramAreaMm2(nodeNm: number, bytes: number): number {
  const [a, b] = sramFit(nodeNm).area;
  return Math.exp(a + b * Math.log(bytes));
}

/** pJ for one access of `widthBits`. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function dramAccess(type: string, widthBits: number): Access {
  const perBit = DRAM_PJ_PER_BIT[type];
  if (perBit === undefined) {
    throw new CosearchError(
      "ENERGY_UNKNOWN_COMPONENT",
      `DRAM type "${type}" is in no table; allowed: ${Object.keys(DRAM_PJ_PER_BIT).join(", ")}`,
    );
  }
  return { readPj: perBit * widthBits, writePj: perBit * widthBits };
}

/** Multiply-accumulate of the given operand widths, in pJ. */
export function macEnergyPj(nodeNm: number, weightBits: number, activationBits: number): number {
  const scale = nodeFactor(LOGIC_ENERGY, nodeNm, "logic energy");
  return scale * (MAC_8BIT_45NM.multiplyPj * ((weightBits * activationBits) / 64) + MAC_8BIT_45NM.addPj);
}

/** An addition or comparison alone (pooling, residual add), in pJ. */
export function addEnergyPj(nodeNm: number): number {
  return nodeFactor(LOGIC_ENERGY, nodeNm, "logic energy") * MAC_8BIT_45NM.addPj;
}

/** One multiply-accumulate unit whose multiplier takes `bits` by `bits`, in mm². */
export function macAreaMm2(nodeNm: number, bits: number): number {
  const scale = nodeFactor(LOGIC_AREA, nodeNm, "logic area");
  return scale * 1e-6 * (MAC_8BIT_45NM.multiplyUm2 * ((bits * bits) / 64) + MAC_8BIT_45NM.addUm2);
}

/** Log-log interpolation between the nodes of a table. @throws CosearchError ENERGY_UNKNOWN_COMPONENT outside of it */
function nodeFactor(table: readonly (readonly [number, number])[], nodeNm: number, what: string): number {
  for (let i = 0; i + 1 < table.length; i++) {
    const [large, factorLarge] = table[i]!;
    const [small, factorSmall] = table[i + 1]!;
    if (nodeNm > large || nodeNm < small) continue;
    const weight = Math.log(large / nodeNm) / Math.log(large / small);
    return factorLarge * (factorSmall / factorLarge) ** weight;
  }
  throw new CosearchError(
    "ENERGY_UNKNOWN_COMPONENT",
    `${what} at ${nodeNm} nm is in no table; allowed: ${table[table.length - 1]![0]} to ${table[0]![0]} nm`,
  );
}
