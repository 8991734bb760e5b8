import { describe, expect, it } from "vitest";
import { agentDefinition } from "../../agents/index.js";
import { DesignModel, observed, packObserved, unpackObserved } from "../../agents/surrogate/design-model.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import { type Candidate, isFeasible, type Trial, violationOf } from "../../src/core/trial.js";

const LEVELS = [0, 1, 2, 3, 4, 5];
const space = new Space({
  name: "sizing",
  knobs: ["a/x", "a/y", "a/z", "b/u", "b/v", "b/w"].map((name) => ({ name, values: LEVELS })),
});
/** What one level of a knob makes faster, and what it costs. */
const SPEED = [0.5, 0.3, 0.1, 0.4, 0.2, 0.05];
const AREA = [3, 1, 1, 2, 2, 0.2];

/** Work that levels shorten, and area that they cost; at most 20 of 46 is allowed. */
function evaluate(candidate: Candidate, trial: number): Trial & { metrics: { latencyMs: number; areaMm2: number } } {
  const levels = space.knobs.map(({ name }) => candidate[name] as number);
  const latencyMs = 10 * Math.exp(-levels.reduce((sum, level, i) => sum + SPEED[i]! * level, 0));
  const areaMm2 = levels.reduce((sum, level, i) => sum + AREA[i]! * level, 1);
  const metrics = { latencyMs, areaMm2, wattCount: 3 };
  const reward = (latencyMs / 2) ** -0.5;
  if (areaMm2 <= 20) return { trial, candidate, metrics, reward };
  const violations = [{ subject: "areaMm2", needed: areaMm2, available: 20, unit: "mm2" }];
  return { trial, candidate, metrics, reward: -1, infeasible: { code: "limit", reason: "area", violations } };
}

const pointOf = (codes: Int32Array, trial: number) => {
  const { reward, metrics, infeasible } = evaluate(space.decode(codes), trial);
  return { codes, reward, metrics, infeasible, feasible: infeasible === undefined, violation: violationOf(infeasible) };
};
const random = RandomStream.of(5, "designs");
const points = Array.from({ length: 60 }, (_, i) => pointOf(space.sample(random), i));

describe("the model of designs", () => {
  it("predicts metrics, reward and feasibility of designs that it has not seen", () => {
    const model = new DesignModel(space);
    for (const point of points) model.note(point);
    const forecast = model.given(points.map(observed))!;
    for (let i = 0; i < 10; i++) {
      const codes = space.sample(random);
      const { metrics, reward, feasible } = pointOf(codes, i);
      const place = forecast.place(codes);
      const deviations = forecast.deviations(forecast.reach(place));
      const area = forecast.quantities.findIndex(({ name }) => name === "areaMm2");
      expect(forecast.quantities[area]!.isLog).toBe(false); // a sum: the plain values are likelier than their logarithms
      expect(place.means[area]).toBeCloseTo(metrics.areaMm2, 0);
      const ratio = Math.exp(forecast.reward(place.means, deviations)!.mean) / reward;
      if (feasible) expect(Math.abs(ratio - 1)).toBeLessThan(0.1);
      if (Math.abs(metrics.areaMm2 - 20) > 2) {
        expect(forecast.feasibility(place.means, deviations) > 0.5).toBe(feasible);
      }
    }
  });

  it("learns from trials over a limit alone which way the limit is", () => {
    const model = new DesignModel(space);
    const broken = points.filter(({ feasible }) => !feasible).slice(0, 24);
    for (const point of broken) model.note(point);
    const forecast = model.given(broken.map(observed))!;
    const worth = (levels: number): number => {
      const place = forecast.place(Int32Array.from(SPEED, () => levels));
      return forecast.worth(place.means, forecast.deviations(forecast.reach(place)));
    };
    expect(worth(1)).toBeGreaterThan(worth(3));
    expect(worth(3)).toBeGreaterThan(worth(5));
  });

  it("has nothing to gain from a design that must come out as one that was tried, whatever the noise of a trial", () => {
    const model = new DesignModel(space);
    for (const point of points) model.note(point);
    const forecast = model.given(points.map(observed))!;
    const latency = forecast.quantities.findIndex(({ name }) => name === "latencyMs");
    const doubtOf = (codes: Int32Array): number => {
      const reach = forecast.reach(forecast.place(codes));
      const { process, scale } = forecast.quantities[latency]!;
      const [doubt, deviation] = [forecast.doubts(reach)[latency]!, forecast.deviations(reach)[latency]!];
      expect(deviation ** 2 - doubt ** 2).toBeCloseTo(scale ** 2 * process.variances.noise, 8);
      return doubt;
    };
    const farthest = Math.max(...Array.from({ length: 10 }, () => doubtOf(space.sample(random))));
    expect(doubtOf(points[0]!.codes)).toBeLessThan(0.2 * farthest);
  });

  it("keeps trials in a checkpoint with their metrics, those without any too", () => {
    const bare = { codes: points[0]!.codes, reward: -2, feasible: false, violation: 10 };
    const none = observed({ ...bare, infeasible: { code: "mapping", reason: "too small", violations: [] } });
    const trials = [observed(points[0]!), none];
    const back = unpackObserved(packObserved(trials));
    expect(back.map(({ metrics }) => metrics)).toEqual([points[0]!.metrics, undefined]);
    expect(back.map(({ unbuilt }) => unbuilt)).toEqual([false, true]);
  });
});

describe("the surrogate-assisted agent", () => {
  it("comes within 2 % of the best of 46,656 designs in 64 trials", async () => {
    let optimum = 0;
    for (const codes of space.enumerate()) {
      const trial = evaluate(space.decode(codes), 0);
      if (isFeasible(trial)) optimum = Math.max(optimum, trial.reward);
    }
    const definition = agentDefinition("surrogate-assisted");
    for (const seed of [1, 2, 3]) {
      const agent = await definition.create(space, {}, seed);
      let best = 0;
      for (let done = 0; done < 64; done += 8) {
        const trials = (await agent.propose(8)).map((candidate, i) => evaluate(candidate, done + i));
        for (const trial of trials) if (isFeasible(trial)) best = Math.max(best, trial.reward);
        await agent.observe(trials);
      }
      expect(best / optimum).toBeGreaterThan(0.98);
    }
  });

  it("tries small changes of the best designs once nothing better is found", async () => {
    const create = (nearFraction: number) =>
      agentDefinition("surrogate-assisted").create(space, { explore: 0, nearFraction }, 4);
    const nearOf = async (nearFraction: number): Promise<number> => {
      const agent = await create(nearFraction);
      const all: Trial[] = [];
      let near = 0;
      for (let done = 0; done < 96; done += 8) {
        const trials = (await agent.propose(8)).map((candidate, i) => {
          const trial = evaluate(candidate, done + i);
          return done < 32 ? trial : { ...trial, reward: trial.reward - 100 };
        });
        await agent.observe(trials);
        const best = all.filter(isFeasible).sort((a, b) => b.reward - a.reward)[0];
        if (done >= 48) {
          for (const { candidate } of trials) {
            if (space.knobs.filter(({ name }) => candidate[name] !== best!.candidate[name]).length <= 2) near++;
          }
        }
        all.push(...trials);
      }
      return near;
    };
    expect(await nearOf(1)).toBeGreaterThan(await nearOf(0));
  });
});
