// A run from a program instead of a study file: any environment, any agent, the same pipeline and run folder.
import type { z } from "zod";
import { agentDefinition } from "../agents/index.js";
import { type Limits, limitsSchema, type RewardSpec, rewardSchema, scoreFunction } from "../envs/reward.js";
import type { Agent } from "../src/core/agent.js";
import type { Environment, Evaluator } from "../src/core/environment.js";
import { parseValue } from "../src/files/documents.js";
import { inProcessEvaluator } from "../src/study/evaluators.js";
import type { StudyPlan } from "../src/study/plan.js";
import { initBackend } from "../src/tensors/backend.js";
import { packageVersion } from "./package-version.js";

export interface PlanOptions {
  readonly name: string;
  readonly environment: Environment;
  /** name of a registered agent, or an agent of your own */
  readonly agent: string | Agent;
  /** of a registered agent */
  readonly agentOptions?: Readonly<Record<string, unknown>>;
  readonly reward: z.input<typeof rewardSchema>;
  readonly limits?: Limits;
  readonly trials: number;
  readonly seed: number;
  /** candidates per update; default: what the agent asks for, 16 for an agent of your own */
  readonly batchSize?: number;
  /** default: in this process */
  readonly evaluator?: Evaluator;
  /** tensor backend for a registered agent; default wasm, which gives the same numbers on every machine */
  readonly backend?: string;
}

/** A plan for runStudy. Whoever makes it disposes of `plan.agent` and `plan.evaluator`.
 *  @throws CosearchError AGENT_UNKNOWN, AGENT_BAD_OPTION, REWARD_BAD, STUDY_BAD, FILE_BAD_VALUE, BACKEND_UNAVAILABLE */
export async function createPlan(options: PlanOptions): Promise<StudyPlan> {
  const { name, environment, seed, trials } = options;
  const reward: RewardSpec = parseValue(options.reward, "reward", rewardSchema);
  const limits = parseValue(options.limits ?? {}, "limits", limitsSchema);
  const { agent, batchSize, backend, versions } = await agentOf(options);
  const agentName = agent.name;
  return {
    study: { name, environment: environment.name, agent: agentName, reward, limits, trials, seed },
    studyName: name,
    agentName,
    seed,
    backend,
    versions: { cosearch: packageVersion(), node: process.versions.node, ...versions },
    space: environment.space,
    agent,
    evaluator: options.evaluator ?? inProcessEvaluator(environment),
    score: scoreFunction(reward, limits, environment.metricNames),
    batchSize: options.batchSize ?? batchSize,
    trials,
    checkpointEvery: 1,
    keepCheckpoints: 3,
  };
}

interface AgentFacts extends Pick<StudyPlan, "agent" | "batchSize" | "backend" | "versions"> {}

async function agentOf({ agent, agentOptions = {}, environment, seed, backend }: PlanOptions): Promise<AgentFacts> {
  if (typeof agent !== "string") return { agent, batchSize: 16, backend: "none", versions: {} };
  const definition = agentDefinition(agent);
  const given = definition.resolveOptions(agentOptions);
  const tensors = await tensorBackend(definition.usesTensors, backend ?? "wasm");
  const created = await definition.create(environment.space, given, seed);
  return { agent: created, batchSize: definition.batchSize(given), backend: tensors.name, versions: tensors.versions };
}

export interface TensorBackend {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** Loads the tensor backend of a run that computes with tensors; the others need none.
 *  @param wanted what the study says, or what the run that goes on recorded, "none" included
 *  @throws CosearchError BACKEND_UNAVAILABLE */
export async function tensorBackend(usesTensors: boolean, wanted: string): Promise<TensorBackend> {
  if (!usesTensors || wanted === "none") return { name: "none", versions: {}, notes: [] };
  const { name, version, tensorflow, note } = await initBackend(wanted);
  const versions = { tfjs: version, ...(tensorflow !== undefined && { tensorflow }) };
  return { name, versions, notes: note === undefined ? [] : [note] };
}
