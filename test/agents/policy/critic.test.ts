import { describe, expect, it } from "vitest";
import { AutoregressivePolicy } from "../../../agents/policy/autoregressive.js";
import { Critic } from "../../../agents/policy/critic.js";
import type { HeadEvaluation } from "../../../agents/policy/heads.js";
import { layoutOf } from "../../../agents/policy/layout.js";
import type { Parameter } from "../../../agents/policy/policy.js";
import { RandomStream } from "../../../src/core/rng.js";
import { conditionalSpace } from "../../contracts/agent-contract.js";

const layout = layoutOf(conditionalSpace);
const settings = { hiddenUnits: 10, connectionLearningRateScale: 1 };

function scramble(parameters: readonly Parameter[]): void {
  const random = RandomStream.of(5, "scramble");
  for (const { values } of parameters) values.set(values.map(() => 0.7 * random.normal()));
}

function choicesOf(count: number): Int32Array {
  const random = RandomStream.of(6, "points");
  const points = Array.from({ length: count }, () => conditionalSpace.sample(random));
  return Int32Array.from(points.flatMap((point) => layout.decisions.map(({ position }) => point[position]!)));
}

/** Compares the gradients that are there with finite differences of `loss` at some places. */
function checkGradients(parameters: readonly Parameter[], loss: () => number): void {
  const random = RandomStream.of(7, "places");
  const gradients = parameters.map(({ gradient }) => gradient.slice());
  parameters.forEach(({ name, values }, p) => {
    for (let i = 0; i < 8; i++) {
      const place = random.integer(values.length);
      const before = values[place]!;
      const at = (by: number) => {
        values[place] = before + by;
        return loss();
      };
      const numeric = (at(1e-3) - at(-1e-3)) / 2e-3;
      values[place] = before;
      expect(Math.abs(numeric - gradients[p]![place]!), `${name}[${place}]`).toBeLessThan(0.005);
    }
    expect(
      gradients[p]!.some((slope) => Math.abs(slope) > 1e-3),
      name,
    ).toBe(true);
  });
}

describe("a critic", () => {
  it("has action values whose mean over a knob's values is the state's value, and starts at 0", () => {
    const critic = new Critic(layout, 1, "critic", settings);
    expect(critic.values(choicesOf(2), 2).every((value) => value === 0)).toBe(true);
    critic.parameters.at(-1)!.values.set([1, 2, 3, 4, 5, 6, 7].slice(0, layout.decisions.length)); // the states' biases
    const biases = critic.parameters[3]!.values; // the outputs'
    biases.set(biases.map((_, i) => i));
    const values = critic.values(choicesOf(1), 1);
    layout.decisions.forEach(({ valueCount }, d) => {
      const own = values.slice(d * layout.width, d * layout.width + valueCount);
      expect(own.reduce((sum, value) => sum + value, 0) / valueCount).toBeCloseTo(d + 1, 5);
      expect(new Set(own).size).toBe(valueCount);
    });
  });

  it("has the gradient of its squared error that finite differences have", () => {
    const critic = new Critic(layout, 1, "critic", settings);
    scramble(critic.parameters);
    const choices = choicesOf(5);
    const wanted = Float64Array.from(choices, (_, i) => Math.sin(i));
    const activeCount = choices.filter((choice) => choice >= 0).length;
    const values = critic.values(choices, 5);
    const expected = choices.reduce((sum, choice, cell) => {
      return choice < 0 ? sum : sum + (values[cell * layout.width + choice]! - wanted[cell]!) ** 2 / activeCount;
    }, 0);
    const loss = () => critic.differentiate(choices, 5, wanted, activeCount);
    expect(loss()).toBeCloseTo(expected, 9);
    checkGradients(critic.parameters, loss);
  });

  it("follows another one by the share that is asked", () => {
    const [critic, other] = [new Critic(layout, 1, "a", settings), new Critic(layout, 1, "b", settings)];
    scramble(other.parameters);
    critic.follow(other, 1);
    expect(critic.weights()).toEqual(other.weights());
    other.parameters[0]!.values.fill(0);
    critic.follow(other, 0.25);
    expect(critic.weights()[0]![0]).not.toBe(0);
  });
});

describe("an actor", () => {
  it("has the gradient of a loss of all its probabilities that finite differences have", () => {
    const actor = new AutoregressivePolicy(conditionalSpace, 1, "actor", settings);
    scramble(actor.parameters);
    const batch = actor.batch(actor.sample(5, RandomStream.of(1, "draw")).codes);
    const worth = (i: number) => Math.cos(3 * i);
    const lossOf = ({ probabilities, logProbs }: HeadEvaluation) =>
      probabilities.reduce((sum, p, i) => sum + (p > 0 ? p * (0.4 * logProbs[i]! - worth(i)) : 0), 0);
    actor.differentiate(batch, ({ probabilities, logProbs }) => ({
      decisionLogProbs: new Float64Array(batch.choices.length),
      entropy: new Float64Array(batch.count),
      valueLogProbs: probabilities.map((p, i) => (p > 0 ? p * (0.4 * logProbs[i]! - worth(i)) : 0)),
    }));
    checkGradients(actor.parameters, () => lossOf(actor.evaluate(batch)));
  });
});
