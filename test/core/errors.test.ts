import { describe, expect, it } from "vitest";
import { CosearchError, ERROR_CODES, nearMiss, suggestion } from "../../src/core/errors.js";

describe("nearMiss", () => {
  it.each([
    ["accelerator/peRow", ["accelerator/peRows", "accelerator/peCols"], "accelerator/peRows"],
    ["batc", ["batch", "bits"], "batch"],
    ["KERNEL", ["kernel", "stride"], "kernel"],
    ["k", ["kernel", "q"], "q"], // one letter away
    ["xyzzy", ["kernel", "stride"], undefined],
    ["", ["kernel"], undefined],
  ])("of %j among %j is %s", (word, candidates, expected) => {
    expect(nearMiss(word, candidates)).toBe(expected);
  });
});

describe("suggestion", () => {
  it("ends a message with the near miss, else with what is allowed", () => {
    expect(suggestion("kernl", ["kernel"])).toBe('; did you mean "kernel"?');
    expect(suggestion("xyzzy", ["kernel", "stride"])).toBe("; allowed: kernel, stride");
    expect(suggestion("xyzzy", [])).toBe("");
  });

  it("does not list more than twelve", () => {
    const many = Array.from({ length: 20 }, (_, i) => `knob-number-${i}`);
    expect(suggestion("xyzzy", many)).toMatch(/^; allowed: knob-number-0, .*knob-number-11, \.\.\. \(20 in all\)$/);
  });
});

describe("CosearchError", () => {
  it("has a stable code, a message and a cause", () => {
    const cause = new Error("disk");
    const error = new CosearchError("FILE_UNREADABLE", "a.yaml: disk", { cause });
    expect(error).toMatchObject({ name: "CosearchError", code: "FILE_UNREADABLE", message: "a.yaml: disk", cause });
    expect(error).toBeInstanceOf(Error);
  });

  it("has codes in capitals, each with a meaning", () => {
    for (const [code, meaning] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
      expect(meaning.length).toBeGreaterThan(10);
    }
  });
});
