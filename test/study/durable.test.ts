import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineFile, readLines, writeDurably } from "../../src/study/durable.js";
import { tempRoot } from "./temp-root.js";

describe("whole files", () => {
  it("are replaced, and leave nothing beside them", () => {
    const folder = tempRoot();
    for (const text of ["one", "two, longer", ""]) {
      writeDurably(join(folder, "file"), text);
      expect(readFileSync(join(folder, "file"), "utf8")).toBe(text);
    }
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe("lines", () => {
  it("come back with their numbers and ends, over the borders of what is read at once, without a torn end", () => {
    const line = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.integer({ min: 0, max: 300_000 }).map((n) => "é".repeat(n)),
    );
    const clean = line.map((text) => text.replaceAll("\n", ""));
    const file = join(tempRoot(), "lines");
    fc.assert(
      fc.property(fc.array(clean, { maxLength: 6 }), clean, (lines, torn) => {
        writeFileSync(file, `${lines.map((text) => `${text}\n`).join("")}${torn}`);
        const found = [...readLines(file)];
        expect(found.map(({ text }) => text)).toEqual(lines);
        expect(found.map(({ number }) => number)).toEqual(lines.map((_, i) => i + 1));
        const total = Buffer.byteLength(lines.map((text) => `${text}\n`).join(""));
        expect(found.at(-1)?.endByte ?? 0).toBe(total);
      }),
      { numRuns: 40 },
    );
  });

  it("are appended after what is kept", () => {
    const file = join(tempRoot(), "lines");
    writeFileSync(file, "äb\ntorn");
    const lines = new LineFile(file, 4);
    lines.append("c");
    expect(lines.bytes).toBe(6);
    lines.close();
    expect(readFileSync(file, "utf8")).toBe("äb\nc\n");
    expect([...readLines(join(tempRoot(), "absent"))]).toEqual([]);
  });
});
