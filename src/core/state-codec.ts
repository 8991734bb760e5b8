// State trees to JSON and back without losing a bit: typed arrays travel as base64 of their little-endian bytes.
import type { StateTree } from "./agent.js";
import { CosearchError } from "./errors.js";

const ARRAYS = { f32: Float32Array, f64: Float64Array, i32: Int32Array } as const;
type Tag = keyof typeof ARRAYS;

/** A JSON value that `decodeState` turns back into the same tree. Not-a-number, infinities and -0 are kept too; a key that
 *  begins with `$` gets a second one, so that it is not taken for a mark of ours. */
export function encodeState(tree: StateTree): unknown {
  if (Object.is(tree, -0)) return { $number: "-0" };
  if (typeof tree === "number") return Number.isFinite(tree) ? tree : { $number: String(tree) };
  if (tree === null || typeof tree !== "object") return tree;
  for (const tag of Object.keys(ARRAYS) as Tag[]) {
    if (tree instanceof ARRAYS[tag]) {
      return { [`$${tag}`]: Buffer.from(tree.buffer, tree.byteOffset, tree.byteLength).toString("base64") };
    }
  }
  if (Array.isArray(tree)) return tree.map((item) => encodeState(item as StateTree));
  return Object.fromEntries(
    Object.entries(tree as Record<string, StateTree | undefined>)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key.startsWith("$") ? `$${key}` : key, encodeState(value as StateTree)]),
  );
}

/** @throws CosearchError AGENT_BAD_STATE when the bytes do not fit the array's type */
export function decodeState(json: unknown): StateTree {
  if (json === null || typeof json !== "object") return json as StateTree;
  if (Array.isArray(json)) return json.map(decodeState);
  const record = json as Record<string, unknown>;
  if (typeof record.$number === "string") return Number(record.$number);
  for (const tag of Object.keys(ARRAYS) as Tag[]) {
    const text = record[`$${tag}`];
    if (typeof text === "string") return decodeArray(tag, text);
  }
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [key.startsWith("$$") ? key.slice(1) : key, decodeState(value)]),
  );
}

function decodeArray(tag: Tag, text: string): StateTree {
  const bytes = Buffer.from(text, "base64");
  const arrayType = ARRAYS[tag];
  if (bytes.byteLength % arrayType.BYTES_PER_ELEMENT !== 0) {
    throw new CosearchError("AGENT_BAD_STATE", `array of type ${tag} has ${bytes.byteLength} bytes`);
  }
  const copy = new Uint8Array(bytes); // its own, aligned buffer
  return new arrayType(copy.buffer);
}
