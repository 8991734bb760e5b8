// One table of measured accuracy, whatever its format: published networks (JSON with stage tables), MBConv networks (CSV with
// e, k, l, se), quantisation pairs (CSV with fp32, int8), the encodings of encodings.ts, or plain columns named like knobs.

import { CosearchError } from "../../../src/core/errors.js";
import type { Candidate, KnobValue } from "../../../src/core/trial.js";
import { parseLocated, readText } from "../../../src/files/documents.js";
import { type Deployment, deploymentSchema } from "../../deployment/deployment.js";
import type { Network } from "../../network/ir.js";
import type { EstimateContext } from "../estimate.js";
import { methodOf } from "../fit/fit-quantization.js";
import { quantizationPairsOf, readPublishedFile, shortScheduleOf } from "../fit/training-data.js";
import { type CsvRow, parseCsv } from "./csv.js";
import { ENCODINGS } from "./encodings.js";
import { familyNetwork } from "./families.js";

export interface TableRow {
  readonly id: string;
  /** undefined when the row does not say how the network is built, or nothing reaches its output */
  readonly network: Network | undefined;
  /** top-1, fraction */
  readonly accuracy: number;
  readonly deployment: Deployment;
  readonly context: EstimateContext;
  /** knob name -> value, where the row has an encoding or plain columns */
  readonly knobs: Candidate;
  /** every number of the row by column, for latency and energy */
  readonly figures: Readonly<Record<string, number>>;
  /** of a quantisation pair: the same network before it lost bits */
  readonly floatAccuracy?: number;
}

export interface AccuracyTable {
  readonly format: "published" | "mbconv" | "quantization-pairs" | "columns" | (string & {});
  readonly rows: readonly TableRow[];
}

export const FLOAT: Deployment = deploymentSchema.parse({ weightBits: 16, activationBits: 16 });
export const INT8: Deployment = deploymentSchema.parse({ weightBits: 8, activationBits: 8 });
const ACCURACY_COLUMNS = ["top1", "accuracy", "test_accuracy", "acc", "accuracyFraction"] as const;

/** Reads a table; the format is told by the file's columns.
 *  @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE naming the line */
export function readTable(path: string): AccuracyTable {
  const text = readText(path);
  if (/^\s*[[{]/.test(text)) {
    const value = parseLocated(text, path).value;
    if (!Array.isArray(value) || value.length === 0) throw bad(path, "a list of rows is needed");
    if (
      value.some(
        (row) =>
          row !== null && typeof row === "object" && ("arch" in row ? typeof row.arch === "object" : "params_M" in row),
      )
    ) {
      return publishedTable(path);
    }
    return rowsTable(
      value.map((row) => textRow(row, path)),
      path,
    );
  }
  return rowsTable(parseCsv(text, path), path);
}

/** A row of JSON as a row of text; lists are joined by spaces. */
function textRow(row: unknown, path: string): CsvRow {
  if (row === null || typeof row !== "object") throw bad(path, `${JSON.stringify(row)} is no row`);
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : String(value)]),
  );
}

function publishedTable(path: string): AccuracyTable {
  const rows = readPublishedFile(path).map((result): TableRow => {
    const isFloat = result.precision === "fp32";
    return {
      id: result.name,
      network: result.network,
      accuracy: 1 - result.error,
      deployment: isFloat ? FLOAT : INT8,
      context: {
        recipe: result.recipe,
        ...(!isFloat && { quantizationMethod: methodOf({ method: /qat/i.test(result.precision) ? "QAT" : "PTQ" }) }),
      },
      knobs: {},
      figures: {},
    };
  });
  return { format: "published", rows };
}

function rowsTable(rows: readonly CsvRow[], path: string): AccuracyTable {
  const first = rows[0];
  if (first === undefined) throw bad(path, "there are no rows");
  const has = (...columns: string[]): boolean => columns.every((column) => column in first);
  if (has("e", "k", "l", "se")) return mbconvTable(rows, path);
  if (has("fp32", "int8")) return pairsTable(rows, path);
  const column = ACCURACY_COLUMNS.find((name) => name in first);
  if (column === undefined) {
    throw bad(
      path,
      `no column of accuracy; one of ${ACCURACY_COLUMNS.join(", ")} is needed, there are ${Object.keys(first).join(", ")}`,
    );
  }
  const encoding = ENCODINGS.find(({ columns }) => has(...columns));
  // a table is in percent as soon as one value is above 1
  const scale = rows.some((row) => Number(row[column]) > 1) ? 100 : 1;
  return {
    format: encoding?.name ?? "columns",
    rows: rows.map((row, i) => {
      const where = `${path}: row ${i + 1}`;
      const { knobs, network } = encoding?.decode(row, where) ?? { knobs: knobsOf(row), network: undefined };
      return {
        id: row.id ?? row.name ?? row.idx ?? String(i + 1),
        network,
        accuracy: fractionOf(row[column]!, scale, `${where}: ${column}`),
        deployment: FLOAT,
        context: encoding?.recipe === undefined ? {} : { recipe: encoding.recipe },
        knobs,
        figures: figuresOf(row),
      };
    }),
  };
}

function mbconvTable(rows: readonly CsvRow[], path: string): AccuracyTable {
  return {
    format: "mbconv",
    rows: shortScheduleOf(rows).map(({ id, network, error }, i) => ({
      id,
      network,
      accuracy: fractionOf(String(1 - error), 1, `${path}: row ${i + 1}: top1`),
      deployment: FLOAT,
      context: { recipe: "MBConv short schedule, basic" },
      knobs: {},
      figures: figuresOf(rows[i]!),
    })),
  };
}

function pairsTable(rows: readonly CsvRow[], path: string): AccuracyTable {
  return {
    format: "quantization-pairs",
    rows: quantizationPairsOf(rows).map((pair, i) => ({
      id: pair.model,
      network: familyNetwork(pair.family, pair.model),
      accuracy: fractionOf(String(1 - pair.int8Error), 1, `${path}: row ${i + 1}: int8`),
      floatAccuracy: fractionOf(String(1 - pair.floatError), 1, `${path}: row ${i + 1}: fp32`),
      deployment: INT8,
      context: { quantizationMethod: methodOf(pair) },
      knobs: {},
      figures: figuresOf(rows[i]!),
    })),
  };
}

function fractionOf(text: string, scale: number, where: string): number {
  const value = Number(text) / scale;
  if (text.trim() === "" || !(value >= 0 && value <= 1)) throw bad(where, `${text} is no accuracy`);
  return value;
}

const figuresOf = (row: CsvRow): Record<string, number> =>
  Object.fromEntries(
    Object.entries(row).flatMap(([name, text]) => {
      const value = Number(text);
      return text.trim() === "" || !Number.isFinite(value) ? [] : [[name, value]];
    }),
  );

/** Columns as knobs: numbers and truth values are read as such. */
const knobsOf = (row: CsvRow): Candidate =>
  Object.fromEntries(
    Object.entries(row).map(([name, text]): [string, KnobValue] => {
      const value = text.trim();
      if (value === "true" || value === "false") return [name, value === "true"];
      return [name, value !== "" && Number.isFinite(Number(value)) ? Number(value) : value];
    }),
  );

const bad = (where: string, why: string): CosearchError => new CosearchError("FILE_BAD_VALUE", `${where}: ${why}`);
