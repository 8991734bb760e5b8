// Accuracy, and latency or energy where a table has them, looked up instead of estimated: the row whose encoding or columns
// agree with the candidate's knobs. A candidate that is not in the table is infeasible.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { CosearchError } from "../../../src/core/errors.js";
import type { Candidate } from "../../../src/core/trial.js";
import { deploymentRise } from "../deployment-effects.js";
import { describe } from "../descriptors.js";
import { estimateOf, shippedSurrogate } from "../imagenet-surrogate.js";
import { NoEstimate } from "../no-estimate.js";
import { defineProxy } from "../proxy-definition.js";
import { type AccuracyTable, readTable, type TableRow } from "./table.js";

export const TABLE_PROXY = "table";
const SUMMARY = "measured accuracy (and latency, energy) looked up in a table by the network's knobs";

/** Standard deviation of a measured top-1 when nothing is said of it: training again with another seed moves ImageNet and
 *  CIFAR results by a few tenths of a point (NAS-Bench-201 reports 0.1 to 0.5 for its better cells). */
const DEFAULT_STANDARD_ERROR = 0.003;

const options = z.strictObject({
  file: z.string().min(1).describe("CSV or JSON table; docs/accuracy.md has the formats"),
  standardError: z
    .number()
    .min(0)
    .max(0.5)
    .default(DEFAULT_STANDARD_ERROR)
    .describe("of the table's accuracy, fraction"),
  latencyMs: z.string().min(1).optional().describe("column that replaces the modelled latency of a batch"),
  energyMillijoules: z.string().min(1).optional().describe("column that replaces the modelled energy of a batch"),
  sha256: z.string().optional().describe("of the file, filled in when the study is read"),
});

export const tableDefinition = defineProxy({
  name: TABLE_PROXY,
  summary: SUMMARY,
  options,
  resolve(given, folder) {
    const file = isAbsolute(given.file) ? given.file : join(folder, given.file);
    readTable(file); // complain before anything is written
    return { ...given, file, sha256: hashOf(file) };
  },
  create(given) {
    let table: AccuracyTable | undefined;
    const indices = new Map<string, ReadonlyMap<string, TableRow>>();
    return {
      name: TABLE_PROXY,
      summary: SUMMARY,
      error: undefined,
      estimate(network, deployment, context = {}) {
        table ??= load(given);
        const candidate = context.candidate ?? {};
        const columns = new Set(table.rows.flatMap((row) => Object.keys(row.knobs)));
        const known = Object.keys(candidate).filter((name) => columns.has(name));
        const index = indices.get(known.join()) ?? indexOf(table, known);
        indices.set(known.join(), index);
        const row = known.length === 0 ? undefined : index.get(keyOf(candidate, known));
        if (row === undefined)
          throw new NoEstimate(`the table has no row for ${keyOf(candidate, known) || "this network"}`);
        const { quantization } = shippedSurrogate();
        const rise = deploymentRise(network, describe(network), deployment, quantization, context.quantizationMethod);
        const error = Math.min(0.999, Math.max(0.001, 1 - row.accuracy));
        const answer = estimateOf(
          TABLE_PROXY,
          error,
          (given.standardError / error) ** 2,
          rise,
          quantization.relativeError,
        );
        return {
          ...answer,
          ...(given.latencyMs !== undefined && { latencyMs: row.figures[given.latencyMs]! }),
          ...(given.energyMillijoules !== undefined && { energyMillijoules: row.figures[given.energyMillijoules]! }),
        };
      },
    };
  },
});

/** @throws CosearchError FILE_BAD_VALUE when the table changed or lacks a column that is asked for */
function load(given: z.output<typeof options>): AccuracyTable {
  const table = readTable(given.file);
  if (given.sha256 !== undefined && given.sha256 !== hashOf(given.file)) {
    throw new CosearchError("FILE_BAD_VALUE", `${given.file} has changed since the study was made`);
  }
  for (const name of [given.latencyMs, given.energyMillijoules]) {
    if (name !== undefined && table.rows.some((row) => row.figures[name] === undefined)) {
      throw new CosearchError("FILE_BAD_VALUE", `${given.file}: column ${name} is missing or holds text`);
    }
  }
  return table;
}

/** Rows by their knobs. Of plain columns only those count that the candidate has; an encoding counts in full, apart from
 *  the resolution where the space does not search it. */
function indexOf(table: AccuracyTable, known: readonly string[]): ReadonlyMap<string, TableRow> {
  const namesOf = (row: TableRow): readonly string[] =>
    table.format === "columns"
      ? known
      : Object.keys(row.knobs).filter((name) => name !== "resolution" || known.includes(name));
  return new Map(table.rows.map((row) => [keyOf(row.knobs, namesOf(row)), row]));
}

/** Knob values in the order of their names. */
function keyOf(knobs: Candidate, names: readonly string[]): string {
  return [...names]
    .sort()
    .map((name) => `${name}=${String(knobs[name])}`)
    .join(" ");
}

const hashOf = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");
