// Protocol-buffer messages, as much of the encoding as event files need: a message is the fields of it one after the other.
// Source: the encoding guide of Protocol Buffers (wire types 0: varint, 1: 64 bits, 2: length and bytes, 5: 32 bits).

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** A message of these fields. */
export const message = (...fields: readonly Uint8Array[]): Buffer => Buffer.concat(fields);

/** A whole number from 0 to 2^53. */
export const wholeField = (field: number, value: number): Buffer =>
  Buffer.from([...varint(field * 8 + VARINT), ...varint(value)]);

export function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = field * 8 + FIXED64;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

export function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = field * 8 + FIXED32;
  bytes.writeFloatLE(value, 1);
  return bytes;
}

/** Bytes, a text, or a message inside this one. */
export function bytesField(field: number, value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([Buffer.from([...varint(field * 8 + BYTES), ...varint(bytes.length)]), bytes]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return bytes;
}

/** A field as it was read: a number for the numeric wire types (32 bits: a float), bytes otherwise. */
export interface Field {
  readonly field: number;
  readonly value: number | Buffer;
}

/** The fields of a message, in the order written. @throws RangeError when the bytes end within a field */
export function* readFields(bytes: Buffer): Generator<Field> {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = readVarint();
    const [field, type] = [Math.floor(key / 8), key % 8];
    if (type === VARINT) yield { field, value: readVarint() };
    else if (type === FIXED64) {
      yield { field, value: bytes.readDoubleLE(at) };
      at += 8;
    } else if (type === FIXED32) {
      yield { field, value: bytes.readFloatLE(at) };
      at += 4;
    } else if (type === BYTES) {
      const size = readVarint();
      if (at + size > bytes.length) throw new RangeError(`field ${field} ends after the message`);
      yield { field, value: bytes.subarray(at, at + size) };
      at += size;
    } else throw new RangeError(`wire type ${type} of field ${field}`);
  }
}
