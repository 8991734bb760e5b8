import { describe, expect, it } from "vitest";
import { entropyOf, rankScores, softTargets, softValue } from "../../../agents/losses/soft-values.js";

describe("soft values", () => {
  it("are the lesser critic's expectation plus the temperature's worth of entropy", () => {
    expect(softValue([0.5, 0.5], [1, 3], [2, 2], 0)).toBe(1.5); // (1 + 2) / 2
    expect(softValue([0.5, 0.5], [1, 3], [2, 2], 0.1)).toBeCloseTo(1.5 + 0.1 * Math.LN2, 12);
    expect(softValue([0, 1], [-1e9, 4], [-1e9, 5], 2)).toBe(4); // a forbidden value takes no part
    expect(entropyOf([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(Math.log(4), 12);
  });

  it("target the reward at the end and what follows before it", () => {
    const settings = { temperature: 0.5, discount: 1 };
    const [values, entropies] = [
      [9, 2, 4],
      [9, 0.2, 0.4],
    ];
    // lambda 0: the next state's soft value; lambda 1: the reward and the entropies on the way
    expect([...softTargets(10, values, entropies, { ...settings, lambda: 0 })]).toEqual([2, 4, 10]);
    const whole = softTargets(10, values, entropies, { ...settings, lambda: 1 });
    expect(whole[1]).toBeCloseTo(10.2, 12);
    expect(whole[0]).toBeCloseTo(10.3, 12);
    const mixed = softTargets(10, values, entropies, { temperature: 0.5, discount: 0.5, lambda: 0.5 });
    expect(mixed[1]).toBeCloseTo(0.5 * (0.5 * 4 + 0.5 * 10.2), 12); // 3.55
    expect(mixed[0]).toBeCloseTo(0.5 * (0.5 * 2 + 0.5 * (3.55 + 0.1)), 12);
  });

  it("score ranks alike whatever the scale, equals the same", () => {
    const best = (a: number, b: number) => b - a;
    const scores = rankScores([5, 1, 100], best);
    expect([...scores]).toEqual([...rankScores([2, 1, 3], best)]);
    expect(scores[0]).toBe(0);
    expect(scores[2]).toBeCloseTo(Math.log(5) / 1.7, 12); // 5/6 of the ranks are below: ln((5/6) / (1/6))
    expect(scores[1]).toBeCloseTo(-scores[2]!, 12);
    expect([...rankScores([7, 7, 7], best)]).toEqual([0, 0, 0]);
  });
});
