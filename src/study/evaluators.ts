// Evaluation in the process of the run. Worker threads: worker-evaluator.ts.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Environment, Evaluator } from "../core/environment.js";

/** Evaluates in this process. Every evaluation starts in a turn of its own, so that Ctrl-C, timers and the live view get
 *  theirs between two evaluations even when the environment never waits.
 *  @param concurrency evaluations under way at once; above 1 it helps only environments that wait for something */
export function inProcessEvaluator(environment: Environment, concurrency = 1): Evaluator {
  return {
    concurrency,
    async evaluate(candidate) {
      await nextTurn();
      return environment.evaluate(candidate);
    },
    async dispose() {
      await environment.dispose?.();
    },
  };
}
