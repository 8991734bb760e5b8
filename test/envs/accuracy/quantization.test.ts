import { describe, expect, it } from "vitest";
import { describe as describeNetwork } from "../../../envs/accuracy/descriptors.js";
import { expectedRise, fitInt8, methodOf } from "../../../envs/accuracy/fit/fit-quantization.js";
import type { QuantizationPair } from "../../../envs/accuracy/fit/training-data.js";
import {
  depthFactor,
  familyRise,
  type QuantizationTerms,
  quantizationRise,
  raisedError,
} from "../../../envs/accuracy/quantization.js";
import { familyNetwork } from "../../../envs/accuracy/tables/families.js";
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

describe("a pair of float and int8 results", () => {
  const convolutions = (family: string, model: string) => describeNetwork(familyNetwork(family, model)).convolutions;

  it("is stood for by a network as deep as its name says", () => {
    // 53 convolutions of ResNet-50 (4 of them projections) and 3 for each of 34 blocks more; VGG-19 has 16, V2 has 52
    expect(convolutions("resnet_v1", "resnet_v1_50")).toBe(53);
    expect(convolutions("resnet_v1", "vitis/resnet_v1_152")).toBe(53 + 3 * 34);
    expect(convolutions("resnet", "resnet18")).toBe(20);
    expect(convolutions("vgg", "vgg_19")).toBe(16);
    expect(convolutions("mobilenet_v2", "mobilenet_v2_1.4")).toBe(52);
    expect(convolutions("inception_v4", "inception_v4")).toBeGreaterThan(convolutions("inception_v1", "inception_v1"));
    expect(convolutions("unheard of", "")).toBe(53);
  });

  it("was quantised while or after training, with a scale for a tensor or for a channel", () => {
    const methods = [
      "QAT, per-layer fake-quant",
      "quantisation-aware",
      "PTQ",
      "PTQ, power-of-two scales",
      "PTQ per tensor",
    ];
    expect(methods.map((method) => methodOf({ method }))).toEqual([
      "quantization-aware",
      "quantization-aware",
      "post-training",
      "post-training-per-tensor",
      "post-training-per-tensor",
    ]);
  });

  it("of EfficientNet-Lite has neither squeeze-and-excite nor a smooth activation", () => {
    const lite4 = describeNetwork(familyNetwork("efficientnet_lite", "efficientnet_lite4"));
    expect([lite4.squeezeExcite, lite4.smoothActivation]).toEqual([0, 0]);
    expect(lite4.convolutions).toBe(describeNetwork(loadNetwork("efficientnet-b4")).convolutions);
  });

  it("costs a network with four times the layers twice the base after training, and the same with it", () => {
    const deep = { depthwise: 0, squeezeExcite: 0, smoothActivation: 0, convolutions: 200 };
    expect(depthFactor("post-training", deep)).toBeCloseTo(2, 12);
    expect(depthFactor("quantization-aware", deep)).toBe(1);
    const family = { base: 0.05, depthwise: 0.02, squeezeExciteSmooth: 0 };
    expect(familyRise(family, { ...deep, depthwise: 1 }, 2)).toBeCloseTo(0.12, 12);
  });

  it("that is far from all others moves the fit by little", () => {
    const pair = (int8Error: number) => ({
      model: "mobilenet_v1_1.0",
      family: "mobilenet_v1",
      method: "PTQ, per-tensor",
      floatError: 0.3,
      int8Error,
    });
    const alike = Array.from({ length: 8 }, () => pair(0.33));
    const drop = (pairs: readonly QuantizationPair[]) => raisedError(0.3, expectedRise(fitInt8(pairs), pair(0))) - 0.3;
    expect(drop(alike)).toBeCloseTo(0.03, 2);
    expect(drop([...alike, pair(0.6)]) - drop(alike)).toBeLessThan(0.005); // least squares would move it by 0.02 and more
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
