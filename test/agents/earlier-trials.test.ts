import { describe, expect, it } from "vitest";
import type { Point } from "../../agents/black-box.js";
import { pointOf } from "../../agents/black-box.js";
import { EarlierTrials, lineThrough } from "../../agents/earlier-trials.js";
import { agentDefinition } from "../../agents/index.js";
import { priorPoints } from "../../agents/prior.js";
import type { Prior } from "../../src/core/agent.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import { decodeState, encodeState } from "../../src/core/state-codec.js";
import type { Candidate, Trial } from "../../src/core/trial.js";

const values = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const space = new Space({
  name: "sum",
  knobs: [
    { name: "a", values },
    { name: "b", values },
  ],
});

/** area = (a + b) / unit, at most `limit`; worth 2 a + b, and 1 less per unit of excess over the limit. */
const measure =
  (limit: number, unit = 1, bonus = 0) =>
  (candidate: Candidate, trial: number): Trial => {
    const [a, b] = [Number(candidate.a), Number(candidate.b)];
    const areaMm2 = (a + b) / unit;
    const reward = 2 * a + b + bonus;
    if (areaMm2 <= limit) return { trial, candidate, metrics: { areaMm2 }, reward };
    const violations = [{ subject: "areaMm2", needed: areaMm2, available: limit, unit: "mm2" }];
    const infeasible = { code: "limit", reason: "area", violations };
    return { trial, candidate, metrics: { areaMm2 }, infeasible, reward: reward - (areaMm2 - limit) / limit };
  };
const all = [...space.enumerate()].map((codes) => space.decode(codes));
const priorOf = (evaluate: (candidate: Candidate, trial: number) => Trial): Prior => ({
  agentName: "ppo",
  space,
  trials: all.map(evaluate),
});

/** Tries again what is to be tried first, and once more what that leads to. @returns what is believed of the others */
function believed(prior: Prior, evaluate: (candidate: Candidate, trial: number) => Trial): readonly Point[] {
  const earlier = new EarlierTrials(space, prior);
  let codes = priorPoints(space, prior, RandomStream.of(1, "prior")).points;
  for (let round = 0; round < 2; round++) {
    const advice = earlier.next(
      codes.map((point, i) => pointOf(point, evaluate(space.decode(point), i))),
      true,
    );
    if (advice !== undefined && "believed" in advice) return advice.believed;
    codes = advice!.again;
  }
  throw new Error("it goes on asking");
}

describe("a line through pairs", () => {
  it("is y = 2 x + 1 for (0, 1), (1, 3), (2, 5), (3, 7)", () => {
    const pairs = [0, 1, 2, 3].map((x) => [x, 2 * x + 1] as const);
    expect(lineThrough(pairs, 0.01)).toEqual({ slope: 2, offset: 1 });
  });

  it("is not there for three pairs, nor where the pairs do not lie on one", () => {
    expect(
      lineThrough(
        [0, 1, 2].map((x) => [x, x] as const),
        0.1,
      ),
    ).toBeUndefined();
    expect(
      lineThrough(
        [
          [0, 0],
          [1, 1],
          [2, 0],
          [3, 1],
        ],
        0.1,
      ),
    ).toBeUndefined();
  });

  it("says that what never varied is what it was, or nothing", () => {
    expect(lineThrough(Array(4).fill([3, 3]), 0.1)).toEqual({ slope: 1, offset: 0 });
    expect(lineThrough(Array(4).fill([3, 4]), 0.1)).toBeUndefined();
  });
});

describe("designs of an earlier run that are tried first", () => {
  it("are the best, then good ones with room to the limit and over it", () => {
    const { points } = priorPoints(space, priorOf(measure(9)), RandomStream.of(1, "prior"));
    const sums = points.map((codes) => codes[0]! + codes[1]!);
    expect(points[0]).toEqual(Int32Array.of(9, 0)); // 18, the most within 9
    expect(points.length).toBeGreaterThan(8);
    expect(points.length).toBeLessThanOrEqual(16);
    expect(Math.min(...sums)).toBeLessThan(5);
    expect(Math.max(...sums)).toBeGreaterThan(13);
  });
});

describe("the other trials of an earlier run", () => {
  it("are judged by a limit that moved, each as this run would measure it", () => {
    for (const limit of [5, 14]) {
      const now = measure(limit);
      const found = believed(priorOf(measure(9)), now);
      expect(found.length).toBeGreaterThan(60);
      for (const { codes, feasible, reward, violation } of found) {
        const truth = pointOf(codes, now(space.decode(codes), 0));
        expect(feasible).toBe(truth.feasible);
        expect(violation).toBeCloseTo(truth.violation, 9);
        if (feasible) expect(reward).toBeCloseTo(truth.reward, 9);
      }
      expect(found.some(({ feasible }) => feasible)).toBe(true);
      expect(found.some(({ feasible }) => !feasible)).toBe(true);
    }
  });

  it("are understood where the metric has another unit and every reward another offset", () => {
    const now = measure(3, 2, 100); // an area of 6 in the old unit
    const found = believed(priorOf(measure(9)), now);
    for (const { codes, feasible, reward } of found) {
      const truth = now(space.decode(codes), 0);
      expect(feasible).toBe(truth.infeasible === undefined);
      if (feasible) expect(reward).toBeCloseTo(truth.reward, 9);
    }
    expect(found.filter(({ feasible }) => feasible).length).toBeGreaterThan(4);
  });

  it("say nothing where the metrics are others now", () => {
    const now = (candidate: Candidate, trial: number) =>
      measure(9)(
        { a: values[(Number(candidate.a) * 7 + 3) % 10]!, b: values[(Number(candidate.b) * 3 + 1) % 10]! },
        trial,
      );
    expect(believed(priorOf(measure(9)), now)).toEqual([]);
  });

  it("say nothing about a space with a knob that they did not have", () => {
    const wider = new Space({ name: "wider", knobs: [...space.toData().knobs, { name: "c", values: [0, 1] }] });
    const earlier = new EarlierTrials(wider, priorOf(measure(9)));
    const codes = Int32Array.of(1, 2, 0);
    expect(earlier.next([pointOf(codes, measure(9)(wider.decode(codes), 0))], true)).toEqual({
      believed: [],
      isMoved: false,
    });
  });
});

describe("ppo on a limit that moved", () => {
  const start = async () => {
    const definition = agentDefinition("ppo");
    const agent = await definition.create(space, definition.resolveOptions({}), 5);
    return agent;
  };

  it("goes on bit for bit when it is stopped while designs are tried again, and knows the new optimum at once", async () => {
    const now = measure(5);
    const agent = await start();
    await agent.warmStart!(priorOf(measure(9)));
    const seen: string[] = [];
    let resumed = await start();
    for (let batch = 0; batch < 8; batch++) {
      await resumed.restore(decodeState(JSON.parse(JSON.stringify(encodeState(await agent.state())))));
      const candidates = await agent.propose(5);
      expect(await resumed.propose(5)).toEqual(candidates);
      const trials = candidates.map((candidate, i) => now(candidate, 5 * batch + i));
      expect(await resumed.observe(trials)).toEqual(await agent.observe(trials));
      seen.push(...candidates.map((candidate) => JSON.stringify(candidate)));
      resumed.dispose();
      resumed = await start();
    }
    // 2 a + b with a + b <= 5 is most at (5, 0), which the old trials tell once the limit is known
    expect(seen.slice(0, 25)).toContain(JSON.stringify({ a: 5, b: 0 }));
    agent.dispose();
  });
});
