import { describe, expect, it } from "vitest";
import { smallMobileNet } from "../../experiments/bench-training.js";

describe("the network of the training bench", () => {
  it("is MobileNetV2-0.35 for ten classes: as many parameters as bench-training.py counts in PyTorch", () => {
    expect(smallMobileNet().paramCount).toBe(408_938);
  });
});
