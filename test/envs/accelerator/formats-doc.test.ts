import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  type AcceleratorFile,
  acceleratorNames,
  acceleratorSchema,
  buildAccelerator,
  DATAFLOWS,
  loadAccelerator,
} from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { mapProblem } from "../../../envs/accelerator/mapper.js";
import { packageRoot, parseText, readDocument } from "../../../src/files/documents.js";
import { problem } from "./random-cases.js";

const doc = readFileSync(join(packageRoot, "docs/formats-accelerator.md"), "utf8");
const example = doc.match(/```yaml\n([\s\S]*?)```/)?.[1] ?? "";
const parse = (text: string) => parseText<unknown>(text, "a.yaml", acceleratorSchema) as AcceleratorFile;

describe("docs/formats-accelerator.md", () => {
  it("has an example that can be built, mapped and costed", () => {
    const chip = buildAccelerator(parse(example));
    expect(chip.macUnits).toBe(128);
    expect(chip.levels.map(({ instances }) => instances)).toEqual([1, 1, 128]);
    const model = new CostModel(chip);
    const layer = problem("conv", { K: 64, C: 32, P: 28, Q: 28, R: 3, S: 3 });
    const result = mapProblem(layer, model, { objective: "edp", budget: 12 });
    if (result.kind !== "mapped") throw new Error("unmappable");
    model.evaluate(layer, result.mapping);
    expect(model.latencyCycles).toBeGreaterThanOrEqual(layer.operationCount / 128 + 100);
  });

  it("has a row for every key of the schema", () => {
    const { shape } = acceleratorSchema;
    const level = shape.levels.element.shape;
    const axis = level.fanout.unwrap().element.shape;
    const keys = [
      ...Object.keys(shape).filter((key) => !["mac", "overheads", "zeros"].includes(key)),
      ...Object.keys(shape.zeros.unwrap().shape).map((key) => `zeros.${key}`),
      ...Object.keys(shape.overheads.unwrap().shape).map((key) => `overheads.${key}`),
      ...Object.keys(shape.mac.shape).map((key) => `mac.${key}`),
      ...Object.keys(level),
      ...Object.keys(axis).map((key) => `fanout[].${key}`),
    ];
    const rows = doc.split("\n").filter((line) => line.startsWith("| `"));
    const named = new Set(rows.flatMap((row) => row.split("|")[1]!.match(/`[^`]+`/g) ?? []));
    expect([...named].sort()).toEqual([...new Set(keys.map((key) => `\`${key}\``))].sort());
    for (const name of DATAFLOWS) expect(doc).toContain(name);
  });

  it("names the place of a mistake, and what is allowed", () => {
    const broken = (from: string, to: string) => () => parse(example.replace(from, to));
    expect(broken("clockMhz", "clockMHz")).toThrow(
      /a\.yaml:4:\d+: clockMHz is not a key here; did you mean "clockMhz"/,
    );
    expect(broken("weight-stationary", "weight-stationery")).toThrow('did you mean "weight-stationary"');
    expect(broken("type: dram", "type: sram")).toThrow("levels[0]");
    expect(broken("    capacityBytes: 16\n", "")).toThrow("an sram or regfile needs a capacityBytes");
    expect(broken("name: buffer", "name: DRAM")).toThrow("two levels have the same name");
    expect(broken("keeps: [weights]", "keeps: [wieghts]")).toThrow('did you mean "weights"');
  });
});

describe("built-in accelerators", () => {
  for (const name of acceleratorNames()) {
    it(`${name} loads, and says where its figures come from`, () => {
      const chip = loadAccelerator(name);
      expect(chip.name).toBe(name);
      expect(chip.origin.length).toBeGreaterThan(20);
    });
  }
  it("nahas-edge has 4 × 4 × 4 × 64 × 4 multipliers: 26.2 TOPS at 0.8 GHz", () => {
    const chip = loadAccelerator("nahas-edge");
    expect(chip.macUnits).toBe(16384);
    expect((2 * chip.macUnits * chip.clockMhz) / 1e6).toBeCloseTo(26.2, 1);
  });
  it("an unknown name is an error that lists what there is", () => {
    expect(() => loadAccelerator("nahas-egde")).toThrow('did you mean "nahas-edge"?');
  });
});

describe("docs/accelerator-model.md", () => {
  it("states the errors of the SRAM fit as they are", () => {
    const model = readFileSync(join(packageRoot, "docs/accelerator-model.md"), "utf8");
    const fit = z.object({
      nodeNm: z.number(),
      readRmsLogError: z.number(),
      writeRmsLogError: z.number(),
      areaRmsLogError: z.number(),
    });
    const { nodes } = readDocument(
      join(packageRoot, "envs/accelerator/sram.fitted.json"),
      z.object({ nodes: z.array(fit).min(4) }),
    );
    for (const { nodeNm, readRmsLogError, writeRmsLogError, areaRmsLogError } of nodes) {
      const errors = [readRmsLogError, writeRmsLogError, areaRmsLogError].map((error) => error.toFixed(3));
      expect(model).toContain(`| ${nodeNm} nm | ${errors.join(" | ")} |`);
    }
  });
});
