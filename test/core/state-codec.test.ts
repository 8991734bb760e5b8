import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StateTree } from "../../src/core/agent.js";
import { decodeState, encodeState } from "../../src/core/state-codec.js";

const leaf: fc.Arbitrary<StateTree> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double(),
  fc.string(),
  fc.float32Array(),
  fc.float64Array(),
  fc.int32Array(),
);
const key = fc.oneof(fc.string(), fc.constantFrom("$number", "$f32", "$f64", "$i32", "$$number"));
const tree: fc.Arbitrary<StateTree> = fc.letrec<{ tree: StateTree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    leaf,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(key, tie("tree"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).tree;

const throughText = (value: StateTree): StateTree => decodeState(JSON.parse(JSON.stringify(encodeState(value))));

describe("state codec", () => {
  it("gives every tree back through JSON text, to the bit", () => {
    const property = fc.property(tree, (value) => {
      expect(throughText(value)).toStrictEqual(value);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5e-324])("keeps %d", (value) => {
    expect(Object.is(throughText(value), value)).toBe(true);
  });

  it("keeps the bits of a view into a larger buffer", () => {
    const view = new Float32Array(new Float32Array([1, 2, 3, 4]).buffer, 4, 2);
    expect(throughText(view)).toEqual(Float32Array.of(2, 3));
  });

  it("leaves out what is undefined", () => {
    expect(throughText({ a: 1, b: undefined })).toEqual({ a: 1 });
  });

  it("refuses an array with half a number in it", () => {
    const bytes = Buffer.from([1, 2, 3]).toString("base64");
    expect(() => decodeState({ $f32: bytes })).toThrow(expect.objectContaining({ code: "AGENT_BAD_STATE" }));
  });
});
