// What a run tells its listeners: one stream of events, in the order things happen, the same for equal runs.
// Wall times are not in it (they would differ between equal runs); a listener that needs them takes a clock.
import type { Diagnostics, PolicyProbabilities } from "../core/agent.js";
import type { Candidate, Metrics, Trial } from "../core/trial.js";

/** The document that `run --json` and `resume --json` print. */
export interface RunSummary {
  readonly runId: string;
  readonly runFolder: string;
  /** `exhausted`: the agent had no candidate left before the budget was spent */
  readonly status: "finished" | "exhausted" | "interrupted";
  readonly trialCount: number;
  readonly feasibleCount: number;
  /** trials whose candidate appeared earlier in the run */
  readonly cacheHitCount: number;
  /** time spent running, all sessions of a resumed run together */
  readonly wallSeconds: number;
  /** the best feasible trial, or the best infeasible one when there is none; null before the first trial */
  readonly best: BestTrial | null;
}

export interface BestTrial {
  readonly trial: number;
  readonly reward: number;
  readonly feasible: boolean;
  readonly candidate: Candidate;
  /** null for a design that could not be built */
  readonly metrics: Metrics | null;
}

/** What is known about a run when it starts or goes on. */
export interface RunHead {
  readonly runId: string;
  readonly runFolder: string;
  readonly studyName: string;
  readonly agentName: string;
  readonly seed: number;
  /** budget */
  readonly trials: number;
  readonly batchSize: number;
}

export type RunEvent =
  | { readonly kind: "started"; readonly run: RunHead }
  | {
      readonly kind: "resumed";
      readonly run: RunHead;
      /** file name of the checkpoint that was restored; null when the run is made again from trial 0 */
      readonly checkpoint: string | null;
      /** the trials up to the checkpoint, which are not emitted again */
      readonly restored: readonly Trial[];
      /** trials in the folder; those after the checkpoint are emitted again, from the record */
      readonly recordedCount: number;
      /** what had to be repaired, in plain words; empty as a rule */
      readonly notes: readonly string[];
    }
  | {
      readonly kind: "trial";
      readonly trial: Trial;
      /** the candidate appeared earlier in the run */
      readonly cached: boolean;
      /** taken from the record of the session before, not evaluated now */
      readonly recorded: boolean;
    }
  | {
      readonly kind: "update";
      readonly trialCount: number;
      readonly diagnostics: Diagnostics;
      /** what the agent's policy would draw, as recorded in policy.jsonl; absent where no line is due or no policy is */
      readonly policy?: PolicyProbabilities;
    }
  | { readonly kind: "checkpoint"; readonly trialCount: number; readonly file: string }
  | { readonly kind: "finished"; readonly summary: RunSummary }
  | { readonly kind: "interrupted"; readonly summary: RunSummary; readonly resumeCommand: string };
