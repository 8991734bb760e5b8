// Follows one run from start to end: listeners, Ctrl-C, and what is printed when it is over. Shared by run and resume.
import { lastValueFrom, tap } from "rxjs";
import type { ComposedStudy } from "../../experiments/compose.js";
import { winnerAndReference } from "../../experiments/designs.js";
import type { Trial } from "../core/trial.js";
import type { RunEvent, RunSummary } from "../study/events.js";
import type { RunFolder } from "../study/run-folder.js";
import { runStudy } from "../study/run-study.js";
import { trialsOf } from "../track/run-reader.js";
import { searchWarnings } from "../track/search-warnings.js";
import type { Tracker } from "../track/tracker.js";
import { EXIT } from "./exit-codes.js";
import { type ListenerOptions, runListeners } from "./listeners.js";
import type { Terminal } from "./terminal.js";
import { verdict } from "./verdict.js";

export interface FollowOptions extends ListenerOptions {
  readonly json?: boolean;
}

/** Runs the study in its folder and prints the outcome on stdout. @returns the exit code */
export async function follow(
  composed: ComposedStudy,
  folder: RunFolder,
  options: FollowOptions,
  terminal: Terminal,
  trackers: readonly Tracker[] = [],
): Promise<number> {
  for (const note of composed.notes) if (!options.quiet) terminal.err(`note: ${note}\n`);
  const stop = stopOnSignals(terminal);
  const { listeners, settled } = runListeners(composed, folder, options, terminal, trackers);
  try {
    const events$ = runStudy(composed.plan, folder, {
      signal: stop.signal,
      listeners,
      onListenerError: (listener, error) => terminal.err(`warning: ${listener} stopped: ${String(error)}\n`),
    });
    const warn = searchWarnings(composed.plan.trials);
    const warnings: string[] = []; // that the picture would draw over
    const isDrawn = terminal.interactive && options.plain !== true;
    const say = (warning: string) => terminal.err(`warning: ${warning}\n`);
    const heed = (event: RunEvent): void => {
      if (event.kind !== "update" || options.quiet) return;
      for (const warning of warn(event.trialCount, event.diagnostics)) isDrawn ? warnings.push(warning) : say(warning);
    };
    const last = await lastValueFrom(events$.pipe(tap(heed)));
    for (const warning of warnings) say(warning);
    return await finish(last, composed, options, terminal);
  } finally {
    await settled();
    stop.release();
    await composed.dispose();
  }
}

/** The trials of a run that is over, read from its folder each time: a long run would fill the memory with them. */
function recordedTrials({ runFolder, trialCount }: RunSummary): Iterable<Trial> {
  return {
    *[Symbol.iterator]() {
      for (const trial of trialsOf(runFolder)) {
        if (trial.trial >= trialCount) return; // recorded by a session before, and not made again yet
        yield trial;
      }
    },
  };
}

async function finish(
  last: RunEvent,
  composed: ComposedStudy,
  options: FollowOptions,
  terminal: Terminal,
): Promise<number> {
  if (last.kind !== "finished" && last.kind !== "interrupted") throw new Error(`the run ended with ${last.kind}`);
  const { summary } = last;
  if (options.json) terminal.out(`${JSON.stringify(summary, null, 2)}\n`);
  else terminal.out(await outcomeText(summary, composed, terminal));
  if (last.kind === "finished") return EXIT.ok;
  terminal.err(`stopped after ${summary.trialCount} trials; continue with: ${last.resumeCommand}\n`);
  return EXIT.interrupted;
}

async function outcomeText(summary: RunSummary, composed: ComposedStudy, terminal: Terminal): Promise<string> {
  const { best } = summary;
  const designs = best?.feasible ? await winnerAndReference(composed.study, best.candidate) : undefined;
  return verdict(summary, recordedTrials(summary), composed.axes, designs, terminal.paint);
}

/** The first Ctrl-C or SIGTERM ends the run after the trial under way; the second ends the process at once. */
function stopOnSignals(terminal: Terminal): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    terminal.err("\nstopping after this trial; once more to stop at once\n");
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
