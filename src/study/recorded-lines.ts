// A line file that is written, or, after a resume, first checked: lines that the session before recorded beyond the
// checkpoint are made again and compared, never overwritten. So a failing resume leaves the record as it was.
import { CosearchError } from "../core/errors.js";
import { LineFile } from "./durable.js";

export class RecordedLines {
  readonly #name: string;
  readonly #file: LineFile;
  #recorded: readonly string[];
  #next = 0;
  #bytes: number;

  /** @param startBytes offset of the checkpoint  @param recorded the whole lines that stand after it */
  constructor(name: string, path: string, startBytes: number, recorded: readonly string[]) {
    this.#name = name;
    this.#bytes = startBytes;
    this.#recorded = recorded;
    const recordedBytes = recorded.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    this.#file = new LineFile(path, startBytes + recordedBytes);
  }

  /** Offset after the last line that was appended or checked. */
  get bytes(): number {
    return this.#bytes;
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
    return recorded !== undefined;
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
