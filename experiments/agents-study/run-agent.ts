// One agent on one task: the best feasible reward after every so many trials, and what the agent's own time was.
import { agentDefinition } from "../../agents/index.js";
import { isFeasible, type Trial } from "../../src/core/trial.js";
import type { Task } from "./tasks.js";

export interface AgentRun {
  readonly task: string;
  readonly agent: string;
  readonly seed: number;
  /** trials -> best feasible reward; null before the first feasible design */
  readonly bestAt: Readonly<Record<number, number | null>>;
  /** the same on a grid that is even in the logarithm, for curves: [trials, best] */
  readonly curve: readonly (readonly [number, number | null])[];
  /** mean over the trials of the best feasible reward so far, from the first feasible one on */
  readonly area: number | null;
  readonly firstFeasible: number | null;
  readonly duplicateRate: number;
  /** milliseconds of proposing and observing, per trial */
  readonly agentMsPerTrial: number;
}

/** `name` or `name{json options}`. */
export function parseAgent(text: string): { readonly name: string; readonly options: Record<string, unknown> } {
  const brace = text.indexOf("{");
  if (brace < 0) return { name: text, options: {} };
  return { name: text.slice(0, brace), options: JSON.parse(text.slice(brace)) as Record<string, unknown> };
}

/** @param marks rising; the last one is the budget  @param clock milliseconds */
export async function runAgent(
  task: Task,
  agentText: string,
  seed: number,
  marks: readonly number[],
  clock: () => number,
): Promise<AgentRun> {
  const { name, options } = parseAgent(agentText);
  const definition = agentDefinition(name);
  const given = definition.resolveOptions(options);
  const agent = await definition.create(task.space, given, seed);
  const size = definition.batchSize(given);
  const budget = marks.at(-1)!;
  const seen = new Set<string>();
  const bestAt: Record<number, number | null> = {};
  const curveAt = new Set(curveTrials(budget));
  const curve: [number, number | null][] = [];
  let best: number | null = null;
  let firstFeasible: number | null = null;
  let areaSum = 0;
  let areaCount = 0;
  let agentMs = 0;
  let done = 0;
  while (done < budget) {
    const begin = clock();
    const candidates = await agent.propose(Math.min(size, budget - done));
    agentMs += clock() - begin;
    if (candidates.length === 0) break;
    const trials: Trial[] = [];
    for (const candidate of candidates) {
      seen.add(JSON.stringify(candidate));
      const trial = { ...(await task.evaluate(candidate, done)), trial: done, candidate };
      done++;
      trials.push(trial);
      if (isFeasible(trial)) {
        firstFeasible ??= done;
        best = Math.max(best ?? trial.reward, trial.reward);
      }
      if (best !== null) {
        areaSum += best;
        areaCount++;
      }
      if (marks.includes(done)) bestAt[done] = best;
      if (curveAt.has(done)) curve.push([done, best]);
    }
    const before = clock();
    await agent.observe(trials);
    agentMs += clock() - before;
  }
  for (const mark of marks) if (!(mark in bestAt)) bestAt[mark] = best; // the space was exhausted
  agent.dispose();
  return {
    task: task.name,
    agent: agentText,
    seed,
    bestAt,
    curve,
    area: areaCount === 0 ? null : areaSum / areaCount,
    firstFeasible,
    duplicateRate: 1 - seen.size / Math.max(1, done),
    agentMsPerTrial: agentMs / Math.max(1, done),
  };
}

/** 10, then about 12 % more each time, the budget last. */
export function curveTrials(budget: number): number[] {
  const trials: number[] = [];
  for (let at = 10; at < budget; at = Math.max(at + 1, Math.round(at * 1.12))) trials.push(at);
  return [...trials, budget];
}
