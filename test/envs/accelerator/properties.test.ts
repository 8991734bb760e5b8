// Bounds that hold whatever the layer, the machine and the mapping: the parts of a result add up to it, and the best mapping
// of a machine with less room never moves fewer words.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildAccelerator } from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { DATAFLOW_CONSTRAINTS } from "../../../envs/accelerator/dataflow.js";
import { enumerateMapspace, smallMapspace } from "../../../envs/accelerator/exhaustive.js";
import { groupsOf } from "../../../envs/accelerator/loop-orders.js";
import { mappingReport } from "../../../envs/accelerator/mapping-report.js";
import { type Problem, problemOf } from "../../../envs/accelerator/problem.js";
import { layer, machine, mappingOf, problem, smallProblem } from "./random-cases.js";

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe("a result", () => {
  it("has an energy that is the sum of operations, levels, network and leakage", () => {
    fc.assert(
      fc.property(
        fc.tuple(smallProblem, machine).chain(([made, chip]) =>
          fc.record({
            made: fc.constant(made),
            chip: fc.constant(chip),
            mapping: mappingOf(made, chip, "ragged"),
            hopPjPerBit: fc.constantFrom(0, 0.5),
            leakageMw: fc.constantFrom(0, 7),
          }),
        ),
        ({ made, chip, mapping, hopPjPerBit, leakageMw }) => {
          const levels = chip.levels.map((level) => ({ ...level, hopPjPerBit }));
          const report = mappingReport(made, mapping, new CostModel({ ...chip, levels, leakageMw }));
          const parts = [
            report.operationEnergyPj,
            report.networkEnergyPj,
            report.leakageEnergyPj,
            ...report.levels.map((level) => level.energyPj),
          ];
          expect(Math.abs(sum(parts) / report.energyPj - 1)).toBeLessThan(1e-9);
          expect(report.networkEnergyPj > 0).toBe(hopPjPerBit > 0);
          const cycles = sum(Object.values(report.latencyParts));
          expect(report.latencyCycles).toBeGreaterThanOrEqual(cycles - 1e-6);
          expect(report.latencyCycles).toBeLessThan(cycles + 1);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("less room", () => {
  /** DRAM words of the best of all mappings of a small layer, for a buffer of a size; undefined when nothing fits */
  const leastDramWords = (capacityBytes: number, made: Problem): number | undefined => {
    const chip = buildAccelerator({
      name: "small",
      nodeNm: 45,
      clockMhz: 100,
      mac: {},
      partialBits: 8,
      levels: [
        { name: "DRAM", type: "dram", dram: "LPDDR4" },
        { name: "buffer", type: "sram", capacityBytes },
      ],
    });
    const space = smallMapspace(made, chip, DATAFLOW_CONSTRAINTS.flexible, 20000)!;
    const model = new CostModel(chip);
    let least: number | undefined;
    enumerateMapspace(space, chip, groupsOf(made), (mapping) => {
      model.prepare(made, mapping);
      if (!model.fits()) return;
      model.evaluatePrepared();
      const words = sum([0, 1, 2].map((operand) => model.reads[operand]! + model.updates[operand]!));
      least = Math.min(least ?? Infinity, words);
    });
    return least;
  };

  it("never means fewer words from and to DRAM under the best mapping", () => {
    fc.assert(
      fc.property(
        fc.record({
          K: fc.integer({ min: 1, max: 4 }),
          C: fc.integer({ min: 1, max: 3 }),
          P: fc.integer({ min: 1, max: 4 }),
          R: fc.integer({ min: 1, max: 3 }),
        }),
        (shape) => {
          const made = problem("conv", { ...shape, Q: 1, S: 1 });
          const sizes = [4, 6, 8, 12, 16, 24, 48, 1000];
          const words = sizes.map((bytes) => leastDramWords(bytes, made));
          const fitting = words.filter((count): count is number => count !== undefined);
          expect([...fitting].sort((a, b) => b - a)).toEqual(fitting);
          // with room for everything each word moves once
          expect(fitting[fitting.length - 1]).toBe(sum(made.words));
        },
      ),
      { numRuns: 12 },
    );
  });
});

describe("kinds of layers", () => {
  const precision = { weightBits: 8, inputBits: 8, outputBits: 8 };
  it("sums three maps from three maps: 3 · 4 · 5 · 5 words in, 4 · 5 · 5 out", () => {
    const { words, operationCount, present } = problemOf(
      layer("add", { C: 4, K: 4, P: 5, Q: 5, inputs: [0, 1, 2] }),
      1,
      precision,
    );
    expect(words).toEqual([0, 300, 100]);
    expect(operationCount).toBe(300);
    expect(present[0]).toBe(false);
  });
  it("sums two maps with an operand for each", () => {
    const { words, operationCount } = problemOf(layer("add", { C: 4, K: 4, P: 5, Q: 5, inputs: [0, 1] }), 1, precision);
    expect(words).toEqual([100, 100, 100]);
    expect(operationCount).toBe(100);
  });
  it("dilates: 5 outputs of 3 taps, 2 apart, read 9 rows", () => {
    expect(problem("conv", { P: 5, R: 3, dilation: [2, 1] }).words[1]).toBe(9);
  });
  it("multiplies a batch of matrices: both operands and the result for each image and head", () => {
    const { words, operationCount } = problem("matmul", { G: 2, K: 2 * 3, C: 2 * 4, P: 5 }, 3);
    expect(words).toEqual([3 * 2 * 3 * 4, 3 * 2 * 4 * 5, 3 * 2 * 3 * 5]);
    expect(operationCount).toBe(3 * 2 * 3 * 4 * 5);
  });
});
