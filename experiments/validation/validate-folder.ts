// Scores our model against every file of a folder. A file is recognised by the format of its rows, not by its name, so a new
// case is scored by adding a file. A file or row in no known format is listed as not scored, never left out.
import { readdirSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";
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
  return rows.filter((row): row is Row => typeof row === "object" && row !== null);
}

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

/** The adapter that most rows are for; rows in another format are not scored, and listed. */
function scoreFile(name: string, rows: readonly Row[], siblings: readonly Row[]): FileScore {
  const counted = ADAPTERS.map((adapter) => ({ adapter, own: rows.filter((row) => adapter.recognises(row)) }));
  const best = counted.reduce((a, b) => (b.own.length > a.own.length ? b : a));
  const own = new Set(best.own);
  const strange = rows.flatMap((row, position): RowScore[] =>
    own.has(row)
      ? []
      : [{ id: String(row.id ?? row.idx ?? `row ${position + 1}`), comparisons: [], unscored: "in no known format" }],
  );
  if (own.size === 0) return fileScore(name, UNKNOWN, strange);
  return fileScore(name, best.adapter, [...best.adapter.score(best.own, siblings), ...strange]);
}

const UNKNOWN: Adapter = {
  format: "unknown",
  about: "in no format that an adapter reads",
  toleranceFraction: 0,
  recognises: () => false,
  score: () => [],
};
