import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.js";
import type { Rule } from "../../src/core/rules.js";
import { INACTIVE, joinSpaces, type Knob, Space } from "../../src/core/space.js";
import type { Candidate } from "../../src/core/trial.js";

const array: readonly Knob[] = [
  { name: "dataflow", values: ["row", "column", "free"] },
  { name: "rows", values: [1, 2, 4, 8] },
  { name: "columns", values: [1, 2, 4, 8] },
  { name: "banks", values: [2, 4], when: { dataflow: ["free"] } },
];
const spaceWith = (...rules: Rule[]): Space => new Space({ name: "array", knobs: array, rules });
const has = (space: Space, dataflow: string, rows: number, columns: number, banks?: number): boolean =>
  space.contains({ dataflow, rows, columns, ...(banks !== undefined && { banks }) });

describe("rules of a space", () => {
  it("forbid values together", () => {
    const space = spaceWith({ forbid: { dataflow: ["row"], rows: [1, 2] } });
    expect(space.size()).toBe(56n); // 16 + 16 + 32 = 64, less 2 x 4
    expect(has(space, "row", 2, 8)).toBe(false);
    expect(has(space, "row", 4, 8)).toBe(true);
    expect(has(space, "column", 2, 8)).toBe(true);
  });

  it("require values where others are chosen; a knob that does not count is not asked", () => {
    const space = spaceWith({ when: { rows: [8] }, require: { banks: [4] } });
    expect(space.size()).toBe(60n); // free, 8 rows: 4 x 1 instead of 4 x 2
    expect(has(space, "free", 8, 1, 2)).toBe(false);
    expect(has(space, "row", 8, 1)).toBe(true);
  });

  it("limit products and sums, from both sides", () => {
    const product = spaceWith({ product: ["rows", "columns"], atMost: 8, atLeast: 4 });
    // products 4 and 8: (1,4) (2,2) (4,1) (1,8) (2,4) (4,2) (8,1) = 7 of the 16 pairs, in 1 + 1 + 2 ways
    expect(product.size()).toBe(28n);
    expect(has(product, "row", 2, 1)).toBe(false);
    expect(has(product, "row", 2, 4)).toBe(true);
    const sum = spaceWith({ sum: ["rows", "columns", "banks"], atMost: 4 });
    // without banks the sum is 2, 3, 3 or 4 for (1,1) (1,2) (2,1) (2,2): 4 pairs, twice; with 2 banks only (1,1)
    expect(sum.size()).toBe(9n);
    expect(has(sum, "free", 1, 1, 2)).toBe(true);
    expect(has(sum, "free", 1, 2, 2)).toBe(false);
  });

  it("says which values may follow a prefix, later knobs foreseen", () => {
    const space = spaceWith({ sum: ["rows", "columns", "banks"], atMost: 4 });
    expect([...space.mask(1, [2])!]).toEqual([1, 0, 0, 0]); // free: 2 banks at least, so 1 + 1 + 2
    expect([...space.mask(1, [0])!]).toEqual([1, 1, 0, 0]);
    expect(space.mask(0, [])).toBeNull();
    expect([...space.mask(2, [0, 1])!]).toEqual([1, 1, 0, 0]);
  });

  it("follow a fixed knob, and say when nothing is left", () => {
    const rule: Rule = { forbid: { dataflow: ["row"], rows: [1, 2, 4] } };
    expect(spaceWith(rule).fix({ rows: 2 }).size()).toBe(12n); // column 4, free 8
    expect(() => spaceWith(rule).fix({ rows: 2, dataflow: "row" })).toThrow(/leave no point/);
  });

  it("go with their part into a joint space", () => {
    const part = { group: "accelerator", space: spaceWith({ product: ["rows", "columns"], atMost: 1 }) };
    const other = { group: "network", space: new Space({ name: "n", knobs: [{ name: "depth", values: [1, 2] }] }) };
    expect(joinSpaces("joint", [part, other]).size()).toBe(8n); // 1 pair x (1 + 1 + 2) x 2
    const across: Rule = { forbid: { "network/depth": [2], "accelerator/dataflow": ["free"] } };
    expect(joinSpaces("joint", [part, other], [across]).size()).toBe(6n);
  });

  it.each<[Rule, RegExp]>([
    [{ forbid: { row: [1] } }, /"row", which is no knob; did you mean "rows"/],
    [{ forbid: {} }, /names no knob/],
    [{ product: ["rows", "dataflow"], atMost: 4 }, /needs positive numbers, and "dataflow" can be row/],
    [{ sum: ["rows"] }, /neither atMost nor atLeast/],
    [{ sum: ["rows", "rows"], atMost: 1 }, /one twice/],
    [{ when: { rows: [1] }, require: { rows: [2] } }, /on both sides/],
    [{ sum: ["rows"], atMost: 0 }, /leave no point/],
  ])("refuse %j", (rule, message) => {
    expect(() => spaceWith(rule)).toThrow(
      expect.objectContaining({ code: "SPACE_BAD_RULE", message: expect.stringMatching(message) }),
    );
  });
});

/** Checks a rule by its definition, on a whole candidate. */
function keeps(rule: Rule, candidate: Candidate): boolean {
  const holds = (selection: Readonly<Record<string, readonly unknown[]>>) =>
    Object.entries(selection).every(([name, values]) => name in candidate && values.includes(candidate[name]));
  if ("forbid" in rule) return !holds(rule.forbid);
  if ("require" in rule) {
    const asked = Object.entries(rule.require).filter(([name]) => name in candidate);
    return !holds(rule.when ?? {}) || asked.every(([name, values]) => values.includes(candidate[name]!));
  }
  const isProduct = "product" in rule;
  const names = (isProduct ? rule.product : rule.sum).filter((name) => name in candidate);
  const total = names.reduce(
    (t, name) => (isProduct ? t * Number(candidate[name]) : t + Number(candidate[name])),
    isProduct ? 1 : 0,
  );
  return total <= (rule.atMost ?? total) && total >= (rule.atLeast ?? total);
}

const knobNames = ["a", "b", "c", "d", "e"];
const subset = (least: number) => fc.subarray(knobNames, { minLength: least, maxLength: 3 });
const selectionOf = (names: readonly string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, fc.subarray([1, 2, 3], { minLength: 1 })])));
const rules: fc.Arbitrary<Rule> = fc.oneof(
  subset(1).chain((names) => selectionOf(names).map((forbid) => ({ forbid }))),
  subset(2).chain(([first, ...rest]) =>
    fc.tuple(selectionOf([first!]), selectionOf(rest)).map(([when, require]) => ({ when, require })),
  ),
  fc
    .tuple(subset(1), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 3 }))
    .map(([product, atMost, less]) => ({
      product,
      atMost,
      atLeast: Math.max(1, atMost - less - 2),
    })),
  fc.tuple(subset(1), fc.integer({ min: 2, max: 8 })).map(([sum, atMost]) => ({ sum, atMost })),
);
const knobs: readonly Knob[] = [
  { name: "a", values: [1, 2, 3] },
  { name: "b", values: [1, 2, 3], when: { a: [2, 3] } },
  { name: "c", values: [1, 2, 3] },
  { name: "d", values: [1, 2, 3], when: { b: [3] } },
  { name: "e", values: [1, 2, 3] },
];

describe("any space with rules", () => {
  const free = new Space({ name: "free", knobs });
  const all = [...free.enumerate()].map((codes) => free.decode(codes));

  it("has the points that brute force finds, counts them, enumerates them and masks exactly", () => {
    fc.assert(
      fc.property(fc.array(rules, { minLength: 1, maxLength: 3 }), (given) => {
        const allowed = all.filter((candidate) => given.every((rule) => keeps(rule, candidate)));
        if (allowed.length === 0) {
          expect(() => new Space({ name: "ruled", knobs, rules: given })).toThrow(/leave no point/);
          return;
        }
        const space = new Space({ name: "ruled", knobs, rules: given });
        expect(space.size()).toBe(BigInt(allowed.length));
        expect([...space.enumerate()].map((codes) => space.decode(codes))).toEqual(allowed);
        for (const candidate of all) expect(space.contains(candidate)).toBe(allowed.includes(candidate));
        const points = allowed.map((candidate) => [...free.encode(candidate)]);
        for (const point of points) {
          point.forEach((code, position) => {
            if (code === INACTIVE) return;
            const prefix = point.slice(0, position);
            const following = new Set(
              points.filter((other) => prefix.every((c, i) => other[i] === c)).map((p) => p[position]),
            );
            const mask = space.mask(position, prefix) ?? [1, 1, 1];
            expect([0, 1, 2].filter((value) => mask[value] === 1)).toEqual([...following].sort());
          });
        }
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it("never draws, repairs into or steps to what is forbidden", () => {
    fc.assert(
      fc.property(fc.array(rules, { minLength: 1, maxLength: 3 }), fc.nat(), (given, seed) => {
        fc.pre(all.some((candidate) => given.every((rule) => keeps(rule, candidate))));
        const space = new Space({ name: "ruled", knobs, rules: given });
        const random = RandomStream.of(seed, "draws");
        const allows = (codes: Int32Array) => given.every((rule) => keeps(rule, free.decode(codes)));
        for (let i = 0; i < 5; i++) {
          const point = space.sample(random);
          expect(allows(point)).toBe(true);
          for (const near of space.neighbours(point)) expect(allows(near)).toBe(true);
          for (let v = 0; v < 3; v++) expect(allows(space.repaired(point, random.integer(1), v))).toBe(true);
        }
      }),
      { numRuns: 60, seed: 2 },
    );
  });
});
