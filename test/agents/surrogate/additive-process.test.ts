import { describe, expect, it } from "vitest";
import { AdditiveProcess, columnsOf, slopeOf } from "../../../agents/surrogate/additive-process.js";
import { KnobFeatures } from "../../../agents/surrogate/knob-features.js";
import { fitVariances, flatVariances } from "../../../agents/surrogate/variance-components.js";
import { RandomStream } from "../../../src/core/rng.js";
import { Space } from "../../../src/core/space.js";

const space = new Space({
  name: "mixed",
  knobs: [
    { name: "a/size", values: [1, 2, 4, 8] },
    { name: "a/kind", values: ["x", "y", "z"] },
    { name: "b/depth", values: [1, 2, 3], when: { "a/kind": ["x", "y"] } },
    { name: "b/flag", values: [false, true] },
  ],
});
const features = new KnobFeatures(space);
const random = RandomStream.of(1, "test");
const points = Array.from({ length: 30 }, () => space.sample(random));
const rows = points.map((codes) => features.row(codes));

describe("columns of knobs", () => {
  it("have mean 0 and mean square 1 over a knob's levels", () => {
    for (const { table, levels, width } of features.knobs) {
      for (let column = 0; column < width; column++) {
        let sum = 0;
        for (let level = 0; level < levels; level++) sum += table[level * width + column]!;
        expect(sum).toBeCloseTo(0, 12);
      }
      const square = table.reduce((sum, value) => sum + value * value, 0) / levels;
      expect(square).toBeCloseTo(1, 10);
    }
  });

  it("are all 0 where a knob does not count", () => {
    const codes = space.encode({ "a/size": 1, "a/kind": "z", "b/flag": true });
    const depth = features.knobs.find(({ position }) => position === space.indexOf("b/depth"))!;
    const columns = columnsOf(features, codes, new Float64Array(features.width));
    expect([...columns.subarray(depth.offset, depth.offset + depth.width)]).toEqual(Array(depth.width).fill(0));
  });
});

describe("the additive process", () => {
  const variances = { ...flatVariances(features), noise: 0.01 };
  const process = new AdditiveProcess(features, variances);
  for (const row of rows.slice(0, 20)) process.add(row);
  const targets = Float64Array.from(points.slice(0, 20), (codes) => codes[0]! - 1.5 + (codes[1] === 2 ? 1 : -0.5));
  const mean = process.mean(targets);
  const meanAt = (codes: Int32Array): number =>
    slopeOf(mean, columnsOf(features, codes, new Float64Array(features.width)), new Float64Array(features.width));

  it("has the mean k(x, X)·(K + noise)⁻¹·y of the textbook, here by Gauss elimination", () => {
    const n = 20;
    const matrix = Array.from({ length: n }, (_, i) => [
      ...Array.from({ length: n }, (_, j) => process.kernel(rows[i]!, rows[j]!) + (i === j ? variances.noise : 0)),
      targets[i]!,
    ]);
    for (let c = 0; c < n; c++) {
      for (let r = 0; r < n; r++) {
        if (r === c) continue;
        const factor = matrix[r]![c]! / matrix[c]![c]!;
        for (let k = c; k <= n; k++) matrix[r]![k]! -= factor * matrix[c]![k]!;
      }
    }
    for (const row of rows.slice(18, 25)) {
      const expected = matrix.reduce((sum, line, i) => sum + (process.kernel(rows[i]!, row) * line[n]!) / line[i]!, 0);
      expect(meanAt(row.codes)).toBeCloseTo(expected, 8);
    }
  });

  it("predicts a change of one knob exactly by its slope", () => {
    const before = space.encode({ "a/size": 2, "a/kind": "z", "b/flag": false });
    const after = space.encode({ "a/size": 8, "a/kind": "z", "b/flag": false });
    const columns = columnsOf(features, before, new Float64Array(features.width)).slice();
    const slope = new Float64Array(features.width);
    const value = slopeOf(mean, columns, slope);
    const changed = columnsOf(features, after, new Float64Array(features.width));
    const step = changed.reduce((sum, column, c) => sum + (column - columns[c]!) * slope[c]!, 0);
    expect(value + step).toBeCloseTo(meanAt(after), 10);
  });

  it("knows the points that it was given, and is unsure far from them", () => {
    const variance = (i: number): number => {
      const reach = process.reach(rows[i]!);
      return process.kernel(rows[i]!, rows[i]!) - reach.reduce((sum, value) => sum + value * value, 0);
    };
    for (let i = 0; i < 20; i++) expect(variance(i)).toBeLessThan(0.011);
    expect(variance(0)).toBeGreaterThanOrEqual(0);
    const empty = new AdditiveProcess(features, variances);
    expect(empty.reach(rows[0]!).length).toBe(0);
  });
});

describe("prior variances", () => {
  it("grow for the knob that decides and shrink for those that do not, and the likelihood never falls", () => {
    const targets = Float64Array.from(points, (codes) => [-1.3, -0.4, 0.4, 1.3][codes[0]!]!);
    let variances = flatVariances(features);
    let before = Number.NEGATIVE_INFINITY;
    for (let step = 0; step < 10; step++) {
      const process = new AdditiveProcess(features, variances);
      for (const row of rows) process.add(row);
      const evidence = process.evidence(targets);
      expect(evidence).toBeGreaterThan(before - 0.2);
      before = evidence;
      variances = fitVariances(features, rows, targets, variances, 1);
    }
    const own = (name: string): number =>
      variances.own[features.knobs.findIndex(({ position }) => position === space.indexOf(name))]!;
    expect(own("a/size")).toBeGreaterThan(0.3);
    expect(own("b/flag")).toBeLessThan(0.1);
    expect(variances.noise).toBeLessThan(0.01);
  });

  it("of pairs come back when the trials are changes of one knob, which say nothing about pairs", () => {
    const base = space.encode({ "a/size": 2, "a/kind": "x", "b/depth": 2, "b/flag": false });
    const star = space.decisions.flatMap((position) =>
      space.knobs[position]!.values.map((_, value) => space.repaired(base, position, value)),
    );
    const targets = Float64Array.from(star, (codes) => [-1.3, -0.4, 0.4, 1.3][codes[0]!]!);
    const flat = flatVariances(features);
    const without = { ...flat, pairs: flat.pairs.map(() => 1e-6) };
    const starRows = star.map((codes) => features.row(codes));
    const { pairs } = fitVariances(features, starRows, targets, without, 10);
    for (const variance of pairs) expect(variance).toBeGreaterThan(0.001);
  });
});
