import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentDefinition } from "../../agents/index.js";
import {
  costsOf,
  drawPreference,
  FrontArchive,
  featureCount,
  parseObjectives,
  preferenceFeatures,
  scalarised,
} from "../../agents/preferences.js";
import type { Agent } from "../../src/core/agent.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import { decodeState, encodeState } from "../../src/core/state-codec.js";
import type { Candidate, Trial } from "../../src/core/trial.js";
import { initBackend } from "../../src/tensors/backend.js";

describe("preferences", () => {
  it("are positive, sum to 1, and lie as the concentration says", () => {
    const random = RandomStream.of(1, "preferences");
    const spread = (concentration: number) => {
      const draws = Array.from({ length: 4000 }, () => drawPreference(2, concentration, random));
      for (const draw of draws) {
        expect(draw[0]! + draw[1]!).toBeCloseTo(1, 12);
        expect(Math.min(...draw)).toBeGreaterThan(0);
      }
      return draws.reduce((sum, [w]) => sum + (w! - 0.5) ** 2, 0) / draws.length;
    };
    // variance of Dirichlet(a, a): 1 / (4 (2 a + 1))
    for (const a of [0.3, 1, 5]) expect(spread(a) * 4 * (2 * a + 1)).toBeCloseTo(1, 0.9);
  });

  it("are told as numbers around 0, as many as announced", () => {
    expect(preferenceFeatures([0.5, 0.5])).toEqual([0, 0, 0.5]);
    expect(preferenceFeatures([1, 0])).toEqual([1, -1, -0.5]);
    for (const count of [2, 3, 4])
      expect(preferenceFeatures(Array(count).fill(1 / count))).toHaveLength(featureCount(count));
  });

  it("weigh costs: by the sum, or by the worst and a little of the sum", () => {
    expect(scalarised([0.2, 0.6], [0.5, 0.5], "weighted")).toBeCloseTo(0.4, 12);
    expect(scalarised([0.2, 0.6], [0.5, 0.5], "chebyshev")).toBeCloseTo(0.3 + 0.05 * 0.4, 12);
  });

  it("name metrics with a sense; what is to be maximised costs its negative", () => {
    const objectives = parseObjectives("latencyMs:min,accuracyFraction:max");
    expect(costsOf({ metrics: { latencyMs: 3, accuracyFraction: 0.7 } }, objectives)).toEqual([3, -0.7]);
    expect(costsOf({ metrics: { latencyMs: 3 } }, objectives)).toBeUndefined();
    expect(parseObjectives("reward")).toEqual([]);
  });
});

describe("the front so far", () => {
  const point = (...costs: number[]) => ({ codes: Int32Array.of(...costs), costs, violation: 0 });

  it("holds what nothing dominates, and the volume below the worst of the first batch", () => {
    const front = new FrontArchive(10);
    front.add([{ codes: Int32Array.of(0), costs: undefined, violation: 1 }]);
    expect(front.hypervolume()).toBe(0);
    front.add([point(4, 1), point(2, 4), point(4, 4)]);
    expect(front.members.map(({ costs }) => costs)).toEqual([
      [4, 1],
      [2, 4],
    ]);
    expect(front.hypervolume()).toBe(0); // the reference is (4, 4): both lie on its edge
    front.add([point(1, 2), point(1, 2), point(3, 3)]);
    expect(front.members.map(({ costs }) => costs)).toEqual([
      [4, 1],
      [1, 2],
    ]);
    expect(front.hypervolume()).toBe(6); // (4 - 1) x (4 - 2)
    expect(front.scale([2.5, 1.5])).toEqual([0.5, 0.5]);
  });

  it("loses its most crowded member when full, never an end", () => {
    const front = new FrontArchive(3);
    front.add([point(0, 10), point(10, 0), point(5, 5), point(5.5, 4.6)]);
    const kept = front.members.map(({ costs }) => costs![0]);
    expect(kept).toHaveLength(3);
    expect(kept).toEqual(expect.arrayContaining([0, 10]));
  });
});

/** Twelve knobs: the sum of levels costs area, what is missing to 5 costs time; each knob from 4 on is wasted. */
const space = new Space({
  name: "trade-off",
  knobs: Array.from({ length: 12 }, (_, i) => ({ name: `k${i}`, values: [0, 1, 2, 3, 4, 5] })),
});
function evaluate(candidate: Candidate, trial: number): Trial {
  const levels = Object.values(candidate) as number[];
  const areaMm2 = levels.reduce((sum, level) => sum + level, 0);
  const latencyMs = levels.reduce((sum, level, i) => sum + (i < 4 ? (5 - level) ** 2 : 2), 0);
  return { trial, candidate, metrics: { areaMm2, latencyMs }, reward: -latencyMs };
}
const objectives = "latencyMs:min,areaMm2:min";

describe.each(["autoregressive", "factorised"])("ppo with several objectives and the %s policy", (policy) => {
  const agents: Agent[] = [];
  const create = async (seed: number, given: object = {}) => {
    const definition = agentDefinition("ppo");
    const agent = await definition.create(space, definition.resolveOptions({ objectives, policy, ...given }), seed);
    agents.push(agent);
    return agent;
  };
  beforeAll(async () => {
    await initBackend("wasm");
  });
  afterAll(() => {
    for (const agent of agents) agent.dispose();
  });
  const runOn = async (agent: Agent, updates: number) => {
    const trace: object[] = [];
    for (let i = 0; i < updates; i++) {
      const trials = (await agent.propose(16)).map((candidate, j) => evaluate(candidate, 16 * i + j));
      trace.push({ trials, diagnostics: await agent.observe(trials) });
    }
    return trace;
  };

  it("continues bit for bit from its state, and refuses one for other objectives", async () => {
    const whole = await create(1);
    await runOn(whole, 4);
    const json = JSON.stringify(encodeState(await whole.state()));
    const resumed = await create(2);
    await resumed.restore(decodeState(JSON.parse(json)));
    expect(await runOn(resumed, 3)).toEqual(await runOn(whole, 3));
    const other = await create(1, { objectives: "latencyMs:min" });
    await expect(async () => other.restore(decodeState(JSON.parse(json)))).rejects.toMatchObject({
      code: "AGENT_BAD_STATE",
    });
  });

  it("comes near the whole front in 800 trials, which random search does not", async () => {
    // the front: waste nothing, and share the area evenly among the four; the volume below (area 60, latency 116)
    const reference = [116, 60];
    const found = async (agent: Agent) => {
      const front = new FrontArchive(500);
      front.add([{ codes: Int32Array.of(), costs: reference, violation: 0 }]);
      for (let i = 0; i < 50; i++) {
        const trials = (await agent.propose(16)).map((candidate, j) => evaluate(candidate, 16 * i + j));
        front.add(
          trials.map((t) => ({
            codes: Int32Array.of(),
            costs: [t.metrics!.latencyMs!, t.metrics!.areaMm2!],
            violation: 0,
          })),
        );
        await agent.observe(trials);
      }
      return front.hypervolume()!;
    };
    // exact: for each area 0 .. 20 the least latency
    const best = new FrontArchive(500);
    best.add([{ codes: Int32Array.of(), costs: reference, violation: 0 }]);
    best.add(
      Array.from({ length: 21 }, (_, area) => {
        const levels = [0, 1, 2, 3].map((i) => Math.floor((area + i) / 4));
        const latencyMs = levels.reduce((sum, level) => sum + (5 - level) ** 2, 16);
        return { codes: Int32Array.of(), costs: [latencyMs, area], violation: 0 };
      }),
    );
    const random = agentDefinition("random").create(space, {}, 1) as Agent;
    expect(await found(random)).toBeLessThan(0.85 * best.hypervolume()!);
    expect(await found(await create(3))).toBeGreaterThan(0.95 * best.hypervolume()!);
  });
});
