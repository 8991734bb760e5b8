import { describe, expect, it } from "vitest";
import { parseScript } from "../../experiments/script-options.js";

const facts = { command: "node growth.js", about: "Memory of agents." };
const options = {
  trials: { type: "string", default: "100" },
  part: { type: "string", multiple: true, default: ["rate", "memory"] },
  out: { type: "string" },
  json: { type: "boolean", default: false },
} satisfies Parameters<typeof parseScript>[2];
const meanings = { trials: "budget", part: "what to measure", out: "page to write", json: "one JSON document" };
const parse = (...args: string[]) => parseScript(args, facts, options, meanings);

describe("options of an experiment's program", () => {
  it("have their defaults, and take values in both forms", () => {
    expect(parse()).toMatchObject({ kind: "values", values: { trials: "100", part: ["rate", "memory"], json: false } });
    expect(parse("--trials=7", "--part", "a", "--part", "b", "--json", "--out", "--json")).toMatchObject({
      kind: "wrong",
    });
    expect(parse("--trials=7", "--part", "a", "--part", "b", "--json")).toMatchObject({
      kind: "values",
      values: { trials: "7", part: ["a", "b"], json: true },
    });
  });

  it("are listed with what they mean and their defaults, also beside an option that is wrong", () => {
    const text = [
      "Memory of agents.",
      "",
      "Usage: node growth.js [options]",
      "",
      "  --trials VALUE  budget (default 100)",
      "  --part VALUE    what to measure (default rate memory)",
      "  --out VALUE     page to write",
      "  --json          one JSON document",
      "",
    ].join("\n");
    expect(parse("--help")).toEqual({ kind: "help", text });
    expect(parse("--trial", "-h")).toEqual({ kind: "help", text });
  });

  it.each([
    [["--trial", "7"], 'unknown option --trial; did you mean "--trials"?'],
    [["--frobnicate=1"], "unknown option --frobnicate; allowed: --trials, --part, --out, --json"],
    [["stray"], "Unexpected argument 'stray'"],
    [["--out"], "Option '--out <value>' argument missing"],
  ])("%j ends with one line", (args, text) => {
    expect(parse(...args)).toEqual({ kind: "wrong", text });
  });
});
