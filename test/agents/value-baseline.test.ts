import { describe, expect, it } from "vitest";
import { layoutOf } from "../../agents/policy/layout.js";
import { ValueBaseline } from "../../agents/value-baseline.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";

const space = new Space({
  name: "sums",
  knobs: Array.from({ length: 4 }, (_, i) => ({ name: `k${i}`, values: [0, 1, 2] })),
});
const settings = {
  advantage: "normalized",
  hiddenUnits: 16,
  valueLearningRate: 0.02,
  valueSteps: 4,
  gaeLambda: 0.95,
  maxGradNorm: 10,
} as const;

describe("the learned baseline", () => {
  it("learns to foresee a reward that is the sum of the choices, and keeps that through a restore", () => {
    const make = () => new ValueBaseline(layoutOf(space), 1, "value", settings);
    const random = RandomStream.of(1, "points");
    const judge = (baseline: ValueBaseline, stream: RandomStream) => {
      const codes = Array.from({ length: 32 }, () => space.sample(stream));
      const trials = codes.map((point, trial) => ({
        trial,
        candidate: space.decode(point),
        reward: point.reduce((sum, code) => sum + code, 0),
      }));
      return baseline.judge(codes, trials);
    };
    const baseline = make();
    expect(judge(baseline, random).diagnostics["train/explained_variance"]).toBe(0); // it starts at one value everywhere
    for (let i = 0; i < 400; i++) judge(baseline, random);
    const found = Array.from({ length: 40 }, () => judge(baseline, random).diagnostics["train/explained_variance"]!);
    // Before a decision the earlier ones are known: of the variance of four knobs 0, 1/4, 2/4, 3/4, in the mean 0.375.
    const mean = found.reduce((sum, share) => sum + share, 0) / found.length;
    expect(mean).toBeGreaterThan(0.3);
    expect(mean).toBeLessThan(0.4);
    const copy = make();
    copy.restore(baseline.state());
    expect(judge(copy, RandomStream.of(2, "next"))).toEqual(judge(baseline, RandomStream.of(2, "next")));
  });
});
