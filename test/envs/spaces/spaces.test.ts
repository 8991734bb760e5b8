// The built-in search spaces: their counts, that every sampled candidate is a valid part, and known points of known networks.
import { describe, expect, it } from "vitest";
import { type Deployment, deploymentSchema } from "../../../envs/deployment/deployment.js";
import type { Network } from "../../../envs/network/ir.js";
import { buildNetwork, loadNetwork, type NetworkFile, networkFileSchema } from "../../../envs/network/network-file.js";
import { type LoadedSpace, loadSpaceFile, spaceFileNames } from "../../../envs/space-file.js";
import { RandomStream } from "../../../src/core/rng.js";
import { fillTemplate } from "../../../src/core/template.js";
import type { Candidate, KnobValue } from "../../../src/core/trial.js";

const COUNTS: Readonly<Record<string, bigint>> = {
  "nahas-s1": 3n * 6n ** 16n,
  "nahas-s2": 3n * 6n ** 15n,
  "nahas-s3": 15n * 180n ** 15n, // kernel 3 · filters 5; then kind 2 · kernel 3 · expansion 2 · groups 3 · filters 5
  "ofa-mobilenet-v3": 5n * (9n ** 2n + 9n ** 3n + 9n ** 4n) ** 5n,
  "mbconv-16": 4n * 2n * 8n ** 2n, // width 4 · stem stride 2; per stage: kernel 2 · expansion 2 · depth 2
  "mbconv-32": 36n ** 3n, // per stage: width 3 · kernel 2 · expansion 2 · depth 3
  "tiny-mbv2": 192n,
  "on-chip": 360n,
  "per-stage": 3n ** 14n * 20n,
  uniform: 180n,
};
const names = Object.keys(COUNTS);
const networkSpaces = names.filter((name) => loadSpaceFile(name).group === "network");

const networkOf = (loaded: LoadedSpace, candidate: Candidate): Network =>
  buildNetwork(fillTemplate(loaded.template, candidate) as NetworkFile);

const samples = (loaded: LoadedSpace, count: number): Candidate[] => {
  const random = RandomStream.of(7, loaded.name);
  return Array.from({ length: count }, () => loaded.space.decode(loaded.space.sample(random)));
};

/** The candidate whose knobs are what `value` says by name, where they count. */
const candidateBy = (loaded: LoadedSpace, value: (knob: string) => KnobValue): Candidate => {
  const codes = new Int32Array(loaded.space.length);
  loaded.space.knobs.forEach((knob, i) => {
    codes[i] = loaded.space.isActive(i, codes) ? loaded.space.valueIndex(knob.name, value(knob.name)) : -1;
  });
  return loaded.space.decode(codes);
};

const tables = (network: Network) =>
  network.layers.map(({ kind, K, C, P, R, G, stride, stage, inputs }) => ({
    kind,
    K,
    C,
    P,
    R,
    G,
    stride,
    stage,
    inputs,
  }));

describe("built-in spaces", () => {
  it("are all there", () => {
    expect(spaceFileNames()).toEqual(expect.arrayContaining(names));
  });

  it.each(Object.entries(COUNTS))("%s has %i points", (name, count) => {
    const { space, source } = loadSpaceFile(name);
    expect(space.size()).toBe(count);
    expect(source).toBeTruthy();
    expect(space.name).toBe(name);
  });

  it.each(networkSpaces)("every sampled candidate of %s builds a network", (name) => {
    const loaded = loadSpaceFile(name);
    const distinct = new Set<number>();
    for (const candidate of samples(loaded, 200)) {
      expect(networkFileSchema.safeParse(fillTemplate(loaded.template, candidate)).success).toBe(true);
      const network = networkOf(loaded, candidate);
      expect(network.classes).toBe(name.startsWith("mbconv-") ? 10 : 1000);
      expect(network.stageCount).toBeLessThanOrEqual(7);
      distinct.add(network.macCount);
    }
    expect(distinct.size).toBeGreaterThan(50);
  });

  it.each(["on-chip", "per-stage", "uniform"])("every sampled candidate of %s is a deployment", (name) => {
    const loaded = loadSpaceFile(name);
    for (const candidate of samples(loaded, 200)) {
      expect(deploymentSchema.safeParse(fillTemplate(loaded.template, candidate)).success).toBe(true);
    }
  });
});

describe("known points", () => {
  it("S1 with all kernels 3 and expansions 6 is MobileNetV2, layer by layer", () => {
    const s1 = loadSpaceFile("nahas-s1");
    const point = networkOf(
      s1,
      candidateBy(s1, (knob) => (knob.endsWith("kernel") ? 3 : 6)),
    );
    const reference = loadNetwork("mobilenet-v2");
    expect(tables(point)).toEqual(tables(reference));
    expect(point.macCount).toBe(reference.macCount);
    expect(point.paramCount).toBe(reference.paramCount);
  });

  const b0Kernels = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3];
  const b0 = (knob: string): KnobValue => {
    const [block, what] = knob.split(".") as [string, string];
    const values: Record<string, KnobValue> = {
      kernel: b0Kernels[Number(block.slice(5)) - 1]!,
      expansion: 6,
      kind: "inverted-residual",
      groups: 1,
      filters: 1,
    };
    return values[what]!;
  };

  it.each(["nahas-s2", "nahas-s3"])("EfficientNet-B0 is a point of %s, layer by layer", (name) => {
    const loaded = loadSpaceFile(name);
    const point = networkOf(loaded, candidateBy(loaded, b0));
    const reference = loadNetwork("efficientnet-b0");
    expect(tables(point)).toEqual(tables(reference));
    expect(point.macCount).toBe(reference.macCount);
    expect(point.paramCount).toBe(reference.paramCount);
  });

  it("Once-for-all has 2 to 4 layers a unit, and kernels only for the layers that are there", () => {
    const ofa = loadSpaceFile("ofa-mobilenet-v3");
    const withDepth = (depth: number) =>
      candidateBy(ofa, (knob) => (knob.endsWith("depth") ? depth : knob === "resolution" ? 224 : 3));
    expect(networkOf(ofa, withDepth(2)).blocks.length).toBe(1 + 5 * 2);
    expect(networkOf(ofa, withDepth(4)).blocks.length).toBe(1 + 5 * 4);
    expect(Object.keys(withDepth(2)).length).toBe(1 + 5 * (1 + 2 * 2));
    expect(withDepth(2)).not.toHaveProperty(["unit1.layer3.kernel"]);
    expect(Object.keys(withDepth(4)).length).toBe(1 + 5 * (1 + 2 * 4));
  });

  it("the largest Once-for-all network has the MACs that its stage table gives by hand", () => {
    const ofa = loadSpaceFile("ofa-mobilenet-v3");
    const values: Record<string, KnobValue> = { depth: 4, kernel: 7, expansion: 6, resolution: 224 };
    const network = networkOf(
      ofa,
      candidateBy(ofa, (knob) => values[knob.split(".").at(-1)!]!),
    );
    let macs = 112 * 112 * (27 * 16 + 9 * 16 + 16 * 16); // stem and first block
    let [size, input] = [112, 16];
    for (const [width, stride, squeeze] of [
      [24, 2, 0],
      [40, 2, 1],
      [80, 2, 0],
      [112, 1, 1],
      [160, 2, 1],
    ] as const) {
      for (let i = 0; i < 4; i++) {
        const inner = input * 6;
        const out = i === 0 ? size / stride : size;
        const se = Math.max(8, Math.floor(inner / 4 / 8 + 0.5) * 8);
        macs += size ** 2 * input * inner + out ** 2 * inner * (49 + width) + squeeze * 2 * inner * se;
        [size, input] = [out, width];
      }
    }
    macs += 49 * 160 * 960 + 960 * 1280 + 1280 * 1000;
    expect(network.macCount).toBe(macs);
  });

  it("per-stage deployment lists seven precisions in order", () => {
    const loaded = loadSpaceFile("per-stage");
    const candidate = candidateBy(loaded, (knob) =>
      knob === "batch"
        ? 4
        : knob === "fusion"
          ? "on"
          : knob.startsWith("stage7")
            ? 16
            : knob.endsWith("weightBits")
              ? 4
              : 8,
    );
    expect(fillTemplate(loaded.template, candidate) as Deployment).toEqual({
      weightBits: [4, 4, 4, 4, 4, 4, 16],
      activationBits: [8, 8, 8, 8, 8, 8, 16],
      batch: 4,
      fusion: "on",
    });
  });
});
