// The bound that lets a flexible machine skip a dataflow: below every mapping that the mapper finds, and where a person can
// work it out, exactly what it should be.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildAccelerator, DATAFLOWS } from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { constraintOn, DATAFLOW_CONSTRAINTS } from "../../../envs/accelerator/dataflow.js";
import { lowerBound, problemBound } from "../../../envs/accelerator/lower-bound.js";
import { mapProblem, OBJECTIVES } from "../../../envs/accelerator/mapper.js";
import { machine, problem, smallProblem } from "./random-cases.js";

describe("the lower bound of a dataflow", () => {
  it("is below what the mapper finds, on random machines and layers", () => {
    fc.assert(
      fc.property(
        smallProblem,
        machine,
        fc.constantFrom(...OBJECTIVES),
        fc.constantFrom(...DATAFLOWS),
        (given, chip, objective, dataflow) => {
          const model = new CostModel(chip);
          const found = mapProblem(given, model, { objective, budget: 20, dataflow });
          if (found.kind !== "mapped") return;
          model.evaluate(given, found.mapping);
          const constraint = constraintOn(given, DATAFLOW_CONSTRAINTS[dataflow]);
          const bound = lowerBound(given, chip, constraint, problemBound(given, chip));
          expect(bound.cycles).toBeLessThanOrEqual(model.latencyCycles);
          expect(bound.energyPj).toBeLessThanOrEqual(model.energyPj * (1 + 1e-12));
        },
      ),
      { numRuns: 400, seed: 11 },
    );
  });

  const chip = buildAccelerator({
    name: "four units",
    nodeNm: 45,
    clockMhz: 1000,
    mac: { energyPj: 0 },
    partialBits: 8,
    levels: [
      { name: "DRAM", type: "dram", wordBits: 8, readPj: 0, writePj: 0, fanout: [{ name: "units", size: 4 }] },
      { name: "registers", type: "regfile", capacityBytes: 64, wordBits: 8, readPj: 1, writePj: 0 },
    ],
  });
  const layer = problem("conv", { K: 8, C: 8, P: 8 });

  it("has 8 · 8 · 8 operations on 4 units in 128 cycles", () => {
    const bound = lowerBound(layer, chip, DATAFLOW_CONSTRAINTS.flexible, problemBound(layer, chip));
    expect(bound.cycles).toBe(128);
  });

  it("counts a register read of each operand and operation, as registers of one word share nothing", () => {
    // weights and inputs: 512 of one word each. Outputs: 512 visits less 64 first writes in each of at most four copies, that
    // read nothing; the other 256 read a sum of 32 bits, four words. Writing is free here
    const { energyPj } = lowerBound(layer, chip, DATAFLOW_CONSTRAINTS.flexible, problemBound(layer, chip));
    expect(energyPj).toBe(512 + 512 + 256 * 4);
  });

  it("has no more units for a dataflow than the dimensions that it unrolls", () => {
    const pixels = problem("conv", { K: 1, C: 8, P: 1 });
    const bound = (name: "output-stationary" | "weight-stationary") =>
      lowerBound(pixels, chip, DATAFLOW_CONSTRAINTS[name], problemBound(pixels, chip)).cycles;
    expect([bound("output-stationary"), bound("weight-stationary")]).toEqual([8, 2]);
  });
});
