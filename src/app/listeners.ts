// Who follows a run from the command line: the log and TensorBoard's file in the run folder, the trackers that were asked
// for, and the picture for whoever watches.
import { setTimeout as sleep } from "node:timers/promises";
import type { ComposedStudy } from "../../experiments/compose.js";
import type { RunListener } from "../study/listeners.js";
import { LOG_FILE, type RunFolder } from "../study/run-folder.js";
import { liveView } from "../track/live.js";
import { runLog } from "../track/run-log.js";
import { tensorboard } from "../track/tensorboard/tensorboard.js";
import { type Tracker, trackerListener } from "../track/tracker.js";
import type { Terminal } from "./terminal.js";

export interface ListenerOptions {
  readonly quiet?: boolean;
  /** lines instead of the picture, also where nobody watches */
  readonly plain?: boolean;
  /** default true */
  readonly tensorboard?: boolean;
}

/** How long the end of a run waits for trackers. */
const SETTLE_MS = 30_000;

export interface RunListeners {
  readonly listeners: readonly RunListener[];
  /** resolves when the trackers have everything, or are given up */
  settled(): Promise<void>;
}

export function runListeners(
  composed: ComposedStudy,
  folder: RunFolder,
  options: ListenerOptions,
  terminal: Terminal,
  trackers: readonly Tracker[],
): RunListeners {
  const hparams = composed.study.agent.options;
  const clock = Date.now;
  const tracked = trackers.map((tracker) => {
    const onError = (error: unknown): void =>
      terminal.err(`warning: ${tracker.name} stopped: ${error instanceof Error ? error.message : String(error)}\n`);
    return trackerListener(tracker, { hparams, clock, onError });
  });
  const listeners: RunListener[] = [runLog({ file: folder.file(LOG_FILE), clock }), ...tracked];
  if (options.tensorboard !== false) {
    listeners.push(tensorboard({ space: composed.plan.space.toData(), hparams, clock }));
  }
  if (!options.quiet && (terminal.interactive || options.plain))
    listeners.push(view(composed, folder, options, terminal));
  return {
    listeners,
    async settled() {
      const late = setTimeout(() => terminal.err("waiting for trackers, at most half a minute\n"), 3000);
      const end = new AbortController();
      await Promise.race([Promise.all(tracked.map((one) => one.settled())), timeout(SETTLE_MS, end.signal)]);
      for (const one of tracked) one.abandon();
      end.abort();
      clearTimeout(late);
    },
  };
}

function view(composed: ComposedStudy, folder: RunFolder, { plain }: ListenerOptions, terminal: Terminal): RunListener {
  const { columns, rows } = terminal;
  return liveView({
    screen: { write: (text) => terminal.err(text), columns, ...(rows !== undefined && { rows }) },
    interactive: plain !== true,
    color: terminal.colour,
    clock: Date.now,
    budget: () => folder.manifest.trials,
    metrics: composed.axes.map(({ metric }) => metric),
  });
}

/** Resolves after so long, or at once when the signal comes. */
const timeout = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);
