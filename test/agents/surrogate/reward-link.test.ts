import { describe, expect, it } from "vitest";
import { learnLink, linkAt } from "../../../agents/surrogate/reward-link.js";
import { RandomStream } from "../../../src/core/rng.js";

const random = RandomStream.of(3, "metrics");
const draw = (low: number, high: number): Float64Array =>
  Float64Array.from({ length: 40 }, () => low * (high / low) ** random.next());
const [accuracy, latency, energy, other] = [draw(0.6, 0.8), draw(0.05, 2), draw(0.1, 3), draw(1, 9)];
const logs = [accuracy, latency, energy, other].map((values) => values.map(Math.log));
const logged = [true, true, true, true];
const rewardOf = (formula: (i: number) => number): Float64Array => Float64Array.from(accuracy, (_, i) => formula(i));

describe("the formula of the reward", () => {
  it("is found exactly where it is a product of powers", () => {
    const rewards = rewardOf((i) => accuracy[i]! * (latency[i]! / 0.2) ** -0.07 * (energy[i]! / 0.4) ** -0.5);
    const link = learnLink(logs, logged, rewards)!;
    expect(link.isLog).toBe(true);
    expect(link.terms.map(({ metric }) => metric).sort()).toEqual([0, 1, 2]);
    const at = linkAt(link, Float64Array.from([0.7, 1, 0.4, 5], Math.log));
    expect(Math.exp(at)).toBeCloseTo(0.7 * 5 ** -0.07, 6);
  });

  it("is found where it bends at a target (MnasNet's hard exponents)", () => {
    const rewards = rewardOf((i) => accuracy[i]! * (latency[i]! <= 0.2 ? 1 : 0.2 / latency[i]!));
    const link = learnLink(logs, logged, rewards)!;
    const at = (ms: number): number => Math.exp(linkAt(link, Float64Array.from([0.7, ms, 1, 5], Math.log)));
    expect(at(0.1)).toBeCloseTo(0.7, 2);
    expect(at(0.8)).toBeCloseTo(0.7 / 4, 2);
  });

  it("is found where it is a sum of distances to targets", () => {
    const rewards = rewardOf((i) => accuracy[i]! - 0.07 * Math.abs(latency[i]! / 0.2 - 1));
    const link = learnLink(logs, logged, rewards)!;
    expect(link.isLog).toBe(false);
    expect(linkAt(link, Float64Array.from([0.7, 0.1, 1, 5], Math.log))).toBeCloseTo(0.665, 2);
    expect(linkAt(link, Float64Array.from([0.7, 1, 1, 5], Math.log))).toBeCloseTo(0.42, 2);
  });

  it("is not made up where the metrics say nothing, or there are too few trials", () => {
    expect(
      learnLink(
        logs,
        logged,
        rewardOf(() => random.next()),
      ),
    ).toBeUndefined();
    expect(
      learnLink(
        logs.map((values) => values.slice(0, 5)),
        logged,
        accuracy.slice(0, 5),
      ),
    ).toBeUndefined();
  });
});
