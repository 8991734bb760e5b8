// Listeners follow a run and never change it: one that throws is taken off and reported once, the run goes on.
import type { Observable } from "rxjs";
import type { RunEvent } from "./events.js";

/** Something that follows a run. */
export interface RunListener {
  readonly name: string;
  next(event: RunEvent): void;
  /** the run failed; nothing follows */
  error?(error: unknown): void;
  /** the run ended */
  complete?(): void;
}

export type ListenerReport = (listener: string, error: unknown) => void;

/** Subscribes a listener. Without this guard RxJS would rethrow its error as an uncaught exception, ending the process. */
export function attach(events$: Observable<RunEvent>, listener: RunListener, report: ListenerReport): void {
  let failed = false;
  const guarded = (call: () => void): void => {
    if (failed) return;
    try {
      call();
    } catch (error) {
      failed = true;
      report(listener.name, error);
    }
  };
  events$.subscribe({
    next: (event) => guarded(() => listener.next(event)),
    error: (error: unknown) => guarded(() => listener.error?.(error)),
    complete: () => guarded(() => listener.complete?.()),
  });
}
