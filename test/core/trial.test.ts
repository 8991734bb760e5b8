import { describe, expect, it } from "vitest";
import {
  betterTrial,
  checkedEvaluation,
  type Evaluation,
  type Infeasible,
  isFeasible,
  type Trial,
  violationOf,
} from "../../src/core/trial.js";

const over = (needed: number, available: number): Infeasible => ({
  code: "limit",
  reason: "too large",
  violations: [{ subject: "areaMm2", needed, available, unit: "mm2" }],
});
const trial = (number: number, reward: number, infeasible?: Infeasible): Trial => ({
  trial: number,
  candidate: {},
  reward,
  ...(infeasible && { infeasible }),
});

describe("violationOf", () => {
  it("is the sum of the relative excesses, at most 10 each", () => {
    expect(violationOf(undefined)).toBe(0);
    expect(violationOf(over(120, 100))).toBeCloseTo(0.2);
    expect(violationOf(over(5, 0))).toBe(10);
    expect(
      violationOf({ ...over(120, 100), violations: [...over(120, 100).violations, ...over(1e9, 1).violations] }),
    ).toBeCloseTo(10.2);
  });

  it("is 10 for a design that cannot be built, with no numbers to say", () => {
    expect(violationOf({ code: "shape", reason: "no", violations: [] })).toBe(10);
  });
});

describe("betterTrial", () => {
  it("prefers feasible, then the higher reward, then the earlier", () => {
    const [bad, low, high, same] = [trial(0, 9, over(2, 1)), trial(1, 1), trial(2, 3), trial(3, 3)];
    expect(betterTrial(undefined, bad)).toBe(bad);
    expect(betterTrial(bad, low)).toBe(low);
    expect(betterTrial(low, bad)).toBe(low);
    expect(betterTrial(low, high)).toBe(high);
    expect(betterTrial(high, same)).toBe(high);
    expect(isFeasible(bad)).toBe(false);
    expect(isFeasible(low)).toBe(true);
  });
});

describe("checkedEvaluation", () => {
  it("lets finite metrics and reasons pass", () => {
    const measured: Evaluation = { kind: "measured", metrics: { latencyMs: 1 } };
    const infeasible: Evaluation = { kind: "infeasible", infeasible: over(2, 1) };
    expect(checkedEvaluation(measured, {})).toBe(measured);
    expect(checkedEvaluation(infeasible, {})).toBe(infeasible);
  });

  it.each([
    [{ kind: "measured", metrics: { latencyMs: Number.NaN } }, 'metric latencyMs of {"k":1} is NaN'],
    [{ kind: "measured", metrics: { latencyMs: "2" } }, "metric latencyMs"],
    [{ kind: "measured" }, "neither measured nor infeasible"],
    [{ kind: "infeasible" }, "neither measured nor infeasible"],
    [{ latencyMs: 1 }, "neither measured nor infeasible"],
    [undefined, "neither measured nor infeasible"],
  ])("refuses %j", (evaluation, message) => {
    const check = () => checkedEvaluation(evaluation as unknown as Evaluation, { k: 1 });
    expect(check).toThrow(expect.objectContaining({ code: "ENVIRONMENT_BAD_RESULT" }));
    expect(check).toThrow(message);
  });
});
