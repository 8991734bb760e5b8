import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  approximateKl,
  clipFraction,
  clippedSurrogateLoss,
  imitationLoss,
  reinforceLoss,
} from "../../../agents/losses/surrogate.js";
import { initBackend } from "../../../src/tensors/backend.js";

beforeAll(async () => {
  await initBackend("wasm");
});

const numbers = (values: number[]) => tf.tensor1d(values);
const log = (values: number[]) => numbers(values.map(Math.log));

describe("the clipped surrogate", () => {
  // old probabilities 0.1; new 0.15, 0.15, 0.05, 0.05: ratios 1.5, 1.5, 0.5, 0.5; range 0.8 .. 1.2
  const old = () => log([0.1, 0.1, 0.1, 0.1]);
  const now = () => log([0.15, 0.15, 0.05, 0.05]);

  it("takes the worse of the ratio and the clipped ratio", () => {
    const loss = clippedSurrogateLoss(now(), old(), numbers([1, -1, 1, -1]), 0.2).dataSync()[0];
    expect(loss).toBeCloseTo(-(1.2 - 1.5 + 0.5 - 0.8), 5);
  });

  it("has no gradient where clipping took the gain away, and ratio times advantage elsewhere", () => {
    const gradient = tf.grad((logProb: tf.Tensor) =>
      clippedSurrogateLoss(logProb as tf.Tensor1D, old(), numbers([1, -1, 1, -1]), 0.2),
    );
    const values = [...gradient(now()).dataSync()];
    [0, 1.5, -0.5, 0].forEach((expected, i) => {
      expect(values[i]).toBeCloseTo(expected, 5);
    });
  });

  it("stays finite where the policy moved beyond what float32 can hold", () => {
    const loss = clippedSurrogateLoss(numbers([0]), numbers([-500]), numbers([-1]), 0.2).dataSync()[0];
    expect(loss).toBeCloseTo(Math.exp(20), -4);
  });
});

describe("the plain losses", () => {
  it("weigh log-probabilities: -(2 ln 0.5 - ln 0.25) = 0", () => {
    expect(reinforceLoss(log([0.5, 0.25]), numbers([2, -1])).dataSync()[0]).toBeCloseTo(0, 6);
    expect(imitationLoss(log([0.5, 0.25]), numbers([0, 0.5])).dataSync()[0]).toBeCloseTo(0.5 * Math.log(4), 6);
  });
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
