// Where a command writes: results on stdout, everything else on stderr; colour only where somebody can see it.
// Passed in rather than global, so that tests read what a command wrote.

export interface Terminal {
  /** results */
  out(text: string): void;
  /** progress, notes, errors */
  err(text: string): void;
  /** progress may be drawn: stderr is a terminal */
  readonly interactive: boolean;
  readonly paint: Paint;
  /** colour may be used on stderr */
  readonly colour: boolean;
  /** characters across, for curves and tables */
  readonly columns: number;
  readonly rows: number | undefined;
}

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

const plain = (text: string): string => text;
const code =
  (open: number, close: number) =>
  (text: string): string =>
    `\u001b[${open}m${text}\u001b[${close}m`;

export const plainPaint: Paint = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain };
const colourPaint: Paint = {
  bold: code(1, 22),
  dim: code(2, 22),
  red: code(31, 39),
  green: code(32, 39),
  yellow: code(33, 39),
};

/** The process's own terminal. NO_COLOR (any value but the empty one) and TERM=dumb turn colour off, see no-color.org. */
export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  const interactive = process.stderr.isTTY === true && process.env.CI === undefined;
  const allowed = !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    interactive,
    paint: allowed && process.stdout.isTTY === true ? colourPaint : plainPaint,
    colour: allowed && process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 80,
    rows: process.stderr.rows,
  };
}

/** `cosearch ... | head` closes the pipe before we are done: what is left goes nowhere, the work goes on. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

/** A number, with a unit perhaps, or nothing. */
const NUMERIC = /^([-+]?[\d.,]+(e[-+]?\d+)?( ?[%a-zA-Zµ²]{1,4})?( ± [\d.]+)?|–|)$/;

/** Rows as columns that line up: text to the left, numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], indent = "  "): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length)));
  const right = header.map((_, i) => rows.length > 0 && rows.every((row) => NUMERIC.test(row[i] ?? "")));
  const line = (cells: readonly string[]): string =>
    (
      indent +
      cells.map((cell, i) => (right[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join("  ")
    ).trimEnd();
  return `${[line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")}\n`;
}
