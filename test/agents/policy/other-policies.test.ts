import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { FactorisedPolicy } from "../../../agents/policy/factorised.js";
import { LstmPolicy } from "../../../agents/policy/lstm.js";
import type { Policy } from "../../../agents/policy/policy.js";
import { RandomStream } from "../../../src/core/rng.js";
import { initBackend } from "../../../src/tensors/backend.js";
import { conditionalSpace } from "../../contracts/agent-contract.js";

beforeAll(async () => {
  await initBackend("wasm");
});

const settings = { hiddenUnits: 8, connectionLearningRateScale: 1 };
const make: Record<string, () => Policy> = {
  factorised: () => new FactorisedPolicy(conditionalSpace),
  lstm: () => new LstmPolicy(conditionalSpace, 3, "weights", settings),
};

/** Every parameter at random, so that nothing is uniform. */
function scramble(policy: Policy): void {
  const random = RandomStream.of(5, "scramble");
  for (const { variable } of policy.parameters) {
    const values = Float32Array.from({ length: variable.size }, () => 0.7 * random.normal());
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
}

describe.each(Object.keys(make))("the %s policy", (name) => {
  it("gives drawn points the log-probability that the tensor form gives them, within 1e-5", () => {
    const policy = make[name]!();
    scramble(policy);
    for (const temperature of [1, 2]) {
      const { codes, logProbs } = policy.sample(32, RandomStream.of(1, "draw"), temperature);
      const evaluated = policy.logProbs(codes);
      codes.forEach((_, row) => {
        expect(Math.abs(evaluated[row]! - logProbs[row]!)).toBeLessThan(1e-5);
      });
    }
    policy.dispose();
  });

  it("gives the points of the whole space probabilities that sum to 1", () => {
    const policy = make[name]!();
    scramble(policy);
    const logProbs = policy.logProbs([...conditionalSpace.enumerate()]);
    expect(logProbs.reduce((sum, logProb) => sum + Math.exp(logProb), 0)).toBeCloseTo(1, 4);
    policy.dispose();
  });

  it("has the gradient that finite differences have", () => {
    const policy = make[name]!();
    scramble(policy);
    const points = policy.sample(6, RandomStream.of(2, "points")).codes;
    const batch = policy.batch(points);
    const loss = () => {
      const { logProb, entropy } = policy.evaluate(batch);
      return tf.add(tf.mean(logProb), tf.mul(0.3, tf.mean(entropy))) as tf.Scalar;
    };
    const { value, grads } = tf.variableGrads(
      loss,
      policy.parameters.map(({ variable }) => variable),
    );
    const at = () => tf.tidy(() => loss().dataSync()[0]!);
    const random = RandomStream.of(3, "places");
    for (const { name: parameter, variable } of policy.parameters) {
      const exact = grads[variable.name]!.dataSync();
      const values = Float32Array.from(variable.dataSync());
      for (let i = 0; i < 4; i++) {
        const place = random.integer(values.length);
        const moved = (by: number) => {
          const next = values.slice();
          next[place] = next[place]! + by;
          tf.tidy(() => variable.assign(tf.tensor(next, variable.shape)));
          return at();
        };
        const numeric = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
        expect(Math.abs(numeric - exact[place]!), `${parameter}[${place}]`).toBeLessThan(2e-3);
      }
    }
    value.dispose();
    tf.dispose(grads);
    batch.dispose();
    policy.dispose();
  });

  it("leaves no tensor behind", () => {
    const before = tf.memory().numTensors;
    const policy = make[name]!();
    const { codes } = policy.sample(4, RandomStream.of(1, "draw"));
    policy.logProbs(codes);
    policy.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
