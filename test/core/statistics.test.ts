import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.js";
import {
  bootstrapInterval,
  type Direction,
  dominates,
  hypervolume,
  interquartileMean,
  kendallTau,
  mean,
  median,
  pairedBootstrapInterval,
  paretoFront,
  quantile,
  ranks,
  spearman,
} from "../../src/core/statistics.js";

const MAX2: Direction[] = ["max", "max"];
const MAX3: Direction[] = ["max", "max", "max"];
const point = (n: number) => fc.array(fc.integer({ min: -1, max: 5 }), { minLength: n, maxLength: n });

describe("Pareto front", () => {
  it("keeps what nothing else beats everywhere", () => {
    const accuracyLatency = [
      [0.7, 10],
      [0.75, 20],
      [0.74, 25],
      [0.6, 5],
      [0.7, 11],
      [0.7, 10],
    ];
    expect(paretoFront(accuracyLatency, ["max", "min"])).toEqual([0, 1, 3, 5]);
    expect(paretoFront([], MAX2)).toEqual([]);
    expect(dominates([1, 1], [1, 1], MAX2)).toBe(false);
    expect(dominates([1, 2], [1, 1], MAX2)).toBe(true);
    expect(dominates([1, 2], [1, 1], ["max", "min"])).toBe(false);
  });

  it("is what comparing all pairs gives, in any number of objectives", () => {
    fc.assert(
      fc.property(fc.array(point(4), { maxLength: 40 }), (points) => {
        const directions: Direction[] = ["max", "min", "max", "min"];
        const all = points.flatMap((p, i) => (points.some((q) => dominates(q, p, directions)) ? [] : [i]));
        expect(paretoFront(points, directions)).toEqual(all);
      }),
    );
  });
});

describe("hypervolume", () => {
  it("of hand-drawn cases", () => {
    expect(
      hypervolume(
        [
          [3, 1],
          [2, 2],
          [1, 3],
        ],
        [0, 0],
        MAX2,
      ),
    ).toBe(3 + 2 + 1); // stairs of unit squares
    expect(
      hypervolume(
        [
          [3, 1],
          [2, 2],
          [1, 3],
          [1, 1],
        ],
        [0, 0],
        MAX2,
      ),
    ).toBe(6);
    expect(
      hypervolume(
        [
          [0.7, 10],
          [0.8, 20],
        ],
        [0.5, 30],
        ["max", "min"],
      ),
    ).toBeCloseTo(0.2 * 20 + 0.1 * 10, 12);
    expect(hypervolume([[1, 2, 3]], [0, 0, 0], MAX3)).toBe(6);
    expect(
      hypervolume(
        [
          [2, 2, 1],
          [1, 1, 3],
        ],
        [0, 0, 0],
        MAX3,
      ),
    ).toBe(4 + 2); // a slab of 4 x 1 and a tower of 1 x 2 on it
    expect(
      hypervolume(
        [
          [2, 1, 2],
          [1, 2, 2],
        ],
        [0, 0, 0],
        MAX3,
      ),
    ).toBe(3 * 2); // same height: an L of area 3
    expect(hypervolume([[5], [7]], [4], ["max"])).toBe(3);
    expect(
      hypervolume(
        [
          [0, 5],
          [-1, 9],
        ],
        [0, 0],
        MAX2,
      ),
    ).toBe(0);
    expect(() => hypervolume([[1, 1, 1, 1]], [0, 0, 0, 0], [...MAX3, "max"])).toThrow(RangeError);
  });

  it("counts the unit cells that some point covers", () => {
    fc.assert(
      fc.property(fc.array(point(3), { maxLength: 12 }), (points) => {
        let cells = 0;
        for (let x = 0; x < 5; x++)
          for (let y = 0; y < 5; y++)
            for (let z = 0; z < 5; z++) if (points.some((p) => p[0]! > x && p[1]! > y && p[2]! > z)) cells++;
        expect(hypervolume(points, [0, 0, 0], MAX3)).toBe(cells);
        const flat = points.map((p) => [p[0]!, p[1]!]);
        let squares = 0;
        for (let x = 0; x < 5; x++) for (let y = 0; y < 5; y++) if (flat.some((p) => p[0]! > x && p[1]! > y)) squares++;
        expect(hypervolume(flat, [0, 0], MAX2)).toBe(squares);
      }),
    );
  });
});

describe("summaries", () => {
  it("quantiles lie between order statistics", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20);
    expect(quantile([0, 10], 0.3)).toBe(3);
    expect(quantile([7], 0.9)).toBe(7);
    expect(median([])).toBeNaN();
  });

  it("the interquartile mean drops a quarter at each end", () => {
    expect(interquartileMean([1000, 1, 2, 3, 4, 5, 6, -1000])).toBe((2 + 3 + 4 + 5) / 4);
    expect(interquartileMean([1, 2, 9])).toBe(4); // floor(3 / 4) = 0 dropped
    expect(interquartileMean([1, 2, 3, 4, 100])).toBe(3); // one each
  });
});

describe("bootstrap", () => {
  const random = () => RandomStream.of(1, "bootstrap");

  it("of a constant is that constant; with a seed always the same", () => {
    expect(bootstrapInterval([2, 2, 2], median, random())).toEqual({ estimate: 2, low: 2, high: 2 });
    const once = bootstrapInterval([1, 2, 3, 4, 5], mean, random());
    expect(bootstrapInterval([1, 2, 3, 4, 5], mean, random())).toEqual(once);
  });

  it("of a mean is about the normal interval", () => {
    const normal = RandomStream.of(3, "values");
    const values = Array.from({ length: 400 }, () => 5 + 2 * normal.normal());
    const { low, high } = bootstrapInterval(values, mean, random());
    expect(high - low).toBeCloseTo((2 * 1.96 * 2) / Math.sqrt(400), 1); // 0.39
    expect(low).toBeLessThan(5);
    expect(high).toBeGreaterThan(5);
  });

  it("covers the true mean about as often as it says", () => {
    const normal = RandomStream.of(4, "values");
    let covered = 0;
    for (let repeat = 0; repeat < 300; repeat++) {
      const values = Array.from({ length: 30 }, () => normal.normal());
      const { low, high } = bootstrapInterval(values, mean, normal, { level: 0.9, resamples: 400 });
      if (low <= 0 && high >= 0) covered++;
    }
    expect(covered / 300).toBeGreaterThan(0.82);
    expect(covered / 300).toBeLessThan(0.95);
  });

  it("in pairs sees a small gain that is the same on every seed", () => {
    const b = [1, 50, 3, 70, 20, 90, 10, 40];
    const a = b.map((value, i) => value + 1 + 0.1 * i);
    const { estimate, low, high } = pairedBootstrapInterval(a, b, median, random());
    expect(estimate).toBeCloseTo(1.35, 9);
    expect(low).toBeGreaterThan(0.99);
    expect(high).toBeLessThan(1.71);
    expect(() => pairedBootstrapInterval([1], [1, 2], median, random())).toThrow(RangeError);
  });
});

describe("rank correlations", () => {
  it("ties share their mean rank", () => {
    expect([...ranks([10, 30, 20, 20])]).toEqual([1, 4, 2.5, 2.5]);
  });

  it("by hand", () => {
    const a = [1, 2, 3, 4, 5];
    expect(spearman(a, [10, 20, 40, 80, 160])).toBeCloseTo(1, 12);
    expect(spearman(a, [2, 1, 4, 3, 5])).toBeCloseTo(1 - (6 * 4) / (5 * 24), 12); // 1 - 6 sum d^2 / (n (n^2 - 1)) = 0.8
    expect(kendallTau(a, [2, 1, 4, 3, 5])).toBeCloseTo((8 - 2) / 10, 12);
    expect(kendallTau([1, 2, 3], [3, 2, 1])).toBe(-1);
    expect(kendallTau([1, 1, 2], [1, 2, 3])).toBeCloseTo(2 / Math.sqrt(2 * 3), 12); // one tie in a
    expect(kendallTau([1, 1], [1, 2])).toBeNaN();
  });
});
