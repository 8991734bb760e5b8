import { beforeAll, describe, expect, it } from "vitest";
import { carriedTrials } from "../../agents/carried-trials.js";
import { coarseSpace } from "../../agents/coarse-to-fine.js";
import { agentDefinition } from "../../agents/index.js";
import { Space } from "../../src/core/space.js";
import type { Candidate, Trial } from "../../src/core/trial.js";
import { initBackend } from "../../src/tensors/backend.js";

const values = Array.from({ length: 33 }, (_, i) => i + 1);
const space = new Space({
  name: "lines",
  knobs: ["a", "b", "c", "d"].map((name) => ({ name, values })),
});
const coarse = coarseSpace(space, 6);
const evaluate = (candidate: Candidate, trial: number): Trial => ({
  trial,
  candidate,
  reward: -Object.values(candidate).reduce<number>((sum, value, i) => sum + Math.abs((value as number) - 9 * i), 0),
});

describe("going on with all levels", () => {
  beforeAll(async () => {
    await initBackend("wasm");
  });

  it("finds each point again by its values", async () => {
    const definition = agentDefinition("ppo");
    const agent = await definition.create(coarse, definition.resolveOptions({}), 1);
    const seen = new Set<string>();
    for (let batch = 0; batch < 4; batch++) {
      const candidates = await agent.propose(16);
      for (const candidate of candidates) seen.add(JSON.stringify(candidate));
      await agent.observe(candidates.map((candidate, i) => evaluate(candidate, 16 * batch + i)));
    }
    const prior = { agentName: "ppo", space: coarse, state: await agent.state(), trials: [] };
    const carried = carriedTrials(prior, space)!;
    expect(carried.points.length).toBeGreaterThan(64);
    for (const codes of carried.points) expect(seen.has(JSON.stringify(space.decode(codes)))).toBe(true);
    expect(carriedTrials({ ...prior, space }, coarse)).toBeUndefined(); // values without a counterpart
    expect(carriedTrials({ ...prior, state: undefined }, space)).toBeUndefined();
    agent.dispose();
  });

  it("tries no design twice, and does not fall behind what was found", async () => {
    const definition = agentDefinition("ppo");
    const agent = await definition.create(space, definition.resolveOptions({ coarseLevels: 6, coarseTrials: 128 }), 1);
    const rewards: number[] = [];
    const seen = new Set<string>();
    for (let batch = 0; batch < 16; batch++) {
      const candidates = await agent.propose(16);
      for (const candidate of candidates) seen.add(JSON.stringify(candidate));
      const trials = candidates.map((candidate, i) => evaluate(candidate, 16 * batch + i));
      rewards.push(...trials.map(({ reward }) => reward));
      await agent.observe(trials);
    }
    expect(seen.size).toBe(256);
    const mean = (list: readonly number[]) => list.reduce((sum, reward) => sum + reward, 0) / list.length;
    expect(mean(rewards.slice(128, 160))).toBeGreaterThan(mean(rewards.slice(0, 128))); // its first batches with all levels
    expect(Math.max(...rewards)).toBeGreaterThan(Math.max(...rewards.slice(0, 128)));
    agent.dispose();
  });
});
