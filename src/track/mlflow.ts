// Runs in MLflow, over its REST API (version 2.0), as https://mlflow.org/docs/latest/api_reference/rest-api.html has it.
// A run that goes on finds its MLflow run by the tag `cosearch_run_id` and adds what is missing there.
import { setTimeout as sleep } from "node:timers/promises";
import { CosearchError } from "../core/errors.js";
import type { Clock } from "../study/run-folder.js";
import { plainValues } from "./plain-values.js";
import type { TrackedEnd, TrackedRun, TrackedStep, Tracker } from "./tracker.js";

export interface MlflowOptions {
  /** where the server is, e.g. http://127.0.0.1:5000 */
  readonly url: string;
  /** experiment that the runs go to; default: the study's name */
  readonly experiment?: string | undefined;
  /** value of the Authorization header */
  readonly authorization?: string | undefined;
  readonly clock: Clock;
  /** pauses before a request is tried again; default half a second, then two */
  readonly retryMs?: readonly number[];
}

/** Most metrics that log-batch takes. */
const METRICS_A_CALL = 1000;
/** Longest value of a parameter that every version takes. */
const PARAM_CHARS = 500;
const TIMEOUT_MS = 10_000;
const RUN_TAG = "cosearch_run_id";
const STATUSES = { finished: "FINISHED", exhausted: "FINISHED", interrupted: "KILLED", failed: "FAILED" } as const;

interface MlflowRun {
  readonly info: { readonly run_id: string };
  readonly data?: { readonly metrics?: readonly { readonly step?: number | string }[] };
}

/** @throws CosearchError USAGE when the URL is none */
export function mlflowTracker(options: MlflowOptions): Tracker {
  const call = caller(options);
  let runId = "";

  return {
    name: "MLflow",
    async start(run: TrackedRun): Promise<number | undefined> {
      const experiment = await experimentId(call, options.experiment ?? run.studyName);
      const known = run.resumed ? await knownRun(call, experiment, run.runId) : undefined;
      if (known !== undefined) {
        runId = known.info.run_id;
        await call("POST", "runs/update", { run_id: runId, status: "RUNNING" });
        return Math.max(-1, ...(known.data?.metrics ?? []).map(({ step }) => Number(step ?? -1)));
      }
      const created = (await call("POST", "runs/create", {
        experiment_id: experiment,
        run_name: run.runId,
        start_time: options.clock(),
        tags: [
          { key: RUN_TAG, value: run.runId },
          { key: "mlflow.source.name", value: "cosearch" },
        ],
      })) as { run: MlflowRun };
      runId = created.run.info.run_id;
      const params = { study: run.studyName, agent: run.agentName, seed: run.seed, ...plainValues(run.hparams) };
      const texts = Object.entries(params).map(([key, value]) => ({ key, value: String(value).slice(0, PARAM_CHARS) }));
      for (let i = 0; i < texts.length; i += 100) {
        await call("POST", "runs/log-batch", { run_id: runId, params: texts.slice(i, i + 100) });
      }
      return undefined;
    },
    async log(steps: readonly TrackedStep[]): Promise<void> {
      for (const metrics of callsOf(steps)) await call("POST", "runs/log-batch", { run_id: runId, metrics });
    },
    async finish({ status }: TrackedEnd): Promise<void> {
      await call("POST", "runs/update", { run_id: runId, status: STATUSES[status], end_time: options.clock() });
    },
  };
}

interface Metric {
  readonly key: string;
  readonly value: number;
  readonly step: number;
  readonly timestamp: number;
}

/** Steps call by call, none split: the last step that stands there is there as a whole. */
function callsOf(steps: readonly TrackedStep[]): Metric[][] {
  const calls: Metric[][] = [];
  for (const { trialCount: step, wallMs, scalars } of steps) {
    const entries = Object.entries(scalars).slice(0, METRICS_A_CALL);
    const metrics = entries.map(([key, value]) => ({ key, value, step, timestamp: Math.round(wallMs) }));
    const last = calls.at(-1);
    if (last !== undefined && last.length + metrics.length <= METRICS_A_CALL) last.push(...metrics);
    else calls.push(metrics);
  }
  return calls;
}

type Call = (method: "GET" | "POST", path: string, values: Readonly<Record<string, unknown>>) => Promise<unknown>;

/** An answer that is an error. */
class MlflowError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function experimentId(call: Call, name: string): Promise<string> {
  try {
    const found = await call("GET", "experiments/get-by-name", { experiment_name: name });
    return (found as { experiment: { experiment_id: string } }).experiment.experiment_id;
  } catch (error) {
    if (!(error instanceof MlflowError) || error.status !== 404) throw error;
    return ((await call("POST", "experiments/create", { name })) as { experiment_id: string }).experiment_id;
  }
}

async function knownRun(call: Call, experiment: string, cosearchRunId: string): Promise<MlflowRun | undefined> {
  const filter = `tags.${RUN_TAG} = '${cosearchRunId}'`;
  const found = await call("POST", "runs/search", { experiment_ids: [experiment], filter, max_results: 1 });
  return (found as { runs?: readonly MlflowRun[] }).runs?.[0];
}

/** Sends a request; tries again when the server is not there, busy or broken. */
function caller({ url, authorization, retryMs = [500, 2000] }: MlflowOptions): Call {
  const base = baseOf(url);
  const headers = { "content-type": "application/json", ...(authorization !== undefined && { authorization }) };
  return async (method, path, values) => {
    const target = new URL(`${base}/api/2.0/mlflow/${path}`);
    if (method === "GET")
      for (const [key, value] of Object.entries(values)) target.searchParams.set(key, String(value));
    const body = method === "POST" ? { body: JSON.stringify(values) } : {};
    for (let attempt = 0; ; attempt++) {
      const pauseMs = retryMs[attempt];
      try {
        const signal = AbortSignal.timeout(TIMEOUT_MS);
        const answer = await fetch(target, { method, headers, signal, ...body });
        const text = await answer.text();
        if (answer.ok) return JSON.parse(text || "{}");
        throw new MlflowError(answer.status, `${base}: ${path}: ${answer.status} ${text.slice(0, 300)}`);
      } catch (error) {
        const final = error instanceof MlflowError && error.status < 500 && error.status !== 429;
        if (final || pauseMs === undefined) throw plain(error, base);
        await sleep(pauseMs);
      }
    }
  };
}

/** fetch says only "fetch failed"; the reason is in its cause. */
function plain(error: unknown, base: string): unknown {
  if (!(error instanceof TypeError)) return error;
  const reason = error.cause instanceof Error ? error.cause.message : error.message;
  return new Error(`${base} cannot be reached: ${reason}`, { cause: error });
}

function baseOf(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url.replace(/\/+$/, "");
  throw new CosearchError("USAGE", `--mlflow ${url}: not the address of a server, e.g. http://127.0.0.1:5000`);
}
