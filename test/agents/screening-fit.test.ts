import { describe, expect, it } from "vitest";
import { BLOCK_ROWS, BlockMoments, type Features, fitted, predicted } from "../../agents/screening-fit.js";
import { RandomStream } from "../../src/core/rng.js";

const row = (values: readonly number[], cells: readonly number[] = []): Features => ({
  count: values.length,
  at: Int32Array.from(values.keys()),
  value: Float64Array.from(values),
  cells: Int32Array.from(cells),
});
const ones = (count: number) => new Float64Array(count).fill(1);

describe("the fit of the screening models", () => {
  it("finds a line: 1 + 2 x through four points, hardly shrunk by a small ridge", () => {
    const moments = new BlockMoments(1, Float64Array.of(1e-9), 1);
    const rows = [0, 1, 2, 3].map((x) => row([x]));
    for (const each of rows) moments.add(each);
    const fit = fitted(moments.system()!, rows, ones(4), [1, 3, 5, 7], 0);
    expect(fit.weights[0]).toBeCloseTo(2, 6);
    expect(fit.offset).toBeCloseTo(1, 6);
    expect(fit.deviation).toBeCloseTo(0, 6);
  });

  it("shrinks by the ridge: x = -1, 1 with y = -1, 1 and a ridge of 2 has slope 2 / (2 + 2)", () => {
    const moments = new BlockMoments(1, Float64Array.of(2), 1);
    const rows = [row([-1]), row([1])];
    for (const each of rows) moments.add(each);
    expect(fitted(moments.system()!, rows, ones(2), [-1, 1], 0).weights[0]).toBeCloseTo(0.5, 12);
  });

  it("gives the effect of one level: 32 rows that are 1 above the others show 32 / (32 + 8) of it at first", () => {
    const moments = new BlockMoments(1, Float64Array.of(1), 1);
    const rows = Array.from({ length: 64 }, (_, i) => row([0], [i % 2]));
    for (const each of rows) moments.add(each);
    const fit = fitted(
      moments.system()!,
      rows,
      ones(64),
      Float64Array.from(rows, (_, i) => i % 2),
      2,
    );
    const difference = predicted(fit, row([0], [1])) - predicted(fit, row([0], [0]));
    expect(difference).toBeCloseTo(0.8, 12); // the ridge's minimum: further rounds change nothing for a single knob
  });

  it("forgets a block: the same as if its rows had never been there, and weights fall with age", () => {
    const random = RandomStream.of(1, "rows");
    const all = Array.from({ length: BLOCK_ROWS + 40 }, () => row([random.normal(), random.normal()]));
    const targets = all.map(() => random.normal());
    const system = (rows: readonly Features[], drop: boolean) => {
      const moments = new BlockMoments(2, Float64Array.of(1, 1), 0.99);
      for (const each of rows) moments.add(each);
      if (drop) moments.dropBlock();
      return moments.system()!;
    };
    const kept = all.slice(BLOCK_ROWS);
    const weights = kept.map((_, i) => 0.99 ** (kept.length - 1 - i));
    const own = targets.slice(BLOCK_ROWS);
    const dropped = fitted(system(all, true), kept, weights, own, 0);
    expect(dropped).toEqual(fitted(system(kept, false), kept, weights, own, 0));
    // the residuals of a weighted fit with an offset have weighted mean 0
    const errors = kept.map((each, i) => weights[i]! * (own[i]! - predicted(dropped, each)));
    expect(errors.reduce((sum, error) => sum + error, 0)).toBeCloseTo(0, 9);
  });
});
