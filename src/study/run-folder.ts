// runs/<run id>/: all that a run leaves behind, written so that a kill at any moment costs nothing but a torn last line.
//   manifest.json      what the run is                       trials.jsonl    one line per trial, in order, no wall times
//   updates.jsonl      one line per update of the agent      times.jsonl     wall times, one line per batch
//   policy.jsonl       what the policy would draw            summary.json    at the end
//   checkpoints/       the agent's state, the last few       log.jsonl       the log (src/track)
//   lock               while a process writes
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { CosearchError } from "../core/errors.js";
import { Checkpoints } from "./checkpoints.js";
import { removeDurably, syncFolder, writeDurably } from "./durable.js";
import type { RunSummary } from "./events.js";
import { MANIFEST_FILE, type Manifest, manifestOf, readManifest } from "./manifest.js";
import type { StudyPlan } from "./plan.js";
import { lockRun } from "./run-lock.js";

export const SUMMARY_FILE = "summary.json";
export const UPDATES_FILE = "updates.jsonl";
export const TIMES_FILE = "times.jsonl";
export const LOG_FILE = "log.jsonl";
export const LOCK_FILE = "lock";

/** Milliseconds since 1970; injected, so that tests decide what time it is. */
export type Clock = () => number;

/** A run folder that this process has locked. */
export class RunFolder {
  /** as given, for messages and commands */
  readonly path: string;
  readonly clock: Clock;
  readonly checkpoints: Checkpoints;
  #manifest: Manifest;
  readonly #unlock: () => void;

  constructor(path: string, manifest: Manifest, clock: Clock, unlock: () => void) {
    this.path = path;
    this.clock = clock;
    this.checkpoints = new Checkpoints(join(path, "checkpoints"));
    this.#manifest = manifest;
    this.#unlock = unlock;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  get id(): string {
    return this.#manifest.runId;
  }

  /** Path of a file in the folder. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Notes another budget. */
  setTrials(trials: number): void {
    if (trials === this.#manifest.trials) return;
    this.#manifest = { ...this.#manifest, trials };
    writeDurably(this.file(MANIFEST_FILE), pretty(this.#manifest));
  }

  /** Writes summary.json, or removes it while the run goes on. */
  setSummary(summary: RunSummary | undefined): void {
    if (summary !== undefined) writeDurably(this.file(SUMMARY_FILE), pretty(summary));
    else if (existsSync(this.file(SUMMARY_FILE))) removeDurably(this.file(SUMMARY_FILE));
  }

  /** Gives the lock back; harmless when called twice. */
  close(): void {
    this.#unlock();
  }
}

/** A new folder `<root>/<study>-<agent>-s<seed>-<yyyymmdd-hhmmss>` (UTC; with a suffix when taken), or
 *  `<root>/<id>`; locked. @throws CosearchError RUN_EXISTS when `<root>/<id>` is there already */
export function createRunFolder(root: string, plan: StudyPlan, clock: Clock, id?: string): RunFolder {
  const now = clock();
  const stamp = new Date(now).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const stem = `${nameOf(plan.studyName)}-${nameOf(plan.agentName)}-s${plan.seed}-${stamp}`;
  mkdirSync(root, { recursive: true });
  for (let copy = 1; ; copy++) {
    const runId = id ?? (copy === 1 ? stem : `${stem}-${copy}`);
    const path = join(root, runId);
    if (!created(path)) {
      if (id === undefined) continue;
      const hint = `resume it with \`cosearch resume ${path}\`, or give another --id`;
      throw new CosearchError("RUN_EXISTS", `${path} exists already; ${hint}`);
    }
    const unlock = lockRun(join(path, LOCK_FILE));
    const manifest = manifestOf(plan, runId, now);
    writeDurably(join(path, MANIFEST_FILE), pretty(manifest));
    syncFolder(resolve(root));
    return new RunFolder(path, manifest, clock, unlock);
  }
}

/** An existing run folder, locked, to be resumed.
 *  @throws CosearchError RUN_NOT_FOUND, RUN_VERSION, RUN_DAMAGED, RUN_LOCKED (names the process) */
export function openRunFolder(path: string, clock: Clock): RunFolder {
  readManifest(path); // refuse what is no run folder before a lock is put into it
  const unlock = lockRun(join(path, LOCK_FILE));
  try {
    return new RunFolder(path, readManifest(path), clock, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Checks that a plan continues the run that the folder holds. @throws CosearchError RUN_DIVERGED naming the difference */
export function checkSamePlan(manifest: Manifest, plan: StudyPlan): void {
  const given = manifestOf(plan, manifest.runId, 0);
  for (const key of ["agentName", "seed", "backend", "batchSize", "space"] as const) {
    if (JSON.stringify(given[key]) === JSON.stringify(manifest[key])) continue;
    const [now, then] = [given[key], manifest[key]].map((value) =>
      typeof value === "object" ? `another ${key}` : JSON.stringify(value),
    );
    throw new CosearchError(
      "RUN_DIVERGED",
      `run ${manifest.runId} cannot be continued: ${key} was ${then} and is ${now}; start a new run instead`,
    );
  }
}

/** Versions that moved since the run was started, in words. */
export function versionNotes(manifest: Manifest, plan: StudyPlan): string[] {
  const [then, now] = [manifest.versions, plan.versions];
  return [...new Set([...Object.keys(then), ...Object.keys(now)])]
    .filter((name) => then[name] !== now[name])
    .map((name) => `${name} was ${then[name] ?? "absent"} and is ${now[name] ?? "absent"}: results may move`);
}

function created(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

const nameOf = (text: string): string => text.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+|-+$/g, "") || "study";
const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
