import { describe, expect, it } from "vitest";
import { createAdvantages } from "../../agents/baselines.js";
import type { Trial } from "../../src/core/trial.js";

const trials = (...rewards: number[]): Trial[] => rewards.map((reward, trial) => ({ trial, candidate: {}, reward }));
const moving = () => createAdvantages({ advantage: "normalized", baseline: "moving-average", decay: 0.5 });

describe("advantages against a moving average", () => {
  it("compare a batch with the batches before it, the first one with itself", () => {
    const advantages = moving();
    expect([...advantages.advantages(trials(1, 3))]).toEqual([-1, 1]); // mean 2
    expect([...advantages.advantages(trials(5, 5))]).toEqual([1, 1]); // both 3 above 2, scaled to unit size
    expect(advantages.state()).toEqual({ average: 3.5 }); // 0.5 * 2 + 0.5 * 5
  });

  it("go on from a saved average", () => {
    const advantages = moving();
    advantages.restore({ average: 10 });
    expect([...advantages.advantages(trials(9, 11, 11))]).toEqual([-1, 1, 1]);
  });

  it("refuse a saved average that is no number", () => {
    expect(() => moving().restore({ average: "ten" })).toThrow(expect.objectContaining({ code: "AGENT_BAD_STATE" }));
    expect(() => moving().restore(null)).toThrow(expect.objectContaining({ code: "AGENT_BAD_STATE" }));
  });
});

describe("advantages by rank", () => {
  it("ignore the size of the rewards", () => {
    const advantages = createAdvantages({ advantage: "rank", baseline: "batch", decay: 0.5 });
    expect([...advantages.advantages(trials(1, 1e9))]).toEqual([-1, 1]);
  });
});
