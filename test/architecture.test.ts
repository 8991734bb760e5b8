import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

// The import table of the design: who may import which room. The library entry src/index.ts may import everything.
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "src/core": [],
  "src/files": ["src/core"],
  "src/tensors": ["src/core"],
  envs: ["src/core", "src/files", "src/tensors"],
  agents: ["src/core", "src/tensors"],
  "src/study": ["src/core", "src/files"],
  "src/track": ["src/core", "src/files", "src/study"],
  experiments: ["src/core", "src/files", "src/tensors", "src/study", "src/track", "envs", "agents"],
  // the browser's side shares types with the server, and nothing else: see below
  "src/web": ["src/app"],
  "src/app": ["src/core", "src/files", "src/study", "src/track", "experiments"],
};

/** Packages that only some rooms may use; every other package is free. */
const PACKAGES: readonly { readonly pattern: RegExp; readonly allowed: readonly string[] }[] = [
  { pattern: /^@tensorflow\//, allowed: ["agents", "envs/accuracy/", "src/tensors/"] },
  { pattern: /^rxjs/, allowed: ["src/study", "src/track", "src/app", "envs/codesign-env.ts"] },
  { pattern: /^(commander|log-update)$/, allowed: ["src/app", "src/track"] },
  { pattern: /^echarts/, allowed: ["src/track"] },
];

interface Import {
  readonly file: string;
  readonly target: string;
}

const root = join(import.meta.dirname, "..");
const files = ["src", "agents", "envs", "experiments"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name)),
);
const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(root, file), "utf8");
  const found = text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;"']*?["']([^"']+)["']|import\(\s*["']([^"']+)["']/g);
  return [...found].map((match) => {
    const target = match[1] ?? match[2] ?? "";
    return { file, target: target.startsWith(".") ? relative(root, join(root, dirname(file), target)) : target };
  });
});

const roomOf = (path: string): string | undefined => Object.keys(ROOMS).find((room) => path.startsWith(`${room}/`));

describe("the import table", () => {
  it("sees the code that it judges", () => {
    expect(files.length).toBeGreaterThan(50);
    expect(imports.some(({ file, target }) => file === "src/app/main.ts" && target === "commander")).toBe(true);
    expect(imports.some(({ target }) => target === "src/core/errors.js")).toBe(true);
  });

  it("holds: no room imports what it must not", () => {
    const wrong = imports.filter(({ file, target }) => {
      const [from, to] = [roomOf(file), roomOf(target)];
      return from !== undefined && to !== undefined && from !== to && !ROOMS[from]?.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  it("holds: every source file is in a room", () => {
    expect(files.filter((file) => roomOf(file) === undefined)).toEqual(["src/index.ts"]);
  });

  it("holds: tensors, streams and command-line packages stay in their rooms", () => {
    const wrong = imports.filter(({ file, target }) =>
      PACKAGES.some(({ pattern, allowed }) => pattern.test(target) && !allowed.some((room) => file.startsWith(room))),
    );
    expect(wrong).toEqual([]);
  });

  it("holds: the core is pure: no files, processes or clocks", () => {
    const core = files.filter((file) => file.startsWith("src/core/"));
    const impure = core.filter((file) =>
      /Date\.now|new Date\(|Math\.random|performance\.now|from "node:/.test(readFileSync(join(root, file), "utf8")),
    );
    expect(impure).toEqual([]);
  });

  it("holds: the page takes types from the server, never code", () => {
    const page = readdirSync(join(root, "src/web")).filter((name) => /\.tsx?$/.test(name));
    const wrong = page.flatMap((name) => {
      const text = readFileSync(join(root, "src/web", name), "utf8");
      return [...text.matchAll(/^import (?!type ).*from "\.\.\/.*$/gm)].map(([line]) => `${name}: ${line}`);
    });
    expect(page.length).toBeGreaterThan(10);
    expect(wrong).toEqual([]);
  });

  it("holds: nothing draws hidden randomness", () => {
    expect(files.filter((file) => /Math\.random\(/.test(readFileSync(join(root, file), "utf8")))).toEqual([]);
  });
});
