import { describe, expect, it } from "vitest";
import { Space } from "../../src/core/space.js";
import { checkTemplate, fillTemplate, type Template } from "../../src/core/template.js";

const space = new Space({
  name: "s",
  knobs: [
    { name: "depth", values: [1, 2] },
    { name: "width", values: [0.5, 1] },
    { name: "kernel", values: [3, 5], when: { depth: [2] } },
  ],
});

const template: Template = {
  name: "net",
  channels: { $times: ["$width", 24], $roundTo: 8 },
  layers: [{ kernel: 3 }, { $when: { depth: [2] }, kernel: "$kernel" }],
};

describe("fillTemplate", () => {
  it("puts in values, products and the entries whose condition holds", () => {
    expect(fillTemplate(template, { depth: 2, width: 1, kernel: 5 })).toEqual({
      name: "net",
      channels: 24,
      layers: [{ kernel: 3 }, { kernel: 5 }],
    });
    expect(fillTemplate(template, { depth: 1, width: 0.5 })).toEqual({
      name: "net",
      channels: 16,
      layers: [{ kernel: 3 }],
    });
  });

  it.each([
    [[0.5, 24], 8, 16], // 12 rounds up to 16
    [[0.25, 32], 8, 8],
    [[0.1, 16], 8, 8], // never below one multiple
    [[1.5, 40], 8, 64], // 60 rounds up
    [[2, 3, 7], undefined, 42],
  ])("%j rounded to %s is %i", (factors, multiple, expected) => {
    expect(fillTemplate({ $times: factors, ...(multiple !== undefined && { $roundTo: multiple }) }, {})).toBe(expected);
  });

  it("leaves out a map value whose condition fails", () => {
    const optional: Template = { a: { $when: { depth: [2] }, x: 1 }, b: 2 };
    expect(fillTemplate(optional, { depth: 1 })).toEqual({ b: 2 });
    expect(fillTemplate(optional, { depth: 2 })).toEqual({ a: { x: 1 }, b: 2 });
  });

  it("counts a condition on an inactive knob as false", () => {
    expect(fillTemplate([{ $when: { kernel: [3, 5] }, x: 1 }], { depth: 1, width: 1 })).toEqual([]);
  });

  it("does not change the template", () => {
    const before = JSON.stringify(template);
    fillTemplate(template, { depth: 2, width: 1, kernel: 3 });
    expect(JSON.stringify(template)).toBe(before);
  });

  it("refuses a knob that does not count at this point, and a product of words", () => {
    expect(() => fillTemplate(["$kernel"], { depth: 1 })).toThrow('"$kernel" is used where the knob does not count');
    expect(() => fillTemplate({ $times: ["$mode", 2] }, { mode: "a" })).toThrow('$times: "a" is no number');
  });
});

describe("checkTemplate", () => {
  it("accepts a template that uses every knob", () => {
    expect(() => checkTemplate(template, space, "here")).not.toThrow();
  });

  it.each<[string, Template, string]>([
    [
      "an unknown knob",
      { ...(template as object), x: "$widht" },
      'x refers to "$widht", which is no knob; did you mean "width"?',
    ],
    ["one in a list", [template, "$depht"], 'template[1] refers to "$depht"'],
    ["one in a product", [template, { $times: ["$n", 1] }], 'template[1].$times[0] refers to "$n"'],
    ["one in a condition", [template, { $when: { deep: [1] } }], '$when refers to "$deep"'],
    ["an unused knob", { layers: ["$kernel"] }, "never uses: width"],
    ["a product that is no list", [template, { $times: "$width" }], "$times is a list"],
    [
      "a condition that is no map of lists",
      [template, { $when: { depth: 2 } }],
      "$when maps a knob to a list of values",
    ],
    ["an operator that does not exist", [template, { $plus: [1, 2] }], '"$plus" is no operator'],
  ])("names %s", (_, bad, message) => {
    expect(() => checkTemplate(bad, space, "here")).toThrow(
      expect.objectContaining({ code: "TEMPLATE_BAD_REFERENCE" }),
    );
    expect(() => checkTemplate(bad, space, "here")).toThrow(message);
  });
});
