// From a checked study file to a resolved study: every name looked up, every default filled in, self-contained JSON.
// It goes into the run's manifest, so that a resume and a report need neither the file nor the built-in ones of today.
// All that can be wrong with a study is found here, before anything is written.
import { resolve as resolvePath } from "node:path";
import { agentDefinition } from "../agents/index.js";
import { checkAccuracySpace, resolveAccuracy } from "../envs/accuracy/proxy.js";
import { type CodesignOptions, createCodesignEnvironment } from "../envs/codesign-env.js";
import type { Deployment } from "../envs/deployment/deployment.js";
import { checkReward } from "../envs/reward.js";
import type { Environment } from "../src/core/environment.js";
import { CosearchError, suggestion } from "../src/core/errors.js";
import type { Space } from "../src/core/space.js";
import { fixedPart, type Part, resolvePart } from "./parts.js";
import type { LoadedStudy, StudyDocument } from "./study-file.js";
import { createTableEnvironment, type TableSizing } from "./table-environment.js";

/** A study that needs nothing else; JSON. */
export interface ResolvedStudy
  extends Pick<
    StudyDocument,
    "name" | "description" | "fix" | "limits" | "reward" | "seed" | "accuracy" | "mapper" | "workers" | "checkpoint"
  > {
  readonly space: {
    readonly network: Part<"network">;
    readonly accelerator: Part<"accelerator">;
    readonly deployment: Part<"deployment">;
  };
  readonly reference: {
    readonly network: Extract<Part<"network">, { fixed: unknown }>["fixed"];
    readonly accelerator: Extract<Part<"accelerator">, { fixed: unknown }>["fixed"];
    readonly deployment: Deployment;
  };
  readonly agent: { readonly name: string; readonly options: Readonly<Record<string, unknown>> };
  readonly budget: { readonly trials: number; readonly batch: number };
  readonly backend: string;
  /** present: the candidates are looked up in a table, and the parts of `space` are not searched */
  readonly sizing?: TableSizing;
  /** run folder that the agent starts from; absent: a cold start */
  readonly initFrom?: string;
}

/** @throws CosearchError, naming file, line and key: AGENT_UNKNOWN, AGENT_BAD_OPTION, PROXY_UNKNOWN, NETWORK_UNKNOWN,
 *  ACCELERATOR_UNKNOWN, SPACE_*, FILE_*, TEMPLATE_BAD_REFERENCE, REWARD_BAD, STUDY_BAD */
export function resolveStudy(loaded: LoadedStudy): ResolvedStudy {
  const { study, where, folder } = loaded;
  const sizing = sizingOf(loaded);
  const part = <Group extends "network" | "accelerator" | "deployment">(group: Group): Part<Group> =>
    resolvePart(group, study.space[group], folder, where(["space", group]));
  const { name: agentName, ...agentOptions } = typeof study.agent === "string" ? { name: study.agent } : study.agent;
  const definition = inPlace(where(["agent"]), () => agentDefinition(agentName));
  const options = inPlace(where(["agent"]), () => definition.resolveOptions(agentOptions));
  const accuracy = inPlace(where(["accuracy", "proxy"]), () => resolveAccuracy(study.accuracy, folder));
  const { name, description, fix, limits, reward, seed, mapper, workers, checkpoint, backend } = study;
  const resolved: ResolvedStudy = {
    name,
    description,
    space: { network: part("network"), accelerator: part("accelerator"), deployment: part("deployment") },
    fix,
    limits,
    reward,
    agent: { name: agentName, options },
    budget: { trials: study.budget.trials, batch: study.budget.batch ?? definition.batchSize(options) },
    seed,
    accuracy,
    mapper,
    workers,
    checkpoint,
    reference: {
      network: fixedPart("network", study.reference.network, folder, where(["reference", "network"])),
      accelerator: fixedPart("accelerator", study.reference.accelerator, folder, where(["reference", "accelerator"])),
      deployment: study.reference.deployment,
    },
    backend,
    ...(sizing !== undefined && { sizing }),
  };
  const { network } = resolved.space;
  if ("space" in network) inPlace(where(["accuracy"]), () => checkAccuracySpace(accuracy, network.space));
  const environment = environmentOf(resolved);
  checkReward(reward, limits, environment.metricNames, where);
  inPlace(where(["agent"]), () => checkObjectives(agentName, options.objectives, environment.metricNames));
  checkFix(environment.space, fix, where);
  const decisions = environment.space.fix(fix).decisions.length;
  if (decisions === 0) {
    const why =
      "there is nothing to search: every knob is fixed, or network, accelerator and deployment are single ones";
    throw new CosearchError(
      "SPACE_EMPTY",
      `${where(["space"])}: ${why}; name a search space (\`cosearch list spaces\`)`,
    );
  }
  return resolved;
}

/** The environment that a study's candidates are evaluated in. */
export const environmentOf = (study: ResolvedStudy): Environment =>
  study.sizing === undefined ? createCodesignEnvironment(codesignOptions(study)) : createTableEnvironment(study.sizing);

/** @throws CosearchError STUDY_BAD when a table is missing, or given to a study that has no use for it */
function sizingOf({ study, where, folder }: LoadedStudy): TableSizing | undefined {
  const given = (["table", "areaFraction", "grid"] as const).filter((key) => study[key] !== undefined);
  if (study.environment === "codesign") {
    const [key] = given;
    if (key === undefined) return undefined;
    throw new CosearchError("STUDY_BAD", `${where([key])}: only studies with environment: table-sizing have it`);
  }
  if (study.table === undefined) {
    const hint = "name the table, for example --set table=resnet18-sizing.json";
    throw new CosearchError("STUDY_BAD", `${where(["environment"])}: table-sizing looks costs up in a table; ${hint}`);
  }
  const isFromCommandLine = where(["table"]).startsWith("--");
  const table = resolvePath(isFromCommandLine ? "." : folder, study.table);
  return { table, areaFraction: study.areaFraction ?? 0.1, grid: study.grid ?? "coarse" };
}

/** What the environment of a study is made of; JSON, also for worker threads. */
export function codesignOptions(study: ResolvedStudy): CodesignOptions {
  const { proxy, ...proxyOptions } = study.accuracy;
  return { ...study.space, proxy, proxyOptions, mapper: study.mapper };
}

/** @throws CosearchError AGENT_BAD_OPTION when an agent's objective is no metric of the environment */
function checkObjectives(agent: string, objectives: unknown, metricNames: readonly string[]): void {
  if (typeof objectives !== "string" || objectives === "reward") return;
  for (const name of objectives.split(",").map((part) => part.split(":")[0]!)) {
    if (metricNames.includes(name)) continue;
    const what = `agent ${agent}: objectives names "${name}", which is no metric of this environment`;
    throw new CosearchError("AGENT_BAD_OPTION", `${what}${suggestion(name, metricNames)}`);
  }
}

function checkFix(space: Space, fix: ResolvedStudy["fix"], where: LoadedStudy["where"]): void {
  for (const [name, value] of Object.entries(fix)) inPlace(where(["fix", name]), () => space.valueIndex(name, value));
}

/** Runs a check and puts the place in front of its complaint. */
function inPlace<T>(place: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof CosearchError)) throw error;
    throw new CosearchError(error.code, `${place}: ${error.message}`, { cause: error });
  }
}
