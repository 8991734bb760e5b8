// Scores our model against every file of a folder. A file is recognised by the format of its rows, not by its name, so a new
// case is scored by adding a file. A file or row in no known format is listed as not scored, never left out.
import { readdirSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import type { z } from "zod";
import { CosearchError } from "../../src/core/errors.js";
import { parseLocated, readText } from "../../src/files/documents.js";
import { dpu } from "./dpu.js";
import { eyeriss } from "./eyeriss.js";
import { gemmini } from "./gemmini.js";
import { maestro } from "./maestro.js";
import { nvdla } from "./nvdla.js";
import { type Adapter, type FileScore, fileScore, type RowScore } from "./reference.js";
import { scalesim } from "./scalesim.js";
import { timeloopComponents, timeloopGeneric } from "./timeloop.js";

export const ADAPTERS: readonly Adapter[] = [
  timeloopGeneric,
  timeloopComponents,
  gemmini,
  scalesim,
  nvdla,
  eyeriss,
  maestro,
  dpu,
];

type Row = Readonly<Record<string, unknown>>;

interface DataFile {
  readonly name: string;
  readonly rows: readonly Row[];
}

/** One score per file with rows, in the order of paths and names. JSON files without a list of rows (tables of facts) in a
 *  folder are passed by. @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX */
export function validatePaths(paths: readonly string[]): FileScore[] {
  const files = paths.flatMap(filesOf);
  if (files.length === 0)
    throw new CosearchError("FILE_UNREADABLE", `${paths.join(", ")}: no file with reference rows`);
  const siblings = files.flatMap(({ rows }) => rows);
  return files.map(({ name, rows }) => scoreFile(name, rows, siblings));
}

function filesOf(path: string): DataFile[] {
  let names: string[];
  try {
    if (!statSync(path).isDirectory()) return dataFile(path);
    names = readdirSync(path).sort();
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `${path}: ${(error as Error).message}`, { cause: error });
  }
  return names.flatMap((name) => dataFile(join(path, name)));
}

function dataFile(path: string): DataFile[] {
  const extension = extname(path);
  const rows = extension === ".json" ? jsonRows(path) : extension === ".csv" ? csvRows(path) : undefined;
  return rows === undefined ? [] : [{ name: basename(path), rows }];
}

/** `{rows: [...]}`, or a plain list of rows. */
function jsonRows(path: string): Row[] | undefined {
  const text = readText(path);
  const value = parseJson(text) ?? parseLocated(text, path).value;
  const rows = Array.isArray(value) ? value : (value as { rows?: unknown } | null)?.rows;
  if (!Array.isArray(rows)) return undefined;
  // what is no object is a row all the same: in no known format
  return rows.map((row): Row => (isObject(row) ? soundRow(row) : {}));
}

const isObject = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);

/** A row whose identity is text, and without keys that hold nothing: null and missing mean the same. */
function soundRow(row: Row): Row {
  const { id, ...rest } = withoutNulls(row) as Row;
  return id === undefined ? rest : { id: String(id), ...rest };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, held]) => (held === null ? [] : [[key, withoutNulls(held)] as const])),
  );
}

/** Why no adapter reads a row: what the nearest format misses in it, where one is near. */
function strangeness(row: Row): string {
  let nearest: { readonly format: string; readonly issues: readonly z.core.$ZodIssue[] } | undefined;
  for (const { format, rowSchema } of ADAPTERS) {
    const issues = rowSchema?.safeParse(row).error?.issues;
    if (issues === undefined || issues.length > MOST_ISSUES || issues.length >= (nearest?.issues.length ?? Infinity))
      continue;
    nearest = { format, issues };
  }
  // what has no results is near nothing
  if (nearest === undefined || !("results" in row)) return "in no known format";
  const missing = nearest.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  return `in no known format; nearest is ${nearest.format}, where ${missing}`;
}

/** A row that misses more than this is near no format. */
const MOST_ISSUES = 2;

/** The quick way for well-formed files; the YAML reader says where a mistake is. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Comma-separated text with a header; values stay text, because digits of a code are no number. */
function csvRows(path: string): Row[] {
  const [header, ...lines] = readText(path)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  const names = (header ?? "").split(",").map((name) => name.trim());
  return lines.map((line) => {
    const cells = line.split(",");
    return Object.fromEntries(names.map((name, i) => [name, (cells[i] ?? "").trim()]));
  });
}

/** Every row goes to the adapter that reads it; the file has the format of most of them. Rows that none reads, and rows whose
 *  adapter fails on them, are not scored, and listed. */
function scoreFile(name: string, given: readonly Row[], siblings: readonly Row[]): FileScore {
  const rows = given.map(named);
  const readers = rows.map((row) => ADAPTERS.find((adapter) => adapter.recognises(row)));
  const parts = ADAPTERS.flatMap((adapter) => {
    const own = rows.filter((_, position) => readers[position] === adapter);
    return own.length > 0 ? [{ adapter, own }] : [];
  });
  const strange = rows.flatMap((row, position): RowScore[] =>
    readers[position] === undefined ? [unscored(row, position, strangeness(row))] : [],
  );
  if (parts.length === 0) return fileScore(name, UNKNOWN, strange);
  const scores = parts.flatMap(({ adapter, own }) =>
    guardedScores(adapter, own, siblings).map((score) => ({
      ...score,
      ...(parts.length > 1 ? { group: adapter.format } : {}),
      comparisons: score.comparisons.map((one) => ({ toleranceFraction: adapter.toleranceFraction, ...one })),
    })),
  );
  const main = parts.reduce((a, b) => (b.own.length > a.own.length ? b : a)).adapter;
  return fileScore(name, main, [...scores, ...strange]);
}

/** A row without an identity has its place in the file for one. */
const named = (row: Row, position: number): Row =>
  row.id === undefined && row.idx === undefined ? { ...row, id: `row ${position + 1}` } : row;

const unscored = (row: Row, position: number, reason: string): RowScore => ({
  id: String(row.id ?? row.idx ?? `row ${position + 1}`),
  comparisons: [],
  unscored: reason,
});

/** An adapter's scores. Where it fails, the rows that it fails on alone are listed with the reason, and the others scored. */
function guardedScores(adapter: Adapter, rows: readonly Row[], siblings: readonly Row[]): RowScore[] {
  try {
    return adapter.score(rows, siblings).map(withFigures);
  } catch {
    const failed = new Map<Row, RowScore>();
    rows.forEach((row, position) => {
      try {
        adapter.score([row], siblings);
      } catch (error) {
        failed.set(row, unscored(row, position, (error as Error).message));
      }
    });
    const sound = rows.filter((row) => !failed.has(row));
    return [...(sound.length > 0 ? adapter.score(sound, siblings).map(withFigures) : []), ...failed.values()];
  }
}

/** A score whose figures are numbers; a row without one is not scored. */
function withFigures(score: RowScore): RowScore {
  const strange = score.comparisons.find(
    ({ reference, ours }) => !Number.isFinite(reference) || !Number.isFinite(ours),
  );
  if (strange === undefined) return score;
  const { quantity, reference, ours } = strange;
  return { ...score, comparisons: [], unscored: `${quantity} is ${ours}, reference ${reference}: no number` };
}

const UNKNOWN: Adapter = {
  format: "unknown",
  about: "in no format that an adapter reads",
  toleranceFraction: 0,
  recognises: () => false,
  score: () => [],
};
