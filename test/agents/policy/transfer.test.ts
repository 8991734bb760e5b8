import { describe, expect, it } from "vitest";
import { layoutOf } from "../../../agents/policy/layout.js";
import { adaptedOutputs, learntOutputs } from "../../../agents/policy/transfer.js";
import { spaceSignature } from "../../../agents/signature.js";
import { Space } from "../../../src/core/space.js";

const from = new Space({
  name: "from",
  knobs: [
    { name: "pes", values: [1, 3] },
    { name: "kind", values: ["a", "b", "c"] },
  ],
});
/** Ordered: logits 0 and 4; categories: logits 1, 2 and 3. */
const state = {
  space: spaceSignature(from),
  optimiser: { names: ["outputBiases"], weights: [Float32Array.of(0, 4, 0, 1, 2, 3)] },
};

describe("a policy's outputs in another space", () => {
  it("are halved, interpolated for new levels, and the mean for new categories", () => {
    const to = new Space({
      name: "to",
      knobs: [
        { name: "kind", values: ["c", "d"] },
        { name: "pes", values: [1, 2, 3, 9] },
        { name: "fresh", values: [1, 2] },
      ],
    });
    const outputs = adaptedOutputs(layoutOf(to), learntOutputs(state)!);
    // kind: c 3 / 2, d the mean 2 / 2. pes: logits 0, 1, 2, 2 as steps 0, 1, 1, 0. fresh: nothing
    expect([...outputs]).toEqual([1.5, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
  });

  it("are found inside a coarse-to-fine agent, and not in a state without a policy", () => {
    expect(learntOutputs({ inner: state })?.logits.map((logits) => [...logits])).toEqual([
      [0, 4],
      [1, 2, 3],
    ]);
    expect(learntOutputs({ space: spaceSignature(from), strategy: {} })).toBeUndefined();
    expect(learntOutputs(undefined)).toBeUndefined();
  });
});
