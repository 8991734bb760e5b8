// A place outside that keeps the curves of runs: an experiment server, a data base, a chat. Whoever wants one writes these
// three functions; the run never waits for them. What a tracker has missed it gets when the run is resumed.
import type { RunEvent, RunHead, RunSummary } from "../study/events.js";
import type { RunListener } from "../study/listeners.js";
import type { Clock } from "../study/run-folder.js";
import { type Step, StepSeries } from "./step-series.js";

/** One step as trackers get it. */
export type TrackedStep = Pick<Step, "trialCount" | "wallMs" | "scalars">;

export interface TrackedRun extends RunHead {
  /** the run goes on; a tracker that knows it says from where */
  readonly resumed: boolean;
  /** the agent's options */
  readonly hparams: Readonly<Record<string, unknown>>;
}

export interface TrackedEnd {
  readonly status: RunSummary["status"] | "failed";
  /** undefined when the run failed */
  readonly summary: RunSummary | undefined;
}

/** What to write for a tracker of your own. Calls come one after the other; what throws ends the tracking, not the run. */
export interface Tracker {
  readonly name: string;
  /** @returns the last step that it has already; undefined: none */
  start(run: TrackedRun): Promise<number | undefined> | number | undefined;
  /** Steps in order, each once; the number of a step is its `trialCount`. */
  log(steps: readonly TrackedStep[]): Promise<unknown> | unknown;
  finish(end: TrackedEnd): Promise<unknown> | unknown;
}

export interface TrackerOptions {
  readonly hparams: Readonly<Record<string, unknown>>;
  readonly clock: Clock;
  /** told once, when the tracker failed */
  readonly onError: (error: unknown) => void;
}

/** A listener that never makes the run wait, and a promise for when the tracker has all of it. */
export interface TrackerListener extends RunListener {
  /** Resolves when all that was heard is delivered, or the tracker has failed; never rejects. Ask after the run's end. */
  settled(): Promise<void>;
  /** Gives up what is not delivered yet, when it takes too long; harmless when all is. */
  abandon(): void;
}

/** Steps that may wait for a slow tracker; more mean that it is not there at all. */
const MAX_WAITING = 10_000;
/** Steps that go to it in one call. */
const STEPS_A_CALL = 50;

/** Makes a listener of a tracker. */
export function trackerListener(tracker: Tracker, { hparams, clock, onError }: TrackerOptions): TrackerListener {
  const series = new StepSeries(clock);
  let waiting: TrackedStep[] = [];
  let delivery: Promise<void> = Promise.resolve();
  let lastStep = -1;
  let failed = false;
  let pending = 0;

  /** Calls come in order; after a failure none does. */
  const enqueue = (call: () => Promise<void>): void => {
    pending++;
    delivery = delivery.then(async () => {
      try {
        if (!failed) await call();
      } catch (error) {
        fail(error);
      } finally {
        pending--;
      }
    });
  };
  const fail = (error: unknown): void => {
    if (!failed) onError(error);
    failed = true;
    waiting = [];
  };
  const deliver = async (): Promise<void> => {
    while (waiting.length > 0 && !failed) {
      const steps = waiting.splice(0, STEPS_A_CALL).filter(({ trialCount }) => trialCount > lastStep);
      if (steps.length > 0) await tracker.log(steps);
    }
  };
  const finish = (end: TrackedEnd): void => enqueue(async () => void (await tracker.finish(end)));

  return {
    name: tracker.name,
    next(event: RunEvent): void {
      if (event.kind === "started" || event.kind === "resumed") {
        const run = { ...event.run, resumed: event.kind === "resumed", hparams };
        enqueue(async () => {
          lastStep = (await tracker.start(run)) ?? -1;
        });
      }
      const steps = failed ? [] : series.hear(event);
      if (steps.length > 0) {
        for (const { trialCount, wallMs, scalars } of steps) waiting.push({ trialCount, wallMs, scalars });
        if (waiting.length > MAX_WAITING) fail(new Error(`${tracker.name} is more than ${MAX_WAITING} steps behind`));
        enqueue(deliver);
      }
      if (event.kind === "finished" || event.kind === "interrupted") {
        finish({ status: event.summary.status, summary: event.summary });
      }
    },
    error: () => finish({ status: "failed", summary: undefined }),
    settled: () => delivery,
    abandon() {
      if (pending > 0) fail(new Error("it takes too long; what is missing follows when the run is resumed with it"));
    },
  };
}
