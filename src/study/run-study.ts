import type { Observable } from "rxjs";
import type { RunEvent } from "./events.js";
import type { StudyPlan } from "./plan.js";
import type { RunFolder } from "./run-folder.js";

/** Something that follows a run. */
export interface RunListener {
  readonly name: string;
  next(event: RunEvent): void;
  /** the run failed; called at most once, after which nothing follows */
  error?(error: unknown): void;
  /** the run ended */
  complete?(): void;
}

export interface RunOptions {
  /** ends the run after the trial under way, resumable */
  readonly signal?: AbortSignal;
  /** attached before the first event; one that throws is taken off and reported, the run goes on */
  readonly listeners?: readonly RunListener[];
  /** told once about each listener that threw */
  readonly onListenerError?: (listener: string, error: unknown) => void;
}

/** Runs (or continues, when the folder holds trials) a study; starts with the first subscription, one shared stream. */
export declare function runStudy(plan: StudyPlan, folder: RunFolder, options?: RunOptions): Observable<RunEvent>;
