// Evaluates candidates in a worker thread: builds the environment from the options it was started with, once.
import { workerData } from "node:worker_threads";
import type { Candidate, Evaluation } from "../src/core/trial.js";
import { type CodesignOptions, createCodesignEnvironment } from "./codesign-env.js";

const environment = createCodesignEnvironment(workerData as CodesignOptions);

export default (candidate: Candidate): Evaluation | Promise<Evaluation> => environment.evaluate(candidate);
