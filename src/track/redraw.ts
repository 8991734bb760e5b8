// A block of lines on a terminal that is drawn over itself. Our own few lines, because log-update measured and wrapped
// every character again on each draw (15 ms a picture, 2 % of a run); here lines are cut to the screen beforehand.
import { stripVTControlCharacters } from "node:util";
import type { Screen } from "./live.js";

const CURSOR_UP = (lines: number): string => (lines > 0 ? `\u001b[${lines}A` : "");
const ERASE_LINE_END = "\u001b[K";
const ERASE_BELOW = "\u001b[J";

export class Redraw {
  readonly #screen: Screen;
  #height = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Replaces the block; the cursor stays on the line below it. */
  draw(lines: readonly string[]): void {
    const { columns = 80, rows = 24 } = this.#screen;
    const shown = lines.slice(0, Math.max(1, rows - 1)).map((line) => clip(line, columns));
    const text = shown.map((line) => `${line}${ERASE_LINE_END}\n`).join("");
    this.#screen.write(`${CURSOR_UP(this.#height)}\r${text}${ERASE_BELOW}`);
    this.#height = shown.length;
  }

  /** Writes a line that stays, above the block. */
  say(line: string): void {
    this.#screen.write(`${CURSOR_UP(this.#height)}\r${ERASE_BELOW}${line}\n`);
    this.#height = 0;
  }
}

/** A line no wider than the screen, "..." where it is cut; a line with colours loses them when it must be cut. */
export function clip(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  if (plain.length <= columns) return line;
  return columns < 4 ? plain.slice(0, columns) : `${plain.slice(0, columns - 3)}...`;
}
