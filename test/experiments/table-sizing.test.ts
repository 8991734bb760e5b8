import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { composeStudy } from "../../experiments/compose.js";
import { startFrom } from "../../experiments/init-from.js";
import { resolveStudy } from "../../experiments/resolve-study.js";
import { loadStudy, parseOverride } from "../../experiments/study-file.js";
import { createRunFolder } from "../../src/study/run-folder.js";
import { runToEnd } from "../../src/study/run-to-end.js";
import { trialsOf } from "../../src/track/run-reader.js";

const PES = [1, 2, 4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128]; // 20 is on the fine grid only
let folder: string;
let table: string;

/** Two layers; cycles 1200 / PEs (the second twice that), area PEs + buffer level; two buffer levels, which help nothing. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cosearch-table-"));
  table = join(folder, "table.json");
  const cells = [1, 2].map((work) => PES.flatMap((pe) => [1, 2].map((buf) => [(work * 1200) / pe, 1, pe + buf, 1])));
  writeFileSync(table, JSON.stringify({ pe: PES, buf: [1, 2], index: [0, 1], cells }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const resolved = (...sets: string[]) =>
  resolveStudy(loadStudy("table-sizing", [`table=${table}`, ...sets].map(parseOverride)));

describe("the study table-sizing", () => {
  it("finds the optimum of a table with two layers: reward 1", async () => {
    // area from 4 to 260, a tenth of the way: 29.6; buffers take 2, so 27.6 for PEs: 12 + 12 costs 100 + 200 cycles = 300,
    // 8 + 16 costs 150 + 150 = 300; 16 + 8 costs 375; 24 is the most that fits
    const composed = await composeStudy(resolved("agent=grid", "budget.trials=576"));
    const run = createRunFolder(folder, composed.plan, () => 0, "grid");
    const { best } = await runToEnd(composed.plan, run);
    expect(best?.metrics).toMatchObject({ latencyCycles: 300, cyclesOverOptimum: 1 });
    expect(best?.reward).toBeCloseTo(1, 12);
    await composed.dispose();
  });

  it("says which objectives there are", () => {
    const objectives = (text: string) => () => resolved("agent=nsga2", `agent.objectives=${text}`);
    expect(objectives("latencyCycles:min,areaOverLimit:min")).not.toThrow();
    expect(objectives("latencyCycle:min")).toThrow(/"latencyCycle", which is no metric.*latencyCycles/);
    expect(objectives("latencyCycles:least")).toThrow(/allowed: reward, or metrics with their sense/);
  });

  it("says what is missing, and what does not belong", () => {
    expect(() => resolveStudy(loadStudy("table-sizing"))).toThrow(/--set table=/);
    expect(() => resolveStudy(loadStudy("quick", [parseOverride("areaFraction=0.1")]))).toThrow(
      "only studies with environment: table-sizing have it",
    );
  });
});

describe("starting from an earlier run", () => {
  it("tries its best design first and says what was matched", async () => {
    const first = await composeStudy(resolved("agent=genetic", "budget.trials=64"));
    const run = createRunFolder(folder, first.plan, () => 0, "earlier");
    await runToEnd(first.plan, run);
    await first.dispose();
    const earlier = [...trialsOf(run.path)];
    const best = earlier.filter(({ infeasible }) => infeasible === undefined).sort((a, b) => b.reward - a.reward)[0]!;

    const study = { ...resolved("agent=ppo", "areaFraction=0.2"), initFrom: run.path };
    const second = await composeStudy(study);
    expect(second.notes.join()).toContain("4 knobs matched");
    expect((await second.plan.agent.propose(16))[0]).toEqual(best.candidate);
    await second.dispose();
  });

  it("says which knobs have new values and which are new", async () => {
    const other = await composeStudy(resolved("agent=random", "grid=fine"));
    const note = await startFrom(other.plan.agent, join(folder, "earlier"));
    expect(note).toContain("2 knobs matched; some values are new: accelerator/pes0, accelerator/pes1;");
    await other.dispose();
  });

  it("is needed once: a run with a checkpoint goes on when the earlier run is gone", async () => {
    const study = { ...resolved("agent=genetic"), initFrom: join(folder, "gone") };
    await expect(composeStudy(study)).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    const composed = await composeStudy(study, { hasCheckpoint: true });
    expect(composed.notes).toEqual([]);
    await composed.dispose();
  });

  it("refuses a run that has no knob in common", async () => {
    const other = await composeStudy(resolveStudy(loadStudy("quick", [parseOverride("agent=random")])));
    await expect(startFrom(other.plan.agent, join(folder, "earlier"))).rejects.toMatchObject({ code: "USAGE" });
    await other.dispose();
  });
});
