// Evaluates candidates in a worker thread: builds the environment from the options it was started with, once.
import { workerData } from "node:worker_threads";
import type { Candidate, Evaluation } from "../src/core/trial.js";
import { type BackendName, expectBackend } from "../src/tensors/backend.js";
import { type CodesignOptions, createCodesignEnvironment } from "./codesign-env.js";

interface WorkerOptions extends CodesignOptions {
  /** what the run's agent computes on, so that estimates of accuracy compute on the same; "none" leaves it to them */
  readonly backend?: BackendName | "none";
}

const { backend = "none", ...options } = workerData as WorkerOptions;
if (backend !== "none") expectBackend(backend);
const environment = createCodesignEnvironment(options);

export default (candidate: Candidate): Evaluation | Promise<Evaluation> => environment.evaluate(candidate);
