// The table of runs and the head of one run, from the columns of each.
import { descriptionOf } from "../../../experiments/design-view.js";
import { exchangeOf } from "../ask-tell/contract.js";
import type { RunDetail, RunRow } from "./api.js";
import { frontOf } from "./front-view.js";
import type { RunColumns } from "./run-columns.js";
import { messageOf, type OpenRun, type RunStore } from "./run-store.js";

interface Counts {
  /** trials that were counted */
  readonly upTo: number;
  readonly feasible: number;
  readonly best: number;
  readonly bestTrial: number;
}

/** Counts go on from where they were; a run that did not move costs nothing. */
const counted = new WeakMap<RunColumns, Counts>();
const fronts = new WeakMap<RunColumns, { readonly upTo: number; readonly size: number }>();

export async function rowOf(store: RunStore, id: string): Promise<RunRow> {
  try {
    return runRow(store, await store.run(id));
  } catch (error) {
    return {
      id,
      status: "broken",
      study: "",
      agent: "",
      seed: 0,
      trials: 0,
      budget: 0,
      feasible: 0,
      bestReward: null,
      frontSize: 0,
      created: "",
      error: messageOf(error),
    };
  }
}

export function runRow(store: RunStore, run: OpenRun): RunRow {
  const { manifest, columns, folder } = run;
  const { feasible, best } = countsOf(columns);
  return {
    id: run.id,
    status: store.status(folder),
    study: manifest.studyName,
    agent: manifest.agentName,
    seed: manifest.seed,
    trials: columns.count,
    budget: manifest.trials,
    feasible,
    bestReward: Number.isFinite(best) ? best : null,
    frontSize: frontSizeOf(run),
    created: manifest.created,
  };
}

export function detailOf(store: RunStore, run: OpenRun): RunDetail {
  const { manifest, columns, axes } = run;
  const { bestTrial } = countsOf(columns);
  const row = runRow(store, run);
  return {
    ...row,
    description: descriptionOf(manifest.study),
    bestTrial: bestTrial < 0 ? null : bestTrial,
    batchSize: manifest.batchSize,
    backend: manifest.backend,
    versions: manifest.versions,
    wallSeconds: columns.times.at(-1)?.seconds ?? 0,
    axes,
    metrics: columns.metricNames,
    knobs: manifest.space.knobs.map(({ name, values }) => ({ name, values })),
    controllable: row.status === "running" || row.status === "paused",
    hasClients: exchangeOf(manifest.study) !== undefined,
    updates: columns.updates.length,
  };
}

/** Whether candidates are networks on chips, not points of a table or of a space of somebody's own. */
export function hasDesigns(study: unknown): boolean {
  const { space, sizing } = (study ?? {}) as { space?: unknown; sizing?: unknown };
  return space !== undefined && sizing === undefined;
}

function countsOf(columns: RunColumns): Counts {
  let { upTo, feasible, best, bestTrial } = counted.get(columns) ?? {
    upTo: 0,
    feasible: 0,
    best: Number.NEGATIVE_INFINITY,
    bestTrial: -1,
  };
  for (; upTo < columns.count; upTo++) {
    if (columns.feasible[upTo] !== 1) continue;
    feasible++;
    if (columns.reward[upTo]! <= best) continue;
    best = columns.reward[upTo]!;
    bestTrial = upTo;
  }
  const counts = { upTo, feasible, best, bestTrial };
  counted.set(columns, counts);
  return counts;
}

/** Designs on the front of the reward's first two axes. */
function frontSizeOf({ columns, axes }: OpenRun): number {
  const known = fronts.get(columns);
  if (known?.upTo === columns.count) return known.size;
  const [x, y = x] = axes;
  const size = x === undefined || y === undefined ? 0 : frontOn(columns, x, y);
  fronts.set(columns, { upTo: columns.count, size });
  return size;
}

function frontOn(columns: RunColumns, x: OpenRun["axes"][number], y: OpenRun["axes"][number]): number {
  const [xs, ys] = [columns.metric(x.metric), columns.metric(y.metric)];
  if (xs === undefined || ys === undefined) return 0;
  const trials: number[] = [];
  for (let t = 0; t < columns.count; t++) {
    if (columns.feasible[t] === 1 && !Number.isNaN(xs[t]!) && !Number.isNaN(ys[t]!)) trials.push(t);
  }
  return frontOf(trials, xs, ys, x, y).length;
}
