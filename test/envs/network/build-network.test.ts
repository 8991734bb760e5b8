import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BLOCK_KINDS, type Layer, type Network } from "../../../envs/network/ir.js";
import {
  buildNetwork,
  loadNetwork,
  type NetworkFile,
  NetworkShapeError,
  networkFileSchema,
  networkNames,
} from "../../../envs/network/network-file.js";

const ids = (network: Network): string[] => network.layers.map((layer) => layer.id);
const layer = (network: Network, id: string): Layer => {
  const found = network.layers.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`no layer ${id} among ${ids(network).join(" ")}`);
  return found;
};
const position = (network: Network, id: string): number => network.layers.indexOf(layer(network, id));

/** One block on an 8 × 8 × 16 input. */
const oneBlock = (stage: NonNullable<NetworkFile["stages"]>[number], rest: Partial<NetworkFile> = {}): Network =>
  buildNetwork({ name: "one", input: { resolution: 8, channels: 16 }, classes: 10, stages: [stage], ...rest });

describe("an inverted residual block", () => {
  const network = oneBlock({ kind: "inverted-residual", channels: 16, kernel: 5, expansion: 6, activation: "relu6" });

  it("expands, filters each channel, projects, and adds its input", () => {
    expect(ids(network)).toEqual([
      "stage1.block1.expand",
      "stage1.block1.depthwise",
      "stage1.block1.project",
      "stage1.block1.add",
      "head.pool",
      "head.classifier",
    ]);
    expect(layer(network, "stage1.block1.add").inputs).toEqual([2, -1]);
    expect(layer(network, "stage1.block1.project").activation).toBe("none");
    expect(layer(network, "stage1.block1.depthwise").activation).toBe("relu6");
  });

  it("counts MACs and parameters as worked by hand", () => {
    expect(layer(network, "stage1.block1.expand").macCount).toBe(8 * 8 * 16 * 96);
    expect(layer(network, "stage1.block1.depthwise").macCount).toBe(8 * 8 * 96 * 25);
    expect(layer(network, "stage1.block1.project").macCount).toBe(8 * 8 * 96 * 16);
    expect(layer(network, "stage1.block1.add").macCount).toBe(0);
    expect(layer(network, "stage1.block1.depthwise").weightCount).toBe(96 * 25);
    expect(layer(network, "stage1.block1.depthwise").paramCount).toBe(96 * 25 + 2 * 96); // scale and shift
    expect(layer(network, "head.classifier").paramCount).toBe(16 * 10 + 10);
  });

  it("has no addition where it strides or changes the width", () => {
    expect(ids(oneBlock({ kind: "inverted-residual", channels: 16, stride: 2 }))).not.toContain("stage1.block1.add");
    expect(ids(oneBlock({ kind: "inverted-residual", channels: 24 }))).not.toContain("stage1.block1.add");
  });

  it("has no first convolution without expansion", () => {
    const plain = oneBlock({ kind: "inverted-residual", channels: 24, expansion: 1 });
    expect(ids(plain).slice(0, 2)).toEqual(["stage1.block1.depthwise", "stage1.block1.project"]);
  });

  it("says in its block what the stage table said", () => {
    expect(network.blocks).toEqual([
      {
        kind: "inverted-residual",
        kernel: 5,
        stride: 1,
        expansion: 6,
        inChannels: 16,
        outChannels: 16,
        squeezeExcite: 0,
        groups: 1,
        activation: "relu6",
        outResolution: 8,
        stage: 0,
      },
    ]);
  });
});

describe("squeeze-excite", () => {
  it("pools, squeezes to a share of the block's input channels, and scales every channel", () => {
    const network = oneBlock({ kind: "inverted-residual", channels: 16, expansion: 4, squeezeExcite: 0.25 });
    expect(layer(network, "stage1.block1.squeeze.pool")).toMatchObject({
      kind: "global-pool",
      K: 64,
      R: 8,
      S: 8,
      P: 1,
    });
    expect(layer(network, "stage1.block1.squeeze.reduce")).toMatchObject({ kind: "fully-connected", K: 4, C: 64 });
    expect(layer(network, "stage1.block1.squeeze.expand")).toMatchObject({ K: 64, C: 4, activation: "sigmoid" });
    const scale = layer(network, "stage1.block1.squeeze.scale");
    expect(scale).toMatchObject({ kind: "multiply", K: 64, P: 8, Q: 8 });
    expect(scale.inputs).toEqual([
      position(network, "stage1.block1.depthwise"),
      position(network, "stage1.block1.squeeze.expand"),
    ]);
    expect(network.blocks[0]!.squeezeExcite).toBe(0.25);
  });

  it("can be a share of the expanded width to a multiple of 8, as in MobileNetV3", () => {
    const squeezeExcite = { ratio: 0.25, of: "expanded", multipleOf: 8 } as const;
    const width = (expandedChannels: number): number => {
      const network = oneBlock({ kind: "inverted-residual", channels: 16, expandedChannels, squeezeExcite });
      return layer(network, "stage1.block1.squeeze.reduce").K;
    };
    expect(width(72)).toBe(24); // 18 rounds to 16, which is below 90 % of 18, so 24
    expect(width(120)).toBe(32);
    expect(width(672)).toBe(168);
  });
});

describe("the other kinds of block", () => {
  it("depthwise-separable activates both convolutions and never adds", () => {
    const network = oneBlock({ kind: "depthwise-separable", channels: 16, activation: "relu" });
    expect(ids(network).slice(0, 2)).toEqual(["stage1.block1.depthwise", "stage1.block1.point"]);
    expect(layer(network, "stage1.block1.point").activation).toBe("relu");
    expect(ids(network)).not.toContain("stage1.block1.add");
  });

  it("fused-inverted-residual puts kernel, stride and groups into one dense convolution", () => {
    const network = oneBlock({ kind: "fused-inverted-residual", channels: 24, expansion: 4, stride: 2, groups: 2 });
    const fused = layer(network, "stage1.block1.fused");
    expect(fused).toMatchObject({ kind: "conv", K: 64, C: 16, G: 2, P: 4, R: 3, stride: [2, 2] });
    expect(fused.macCount).toBe(4 * 4 * 64 * (16 / 2) * 9);
    expect(layer(network, "stage1.block1.project")).toMatchObject({ K: 24, C: 64, G: 1, P: 4 });
  });

  it("residual-basic projects its shortcut where the shape changes", () => {
    const network = oneBlock({ kind: "residual-basic", channels: 32, stride: 2, activation: "relu" });
    const add = layer(network, "stage1.block1.add");
    expect(add.inputs).toEqual([position(network, "stage1.block1.conv2"), position(network, "stage1.block1.shortcut")]);
    expect(add.activation).toBe("relu");
    expect(layer(network, "stage1.block1.shortcut")).toMatchObject({ K: 32, C: 16, R: 1, stride: [2, 2], P: 4 });
    expect(layer(network, "stage1.block1.shortcut").inputs).toEqual([-1]);
  });

  it("residual-bottleneck narrows to channels / expansion and strides in the middle", () => {
    const network = oneBlock({ kind: "residual-bottleneck", channels: 64, stride: 2 });
    expect(layer(network, "stage1.block1.reduce")).toMatchObject({ K: 16, P: 8 });
    expect(layer(network, "stage1.block1.conv")).toMatchObject({ K: 16, R: 3, P: 4 });
    expect(layer(network, "stage1.block1.expand")).toMatchObject({ K: 64, P: 4 });
    expect(network.blocks[0]!.expansion).toBe(4);
  });
});

describe("sizes", () => {
  it("follow same padding: ceil(input / stride)", () => {
    const odd = oneBlock({ kind: "conv", channels: 8, kernel: 7, stride: 2 }, { input: { resolution: 225 } });
    expect(odd.layers[0]!.P).toBe(113);
  });

  it("of AlexNet are the paper's 55, 27, 13, 6", () => {
    const network = loadNetwork("alexnet");
    const sizes = network.layers.filter((l) => l.kind === "conv" || l.kind === "pool").map((l) => l.P);
    expect(sizes).toEqual([55, 27, 27, 13, 13, 13, 13, 6]);
    expect(layer(network, "head.hidden1")).toMatchObject({ C: 256 * 6 * 6, K: 4096 });
    // Eyeriss (Chen et al. 2017, table IV) runs these five, and writes 105 M, 224 M, 150 M, 112 M and 75 M MACs
    const megaMacs = network.layers.filter((l) => l.kind === "conv").map((l) => Math.round(l.macCount / 1e6));
    expect(megaMacs).toEqual([105, 224, 150, 112, 75]);
  });

  it("of VGG-16 halve with each pool, and the classifier reads 512 × 7 × 7", () => {
    const network = loadNetwork("vgg-16");
    expect(network.layers.filter((l) => l.kind === "pool").map((l) => l.P)).toEqual([112, 56, 28, 14, 7]);
    expect(layer(network, "head.hidden1").C).toBe(25088);
  });

  it("of ResNet-50 are 112, 56 after the stem's pool, then 56, 28, 14, 7", () => {
    const network = loadNetwork("resnet-50");
    expect(layer(network, "stem").P).toBe(112);
    expect(layer(network, "stem.pool")).toMatchObject({ P: 56, R: 3, stride: [2, 2] });
    expect([...new Set(network.blocks.map((block) => block.outResolution))]).toEqual([56, 28, 14, 7]);
  });
});

describe("stages", () => {
  it("put the stem in the first and the head in the last", () => {
    const network = loadNetwork("mobilenet-v2");
    expect(network.stageCount).toBe(7);
    expect(layer(network, "stem").stage).toBe(0);
    expect(layer(network, "stage3.block2.expand").stage).toBe(2);
    expect(layer(network, "head.classifier").stage).toBe(6);
  });

  it("join entries in a row that have the same label", () => {
    const entry = (stage?: string | number) =>
      ({ kind: "conv", channels: 8, ...(stage !== undefined && { stage }) }) as const;
    const network = buildNetwork({
      name: "x",
      stages: [entry("a"), entry("a"), entry(), entry(), entry("b"), entry("a")],
    });
    expect(network.blocks.map((block) => block.stage)).toEqual([0, 0, 1, 2, 3, 4]);
    expect(network.stageCount).toBe(5);
  });
});

describe("a network that cannot be built", () => {
  it("names the layer and the numbers of groups that do not divide", () => {
    const build = () => oneBlock({ kind: "conv", channels: 24, groups: 5 });
    expect(build).toThrow(
      "network one, layer stage1.block1.conv: groups do not divide the channels: 5 against 16 input channels",
    );
    try {
      build();
    } catch (error) {
      expect(error).toBeInstanceOf(NetworkShapeError);
      const shapeError = error as NetworkShapeError;
      expect(shapeError.code).toBe("NETWORK_BAD_SHAPE");
      expect(shapeError.violation).toMatchObject({ needed: 5, available: 16, unit: "input channels" });
    }
  });

  it("names a feature map that is smaller than the filter", () => {
    const build = () => oneBlock({ kind: "conv", channels: 8, kernel: 11, padding: "valid" });
    expect(build).toThrow("the filter is larger than the padded feature map: 11 against 8 rows");
  });
});

/** What breaks the invariants of the IR that the mapper and the proxies build on. */
function broken(network: Network): string[] {
  const problems: string[] = [];
  let macCount = 0;
  network.layers.forEach((l, i) => {
    const check = (holds: boolean, what: string) => holds || problems.push(`${l.id}: ${what}`);
    const producers = l.inputs.map((input) => network.layers[input]);
    check(l.inputs.length > 0, "no inputs");
    check(
      l.inputs.every((input) => input >= -1 && input < i),
      "an input that comes later",
    );
    check(
      [l.K, l.C, l.P, l.Q, l.R, l.S, l.G].every((extent) => Number.isInteger(extent) && extent >= 1),
      "an extent",
    );
    check(l.K % l.G === 0 && l.C % l.G === 0, "groups");
    if (l.kind === "conv" || l.kind === "depthwise") {
      check(l.macCount === l.K * (l.C / l.G) * l.P * l.Q * l.R * l.S, "MACs");
      check(l.weightCount === l.K * (l.C / l.G) * l.R * l.S, "weights");
      check(producers[0] === undefined || producers[0].K === l.C, "input channels");
    }
    if (l.kind === "depthwise") check(l.K === l.C && l.K === l.G, "depthwise");
    if (l.kind === "add") check(l.inputs.length === 2 && producers.every((p) => p === undefined || p.K === l.K), "add");
    check(l.stage >= (network.layers[i - 1]?.stage ?? 0) && l.stage < network.stageCount, "stage");
    macCount += l.macCount;
  });
  if (network.macCount !== macCount) problems.push("MACs of the network");
  if (new Set(ids(network)).size !== network.layers.length) problems.push("an id twice");
  return problems;
}

describe("every network", () => {
  it.each(networkNames())("%s keeps the invariants of the IR", (name) => expect(broken(loadNetwork(name))).toEqual([]));

  const stage = fc.record({
    kind: fc.constantFrom(...BLOCK_KINDS),
    channels: fc.integer({ min: 1, max: 12 }).map((n) => n * 8),
    kernel: fc.constantFrom(1, 3, 5, 7),
    stride: fc.constantFrom(1, 2),
    expansion: fc.constantFrom(1, 2, 4),
    repeat: fc.integer({ min: 1, max: 3 }),
    squeezeExcite: fc.constantFrom(0, 0.25),
    groups: fc.constantFrom(1, 2, 4),
  });

  it("that a random stage table describes keeps them too, and needs nothing that the schema would add", () => {
    fc.assert(
      fc.property(
        fc.array(stage, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 97 }),
        (stages, resolution) => {
          const file: NetworkFile = { name: "random", input: { resolution }, stem: { channels: 16 }, stages };
          const bottleneckTooThin = stages.some(
            (s) => s.kind === "residual-bottleneck" && (s.channels / s.expansion) % s.groups !== 0,
          );
          fc.pre(!bottleneckTooThin);
          const network = buildNetwork(file);
          expect(broken(network)).toEqual([]);
          expect(buildNetwork(networkFileSchema.parse(file))).toEqual(network);
        },
      ),
      { numRuns: 60 },
    );
  });
});
