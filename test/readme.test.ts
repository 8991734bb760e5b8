// The README shows what the tests run: its code blocks are the tested examples, its links resolve, its study loads.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = read("README.md");
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map((match) => match[1]!);

describe("README", () => {
  it("shows the examples that the tests run, line by line", () => {
    const shown = blocks("ts");
    expect(shown.length).toBe(3);
    for (const block of shown) {
      const [first = "", ...rest] = block.split("\n");
      const source = read(first.replace("// ", ""));
      expect(source.slice(source.indexOf("\n\n") + 2).trim()).toBe(rest.join("\n").trim());
    }
  });

  it("shows the study that its command runs", () => {
    expect(blocks("yaml")).toEqual([read("examples/small-and-fast.yaml")]);
  });

  it.each(["README.md", "agents/README.md", "DECISIONS.md"])("%s links to files that are there", (file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1]!);
    expect(links.filter((link) => !existsSync(join(root, dirname(file), link)))).toEqual([]);
  });

  it("has the two set-up commands first", () => {
    const commands = blocks("sh")[0]!
      .trim()
      .split("\n")
      .map((line) => line.replace(/\s*#.*/, ""));
    expect(commands).toEqual(["npm ci && npm start", "npm ci && npm test"]);
  });
});
