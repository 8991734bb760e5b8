// A run as a promise, for programs that want only its outcome.
import { lastValueFrom } from "rxjs";
import type { RunSummary } from "./events.js";
import type { StudyPlan } from "./plan.js";
import type { RunFolder } from "./run-folder.js";
import { type RunOptions, runStudy } from "./run-study.js";

/** Runs a study to its end, or until `options.signal` stops it. @throws what runStudy reports as an error */
export async function runToEnd(plan: StudyPlan, folder: RunFolder, options?: RunOptions): Promise<RunSummary> {
  const last = await lastValueFrom(runStudy(plan, folder, options));
  if (last.kind === "finished" || last.kind === "interrupted") return last.summary;
  throw new Error(`the run ended with the event ${last.kind}`);
}
