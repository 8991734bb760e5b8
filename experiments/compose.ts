// From a resolved study to a run that can start: environment, agent, evaluator, reward, backend. The only place that knows
// how the rooms fit together; the command line, the library and the experiments all come through here.
import { agentDefinition } from "../agents/index.js";
import { accuracyUsesTensors } from "../envs/accuracy/proxy.js";
import { rewardAxes, scoreFunction } from "../envs/reward.js";
import type { Environment, Evaluator } from "../src/core/environment.js";
import { CosearchError } from "../src/core/errors.js";
import type { Axis } from "../src/core/pareto.js";
import { inProcessEvaluator } from "../src/study/evaluators.js";
import type { StudyPlan } from "../src/study/plan.js";
import { type TensorBackend, tensorBackend } from "./create-plan.js";
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
  /** that of the run that is continued, "none" included */
  readonly backend?: string | undefined;
  /** a checkpoint holds what the agent knows: the earlier run that it began with is not read, and may be gone */
  readonly hasCheckpoint?: boolean;
}

/** @throws CosearchError BACKEND_UNAVAILABLE, and what agents and environments throw when they are built */
export async function composeStudy(study: ResolvedStudy, options: ComposeOptions = {}): Promise<ComposedStudy> {
  const environment = environmentOf(study);
  const space = environment.space.fix(study.fix);
  const backend = await backendOf(study, options);
  const agent = await agentDefinition(study.agent.name).create(space, study.agent.options, study.seed);
  const isCold = study.initFrom === undefined || options.hasCheckpoint === true;
  const warmNotes = isCold ? [] : [await startFrom(agent, study.initFrom)];
  const evaluator = await evaluatorOf(study, environment, options.workers ?? study.workers, backend.name);
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

const estimatesWithTensors = ({ sizing, accuracy }: ResolvedStudy): boolean =>
  sizing === undefined && accuracyUsesTensors(accuracy.proxy);

/** For the agent and for estimates of accuracy alike, so that a run has one. */
async function backendOf(study: ResolvedStudy, { backend }: ComposeOptions): Promise<TensorBackend> {
  try {
    const usesTensors = agentDefinition(study.agent.name).usesTensors || estimatesWithTensors(study);
    return await tensorBackend(usesTensors, backend ?? study.backend);
  } catch (error) {
    if (backend === undefined || !(error instanceof CosearchError)) throw error;
    const choice =
      "A run goes on with the backend it began with; on another one start a new run, with --init-from this one";
    throw new CosearchError(error.code, `${error.message}. ${choice} to keep what it learnt`, { cause: error });
  }
}

/** In worker threads where the study wants some; estimates on the native tensor library stay in this thread, because its addon
 *  shares state between threads without a lock, and spreads one training over the cores by itself. */
async function evaluatorOf(
  study: ResolvedStudy,
  environment: Environment,
  workers: number,
  backend: string,
): Promise<Evaluator> {
  const staysHere = study.sizing !== undefined || (backend === "native" && estimatesWithTensors(study));
  if (workers === 0 || staysHere) {
    return inProcessEvaluator(environment);
  }
  const { workerEvaluator } = await import("../src/study/worker-evaluator.js");
  return workerEvaluator({
    workers,
    module: new URL("../envs/evaluation-worker.js", import.meta.url),
    options: { ...codesignOptions(study), backend },
  });
}
