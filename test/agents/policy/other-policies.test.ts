import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { AutoregressivePolicy } from "../../../agents/policy/autoregressive.js";
import { FactorisedPolicy } from "../../../agents/policy/factorised.js";
import { LstmPolicy } from "../../../agents/policy/lstm.js";
import type { Evaluated, Policy, Slopes } from "../../../agents/policy/policy.js";
import { asVariables, type PolicyKind, tensorForm } from "../../../agents/policy/tfjs-form.js";
import { RandomStream } from "../../../src/core/rng.js";
import { INACTIVE, type Space } from "../../../src/core/space.js";
import { initBackend } from "../../../src/tensors/backend.js";
import { conditionalSpace, ruledSpace } from "../../contracts/agent-contract.js";

beforeAll(async () => {
  await initBackend("wasm");
});

// no multiple of the loops' eight columns, so that padding is in play
const settings = { hiddenUnits: 11, connectionLearningRateScale: 1 };

const policies = (space: Space, contextSize: number): Record<string, () => Policy> => ({
  autoregressive: () => new AutoregressivePolicy(space, 3, "weights", settings, contextSize),
  factorised: () => new FactorisedPolicy(space, contextSize),
  lstm: () => new LstmPolicy(space, 3, "weights", settings, contextSize),
});

interface Case {
  readonly kind: PolicyKind;
  readonly space: Space;
  readonly make: () => Policy;
  /** of candidate i */
  readonly context?: (i: number) => readonly number[];
}
const contextOf = (i: number): readonly number[] => [(i % 3) / 2, 1 - (i % 3) / 2];
const cases: Record<string, Case> = Object.fromEntries(
  (["autoregressive", "factorised", "lstm"] as const).flatMap((kind): [string, Case][] => [
    [kind, { kind, space: conditionalSpace, make: policies(conditionalSpace, 0)[kind]! }],
    [`${kind} with rules`, { kind, space: ruledSpace, make: policies(ruledSpace, 0)[kind]! }],
    [
      `${kind} with a context`,
      { kind, space: conditionalSpace, make: policies(conditionalSpace, 2)[kind]!, context: contextOf },
    ],
  ]),
);
const contexts = ({ context }: Case, count: number) => context && Array.from({ length: count }, (_, i) => context(i));

/** Every parameter at random, so that nothing is uniform. */
function scramble(policy: Policy): void {
  const random = RandomStream.of(5, "scramble");
  for (const { values } of policy.parameters) values.set(values.map(() => 0.7 * random.normal()));
}

/** Slopes of mean(log-probability) + 0.3 mean(entropy) + a slope of its own for each decision. */
function slopesOf({ decisionLogProbs, entropy }: Evaluated): Slopes {
  return {
    decisionLogProbs: decisionLogProbs.map((_, cell) => 1 / entropy.length + 0.1 * Math.sin(cell)),
    entropy: entropy.map(() => 0.3 / entropy.length),
  };
}

function lossOf({ decisionLogProbs, entropy }: Evaluated): number {
  const slopes = slopesOf({ decisionLogProbs, entropy, logProb: entropy });
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  return dot(decisionLogProbs, slopes.decisionLogProbs) + dot(entropy, slopes.entropy);
}

describe.each(Object.keys(cases))("the %s policy", (name) => {
  const given = cases[name]!;

  it("gives drawn points the log-probability that learning gives them, within 1e-5", () => {
    const policy = given.make();
    scramble(policy);
    for (const temperature of [1, 2]) {
      const { codes, logProbs } = policy.sample(32, RandomStream.of(1, "draw"), temperature, contexts(given, 32));
      const evaluated = policy.logProbs(codes, contexts(given, 32));
      codes.forEach((_, row) => {
        expect(Math.abs(evaluated[row]! - logProbs[row]!)).toBeLessThan(1e-5);
      });
    }
  });

  it("gives the points of the whole space probabilities that sum to 1", () => {
    const policy = given.make();
    scramble(policy);
    const points = [...given.space.enumerate()];
    expect(points.length).toBe(Number(given.space.size()));
    const same = given.context && points.map(() => given.context!(1));
    const logProbs = policy.logProbs(points, same);
    expect(logProbs.reduce((sum, logProb) => sum + Math.exp(logProb), 0)).toBeCloseTo(1, 4);
  });

  it("has the values and the gradients of the straight TensorFlow.js form, within 1e-5", () => {
    const policy = given.make();
    scramble(policy);
    const points = policy.sample(7, RandomStream.of(2, "points"), 1, contexts(given, 7)).codes;
    const batch = policy.batch(points, contexts(given, 7));
    const found = policy.evaluate(batch);
    policy.differentiate(batch, slopesOf);
    const variables = asVariables(policy.parameters);
    const form = () => tensorForm(given.kind, policy.layout, variables, points, contexts(given, 7));
    const slopes = slopesOf(found);
    const { value, grads } = tf.variableGrads(() => {
      const { decisionLogProbs, entropy } = form();
      const cells = tf.tensor2d(Float32Array.from(slopes.decisionLogProbs), decisionLogProbs.shape);
      const rows = tf.tensor1d(Float32Array.from(slopes.entropy));
      return tf.add(tf.sum(tf.mul(decisionLogProbs, cells)), tf.sum(tf.mul(entropy, rows))) as tf.Scalar;
    }, Object.values(variables));
    const expected = tf.tidy(() => Object.values(form()).map((tensor: tf.Tensor) => [...tensor.dataSync()]));
    [found.logProb, found.decisionLogProbs, found.entropy].forEach((values, k) => {
      values.forEach((own, i) => {
        expect(Math.abs(own - expected[k]![i]!)).toBeLessThan(1e-5);
      });
    });
    for (const { name: parameter, gradient } of policy.parameters) {
      grads[variables[parameter]!.name]!.dataSync().forEach((slope, i) => {
        expect(Math.abs(gradient[i]! - slope), `${parameter}[${i}]`).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
      });
      expect(
        gradient.some((slope) => Math.abs(slope) > 1e-3),
        parameter,
      ).toBe(true);
    }
    value.dispose();
    tf.dispose([grads, variables]);
  });

  it("has the gradient that finite differences have", () => {
    const policy = given.make();
    scramble(policy);
    const points = policy.sample(6, RandomStream.of(2, "points"), 1, contexts(given, 6)).codes;
    const batch = policy.batch(points, contexts(given, 6));
    policy.differentiate(batch, slopesOf);
    const random = RandomStream.of(3, "places");
    for (const { name: parameter, values, gradient } of policy.parameters) {
      for (let i = 0; i < 8; i++) {
        const place = random.integer(values.length);
        const before = values[place]!;
        const at = (by: number) => {
          values[place] = before + by;
          return lossOf(policy.evaluate(batch));
        };
        const numeric = (at(2e-3) - at(-2e-3)) / 4e-3;
        values[place] = before;
        expect(Math.abs(numeric - gradient[place]!), `${parameter}[${place}]`).toBeLessThan(2e-3);
      }
    }
  });

  it("gives the decisions log-probabilities that sum to the candidate's, 0 where a knob does not count", () => {
    const policy = given.make();
    scramble(policy);
    const points = policy.sample(8, RandomStream.of(4, "points"), 1, contexts(given, 8)).codes;
    const { logProb, decisionLogProbs } = policy.evaluate(policy.batch(points, contexts(given, 8)));
    const { decisions } = given.space;
    points.forEach((point, row) => {
      const parts = decisionLogProbs.subarray(row * decisions.length, (row + 1) * decisions.length);
      expect(parts.reduce((sum, p) => sum + p, 0)).toBeCloseTo(logProb[row]!, 4);
      decisions.forEach((position, d) => {
        if (point[position] === INACTIVE) expect(parts[d]).toBe(0);
        else expect(parts[d]).toBeLessThanOrEqual(0);
      });
    });
  });

  it("says of a candidate the same to the last bit, whatever the batch around it", () => {
    const policy = given.make();
    scramble(policy);
    const points = policy.sample(9, RandomStream.of(6, "points"), 1, contexts(given, 9)).codes;
    const whole = policy.logProbs(points, contexts(given, 9));
    points.forEach((point, row) => {
      const context = given.context && [given.context(row)];
      expect(policy.logProbs([point], context)[0]).toBe(whole[row]);
    });
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
});
