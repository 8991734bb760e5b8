import { describe, expect, it } from "vitest";
import { cholesky, choleskySolve, constrainedRidge, symmetricInverse } from "../../../envs/accuracy/linear-algebra.js";
import { kendallTau, spearman } from "../../../envs/accuracy/rank-statistics.js";

describe("linear algebra of the fit", () => {
  const matrix = Float64Array.from([4, 2, 2, 5]); // = L Lᵀ with L = [[2, 0], [1, 2]]

  it("factors and solves a 2 × 2 system", () => {
    const lower = cholesky(matrix, 2);
    expect([...lower]).toEqual([2, 0, 1, 2]);
    expect([...choleskySolve(lower, 2, [8, 12])]).toEqual([1, 2]);
    expect([...symmetricInverse(matrix, 2)].map((value) => 16 * value)).toEqual([5, -2, -2, 4]);
  });

  it("refuses a matrix that is not positive definite", () => {
    expect(() => cholesky(Float64Array.from([1, 2, 2, 1]), 2)).toThrow(RangeError);
  });

  const problem = { rows: [[1], [1]], targets: [2, 4], weights: [1, 1], penalties: [2] };

  it("shrinks a mean: (2 + 4) / (2 + 2), and towards its centre: (2 + 4 + 2·1) / 4", () => {
    expect(constrainedRidge(problem, [false])[0]).toBeCloseTo(1.5, 12);
    expect(constrainedRidge({ ...problem, centres: [1] }, [false])[0]).toBeCloseTo(2, 12);
  });

  it("holds a coefficient at zero that would be positive, and fits the other without it", () => {
    const both = {
      rows: [
        [1, 0],
        [0, 1],
      ],
      targets: [3, -2],
      weights: [1, 1],
      penalties: [0, 0],
    };
    expect([...constrainedRidge(both, [true, true])]).toEqual([0, -2]);
  });
});

describe("rank statistics", () => {
  it("are 1 for the same order, −1 for the reverse", () => {
    expect(kendallTau([1, 2, 3], [10, 20, 30])).toBe(1);
    expect(spearman([1, 2, 3], [30, 20, 10])).toBeCloseTo(-1, 12);
  });

  it("agree with hand counts: 4 of 6 pairs in order gives (4 − 2) / 6", () => {
    expect(kendallTau([1, 2, 3, 4], [2, 1, 4, 3])).toBeCloseTo(2 / 6, 12);
  });

  it("count ties as tau-b: (2 − 0) / √(2 · 3)", () => {
    expect(kendallTau([1, 1, 2], [1, 2, 3])).toBeCloseTo(2 / Math.sqrt(6), 12);
    expect(kendallTau([1, 1], [1, 2])).toBe(0);
  });
});
