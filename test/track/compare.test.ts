import { describe, expect, it } from "vitest";
import type { Trial } from "../../src/core/trial.js";
import { type ComparedRun, compareRuns } from "../../src/track/compare-data.js";
import { comparisonHtml } from "../../src/track/compare-html.js";
import { comparisonMarkdown, spreadText } from "../../src/track/compare-text.js";
import { bestAfterEach, seedBand, spreadOf } from "../../src/track/seed-bands.js";

const infeasible = { code: "limit", reason: "over", violations: [] };
const trial = (number: number, reward: number, metrics: Record<string, number> = {}, feasible = true): Trial => ({
  ...{ trial: number, candidate: { x: number }, reward, metrics },
  ...(!feasible && { infeasible }),
});
const run = (
  agentName: string,
  seed: number,
  trials: readonly Trial[],
  more: Partial<ComparedRun> = {},
): ComparedRun => ({
  ...{ runId: `${agentName}-${seed}`, runFolder: `runs/${agentName}-${seed}`, studyName: "edge", agentName, seed },
  ...{ question: "q", setting: "s", axes: [], trials, ...more },
});
/** so many trials, whose best is `reward` from the first on */
const flat = (reward: number, count = 300): Trial[] =>
  Array.from({ length: count }, (_, i) => trial(i, reward - i / 1e6));

describe("bands over seeds", () => {
  it("count feasible trials only, and a seed without one as the worst", () => {
    const best = bestAfterEach([trial(0, 9, {}, false), trial(1, 0.2), trial(2, 0.1), trial(3, 0.5)]);
    expect([...best]).toEqual([Number.NEGATIVE_INFINITY, 0.2, 0.2, 0.5]);
    expect(spreadOf([1, 2, 3, 4, 5])).toEqual({ median: 3, lowQuartile: 2, highQuartile: 4 });
    expect(spreadOf([Number.NEGATIVE_INFINITY, 1, 2])).toEqual({
      median: 1,
      lowQuartile: undefined,
      highQuartile: 1.5,
    });
  });

  it("end where the shortest seed ends", () => {
    const band = seedBand([Float64Array.of(1, 2, 3), Float64Array.of(3, 4)], 10);
    expect(band.map(({ trialCount, median }) => [trialCount, median])).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(seedBand([new Float64Array(1000)], 4).map(({ trialCount }) => trialCount)).toEqual([250, 500, 750, 1000]);
  });
});

describe("a comparison", () => {
  const ppo = [0.9, 0.8, 0.85, 0.95, 0.7].map((reward, seed) => run("ppo", seed, flat(reward)));
  const random = [0.6, 0.5, 0.55, 0.65, 0.4].map((reward, seed) => run("random", seed, flat(reward, 400)));

  it("groups by study and agent, at milestones and at the trials that all runs have", () => {
    const { groups, commonTrials, notes } = compareRuns([...ppo, ...random]);
    expect(commonTrials).toBe(300);
    expect(groups.map(({ name, seeds }) => [name, seeds])).toEqual([
      ["edge / ppo", [0, 1, 2, 3, 4]],
      ["edge / random", [0, 1, 2, 3, 4]],
    ]);
    expect(groups[0]?.milestones.map(({ trialCount }) => trialCount)).toEqual([100, 300]);
    expect(groups[0]?.atCommon).toEqual({ median: 0.85, lowQuartile: 0.8, highQuartile: 0.9 });
    expect(notes).toEqual([]);
  });

  it("pairs equal seeds: every difference is 0.3, so the interval is that point", () => {
    const { differences } = compareRuns([...random, ...ppo]);
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatchObject({ better: "edge / ppo", worse: "edge / random", seeds: 5, clear: true });
    for (const bound of Object.values(differences[0]?.reward ?? {})) expect(bound).toBeCloseTo(0.3, 12);
  });

  it("does not call a difference that changes its sign from seed to seed", () => {
    const mixed = [1.4, 0.4, 0.5, 1.2, 0.35].map((reward, seed) => run("mixed", seed, flat(reward)));
    const { differences } = compareRuns([...ppo, ...mixed]);
    expect(differences[0]?.clear).toBe(false);
    expect(differences[0]?.reward.low).toBeLessThan(0);
  });

  it("tells settings apart, counts a seed once, and never compares the rewards of different questions", () => {
    const other = run("ppo", 0, flat(5), { setting: "other" });
    const foreign = [run("ppo", 0, flat(99), { question: "?" }), run("ppo", 1, flat(99), { question: "?" })];
    const { groups, differences, notes } = compareRuns([...ppo, ppo[0]!, other, ...foreign]);
    expect(groups.map(({ name, seeds }) => [name, seeds.length])).toEqual([
      ["edge / ppo", 5],
      ["edge / ppo (2)", 1],
      ["edge / ppo (3)", 2],
    ]);
    expect(differences).toEqual([]); // one shared seed is no pair of samples
    expect(notes.join()).toMatch(/another question/);
  });

  it("hypervolume is the share of the box around all fronts", () => {
    const axes = [
      { metric: "accuracyFraction", sense: "maximise" },
      { metric: "latencyMs", sense: "minimise" },
    ] as const;
    const point = (i: number, accuracyFraction: number, latencyMs: number): Trial =>
      trial(i, 1, { accuracyFraction, latencyMs });
    const wide = run("a", 0, [point(0, 1, 20), point(1, 0, 10)], { axes });
    const narrow = run("b", 0, [point(0, 0, 10), point(1, 0, 15)], { axes });
    const { groups } = compareRuns([wide, narrow]);
    // box: accuracy from -0.1 to 1, latency from 21 down to 10. In units of the box, (1, 20) is (1, 1/11) and
    // (0, 10) is (0.1/1.1, 1): the first alone dominates 1/11, the second 1/11, both together 21/121.
    expect(groups[0]?.hypervolume?.median).toBeCloseTo(21 / 121, 12);
    expect(groups[1]?.hypervolume?.median).toBeCloseTo(11 / 121, 12);
  });

  it("as Markdown and HTML says the same; names are text, nothing runs", () => {
    const comparison = compareRuns([...ppo, run("<script>alert(1)</script>", 0, flat(0.1))]);
    const markdown = comparisonMarkdown(comparison);
    expect(markdown).toContain("| edge / ppo | 5 | 0.8500 [0.8000, 0.9000] | 0.8500 [0.8000, 0.9000] |");
    const html = comparisonHtml(comparison);
    expect(html).toContain("0.8500 [0.8000, 0.9000]");
    expect(html).not.toContain("<script");
    expect(html.match(/<svg role="img"/g)).toHaveLength(1);
  });

  it("says so when most seeds have nothing feasible", () => {
    const none = [trial(0, 1, {}, false)];
    const { groups } = compareRuns([run("a", 0, none), run("a", 1, none), run("a", 2, [trial(0, 1)])]);
    expect(groups[0]).toMatchObject({ solvedSeeds: 1 });
    expect(spreadText(groups[0]!.atCommon)).toBe("–");
  });
});
