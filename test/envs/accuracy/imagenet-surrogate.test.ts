import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imagenetSurrogate, shippedSurrogate } from "../../../envs/accuracy/imagenet-surrogate.js";
import { recipeClassOf } from "../../../envs/accuracy/surrogate-model.js";
import { deploymentSchema } from "../../../envs/deployment/deployment.js";
import { buildNetwork, loadNetwork, type NetworkFile } from "../../../envs/network/network-file.js";

const proxy = imagenetSurrogate();
const float = deploymentSchema.parse({ weightBits: 16, activationBits: 16 });
const topOne = (file: NetworkFile): number => proxy.estimate(buildNetwork(file), float).estimate;

interface Plan {
  readonly resolution: number;
  readonly widths: readonly number[];
  readonly depths: readonly number[];
  readonly kernels: readonly number[];
  readonly expansions: readonly number[];
  readonly squeezeExcite: readonly boolean[];
}

const STRIDES = [1, 2, 2, 2, 1, 2, 1] as const;
const fileOf = (plan: Plan): NetworkFile => ({
  name: "plan",
  input: { resolution: plan.resolution },
  activation: "swish",
  stem: { channels: 32 },
  stages: STRIDES.map((stride, i) => ({
    kind: "inverted-residual",
    stride,
    channels: plan.widths[i]!,
    repeat: plan.depths[i]!,
    kernel: plan.kernels[i]!,
    expansion: plan.expansions[i]!,
    squeezeExcite: plan.squeezeExcite[i]! ? 0.25 : 0,
  })),
  head: { channels: 1280 },
});

const seven = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 7, maxLength: 7 });
const plans = fc
  .record({
    resolution: fc.constantFrom(128, 160, 192, 224, 256),
    scale: fc.constantFrom(0.5, 0.75, 1, 1.4),
    depths: seven(fc.integer({ min: 1, max: 4 })),
    kernels: seven(fc.constantFrom(3, 5, 7)),
    expansions: seven(fc.constantFrom(1, 3, 4, 6)),
    squeezeExcite: seven(fc.boolean()),
  })
  .map(({ scale, ...rest }) => ({
    ...rest,
    widths: [16, 24, 40, 80, 112, 192, 320].map((width) => Math.max(8, Math.round((width * scale) / 8) * 8)),
  }));

/** 0.2 points: "never clearly worse". A mean over blocks may fall a little when one more block is unlike the others. */
const SLACK = 0.002;
const RUNS = { numRuns: 150, seed: 1 };

describe("the ImageNet surrogate", () => {
  // Float top-1 as published by the authors; not more than two standard errors away.
  it.each([
    ["mobilenet-v1", 0.706, "Howard et al. 2017, arXiv:1704.04861"],
    ["mobilenet-v2", 0.72, "Sandler et al. 2018, arXiv:1801.04381"],
    ["mobilenet-v3-large", 0.752, "Howard et al. 2019, arXiv:1905.02244"],
    ["mobilenet-v3-small", 0.674, "Howard et al. 2019, arXiv:1905.02244"],
    ["efficientnet-b0", 0.771, "Tan and Le 2019, arXiv:1905.11946"],
    ["efficientnet-b3", 0.816, "Tan and Le 2019, arXiv:1905.11946"],
    ["efficientnet-b7", 0.843, "Tan and Le 2019, arXiv:1905.11946"],
    ["mnasnet-a1", 0.752, "Tan et al. 2019, arXiv:1807.11626"],
    ["proxylessnas-mobile", 0.746, "Cai et al. 2019, arXiv:1812.00332"],
    ["resnet-50", 0.761, "torchvision, first weights"],
    ["vgg-16", 0.716, "torchvision, first weights"],
  ])("answers for %s near the published %f (%s)", (name, published) => {
    const { estimate, standardError } = proxy.estimate(loadNetwork(name), float);
    expect(Math.abs(estimate - published)).toBeLessThan(2 * standardError);
  });

  it("is less sure of a kind of network that it has not seen", () => {
    const relative = (name: string) => {
      const { estimate, standardError } = proxy.estimate(loadNetwork(name), float);
      return standardError / (1 - estimate);
    };
    expect(relative("vgg-16")).toBeGreaterThan(2 * relative("mobilenet-v2"));
    expect(relative("resnet-18")).toBeGreaterThan(1.4 * relative("mobilenet-v2"));
  });

  it.each<[string, (plan: Plan) => Plan]>([
    [
      "width",
      (plan) => ({ ...plan, widths: plan.widths.map((width) => width + Math.max(8, Math.round(width / 32) * 8)) }),
    ],
    ["depth", (plan) => ({ ...plan, depths: plan.depths.map((depth) => depth + 1) })],
    ["resolution", (plan) => ({ ...plan, resolution: plan.resolution + 32 })],
    ["kernel", (plan) => ({ ...plan, kernels: plan.kernels.map((kernel) => kernel + 2) })],
    ["expansion", (plan) => ({ ...plan, expansions: plan.expansions.map((expansion) => expansion + 1) })],
    ["squeeze-and-excite", (plan) => ({ ...plan, squeezeExcite: plan.squeezeExcite.map(() => true) })],
  ])("never finds more %s worse", (_, grown) => {
    fc.assert(
      fc.property(plans, (plan) => topOne(fileOf(grown(plan))) >= topOne(fileOf(plan)) - 1e-9),
      RUNS,
    );
  });

  it.each<[string, (plan: Plan, stage: number) => Plan]>([
    ["deeper", (plan, stage) => ({ ...plan, depths: plan.depths.map((depth, i) => depth + (i === stage ? 1 : 0)) })],
    [
      "of a larger kernel",
      (plan, stage) => ({ ...plan, kernels: plan.kernels.map((k, i) => k + (i === stage ? 2 : 0)) }),
    ],
    [
      "expanded more",
      (plan, stage) => ({ ...plan, expansions: plan.expansions.map((e, i) => e + (i === stage ? 1 : 0)) }),
    ],
  ])("does not find a network with one stage %s clearly worse", (_, grown) => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 0, max: 6 }), (plan, stage) => {
        return topOne(fileOf(grown(plan, stage))) >= topOne(fileOf(plan)) - SLACK;
      }),
      RUNS,
    );
  });

  it("answers for odd networks with a fraction and a finite spread", () => {
    const files: NetworkFile[] = [
      { name: "one layer", input: { resolution: 1, channels: 1 }, layers: [{ kind: "fully-connected", units: 1 }] },
      { name: "no weights", input: { resolution: 4 }, layers: [{ kind: "global-pool" }] },
      { name: "matrices", layers: [{ kind: "matmul", rows: 196, inner: 64, columns: 196, heads: 12 }] },
      { name: "huge", input: { resolution: 4096 }, layers: [{ kind: "conv", channels: 4096, kernel: 11 }] },
      { name: "all narrow", input: { resolution: 32 }, stages: [{ kind: "conv", channels: 1, repeat: 200 }] },
    ];
    for (const file of files) {
      const { estimate, standardError } = proxy.estimate(buildNetwork(file), float);
      expect(estimate).toBeGreaterThan(0);
      expect(estimate).toBeLessThan(1);
      expect(standardError).toBeGreaterThan(0);
      expect(standardError).toBeLessThanOrEqual(0.5);
    }
  });

  it("loses no accuracy at 16 bits and some at each step down, in every stage", () => {
    const bits = (stages: readonly (16 | 8 | 4)[]) => {
      const deployment = deploymentSchema.parse({ weightBits: stages, activationBits: stages });
      return proxy.estimate(loadNetwork("mobilenet-v2"), deployment).estimate;
    };
    const all16 = bits(Array<16>(7).fill(16));
    expect(all16).toBe(proxy.estimate(loadNetwork("mobilenet-v2"), float).estimate);
    for (let stage = 0; stage < 7; stage++) {
      const at = (value: 8 | 4) => bits(Array.from({ length: 7 }, (_, i) => (i === stage ? value : 16)));
      expect(at(8)).toBeLessThan(all16);
      expect(at(4)).toBeLessThan(at(8));
    }
  });

  it("knows what a recipe is worth, by name or else by its kind", () => {
    const network = loadNetwork("mobilenet-v2");
    const under = (recipe: string) => imagenetSurrogate({ recipe }).estimate(network, float).estimate;
    expect(under("very long (3600 ep)")).toBeGreaterThan(under("tf-slim basic"));
    expect(under("very long (3600 ep)")).toBeGreaterThan(proxy.estimate(network, float).estimate);
    expect(recipeClassOf("my basic recipe")).toBe("basic");
    expect(under("my basic recipe")).toBeLessThan(under("my recipe"));
  });

  it("has no coefficient that makes capacity harmful, and a measured error better than MACs alone", () => {
    const { model, error } = shippedSurrogate();
    expect(model.coefficients.every((coefficient) => coefficient < 0)).toBe(true);
    expect(error.kendallTau).toBeGreaterThan(0.88);
    expect(error.meanAbsoluteErrorPoints).toBeLessThan(1.3);
  });
});
