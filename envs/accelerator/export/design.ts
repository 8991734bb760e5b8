// What is exported: a layer, a machine and a mapping of the one on the other; and what comes out: files, and notes on what a
// format cannot say. Every note also stands in a file, so that whoever reads only the files knows what they leave out.
import { CosearchError } from "../../../src/core/errors.js";
import type { Layer } from "../../network/ir.js";
import type { Accelerator } from "../architecture.js";
import { compileMapping, type Mapping, type MappingData } from "../mapping.js";
import { C, DIM_COUNT, DIMS, type Dim, I, O, type Problem, R, S, W } from "../problem.js";

export interface ExportDesign {
  readonly name: string;
  readonly layer: Layer;
  readonly problem: Problem;
  readonly chip: Accelerator;
  /** checked: checkMapping finds nothing */
  readonly mapping: MappingData;
}

export interface ExportFile {
  readonly name: string;
  readonly text: string;
}

export interface Exported {
  readonly files: readonly ExportFile[];
  /** what the format cannot say */
  readonly notes: readonly string[];
}

/** What of a machine no other tool's format has: ports by operand, the energy of hops, DRAM lines. */
export function machineNotes({ levels, overheads }: Accelerator): string[] {
  const named = (some: readonly { readonly name: string }[]): string => some.map(({ name }) => name).join(", ");
  const ported = levels.filter(({ readPorts, writePorts }) => readPorts !== undefined || writePorts !== undefined);
  const hopping = levels.filter(({ hopPjPerBit }) => hopPjPerBit > 0);
  return [
    ...(ported.length > 0
      ? [`ports that operands of ${named(ported)} have to themselves are written as unlimited`]
      : []),
    ...(hopping.length > 0 ? [`the energy of hops below ${named(hopping)} is not written`] : []),
    ...(overheads.dramLineBytes > 0
      ? [`DRAM answers in lines of ${overheads.dramLineBytes} bytes here, there by the byte`]
      : []),
  ];
}

/** @throws CosearchError EXPORT_UNSUPPORTED always */
export function unsupported(format: string, what: string): never {
  throw new CosearchError("EXPORT_UNSUPPORTED", `${format} cannot express ${what}`);
}

/** A name that every format takes: letters, digits, underscores; never empty, never a leading digit. */
export function plainName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, "_");
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
}

/** Notes as comment lines. */
export const comments = (lines: readonly string[], mark = "#"): string =>
  lines.map((line) => `${mark} ${line}\n`).join("");

/** Bits of a word of an operand as it lies in a level; sums under way where the layer accumulates. */
export function wordBitsOf({ bits, extents }: Problem, operand: number): number {
  if (operand === W) return bits.weights;
  if (operand === I) return bits.inputs;
  return operand === O && extents[C]! * extents[R]! * extents[S]! > 1 ? bits.partial : bits.outputs;
}

/** One loop of the nest, outermost first. */
export interface FlatLoop {
  readonly level: number;
  readonly dim: Dim;
  readonly bound: number;
  readonly axis: string | undefined;
  /** iterations of the last pass: smaller than the bound where the nest runs past the layer's end */
  readonly last: number;
  /** elements of its dimension that one iteration covers */
  readonly step: number;
}

/** The loop nest without loops of bound 1, with the ragged ends that it has. */
export function flatLoops({ mapping, problem, chip }: Pick<ExportDesign, "mapping" | "problem" | "chip">): FlatLoop[] {
  const loops = mapping.flatMap(({ level: name, temporal, spatial }) => {
    const level = chip.levels.findIndex((one) => one.name === name);
    return [...temporal.map((loop) => ({ ...loop, axis: undefined })), ...spatial].map((loop) => ({ ...loop, level }));
  });
  loops.sort((a, b) => a.level - b.level);
  // the last element's index, digit by digit in the mixed radix of the bounds, says where the last pass of each loop ends
  const inside = DIMS.map(() => 1);
  const rest = DIMS.map((_, d) => problem.extents[d]! - 1);
  const flat: FlatLoop[] = [];
  for (const loop of loops.reverse()) {
    const d = DIMS.indexOf(loop.dim);
    if (loop.bound > 1) flat.unshift({ ...loop, step: inside[d]!, last: (rest[d]! % loop.bound) + 1 });
    rest[d] = Math.floor(rest[d]! / loop.bound);
    inside[d]! *= loop.bound;
  }
  return flat;
}

export const isRagged = (loops: readonly FlatLoop[]): boolean => loops.some(({ last, bound }) => last !== bound);

/** The compiled form, for counts. */
export const compiled = ({ mapping, chip }: Pick<ExportDesign, "mapping" | "chip">): Mapping =>
  compileMapping(mapping, chip);

/** Product of a level's own loops and those inside it, by dimension. */
export function tileSizes(mapping: Mapping, level: number): number[] {
  return DIMS.map((_, d) => {
    let size = 1;
    for (let at = level * DIM_COUNT + d; at < mapping.temporal.length; at += DIM_COUNT) {
      size *= mapping.temporal[at]! * mapping.spatial[at]!;
    }
    return size;
  });
}
