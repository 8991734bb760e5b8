import { beforeAll, describe, expect, it } from "vitest";
import type { Point } from "../../agents/black-box.js";
import { agentDefinition } from "../../agents/index.js";
import { PairModel } from "../../agents/screening-pairs.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import type { Candidate, Trial } from "../../src/core/trial.js";
import { initBackend } from "../../src/tensors/backend.js";

const values = ["x", "y", "z"];
const space = new Space({ name: "six", knobs: [..."abcdef"].map((name) => ({ name, values })) });

/** Each knob adds its level; where they interact, the second and the fifth are worth 3 more when they are equal. */
const worth = (codes: ArrayLike<number>, bonus: number): number =>
  Array.from(codes).reduce((sum, code) => sum + code, 0) + (codes[1] === codes[4] ? bonus : 0);

function points(count: number, seed: number, bonus: number): Point[] {
  const random = RandomStream.of(seed, "points");
  return Array.from({ length: count }, () => {
    const codes = space.sample(random);
    return { codes, reward: worth(codes, bonus), feasible: true, violation: 0 };
  });
}

function learnt(trials: readonly Point[]): PairModel {
  const model = new PairModel(space);
  for (let start = 0; start < trials.length; start += 16) model.learn(trials.slice(start, start + 16));
  return model;
}

describe("the model with pairs", () => {
  it("chooses the pair of knobs that interact, and foretells what no additive model can", () => {
    const model = learnt(points(256, 1, 3));
    expect(model.pairs[0]).toEqual([1, 4]);
    const at = (b: number, e: number) => model.at(Int32Array.of(1, b, 1, 1, e, 1));
    // additive in b and e, this would be 0; what a bonus of 3 twice is worth, in units of the rewards' deviation
    const deviation = Math.sqrt(6 * (2 / 3) + 9 * (2 / 9));
    expect(at(0, 0) + at(2, 2) - at(0, 2) - at(2, 0)).toBeCloseTo(6 / deviation, 0);
  });

  it("chooses no pair where knobs do not interact, but for a false alarm now and then", () => {
    const alarms = Array.from({ length: 20 }, (_, seed) => learnt(points(128, seed, 0))).filter(
      ({ pairs }) => pairs.length > 0,
    );
    expect(alarms.length).toBeLessThanOrEqual(4);
  });

  it("is not misled by a few rewards that are beyond all measure", () => {
    const trials = points(256, 2, 3).map((point, i) => (i % 64 === 5 ? { ...point, reward: -1e9 } : point));
    expect(learnt(trials).pairs[0]).toEqual([1, 4]);
  });

  it("is trusted while it decides more disagreements rightly than the other model, and no longer", () => {
    const model = learnt(points(256, 3, 3));
    expect(model.isTrusted).toBe(false); // not judged yet
    model.judge(points(16, 4, 3), (codes) => worth(codes, 0));
    expect(model.isTrusted).toBe(true);
    for (let batch = 0; batch < 8; batch++) model.judge(points(16, 5 + batch, -3), (codes) => worth(codes, -3));
    expect(model.isTrusted).toBe(false);
  });

  it("draws effects around their means, wider where fewer trials say something", () => {
    const model = learnt(points(192, 6, 3).filter(({ codes }) => codes[1] !== 2 || codes[4] !== 2));
    const random = RandomStream.of(7, "draws");
    const spread = (codes: Int32Array) => {
      const seen = Array.from({ length: 400 }, () => model.at(codes, model.draw(random)));
      const mean = seen.reduce((sum, v) => sum + v, 0) / seen.length;
      expect(mean).toBeCloseTo(model.at(codes), 0);
      return Math.sqrt(seen.reduce((sum, v) => sum + (v - mean) ** 2, 0) / seen.length);
    };
    expect(spread(Int32Array.of(0, 2, 0, 0, 2, 0))).toBeGreaterThan(1.5 * spread(Int32Array.of(0, 1, 0, 0, 1, 0)));
  });

  it("says the same after a restore, bit for bit, and goes on alike", () => {
    const trials = points(1200, 8, 3); // more than it keeps
    const model = learnt(trials.slice(0, 1104));
    model.judge(trials.slice(0, 16), (codes) => worth(codes, 0));
    const other = new PairModel(space);
    other.restore(model.state());
    for (const each of [model, other]) {
      for (let start = 1104; start < 1200; start += 16) each.learn(trials.slice(start, start + 16));
    }
    expect(other.pairs).toEqual(model.pairs);
    expect(other.state()).toEqual(model.state());
    for (const codes of space.enumerate()) expect(other.at(codes)).toBe(model.at(codes));
    expect(() => other.restore(undefined)).toThrow("saved points");
  });
});

describe("PPO on a chain of neighbours that interact", () => {
  beforeAll(async () => {
    await initBackend("wasm");
  });

  it("finds the optimum of 4^12 points in 800 trials, which dynamic programming knows", async () => {
    const levels = [0, 1, 2, 3];
    const random = RandomStream.of(11, "chain");
    const pair = Array.from({ length: 11 }, () => levels.map(() => levels.map(() => random.next())));
    const chain = new Space({
      name: "chain",
      knobs: Array.from({ length: 12 }, (_, i) => ({ name: `k${i}`, values: levels, ordered: false })),
    });
    let best = levels.map(() => 0);
    for (const table of pair)
      best = levels.map((to) => Math.max(...levels.map((from) => best[from]! + table[from]![to]!)));
    const evaluate = (candidate: Candidate, trial: number): Trial => ({
      trial,
      candidate,
      reward: pair.reduce((sum, t, i) => sum + t[candidate[`k${i}`] as number]![candidate[`k${i + 1}`] as number]!, 0),
    });
    const definition = agentDefinition("ppo");
    const reached: number[] = [];
    for (const seed of [1, 2]) {
      const agent = await definition.create(chain, definition.resolveOptions({}), seed);
      let most = 0;
      for (let done = 0; done < 800; done += 16) {
        const trials = (await agent.propose(16)).map((candidate, i) => evaluate(candidate, done + i));
        most = Math.max(most, ...trials.map(({ reward }) => reward));
        await agent.observe(trials);
      }
      reached.push(Math.max(...best) - most);
      agent.dispose();
    }
    expect(Math.max(...reached)).toBeLessThan(1e-9);
  });
});
