import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadSpaceFile, parseSpaceFile, spaceFileSchema } from "../../../envs/space-file.js";
import { fillTemplate } from "../../../src/core/template.js";

const template = { name: "t", stages: [{ kind: "conv", channels: 8, kernel: "$kernel" }] };
const file = { name: "mine", group: "network", knobs: [{ name: "kernel", values: [3, 5] }], template };

describe("parseSpaceFile", () => {
  it("turns plain data into a space and a template", () => {
    const { space, template, group } = parseSpaceFile(file, "study.yaml");
    expect(group).toBe("network");
    expect(space.size()).toBe(2n);
    expect(fillTemplate(template, { kernel: 5 })).toEqual({
      name: "t",
      stages: [{ kind: "conv", channels: 8, kernel: 5 }],
    });
  });

  it.each([
    ["an unknown group", { ...file, group: "netwrok" }, "FILE_BAD_VALUE", 'did you mean "network"?'],
    ["no knobs", { ...file, knobs: [] }, "FILE_BAD_VALUE", "knobs is []"],
    [
      "a slash in a name",
      { ...file, knobs: [{ name: "a/b", values: [1] }] },
      "FILE_BAD_VALUE",
      "a name starts with a letter",
    ],
    [
      "a key that is none",
      { ...file, knobs: [{ name: "kernel", value: [3] }] },
      "FILE_BAD_VALUE",
      'did you mean "values"?',
    ],
    [
      "a value twice",
      { ...file, knobs: [{ name: "kernel", values: [3, 3] }] },
      "SPACE_BAD_KNOB",
      'study.yaml: knob "kernel"',
    ],
    [
      "a reference to no knob",
      { ...file, template: { name: "$kernle" } },
      "TEMPLATE_BAD_REFERENCE",
      'did you mean "kernel"?',
    ],
    ["an unused knob", { ...file, template: { name: "t" } }, "TEMPLATE_BAD_REFERENCE", "never uses: kernel"],
    [
      "a value that makes no valid network",
      { ...file, knobs: [{ name: "kernel", values: [3, -5] }] },
      "FILE_BAD_VALUE",
      'study.yaml with {"kernel":-5}: stages[0].kernel is -5',
    ],
    [
      "a template that is no network",
      { ...file, template: { name: "t", stage: [{ kernel: "$kernel" }] } },
      "FILE_BAD_VALUE",
      'stage is not a key here; did you mean "stages"?',
    ],
  ])("names %s", (_, value, code, message) => {
    expect(() => parseSpaceFile(value, "study.yaml")).toThrow(expect.objectContaining({ code }));
    expect(() => parseSpaceFile(value, "study.yaml")).toThrow(message);
  });

  it("checks an accelerator's template with the schema that the caller gives", () => {
    const space = {
      name: "a",
      group: "accelerator",
      knobs: [{ name: "rows", values: [1, 2] }],
      template: { rows: "$rows" },
    };
    expect(() => parseSpaceFile(space, "a.yaml")).not.toThrow();
    expect(() => parseSpaceFile(space, "a.yaml", z.strictObject({ rows: z.int().max(1) }))).toThrow(
      'a.yaml with {"rows":2}',
    );
  });

  it("checks the values of conditional knobs, too", () => {
    const knobs = [
      { name: "deep", values: [false, true] },
      { name: "kernel", values: [3, 0], when: { deep: [true] } },
    ];
    const stages = [
      { kind: "conv", channels: 8 },
      { $when: { deep: [true] }, kind: "conv", channels: 8, kernel: "$kernel" },
    ];
    expect(() => parseSpaceFile({ ...file, knobs, template: { name: "t", stages } }, "x")).toThrow(
      "stages[1].kernel is 0",
    );
  });
});

describe("conditions", () => {
  const knobs = [
    { name: "deep", values: ["no", "yes"] },
    { name: "kernel", values: [3, 5] },
  ];
  const stages = [{ kind: "conv", channels: 8, kernel: "$kernel" }];

  it("in a knob may only ask for values that its parent has", () => {
    const conditional = [knobs[0], { ...knobs[1], when: { deep: ["yse"] } }];
    const value = { ...file, knobs: conditional, template: { name: "t", stages } };
    expect(() => parseSpaceFile(value, "x")).toThrow(
      'x: knob "kernel" when: "deep" cannot be "yse"; allowed: "no", "yes"',
    );
  });

  it("in the template, too", () => {
    const optional = [...stages, { $when: { deep: ["yse"] }, kind: "conv", channels: 8 }];
    const value = { ...file, knobs, template: { name: "t", stages: optional } };
    expect(() => parseSpaceFile(value, "x")).toThrow('x: template.stages[1].$when: "deep" cannot be "yse"');
  });
});

describe("loadSpaceFile", () => {
  it("reads a user's file and names its line when it is wrong", () => {
    const path = join(mkdtempSync(join(tmpdir(), "cosearch-space-")), "s.yaml");
    writeFileSync(path, 'name: s\ngroup: network\nknobs:\n  - { name: k, values: [] }\ntemplate: { name: "$k" }\n');
    expect(() => loadSpaceFile(path)).toThrow(`${path}:4:24: knobs[0].values is []`);
    writeFileSync(path, JSON.stringify(file));
    expect(loadSpaceFile(path).space.size()).toBe(2n);
  });

  it("names the near miss of an unknown space", () => {
    expect(() => loadSpaceFile("nahas-s4")).toThrow(expect.objectContaining({ code: "SPACE_UNKNOWN" }));
    expect(() => loadSpaceFile("nahas-s4")).toThrow('did you mean "nahas-s1"?');
  });

  it("has a JSON Schema for editors", () => {
    const schema = z.toJSONSchema(spaceFileSchema, { io: "input", target: "draft-2020-12" });
    expect(schema.required).toEqual(["name", "group", "knobs", "template"]);
  });
});
