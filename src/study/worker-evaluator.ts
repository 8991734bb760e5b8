// Evaluation in worker threads (piscina). One candidate is one job: handing it over costs some tens of microseconds, a
// thousandth of an evaluation, so nothing is gained by packing several together, and trials appear one by one.
// The worker module must be JavaScript (compiled): its default export takes a candidate and returns its evaluation.
import { fileURLToPath } from "node:url";
import { workerData } from "node:worker_threads";
import { Piscina } from "piscina";
import type { Evaluator } from "../core/environment.js";
import type { Candidate, Evaluation } from "../core/trial.js";

/** What a worker module exports as default. */
export type EvaluateInWorker = (candidate: Candidate) => Evaluation | Promise<Evaluation>;

export interface WorkerEvaluatorOptions {
  /** threads */
  readonly workers: number;
  /** a compiled module whose default export is an EvaluateInWorker; it is loaded once in each thread */
  readonly module: URL;
  /** plain data that the module gets from `workerOptions()`, e.g. the study to compose its environment from */
  readonly options?: unknown;
}

/** The pool tries `require` before `import`. Where Node can require an ES module, ending a thread in the middle of that aborts the whole
 *  process (a failed assertion in ModuleWrap::CreateRequiredModuleFacade, Node 20.20.2); without that ability the pool imports. */
const NO_REQUIRE_OF_MODULES = process.allowedNodeEnvironmentFlags.has("--experimental-require-module")
  ? ["--no-experimental-require-module"]
  : [];

/** Evaluates in worker threads. A worker that throws rejects that evaluation; one that dies is replaced. */
export function workerEvaluator({ workers, module, options }: WorkerEvaluatorOptions): Evaluator {
  const pool = new Piscina<Candidate, Evaluation>({
    filename: fileURLToPath(module),
    minThreads: workers,
    maxThreads: workers,
    workerData: options,
    execArgv: NO_REQUIRE_OF_MODULES,
  });
  // What belongs to an evaluation rejects that evaluation. What is left for this event are a thread that dies between two
  // jobs, which the pool replaces, and an answer that comes while the pool is being destroyed (after Ctrl-C, say);
  // neither concerns the run, but without a listener each would end the process.
  pool.on("error", () => {});
  return {
    concurrency: 2 * workers, // one more for each thread waits at hand, so that none idles between two jobs
    evaluate: (candidate) => pool.run(candidate),
    dispose: () => pool.destroy(),
  };
}

/** In a worker module: the `options` that the evaluator was made with. */
export const workerOptions = (): unknown => workerData;
