// The trackers that a command line asks for: MLflow, and a user's own module.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CosearchError } from "../core/errors.js";
import type { Clock } from "../study/run-folder.js";
import { mlflowTracker } from "../track/mlflow.js";
import type { Tracker } from "../track/tracker.js";

export interface TrackerChoice {
  /** address of an MLflow server */
  readonly mlflow?: string;
  /** modules whose default export is a Tracker, or a function that makes one */
  readonly tracker?: readonly string[];
}

/** @param env of the process: MLFLOW_EXPERIMENT_NAME, MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD
 *  @throws CosearchError USAGE, FILE_UNREADABLE, FILE_BAD_VALUE */
export async function chosenTrackers(
  { mlflow, tracker = [] }: TrackerChoice,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<Tracker[]> {
  const own = await Promise.all(tracker.map(loadTracker));
  if (mlflow === undefined) return own;
  const options = { url: mlflow, clock, experiment: env.MLFLOW_EXPERIMENT_NAME, authorization: authorizationOf(env) };
  return [mlflowTracker(options), ...own];
}

function authorizationOf(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password } = env;
  if (token) return `Bearer ${token}`;
  return user ? `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}` : undefined;
}

async function loadTracker(path: string): Promise<Tracker> {
  let found: unknown;
  try {
    found = ((await import(pathToFileURL(resolve(path)).href)) as { default?: unknown }).default;
    if (typeof found === "function") found = await (found as () => unknown)();
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `--tracker ${path}: ${(error as Error).message}`, { cause: error });
  }
  const { name, start, log, finish } = (found ?? {}) as Partial<Record<keyof Tracker, unknown>>;
  if (typeof name === "string" && [start, log, finish].every((part) => typeof part === "function")) {
    return found as Tracker;
  }
  throw new CosearchError(
    "FILE_BAD_VALUE",
    `--tracker ${path}: the default export is no tracker: it needs name, start, log and finish (docs/tracking.md)`,
  );
}
