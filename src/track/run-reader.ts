// Reads a run folder, finished or not, also while another process writes it: for reports, lists and comparisons.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Diagnostics } from "../core/agent.js";
import { type Axis, paretoFront } from "../core/pareto.js";
import { betterTrial, isFeasible, type Trial } from "../core/trial.js";
import { readText } from "../files/documents.js";
import { readLines } from "../study/durable.js";
import type { RunSummary } from "../study/events.js";
import { type Manifest, readManifest } from "../study/manifest.js";
import { POLICY_FILE, type PolicyRecord, policiesIn } from "../study/policy-lines.js";
import { LOCK_FILE, SUMMARY_FILE, TIMES_FILE, UPDATES_FILE } from "../study/run-folder.js";
import { lockHolder } from "../study/run-lock.js";
import { summarize } from "../study/summary.js";
import { endOfTimes } from "../study/times.js";
import { readTrials, TRIALS_FILE } from "../study/trial-lines.js";

/** `stopped`: interrupted or killed, to be resumed */
export type RunStatus = "running" | "finished" | "exhausted" | "stopped";

/** What a run folder holds, without its trials. */
export interface RunRecord {
  readonly runFolder: string;
  readonly manifest: Manifest;
  readonly status: RunStatus;
  /** counted from the trials that are there; `status` as far as a summary can tell */
  readonly summary: RunSummary;
}

/** One update of the agent. */
export interface UpdateRecord {
  readonly trialCount: number;
  readonly diagnostics: Diagnostics;
}

/** Reads a run folder; the trials are streamed once to count them.
 *  @throws CosearchError RUN_NOT_FOUND, RUN_VERSION, RUN_DAMAGED */
export function readRun(runFolder: string): RunRecord {
  const manifest = readManifest(runFolder);
  const running = lockHolder(join(runFolder, LOCK_FILE)) !== undefined;
  const ended = endOf(runFolder);
  const status: RunStatus = running ? "running" : (ended ?? "stopped");
  let [trialCount, feasibleCount, cacheHitCount] = [0, 0, 0];
  let best: Trial | undefined;
  const seen = new Set<string>();
  for (const trial of trialsOf(runFolder)) {
    trialCount++;
    if (isFeasible(trial)) feasibleCount++;
    best = betterTrial(best, trial);
    const key = JSON.stringify(trial.candidate); // written in the space's order, so equal points have equal texts
    if (seen.has(key)) cacheHitCount++;
    seen.add(key);
  }
  const { wallSeconds } = endOfTimes(join(runFolder, TIMES_FILE));
  const summary = summarize({
    runId: manifest.runId,
    runFolder,
    status: ended ?? "interrupted",
    trialCount,
    feasibleCount,
    cacheHitCount,
    wallSeconds,
    best,
  });
  return { runFolder, manifest, status, summary };
}

/** The trials of a run, one at a time. @throws CosearchError RUN_DAMAGED */
export function* trialsOf(runFolder: string): Generator<Trial> {
  for (const { trial } of readTrials(join(runFolder, TRIALS_FILE))) yield trial;
}

/** The updates of a run, one at a time; ends at a line that cannot be read. */
export function* updatesOf(runFolder: string): Generator<UpdateRecord> {
  for (const { text } of readLines(join(runFolder, UPDATES_FILE))) {
    try {
      yield JSON.parse(text) as UpdateRecord;
    } catch {
      return;
    }
  }
}

/** What the run's policy would draw, over the run; nothing for an agent without a policy. */
export const policiesOf = (runFolder: string): Generator<PolicyRecord> => policiesIn(join(runFolder, POLICY_FILE));

/** The feasible trials that no other beats on every axis, best on the first axis first. */
export function frontOf(runFolder: string, axes: readonly Axis[]): Trial[] {
  return paretoFront(trialsOf(runFolder), axes);
}

function endOf(runFolder: string): "finished" | "exhausted" | undefined {
  const file = join(runFolder, SUMMARY_FILE);
  if (!existsSync(file)) return undefined;
  try {
    const { status } = JSON.parse(readText(file)) as RunSummary;
    return status === "exhausted" ? "exhausted" : "finished";
  } catch {
    return undefined;
  }
}
