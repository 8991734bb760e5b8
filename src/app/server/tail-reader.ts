// Reads the whole lines that were added to a file since the last look, in chunks, giving way to other requests in between.
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";

const CHUNK_BYTES = 1 << 20;
const NEWLINE = 10;
/** A trial of 100 knobs takes about 5 KB; a line beyond this is not one of ours. */
export const MAX_LINE_BYTES = 1 << 20;

/** A line's bytes, [start, end) without the line end; `last` when nothing stands after it. */
export type LineReader = (bytes: Buffer, start: number, end: number, last: boolean) => void;

export class TailReader {
  readonly #file: string;
  #offset = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** Calls `line` with each new whole line. A missing file has no lines.
   *  @throws Error for a line that is too long, and when the file became shorter */
  async read(line: LineReader): Promise<void> {
    const handle = await opened(this.#file);
    if (handle === undefined) return;
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new Error(`${this.#file}: not a plain file`);
      if (stat.size < this.#offset) throw new Error(`${this.#file}: became shorter than what was read of it`);
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, stat.size - this.#offset)) + MAX_LINE_BYTES);
      let held = 0; // bytes of a line that has not ended
      while (this.#offset + held < stat.size) {
        const room = Math.min(buffer.length - held, stat.size - this.#offset - held);
        const { bytesRead } = await handle.read(buffer, held, room, this.#offset + held);
        if (bytesRead === 0) break;
        const filled = held + bytesRead;
        const end = buffer.lastIndexOf(NEWLINE, filled - 1);
        if (end < 0 || end >= filled) {
          if (filled > MAX_LINE_BYTES) throw new Error(`${this.#file}: a line is longer than ${MAX_LINE_BYTES} bytes`);
          held = filled;
          continue;
        }
        const atEnd = this.#offset + filled >= stat.size && end === filled - 1;
        this.#lines(buffer, end, atEnd, line);
        buffer.copyWithin(0, end + 1, filled);
        held = filled - end - 1;
        this.#offset += end + 1;
        await nextTurn();
      }
    } finally {
      await handle.close();
    }
  }

  #lines(buffer: Buffer, end: number, atEnd: boolean, line: LineReader): void {
    let start = 0;
    while (start <= end) {
      const stop = buffer.indexOf(NEWLINE, start);
      line(buffer, start, stop, atEnd && stop === end);
      start = stop + 1;
    }
  }
}

async function opened(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
