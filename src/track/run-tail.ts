// Follows a run that another process writes: what stands there, then what is added, as the events a run in this process
// would tell. It only reads. Torn last lines wait until they are whole.
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { CosearchError } from "../core/errors.js";
import type { Trial } from "../core/trial.js";
import type { RunEvent, RunHead } from "../study/events.js";
import { type Manifest, readManifest } from "../study/manifest.js";
import { LOCK_FILE } from "../study/run-folder.js";
import { lockHolder } from "../study/run-lock.js";
import { TRIALS_FILE } from "../study/trial-lines.js";

const NEWLINE = 10;
const CHUNK_BYTES = 1 << 18;

/** The lines that were added to a file since the last look. */
export class LineTail {
  readonly #file: string;
  #offset = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** New whole lines; none while there is no file. */
  read(): string[] {
    if (!existsSync(this.#file)) return [];
    const handle = openSync(this.#file, "r");
    const lines: string[] = [];
    try {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      let rest = Buffer.alloc(0);
      for (;;) {
        const size = readSync(handle, chunk, 0, chunk.length, this.#offset + rest.length);
        if (size === 0) return lines;
        const bytes = Buffer.concat([rest, chunk.subarray(0, size)]);
        let start = 0;
        for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
          lines.push(bytes.toString("utf8", start, end));
          start = end + 1;
        }
        this.#offset += start;
        rest = bytes.subarray(start);
      }
    } finally {
      closeSync(handle);
    }
  }
}

export class RunTail {
  readonly manifest: Manifest;
  readonly #runFolder: string;
  readonly #trials: LineTail;
  #first = true;

  /** @throws CosearchError RUN_NOT_FOUND, RUN_VERSION, RUN_DAMAGED */
  constructor(runFolder: string) {
    this.manifest = readManifest(runFolder);
    this.#runFolder = runFolder;
    this.#trials = new LineTail(join(runFolder, TRIALS_FILE));
  }

  /** A process writes the run now. */
  get running(): boolean {
    return lockHolder(join(this.#runFolder, LOCK_FILE)) !== undefined;
  }

  /** The budget as the manifest says now; it is written when somebody raises it. */
  get budget(): number {
    try {
      return readManifest(this.#runFolder).trials;
    } catch {
      return this.manifest.trials; // it is being replaced
    }
  }

  /** What happened since the last look: first `started` and the trials that stand there, later the new ones.
   *  @throws CosearchError RUN_DAMAGED for a line that is no trial */
  read(): RunEvent[] {
    const recorded = this.#first; // they say nothing about the rate
    const events: RunEvent[] = this.#trials.read().map((text) => {
      return { kind: "trial", trial: this.#parsed(text), cached: false, recorded };
    });
    if (this.#first) events.unshift({ kind: "started", run: this.#head() });
    this.#first = false;
    return events;
  }

  #head(): RunHead {
    const { runId, studyName, agentName, seed, trials, batchSize } = this.manifest;
    return { runId, runFolder: this.#runFolder, studyName, agentName, seed, trials, batchSize };
  }

  #parsed(text: string): Trial {
    try {
      const trial = JSON.parse(text) as Trial;
      if (typeof trial.trial === "number" && typeof trial.reward === "number") return trial;
    } catch {
      // told below
    }
    throw new CosearchError("RUN_DAMAGED", `${join(this.#runFolder, TRIALS_FILE)}: no trial: ${text.slice(0, 80)}`);
  }
}
