import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  baselineAdvantages,
  compareTrials,
  leaveOneOutAdvantages,
  movingAverage,
  normalisedAdvantages,
  rankAdvantages,
} from "../../../agents/losses/advantages.js";
import type { Trial } from "../../../src/core/trial.js";

const byValue = (a: number, b: number) => b - a;
const feasible = (reward: number): Trial => ({ trial: 0, candidate: {}, reward });
const infeasible = (reward: number, needed: number): Trial => ({
  ...feasible(reward),
  infeasible: { code: "limit", reason: "", violations: [{ subject: "areaMm2", needed, available: 10, unit: "mm2" }] },
});

describe("rank advantages", () => {
  it("of three are 1, 0, -1 divided by the deviation sqrt(2/3)", () => {
    const unit = 1 / Math.sqrt(2 / 3);
    const [worst, best, middle] = rankAdvantages([-1000, 7, 6.99], byValue);
    expect(best).toBeCloseTo(unit, 12);
    expect(middle).toBeCloseTo(0, 12);
    expect(worst).toBeCloseTo(-unit, 12);
  });

  it("give equals the mean of their ranks: 2, 1, 1, 0 has ranks 1.5, 0, 0, -1.5", () => {
    const scale = Math.sqrt((1.5 ** 2 * 2) / 4);
    expect([...rankAdvantages([1, 0, 2, 1], byValue)]).toEqual([0, -1.5 / scale, 1.5 / scale, 0]);
  });

  it("are zero when all are equal or there is only one", () => {
    expect([...rankAdvantages([5, 5, 5], byValue)]).toEqual([0, 0, 0]);
    expect([...rankAdvantages([5], byValue)]).toEqual([0]);
    expect([...rankAdvantages([], byValue)]).toEqual([]);
  });

  it("do not change when the rewards are stretched, and sum to zero", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 30 }), (rewards) => {
        const advantages = rankAdvantages(rewards, byValue);
        expect([
          ...rankAdvantages(
            rewards.map((r) => Math.exp(r / 10)),
            byValue,
          ),
        ]).toEqual([...advantages]);
        expect(advantages.reduce((sum, a) => sum + a, 0)).toBeCloseTo(0, 9);
      }),
    );
  });
});

describe("the order of trials", () => {
  it("puts feasible ones first, then the higher reward, then the smaller violation", () => {
    const trials = [infeasible(99, 12), feasible(1), infeasible(0, 11), feasible(2)];
    const sorted = [...trials].sort(compareTrials);
    expect(sorted).toEqual([trials[3], trials[1], trials[2], trials[0]]);
  });

  it("ignores the reward of infeasible ones", () => {
    expect(compareTrials(infeasible(5, 12), infeasible(-5, 12))).toBe(0);
  });
});

describe("baselines", () => {
  it("leave-one-out compares each reward with the mean of the others", () => {
    expect([...leaveOneOutAdvantages([1, 2, 6])]).toEqual([1 - 4, 2 - 3.5, 6 - 1.5]);
    expect([...leaveOneOutAdvantages([4])]).toEqual([0]);
  });

  it("subtracts a given baseline", () => {
    expect([...baselineAdvantages([1, 2, 6], 2)]).toEqual([-1, 0, 4]);
  });

  it("moves the average by its decay, starting at the first mean", () => {
    expect(movingAverage(null, 8, 0.9)).toBe(8);
    expect(movingAverage(8, 18, 0.9)).toBeCloseTo(9, 12);
  });

  it("normalises 1, 2, 3 to -1.2247, 0, 1.2247, and no spread to zeros", () => {
    const [low, middle, high] = normalisedAdvantages([1, 2, 3]);
    expect(low).toBeCloseTo(-Math.sqrt(1.5), 12);
    expect(middle).toBe(0);
    expect(high).toBeCloseTo(Math.sqrt(1.5), 12);
    expect([...normalisedAdvantages([0.1, 0.1, 0.1])]).toEqual([0, 0, 0]);
  });
});
