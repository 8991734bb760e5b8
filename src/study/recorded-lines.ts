// A line file that is written, or, after a resume, first checked: lines that the session before recorded beyond the
// checkpoint are made again and compared, never overwritten. So a failing resume leaves the record as it was.
import { createHash, type Hash } from "node:crypto";
import { basename } from "node:path";
import { CosearchError } from "../core/errors.js";
import { LineFile } from "./durable.js";

export class RecordedLines {
  readonly #name: string;
  readonly #file: LineFile;
  readonly #hash: Hash;
  #recorded: readonly string[];
  #next = 0;
  #bytes: number;

  /** @param startBytes offset of the checkpoint  @param recorded the whole lines after it  @param before those up to it */
  constructor(path: string, startBytes: number, recorded: readonly string[], before: readonly string[] = []) {
    this.#name = basename(path);
    this.#bytes = startBytes;
    this.#recorded = recorded;
    this.#hash = hashOf(before);
    const recordedBytes = recorded.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    this.#file = new LineFile(path, startBytes + recordedBytes);
  }

  /** Offset after the last line that was appended or checked. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of everything up to there, when the lines before the start were given. */
  sha256(): string {
    return this.#hash.copy().digest("hex");
  }

  /** @returns whether the line stood there already @throws CosearchError RUN_DIVERGED when another one does */
  append(line: string): boolean {
    const recorded = this.#recorded[this.#next];
    if (recorded === undefined) {
      this.#recorded = [];
      this.#file.append(line);
    } else {
      if (recorded !== line) throw this.#diverged(recorded, line);
      this.#next++;
    }
    this.#bytes += Buffer.byteLength(line) + 1;
    this.#hash.update(`${line}\n`);
    return recorded !== undefined;
  }

  /** The whole line that starts at a byte; "" where none does. */
  lineAt(startByte: number): string {
    return this.#file.lineAt(startByte);
  }

  sync(): void {
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }

  #diverged(recorded: string, made: string): CosearchError {
    let from = 0;
    while (from < recorded.length && recorded[from] === made[from]) from++;
    const part = (text: string) => text.slice(Math.max(0, from - 40), from + 40);
    return new CosearchError(
      "RUN_DIVERGED",
      `${this.#name}: the resumed run differs from the record (nothing was changed):\n  recorded ...${part(recorded)}\n  now      ...${part(made)}\n` +
        "the study, the code or the tensor backend is another than before; resume with those, or start a new run",
    );
  }
}

/** Hash of lines as they stand in a file. */
export function hashOf(lines: Iterable<string>): Hash {
  const hash = createHash("sha256");
  for (const line of lines) hash.update(`${line}\n`);
  return hash;
}
