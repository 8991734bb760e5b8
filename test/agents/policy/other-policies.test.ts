import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { AutoregressivePolicy } from "../../../agents/policy/autoregressive.js";
import { FactorisedPolicy } from "../../../agents/policy/factorised.js";
import { LstmPolicy } from "../../../agents/policy/lstm.js";
import type { Policy } from "../../../agents/policy/policy.js";
import { RandomStream } from "../../../src/core/rng.js";
import { INACTIVE, type Space } from "../../../src/core/space.js";
import { initBackend } from "../../../src/tensors/backend.js";
import { conditionalSpace, ruledSpace } from "../../contracts/agent-contract.js";

beforeAll(async () => {
  await initBackend("wasm");
});

const settings = { hiddenUnits: 8, connectionLearningRateScale: 1 };

const policies = (space: Space, contextSize: number): Record<string, () => Policy> => ({
  autoregressive: () => new AutoregressivePolicy(space, 3, "weights", settings, contextSize),
  factorised: () => new FactorisedPolicy(space, contextSize),
  lstm: () => new LstmPolicy(space, 3, "weights", settings, contextSize),
});

interface Case {
  readonly space: Space;
  readonly make: () => Policy;
  /** of candidate i */
  readonly context?: (i: number) => readonly number[];
}
const contextOf = (i: number): readonly number[] => [(i % 3) / 2, 1 - (i % 3) / 2];
const cases: Record<string, Case> = Object.fromEntries(
  ["autoregressive", "factorised", "lstm"].flatMap((name): [string, Case][] => [
    [name, { space: conditionalSpace, make: policies(conditionalSpace, 0)[name]! }],
    [`${name} with rules`, { space: ruledSpace, make: policies(ruledSpace, 0)[name]! }],
    [
      `${name} with a context`,
      { space: conditionalSpace, make: policies(conditionalSpace, 2)[name]!, context: contextOf },
    ],
  ]),
);
const contexts = ({ context }: Case, count: number) => context && Array.from({ length: count }, (_, i) => context(i));

/** Every parameter at random, so that nothing is uniform. */
function scramble(policy: Policy): void {
  const random = RandomStream.of(5, "scramble");
  for (const { variable } of policy.parameters) {
    const values = Float32Array.from({ length: variable.size }, () => 0.7 * random.normal());
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
}

describe.each(Object.keys(cases))("the %s policy", (name) => {
  const given = cases[name]!;

  it("gives drawn points the log-probability that the tensor form gives them, within 1e-5", () => {
    const policy = given.make();
    scramble(policy);
    for (const temperature of [1, 2]) {
      const { codes, logProbs } = policy.sample(32, RandomStream.of(1, "draw"), temperature, contexts(given, 32));
      const evaluated = policy.logProbs(codes, contexts(given, 32));
      codes.forEach((_, row) => {
        expect(Math.abs(evaluated[row]! - logProbs[row]!)).toBeLessThan(1e-5);
      });
    }
    policy.dispose();
  });

  it("gives the points of the whole space probabilities that sum to 1", () => {
    const policy = given.make();
    scramble(policy);
    const points = [...given.space.enumerate()];
    expect(points.length).toBe(Number(given.space.size()));
    const same = given.context && points.map(() => given.context!(1));
    const logProbs = policy.logProbs(points, same);
    expect(logProbs.reduce((sum, logProb) => sum + Math.exp(logProb), 0)).toBeCloseTo(1, 4);
    policy.dispose();
  });

  it("has the gradient that finite differences have", () => {
    const policy = given.make();
    scramble(policy);
    const points = policy.sample(6, RandomStream.of(2, "points"), 1, contexts(given, 6)).codes;
    const batch = policy.batch(points, contexts(given, 6));
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
        const numeric = (moved(2e-3) - moved(-2e-3)) / 4e-3;
        tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
        expect(Math.abs(numeric - exact[place]!), `${parameter}[${place}]`).toBeLessThan(2e-3);
      }
    }
    value.dispose();
    tf.dispose(grads);
    batch.dispose();
    policy.dispose();
  });

  it("gives the decisions log-probabilities that sum to the candidate's, 0 where a knob does not count", () => {
    const policy = given.make();
    scramble(policy);
    const points = policy.sample(8, RandomStream.of(4, "points"), 1, contexts(given, 8)).codes;
    const batch = policy.batch(points, contexts(given, 8));
    const { logProb, decisionLogProbs } = policy.evaluate(batch);
    const [whole, parts] = [logProb.dataSync(), decisionLogProbs.arraySync() as number[][]];
    points.forEach((point, row) => {
      expect(parts[row]!.reduce((sum, p) => sum + p, 0)).toBeCloseTo(whole[row]!, 4);
      given.space.decisions.forEach((position, d) => {
        if (point[position] === INACTIVE) expect(parts[row]![d]).toBe(0);
        else expect(parts[row]![d]).toBeLessThanOrEqual(0);
      });
    });
    batch.dispose();
    policy.dispose();
  });

  it("leaves no tensor behind", () => {
    const before = tf.memory().numTensors;
    const policy = given.make();
    const { codes } = policy.sample(4, RandomStream.of(1, "draw"), 1, contexts(given, 4));
    policy.logProbs(codes, contexts(given, 4));
    policy.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

it.each(["autoregressive", "factorised", "lstm"])("the %s policy draws otherwise under another context", (name) => {
  const policy = policies(conditionalSpace, 2)[name]!();
  scramble(policy);
  const pes = (context: readonly number[]) => {
    const { marginals } = policy.sample(400, RandomStream.of(1, "draw"), 1, Array(400).fill(context));
    return marginals[policy.layout.decisions.findIndex((decision) => decision.name === "accelerator/pes")]!;
  };
  const [left, right] = [pes([1, 0]), pes([0, 1])];
  expect(Math.max(...left.map((p, v) => Math.abs(p - right[v]!)))).toBeGreaterThan(0.03); // the same draws: 0 if it made no difference
  policy.dispose();
});
