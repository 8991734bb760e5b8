// The worker thread that computes one design; see design-service.ts.
import { parentPort } from "node:worker_threads";
import { candidateView, referenceView } from "../../../experiments/design-view.js";
import type { ResolvedStudy } from "../../../experiments/resolve-study.js";
import type { Candidate } from "../../core/trial.js";

export interface DesignTask {
  readonly number: number;
  readonly study: unknown;
  /** undefined: the study's reference design */
  readonly candidate: Candidate | undefined;
}

parentPort?.on("message", async ({ number, study, candidate }: DesignTask) => {
  try {
    const resolved = study as ResolvedStudy;
    const view = await (candidate === undefined ? referenceView(resolved) : candidateView(resolved, candidate));
    parentPort?.postMessage({ number, text: JSON.stringify(view) });
  } catch (error) {
    parentPort?.postMessage({ number, error: error instanceof Error ? error.message : String(error) });
  }
});
