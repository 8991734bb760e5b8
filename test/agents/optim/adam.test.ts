import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { Adam } from "../../../agents/optim/adam.js";
import { scheduled } from "../../../agents/optim/schedule.js";
import type { Parameter } from "../../../agents/policy/policy.js";
import type { StateTree } from "../../../src/core/agent.js";
import { initBackend } from "../../../src/tensors/backend.js";

beforeAll(async () => {
  await initBackend("wasm");
});

const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, maxGradNorm: 1e9 };

function parameter(values: number[], learningRateScale = 1): Parameter {
  return { name: "w", variable: tf.variable(tf.tensor1d(values)), learningRateScale };
}

/** sum of c w^2 / 2, so that the gradient is c w */
const bowl =
  ({ variable }: Parameter, curvature: number) =>
  () =>
    tf.mul(tf.sum(tf.square(variable)), curvature / 2) as tf.Scalar;

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
    const { gradNorm, loss } = new Adam([weights], settings).minimise(bowl(weights, 2), 0.1);
    const [first, second] = weights.variable.dataSync();
    expect(first).toBeCloseTo(2.9, 4);
    expect(second).toBeCloseTo(0.098, 4);
    expect(gradNorm).toBeCloseTo(Math.hypot(6, 0.004), 4);
    expect(loss).toBeCloseTo(9.000004, 4);
  });

  it("follows the published algorithm over 60 steps", () => {
    const weights = parameter([3]);
    const adam = new Adam([weights], settings);
    for (let i = 0; i < 60; i++) adam.minimise(bowl(weights, 2), 0.05);
    expect(weights.variable.dataSync()[0]).toBeCloseTo(referenceAdam(3, 2, 0.05, 60), 4);
  });

  it("scales the learning rate per parameter", () => {
    const weights = parameter([3], 0.1);
    new Adam([weights], settings).minimise(bowl(weights, 2), 0.1);
    expect(weights.variable.dataSync()[0]).toBeCloseTo(2.99, 4);
  });

  it("clips by the global norm: later, smaller gradients weigh as if the first had been short", () => {
    const weights = parameter([1]);
    const adam = new Adam([weights], { ...settings, maxGradNorm: 1 });
    expect(adam.minimise(bowl(weights, 1000), 0).gradNorm).toBeCloseTo(1000, 2);
    const { first } = adam.state() as { first: Float32Array[] };
    expect(first[0]![0]).toBeCloseTo(0.1, 6); // (1 - beta1) * 1, not * 1000
  });

  it.each([1, 10, 50, 137])("continues bit for bit after %i steps", (steps) => {
    const whole = parameter([3, -1, 0.5]);
    const adam = new Adam([whole], settings);
    for (let i = 0; i < steps; i++) adam.minimise(bowl(whole, 2), 0.03);
    const resumed = parameter([0, 0, 0]);
    const other = new Adam([resumed], settings);
    other.restore(adam.state());
    for (let i = 0; i < 20; i++) {
      adam.minimise(bowl(whole, 2), 0.03);
      other.minimise(bowl(resumed, 2), 0.03);
    }
    expect(resumed.variable.dataSync()).toEqual(whole.variable.dataSync());
    expect(other.state()).toEqual(adam.state());
  });

  it("refuses a loss, a gradient or a weight that is not finite, and changes nothing", () => {
    const weights = parameter([1, 2]);
    const adam = new Adam([weights], settings);
    adam.minimise(bowl(weights, 1), 0.01);
    const before = adam.state();
    const losses: [() => tf.Scalar, number][] = [
      [() => tf.mul(tf.sum(weights.variable), Number.NaN) as tf.Scalar, 0.1],
      [() => tf.sum(tf.sqrt(tf.mul(weights.variable, 0))) as tf.Scalar, 0.1], // loss 0, gradient infinite
      [bowl(weights, 1), 1e39], // finite gradient, infinite step
    ];
    for (const [loss, rate] of losses) {
      expect(() => adam.minimise(loss, rate)).toThrow(expect.objectContaining({ code: "AGENT_DIVERGED" }));
      expect(adam.state()).toEqual(before);
    }
  });

  it("undoes all steps of a transaction that fails", () => {
    const weights = parameter([1, 2]);
    const adam = new Adam([weights], settings);
    adam.minimise(bowl(weights, 1), 0.01);
    const before = adam.state();
    const tensors = tf.memory().numTensors;
    const failing = () =>
      adam.transaction(() => {
        adam.minimise(bowl(weights, 1), 0.01);
        throw new Error("later step");
      });
    expect(failing).toThrow("later step");
    expect(adam.state()).toEqual(before);
    expect(tf.memory().numTensors).toBe(tensors);
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
