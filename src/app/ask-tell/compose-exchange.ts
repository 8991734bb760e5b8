// From a request, or from the manifest of a run, to a plan: a study as `cosearch run` would compose it, or a space of the
// client's own. The exchange stands in the manifest beside the study, so that a restarted server knows how to go on.
import { type ComposedStudy, composeStudy } from "../../../experiments/compose.js";
import { createPlan } from "../../../experiments/create-plan.js";
import { type ResolvedStudy, resolveStudy } from "../../../experiments/resolve-study.js";
import { axesOf } from "../../../experiments/run-axes.js";
import { loadStudy, type Override, parseStudy } from "../../../experiments/study-file.js";
import { CosearchError } from "../../core/errors.js";
import type { Axis } from "../../core/pareto.js";
import { Space, type SpaceData } from "../../core/space.js";
import { parseValue } from "../../files/documents.js";
import type { Manifest } from "../../study/manifest.js";
import type { StudyPlan } from "../../study/plan.js";
import { checkedExchange, isOwnSpace } from "./check-request.js";
import { type CreateRequest, type Exchange, exchangeOf, ownSpaceStudy } from "./contract.js";

/** A plan whose agent or evaluator a client will stand in for. */
export interface ComposedExchange {
  readonly plan: StudyPlan;
  readonly exchange: Exchange;
  readonly axes: readonly Axis[];
  readonly metricNames: readonly string[];
  readonly hparams: Readonly<Record<string, unknown>>;
  dispose(): Promise<void>;
}

type OwnStudy = { readonly name: string; readonly agent: ResolvedStudy["agent"] } & Pick<
  ResolvedStudy,
  "reward" | "limits"
>;

/** Stands where a client proposes: an agent that costs nothing, so that the rest can be composed as ever. */
const STAND_IN = "random";
const DEFAULT_LABEL = "client";
/** At most so many of a client's candidates are evaluated together. */
const CLIENT_BATCH = 16;

/** @param files name -> path of the studies that the server was given
 *  @throws CosearchError as `cosearch run` does; STUDY_BAD for a document with paths or a mode that makes no sense */
export async function composeRequest(
  request: CreateRequest,
  files: Readonly<Record<string, string>>,
): Promise<ComposedExchange> {
  const { study } = request;
  const exchange = checkedExchange(request, Object.keys(files));
  if (isOwnSpace(study)) return composeOwnRequest(request, study, exchange);
  const resolved = resolveStudy(documentOf(request, files));
  return composeResolved(resolved, exchange, { label: request.agent, batch: request.batch });
}

/** The same plan again. @param trials the budget  @throws CosearchError RUN_NOT_FOUND for a run without an exchange */
export async function composeManifest(manifest: Manifest, trials: number): Promise<ComposedExchange> {
  const exchange = exchangeOf(manifest.study);
  if (exchange === undefined) {
    throw new CosearchError("RUN_NOT_FOUND", `run ${manifest.runId} is no ask / tell study`);
  }
  const { agentName: label, batchSize: batch, backend, seed } = manifest;
  const again = { label, trials, batch, backend };
  if (exchange.metricNames === undefined) return composeResolved(manifest.study as ResolvedStudy, exchange, again);
  return composeOwn(manifest.study as OwnStudy, manifest.space, exchange, { ...again, trials, seed });
}

interface Choices {
  /** what the client's optimiser is called */
  readonly label?: string | undefined;
  readonly trials?: number | undefined;
  readonly batch?: number | undefined;
  readonly backend?: string | undefined;
}

async function composeResolved(study: ResolvedStudy, exchange: Exchange, choices: Choices): Promise<ComposedExchange> {
  const isClient = exchange.proposals === "client";
  const agent = isClient ? { ...study.agent, name: STAND_IN } : study.agent;
  const { trials, backend } = choices;
  const composed: ComposedStudy = await composeStudy({ ...study, agent }, { trials, backend });
  const label = choices.label ?? DEFAULT_LABEL;
  const named = isClient ? { ...study, agent: { ...study.agent, name: label } } : study;
  const plan = changed(composed.plan, { ...named, exchange }, exchange, label, choices.batch);
  const { axes, environment } = composed;
  const hparams = isClient ? {} : study.agent.options;
  return { plan, exchange, axes, metricNames: environment.metricNames, hparams, dispose: () => composed.dispose() };
}

async function composeOwnRequest(
  request: CreateRequest,
  document: unknown,
  exchange: Exchange,
): Promise<ComposedExchange> {
  const study = parseValue(document, "study", ownSpaceStudy);
  const { name: agentName, ...options } = typeof study.agent === "string" ? { name: study.agent } : study.agent;
  const isClient = exchange.proposals === "client";
  const agent = isClient ? { name: STAND_IN, options: {} } : { name: request.agent ?? agentName, options };
  const { name, reward, limits, knobs, metrics: metricNames } = study;
  const space = { name, knobs } as SpaceData;
  const own = { name, agent, reward, limits } as unknown as OwnStudy; // checked by createPlan
  return composeOwn(
    own,
    space,
    { ...exchange, metricNames },
    {
      label: request.agent,
      batch: request.batch,
      trials: request.trials ?? study.trials,
      seed: request.seed ?? study.seed,
    },
  );
}

async function composeOwn(
  study: OwnStudy,
  spaceData: SpaceData,
  exchange: Exchange,
  choices: Choices & { readonly trials: number; readonly seed: number },
): Promise<ComposedExchange> {
  const { trials, seed, batch, backend } = choices;
  const isClient = exchange.proposals === "client";
  const metricNames = exchange.metricNames ?? [];
  const space = new Space(spaceData);
  if (space.decisions.length === 0) throw new CosearchError("SPACE_EMPTY", "study.knobs: there is nothing to choose");
  const plan = await createPlan({
    name: study.name,
    environment: {
      name: "client",
      space,
      metricNames,
      evaluate: () => Promise.reject(new Error("a client measures this study")),
    },
    agent: isClient ? STAND_IN : study.agent.name,
    agentOptions: isClient ? {} : study.agent.options,
    reward: study.reward,
    limits: study.limits,
    trials,
    seed,
    ...(batch !== undefined && { batchSize: batch }),
    ...(backend !== undefined && { backend }),
  });
  const label = choices.label ?? DEFAULT_LABEL;
  const agent = isClient ? { name: label, options: {} } : study.agent;
  const document = { ...(plan.study as object), agent, exchange };
  return {
    plan: changed(plan, document, exchange, label, batch),
    exchange,
    axes: axesOf({ study: document }),
    metricNames,
    hparams: agent.options,
    async dispose() {
      plan.agent.dispose();
      await plan.evaluator.dispose();
    },
  };
}

function changed(
  plan: StudyPlan,
  study: unknown,
  exchange: Exchange,
  label: string,
  batch: number | undefined,
): StudyPlan {
  const isClient = exchange.proposals === "client";
  const batchSize = batch ?? (isClient ? CLIENT_BATCH : plan.batchSize);
  return { ...plan, study, batchSize, ...(isClient && { agentName: label }) };
}

function documentOf({ study, proposals, agent, seed, trials }: CreateRequest, files: Readonly<Record<string, string>>) {
  const given = (name: string, path: readonly string[], value: unknown): Override[] =>
    value === undefined ? [] : [{ path, value, source: name }];
  const overrides = [
    ...given("agent", ["agent"], proposals === "client" ? STAND_IN : agent),
    ...given("seed", ["seed"], seed),
    ...given("trials", ["budget", "trials"], trials),
  ];
  if (typeof study !== "string") return parseStudy(JSON.stringify(study), "study", overrides);
  return loadStudy(Object.hasOwn(files, study) ? (files[study] ?? study) : study, overrides);
}
