// The examples of docs/formats-network.md are read and built, and its tables name every key and kind.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ACTIVATIONS, BLOCK_KINDS, LAYER_KINDS } from "../../../envs/network/ir.js";
import { buildNetwork, networkFileSchema } from "../../../envs/network/network-file.js";
import { loadSpaceFile, parseSpaceFile, spaceFileNames } from "../../../envs/space-file.js";
import { parseLocated, parseText } from "../../../src/files/documents.js";

const text = readFileSync("docs/formats-network.md", "utf8");
const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);
const [table, attention, shapes, space, rules] = examples as [string, string, string, string, string];
const build = (example: string) => buildNetwork(parseText(example, "docs", networkFileSchema));

describe("docs/formats-network.md", () => {
  it("has examples that are what it says", () => {
    expect(examples.length).toBe(5);
    expect(build(table).blocks.length).toBe(5);
    expect(build(attention).layers[2]).toMatchObject({ kind: "matmul", macCount: 3 * 196 * 64 * 196 });
    expect(build(shapes).layers.map((layer) => layer.inputs)).toEqual([[-1], [-1], [-1]]);
    expect(parseSpaceFile(parseLocated(space, "docs").value, "docs").space.size()).toBe(2n * 3n + 2n * 3n * 2n);
    // depth 1: kernels 3, 5, 7 at width 0.5, and 3, 5 at width 1; depth 2: two kernels, two widths, two second kernels
    expect(parseSpaceFile(parseLocated(`${space}${rules}`, "docs").value, "docs").space.size()).toBe(5n + 8n);
  });

  it("names every kind, activation, key and built-in space", () => {
    const keys = Object.keys(networkFileSchema.shape);
    const stageKeys = Object.keys(networkFileSchema.shape.stages.unwrap().element.shape);
    const builtIn = spaceFileNames().filter((name) => loadSpaceFile(name).group !== "accelerator");
    for (const word of [...BLOCK_KINDS, ...LAYER_KINDS, ...ACTIVATIONS, ...keys, ...stageKeys, ...builtIn]) {
      expect(text).toContain(word);
    }
  });
});
