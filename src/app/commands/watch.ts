// `cosearch watch`: follows a run that was started elsewhere, until it ends. It reads the run folder and changes nothing;
// Ctrl-C ends the watching, not the run.
import { setTimeout as sleep } from "node:timers/promises";
import { axesOf } from "../../../experiments/run-axes.js";
import { liveView } from "../../track/live.js";
import { readRun } from "../../track/run-reader.js";
import { RunTail } from "../../track/run-tail.js";
import { EXIT } from "../exit-codes.js";
import type { Terminal } from "../terminal.js";

export interface WatchCommandOptions {
  readonly plain?: boolean;
}

const LOOK_EVERY_MS = 200;

/** @throws CosearchError RUN_NOT_FOUND, RUN_DAMAGED, RUN_VERSION */
export async function watchCommand(
  runFolder: string,
  { plain }: WatchCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const tail = new RunTail(runFolder);
  const { columns, rows } = terminal;
  const metrics = axesOf(tail.manifest).map(({ metric }) => metric);
  let { budget } = tail;
  const view = liveView({
    screen: { write: (text) => terminal.err(text), columns, ...(rows !== undefined && { rows }) },
    interactive: terminal.interactive && plain !== true,
    color: terminal.colour,
    clock: Date.now,
    budget: () => budget,
    ...(metrics.length > 0 && { metrics }),
  });
  for (let running = true; running; ) {
    budget = tail.budget;
    running = tail.running; // asked before reading: what was written before the end is read
    for (const event of tail.read()) view.next(event);
    if (running) await sleep(LOOK_EVERY_MS);
  }
  view.complete?.();
  const { status, summary } = readRun(runFolder);
  terminal.out(`${status} after ${summary.trialCount} of ${budget} trials\n`);
  if (status === "stopped") terminal.out(`continue with: cosearch resume ${runFolder}\n`);
  return EXIT.ok;
}
