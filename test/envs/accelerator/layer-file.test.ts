import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { acceleratorSchema, completeAccelerator } from "../../../envs/accelerator/architecture.js";
import { checkMapping } from "../../../envs/accelerator/check-mapping.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import {
  type LayerFile,
  layerFileSchema,
  layerParts,
  onlyPart,
  readLayerFile,
} from "../../../envs/accelerator/layer-file.js";
import { compileMapping, type MappingData } from "../../../envs/accelerator/mapping.js";
import { mappingFileText, parseMapping } from "../../../envs/accelerator/mapping-file.js";
import { mappingReport } from "../../../envs/accelerator/mapping-report.js";
import { packageRoot, parseText } from "../../../src/files/documents.js";

const doc = (name: string): string => readFileSync(join(packageRoot, "docs", name), "utf8");
const blocks = [...doc("formats-mapping.md").matchAll(/```yaml\n([\s\S]*?)```/g)].map((found) => found[1]!);
const layers = blocks.filter((text) => text.startsWith("# layer"));

/** Extents N G K C P Q R S of each part of a layer in YAML. */
const extents = (text: string): number[][] => {
  const file = parseText<unknown>(text, "layer.yaml", layerFileSchema) as LayerFile;
  return layerParts(file).map(({ problem }) => [...problem.extents]);
};

describe("layer files", () => {
  it.each([
    ["dense", "{ kind: conv, K: 8, C: 4, P: 5, Q: 6, R: 3, S: 2 }", [[1, 1, 8, 4, 5, 6, 3, 2]]],
    ["grouped", "{ kind: conv, K: 8, C: 4, P: 5, R: 3, groups: 2, batch: 3 }", [[3, 2, 4, 2, 5, 5, 3, 3]]],
    ["depthwise", "{ kind: depthwise, C: 8, P: 5, R: 3 }", [[1, 8, 1, 1, 5, 5, 3, 3]]],
    ["fully connected", "{ kind: fully-connected, K: 10, C: 64, batch: 2 }", [[2, 1, 10, 64, 1, 1, 1, 1]]],
    ["attention", "{ kind: matmul, rows: 7, inner: 16, columns: 9, heads: 3 }", [[1, 3, 9, 16, 7, 1, 1, 1]]],
    ["batched product", "{ kind: matmul, rows: 7, inner: 16, columns: 9, batch: 4 }", [[4, 1, 9, 16, 7, 1, 1, 1]]],
    ["pool", "{ kind: pool, C: 8, P: 5, R: 2, stride: 2 }", [[1, 8, 1, 1, 5, 5, 2, 2]]],
    ["global pool", "{ kind: global-pool, C: 8, R: 7 }", [[1, 8, 1, 1, 1, 1, 7, 7]]],
    ["add", "{ kind: add, C: 8, P: 5, Q: 4 }", [[1, 8, 1, 1, 5, 4, 1, 1]]],
    ["multiply", "{ kind: multiply, C: 8, P: 5 }", [[1, 8, 1, 1, 5, 5, 1, 1]]],
    [
      "sized by its input, valid",
      "{ kind: conv, channels: 6, kernel: 3, padding: valid, input: { channels: 4, rows: 9, columns: 7 } }",
      [[1, 1, 6, 4, 7, 5, 3, 3]],
    ],
    [
      "sized by its input, dilated",
      "{ kind: conv, channels: 6, dilation: 2, padding: 1, input: { channels: 4, rows: 9 } }",
      [[1, 1, 6, 4, 7, 7, 3, 3]],
    ],
    [
      "flattened",
      "{ kind: fully-connected, units: 10, input: { channels: 4, rows: 3, columns: 2 } }",
      [[1, 1, 10, 24, 1, 1, 1, 1]],
    ],
    [
      "squeeze-excite as its parts",
      "{ kind: squeeze-excite, ratio: 0.25, input: { channels: 8, rows: 5, columns: 4 } }",
      [
        [1, 8, 1, 1, 1, 1, 5, 4],
        [1, 1, 2, 8, 1, 1, 1, 1],
        [1, 1, 8, 2, 1, 1, 1, 1],
        [1, 8, 1, 1, 5, 4, 1, 1],
      ],
    ],
  ])("%s", (_, text, expected) => expect(extents(text)).toEqual(expected));

  it("gives every operand its bits; sums under way those of the machine unless stated", () => {
    const bitsOf = (text: string, partialBits: number) =>
      layerParts(parseText<unknown>(text, "layer.yaml", layerFileSchema) as LayerFile, partialBits)[0]!.problem.bits;
    const text = "{ kind: conv, K: 8, C: 4, P: 5, bits: { weights: 4, inputs: 8, outputs: 16 } }";
    expect(bitsOf(text, 24)).toEqual({ weights: 4, inputs: 8, outputs: 16, partial: 24 });
    expect(bitsOf(text.replace("16 }", "16, partial: 20 }"), 24).partial).toBe(20);
  });

  it("says whether a second operand has every pixel", () => {
    const relevant = (text: string) =>
      layerParts(parseText<unknown>(text, "layer.yaml", layerFileSchema) as LayerFile)[0]!.problem.words[0];
    expect(relevant("{ kind: multiply, C: 8, P: 5 }")).toBe(8);
    expect(relevant("{ kind: multiply, C: 8, P: 5, second: map }")).toBe(200);
  });

  it("names what is missing and what is wrong", () => {
    expect(() => extents("{ kind: conv, K: 8, P: 5 }")).toThrow(/layer conv: state C, or the size of what it reads/);
    expect(() => extents("{ kind: squeeze-excite }")).toThrow("state input");
    expect(() => extents("{ kind: conv, K: 8, C: 4, P: 5, strid: 2 }")).toThrow(
      /layer\.yaml:1:\d+: strid is not a key here; did you mean "stride"/,
    );
    expect(() => extents("{ kind: convolution, K: 8 }")).toThrow(/kind/);
    expect(() => extents("{ kind: conv, K: 8, C: 4, P: 5, groups: 3 }")).toThrow(/NETWORK|groups/);
    expect(() =>
      extents("{ kind: conv, channels: 8, kernel: 9, padding: valid, input: { channels: 4, rows: 5 } }"),
    ).toThrow("larger than the input");
  });

  it("chooses one of several parts by name", () => {
    const parts = layerParts(parseText<unknown>(layers.at(-1)!, "se.yaml", layerFileSchema) as LayerFile);
    expect(onlyPart(parts, "se.reduce").layer.K).toBe(24);
    expect(() => onlyPart(parts, undefined)).toThrow("choose one with --part: se.pool, se.reduce, se.expand, se.scale");
    expect(() => onlyPart(parts, "se.redue")).toThrow('did you mean "se.reduce"?');
  });
});

describe("docs/formats-mapping.md", () => {
  it("has layers that can be read", () => {
    expect(layers).toHaveLength(4);
    expect(layers.map(extents)).toEqual([
      [[4, 2, 32, 16, 28, 28, 3, 3]],
      [[1, 96, 1, 1, 28, 14, 5, 5]],
      [[1, 12, 197, 64, 197, 1, 1, 1]],
      expect.any(Array),
    ]);
  });

  it("has a mapping that runs on the accelerator of its page, and reads back as written", () => {
    const chipText = doc("formats-accelerator.md").match(/```yaml\n([\s\S]*?)```/)![1]!;
    const chip = completeAccelerator(parseText<never>(chipText, "a.yaml", acceleratorSchema as never));
    const mapping = parseMapping(blocks.find((text) => text.startsWith("# mapping"))!, "m.yaml") as MappingData;
    const { problem } = layerParts({ kind: "conv", K: 64, C: 32, P: 28, Q: 28, R: 3, S: 3 })[0]!;
    expect(checkMapping(problem, chip, mapping)).toEqual([]);
    const again = parseMapping(mappingFileText(mapping, "conv3", "small-edge"), "m.yaml");
    expect(again).toEqual(mapping);
    expect(parseMapping(JSON.stringify(mapping), "m.json")).toEqual(mapping);

    const report = mappingReport(problem, compileMapping(mapping, chip), new CostModel(chip));
    // 128 of 128 multipliers: 64 · 32 · 28 · 28 · 9 / 128 cycles, and 100 of set-up
    expect(report.computeCycles).toBe(112896);
    expect(report.latencyParts.setup).toBe(100);
    // weights go to the registers once for every row tile of DRAM and stay while pixels pass
    const registers = report.levels.at(-1)!;
    expect(registers.operands.find(({ operand }) => operand === "weights")?.fills).toBe(64 * 32 * 9 * 7);
    const parts = report.levels.reduce(
      (sum, { energyPj }) => sum + energyPj,
      report.operationEnergyPj + report.leakageEnergyPj,
    );
    expect(parts / report.energyPj).toBeCloseTo(1, 12);
    const latency = Object.values(report.latencyParts).reduce((sum, cycles) => sum + cycles, 0);
    expect(Math.ceil(latency - 1e-6)).toBe(report.latencyCycles);
  });

  it("reads a layer from a file, and says where a mistake stands in a mapping", () => {
    const path = join(mkdtempSync(join(tmpdir(), "cosearch-layer-")), "l.yaml");
    writeFileSync(path, layers[0]!);
    expect(readLayerFile(path)).toMatchObject({ kind: "conv", batch: 4 });
    const mapping = "levels:\n  - { level: DRAM, temporal: [{ dim: K, bond: 2 }] }\n";
    expect(() => parseMapping(mapping, "m.yaml")).toThrow(
      /m\.yaml:2:\d+: levels\[0\]\.temporal\[0\]\.bound is missing|bond is not a key here; did you mean "bound"/,
    );
  });
});
