import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { main as customAgent } from "./custom-agent.js";
import { main as customEnvironment } from "./custom-environment.js";

const folder = (): string => mkdtempSync(join(tmpdir(), "cosearch-example-"));

describe("library examples", () => {
  it("a custom environment is searched under its limits", async () => {
    const { status, trialCount, best } = await customEnvironment(folder());
    expect([status, trialCount, best?.feasible]).toEqual(["finished", 96, true]);
    const metrics = best?.metrics;
    expect(metrics?.areaMm2).toBeLessThanOrEqual(1.2);
    // a tile of 64 needs 48 KiB, so 64 KiB with 8 banks is best within 1.2 mm2 (0.64 * 1.8 = 1.152): 1 + 1 + 0.25 ms
    expect(metrics?.latencyMs).toBe(2.25);
  });

  it("a custom agent searches a built-in study", async () => {
    const { runId, status, trialCount, best } = await customAgent(folder());
    expect(runId).toMatch(/^quick-hill-climber-s1-/);
    expect([status, trialCount, best?.feasible]).toEqual(["finished", 96, true]);
  });
});
