// What an event file says: at a step, values with tags. Field numbers are those of TensorBoard's event.proto,
// summary.proto, tensor.proto and, for hyper-parameters, plugins/hparams/plugin_data.proto and struct.proto (Value).
import type { KnobValue } from "../../core/trial.js";
import { bytesField, doubleField, floatField, message, readFields, wholeField } from "./wire.js";

const FLOAT = 1;
const DOUBLE = 2;
/** SummaryMetadata.data_class: a tensor at each step */
const TENSOR_CLASS = 2;
const SUCCESS = 1;

/** First event of a file. */
export const versionEvent = (wallMs: number): Buffer =>
  message(doubleField(1, wallMs / 1000), bytesField(3, "brain.Event:2"));

/** All that is known at one step. */
export const summaryEvent = (wallMs: number, step: number, values: readonly Buffer[]): Buffer =>
  message(
    doubleField(1, wallMs / 1000),
    wholeField(2, step),
    bytesField(5, message(...values.map((value) => bytesField(1, value)))),
  );

/** One number, kept with 24 bits as everywhere in TensorBoard. */
export const scalarValue = (tag: string, value: number): Buffer => message(bytesField(1, tag), floatField(2, value));

/** Counts of positions 0, 1, 2, ...: position i lies in a bucket from i - 1/2 to i + 1/2.
 *  @param about said where the tag appears first; undefined afterwards */
export function histogramValue(tag: string, counts: ArrayLike<number>, about: string | undefined): Buffer {
  const rows = Buffer.alloc(counts.length * 24);
  for (let i = 0; i < counts.length; i++) {
    rows.writeDoubleLE(i - 0.5, i * 24);
    rows.writeDoubleLE(i + 0.5, i * 24 + 8);
    rows.writeDoubleLE(counts[i]!, i * 24 + 16);
  }
  const tensor = message(wholeField(1, DOUBLE), shapeField(counts.length, 3), bytesField(4, rows));
  const metadata = about === undefined ? [] : [metadataField("histograms", new Uint8Array(), about)];
  return message(bytesField(1, tag), ...metadata, bytesField(8, tensor));
}

/** Hyper-parameters of a run, for the HParams tab. */
export function sessionStartValue(hparams: Readonly<Record<string, KnobValue>>, startMs: number): Buffer {
  const entries = Object.entries(hparams).map(([name, value]) =>
    bytesField(1, message(bytesField(1, name), bytesField(2, protoValue(value)))),
  );
  return hparamsValue(SESSION_START, bytesField(3, message(...entries, doubleField(5, startMs / 1000))));
}

/** A run that ended well. */
export const sessionEndValue = (endMs: number): Buffer =>
  hparamsValue(SESSION_END, bytesField(4, message(wholeField(1, SUCCESS), doubleField(2, endMs / 1000))));

export const SESSION_START = "_hparams_/session_start_info";
export const SESSION_END = "_hparams_/session_end_info";

/** The HParams plugin keeps its data in the metadata; the tensor only has to be there. */
const hparamsValue = (tag: string, data: Buffer): Buffer =>
  message(
    bytesField(1, tag),
    metadataField("hparams", data, ""),
    bytesField(8, message(wholeField(1, FLOAT), shapeField(1), bytesField(4, Buffer.alloc(4)))),
  );

const metadataField = (plugin: string, content: Uint8Array, about: string): Buffer =>
  bytesField(
    9,
    message(
      bytesField(1, message(bytesField(1, plugin), bytesField(2, content))),
      ...(about === "" ? [] : [bytesField(3, about)]),
      wholeField(4, TENSOR_CLASS),
    ),
  );

const shapeField = (...sizes: readonly number[]): Buffer =>
  bytesField(2, message(...sizes.map((size) => bytesField(2, wholeField(1, size)))));

/** google.protobuf.Value */
function protoValue(value: KnobValue): Buffer {
  if (typeof value === "number") return doubleField(2, value);
  return typeof value === "string" ? bytesField(3, value) : wholeField(4, value ? 1 : 0);
}

/** An event as far as resuming and tests read it. */
export interface EventRead {
  readonly wallMs: number;
  readonly step: number;
  readonly fileVersion: string | undefined;
  readonly values: readonly { readonly tag: string; readonly fields: ReadonlyMap<number, number | Buffer> }[];
}

/** @throws RangeError when the bytes are no event */
export function readEvent(bytes: Buffer): EventRead {
  const fields = fieldsOf(bytes);
  const summary = fields.get(5);
  const values = summary instanceof Buffer ? [...readFields(summary)] : [];
  const version = fields.get(3);
  return {
    wallMs: 1000 * Number(fields.get(1) ?? 0),
    step: Number(fields.get(2) ?? 0),
    fileVersion: version instanceof Buffer ? version.toString() : undefined,
    values: values.map(({ value }) => {
      const inside = fieldsOf(value instanceof Buffer ? value : Buffer.alloc(0));
      return { tag: String(inside.get(1) ?? ""), fields: inside };
    }),
  };
}

/** Field number -> value; of repeated fields the last. */
export const fieldsOf = (bytes: Buffer): Map<number, number | Buffer> =>
  new Map([...readFields(bytes)].map(({ field, value }) => [field, value]));
