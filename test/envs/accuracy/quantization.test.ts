import { describe, expect, it } from "vitest";
import { describe as describeNetwork } from "../../../envs/accuracy/descriptors.js";
import {
  familyRise,
  type QuantizationTerms,
  quantizationRise,
  raisedError,
} from "../../../envs/accuracy/quantization.js";
import { deploymentSchema } from "../../../envs/deployment/deployment.js";
import { buildNetwork, loadNetwork } from "../../../envs/network/network-file.js";

const only = (base: number) => ({ base, depthwise: 0, squeezeExciteSmooth: 0 });
const terms: QuantizationTerms = {
  int8: { "quantization-aware": only(0.02), "post-training": only(0.1), "post-training-per-tensor": only(0.2) },
  int4: { "quantization-aware": only(0.08), "post-training": only(0.4), "post-training-per-tensor": only(0.4) },
  weightShare: 0.5,
  relativeError: 0.5,
};
const deploymentOf = (weightBits: unknown, activationBits: unknown) =>
  deploymentSchema.parse({ weightBits, activationBits });

describe("the rise of ln(error) by quantisation", () => {
  // Two layers, one stage each: 1 × 1 convolutions of 4 -> 4 and 4 -> 12 channels on 8 × 8 pixels: 1,024 and 3,072 MACs.
  const network = buildNetwork({
    name: "two layers",
    input: { resolution: 8, channels: 4 },
    layers: [
      { kind: "conv", channels: 4, kernel: 1, stage: "first" },
      { kind: "conv", channels: 12, kernel: 1, stage: "second" },
    ],
  });
  const rise = (weightBits: unknown, activationBits: unknown) =>
    quantizationRise(network, describeNetwork(network), deploymentOf(weightBits, activationBits), terms);

  it("is nothing at 16 bits and the whole term at 8 or 4 bits throughout", () => {
    expect(rise(16, 16)).toBe(0);
    expect(rise(8, 8)).toBeCloseTo(0.02, 12);
    expect(rise(4, 4)).toBeCloseTo(0.02 + 0.08, 12);
  });

  it("takes half from the weights and half from the activations", () => {
    expect(rise(4, 16)).toBeCloseTo(0.05, 12);
    expect(rise(8, 4)).toBeCloseTo(0.01 + 0.05, 12);
  });

  it("weighs a stage half by its layers and half by its MACs", () => {
    // second stage alone at 4 bits: 1 of 2 layers, 3 of 4 parts of the MACs
    expect(rise([16, 4], [16, 4])).toBeCloseTo(0.1 * (0.5 * (1 / 2) + 0.5 * (3 / 4)), 12);
    expect(rise([4, 16], [4, 16])).toBeCloseTo(0.1 * (0.5 * (1 / 2) + 0.5 * (1 / 4)), 12);
  });

  it("adds a family's traits by their share, squeeze-and-excite and smooth activation half each", () => {
    const family = { base: 0.01, depthwise: 0.02, squeezeExciteSmooth: 0.04 };
    expect(familyRise(family, { depthwise: 0.5, squeezeExcite: 1, smoothActivation: 0 })).toBeCloseTo(0.04, 12);
  });

  it("is larger after training than with it, for networks with squeeze-and-excite most", async () => {
    const { shippedSurrogate } = await import("../../../envs/accuracy/imagenet-surrogate.js");
    const { quantization } = shippedSurrogate();
    const cost = (name: string) => {
      const each = loadNetwork(name);
      const of = (method: "quantization-aware" | "post-training") =>
        quantizationRise(each, describeNetwork(each), deploymentOf(8, 8), quantization, method);
      return of("post-training") / of("quantization-aware");
    };
    expect(cost("efficientnet-b0")).toBeGreaterThan(2 * cost("mobilenet-v2"));
  });
});

describe("the raised error", () => {
  it("equals error · exp(rise) for small rises", () => {
    expect(raisedError(0.3, 1e-4)).toBeCloseTo(0.3 * Math.exp(1e-4), 8);
    expect(raisedError(0.3, 0)).toBeCloseTo(0.3, 15);
  });

  it("adds less and less, so that it never reaches 1", () => {
    expect(raisedError(0.3, 0.7)).toBeCloseTo((0.3 * Math.E) / (0.7 + 0.3 * Math.E), 12); // odds 3/7 · e
    expect(raisedError(0.9, 1)).toBeLessThan(1);
  });
});
