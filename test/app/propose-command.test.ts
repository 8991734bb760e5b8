import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { ProposeResult } from "../../experiments/propose.js";
import { cosearch } from "./in-process.js";

const runs = mkdtempSync(join(tmpdir(), "cosearch-propose-"));

const run = (study: string, id: string, trials: number, ...more: string[]) =>
  cosearch(
    ...["run", study, "--agent", "random", "--trials", String(trials), "--out", runs, "--id", id],
    ...["--quiet", "--no-tensorboard", "--json", ...more],
  );

/** Two layers; cycles fall and area grows with the PEs: the best design is in the middle. */
const table = join(runs, "table.json");
const pe = Array.from({ length: 128 }, (_, i) => i + 1);
const cells = [1, 2].map((work) =>
  pe.flatMap((count) => [1, 2, 3].map((buffer) => [(work * 1e4) / count + 200 / buffer, 1, count + 2 * buffer, 1])),
);

beforeAll(async () => {
  writeFileSync(table, JSON.stringify({ pe, buf: [1, 2, 3], index: [0, 1, 0], cells }));
  const set = ["--set", `table=${table}`, "--set", "areaFraction=0.2"];
  await run("table-sizing", "sizing-a", 50, "--seed", "1", ...set);
  await run("table-sizing", "sizing-b", 30, "--seed", "2", ...set);
  await run("quick", "few", 6);
});

describe("cosearch propose", () => {
  it("proposes designs that were not logged, better than the logged ones, and says what came true", async () => {
    const { code, out } = await cosearch("propose", "--from", join(runs, "sizing-*"), "--evaluate", "--json");
    expect(code).toBe(0);
    const result = JSON.parse(out) as ProposeResult;
    expect(result.runs.map(({ trials }) => trials)).toEqual([50, 30]);
    expect(result.quality.map(({ name }) => name)).toEqual(["cyclesOverOptimum", "areaOverLimit", "reward"]);
    const area = result.quality[1]!;
    expect(area.rankCorrelation).toBeGreaterThan(0.95); // the area is a sum over knobs: it is learnt from 80 trials
    expect(result.proposals.length).toBe(5);
    const keys = new Set(result.proposals.map(({ candidate }) => JSON.stringify(candidate)));
    expect(keys.size).toBe(5);
    for (const { metrics, outcome, reward } of result.proposals) {
      expect(reward.low).toBeLessThanOrEqual(reward.mean);
      expect(metrics.areaOverLimit!.mean).toBeCloseTo(outcome!.metrics!.areaOverLimit!, 0);
    }
    const kept = result.proposals.flatMap(({ outcome }) =>
      outcome!.infeasible === undefined ? [outcome!.reward] : [],
    );
    expect(Math.max(...kept)).toBeGreaterThan(result.best!.reward);
  });

  it("gives the same designs again, and prints them with intervals and changes", async () => {
    const [first, again] = [
      await cosearch("propose", "--from", join(runs, "sizing-a"), "--count", "2"),
      await cosearch("propose", "--from", join(runs, "sizing-a"), "--count", "2"),
    ];
    expect(first).toEqual(again);
    expect(first!.out).toMatch(/learnt from 50 designs of 1 run/);
    expect(first!.out).toMatch(/proposal 2: within the limits with \d+ %/);
    expect(first!.out).toMatch(/differs from the best logged design: accelerator\//);
  });

  it("leaves out what is no run, damaged, or of another environment, and says so", async () => {
    mkdirSync(join(runs, "mixed-nothing"));
    await run("table-sizing", "mixed-fine", 20, "--set", `table=${table}`, "--set", "areaFraction=0.2");
    await run("table-sizing", "mixed-torn", 20, "--set", `table=${table}`, "--set", "areaFraction=0.2");
    appendFileSync(join(runs, "mixed-torn", "trials.jsonl"), "no trial\nnor this\n");
    const { code, err, out } = await cosearch("propose", "--from", join(runs, "mixed-*"), join(runs, "few"), "--json");
    expect(code).toBe(0);
    expect(err).toMatch(/left out: .*mixed-nothing is no run folder/);
    expect(err).toMatch(/left out: .*mixed-torn.*not trial 20/);
    expect(err).toMatch(/left out: .*few: evaluated in another environment: it differs in space/);
    expect((JSON.parse(out) as ProposeResult).leftOut.length).toBe(3);
  });

  it.each([
    ["nothing matches", ["--from", join(runs, "absent-*")], /RUN_NOT_FOUND: --from .*nothing there/],
    ["no run folder", ["--from", tmpdir()], /RUN_NOT_FOUND: .*no run folder/],
    ["too few designs", ["--from", join(runs, "few")], /USAGE: --from: 6 different designs .* at least 12/],
    ["--set without --study", ["--from", join(runs, "few"), "--set", "a=1"], /USAGE: --set .*name one/],
    ["another study", ["--from", join(runs, "few"), "--study", "edge-nas"], /USAGE: .*no run says anything/],
    ["no number", ["--from", runs, "--caution", "-1"], /USAGE/],
  ])("ends with 2 and a coded error: %s", async (_, argv, message) => {
    const { code, err, out } = await cosearch("propose", ...argv);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: "" });
  });
});
