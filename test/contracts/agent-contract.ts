// What every registered agent has to do, whatever it learns: run over all of them by test/agents/contract.test.ts.
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Agent, AgentDefinition, Diagnostics, StateTree } from "../../src/core/agent.js";
import { Space } from "../../src/core/space.js";
import { decodeState, encodeState } from "../../src/core/state-codec.js";
import { type Candidate, type Trial, violationOf } from "../../src/core/trial.js";
import { initBackend } from "../../src/tensors/backend.js";

export interface AgentContract {
  /** repeats: a policy that settles on the best design; finds: a search that never needs to propose it twice;
   *  or why it does not learn */
  readonly learns: "repeats" | "finds" | { readonly reason: string };
  /** why 400 trials are too few for it to come within the limits of twenty knobs */
  readonly slow?: string;
  /** for tests only; the defaults otherwise */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Ordered knobs, a category, a knob that leaves no choice, and two that count only under a condition. */
export const conditionalSpace = new Space({
  name: "conditional",
  knobs: [
    { name: "network/depth", values: [1, 2, 3] },
    { name: "network/kind", values: ["plain", "fused", "grouped"] },
    { name: "network/groups", values: [2, 4, 8], when: { "network/kind": ["grouped"] } },
    { name: "accelerator/pes", values: [1, 2, 4, 8, 16] },
    { name: "accelerator/clock", values: [800] },
    { name: "accelerator/tile", values: ["a", "b"], when: { "network/groups": [4, 8] } },
    { name: "free", values: [false, true] },
  ],
});

/** The same without grouped on many elements, and with the limit on depth x elements as a rule. */
export const ruledSpace = new Space({
  ...conditionalSpace.toData(),
  name: "ruled",
  rules: [
    { forbid: { "network/kind": ["grouped"], "accelerator/pes": [8, 16] } },
    { product: ["network/depth", "accelerator/pes"], atMost: 16 },
  ],
});

/** Feasible while depth x pes <= 16. The best reward is 13: grouped, 8 groups (2), tile b (4), free (2), and depth + log2(pes)
 *  = 5, which 1 with 16, 2 with 8 and 3 with 4 reach. */
export function evaluateConditional(candidate: Candidate, trial: number): Trial {
  const depth = candidate["network/depth"] as number;
  const pes = candidate["accelerator/pes"] as number;
  const load = depth * pes;
  const reward =
    depth +
    ((candidate["network/groups"] as number | undefined) ?? 0) / 4 +
    Math.log2(pes) +
    (candidate["accelerator/tile"] === "b" ? 4 : 0) +
    (candidate.free === true ? 2 : 0);
  if (load <= 16) return { trial, candidate, reward };
  const violations = [{ subject: "load", needed: load, available: 16, unit: "" }];
  return { trial, candidate, reward: reward - 10, infeasible: { code: "limit", reason: "too much load", violations } };
}

/** Twenty ordered knobs of ten levels. */
export const ladderSpace = new Space({
  name: "ladder",
  knobs: Array.from({ length: 20 }, (_, i) => ({ name: `step${i}`, values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] })),
});

/** All levels together may cost 60; knobs 0 to 3 bring 1 a level, the others a quarter. The best is 36 + 24 / 4 = 42. Random
 *  candidates cost 90 on average (standard deviation 13), 0.5 above the limit. */
export function evaluateLadder(candidate: Candidate, trial: number): Trial {
  const levels = ladderSpace.knobs.map(({ name }) => candidate[name] as number);
  const cost = levels.reduce((sum, level) => sum + level, 0);
  const reward = levels.reduce((sum, level, i) => sum + (i < 4 ? level : level / 4), 0);
  if (cost <= 60) return { trial, candidate, reward };
  const violations = [{ subject: "cost", needed: cost, available: 60, unit: "" }];
  return { trial, candidate, reward: -cost, infeasible: { code: "limit", reason: "too costly", violations } };
}

/** Mean violation of the last 100 of 400 trials, in batches of 8. Random candidates: 90 / 60 - 1 = 0.5. */
async function violationOnLadder(agent: Agent): Promise<number> {
  const all: Trial[] = [];
  while (all.length < 400) {
    const trials = (await agent.propose(8)).map((candidate, i) => evaluateLadder(candidate, all.length + i));
    all.push(...trials);
    await agent.observe(trials);
  }
  return all.slice(-100).reduce((sum, { infeasible }) => sum + violationOf(infeasible), 0) / 100;
}

export function agentContract(definition: AgentDefinition, contract: AgentContract): void {
  const given = contract.options === undefined ? "" : ` with ${JSON.stringify(contract.options)}`;
  describe(`agent ${definition.name}${given}`, () => {
    const options = definition.resolveOptions(contract.options ?? {});
    const batch = 6;
    const agents: Agent[] = [];
    const create = async (seed: number, space = conditionalSpace) => {
      const agent = await definition.create(space, options, seed);
      agents.push(agent);
      return agent;
    };
    beforeAll(async () => {
      await initBackend("wasm");
    });
    afterAll(() => {
      for (const agent of agents) agent.dispose();
    });

    it("names itself and proposes a whole number of candidates per update", async () => {
      expect((await create(1)).name).toBe(definition.name);
      expect(Number.isInteger(definition.batchSize(options))).toBe(true);
      expect(definition.batchSize(options)).toBeGreaterThan(0);
    });

    it("proposes as many candidates as asked, each a point of the space", async () => {
      const agent = await create(2);
      for (const count of [1, 7, 64]) {
        const candidates = await agent.propose(count);
        expect(candidates).toHaveLength(count);
        for (const candidate of candidates) expect(conditionalSpace.contains(candidate)).toBe(true);
        await agent.observe(candidates.map(evaluateConditional));
      }
    });

    it("never proposes what the space's rules forbid", async () => {
      const agent = await create(14, ruledSpace);
      for (let update = 0; update < 6; update++) {
        const candidates = await agent.propose(12);
        for (const candidate of candidates)
          expect(ruledSpace.contains(candidate), JSON.stringify(candidate)).toBe(true);
        await agent.observe(candidates.map(evaluateConditional));
      }
    });

    it("repeats itself under the same seed and differs under another", async () => {
      const [first, same, other] = [await create(3), await create(3), await create(4)];
      const trace = await runUpdates(first, 5, batch);
      expect(await runUpdates(same, 5, batch)).toEqual(trace);
      expect(await runUpdates(other, 5, batch)).not.toEqual(trace);
    });

    it.each([0, 1, 3, 8])("continues bit for bit from its state after %i updates", async (updates) => {
      const whole = await create(5);
      await runUpdates(whole, updates, batch);
      const json = JSON.stringify(encodeState(await whole.state()));
      const resumed = await create(99);
      await runUpdates(resumed, 2, batch); // whatever it did before must not matter
      await resumed.restore(decodeState(JSON.parse(json)));
      expect(JSON.stringify(encodeState(await resumed.state()))).toBe(json);
      expect(await runUpdates(resumed, 4, batch)).toEqual(await runUpdates(whole, 4, batch));
      expect(encodeState(await resumed.state())).toEqual(encodeState(await whole.state()));
    });

    it("refuses the state of another agent or of another space", async () => {
      const agent = await create(6);
      const other = new Space({ name: "other", knobs: [{ name: "x", values: [1, 2] }] });
      const foreign = await (await create(6, other)).state();
      await expect(async () => agent.restore(foreign)).rejects.toMatchObject({ code: "AGENT_BAD_STATE" });
      const state = (await agent.state()) as Record<string, StateTree>;
      await expect(async () => agent.restore({ ...state, agent: "nobody" })).rejects.toMatchObject({
        code: "AGENT_BAD_STATE",
      });
      await expect(async () => agent.restore(null)).rejects.toMatchObject({ code: "AGENT_BAD_STATE" });
    });

    it("stops at a reward that is no number, and nothing has changed", async () => {
      const agent = await create(7);
      await runUpdates(agent, 3, batch);
      const proposed = await agent.propose(batch);
      const before = encodeState(await agent.state());
      const trials = proposed.map(evaluateConditional);
      for (const reward of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const poisoned = [{ ...trials[0]!, reward }, ...trials.slice(1)];
        await expect(async () => agent.observe(poisoned)).rejects.toMatchObject({ code: "AGENT_DIVERGED" });
        expect(encodeState(await agent.state())).toEqual(before);
      }
    });

    it("reports and keeps only finite numbers, equal rewards and a batch of one included", async () => {
      const agent = await create(8);
      const flat = (candidate: Candidate, i: number): Trial => ({ ...evaluateConditional(candidate, i), reward: 1 });
      for (const [count, evaluate] of [
        [1, evaluateConditional],
        [batch, flat],
        [1, flat],
        [batch, evaluateConditional],
      ] as const) {
        const diagnostics = await agent.observe((await agent.propose(count)).map(evaluate));
        for (const [name, value] of Object.entries(diagnostics)) expect(value, name).toSatisfy(Number.isFinite);
        for (const value of numbersOf(await agent.state())) expect(value).toSatisfy(Number.isFinite);
      }
    });

    it("keeps its number of tensors, update after update", async () => {
      const agent = await create(10);
      await runUpdates(agent, 5, 8); // past a change of phase, where the contract's options set one this early
      const before = tf.memory().numTensors;
      await runUpdates(agent, 5, 8);
      expect(tf.memory().numTensors).toBe(before);
    });

    it("tells its policy's probabilities, where it has one, as lists over the values of the knobs that summed to 1", async () => {
      const agent = await create(9);
      expect(agent.policy?.()).toBeUndefined();
      await runUpdates(agent, 2, 24);
      for (const [name, probabilities] of Object.entries(agent.policy?.() ?? {})) {
        expect(probabilities).toHaveLength(conditionalSpace.knobs[conditionalSpace.indexOf(name)]!.values.length);
        expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
        expect(Math.min(...probabilities)).toBeGreaterThanOrEqual(0);
      }
    });

    it.runIf(contract.learns === "repeats")(
      "finds the best design of a small space and proposes it again",
      async () => {
        for (const seed of [11, 12, 13]) {
          const trace = await runUpdates(await create(seed), Math.ceil(400 / batch), batch);
          const lastRewards = trace.slice(-5).flatMap(({ rewards }) => rewards);
          expect(Math.max(...lastRewards)).toBe(13);
          const share = lastRewards.filter((reward) => reward === 13).length / lastRewards.length;
          expect(share).toBeGreaterThan(0.2); // uniform sampling: 1/3 (kind) * 1/3 (groups) * 1/2 (tile) * 1/2 (free) * 3/15 = 1/180
        }
      },
    );

    it.runIf(contract.learns === "finds")("finds the best design of a small space", async () => {
      for (const seed of [11, 12, 13]) {
        const trace = await runUpdates(await create(seed), Math.ceil(400 / batch), batch);
        expect(Math.max(...trace.flatMap(({ rewards }) => rewards))).toBe(13);
      }
    });

    it.runIf(typeof contract.learns === "string" && contract.slow === undefined)(
      "comes within limits that random candidates break by half",
      async () => {
        for (const seed of [21, 22]) expect(await violationOnLadder(await create(seed, ladderSpace))).toBeLessThan(0.2);
      },
    );

    it.runIf(definition.name === "random")("stays as far outside the limits, as the control", async () => {
      for (const seed of [21, 22])
        expect(await violationOnLadder(await create(seed, ladderSpace))).toBeGreaterThan(0.4);
    });

    it("starts from the best designs of an earlier run", async () => {
      const best = evaluateConditional(bestConditional, 7);
      const agent = await create(31);
      const report = await agent.warmStart!({ agentName: "somebody", space: conditionalSpace, trials: [best] });
      expect(report.fresh).toEqual([]);
      const state = encodeState(await agent.state());
      const resumed = await create(32);
      await resumed.restore(decodeState(JSON.parse(JSON.stringify(state))));
      expect(await agent.propose(4)).toContainEqual(bestConditional);
      expect(await resumed.propose(4)).toContainEqual(bestConditional);
    });
  });
}

/** One of the three best points. */
const bestConditional: Candidate = {
  "network/depth": 3,
  "network/kind": "grouped",
  "network/groups": 8,
  "accelerator/pes": 4,
  "accelerator/clock": 800,
  "accelerator/tile": "b",
  free: true,
};

interface Update {
  readonly candidates: readonly Candidate[];
  readonly rewards: readonly number[];
  readonly diagnostics: Diagnostics;
}

async function runUpdates(agent: Agent, updates: number, batch: number): Promise<Update[]> {
  const trace: Update[] = [];
  for (let i = 0; i < updates; i++) {
    const candidates = await agent.propose(batch);
    const trials = candidates.map((candidate, j) => evaluateConditional(candidate, i * batch + j));
    trace.push({ candidates, rewards: trials.map(({ reward }) => reward), diagnostics: await agent.observe(trials) });
  }
  return trace;
}

function numbersOf(tree: StateTree | undefined): number[] {
  if (typeof tree === "number") return [tree];
  if (tree === null || typeof tree !== "object") return [];
  if (ArrayBuffer.isView(tree)) return Array.from(tree as Float32Array);
  return Object.values(tree as Record<string, StateTree>).flatMap(numbersOf);
}
