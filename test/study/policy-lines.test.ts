import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lastValueFrom, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../src/study/events.js";
import { isPolicyDue, policiesIn, roundedPolicy } from "../../src/study/policy-lines.js";
import { createRunFolder, openRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { policiesOf } from "../../src/track/run-reader.js";
import { tempRoot } from "./temp-root.js";
import { DriftingAgent, tickingClock, toyPlan, toySpace } from "./toy.js";

async function toyRun(trials: number, agent = new DriftingAgent(toySpace, 1)) {
  const plan = toyPlan({ trials, agent });
  const folder = createRunFolder(tempRoot(), plan, tickingClock());
  const events = await lastValueFrom(runStudy(plan, folder).pipe(toArray()));
  return { path: folder.path, events };
}

const isUpdate = (event: RunEvent): event is Extract<RunEvent, { kind: "update" }> => event.kind === "update";

describe("policy.jsonl", () => {
  it("has a line per update, the same as its event, every list summing to 1", async () => {
    const { path, events } = await toyRun(64);
    const records = [...policiesOf(path)];
    expect(records.map(({ trialCount }) => trialCount)).toEqual([16, 32, 48, 64]);
    expect(records).toEqual(events.filter(isUpdate).map(({ trialCount, policy }) => ({ trialCount, policy })));
    for (const { policy } of records) {
      expect(Object.keys(policy)).toEqual(toySpace.knobs.map(({ name }) => name));
      for (const list of Object.values(policy)) expect(list.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 3);
    }
  });

  it("stays empty for an agent without a policy", async () => {
    const silent = new DriftingAgent(toySpace, 1);
    Object.defineProperty(silent, "policy", { value: undefined });
    const { path, events } = await toyRun(32, silent);
    expect(readFileSync(join(path, "policy.jsonl"), "utf8")).toBe("");
    for (const event of events.filter(isUpdate)) expect(event).not.toHaveProperty("policy");
  });

  it("of a run that was begun before there was one begins where that is resumed", async () => {
    const { path } = await toyRun(64);
    const name = "checkpoint-000000064.json";
    const [, content] = readFileSync(join(path, "checkpoints", name), "utf8").split("\n");
    const { policyBytes, ...older } = JSON.parse(content!) as Record<string, unknown>;
    expect(policyBytes).toBeGreaterThan(0);
    const text = JSON.stringify(older);
    const { createHash } = await import("node:crypto");
    const sha256 = createHash("sha256").update(text).digest("hex");
    writeFileSync(join(path, "checkpoints", name), `${JSON.stringify({ format: 1, sha256 })}\n${text}\n`);
    writeFileSync(join(path, "policy.jsonl"), "");
    const folder = openRunFolder(path, tickingClock());
    const events = await lastValueFrom(runStudy(toyPlan({ trials: 96 }), folder).pipe(toArray()));
    expect(events[0]).toMatchObject({ kind: "resumed", checkpoint: name });
    expect([...policiesOf(path)].map(({ trialCount }) => trialCount)).toEqual([80, 96]);
  });

  it("keeps the lines of a long run few: all at first, then one in each 256th of the trials", () => {
    const kept: number[] = [];
    for (let trials = 16; trials <= 100_000; trials += 16) {
      if (isPolicyDue(trials, kept.at(-1) ?? 0)) kept.push(trials);
    }
    expect(kept.slice(0, 256)).toEqual(Array.from({ length: 256 }, (_, i) => 16 * (i + 1))); // 16 = 4,096 / 256
    expect(kept.length).toBeGreaterThan(900);
    expect(kept.length).toBeLessThan(1100); // 256 + 256 ln(100,000 / 4,096) = 1,074
  });

  it("rounds to four digits and ends at a line that is none", () => {
    expect(roundedPolicy({ x: [1 / 3, 2 / 3] })).toEqual({ x: [0.3333, 0.6667] });
    const file = join(tempRoot(), "policy.jsonl");
    writeFileSync(file, '{"trialCount":1,"policy":{"x":[1]}}\nnonsense\n{"trialCount":2,"policy":{"x":[1]}}\n');
    expect([...policiesIn(file)]).toEqual([{ trialCount: 1, policy: { x: [1] } }]);
    expect(existsSync(`${file}.missing`)).toBe(false);
    expect([...policiesIn(`${file}.missing`)]).toEqual([]);
  });
});
