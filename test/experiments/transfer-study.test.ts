import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../src/files/package-root.js";

const study = (...given: string[]) =>
  promisify(execFile)("node", [join(packageRoot, "dist/experiments/transfer-study.js"), ...given]);

describe("the transfer study", () => {
  it("explains itself", async () => {
    const { stdout } = await study("--help");
    for (const option of ["--from", "--to", "--agent", "--trials", "--seeds", "--table", "--out"]) {
      expect(stdout).toContain(option);
    }
  });

  it("sees that a run which begins with its own task's best designs is there at once", async () => {
    // hill climbing on 4 links finds the optimum of 1,296 designs in 400 trials, cold or not; the best design is tried first
    const task = ["--from", "chain:4", "--to", "chain:4"];
    const { stdout } = await study(...task, "--agent", "hill-climbing", "--trials", "400", "--seeds", "3");
    const cells = /^\| `chain:4` \| (.*) \|$/m.exec(stdout)?.[1]?.split(" | ").map(String);
    expect(cells).toHaveLength(5);
    const [coldBest, coldTrials, warmBest, gotThere, warmTrials] = cells!;
    expect(warmBest).toBe(coldBest);
    expect(gotThere).toBe("3 of 3");
    expect(Number(warmTrials)).toBe(1);
    expect(Number(coldTrials)).toBeGreaterThan(1);
    expect(stdout).toContain("The claim, at most 50 %, holds.");
  }, 30_000);
});
