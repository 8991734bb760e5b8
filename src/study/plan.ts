// Everything a run needs, composed elsewhere (a study file, or a program that uses cosearch as a library).
// Whoever composes the plan owns its parts: runStudy neither disposes the agent nor the evaluator.
import type { Agent } from "../core/agent.js";
import type { Evaluator } from "../core/environment.js";
import type { Space } from "../core/space.js";
import type { Candidate, Evaluation, Infeasible, Metrics } from "../core/trial.js";

/** What an evaluation is worth. */
export interface Score {
  readonly reward: number;
  /** metrics that the score adds to the evaluation's, e.g. a ratio to a target */
  readonly metrics?: Metrics;
  /** the limit that a measured design breaks; an infeasible evaluation keeps its own reason */
  readonly infeasible?: Infeasible;
}

/** A run, ready to start. */
export interface StudyPlan {
  /** the study document as resolved, JSON; written to the manifest and enough to compose the plan again */
  readonly study: unknown;
  readonly studyName: string;
  readonly agentName: string;
  readonly seed: number;
  /** tensor backend, or "none" */
  readonly backend: string;
  /** name -> version of what can move results (cosearch, node, tfjs) */
  readonly versions: Readonly<Record<string, string>>;
  readonly space: Space;
  /** fresh: just created, nothing proposed or restored */
  readonly agent: Agent;
  readonly evaluator: Evaluator;
  /** Pure: the same evaluation and candidate always give the same score, whose numbers are finite. */
  readonly score: (evaluation: Evaluation, candidate: Candidate) => Score;
  /** proposals per update */
  readonly batchSize: number;
  /** budget: trials in all, resumed ones included */
  readonly trials: number;
  /** batches between two checkpoints */
  readonly checkpointEvery: number;
  /** checkpoints that stay in the folder, at least 1 */
  readonly keepCheckpoints: number;
}
