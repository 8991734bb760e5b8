// From a resolved study to a run that can start: environment, agent, evaluator, reward, backend. The only place that knows
// how the rooms fit together; the command line, the library and the experiments all come through here.
import { agentDefinition } from "../agents/index.js";
import { rewardAxes, scoreFunction } from "../envs/reward.js";
import type { Environment, Evaluator } from "../src/core/environment.js";
import type { Axis } from "../src/core/pareto.js";
import { inProcessEvaluator } from "../src/study/evaluators.js";
import type { StudyPlan } from "../src/study/plan.js";
import { tensorBackend } from "./create-plan.js";
import { startFrom } from "./init-from.js";
import { packageVersion } from "./package-version.js";
import { codesignOptions, environmentOf, type ResolvedStudy } from "./resolve-study.js";

export interface ComposedStudy {
  readonly study: ResolvedStudy;
  readonly plan: StudyPlan;
  readonly environment: Environment;
  /** the metrics that the reward weighs, for Pareto fronts */
  readonly axes: readonly Axis[];
  /** what the user should know, e.g. about the tensor backend */
  readonly notes: readonly string[];
  /** frees the agent, the evaluator and the worker threads */
  dispose(): Promise<void>;
}

export interface ComposeOptions {
  /** instead of the study's; the results do not depend on it */
  readonly workers?: number | undefined;
  /** a larger or smaller budget than the study's */
  readonly trials?: number | undefined;
  /** tensor backend of the run that is continued */
  readonly backend?: string | undefined;
}

/** @throws CosearchError BACKEND_UNAVAILABLE, and what agents and environments throw when they are built */
export async function composeStudy(study: ResolvedStudy, options: ComposeOptions = {}): Promise<ComposedStudy> {
  const environment = environmentOf(study);
  const space = environment.space.fix(study.fix);
  const backend = await tensorBackend(study.agent.name, options.backend ?? study.backend);
  const agent = await agentDefinition(study.agent.name).create(space, study.agent.options, study.seed);
  const warmNotes = study.initFrom === undefined ? [] : [await startFrom(agent, study.initFrom)];
  const evaluator = await evaluatorOf(study, environment, options.workers ?? study.workers);
  const plan: StudyPlan = {
    study,
    studyName: study.name,
    agentName: study.agent.name,
    seed: study.seed,
    backend: backend.name,
    versions: { cosearch: packageVersion(), node: process.versions.node, ...backend.versions },
    space,
    agent,
    evaluator,
    score: scoreFunction(study.reward, study.limits, environment.metricNames),
    batchSize: study.budget.batch,
    trials: options.trials ?? study.budget.trials,
    checkpointEvery: study.checkpoint.every,
    keepCheckpoints: study.checkpoint.keep,
  };
  return {
    study,
    plan,
    environment,
    axes: rewardAxes(study.reward),
    notes: [...backend.notes, ...warmNotes],
    async dispose() {
      agent.dispose();
      await evaluator.dispose();
    },
  };
}

async function evaluatorOf(study: ResolvedStudy, environment: Environment, workers: number): Promise<Evaluator> {
  if (workers === 0 || study.sizing !== undefined) return inProcessEvaluator(environment);
  const { workerEvaluator } = await import("../src/study/worker-evaluator.js");
  return workerEvaluator({
    workers,
    module: new URL("../envs/evaluation-worker.js", import.meta.url),
    options: codesignOptions(study),
  });
}
