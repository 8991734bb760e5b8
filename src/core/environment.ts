// What turns a candidate into metrics.
import type { Space } from "./space.js";
import type { Candidate, Evaluation } from "./trial.js";

/** Pure apart from its caches: the same candidate always gives the same evaluation. */
export interface Environment {
  readonly name: string;
  readonly space: Space;
  /** metrics that a measured evaluation holds */
  readonly metricNames: readonly string[];
  evaluate(candidate: Candidate): Evaluation | Promise<Evaluation>;
  dispose?(): void | Promise<void>;
}

/** Evaluates batches for a study: in process, in worker threads, or elsewhere. Results are in the candidates' order. */
export interface Evaluator {
  /** how many candidates can be under way at once */
  readonly concurrency: number;
  evaluate(candidate: Candidate): Promise<Evaluation>;
  dispose(): Promise<void>;
}
