// The library: what `import { ... } from "cosearch"` gives. Spaces, trials, agents and environments are interfaces that a
// program can implement itself; runs, rewards and reports work with any of them. Tensors load when an agent needs them.

export { agentDefinition, agentDefinitions } from "../agents/index.js";
// Networks, accelerators, deployments, and what one costs on the other
export {
  type Accelerator,
  type AcceleratorFile,
  acceleratorNames,
  loadAccelerator,
} from "../envs/accelerator/architecture.js";
export type { AccuracyEstimate, AccuracyProxy } from "../envs/accuracy/estimate.js";
export { accuracyProxy, accuracyProxyNames } from "../envs/accuracy/proxy.js";
export {
  type CodesignEnvironment,
  type CodesignOptions,
  createCodesignEnvironment,
  type DesignReport,
} from "../envs/codesign-env.js";
export { type Deployment, defaultDeployment } from "../envs/deployment/deployment.js";
export type { Network } from "../envs/network/ir.js";
export { buildNetwork, loadNetwork, type NetworkFile, networkNames } from "../envs/network/network-file.js";
export { type Limits, limitsSchema, type RewardSpec, rewardSchema, scoreFunction } from "../envs/reward.js";
export { loadSpaceFile, type SpaceFile, spaceFileNames } from "../envs/space-file.js";
// Studies
export { type ComposedStudy, composeStudy } from "../experiments/compose.js";
export { createPlan, type PlanOptions } from "../experiments/create-plan.js";
export { evaluateNamed, type NamedDesign } from "../experiments/evaluate-named.js";
export { type ResolvedStudy, resolveStudy } from "../experiments/resolve-study.js";
export { loadStudy, type Override, parseStudy, type StudyDocument } from "../experiments/study-file.js";
// The vocabulary
export type { Agent, AgentDefinition, AgentOption, Diagnostics, StateTree } from "./core/agent.js";
export type { Environment, Evaluator } from "./core/environment.js";
export { CosearchError, ERROR_CODES, type ErrorCode } from "./core/errors.js";
export { type Axis, paretoFront } from "./core/pareto.js";
export { type RandomState, RandomStream } from "./core/rng.js";
export { type Condition, candidatePart, INACTIVE, joinSpaces, type Knob, Space, type SpaceData } from "./core/space.js";
export {
  betterTrial,
  type Candidate,
  type Evaluation,
  type Infeasible,
  isFeasible,
  type KnobValue,
  type Metrics,
  type Trial,
  type Violation,
  violationOf,
} from "./core/trial.js";
export { inProcessEvaluator } from "./study/evaluators.js";
export type { BestTrial, RunEvent, RunSummary } from "./study/events.js";
export type { RunListener } from "./study/listeners.js";
export type { StudyPlan } from "./study/plan.js";
export { createRunFolder, openRunFolder, RunFolder } from "./study/run-folder.js";
export { type RunOptions, runStudy } from "./study/run-study.js";
export { runToEnd } from "./study/run-to-end.js";
export { type WorkerEvaluatorOptions, workerEvaluator, workerOptions } from "./study/worker-evaluator.js";
// Agents
export { type Backend, initBackend } from "./tensors/backend.js";
export { type MlflowOptions, mlflowTracker } from "./track/mlflow.js";
export { type RunRecord, readRun, trialsOf } from "./track/run-reader.js";
export { type TensorboardOptions, tensorboard } from "./track/tensorboard/tensorboard.js";
export {
  type TrackedEnd,
  type TrackedRun,
  type TrackedStep,
  type Tracker,
  type TrackerListener,
  type TrackerOptions,
  trackerListener,
} from "./track/tracker.js";
// Runs
export { formatMetric } from "./track/words.js";
