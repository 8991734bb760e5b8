// What npm publishes: it installs in an empty project, brings the command and the library with its data, and is in order.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const project = mkdtempSync(join(tmpdir(), "cosearch-package-"));
const run = (command: string, args: readonly string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

describe("the package", () => {
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it("installs in an empty project, where the command and the library work", () => {
    // without scripts: `npm test` has built what is packed, and other tests run it at this moment
    run("npm", ["pack", "--ignore-scripts", "--pack-destination", project], root);
    const [tarball] = readdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "name": "empty", "private": true, "type": "module" }\n');
    run("npm", ["install", "--no-audit", "--no-fund", `./${tarball}`], project);
    const evaluated = run(
      "npx",
      ["cosearch", "evaluate", "--network", "mobilenet-v2", "--accelerator", "nahas-edge", "--json"],
      project,
    );
    expect(JSON.parse(evaluated).network).toEqual({ name: "mobilenet-v2", macCount: 300774272, paramCount: 3504872 });
    writeFileSync(join(project, "use.js"), 'import { Space } from "cosearch";\nconsole.log(typeof Space);\n');
    expect(run("node", ["use.js"], project).trim()).toBe("function");
    const study = run("npx", ["cosearch", "run", "quick", "--trials", "32", "--quiet", "--json"], project);
    expect(JSON.parse(study).trialCount).toBe(32);
  }, 300_000);

  it("has its exports, types and licence in order", () => {
    expect(run("npx", ["publint", "--strict", "--pack", "false"], root)).toContain("All good");
  });
});
