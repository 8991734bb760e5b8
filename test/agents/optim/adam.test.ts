import { describe, expect, it } from "vitest";
import { Adam } from "../../../agents/optim/adam.js";
import { scheduled } from "../../../agents/optim/schedule.js";
import { type Parameter, parameterOf } from "../../../agents/policy/policy.js";
import type { StateTree } from "../../../src/core/agent.js";

const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, maxGradNorm: 1e9 };

function parameter(values: number[], learningRateScale = 1): Parameter {
  return parameterOf("w", [values.length], learningRateScale, Float32Array.from(values));
}

/** One step on the sum of c w^2 / 2, whose gradient is c w. */
function descend(adam: Adam, { values, gradient }: Parameter, curvature: number, learningRate: number) {
  gradient.set(values.map((w) => curvature * w));
  return adam.step(
    values.reduce((sum, w) => sum + (curvature * w * w) / 2, 0),
    learningRate,
  );
}

/** The algorithm as its paper writes it, in doubles. */
function referenceAdam(start: number, curvature: number, learningRate: number, steps: number): number {
  let [weight, m, v] = [start, 0, 0];
  for (let t = 1; t <= steps; t++) {
    const g = curvature * weight;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    weight -= (learningRate * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
  }
  return weight;
}

describe("Adam", () => {
  it("moves by the learning rate in its first step, whatever the gradient's size", () => {
    const weights = parameter([3, -0.002]);
    const { gradNorm, loss } = descend(new Adam([weights], settings), weights, 2, 0.1);
    const [first, second] = weights.values;
    expect(first).toBeCloseTo(2.9, 4);
    expect(second).toBeCloseTo(0.098, 4);
    expect(gradNorm).toBeCloseTo(Math.hypot(6, 0.004), 4);
    expect(loss).toBeCloseTo(9.000004, 4);
  });

  it("follows the published algorithm over 60 steps", () => {
    const weights = parameter([3]);
    const adam = new Adam([weights], settings);
    for (let i = 0; i < 60; i++) descend(adam, weights, 2, 0.05);
    expect(weights.values[0]).toBeCloseTo(referenceAdam(3, 2, 0.05, 60), 4);
  });

  it("scales the learning rate per parameter", () => {
    const weights = parameter([3], 0.1);
    descend(new Adam([weights], settings), weights, 2, 0.1);
    expect(weights.values[0]).toBeCloseTo(2.99, 4);
  });

  it("clips by the global norm: later, smaller gradients weigh as if the first had been short", () => {
    const weights = parameter([1]);
    const adam = new Adam([weights], { ...settings, maxGradNorm: 1 });
    expect(descend(adam, weights, 1000, 0).gradNorm).toBeCloseTo(1000, 2);
    const { first } = adam.state() as { first: Float32Array[] };
    expect(first[0]![0]).toBeCloseTo(0.1, 6); // (1 - beta1) * 1, not * 1000
  });

  it.each([1, 10, 50, 137])("continues bit for bit after %i steps", (steps) => {
    const whole = parameter([3, -1, 0.5]);
    const adam = new Adam([whole], settings);
    for (let i = 0; i < steps; i++) descend(adam, whole, 2, 0.03);
    const resumed = parameter([0, 0, 0]);
    const other = new Adam([resumed], settings);
    other.restore(adam.state());
    for (let i = 0; i < 20; i++) {
      descend(adam, whole, 2, 0.03);
      descend(other, resumed, 2, 0.03);
    }
    expect(resumed.values).toEqual(whole.values);
    expect(other.state()).toEqual(adam.state());
  });

  it("refuses a loss, a gradient or a weight that is not finite, and changes nothing", () => {
    const weights = parameter([1, 2]);
    const adam = new Adam([weights], settings);
    descend(adam, weights, 1, 0.01);
    const before = adam.state();
    const steps: [loss: number, gradient: number, rate: number][] = [
      [Number.NaN, 1, 0.1],
      [0, Number.POSITIVE_INFINITY, 0.1],
      [0, Number.NaN, 0.1],
      [1, 1, 1e39], // finite gradient, infinite step
      [1, 1, 1e21], // the weight is finite, its square leaves single precision
    ];
    for (const [loss, gradient, rate] of steps) {
      weights.gradient.fill(gradient);
      expect(() => adam.step(loss, rate)).toThrow(expect.objectContaining({ code: "AGENT_DIVERGED" }));
      expect(adam.state()).toEqual(before);
    }
  });

  it("undoes all steps of a transaction that fails", () => {
    const weights = parameter([1, 2]);
    const adam = new Adam([weights], settings);
    descend(adam, weights, 1, 0.01);
    const before = adam.state();
    const failing = () =>
      adam.transaction(() => {
        descend(adam, weights, 1, 0.01);
        throw new Error("later step");
      });
    expect(failing).toThrow("later step");
    expect(adam.state()).toEqual(before);
  });

  it("refuses a state of another shape", () => {
    const adam = new Adam([parameter([1, 2])], settings);
    const other = new Adam([parameter([1])], settings).state();
    for (const state of [other, null, {}] as StateTree[]) {
      expect(() => adam.restore(state)).toThrow(expect.objectContaining({ code: "AGENT_BAD_STATE" }));
    }
  });
});

describe("schedules", () => {
  it("fall from start to the end share at the horizon and stay there", () => {
    const at = (trials: number) => scheduled("linear", 0.4, trials, 1000, 0.25);
    expect([0, 500, 1000, 5000].map(at)).toEqual([0.4, 0.25, 0.1, 0.1]);
    expect(scheduled("constant", 0.4, 5000, 1000, 0.25)).toBe(0.4);
  });
});
