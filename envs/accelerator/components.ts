// The tables that energy.ts computes with: components.yaml (arithmetic, network, DRAM, scaling between nodes; a source per row)
// and the fitted laws of memories. Parsed once. What is in no table is an error that names the component and what is allowed.
import { join } from "node:path";
import { z } from "zod";
import { CosearchError, suggestion } from "../../src/core/errors.js";
import { packageRoot, readDocument } from "../../src/files/documents.js";

const sourced = {
  basis: z.enum(["published", "simulated", "derived"]),
  /** how sure the figure is that of its source: read there, read in others' quotes, or written from memory */
  checked: z.enum(["text", "quoted", "memory"]),
  source: z.string().min(1),
};
const pj = z.number().positive();

const componentsSchema = z.strictObject({
  arithmetic: z.strictObject({
    nodeNm: z.number(),
    rows: z.array(
      z.strictObject({ format: z.string(), multiplyPj: pj, addPj: pj, multiplyUm2: pj, addUm2: pj, ...sourced }),
    ),
  }),
  network: z.strictObject({
    nodeNm: z.number(),
    rows: z.array(z.strictObject({ component: z.literal("hop"), pjPerBit: pj, ...sourced })).length(1),
  }),
  dram: z.array(z.strictObject({ type: z.string(), readPjPerBit: pj, writePjPerBit: pj, ...sourced })),
  logicScaling: z.strictObject({
    source: z.string(),
    rows: z.array(z.strictObject({ nodeNm: z.number(), energy: pj, area: pj })).min(2),
    energySource: z.string(),
    areaSource: z.string(),
  }),
});
export type Components = z.output<typeof componentsSchema>;

const triple = z.tuple([z.number(), z.number(), z.number()]);
const sramSchema = z.object({
  source: z.string(),
  nodes: z.array(
    z.object({
      nodeNm: z.number(),
      /** ln(pJ) = a + b ln(bytes) + c ln(width / 64) */
      read: triple,
      write: triple,
      /** ln(mm²) = a + b ln(bytes) */
      area: z.tuple([z.number(), z.number()]),
      /** ln(mW) = a + b ln(bytes) */
      leakage: z.tuple([z.number(), z.number()]),
      readRmsLogError: z.number(),
      writeRmsLogError: z.number(),
      areaRmsLogError: z.number(),
      leakageRmsLogError: z.number(),
    }),
  ),
});
export type SramFit = z.output<typeof sramSchema>["nodes"][number];

const registersSchema = z.object({
  source: z.string(),
  nodeNm: z.number(),
  /** pJ per bit = a + b · words */
  read: z.tuple([z.number(), z.number()]),
  write: z.tuple([z.number(), z.number()]),
  /** ln(µm²) = a + b ln(words) + c ln(bits) */
  area: triple,
  rows: z.number(),
  readRmsLogError: z.number(),
  writeRmsLogError: z.number(),
  areaRmsLogError: z.number(),
  /** rows of other nodes than the fitted one, reached by the scaling of logic */
  unseenRows: z.number(),
  unseenReadRmsLogError: z.number(),
});
export type RegisterFit = z.output<typeof registersSchema>;

function once<T>(file: string, schema: z.ZodType<T>): () => T {
  let value: T | undefined;
  return () => {
    value ??= readDocument(join(packageRoot, "envs/accelerator", file), schema);
    return value;
  };
}

export const components = once<Components>("components.yaml", componentsSchema);
export const sramFits = once<z.output<typeof sramSchema>>("sram.fitted.json", sramSchema);
export const registerFit = once<RegisterFit>("registers.fitted.json", registersSchema);

/** The row of a table with a name, whatever its case. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function rowNamed<Row>(rows: readonly Row[], nameOf: (row: Row) => string, name: string, what: string): Row {
  const found = rows.find((row) => nameOf(row).toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  const names = rows.map(nameOf);
  const near = suggestion(name, names);
  const hint = near.startsWith("; did you mean") ? near : "";
  throw unknownComponent(`${what} "${name}"`, `${names.join(", ")}${hint}`);
}

export function unknownComponent(component: string, allowed: string): CosearchError {
  return new CosearchError("ENERGY_UNKNOWN_COMPONENT", `${component} is in no table; allowed: ${allowed}`);
}

/** Log-log interpolation of `value` between two nodes of a list that falls in nodeNm; undefined outside of it. */
export function betweenNodes<Row extends { readonly nodeNm: number }>(
  rows: readonly Row[],
  nodeNm: number,
  value: (row: Row) => number,
): number | undefined {
  for (let i = 0; i < rows.length; i++) {
    const small = rows[i]!;
    if (small.nodeNm === nodeNm) return value(small);
    const large = rows[i - 1];
    if (large === undefined || nodeNm > large.nodeNm || nodeNm < small.nodeNm) continue;
    const weight = Math.log(large.nodeNm / nodeNm) / Math.log(large.nodeNm / small.nodeNm);
    return value(large) * (value(small) / value(large)) ** weight;
  }
  return undefined;
}

/** Energy or area of logic at a node relative to 45 nm. @throws CosearchError ENERGY_UNKNOWN_COMPONENT outside of the table */
export function logicFactor(kind: "energy" | "area", nodeNm: number): number {
  const { rows } = components().logicScaling;
  const factor = betweenNodes(rows, nodeNm, (row) => row[kind]);
  if (factor !== undefined) return factor;
  throw unknownComponent(`logic ${kind} at ${nodeNm} nm`, `${rows[rows.length - 1]!.nodeNm} to ${rows[0]!.nodeNm} nm`);
}
