import { expect, it } from "vitest";
import { logImprovement, logNormalShare } from "../../../agents/surrogate/normal.js";

it("gives the shares of the normal distribution, far into the tail", () => {
  expect(Math.exp(logNormalShare(0))).toBeCloseTo(0.5, 6);
  expect(Math.exp(logNormalShare(1.6448536))).toBeCloseTo(0.95, 6);
  expect(logNormalShare(-5)).toBeCloseTo(Math.log(2.866515718791939e-7), 5);
  expect(logNormalShare(-10)).toBeCloseTo(-53.23128515051247, 2); // Φ(-10) = 7.6198530241605e-24
});

it("gives the expected improvement: 1/sqrt(2π) at no distance, about z far above, never rising as the goal moves away", () => {
  expect(Math.exp(logImprovement(0))).toBeCloseTo(0.3989423, 6);
  expect(Math.exp(logImprovement(4))).toBeCloseTo(4, 4);
  let before = Number.POSITIVE_INFINITY;
  for (let z = 3; z > -40; z -= 0.25) {
    const value = logImprovement(z);
    expect(value).toBeLessThan(before);
    before = value;
  }
});
