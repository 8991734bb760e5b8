import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.js";

const draws = (stream: RandomStream, count: number): number[] => Array.from({ length: count }, () => stream.next());

describe("RandomStream", () => {
  it("continues from its state as if it had never stopped", () => {
    fc.assert(
      fc.property(fc.integer(), fc.string(), fc.nat({ max: 50 }), (seed, label, before) => {
        const stream = RandomStream.of(seed, label);
        draws(stream, before);
        const state = JSON.parse(JSON.stringify(stream.state()));
        const continued = RandomStream.from(state);
        expect(draws(continued, 20)).toEqual(draws(stream, 20));
        expect(continued.state()).toEqual(stream.state());
      }),
    );
  });

  it("is not moved by reading its state", () => {
    const stream = RandomStream.of(1, "a");
    const state = stream.state();
    draws(stream, 3);
    expect(stream.state()).not.toEqual(state);
    expect(draws(RandomStream.from(state), 3)).toEqual(draws(RandomStream.of(1, "a"), 3));
  });

  it("gives other numbers for another label or seed, the same for the same", () => {
    expect(draws(RandomStream.of(1, "a"), 5)).toEqual(draws(RandomStream.of(1, "a"), 5));
    expect(draws(RandomStream.of(1, "a"), 5)).not.toEqual(draws(RandomStream.of(1, "b"), 5));
    expect(draws(RandomStream.of(1, "a"), 5)).not.toEqual(draws(RandomStream.of(2, "a"), 5));
  });

  it("is uniform in [0, 1) and over integers", () => {
    const stream = RandomStream.of(1, "uniform");
    const values = draws(stream, 20_000);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01); // 4.9 standard errors
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[stream.integer(7)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(460); // 5 standard deviations
  });

  it("has normal deviates with mean 0, variance 1 and normal tails", () => {
    const stream = RandomStream.of(1, "normal");
    const values = Array.from({ length: 40_000 }, () => stream.normal());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.025);
    expect(Math.abs(variance - 1)).toBeLessThan(0.036);
    const beyond = values.filter((value) => Math.abs(value) > 1.96).length / values.length;
    expect(Math.abs(beyond - 0.05)).toBeLessThan(0.0055);
  });

  it("draws categories with their probabilities, never one of probability 0", () => {
    const stream = RandomStream.of(1, "categorical");
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 40_000; i++) counts[stream.categorical([0.1, 0, 0.65, 0.25])]!++;
    expect(counts[1]).toBe(0);
    for (const [i, share] of [0.1, 0, 0.65, 0.25].entries()) {
      expect(Math.abs(counts[i]! / 40_000 - share)).toBeLessThan(0.012);
    }
    for (let i = 0; i < 1000; i++) expect(stream.categorical([0.5, 0.4999, 0, 0])).toBeLessThan(2);
  });

  it("shuffles into a permutation, each order about equally often", () => {
    const stream = RandomStream.of(1, "shuffle");
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = stream.shuffle([1, 2, 3]).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["123", "132", "213", "231", "312", "321"]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(145);
  });
});
