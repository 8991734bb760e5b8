import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type AcceleratorFile, buildAccelerator } from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { compileMapping, type MappingData } from "../../../envs/accelerator/mapping.js";
import { DIMS, type Dim, OPERANDS } from "../../../envs/accelerator/problem.js";
import { packageRoot, readDocument } from "../../../src/files/documents.js";
import { problem } from "./random-cases.js";

/** Relative; what Timeloop rounds (its cycles, at times one too high, and its printed energies) is far below. */
const TOLERANCE = 0.001;

const loops = z.object({ level: z.string(), temporal: z.string(), spatial: z.string() });
const accesses = z.partialRecord(z.enum(OPERANDS), z.tuple([z.number(), z.number(), z.number()]));
const rowSchema = z.object({
  id: z.string(),
  source: z.string(),
  layer: z.object({
    name: z.string(),
    depthwise: z.boolean().default(false),
    stride: z.number(),
    ...(Object.fromEntries(DIMS.map((dim) => [dim, z.number()])) as Record<Dim, z.ZodNumber>),
  }),
  wordBits: z.number(),
  machine: z.custom<Omit<AcceleratorFile, "name">>(),
  mapping: z.array(loops),
  results: z.object({ cycles: z.number(), energyPj: z.number(), accesses: z.record(z.string(), accesses) }),
});

const { rows } = readDocument(
  join(packageRoot, "test/golden/timeloop-rows.json"),
  z.object({ source: z.string(), words: z.string(), rows: z.array(rowSchema) }),
);

describe("Timeloop's counts for the same mapping (test/golden/timeloop-rows.json)", () => {
  for (const row of rows) {
    it(`${row.id}: ${row.layer.name}, ${row.source}`, () => {
      const chip = buildAccelerator({ ...row.machine, name: row.id });
      const { N, G, K, C, P, Q, R, S, stride } = row.layer;
      const word = row.wordBits;
      const layer = {
        ...problem("conv", { G, K: G * K, C: G * C, P, Q, R, S, stride: [stride, stride] }, N),
        bits: { weights: word, inputs: word, outputs: word, partial: word },
      };
      const model = new CostModel(chip);
      model.evaluate(layer, compileMapping(row.mapping.map(parsed), chip));
      expect(model.fits()).toBe(true);
      near(model.latencyCycles, row.results.cycles, "cycles");
      near(model.energyPj, row.results.energyPj, "energy");
      let compared = 0;
      for (const [name, operands] of Object.entries(row.results.accesses)) {
        const level = chip.levels.findIndex((one) => one.name === name);
        for (const [operand, [reads, fills, updates]] of Object.entries(operands)) {
          const at = level * 3 + OPERANDS.indexOf(operand as (typeof OPERANDS)[number]);
          expect([model.reads[at], model.fills[at], model.updates[at]], `${name} ${operand}`).toEqual([
            reads,
            fills,
            updates,
          ]);
          compared++;
        }
      }
      expect(compared).toBeGreaterThanOrEqual(7);
    });
  }
});

function near(ours: number, reference: number, what: string): void {
  expect(Math.abs(ours - reference) / reference, `${what}: ${ours}, Timeloop ${reference}`).toBeLessThan(TOLERANCE);
}

/** `"K4 C2"` and `"P8@spatialX"` as loops. */
function parsed({ level, temporal, spatial }: z.output<typeof loops>): MappingData[number] {
  const words = (text: string) => text.split(" ").filter((word) => word !== "");
  const loop = (text: string) => ({ dim: text[0] as Dim, bound: Number(text.slice(1)) });
  return {
    level,
    temporal: words(temporal).map(loop),
    spatial: words(spatial).map((word) => {
      const [dimAndBound, axis] = word.split("@") as [string, string];
      return { ...loop(dimAndBound), axis };
    }),
  };
}
