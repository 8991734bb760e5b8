import { describe, expect, it } from "vitest";
import { AutoregressivePolicy } from "../../../agents/policy/autoregressive.js";
import { degreesOf } from "../../../agents/policy/masked-network.js";
import { RandomStream } from "../../../src/core/rng.js";
import { INACTIVE, Space } from "../../../src/core/space.js";
import { conditionalSpace } from "../../contracts/agent-contract.js";

/** A policy with arbitrary weights everywhere, so that nothing is uniform and every connection carries something. */
function scrambledPolicy(space: Space, scale = 0.7): AutoregressivePolicy {
  const policy = new AutoregressivePolicy(space, 1, "test/weights", {
    hiddenUnits: 24,
    connectionLearningRateScale: 1,
  });
  const random = RandomStream.of(5, "test/scramble");
  for (const { values } of policy.parameters) values.set(values.map(() => scale * random.normal()));
  return policy;
}

function evaluated(policy: AutoregressivePolicy, codes: readonly ArrayLike<number>[]) {
  const { logProb, entropy } = policy.evaluate(policy.batch(codes));
  return { logProb: [...logProb], entropy: [...entropy] };
}

describe("the autoregressive policy", () => {
  it("is a distribution: the probabilities of all 210 points of a conditional space sum to 1", () => {
    const points = [...conditionalSpace.enumerate()];
    const { logProb } = evaluated(scrambledPolicy(conditionalSpace), points);
    expect(points).toHaveLength(210);
    expect(logProb.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5);
    expect(new Set(logProb.map((value) => value.toFixed(6))).size).toBeGreaterThan(150);
  });

  it("starts uniform over the values of each knob", () => {
    const policy = new AutoregressivePolicy(conditionalSpace, 1, "w", {
      hiddenUnits: 8,
      connectionLearningRateScale: 1,
    });
    const point = Int32Array.of(0, 2, 2, 4, 0, 1, 1); // 3 * 3 * 3 * 5 * 2 * 2 ways
    expect(evaluated(policy, [point]).logProb[0]).toBeCloseTo(-Math.log(3 * 3 * 3 * 5 * 2 * 2), 5);
    const without = Int32Array.of(0, 0, INACTIVE, 4, 0, INACTIVE, 1);
    expect(evaluated(policy, [without]).logProb[0]).toBeCloseTo(-Math.log(3 * 3 * 5 * 2), 5);
    expect(evaluated(policy, [without]).entropy[0]).toBeCloseTo(Math.log(3 * 3 * 5 * 2), 5);
  });

  it("samples with the log-probabilities that learning gives, within 1e-5", () => {
    const policy = scrambledPolicy(conditionalSpace);
    const samples = policy.sample(200, RandomStream.of(1, "test"));
    const { logProb, entropy } = evaluated(policy, samples.codes);
    logProb.forEach((value, i) => {
      expect(Math.abs(value - samples.logProbs[i]!)).toBeLessThan(1e-5);
    });
    const decisions = samples.codes
      .flatMap((codes) => conditionalSpace.decisions.map((position) => codes[position]!))
      .filter((code) => code !== INACTIVE).length;
    const total = entropy.reduce((sum, value) => sum + value, 0);
    expect(samples.entropyPerDecision).toBeCloseTo(total / decisions, 4);
    expect(Object.keys(samples.entropyPerGroup)).toEqual(["network", "accelerator"]);
  });

  it("samples each point as often as its probability says (chi-square over the 40 likeliest)", () => {
    const policy = scrambledPolicy(conditionalSpace);
    const count = 20_000;
    const seen = new Map<string, number>();
    for (const codes of policy.sample(count, RandomStream.of(2, "test")).codes) {
      seen.set(conditionalSpace.key(codes), (seen.get(conditionalSpace.key(codes)) ?? 0) + 1);
    }
    const points = [...conditionalSpace.enumerate()];
    const expected = evaluated(policy, points).logProb.map((value) => count * Math.exp(value));
    const likeliest = points.map((_, i) => i).sort((a, b) => expected[b]! - expected[a]!);
    const chiSquare = likeliest.slice(0, 40).reduce((sum, i) => {
      const observed = seen.get(conditionalSpace.key(points[i]!)) ?? 0;
      return sum + (observed - expected[i]!) ** 2 / expected[i]!;
    }, 0);
    expect(chiSquare).toBeLessThan(73.4); // 99.9 % point of chi-square with 40 degrees of freedom
  });

  it("lets no choice see itself or a later one, and each see the earlier ones", () => {
    const space = new Space({
      name: "chain",
      knobs: Array.from({ length: 6 }, (_, i) => ({ name: `k${i}`, values: [0, 1, 2], ordered: i % 2 === 0 })),
    });
    const policy = scrambledPolicy(space);
    /** log p(knob d = code | knobs before), summed up to and with d, by marginalising the later ones */
    const prefix = (codes: number[]) => {
      const rest = [...space.enumerate()].filter((point) => codes.every((code, i) => point[i] === code));
      return Math.log(evaluated(policy, rest).logProb.reduce((sum, value) => sum + Math.exp(value), 0));
    };
    for (let d = 0; d < 6; d++) {
      const before = [2, 0, 1, 2, 0, 1].slice(0, d);
      const total = [0, 1, 2].reduce((sum, code) => sum + Math.exp(prefix([...before, code]) - prefix(before)), 0);
      expect(total).toBeCloseTo(1, 4); // would fail if a conditional looked at itself or ahead
    }
    const given = (first: number) => prefix([first, 0, 1, 2, 0, 1]) - prefix([first, 0, 1, 2, 0]);
    expect(Math.abs(given(0) - given(2))).toBeGreaterThan(0.01); // the last knob looks back to the first
  });

  it("has the ordinal head of Tang and Agrawal: sum of log s up to the level and of log(1 - s) above it", () => {
    const space = new Space({ name: "levels", knobs: [{ name: "x", values: [1, 2, 4, 8] }] });
    const policy = scrambledPolicy(space);
    const outputs = [...policy.parameters.find(({ name }) => name === "outputBiases")!.values];
    const s = outputs.map((output) => 1 / (1 + Math.exp(-output))); // s[0] belongs to no step between levels
    const logits = [0, 1, 2, 3].map((level) =>
      [1, 2, 3].reduce((sum, j) => sum + Math.log(j <= level ? s[j]! : 1 - s[j]!), 0),
    );
    const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    const points = [...space.enumerate()];
    evaluated(policy, points).logProb.forEach((value, level) => {
      expect(value).toBeCloseTo(logits[level]! - total, 5);
    });
  });

  it("moves the ends of a long ordered knob no further than 16 steps would: 65 levels have outputs scaled by 16 / 64", () => {
    const space = new Space({ name: "long", knobs: [{ name: "x", values: Array.from({ length: 65 }, (_, i) => i) }] });
    const policy = scrambledPolicy(space);
    policy.parameters.find(({ name }) => name === "outputBiases")!.values.fill(1);
    const { logProb } = evaluated(policy, [...space.enumerate()]);
    expect(logProb[64]! - logProb[0]!).toBeCloseTo(16, 4);
    const samples = policy.sample(20, RandomStream.of(1, "test"));
    samples.codes.forEach((codes, i) => {
      expect(samples.logProbs[i]).toBeCloseTo(logProb[codes[0]!]!, 4);
    });
  });

  it("has plain logits for categories", () => {
    const space = new Space({ name: "kinds", knobs: [{ name: "x", values: ["a", "b", "c"] }] });
    const policy = scrambledPolicy(space);
    const outputs = [...policy.parameters.find(({ name }) => name === "outputBiases")!.values];
    const total = Math.log(outputs.reduce((sum, output) => sum + Math.exp(output), 0));
    evaluated(policy, [...space.enumerate()]).logProb.forEach((value, i) => {
      expect(value).toBeCloseTo(outputs[i]! - total, 5);
    });
  });

  it("spreads the hidden units over the decisions: 6 units, 4 decisions see 1, 1, 2, 2, 3, 3", () => {
    expect([...degreesOf(6, 4)]).toEqual([1, 1, 2, 2, 3, 3]);
    expect([...degreesOf(3, 1)]).toEqual([1, 1, 1]);
  });
});
