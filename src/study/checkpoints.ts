// checkpoints/: the agent's state after whole batches, each file with the hash of its content; the last few are kept.
// Nothing in them differs between equal runs. A checkpoint is used only when its hash fits and the trials that it counts
// are all recorded; otherwise the one before it is.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { StateTree } from "../core/agent.js";
import { decodeState, encodeState } from "../core/state-codec.js";
import { readText } from "../files/documents.js";
import { removeDurably, writeDurably } from "./durable.js";
import { RUN_FORMAT } from "./manifest.js";

/** Where a run stands between two batches. */
export interface Checkpoint {
  readonly trialCount: number;
  readonly batchCount: number;
  /** size of trials.jsonl and updates.jsonl at that moment */
  readonly trialsBytes: number;
  readonly updatesBytes: number;
  /** of policy.jsonl; undefined in a run of an earlier version, which has none */
  readonly policyBytes?: number;
  /** of trials.jsonl up to there: a record that was changed behind the run's back is not continued */
  readonly trialsSha256: string;
  readonly agent: StateTree;
}

const NAME = /^checkpoint-\d{9}\.json$/;

/** The checkpoints of one run. */
export class Checkpoints {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** File names, oldest first. */
  names(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => NAME.test(name))
      .sort();
  }

  /** Writes a checkpoint and drops all but the newest `keep`. @returns its file name */
  write(checkpoint: Checkpoint, keep: number): string {
    const name = `checkpoint-${String(checkpoint.trialCount).padStart(9, "0")}.json`;
    const content = JSON.stringify({ ...checkpoint, agent: encodeState(checkpoint.agent) });
    const header = JSON.stringify({ format: RUN_FORMAT, sha256: sha256(content) });
    writeDurably(join(this.#folder, name), `${header}\n${content}\n`);
    for (const old of this.names().slice(0, -keep)) this.remove(old);
    return name;
  }

  remove(name: string): void {
    removeDurably(join(this.#folder, name));
  }

  /** A checkpoint, or in words why it cannot be used. */
  read(name: string): Checkpoint | string {
    const [header, content] = readText(join(this.#folder, name)).split("\n");
    try {
      const { format, sha256: expected } = JSON.parse(header ?? "") as { format?: unknown; sha256?: unknown };
      if (format !== RUN_FORMAT) return `format ${String(format)}`;
      if (content === undefined || sha256(content) !== expected) return "its content does not fit its hash";
      const value = JSON.parse(content) as Checkpoint;
      return { ...value, agent: decodeState(value.agent) };
    } catch (error) {
      return `unreadable (${(error as Error).message})`;
    }
  }
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
