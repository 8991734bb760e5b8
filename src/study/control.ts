// Steering a run from outside: control.json in its folder says what somebody wants, and the run looks between batches.
// A file works for runs that another process started, survives a restart of the server, and keeps both sides apart.
// It never changes what a trial is: pausing waits, stopping ends as Ctrl-C does, a larger budget is that of `resume --trials`.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { removeDurably, writeDurably } from "./durable.js";

export const CONTROL_FILE = "control.json";

/** What is wanted of a run. */
export interface Control {
  /** no further batch until this is false again */
  readonly paused: boolean;
  /** end after the batch under way, resumable */
  readonly stop: boolean;
  /** raise the budget to this; a smaller number than the present budget is ignored */
  readonly trials?: number | undefined;
}

export const NO_CONTROL: Control = { paused: false, stop: false };
const MAX_BYTES = 4096;

export const controlSchema = z.strictObject({
  paused: z.boolean().default(false),
  stop: z.boolean().default(false),
  trials: z.int().min(1).max(100_000_000).optional(),
});

/** What is wanted now; nothing when the file is missing, too long or unreadable: a run never fails by its control. */
export function readControl(runFolder: string): Control {
  const file = join(runFolder, CONTROL_FILE);
  try {
    if (statSync(file).size > MAX_BYTES) return NO_CONTROL;
    const parsed = controlSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
    return parsed.success ? parsed.data : NO_CONTROL;
  } catch {
    return NO_CONTROL;
  }
}

export function writeControl(runFolder: string, control: Control): void {
  writeDurably(join(runFolder, CONTROL_FILE), `${JSON.stringify(control)}\n`);
}

/** A session starts without the wishes of the one before. */
export function clearControl(runFolder: string): void {
  removeDurably(join(runFolder, CONTROL_FILE));
}
