import { describe, expect, it } from "vitest";
import {
  approximateKl,
  clipFraction,
  clippedSurrogateLoss,
  imitationLoss,
  reinforceLoss,
} from "../../../agents/losses/surrogate.js";

const numbers = (values: number[]) => Float64Array.from(values);
const log = (values: number[]) => numbers(values.map(Math.log));

describe("the clipped surrogate", () => {
  // old probabilities 0.1; new 0.15, 0.15, 0.05, 0.05: ratios 1.5, 1.5, 0.5, 0.5; range 0.8 .. 1.2
  const old = () => log([0.1, 0.1, 0.1, 0.1]);
  const now = () => log([0.15, 0.15, 0.05, 0.05]);

  it("takes the worse of the ratio and the clipped ratio", () => {
    const loss = clippedSurrogateLoss(now(), old(), numbers([1, -1, 1, -1]), 0.2).value;
    expect(loss).toBeCloseTo(-(1.2 - 1.5 + 0.5 - 0.8), 5);
  });

  it("has no gradient where clipping took the gain away, and ratio times advantage elsewhere", () => {
    const values = clippedSurrogateLoss(now(), old(), numbers([1, -1, 1, -1]), 0.2).slopes;
    [0, 1.5, -0.5, 0].forEach((expected, i) => {
      expect(values[i]).toBeCloseTo(expected, 5);
    });
  });

  it("has the slopes that finite differences have", () => {
    const at = (logProb: number[]) => clippedSurrogateLoss(numbers(logProb), old(), numbers([2, -1, 0.5, -3]), 0.2);
    const point = [0.11, 0.14, 0.06, 0.115].map(Math.log);
    at(point).slopes.forEach((slope, i) => {
      const moved = (by: number) => at(point.map((value, k) => (k === i ? value + by : value))).value;
      expect(slope).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 6);
    });
  });

  it("stays finite where the policy moved beyond what float32 can hold", () => {
    const loss = clippedSurrogateLoss(numbers([0]), numbers([-500]), numbers([-1]), 0.2).value;
    expect(loss).toBeCloseTo(Math.exp(20), -4);
  });
});

describe("the plain losses", () => {
  it("weigh log-probabilities: -(2 ln 0.5 - ln 0.25) = 0", () => {
    expect(reinforceLoss(log([0.5, 0.25]), numbers([2, -1])).value).toBeCloseTo(0, 6);
    expect(imitationLoss(log([0.5, 0.25]), numbers([0, 0.5])).value).toBeCloseTo(0.5 * Math.log(4), 6);
  });
});

it("is refused later, not hidden, when an advantage is no number", () => {
  expect(reinforceLoss(log([0.5]), numbers([Number.NaN])).value).toBeNaN();
  expect(clippedSurrogateLoss(log([0.5]), log([0.5]), numbers([Number.NaN]), 0.2).value).toBeNaN();
});

describe("figures of an update", () => {
  it("estimates the KL as mean(r - 1 - ln r)", () => {
    expect(approximateKl([0, 0], [0, 0])).toBe(0);
    expect(approximateKl([Math.log(0.5)], [Math.log(1)])).toBeCloseTo(2 - 1 - Math.log(2), 12);
  });

  it("comes out at the exact KL when every outcome is weighed by its probability", () => {
    const p = [0.2, 0.3, 0.5];
    const q = [0.4, 0.4, 0.2];
    const exact = p.reduce((sum, pi, i) => sum + pi * Math.log(pi / q[i]!), 0);
    const estimate = p.reduce((sum, pi, i) => sum + pi * approximateKl([Math.log(pi)], [Math.log(q[i]!)]), 0);
    expect(estimate).toBeCloseTo(exact, 12);
  });

  it("counts the ratios outside the clip range: 1.1, 1.3 and 0.5 give two of three", () => {
    expect(clipFraction([0, 0, 0], [1.1, 1.3, 0.5].map(Math.log), 0.2)).toBeCloseTo(2 / 3, 12);
  });
});
