// runs/<run id>/: all that a run leaves behind, written so that a kill at any moment costs nothing but a torn last line.
//   manifest.json      what the run is                       trials.jsonl    one line per trial, in order, no wall times
//   updates.jsonl      one line per update of the agent      times.jsonl     wall times, one line per batch
//   checkpoints/       the agent's state, the last few       summary.json    at the end
//   log.jsonl          the log (src/track)                   lock            while a process writes
import { join } from "node:path";
import { type Manifest, readManifest } from "./manifest.js";
import type { StudyPlan } from "./plan.js";

/** Milliseconds since 1970; injected, so that tests decide what time it is. */
export type Clock = () => number;

/** A run folder that this process has locked. */
export class RunFolder {
  readonly path: string;
  readonly manifest: Manifest;
  readonly clock: Clock;

  constructor(path: string, manifest: Manifest, clock: Clock) {
    this.path = path;
    this.manifest = manifest;
    this.clock = clock;
  }

  get id(): string {
    return this.manifest.runId;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Gives the lock back; harmless when called twice. */
  close(): void {}
}

/** A new folder `<root>/<study>-<agent>-s<seed>-<yyyymmdd-hhmmss>` (with a suffix when taken), locked. */
export declare function createRunFolder(root: string, plan: StudyPlan, clock: Clock): RunFolder;

/** An existing run folder, locked, to be resumed.
 *  @throws CosearchError RUN_NOT_FOUND, RUN_VERSION, RUN_DAMAGED, RUN_LOCKED (names the process) */
export function openRunFolder(path: string, clock: Clock): RunFolder {
  return new RunFolder(path, readManifest(path), clock);
}
