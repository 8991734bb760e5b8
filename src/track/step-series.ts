// The curves of a run: one step for each update of the agent, its number the trials made so far. Every step comes once per
// session, in order; a resumed session first gives the steps up to its checkpoint again, from the record, so that a
// tracker that has lost some, or was not there before, can fill them in.

import { join } from "node:path";
import type { PolicyProbabilities } from "../core/agent.js";
import { betterTrial, isFeasible, type Trial } from "../core/trial.js";
import { readLines } from "../study/durable.js";
import type { RunEvent } from "../study/events.js";
import { type Clock, TIMES_FILE } from "../study/run-folder.js";
import { policiesOf, updatesOf } from "./run-reader.js";

/** All numbers that are known after an update. */
export interface Step {
  /** trials made so far: the step's number */
  readonly trialCount: number;
  /** when it was made, milliseconds since 1970 */
  readonly wallMs: number;
  /** the agent's and the search's diagnostics (agents/README.md), `batch/<metric>`, `best/<metric>`, `time/trials_per_second` */
  readonly scalars: Readonly<Record<string, number>>;
  /** the trials since the step before */
  readonly trials: readonly Trial[];
  /** what the agent's policy would draw, where a record of it is due */
  readonly policy: PolicyProbabilities | undefined;
}

export class StepSeries {
  readonly #clock: Clock;
  #madeMs: ReadonlyMap<number, number> = new Map();
  #batch: Trial[] = [];
  #best: Trial | undefined;
  /** when the step before was made, if it was made in this session */
  #beforeMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns the steps that the event completes: none, one, or, when a run goes on, those that were made before */
  hear(event: RunEvent): Step[] {
    if (event.kind === "started") this.#beforeMs = this.#clock();
    if (event.kind === "resumed") return this.#recorded(event.run.runFolder, event.restored);
    if (event.kind === "trial") this.#add(event.trial);
    return event.kind === "update" ? [this.#step(event.trialCount, event.diagnostics, event.policy)] : [];
  }

  #recorded(runFolder: string, restored: readonly Trial[]): Step[] {
    this.#madeMs = wallTimes(join(runFolder, TIMES_FILE));
    const policies = new Map([...policiesOf(runFolder)].map(({ trialCount, policy }) => [trialCount, policy]));
    const steps: Step[] = [];
    let next = 0;
    for (const { trialCount, diagnostics } of updatesOf(runFolder)) {
      if (trialCount > restored.length) break;
      for (; next < trialCount; next++) this.#add(restored[next]!);
      steps.push(this.#step(trialCount, diagnostics, policies.get(trialCount)));
    }
    this.#beforeMs = this.#clock();
    return steps;
  }

  #add(trial: Trial): void {
    this.#batch.push(trial);
    if (isFeasible(trial)) this.#best = betterTrial(this.#best, trial);
  }

  #step(
    trialCount: number,
    diagnostics: Readonly<Record<string, number>>,
    policy: PolicyProbabilities | undefined,
  ): Step {
    const trials = this.#batch;
    this.#batch = [];
    const madeMs = this.#madeMs.get(trialCount);
    const wallMs = madeMs ?? this.#clock();
    const scalars: Record<string, number> = { ...diagnostics };
    for (const [name, value] of meansOf(trials)) scalars[`batch/${name}`] = value;
    for (const [name, value] of Object.entries(this.#best?.metrics ?? {})) scalars[`best/${name}`] = value;
    if (madeMs === undefined && this.#beforeMs !== undefined && wallMs > this.#beforeMs) {
      scalars["time/trials_per_second"] = (1000 * trials.length) / (wallMs - this.#beforeMs);
    }
    this.#beforeMs = madeMs === undefined ? wallMs : this.#clock();
    return { trialCount, wallMs, scalars, trials, policy };
  }
}

/** Mean of each metric over the trials that have it. */
function meansOf(trials: readonly Trial[]): Map<string, number> {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const { metrics = {} } of trials) {
    for (const [name, value] of Object.entries(metrics)) {
      const entry = sums.get(name);
      if (entry === undefined) sums.set(name, { sum: value, count: 1 });
      else {
        entry.sum += value;
        entry.count++;
      }
    }
  }
  return new Map([...sums].map(([name, { sum, count }]) => [name, sum / count]));
}

/** Trials made so far -> when, as times.jsonl tells. */
function wallTimes(file: string): Map<number, number> {
  const times = new Map<number, number>();
  for (const { text } of readLines(file)) {
    try {
      const { trialCount, at } = JSON.parse(text) as { trialCount?: unknown; at?: unknown };
      const ms = typeof at === "string" ? Date.parse(at) : Number.NaN;
      if (typeof trialCount === "number" && Number.isFinite(ms)) times.set(trialCount, ms);
    } catch {
      // a torn line
    }
  }
  return times;
}
