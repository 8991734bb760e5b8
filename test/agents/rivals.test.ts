import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectedImprovement } from "../../agents/bayesian.js";
import { comparePoints, type Point, packPoints, unpackPoints } from "../../agents/black-box.js";
import { coarseSpace, spreadValues } from "../../agents/coarse-to-fine.js";
import { agentDefinition } from "../../agents/index.js";
import { choleskyOf, solveLower } from "../../agents/linear-algebra.js";
import { survivors } from "../../agents/nsga2.js";
import { fitForest, predict } from "../../agents/surrogate/forest.js";
import { crossed, exchanged, mutated, otherValue, RecentPoints } from "../../agents/variation.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import { conditionalSpace } from "../contracts/agent-contract.js";

const point = (code: number, reward: number, violation = 0): Point => ({
  codes: Int32Array.of(code),
  reward,
  violation,
  feasible: violation === 0,
});

describe("points", () => {
  it("are ordered feasible first, then by reward; infeasible ones by violation, whatever their reward", () => {
    const points = [point(0, 9, 0.5), point(1, 1), point(2, 5, 0.1), point(3, 2)];
    expect(points.sort(comparePoints).map(({ codes }) => codes[0])).toEqual([3, 1, 2, 0]);
  });

  it("survive a checkpoint", () => {
    const points = [point(4, 1.5), point(2, -3, 0.25)];
    expect(unpackPoints(packPoints(points))).toEqual(points);
    expect(unpackPoints(packPoints([]))).toEqual([]);
  });
});

describe("variation", () => {
  it("gives points of the space again, conditions included, and mutation changes at least one knob", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = RandomStream.of(seed, "variation");
        const [a, b] = [conditionalSpace.sample(random), conditionalSpace.sample(random)];
        expect(() => conditionalSpace.decode(crossed(conditionalSpace, a, b, random))).not.toThrow();
        const changed = mutated(conditionalSpace, a, 0.2, random);
        expect(() => conditionalSpace.decode(changed)).not.toThrow();
        expect(conditionalSpace.key(changed)).not.toBe(conditionalSpace.key(a));
      }),
    );
  });

  it("moves an ordered knob by one level more often than by many", () => {
    const space = new Space({ name: "line", knobs: [{ name: "x", values: Array.from({ length: 64 }, (_, i) => i) }] });
    const random = RandomStream.of(1, "steps");
    const steps = Array.from({ length: 2000 }, () => Math.abs(otherValue(space, 0, 32, random) - 32));
    const ones = steps.filter((step) => step === 1).length;
    expect(Math.min(...steps)).toBe(1);
    // P(floor(64^u) = 1) = log 2 / log 64 = 0.167, and lengths from 33 on, which fit on neither side, count as 1: 0.159
    expect(ones / 2000).toBeCloseTo(0.326, 1);
  });

  it("exchanges one ordered knob's levels for another's", () => {
    const knobs = ["a", "b", "c"].map((name) => ({ name, values: [0, 1, 2, 3, 4] }));
    const space = new Space({ name: "lines", knobs: [...knobs, { name: "kind", values: ["x", "y", "z"] }] });
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = RandomStream.of(seed, "exchange");
        const before = Int32Array.of(1 + random.integer(3), 1 + random.integer(3), 1 + random.integer(3), 2);
        const changes = [...exchanged(space, before, random)].map((code, i) => Math.sign(code - before[i]!));
        expect(changes.filter((change) => change === 1)).toHaveLength(1);
        expect(changes.filter((change) => change === -1)).toHaveLength(1);
        expect(changes[3]).toBe(0);
      }),
    );
    const top = exchanged(space, [4, 4, 4, 0], RandomStream.of(1, "exchange")); // nothing can rise: one knob changes
    expect([...top].filter((code, i) => code !== [4, 4, 4, 0][i])).toHaveLength(1);
  });

  it("remembers the last points only", () => {
    const recent = new RecentPoints(2);
    for (const code of [1, 2, 3]) recent.add([code]);
    expect([1, 2, 3].map((code) => recent.has([code]))).toEqual([false, true, true]);
  });
});

describe("NSGA-II", () => {
  const member = (code: number, values: number[], violation = 0) => ({ point: point(code, 0, violation), values });

  it("keeps the first front, its ends before the crowded middle, and infeasible members last", () => {
    const members = [
      member(0, [0, 4]),
      member(1, [2, 2]),
      member(2, [2.1, 1.9]),
      member(3, [4, 0]),
      member(4, [0, 0]), // dominated
      member(5, [9, 9], 0.3), // infeasible
    ];
    const order = survivors(members, 6).map(({ point: { codes } }) => codes[0]);
    expect(order.slice(0, 2).sort()).toEqual([0, 3]);
    expect(order.slice(4)).toEqual([4, 5]);
  });

  it("takes metrics as objectives, and refuses what is none", () => {
    const definition = agentDefinition("nsga2");
    expect(() => definition.resolveOptions({ objectives: "latencyMs:min,accuracyFraction:max" })).not.toThrow();
    expect(() => definition.resolveOptions({ objectives: "latencyMs" })).toThrow(/AGENT_BAD_OPTION|objectives is/);
  });
});

describe("CMA-ES", () => {
  it("factors a matrix: [[4, 2], [2, 5]] is [[2, 0], [1, 2]] times its transpose", () => {
    expect([...choleskyOf(Float64Array.of(4, 2, 2, 5), 2)!]).toEqual([2, 0, 1, 2]);
    expect(choleskyOf(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined();
    expect([...solveLower(Float64Array.of(2, 0, 1, 2), Float64Array.of(4, 6))]).toEqual([2, 2]);
  });
});

describe("CMA-ES at first", () => {
  it("learns how far each knob reaches, and only later which go together", async () => {
    const knobs = ["a", "b", "c"].map((name) => ({ name, values: Array.from({ length: 20 }, (_, i) => i) }));
    const space = new Space({ name: "ridge", knobs });
    const definition = agentDefinition("cma-es");
    const agent = await definition.create(space, definition.resolveOptions({ diagonalTrials: 32 }), 1);
    const offDiagonal = async () => {
      const { strategy } = (await agent.state()) as unknown as { strategy: { covariance: Float64Array } };
      const entries = strategy.covariance.map((value, at) => (Math.floor(at / 3) === at % 3 ? 0 : Math.abs(value)));
      return Math.max(...entries);
    };
    const largest: number[] = [];
    for (let batch = 0; batch < 3; batch++) {
      const candidates = await agent.propose(16);
      const worth = (a: number, b: number) => -((a - b) ** 2) - 0.1 * (a + b - 30) ** 2;
      await agent.observe(
        candidates.map((candidate, i) => ({
          trial: 16 * batch + i,
          candidate,
          reward: worth(candidate.a as number, candidate.b as number),
        })),
      );
      largest.push(await offDiagonal());
    }
    expect(largest.slice(0, 2)).toEqual([0, 0]);
    expect(largest[2]).toBeGreaterThan(0);
  });
});

describe("the Bayesian optimiser", () => {
  it("has the expected improvement of a standard normal over 0: 1 / sqrt(2 pi)", () => {
    expect(expectedImprovement(0, 1, 0)).toBeCloseTo(0.3989423, 6);
    expect(expectedImprovement(2, 1e-3, 1)).toBeCloseTo(1, 6);
    expect(expectedImprovement(0, 1e-3, 1)).toBeCloseTo(0, 6);
  });

  it("fits a forest that knows a step function", () => {
    const space = new Space({ name: "line", knobs: [{ name: "x", values: [0, 1, 2, 3, 4, 5, 6, 7] }] });
    const rows = Array.from({ length: 64 }, (_, i) => Int32Array.of(i % 8));
    const targets = Float64Array.from(rows, ([x]) => (x! >= 4 ? 1 : 0));
    const forest = fitForest(space, rows, targets, 8, RandomStream.of(1, "forest"));
    expect(predict(forest, Int32Array.of(1))).toEqual({ mean: 0, deviation: 0 });
    expect(predict(forest, Int32Array.of(6)).mean).toBe(1);
  });
});

describe("coarse levels", () => {
  it("keep both ends; evenly where values span little, by ratio where they span much", () => {
    expect(spreadValues([1, 2, 3, 4, 5], 3)).toEqual([0, 2, 4]);
    const pes = Array.from({ length: 128 }, (_, i) => i + 1);
    expect(spreadValues(pes, 8).map((v) => pes[v])).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
    expect(new Set(spreadValues(pes, 12)).size).toBe(12);
  });

  it("leave categories and short knobs as they are", () => {
    const coarse = coarseSpace(conditionalSpace, 3);
    expect(coarse.knobs.map(({ values }) => values.length)).toEqual([3, 3, 3, 3, 1, 2, 2]);
  });
});

describe("grid", () => {
  it("visits every point once and then has none left", async () => {
    const definition = agentDefinition("grid");
    const agent = await definition.create(conditionalSpace, definition.resolveOptions({}), 1);
    const seen = new Set<string>();
    for (;;) {
      const candidates = await agent.propose(64);
      if (candidates.length === 0) break;
      for (const candidate of candidates) seen.add(JSON.stringify(candidate));
      await agent.observe(candidates.map((candidate, trial) => ({ trial, candidate, reward: 0 })));
    }
    expect(BigInt(seen.size)).toBe(conditionalSpace.size());
  });
});
