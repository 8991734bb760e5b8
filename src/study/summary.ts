// The document that `run --json` and `resume --json` print, and that summary.json holds.
import { isFeasible, type Trial } from "../core/trial.js";
import type { RunSummary } from "./events.js";

/** The document for a run whose best trial is `best`. */
export function summarize(run: Omit<RunSummary, "best"> & { readonly best: Trial | undefined }): RunSummary {
  const { runId, runFolder, status, trialCount, feasibleCount, cacheHitCount, wallSeconds, best } = run;
  return {
    runId,
    runFolder,
    status,
    trialCount,
    feasibleCount,
    cacheHitCount,
    wallSeconds: Math.round(wallSeconds * 1000) / 1000,
    best: best === undefined ? null : bestOf(best),
  };
}

function bestOf(best: Trial): RunSummary["best"] {
  const { trial, reward, candidate, metrics } = best;
  return { trial, reward, feasible: isFeasible(best), candidate, metrics: metrics ?? null };
}
