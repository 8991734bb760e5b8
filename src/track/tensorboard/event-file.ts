// An event file: records of length, masked checksum of the length, data, masked checksum of the data. It is appended to
// when a run goes on: what a kill tore off at the end is cut, and the caller learns which step and which tags stand there.
// Source of the format: TensorFlow's TFRecord guide ("TFRecords format details").
import { closeSync, existsSync, ftruncateSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { maskedCrc32c } from "./crc32c.js";
import { readEvent, versionEvent } from "./events.js";

const NAME = /^events\.out\.tfevents\.\d+\.cosearch$/;

/** A record around some data. */
export function record(data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(16 + data.length);
  bytes.writeBigUInt64LE(BigInt(data.length), 0);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return bytes;
}

/** The records at the start of some bytes, up to the first that is torn or damaged. */
export function* readRecords(bytes: Buffer): Generator<{ readonly data: Buffer; readonly endByte: number }> {
  for (let at = 0; at + 16 <= bytes.length; ) {
    const size = Number(bytes.readBigUInt64LE(at));
    const end = at + 16 + size;
    if (bytes.readUInt32LE(at + 8) !== maskedCrc32c(bytes.subarray(at, at + 8)) || end > bytes.length) return;
    const data = bytes.subarray(at + 12, end - 4);
    if (bytes.readUInt32LE(end - 4) !== maskedCrc32c(data)) return;
    yield { data, endByte: end };
    at = end;
  }
}

/** The event file of a run folder, or undefined. */
export function eventFileOf(runFolder: string): string | undefined {
  const name = readdirSync(runFolder).find((entry) => NAME.test(entry));
  return name === undefined ? undefined : join(runFolder, name);
}

export class EventFile {
  /** highest step that stands there, -1 in a new file */
  readonly lastStep: number;
  /** tags that stand there */
  readonly tags: Set<string> = new Set();
  readonly #handle: number;

  /** Opens the event file of a run folder, or makes one. */
  constructor(runFolder: string, nowMs: number) {
    const seconds = String(Math.floor(nowMs / 1000)).padStart(10, "0");
    const file = eventFileOf(runFolder) ?? join(runFolder, `events.out.tfevents.${seconds}.cosearch`);
    let [lastStep, endByte] = [-1, 0];
    for (const { data, endByte: end } of existsSync(file) ? readRecords(readFileSync(file)) : []) {
      const { step, values } = readEvent(data);
      for (const { tag } of values) this.tags.add(tag);
      if (values.some(({ tag }) => !tag.startsWith("_hparams_/"))) lastStep = Math.max(lastStep, step);
      endByte = end;
    }
    this.lastStep = lastStep;
    this.#handle = openSync(file, "a");
    ftruncateSync(this.#handle, endByte);
    if (endByte === 0) this.append(versionEvent(nowMs));
  }

  /** Writes an event; readers see it at once. */
  append(event: Buffer): void {
    const bytes = record(event);
    let written = 0;
    while (written < bytes.length) written += writeSync(this.#handle, bytes, written);
  }

  close(): void {
    closeSync(this.#handle);
  }
}
