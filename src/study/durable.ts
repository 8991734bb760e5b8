// Files that survive a kill: whole ones appear complete or not at all, line files lose at most a torn last line.
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

const NEWLINE = 10;
const CHUNK_BYTES = 1 << 18;
const LINE_BYTES = 4096;

/** Writes a file so that a reader sees the old content or the new one: temporary file, fsync, rename, fsync the folder. */
export function writeDurably(file: string, text: string): void {
  const draft = `${file}.tmp`;
  const handle = openSync(draft, "w");
  try {
    writeAll(handle, Buffer.from(text));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(draft, file);
  syncFolder(dirname(file));
}

export function removeDurably(file: string): void {
  rmSync(file, { force: true });
  syncFolder(dirname(file));
}

/** Makes created, renamed and removed names of a folder last. Not every system can; there it is left to the system. */
export function syncFolder(folder: string): void {
  let handle: number;
  try {
    handle = openSync(folder, "r");
  } catch {
    return;
  }
  try {
    fsyncSync(handle);
  } catch {
    // Windows refuses to sync a folder
  } finally {
    closeSync(handle);
  }
}

/** A file of lines that only ever grows, and whose lines can be read again. */
export class LineFile {
  readonly #handle: number;
  #bytes: number;

  /** @param keepBytes where appending starts; what stands after it (a torn line) is cut off */
  constructor(file: string, keepBytes: number) {
    this.#handle = openSync(file, "a+");
    ftruncateSync(this.#handle, keepBytes);
    this.#bytes = keepBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(line: string): void {
    this.#bytes += writeAll(this.#handle, Buffer.from(`${line}\n`));
  }

  /** The whole line that starts there, without its end; "" at the end of the file. */
  lineAt(startByte: number): string {
    const chunk = Buffer.alloc(LINE_BYTES);
    let line = Buffer.alloc(0);
    for (;;) {
      const size = readSync(this.#handle, chunk, 0, chunk.length, startByte + line.length);
      line = Buffer.concat([line, chunk.subarray(0, size)]);
      const end = line.indexOf(NEWLINE);
      if (end >= 0 || size === 0) return line.toString("utf8", 0, Math.max(0, end));
    }
  }

  sync(): void {
    fsyncSync(this.#handle);
  }

  close(): void {
    closeSync(this.#handle);
  }
}

/** A whole line of a file. */
export interface Line {
  readonly text: string;
  /** 1, 2, 3, ... */
  readonly number: number;
  /** offset after the line's end */
  readonly endByte: number;
}

/** The whole lines of a file, one at a time; a last line without its end is torn and left out. No file, no lines. */
export function* readLines(file: string): Generator<Line> {
  if (!existsSync(file)) return;
  const handle = openSync(file, "r");
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest = Buffer.alloc(0); // of a line that the chunks so far have not ended
    let [number, endByte] = [0, 0];
    for (let size = readSync(handle, chunk); size > 0; size = readSync(handle, chunk)) {
      const bytes = Buffer.concat([rest, chunk.subarray(0, size)]);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        endByte += end + 1 - start;
        number++;
        yield { text: bytes.toString("utf8", start, end), number, endByte };
        start = end + 1;
      }
      rest = bytes.subarray(start);
    }
  } finally {
    closeSync(handle);
  }
}

/** One call may write less than asked, on a nearly full disk for instance. */
function writeAll(handle: number, bytes: Buffer): number {
  let written = 0;
  while (written < bytes.length) written += writeSync(handle, bytes, written);
  return bytes.length;
}
