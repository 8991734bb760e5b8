import { describe, expect, it } from "vitest";
import { buildNetwork, type NetworkFile, networkFileSchema } from "../../../envs/network/network-file.js";

type Layers = NonNullable<NetworkFile["layers"]>;
const build = (layers: Layers, resolution = 14, channels = 192) =>
  buildNetwork({ name: "list", input: { resolution, channels }, layers });

describe("a layer list", () => {
  it("infers sizes from the layer before", () => {
    const { layers } = build(
      [
        { kind: "conv", channels: 64, kernel: 7, stride: 2 },
        { kind: "pool", kernel: 3, stride: 2 },
        { kind: "depthwise", kernel: [3, 5] },
        { kind: "global-pool" },
        { kind: "fully-connected", units: 10 },
      ],
      224,
      3,
    );
    expect(layers.map((l) => [l.P, l.Q])).toEqual([
      [112, 112],
      [56, 56],
      [56, 56],
      [1, 1],
      [1, 1],
    ]);
    expect(layers[2]).toMatchObject({ id: "depthwise3", R: 3, S: 5, G: 64, inputs: [1] });
    expect(layers[3]).toMatchObject({ R: 56, S: 56 });
    expect(layers[4]!.macCount).toBe(640);
  });

  it("builds attention: 3 heads of 64 over 196 tokens", () => {
    const { layers, macCount } = build([
      { kind: "conv", name: "qkv", channels: 576, kernel: 1 },
      { kind: "matmul", name: "scores", inputs: ["qkv", "qkv"], rows: 196, inner: 64, columns: 196, heads: 3 },
      { kind: "matmul", name: "mix", inputs: ["scores", "qkv"], rows: 196, inner: 196, columns: 64, heads: 3 },
      { kind: "conv", name: "out", channels: 192, kernel: 1 },
      { kind: "add", inputs: ["out", "input"] },
    ]);
    expect(layers[1]).toMatchObject({ K: 588, C: 192, P: 196, Q: 1, G: 3, inputs: [0, 0] });
    expect(layers[1]!.macCount).toBe(3 * 196 * 64 * 196);
    expect(layers[1]!.weightCount).toBe(0);
    expect(layers[4]!.inputs).toEqual([3, -1]);
    expect(macCount).toBe(196 * 192 * 576 + 2 * 3 * 196 * 64 * 196 + 196 * 192 * 192);
  });

  it("counts a batched product once per batch entry", () => {
    const { layers } = build([{ kind: "matmul", rows: 49, inner: 32, columns: 49, heads: 2, batch: 4 }]);
    expect(layers[0]!.macCount).toBe(8 * 49 * 32 * 49);
  });

  it("opens squeeze-excite into four layers that keep its name", () => {
    const { layers } = build([
      { kind: "conv", channels: 32, kernel: 1 },
      { kind: "squeeze-excite", name: "se", ratio: 0.25 },
      { kind: "conv", channels: 8, kernel: 1, inputs: ["se"] },
    ]);
    expect(layers.map((l) => l.id)).toEqual(["conv1", "se.pool", "se.reduce", "se.expand", "se.scale", "conv3"]);
    expect(layers[2]).toMatchObject({ K: 8, C: 32 });
    expect(layers[4]!.inputs).toEqual([0, 3]);
    expect(layers[5]!.inputs).toEqual([4]);
  });

  it("joins the channels of a convolution's inputs, and adds or multiplies equal shapes", () => {
    const { layers } = build([
      { kind: "conv", name: "a", channels: 24, kernel: 1 },
      { kind: "conv", name: "b", channels: 40, kernel: 3, inputs: ["input"] },
      { kind: "conv", name: "c", channels: 8, kernel: 1, inputs: ["a", "b"] },
    ]);
    expect(layers[2]).toMatchObject({ C: 64, inputs: [0, 1] });
  });

  it("takes shapes in letters; one that does not follow from the layer before reads from off chip", () => {
    const { layers } = build([
      { kind: "conv", K: 64, C: 32, P: 56, Q: 56, R: 3, S: 3 },
      { kind: "conv", K: 32, C: 64, P: 28, Q: 28, R: 3, S: 3, stride: 2 },
      { kind: "conv", K: 96, C: 16, P: 7, Q: 7 },
      { kind: "fully-connected", K: 1000, C: 2048 },
    ]);
    expect(layers.map((l) => l.inputs)).toEqual([[-1], [0], [-1], [-1]]);
    expect(layers.map((l) => l.macCount)).toEqual([64 * 32 * 3136 * 9, 32 * 64 * 784 * 9, 96 * 16 * 49, 2_048_000]);
  });

  it("has as many stages as labels in a row", () => {
    const { layers, stageCount } = build([
      { kind: "conv", channels: 8 },
      { kind: "conv", channels: 8, stage: "late" },
      { kind: "conv", channels: 8 },
    ]);
    expect(layers.map((l) => l.stage)).toEqual([0, 1, 1]);
    expect(stageCount).toBe(2);
  });
});

describe("a layer list that does not fit together", () => {
  const conv = { kind: "conv", name: "a", channels: 24, kernel: 1 } as const;
  it.each<[string, Layers, string]>([
    ["unknown input", [{ ...conv, inputs: ["z"] }], 'no layer before it is called "z"'],
    ["name twice", [conv, conv], "layer a: the name is taken"],
    ["missing width", [{ kind: "conv", kernel: 3 }], "channels (or K) is missing"],
    [
      "add of different widths",
      [conv, { kind: "add", inputs: ["a", "input"] }],
      "add of different widths: 192 against 24",
    ],
    ["add of one", [conv, { kind: "add" }], "add joins two layers: 2 against 1 inputs"],
    [
      "letters against the named input",
      [conv, { kind: "conv", inputs: ["a"], K: 8, C: 32, P: 14 }],
      "32 against 24 channels",
    ],
    ["rows against the named input", [conv, { kind: "conv", inputs: ["a"], K: 8, C: 24, P: 56 }], "56 against 14 rows"],
    ["too large a product", [conv, { kind: "matmul", rows: 196, inner: 25, columns: 2 }], "4900 against 4704 elements"],
    ["depthwise that widens", [{ kind: "depthwise", K: 8, C: 4, P: 7 }], "depthwise keeps its channels: 8 against 4"],
  ])("%s is named", (_, layers, message) => {
    expect(() => networkFileSchema.parse({ name: "x", layers })).not.toThrow();
    expect(() => build(layers)).toThrow(expect.objectContaining({ code: "NETWORK_BAD_SHAPE" }));
    expect(() => build(layers)).toThrow(message);
  });
});
