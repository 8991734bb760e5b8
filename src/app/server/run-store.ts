// The run folders beneath one root, by id: finds them, refuses everything else, and keeps the columns of those that somebody
// looks at, up to a memory limit. A folder that cannot be read is an error of that run alone.
import { lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { axesOfStudy } from "../../../experiments/design-view.js";
import type { Axis } from "../../core/pareto.js";
import { readText } from "../../files/documents.js";
import { readControl } from "../../study/control.js";
import { MANIFEST_FILE, type Manifest, readManifest } from "../../study/manifest.js";
import { LOCK_FILE, SUMMARY_FILE } from "../../study/run-folder.js";
import { lockHolder } from "../../study/run-lock.js";
import type { Status } from "./api.js";
import { RunColumns } from "./run-columns.js";

/** What the page may ask about a run. */
export interface OpenRun {
  readonly id: string;
  readonly folder: string;
  readonly manifest: Manifest;
  readonly axes: readonly Axis[];
  readonly columns: RunColumns;
}

/** A run that is not there or cannot be read; `status` is the HTTP status. */
export class RunProblem extends Error {
  readonly status: 404 | 422;

  constructor(status: 404 | 422, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

const RUN_ID = /^[A-Za-z0-9][\w.-]{0,199}$/;
const MAX_MANIFEST_BYTES = 8 << 20;
const MAX_RUNS = 2000;
const MAX_COLUMN_BYTES = 128 << 20;
const MAX_KNOBS = 1000;

export class RunStore {
  readonly root: string;
  readonly #open = new Map<string, { readonly stamp: string; readonly run: OpenRun }>();

  /** @param root the runs folder; it need not exist yet */
  constructor(root: string) {
    this.root = root;
  }

  /** Names of the run folders, newest manifest first. */
  ids(): string[] {
    let names: string[];
    try {
      names = readdirSync(this.root);
    } catch {
      return [];
    }
    const found = names.flatMap((id) => {
      if (!RUN_ID.test(id)) return [];
      try {
        if (!lstatSync(join(this.root, id)).isDirectory()) return [];
        return [{ id, changed: lstatSync(join(this.root, id, MANIFEST_FILE)).mtimeMs }];
      } catch {
        return [];
      }
    });
    return found
      .sort((a, b) => b.changed - a.changed || a.id.localeCompare(b.id))
      .slice(0, MAX_RUNS)
      .map(({ id }) => id);
  }

  /** The folder of a run: a real folder directly beneath the root, whatever the id looks like and wherever links lead.
   *  @throws RunProblem 404 */
  folderOf(id: string): string {
    const missing = new RunProblem(404, "there is no such run");
    if (!RUN_ID.test(id) || id.includes("..")) throw missing;
    try {
      const root = realpathSync(this.root);
      const folder = realpathSync(join(root, id));
      if (folder !== `${root}${sep}${id}` || !statSync(folder).isDirectory()) throw missing;
      for (const name of readdirSync(folder)) {
        if (lstatSync(join(folder, name)).isSymbolicLink()) {
          throw new RunProblem(422, `the folder holds a symbolic link (${name}); links are not followed`);
        }
      }
      return folder;
    } catch (error) {
      throw error instanceof RunProblem ? error : missing;
    }
  }

  /** A run with everything that its files hold by now. @throws RunProblem 404, 422 */
  async run(id: string): Promise<OpenRun> {
    const folder = this.folderOf(id);
    try {
      const run = this.#runOf(id, folder);
      try {
        await run.columns.refresh();
      } catch (error) {
        this.#open.delete(id); // read from the start next time: a resume may have cut a torn line
        throw error;
      }
      this.#forget(id);
      return run;
    } catch (error) {
      throw error instanceof RunProblem ? error : new RunProblem(422, messageOf(error), { cause: error });
    }
  }

  /** What a run does now. */
  status(folder: string): Status {
    if (lockHolder(join(folder, LOCK_FILE)) !== undefined) return readControl(folder).paused ? "paused" : "running";
    return endOf(folder);
  }

  #runOf(id: string, folder: string): OpenRun {
    const file = join(folder, MANIFEST_FILE);
    const { size, mtimeMs, ino } = statSync(file);
    if (size > MAX_MANIFEST_BYTES)
      throw new RunProblem(422, `${MANIFEST_FILE} is larger than ${MAX_MANIFEST_BYTES} bytes`);
    const stamp = `${size} ${mtimeMs} ${ino}`;
    const known = this.#open.get(id);
    if (known?.stamp === stamp) {
      this.#open.delete(id); // and back in, as the most recently used
      this.#open.set(id, known);
      return known.run;
    }
    const manifest = readManifest(folder);
    checkSpace(manifest);
    // a raised budget changes the manifest, not the trials
    const same = known !== undefined && known.run.manifest.created === manifest.created;
    const columns = same ? known.run.columns : new RunColumns(folder, manifest.space);
    const run = { id, folder, manifest, axes: axesOf(manifest), columns };
    this.#open.set(id, { stamp, run });
    return run;
  }

  /** Keeps within the memory limit, the least recently used first; never the run that is being looked at. */
  #forget(keep: string): void {
    let total = 0;
    for (const { run } of this.#open.values()) total += run.columns.bytes;
    for (const [id, { run }] of this.#open) {
      if (total <= MAX_COLUMN_BYTES) return;
      if (id === keep) continue;
      total -= run.columns.bytes;
      this.#open.delete(id);
    }
  }
}

function checkSpace({ space }: Manifest): void {
  const knobs = space.knobs as readonly { name?: unknown; values?: unknown }[];
  const fine = knobs.every((knob) => typeof knob?.name === "string" && Array.isArray(knob.values));
  if (!fine || knobs.length > MAX_KNOBS) throw new RunProblem(422, `${MANIFEST_FILE}: its space is not one of ours`);
}

/** Axes of the reward; those of a study that is not one of ours (a library user's own) are its reward alone. */
function axesOf(manifest: Manifest): readonly Axis[] {
  try {
    return axesOfStudy(manifest.study);
  } catch {
    return [];
  }
}

function endOf(folder: string): Status {
  try {
    const file = join(folder, SUMMARY_FILE);
    if (statSync(file).size > MAX_MANIFEST_BYTES) return "stopped";
    const { status } = JSON.parse(readText(file)) as { status?: unknown };
    return status === "exhausted" ? "exhausted" : "finished";
  } catch {
    return "stopped";
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
