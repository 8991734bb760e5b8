import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CODESIGN_METRICS } from "../../envs/codesign-env.js";
import { METRICS } from "../../experiments/registry.js";
import { resolveStudy } from "../../experiments/resolve-study.js";
import { parseStudy, studySchema } from "../../experiments/study-file.js";
import { EXIT, EXIT_MEANINGS, exitCodeOf } from "../../src/app/exit-codes.js";
import { ERROR_CODES, type ErrorCode } from "../../src/core/errors.js";

const doc = (name: string): string => readFileSync(join(import.meta.dirname, "../../docs", name), "utf8");
const yamlBlocks = (text: string): string[] =>
  [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");

describe("the docs say what the code does", () => {
  it("errors.md lists every code with its meaning and exit code, and no other", () => {
    const text = doc("errors.md");
    for (const [code, meaning] of Object.entries(ERROR_CODES)) {
      expect(text).toContain(`| \`${code}\` | ${meaning} | ${exitCodeOf(code as ErrorCode)} |`);
    }
    const listed = [...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]);
    expect(listed).toEqual(Object.keys(ERROR_CODES));
  });

  it("command-line.md lists every exit code with its meaning", () => {
    for (const [name, code] of Object.entries(EXIT)) {
      expect(doc("command-line.md")).toContain(`| ${code} | ${EXIT_MEANINGS[name as keyof typeof EXIT]} |`);
    }
  });

  it("study-files.md names every key, and its examples are valid", () => {
    const text = doc("study-files.md");
    for (const key of Object.keys(studySchema.shape)) expect(text).toMatch(new RegExp(`\\| \`${key}[.\`]`));
    const blocks = yamlBlocks(text);
    expect(blocks.length).toBeGreaterThanOrEqual(4);
    for (const block of blocks) expect(() => resolveStudy(parseStudy(block, "docs.yaml"))).not.toThrow();
    const [example = ""] = blocks;
    expect(example.trimEnd().split("\n").length).toBeLessThanOrEqual(11);
  });

  it("`cosearch list metrics` lists what the environment returns", () => {
    expect(Object.keys(METRICS).sort()).toEqual([...CODESIGN_METRICS].sort());
  });
});
