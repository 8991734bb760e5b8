import { expect, it, describe as suite } from "vitest";
import { describe } from "../../../envs/accuracy/descriptors.js";
import { buildNetwork, loadNetwork } from "../../../envs/network/network-file.js";

suite("descriptors", () => {
  // 32 px input: stem at 16 rows, a block of 8 -> 16 -> 8 channels at 8 rows with squeeze-and-excite.
  const tiny = buildNetwork({
    name: "tiny",
    input: { resolution: 32 },
    activation: "swish",
    classes: 10,
    stem: { channels: 8 },
    stages: [{ kind: "inverted-residual", kernel: 5, stride: 2, expansion: 2, channels: 8, squeezeExcite: 0.5 }],
  });

  it("counts what a person can count on a network of one block", () => {
    const d = describe(tiny);
    expect(d.depth).toBe(2); // stem and depthwise
    expect(d.kernel).toBeCloseTo(Math.log(5 / 3) / 2, 12); // 3 x 3 counts 0
    expect(d.depthwise).toBe(0.5);
    expect(d.squeezeExcite).toBe(0.5);
    expect(d.logResolution).toBeCloseTo(Math.log(32 / 224), 12);
    // stem 3·8·9, expand 8·16, depthwise 16·25, project 16·8; the rest sees 1 x 1 maps
    expect(Math.exp(d.logMapWeights)).toBeCloseTo(1 + 216 + 128 + 400 + 128, 6);
    expect(d.smoothActivation).toBe(1);
  });

  it("puts each spatial layer into the section of its downsampling", () => {
    const [half, quarter, ...rest] = describe(tiny).sections;
    expect(half).toEqual({ depth: 1, logWidth: Math.log(8), logKernel: Math.log(3), squeezeExciteCount: 0 });
    expect(quarter).toEqual({ depth: 1, logWidth: Math.log(16), logKernel: Math.log(5), squeezeExciteCount: 1 });
    expect(rest.every((section) => section.depth === 0 && section.logWidth === 0)).toBe(true);
  });

  it("splits strides 16 and 32 of MobileNetV2 by width: 64 × 4 and 96 × 3, 160 × 3 and 320 × 1", () => {
    const depths = describe(loadNetwork("mobilenet-v2")).sections.map((section) => section.depth);
    expect(depths).toEqual([2, 2, 3, 4, 3, 3, 1]);
  });

  it("splits a stride of one width in halves, as MobileNetV1's", () => {
    const depths = describe(loadNetwork("mobilenet-v1")).sections.map((section) => section.depth);
    expect(depths).toEqual([2, 2, 2, 3, 3, 1, 1]);
  });

  it("describes a layer list as it describes the stage table of the same network", () => {
    const listed = buildNetwork({
      name: "tiny, listed",
      input: { resolution: 32 },
      layers: [
        { kind: "conv", channels: 8, kernel: 3, stride: 2, activation: "swish" },
        { kind: "conv", channels: 16, kernel: 1, activation: "swish" },
        { kind: "depthwise", kernel: 5, stride: 2, activation: "swish" },
        { kind: "squeeze-excite", channels: 4, squeezeActivation: "swish" },
        { kind: "conv", channels: 8, kernel: 1 },
        { kind: "global-pool" },
        { kind: "fully-connected", units: 10 },
      ],
    });
    expect(listed.macCount).toBe(tiny.macCount);
    expect(describe(listed)).toEqual(describe(tiny));
  });
});
