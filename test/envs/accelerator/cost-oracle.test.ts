import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CostModel } from "../../../envs/accelerator/cost.js";
import type { Mapping } from "../../../envs/accelerator/mapping.js";
import { DIM_COUNT, O, type Problem } from "../../../envs/accelerator/problem.js";
import { bruteForceCounts } from "./brute-force.js";
import { deepMachine, machine, mappingOf, type Raggedness, shown, smallProblem } from "./random-cases.js";

const cases = (raggedness: Raggedness, chips = machine) =>
  fc.tuple(smallProblem, chips).chain(([problem, chip]) =>
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
        fc.property(cases(raggedness), ({ problem, chip, mapping }) => agrees(new CostModel(chip), problem, mapping)),
        { numRuns, seed: 2 },
      );
    });
  }

  it("agree on 200 random mappings of machines of five to eight levels", () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom<Raggedness>("perfect", "ragged", "overlong")
          .chain((raggedness) => cases(raggedness, deepMachine)),
        ({ problem, chip, mapping }) => agrees(new CostModel(chip), problem, mapping),
      ),
      { numRuns: 200, seed: 3 },
    );
  });

  it("agree when one model sees mappings of several layers in turn, and mappings that differ in one loop", () => {
    const several = machine.chain((chip) =>
      fc.tuple(
        fc.constant(chip),
        fc.array(
          smallProblem.chain((problem) => fc.tuple(fc.constant(problem), mappingOf(problem, chip, "ragged"))),
          { minLength: 2, maxLength: 3 },
        ),
      ),
    );
    fc.assert(
      fc.property(several, fc.nat(7), ([chip, layers], d) => {
        const model = new CostModel(chip);
        for (const [problem, mapping] of layers) {
          agrees(model, problem, mapping);
          // what runs at the innermost level runs at the outermost, then its loops turn round there
          const last = mapping.temporal.length - DIM_COUNT;
          mapping.temporal[d]! *= mapping.temporal[last + d]!;
          mapping.temporal[last + d] = 1;
          agrees(model, problem, mapping);
          for (let at = 0; at < DIM_COUNT; at++) mapping.order[at] = DIM_COUNT - 1 - mapping.order[at]!;
          agrees(model, problem, mapping);
        }
      }),
      { numRuns: 80, seed: 4 },
    );
  });
});

function agrees(model: CostModel, problem: Problem, mapping: Mapping): void {
  model.evaluate(problem, mapping);
  const walked = bruteForceCounts(model.chip, problem, mapping);
  const { extents, stride, dilation } = problem;
  const place = `${extents} stride ${stride} dilation ${dilation}: ${shown(mapping)}`;
  expect([...model.reads], `reads, ${place}`).toEqual(walked.reads);
  expect([...model.fills], `fills, ${place}`).toEqual(walked.fills);
  expect([...model.updates], `updates, ${place}`).toEqual(walked.updates);
  expect(model.computeCycles, place).toBe(walked.steps);
  expect([...model.usedInstances], place).toEqual(walked.usedInstances);
  expect(walked.operations).toBe(problem.operationCount);
  // nor do energy and time remember what the model saw before
  const fresh = new CostModel(model.chip);
  fresh.evaluate(problem, mapping);
  expect([model.energyPj, model.latencyCycles, model.tileBits(1, O)]).toEqual([
    fresh.energyPj,
    fresh.latencyCycles,
    fresh.tileBits(1, O),
  ]);
}
