import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.js";
import { candidatePart, INACTIVE, joinSpaces, type Knob, Space } from "../../src/core/space.js";
import type { KnobValue } from "../../src/core/trial.js";

/** Depth decides whether the second layer's kernel counts. */
const conditional = new Space({
  name: "nested",
  knobs: [
    { name: "depth", values: [1, 2, 3] },
    { name: "kernel1", values: [3, 5] },
    { name: "kernel2", values: [3, 5, 7], when: { depth: [2, 3] } },
    { name: "mode", values: ["a", "b"], when: { depth: [3], kernel2: [7] } },
  ],
});

/** A random small space: up to 5 knobs of up to 4 values, some with conditions on earlier knobs. */
const spaces = (withConditions: boolean): fc.Arbitrary<Space> =>
  fc
    .array(
      fc.record({
        valueCount: fc.integer({ min: 1, max: 4 }),
        isNumeric: fc.boolean(),
        isConditional: fc.boolean(),
        parents: fc.array(fc.tuple(fc.nat(), fc.array(fc.nat(), { minLength: 1, maxLength: 3 })), {
          minLength: 1,
          maxLength: 2,
        }),
      }),
      { minLength: 1, maxLength: 5 },
    )
    .map((plans) => {
      const knobs: Knob[] = [];
      for (const [i, plan] of plans.entries()) {
        const values: KnobValue[] = Array.from({ length: plan.valueCount }, (_, v) =>
          plan.isNumeric ? v * 8 : `v${v}`,
        );
        const when: Record<string, KnobValue[]> = {};
        if (withConditions && plan.isConditional && i > 0) {
          for (const [parent, chosen] of plan.parents) {
            const knob = knobs[parent % i]!;
            when[knob.name] = chosen.map((v) => knob.values[v % knob.values.length]!);
          }
        }
        knobs.push({ name: `knob${i}`, values, ...(Object.keys(when).length > 0 && { when }) });
      }
      return new Space({ name: "random", knobs });
    });
const anySpace = spaces(true);

describe("counting", () => {
  it("counts a conditional space as worked by hand", () => {
    // depth 1: 2; depth 2: 2 · 3; depth 3: 2 · (2 without mode + 1 with 2 modes) = 8
    expect(conditional.size()).toBe(2n + 6n + 8n);
  });

  it("size equals the number of enumerated points, which are all different", () => {
    fc.assert(
      fc.property(anySpace, (space) => {
        const keys = [...space.enumerate()].map((codes) => space.key(codes));
        expect(BigInt(keys.length)).toBe(space.size());
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });

  it("counts beyond 2^53 exactly", () => {
    const knobs = Array.from({ length: 40 }, (_, i) => ({ name: `k${i}`, values: [1, 2, 3] }));
    expect(new Space({ name: "big", knobs }).size()).toBe(3n ** 40n);
  });

  it("refuses to enumerate more than the limit", () => {
    expect(() => [...conditional.enumerate(15)]).toThrow(expect.objectContaining({ code: "SPACE_TOO_LARGE" }));
    expect([...conditional.enumerate(16)].length).toBe(16);
  });
});

describe("encode and decode", () => {
  it("are inverses on every point", () => {
    fc.assert(
      fc.property(anySpace, (space) => {
        for (const codes of space.enumerate()) {
          const candidate = space.decode(codes);
          expect(space.encode(candidate)).toEqual(codes);
          expect(space.contains(candidate)).toBe(true);
        }
      }),
    );
  });

  it("leave inactive knobs out of the candidate", () => {
    expect(conditional.decode([0, 1, INACTIVE, INACTIVE])).toEqual({ depth: 1, kernel1: 5 });
    expect(conditional.encode({ depth: 3, kernel1: 3, kernel2: 7, mode: "b" })).toEqual(Int32Array.of(2, 0, 2, 1));
  });

  it.each([
    ["a missing knob", { depth: 1 }, "SPACE_NOT_A_POINT", '"kernel1" is missing'],
    ["an inactive knob", { depth: 1, kernel1: 3, kernel2: 5 }, "SPACE_NOT_A_POINT", '"kernel2" does not count here'],
    ["an unknown knob", { depth: 1, kernel: 3 }, "SPACE_UNKNOWN_KNOB", 'did you mean "kernel1"?'],
    ["a value out of the list", { depth: 1, kernel1: 4 }, "SPACE_BAD_VALUE", "cannot be 4; allowed: 3, 5"],
    ["a value of another type", { depth: "1", kernel1: 3 }, "SPACE_BAD_VALUE", 'cannot be "1"; allowed: 1, 2, 3'],
  ])("refuse %s", (_, candidate, code, message) => {
    expect(() => conditional.encode(candidate)).toThrow(expect.objectContaining({ code }));
    expect(() => conditional.encode(candidate)).toThrow(message);
    expect(conditional.contains(candidate)).toBe(false);
  });

  it.each([
    ["too few codes", [0, 0, -1]],
    ["a code beyond the values", [0, 2, -1, -1]],
    ["an active knob without a value", [0, -1, -1, -1]],
    ["an inactive knob with one", [0, 0, 0, -1]],
    ["a code that is no integer", [0.5, 0, -1, -1]],
  ])("refuse %s", (_, codes) => {
    expect(() => conditional.decode(codes)).toThrow(expect.objectContaining({ code: "SPACE_NOT_A_POINT" }));
  });
});

describe("sampling", () => {
  it("always gives a point, and the same ones for the same seed", () => {
    fc.assert(
      fc.property(anySpace, fc.integer(), (space, seed) => {
        const draw = () => {
          const random = RandomStream.of(seed, "sample");
          return Array.from({ length: 10 }, () => space.sample(random));
        };
        for (const codes of draw()) expect(space.contains(space.decode(codes))).toBe(true);
        expect(draw()).toEqual(draw());
      }),
    );
  });

  it("reaches every value about equally often", () => {
    const random = RandomStream.of(1, "sample");
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[conditional.sample(random)[0]!]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400); // 4.9 standard deviations
  });
});

describe("neighbours", () => {
  it("are points one step away: next values of ordered knobs, all others of categories", () => {
    const space = new Space({
      name: "n",
      knobs: [
        { name: "size", values: [1, 2, 4] },
        { name: "mode", values: ["a", "b", "c"] },
      ],
    });
    expect(space.neighbours([0, 1]).map((codes) => [...codes])).toEqual([
      [1, 1],
      [0, 0],
      [0, 2],
    ]);
    expect(space.neighbours([1, 0]).map((codes) => [...codes])).toEqual([
      [0, 0],
      [2, 0],
      [1, 1],
      [1, 2],
    ]);
  });

  it("give knobs that start to count their first value, and drop those that stop", () => {
    expect([...conditional.repaired([0, 1, -1, -1], 0, 1)]).toEqual([1, 1, 0, -1]);
    expect([...conditional.repaired([2, 1, 2, 1], 0, 1)]).toEqual([1, 1, 2, -1]);
    expect([...conditional.repaired([2, 1, 2, 1], 2, 0)]).toEqual([2, 1, 0, -1]);
  });

  it("are always points, never the point itself", () => {
    fc.assert(
      fc.property(anySpace, fc.integer(), (space, seed) => {
        const codes = space.sample(RandomStream.of(seed, "n"));
        for (const near of space.neighbours(codes)) {
          expect(space.contains(space.decode(near))).toBe(true);
          expect(space.key(near)).not.toBe(space.key(codes));
        }
      }),
    );
  });

  it("are symmetric where nothing is conditional", () => {
    fc.assert(
      fc.property(spaces(false), fc.integer(), (space, seed) => {
        const codes = space.sample(RandomStream.of(seed, "n"));
        for (const near of space.neighbours(codes)) {
          expect(space.neighbours(near).map((back) => space.key(back))).toContain(space.key(codes));
        }
      }),
    );
  });
});

describe("fix", () => {
  it("keeps exactly the points that have the fixed value, or where the knob does not count", () => {
    fc.assert(
      fc.property(anySpace, fc.nat(), fc.nat(), (space, knobDraw, valueDraw) => {
        const knob = space.knobs[knobDraw % space.length]!;
        const value = knob.values[valueDraw % knob.values.length]!;
        const kept = [...space.enumerate()]
          .map((codes) => space.decode(codes))
          .filter((candidate) => candidate[knob.name] === undefined || candidate[knob.name] === value);
        const fixed = space.fix({ [knob.name]: value });
        expect([...fixed.enumerate()].map((codes) => fixed.decode(codes))).toEqual(kept);
        expect(fixed.size()).toBe(BigInt(kept.length));
      }),
    );
  });

  it("leaves the order of the values as it was", () => {
    const fixed = new Space({
      name: "o",
      knobs: [
        { name: "mode", values: ["a", "b"] },
        { name: "n", values: [1, 2], ordered: false },
      ],
    });
    expect(fixed.fix({ mode: "b", n: 2 }).knobs.map((knob) => knob.ordered)).toEqual([false, false]);
    expect(fixed.fix({ mode: "b" }).decisions).toEqual([1]);
  });

  it("names the place, the knob and what is allowed", () => {
    expect(() => conditional.fix({ depht: 1 }, "study.yaml: space.fix")).toThrow(
      'study.yaml: space.fix: "depht" is not a knob of space nested; did you mean "depth"?',
    );
    expect(() => conditional.fix({ depth: 9 })).toThrow('fix: "depth" cannot be 9; allowed: 1, 2, 3');
  });
});

describe("definition", () => {
  it.each<[string, Knob[], string]>([
    [
      "a name twice",
      [
        { name: "a", values: [1] },
        { name: "a", values: [1] },
      ],
      'knob "a" is defined twice',
    ],
    ["no values", [{ name: "a", values: [] }], "has no values"],
    ["a value twice", [{ name: "a", values: [1, 1] }], "has a value twice: 1, 1"],
    ["not a number", [{ name: "a", values: [Number.NaN] }], "no finite number"],
    [
      "a later parent",
      [
        { name: "a", values: [1], when: { b: [1] } },
        { name: "b", values: [1] },
      ],
      "which is no earlier knob",
    ],
  ])("refuses %s", (_, knobs, message) => {
    expect(() => new Space({ name: "bad", knobs })).toThrow(expect.objectContaining({ code: "SPACE_BAD_KNOB" }));
    expect(() => new Space({ name: "bad", knobs })).toThrow(message);
  });

  it("survives being written as data", () => {
    fc.assert(
      fc.property(anySpace, (space) => {
        const again = new Space(JSON.parse(JSON.stringify(space.toData())));
        expect(again.knobs).toEqual(space.knobs);
        expect([...again.enumerate()]).toEqual([...space.enumerate()]);
      }),
    );
  });

  it("prints itself with its count, values and conditions", () => {
    expect(conditional.describe().split("\n")).toEqual([
      "nested: 16 points, 4 decisions",
      "  depth    {1, 2, 3}",
      "  kernel1  {3, 5}",
      "  kernel2  {3, 5, 7}  when depth in {2, 3}",
      "  mode     {a, b}  when depth in {3} and kernel2 in {7}",
    ]);
  });
});

describe("joined spaces", () => {
  const chip = new Space({ name: "chip", knobs: [{ name: "rows", values: [1, 2] }] });
  const joined = joinSpaces("both", [
    { group: "network", space: conditional },
    { group: "accelerator", space: chip },
  ]);

  it("multiply their counts and prefix names and conditions", () => {
    expect(joined.size()).toBe(32n);
    expect(joined.knobs.map((knob) => knob.name)).toEqual([
      "network/depth",
      "network/kernel1",
      "network/kernel2",
      "network/mode",
      "accelerator/rows",
    ]);
    expect(joined.isActive(2, [0, 0, 0, 0, 0])).toBe(false);
    expect(joined.isActive(2, [1, 0, 0, 0, 0])).toBe(true);
  });

  it("give back the part of a candidate that belongs to a group", () => {
    const candidate = joined.decode([1, 0, 2, -1, 1]);
    expect(candidatePart(candidate, "network")).toEqual({ depth: 2, kernel1: 3, kernel2: 7 });
    expect(candidatePart(candidate, "accelerator")).toEqual({ rows: 2 });
    expect(conditional.contains(candidatePart(candidate, "network"))).toBe(true);
  });
});
