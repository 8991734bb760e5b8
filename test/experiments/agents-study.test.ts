import { describe, expect, it } from "vitest";
import { bestSetting } from "../../experiments/agents-study/grids.js";
import { studyPage } from "../../experiments/agents-study/page.js";
import { type AgentRun, curveTrials } from "../../experiments/agents-study/run-agent.js";
import {
  normalisedScore,
  performanceProfile,
  probabilityOfImprovement,
  stratifiedInterval,
  verdict,
} from "../../experiments/agents-study/scores.js";
import { RandomStream } from "../../src/core/rng.js";

describe("scores of the agents' study", () => {
  it("run from base to top, and nothing feasible is 0", () => {
    expect(normalisedScore(3, 1, 5)).toBe(0.5);
    expect(normalisedScore(7, 1, 5)).toBe(1);
    expect(normalisedScore(null, 1, 5)).toBe(0);
    expect(normalisedScore(-4, 1, 5)).toBe(0);
  });

  it("profiles give every task the same weight: one run of two above, and one of one, is three quarters", () => {
    expect(performanceProfile([[0.2, 0.8], [0.9]], [0.5, 0.85, 0.95])).toEqual([0.75, 0.5, 0]);
  });

  it("count ties half when they say how often one is better", () => {
    expect(probabilityOfImprovement([[1, 2]], [[1]])).toBe(0.75);
    expect(probabilityOfImprovement([[1], [0]], [[0], [1]])).toBe(0.5);
  });

  it("have intervals that are a point where all seeds agree and hold the estimate where they do not", () => {
    const random = () => RandomStream.of(1, "test");
    expect(stratifiedInterval([[0.5, 0.5, 0.5]], random())).toEqual({ estimate: 0.5, low: 0.5, high: 0.5 });
    const { estimate, low, high } = stratifiedInterval([[0, 0.2, 0.4, 0.6, 0.8, 1]], random());
    expect(estimate).toBeCloseTo(0.5, 12); // 0.2 .. 0.8 remain of six
    expect(low).toBeLessThan(0.4);
    expect(high).toBeGreaterThan(0.6);
  });

  it("claim something only where intervals do not overlap", () => {
    const at = (low: number, high: number) => ({ estimate: (low + high) / 2, low, high });
    expect(verdict(at(0.6, 0.7), at(0.4, 0.5))).toBe("better");
    expect(verdict(at(0.4, 0.5), at(0.6, 0.7))).toBe("worse");
    expect(verdict(at(0.4, 0.65), at(0.6, 0.7))).toBe("not told apart");
  });

  it("tune by mean rank, the first of equals", () => {
    expect(
      bestSetting([
        [1, 1],
        [2, 0],
        [3, 3],
      ]),
    ).toBe(2);
    expect(
      bestSetting([
        [1, 1],
        [1, 1],
      ]),
    ).toBe(0);
  });
});

describe("the page of the agents' study", () => {
  const run = (agent: string, seed: number, best: number): AgentRun => ({
    task: "chain:3",
    agent,
    seed,
    bestAt: { 100: best - 1, 300: best },
    curve: curveTrials(300).map((trials) => [trials, best]),
    area: best,
    firstFeasible: 1,
    duplicateRate: 0,
    agentMsPerTrial: 0.5,
  });
  const runs = [1, 2, 3].flatMap((seed) => [run("ppo", seed, 9 + seed / 10), run("random", seed, 5)]);
  const { markdown, plots } = studyPage(runs, { "chain:3": { optimum: 10, worst: 0 } }, [100, 300], {}, "test");

  it("states regret as a share of the range, seeds, and what the intervals allow", () => {
    expect(markdown).toMatch(/\| ppo \| 3 \| 8\.2000 \(8\.1\d+ to 8\.\d+\) \| 9\.2000 \(9\.1\d+ to 9\.\d+\) \|/);
    expect(markdown).toContain("| random | 3 | 4.0000 (4.0000 to 4.0000) |");
    expect(markdown).toContain("18.00 %, 8.00 %"); // of the range, median, after 100 and after 300
    expect(markdown).toContain("300: default better");
    expect(markdown).toContain("0 of 3");
  });

  it("compares over tasks those that all agents ran, and names the others", () => {
    const more = { ...run("ppo", 1, 7), task: "chain:4" };
    const facts = { "chain:3": { optimum: 10, worst: 0 }, "chain:4": { optimum: 10, worst: 0 } };
    const page = studyPage([...runs, more], facts, [100, 300], {}, "test").markdown;
    expect(page).toContain("Interquartile mean over 1 tasks");
    expect(page).toContain("Left out, because not every agent ran on it: `chain:4`.");
    expect(page).toContain("## `chain:4`");
    const alone = studyPage([more, run("random", 1, 5)], facts, [100, 300], {}, "test");
    expect(alone.markdown).toContain("nothing is said over all of them");
    expect(Object.keys(alone.plots).sort()).toEqual(["chain-3.svg", "chain-4.svg"]);
  });

  it("has a curve for the task and a profile for each budget, as SVG", () => {
    expect(Object.keys(plots).sort()).toEqual(["chain-3.svg", "profile-100.svg", "profile-300.svg"]);
    for (const svg of Object.values(plots)) expect(svg).toMatch(/^<svg [\s\S]*random[\s\S]*<\/svg>\n$/);
  });
});
