// `cosearch export-trials`: the trials of a run as one table. They are streamed, so that a run of any length fits.
import { closeSync, openSync, writeSync } from "node:fs";
import { extname } from "node:path";
import { CosearchError } from "../../core/errors.js";
import { readManifest } from "../../study/manifest.js";
import { trialsOf } from "../../track/run-reader.js";
import { type Column, csvLines, jsonLines, metricNamesOf, rowOf, trialColumns } from "../../track/trial-table.js";
import { EXIT } from "../exit-codes.js";
import type { Terminal } from "../terminal.js";

export interface ExportTrialsOptions {
  readonly format?: Format;
  readonly out?: string;
}

type Format = "csv" | "jsonl" | "parquet";

const FORMATS: Readonly<Record<string, Format>> = { ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet" };
const PARQUET_TYPES = { whole: "INT32", number: "DOUBLE", text: "STRING", boolean: "BOOLEAN" } as const;
const ROWS_A_GROUP = 10_000;
const WRITE_CHARS = 1 << 16;

/** @throws CosearchError RUN_NOT_FOUND, RUN_DAMAGED, RUN_VERSION, USAGE, FILE_UNREADABLE */
export async function exportTrialsCommand(
  runFolder: string,
  { format, out }: ExportTrialsOptions,
  terminal: Terminal,
): Promise<number> {
  const chosen = format ?? FORMATS[extname(out ?? "")] ?? "csv";
  if (chosen === "parquet" && out === undefined) throw new CosearchError("USAGE", "--format parquet needs --out FILE");
  const { space } = readManifest(runFolder);
  const columns = trialColumns(space, metricNamesOf(trialsOf(runFolder)));
  const trials = trialsOf(runFolder);
  if (chosen === "parquet") await writeParquet(out ?? "", columns, trials);
  else writeText(out, (chosen === "csv" ? csvLines : jsonLines)(columns, trials), terminal);
  if (out !== undefined) terminal.err(`${out}: ${columns.length} columns\n`);
  return EXIT.ok;
}

/** Writes lines in pieces of some size, to the file or to the terminal. */
function writeText(out: string | undefined, lines: Iterable<string>, terminal: Terminal): void {
  const handle = out === undefined ? undefined : opened(out);
  const write = (text: string): void => {
    if (handle === undefined) terminal.out(text);
    else writeSync(handle, text);
  };
  let waiting = "";
  for (const line of lines) {
    waiting += line;
    if (waiting.length < WRITE_CHARS) continue;
    write(waiting);
    waiting = "";
  }
  write(waiting);
  if (handle !== undefined) closeSync(handle);
}

async function writeParquet(
  out: string,
  columns: readonly Column[],
  trials: ReturnType<typeof trialsOf>,
): Promise<void> {
  const { fileWriter, parquetWriteRows } = await import("hyparquet-writer");
  closeSync(opened(out));
  await parquetWriteRows({
    writer: fileWriter(out),
    columns: columns.map(({ name, type }) => ({ name, type: PARQUET_TYPES[type], nullable: true })),
    rows: rowsOf(columns, trials),
    rowGroupSize: ROWS_A_GROUP,
    createdBy: "cosearch",
  });
}

function* rowsOf(columns: readonly Column[], trials: ReturnType<typeof trialsOf>): Generator<Record<string, unknown>> {
  for (const trial of trials) yield rowOf(columns, trial);
}

function opened(file: string): number {
  try {
    return openSync(file, "w");
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `--out ${file}: ${(error as Error).message}`, { cause: error });
  }
}
