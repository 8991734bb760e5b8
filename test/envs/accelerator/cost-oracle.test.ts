import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { bruteForceCounts } from "./brute-force.js";
import { machine, mappingOf, type Raggedness, shown, smallProblem } from "./random-cases.js";

const cases = (raggedness: Raggedness) =>
  fc.tuple(smallProblem, machine).chain(([problem, chip]) =>
    fc.record({
      problem: fc.constant(problem),
      chip: fc.constant(chip),
      mapping: mappingOf(problem, chip, raggedness),
    }),
  );

describe("counts against the walked loop nest", () => {
  for (const [raggedness, numRuns] of [
    ["perfect", 400],
    ["ragged", 400],
    ["overlong", 400],
  ] as const) {
    it(`agree on ${numRuns} random ${raggedness} mappings of every layer kind`, () => {
      fc.assert(
        fc.property(cases(raggedness), ({ problem, chip, mapping }) => {
          const model = new CostModel(chip);
          model.evaluate(problem, mapping);
          const walked = bruteForceCounts(chip, problem, mapping);
          const { extents, stride, dilation } = problem;
          const place = `${extents} stride ${stride} dilation ${dilation}: ${shown(mapping)}`;
          expect([...model.reads], `reads, ${place}`).toEqual(walked.reads);
          expect([...model.fills], `fills, ${place}`).toEqual(walked.fills);
          expect([...model.updates], `updates, ${place}`).toEqual(walked.updates);
          expect(model.computeCycles, place).toBe(walked.steps);
          expect([...model.usedInstances], place).toEqual(walked.usedInstances);
          expect(walked.operations).toBe(problem.operationCount);
        }),
        { numRuns, seed: 2 },
      );
    });
  }
});
