import { describe, expect, it } from "vitest";
import type { Point } from "../../agents/black-box.js";
import type { Samples } from "../../agents/policy/policy.js";
import { Screening } from "../../agents/screening.js";
import { ScreeningModel } from "../../agents/screening-model.js";
import { RecentPoints } from "../../agents/variation.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";

const levels = Array.from({ length: 9 }, (_, v) => v);
const space = new Space({
  name: "test",
  knobs: [
    { name: "a", values: levels },
    { name: "b", values: levels },
    { name: "c", values: ["x", "y", "z"] },
  ],
});

/** Worth a - b and 5 for y; feasible up to a + b = 8. */
function pointOf(codes: Int32Array): Point {
  const [a, b, c] = codes as unknown as [number, number, number];
  const violation = Math.max(0, (a + b - 8) / 8);
  return { codes, reward: a - b + (c === 1 ? 5 : 0), feasible: violation === 0, violation };
}

function learnt(count: number): ScreeningModel {
  const random = RandomStream.of(3, "test");
  const model = new ScreeningModel(space);
  model.learn(Array.from({ length: count }, () => pointOf(space.sample(random))));
  return model;
}

describe("the screening model", () => {
  it("finds which level and which category is better, and how near the limit is too near", () => {
    const model = learnt(120);
    const score = (...codes: number[]) => model.score(Int32Array.from(codes));
    expect(score(4, 1, 1)).toBeGreaterThan(score(1, 1, 1));
    expect(score(4, 1, 1)).toBeGreaterThan(score(4, 4, 1));
    expect(score(4, 1, 1)).toBeGreaterThan(score(4, 1, 2));
    expect(score(6, 0, 1)).toBeGreaterThan(score(8, 8, 1));
  });

  it("goes by the limits alone while hardly anything is feasible", () => {
    const model = new ScreeningModel(space);
    const codes = [
      [8, 8, 1],
      [7, 8, 0],
      [8, 6, 2],
      [6, 6, 1],
      [5, 6, 0],
      [7, 3, 2],
    ];
    model.learn(codes.map((point) => pointOf(Int32Array.from(point))));
    expect(model.score(Int32Array.of(3, 2, 0))).toBeGreaterThan(model.score(Int32Array.of(8, 7, 0)));
  });

  it("learns which designs cannot be built", () => {
    const random = RandomStream.of(4, "test");
    const model = new ScreeningModel(space);
    model.learn(
      Array.from({ length: 150 }, () => {
        const point = pointOf(space.sample(random));
        return point.codes[2] === 2 ? { ...point, reward: -1, feasible: false, violation: 10 } : point;
      }),
    );
    expect(model.score(Int32Array.of(4, 1, 1))).toBeGreaterThan(model.score(Int32Array.of(4, 1, 2)) + 5);
  });

  it("depends on the order of rewards only", () => {
    const random = RandomStream.of(5, "test");
    const points = Array.from({ length: 100 }, () => pointOf(space.sample(random)));
    const plain = new ScreeningModel(space);
    const scaled = new ScreeningModel(space);
    plain.learn(points);
    scaled.learn(points.map((point) => ({ ...point, reward: Math.exp(3 * point.reward) - 100 })));
    for (const codes of space.enumerate()) expect(scaled.score(codes)).toBe(plain.score(codes));
  });

  it("says the same after a restore, bit for bit, and goes on alike", () => {
    const random = RandomStream.of(3, "test");
    const points = Array.from({ length: 716 }, () => pointOf(space.sample(random)));
    const model = new ScreeningModel(space);
    for (let start = 0; start < 700; start += 20) model.learn(points.slice(start, start + 20));
    const other = new ScreeningModel(space);
    other.restore(model.state());
    expect(model.points).toHaveLength(700 - 64); // it forgets 64 at a time
    for (const codes of space.enumerate()) expect(other.score(codes)).toBe(model.score(codes));
    for (const each of [model, other]) each.learn(points.slice(700));
    for (const codes of space.enumerate()) expect(other.score(codes)).toBe(model.score(codes));
  });

  it("learns from designs within a limit how near it they are", () => {
    const model = new ScreeningModel(space);
    const measured = (a: number, b: number): Point => {
      const load = 10 * (a + b);
      const violations = load > 80 ? [{ subject: "load", needed: load, available: 80, unit: "" }] : [];
      const infeasible = load > 80 ? { infeasible: { code: "limit", reason: "load", violations } } : {};
      const violation = Math.max(0, load / 80 - 1);
      return {
        codes: Int32Array.of(a, b, 0),
        reward: a + b,
        feasible: load <= 80,
        violation,
        metrics: { load },
        ...infeasible,
      };
    };
    const within = levels.slice(0, 4).flatMap((a) => levels.slice(0, 4).map((b) => measured(a, b)));
    model.learn([...within, ...within, measured(8, 1)]);
    const score = (a: number, b: number) => model.score(Int32Array.of(a, b, 0));
    expect(score(4, 4)).toBeGreaterThan(score(1, 1)); // better, and at the limit
    expect(score(3, 4)).toBeGreaterThan(score(7, 7)); // only one design of all was beyond the limit, and not there
  });

  it("sees a single bad level among good ones, where a knob has many", () => {
    const random = RandomStream.of(6, "test");
    const many = new Space({ name: "many", knobs: [{ name: "a", values: Array.from({ length: 20 }, (_, v) => v) }] });
    const model = new ScreeningModel(many);
    const worth = (level: number) => level - (level === 12 ? 6 : 0);
    model.learn(
      Array.from({ length: 300 }, () => {
        const codes = many.sample(random);
        return { codes, reward: worth(codes[0]!), feasible: true, violation: 0 };
      }),
    );
    const score = (level: number) => model.score(Int32Array.of(level));
    expect(score(12)).toBeLessThan(score(11));
    expect(score(12)).toBeLessThan(score(10));
    expect(score(13)).toBeGreaterThan(score(11));
  });
});

/** Draws uniformly and claims a given entropy. */
function uniformPolicy(entropyPerDecision: number) {
  return {
    sample: (count: number, random: RandomStream): Samples => ({
      codes: Array.from({ length: count }, () => space.sample(random)),
      logProbs: new Float64Array(count).fill(-Math.log(243)),
      entropyPerDecision,
      entropyPerGroup: {},
      marginals: [],
    }),
    logProbs: (points: readonly ArrayLike<number>[]) => new Float32Array(points.length).fill(-Math.log(243)),
  };
}

describe("screening", () => {
  const settings = { redraws: 8, redrawHeat: 0.25, screening: 16, screenedFraction: 0.75, childFraction: 0.75 };
  const mean = (points: readonly Int32Array[]) =>
    points.reduce((sum, codes) => sum + (pointOf(codes).feasible ? pointOf(codes).reward : -10), 0) / points.length;

  function proposals(screening: number, entropy: number, childFraction = 0.75) {
    const streams = { space, random: RandomStream.of(9, "test"), recent: new RecentPoints() };
    const subject = new Screening(space, { ...settings, screening, childFraction });
    const policy = uniformPolicy(entropy);
    const best = [Int32Array.of(7, 0, 1), Int32Array.of(6, 0, 1), Int32Array.of(7, 1, 1)];
    for (let i = 0; i < 4; i++) {
      const { codes } = subject.propose(streams, policy, 16, [], best);
      subject.learn(codes.map(pointOf));
    }
    return subject.propose(streams, policy, 16, [], best);
  }

  it("proposes better designs than the policy draws", () => {
    expect(mean(proposals(16, 2).codes)).toBeGreaterThan(mean(proposals(1, 2).codes) + 3);
  });

  it("proposes only draws while the policy has not settled, and up to three quarters children once it has", () => {
    expect(proposals(16, 2).childCount).toBe(0);
    const settled = proposals(16, 0);
    expect(settled.childCount).toBe(12);
    expect(settled.codes).toHaveLength(16);
    expect(new Set(settled.codes.map((codes) => codes.join())).size).toBe(16);
    expect(proposals(16, 0, 0).childCount).toBe(0);
  });
});
