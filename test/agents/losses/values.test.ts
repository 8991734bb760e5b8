import { describe, expect, it } from "vitest";
import { episodeAdvantages, explainedVariance } from "../../../agents/losses/values.js";

describe("advantages of the decisions of one candidate", () => {
  it("are the reward less the value at lambda 1, the change of the value at lambda 0", () => {
    expect([...episodeAdvantages([1, 2, 4], 10, 1)]).toEqual([9, 8, 6]);
    expect([...episodeAdvantages([1, 2, 4], 10, 0)]).toEqual([1, 2, 6]);
    expect([...episodeAdvantages([1, 2, 4], 10, 0.5)]).toEqual([1 + 0.5 * 5, 2 + 0.5 * 6, 6]);
    expect([...episodeAdvantages([], 10, 0.5)]).toEqual([]);
  });
});

describe("explained variance", () => {
  it("is 1 for the truth (or the truth and a constant), 0 for the mean, below 0 for the opposite", () => {
    expect(explainedVariance([1, 2, 3], [1, 2, 3])).toBe(1);
    expect(explainedVariance([6, 7, 8], [1, 2, 3])).toBe(1);
    expect(explainedVariance([2, 2, 2], [1, 2, 3])).toBe(0);
    expect(explainedVariance([3, 2, 1], [1, 2, 3])).toBe(-3); // errors -2, 0, 2: four times the variance
    expect(explainedVariance([1, 2], [5, 5])).toBe(0);
  });
});
