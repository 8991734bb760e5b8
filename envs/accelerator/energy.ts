// Energy and area of the parts of a chip. Arithmetic, network and DRAM: rows of components.yaml, logic moved between nodes with
// the factors of Stillmaker & Baas 2017. SRAM: power laws in size and word width fitted per node to CACTI 7 runs, interpolated
// between nodes. Registers (flip-flops): a law fitted to Accelergy's tables. Each row and each fit has its source and its error.
// What is in no table is an error, never a guess.
import {
  betweenNodes,
  components,
  logicFactor,
  registerFit,
  rowNamed,
  type SramFit,
  sramFits,
  unknownComponent,
} from "./components.js";

export interface Access {
  /** pJ for one access of `widthBits` */
  readonly readPj: number;
  readonly writePj: number;
}

/** A law of the SRAM fits at any node between the fitted ones. */
function sramLaw(nodeNm: number, law: (fit: SramFit) => number): number {
  const fits = [...sramFits().nodes].sort((a, b) => b.nodeNm - a.nodeNm);
  const value = betweenNodes(fits, nodeNm, law);
  if (value !== undefined) return value;
  throw unknownComponent(`SRAM at ${nodeNm} nm`, `${fits[fits.length - 1]!.nodeNm} to ${fits[0]!.nodeNm} nm`);
}

/** SRAM of a size, accessed `widthBits` at a time. Below 1 KiB the law is the one fitted above it.
 *  @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function sramAccess(nodeNm: number, bytes: number, widthBits: number): Access {
  const power = ([a, b, c]: readonly [number, number, number]): number =>
    Math.exp(a + b * Math.log(bytes) + c * Math.log(widthBits / 64));
  return {
    readPj: sramLaw(nodeNm, ({ read }) => power(read)),
    writePj: sramLaw(nodeNm, ({ write }) => power(write)),
  };
}

/** @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function sramAreaMm2(nodeNm: number, bytes: number): number {
  return sramLaw(nodeNm, ({ area: [a, b] }) => Math.exp(a + b * Math.log(bytes)));
}

/** Leakage of one SRAM at 360 K, as CACTI gives it. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function sramLeakageMw(nodeNm: number, bytes: number): number {
  return sramLaw(nodeNm, ({ leakage: [a, b] }) => Math.exp(a + b * Math.log(bytes)));
}

/** Most words of a register file that the fitted law stands for. */
const MAX_REGISTER_WORDS = 512;

/** A register file of flip-flops, accessed a word of `widthBits` at a time. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function registerAccess(nodeNm: number, bytes: number, widthBits: number): Access {
  const { read, write } = registerFit();
  const words = registerWords(bytes, widthBits);
  const scale = widthBits * logicFactor("energy", nodeNm);
  return { readPj: scale * (read[0] + read[1] * words), writePj: scale * (write[0] + write[1] * words) };
}

/** @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function registerAreaMm2(nodeNm: number, bytes: number, widthBits: number): number {
  const [a, b, c] = registerFit().area;
  const words = registerWords(bytes, widthBits);
  return 1e-6 * logicFactor("area", nodeNm) * Math.exp(a + b * Math.log(words) + c * Math.log(widthBits));
}

function registerWords(bytes: number, widthBits: number): number {
  const words = Math.max(1, (bytes * 8) / widthBits);
  if (words <= MAX_REGISTER_WORDS) return words;
  throw unknownComponent(`register file of ${words} words`, `up to ${MAX_REGISTER_WORDS} words; larger ones are SRAM`);
}

/** pJ for one access of `widthBits`; the type in any case. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function dramAccess(type: string, widthBits: number): Access {
  const row = rowNamed(components().dram, (one) => one.type, type, "DRAM type");
  return { readPj: row.readPjPerBit * widthBits, writePj: row.writePjPerBit * widthBits };
}

/** Number formats of the arithmetic table: int4 ... fp32. */
export const arithmeticFormats = (): string[] => components().arithmetic.rows.map(({ format }) => format);

/** Multiply-accumulate in pJ. Whole numbers of given widths unless a format of the table is named.
 *  @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function macEnergyPj(nodeNm: number, weightBits: number, activationBits: number, format = "int"): number {
  const { multiply, add } = arithmetic(format, weightBits, activationBits);
  return logicFactor("energy", nodeNm) * (multiply.pj + add.pj);
}

/** An addition or comparison alone (pooling, residual add), in pJ. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function addEnergyPj(nodeNm: number, format = "int"): number {
  return logicFactor("energy", nodeNm) * arithmetic(format, 8, 8).add.pj;
}

/** One multiply-accumulate unit whose multiplier takes `bits` by `bits`, in mm². @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function macAreaMm2(nodeNm: number, bits: number, format = "int"): number {
  const { multiply, add } = arithmetic(format, bits, bits);
  return logicFactor("area", nodeNm) * 1e-6 * (multiply.um2 + add.um2);
}

/** widest row of whole numbers in the table */
const MAX_WHOLE_BITS = 32;

interface Arithmetic {
  readonly multiply: { readonly pj: number; readonly um2: number };
  readonly add: { readonly pj: number; readonly um2: number };
}

/** A format's row at 45 nm; whole numbers of any widths follow int8's by the product of the widths. */
function arithmetic(format: string, weightBits: number, activationBits: number): Arithmetic {
  const { rows } = components().arithmetic;
  const isWhole = /^int\d*$/i.test(format);
  const { multiplyPj, addPj, multiplyUm2, addUm2 } = rowNamed(
    rows,
    (one) => one.format,
    format.toLowerCase() === "int" ? "int8" : format,
    "number format",
  );
  const widest = Math.max(weightBits, activationBits);
  if (isWhole && widest > MAX_WHOLE_BITS) {
    throw unknownComponent(`arithmetic of ${widest}-bit whole numbers`, `1 to ${MAX_WHOLE_BITS} bits`);
  }
  const base = format.toLowerCase() === "int" ? 64 : (Number(format.slice(3)) || 0) ** 2;
  const share = isWhole ? (weightBits * activationBits) / base : 1;
  return { multiply: { pj: multiplyPj * share, um2: multiplyUm2 * share }, add: { pj: addPj, um2: addUm2 } };
}

/** Moving a bit from one instance to its neighbour, in pJ. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function hopPjPerBit(nodeNm: number): number {
  const { nodeNm: from, rows } = components().network;
  return (rows[0]!.pjPerBit * logicFactor("energy", nodeNm)) / logicFactor("energy", from);
}
