import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  dataNames,
  packageRoot,
  parseText,
  parseValue,
  readDocument,
  readText,
  resolveDocument,
} from "../../src/files/documents.js";

const schema = z.strictObject({
  name: z.string(),
  size: z.int().min(1).optional(),
  mode: z.enum(["fast", "exact"]).optional(),
  parts: z
    .array(
      z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("wheel"), radius: z.number() }),
        z.strictObject({ kind: z.literal("door"), height: z.number() }),
      ]),
    )
    .optional(),
  either: z.union([z.number(), z.strictObject({ ratio: z.number() })]).optional(),
  byName: z.record(z.string(), z.strictObject({ weight: z.number() })).optional(),
});

const message = (text: string): string => {
  try {
    parseText(text, "f.yaml", schema);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

describe("parseText", () => {
  it("reads YAML and JSON", () => {
    expect(parseText("name: a\nsize: 3 # comment\n", "f.yaml", schema)).toEqual({ name: "a", size: 3 });
    expect(parseText('{"name": "a", "either": {"ratio": 0.5}}', "f.json", schema)).toEqual({
      name: "a",
      either: { ratio: 0.5 },
    });
  });

  it.each([
    ["a wrong value", "name: a\nsize: -1\n", "f.yaml:2:7: size is -1; Too small: expected number to be >=1"],
    ["an unknown key", "name: a\nsiez: 3\n", 'f.yaml:2:7: siez is not a key here; did you mean "size"?'],
    [
      "an unknown key far from all",
      "name: a\nqqqqqq: 3\n",
      "f.yaml:2:9: qqqqqq is not a key here; allowed: name, size, mode",
    ],
    ["a missing key", "size: 1\n", "f.yaml:1:1: name is missing; Invalid input: expected string"],
    [
      "a value out of a list",
      "name: a\nmode: exactt\n",
      'f.yaml:2:7: mode is "exactt"; Invalid option: expected one of "fast"|"exact"; did you mean "exact"?',
    ],
    [
      "a value in a list of objects",
      "name: a\nparts:\n  - { kind: door, height: tall }\n",
      'f.yaml:3:27: parts[0].height is "tall"',
    ],
    ["a wrong kind", "name: a\nparts:\n  - { kind: whel }\n", 'f.yaml:3:13: parts[0].kind is "whel"'],
    [
      "a key of the chosen kind",
      "name: a\nparts:\n  - { kind: door, height: 1, heigth: 2 }\n",
      'parts[0].heigth is not a key here; did you mean "height"?',
    ],
    [
      "a key of another kind",
      "name: a\nparts:\n  - { kind: door, height: 1, radius: 2 }\n",
      "parts[0].radius is not a key here; allowed: kind, height",
    ],
    [
      "a union's alternatives",
      "name: a\neither: yes\n",
      'f.yaml:2:9: either is "yes"; Invalid input: expected number, received string, or Invalid input: expected object',
    ],
    [
      "a key in a map",
      "name: a\nbyName:\n  x: { weihgt: 1, weight: 2 }\n",
      'byName.x.weihgt is not a key here; did you mean "weight"?',
    ],
    ["an empty file", "", "f.yaml: the document is null"],
  ])("names file, line, column, key, value and what is allowed: %s", (_, text, expected) => {
    expect(message(text)).toContain(expected);
    expect(() => parseText(text, "f.yaml", schema)).toThrow(expect.objectContaining({ code: "FILE_BAD_VALUE" }));
  });

  it("names every problem, at most five", () => {
    expect(message("nam: a\nsize: 0\nmode: x\n").split("\n").length).toBe(4); // name missing, size, mode, unknown key
    const parts = Array.from({ length: 9 }, () => "{ kind: door, height: x }").join(", ");
    expect(message(`name: a\nparts: [${parts}]\n`).split("\n").length).toBe(5);
  });

  it.each([
    ["an open bracket", "name: [a\n", "f.yaml: "],
    ["a key twice", "name: a\nname: b\n", "unique"],
    ["an alias without its anchor", "name: *gone\n", "gone"],
    [
      "aliases that multiply without end",
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
      "alias",
    ],
  ])("refuses %s as bad syntax", (_, text, expected) => {
    expect(() => parseText(text, "f.yaml", schema)).toThrow(expect.objectContaining({ code: "FILE_BAD_SYNTAX" }));
    expect(message(text)).toContain(expected);
  });
});

describe("parseValue", () => {
  it("can throw another code", () => {
    expect(() => parseValue({}, "here", schema, undefined, "STUDY_BAD")).toThrow(
      expect.objectContaining({ code: "STUDY_BAD" }),
    );
  });

  it("shortens long values", () => {
    const long = "x".repeat(500);
    expect(() => parseValue({ name: "a", mode: long }, "here", schema)).toThrow(/mode is "x{70,76}\.\.\.;/);
  });
});

describe("files", () => {
  const folder = mkdtempSync(join(tmpdir(), "cosearch-documents-"));
  const path = join(folder, "a.yaml");
  writeFileSync(path, "name: a\n");

  it("are read, or named when they cannot be", () => {
    expect(readDocument(path, schema)).toEqual({ name: "a" });
    expect(() => readText(join(folder, "no.yaml"))).toThrow(expect.objectContaining({ code: "FILE_UNREADABLE" }));
    expect(() => readText(folder)).toThrow(folder);
  });

  it("are found by built-in name or by path", () => {
    const resolve = (name: string) => resolveDocument(name, "envs/network/presets", "NETWORK_UNKNOWN", "network");
    expect(resolve("vgg-16")).toBe(join(packageRoot, "envs/network/presets/vgg-16.yaml"));
    expect(resolve(path)).toBe(path);
    expect(() => resolve("vgg16")).toThrow('"vgg16" is no built-in network and no file; did you mean "vgg-16"?');
    expect(() => resolve("./vgg-16.yaml")).toThrow("network file ./vgg-16.yaml does not exist");
    expect(dataNames("envs/network/presets")).toContain("vgg-16");
  });
});
