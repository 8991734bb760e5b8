// One run as one RxJS pipeline, a closed loop:
//   propose a batch -> evaluate it, so many at a time -> back in order -> score -> record -> observe -> checkpoint -> again
// The agent learns from whole batches. A batch that the budget cuts is recorded but not learnt from, and what is resumed
// starts before it; so a run of 1,000 trials that is resumed to 2,000 is the same as one of 2,000.
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  catchError,
  concat,
  defer,
  EMPTY,
  fromEvent,
  map,
  mergeMap,
  NEVER,
  type Observable,
  of,
  repeat,
  share,
  takeUntil,
} from "rxjs";
import type { RunEvent } from "./events.js";
import { inOrder } from "./in-order.js";
import { attach, type ListenerReport, type RunListener } from "./listeners.js";
import { outcomeOf } from "./outcome.js";
import type { StudyPlan } from "./plan.js";
import type { RunFolder } from "./run-folder.js";
import { type Batch, Session } from "./session.js";

export type { RunListener } from "./listeners.js";

export interface RunOptions {
  /** ends the run after the trial under way (or after the agent's update under way), resumable */
  readonly signal?: AbortSignal;
  /** attached before the first event */
  readonly listeners?: readonly RunListener[];
  /** told once about each listener that threw; by default a process warning */
  readonly onListenerError?: ListenerReport;
}

/** Runs a study, or continues it when the folder holds trials. Starts with the first subscription; further ones share the
 *  run and hear what comes after them. Unsubscribing only stops listening: a run ends by its budget, by `signal`, or by
 *  an error (coded, see core/errors.ts), which subscribers get once the record is safe and the folder is given back. */
export function runStudy(plan: StudyPlan, folder: RunFolder, options: RunOptions = {}): Observable<RunEvent> {
  const session = new Session(plan, folder);
  const { signal, listeners = [], onListenerError = warn } = options;
  const stopped = (): boolean => session.over || session.stopWanted || signal?.aborted === true;
  const steered = async (): Promise<void> => {
    await nextTurn();
    await session.steer(signal);
  };

  const batch$ = defer(() => session.propose()).pipe(
    mergeMap((batch) => concat(trialsOf(plan, session, batch, signal), lessonOf(session, batch), timesOf(session))),
  );
  const loop$ = defer(() => (stopped() ? EMPTY : batch$)).pipe(
    repeat({ delay: () => (stopped() ? EMPTY : steered()) }), // the next batch is proposed when this one is done
  );
  const run$ = concat(
    defer(() => session.open()),
    loop$,
    defer(async () => session.finish()),
  ).pipe(
    catchError((error: unknown) => {
      session.close();
      throw error;
    }),
    share({ resetOnComplete: false, resetOnError: false, resetOnRefCountZero: false }),
  );

  let attached = false;
  return defer(() => {
    if (!attached) for (const listener of listeners) attach(run$, listener, onListenerError);
    attached = true;
    return run$;
  });
}

/** Evaluates and records a batch, trial by trial in order; what is under way when the signal comes is given up. */
function trialsOf(
  plan: StudyPlan,
  session: Session,
  batch: Batch,
  signal: AbortSignal | undefined,
): Observable<RunEvent> {
  return inOrder(
    batch.keys,
    (key) => session.known(key),
    (place) => outcomeOf(plan, batch.candidates[place]!),
    Math.max(1, plan.evaluator.concurrency),
  ).pipe(
    takeUntil(abortOf(signal)),
    map((outcome) => session.add(batch, outcome)),
  );
}

/** The agent's update after a whole batch, and the checkpoint when one is due. */
function lessonOf(session: Session, batch: Batch): Observable<RunEvent> {
  return defer(() => {
    if (batch.cut || batch.trials.length === 0 || batch.trials.length < batch.candidates.length) return EMPTY;
    return concat(
      defer(() => session.observe(batch)),
      defer(() => (session.checkpointDue ? session.checkpoint() : EMPTY)),
    );
  });
}

/** Records the wall times of a batch that went well; no event, since times differ between equal runs. */
const timesOf = (session: Session): Observable<never> =>
  defer(() => {
    session.recordTimes();
    return EMPTY;
  });

/** Emits once when the signal is or becomes aborted. */
function abortOf(signal: AbortSignal | undefined): Observable<unknown> {
  if (signal === undefined) return NEVER;
  return defer(() => (signal.aborted ? of(signal) : fromEvent(signal, "abort")));
}

function warn(listener: string, error: unknown): void {
  process.emitWarning(`listener ${listener} failed and was taken off: ${String(error)}`, "CosearchWarning");
}
