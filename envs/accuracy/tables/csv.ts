// Comma-separated tables: a header line, then one row per line; quotes may enclose commas and doubled quotes.
import { CosearchError } from "../../../src/core/errors.js";
import { readText } from "../../../src/files/documents.js";

/** Column name -> text of the cell. */
export type CsvRow = Readonly<Record<string, string>>;

/** Rows of a CSV file. @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX for a row with too many or too few cells */
export const readCsv = (path: string): CsvRow[] => parseCsv(readText(path), path);

/** @param file names the source in messages */
export function parseCsv(text: string, file: string): CsvRow[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const names = cellsOf(lines[0] ?? "").map((name) => name.trim());
  if (names.length < 2)
    throw new CosearchError("FILE_BAD_SYNTAX", `${file}:1: a header with at least two columns is needed`);
  return lines.flatMap((line, i) => {
    if (i === 0 || line.trim() === "") return [];
    const cells = cellsOf(line);
    if (cells.length !== names.length) {
      const counts = `${cells.length} cells, but the header has ${names.length} columns`;
      throw new CosearchError("FILE_BAD_SYNTAX", `${file}:${i + 1}: ${counts}`);
    }
    return [Object.fromEntries(names.map((name, c) => [name, cells[c]!]))];
  });
}

function cellsOf(line: string): string[] {
  const cells: string[] = [];
  let cell = "";
  let isQuoted = false;
  for (let i = 0; i < line.length; i++) {
    const letter = line[i]!;
    if (letter === '"' && isQuoted && line[i + 1] === '"') {
      cell += '"';
      i++;
    } else if (letter === '"') isQuoted = !isQuoted;
    else if (letter === "," && !isQuoted) {
      cells.push(cell);
      cell = "";
    } else cell += letter;
  }
  return [...cells, cell];
}
