// Where a run folder stands: the newest checkpoint that fits the record, and the record beyond it.
import { existsSync } from "node:fs";
import { CosearchError } from "../core/errors.js";
import type { Space } from "../core/space.js";
import type { Checkpoint } from "./checkpoints.js";
import { type Line, readLines } from "./durable.js";
import { POLICY_FILE } from "./policy-lines.js";
import { hashOf } from "./recorded-lines.js";
import { type RunFolder, UPDATES_FILE } from "./run-folder.js";
import { type RecordedTrial, readTrials, recordedKey, TRIALS_FILE } from "./trial-lines.js";

/** A trial of the record, with the key of its candidate. */
export interface KeyedTrial extends RecordedTrial {
  readonly key: string;
}

export interface Standing {
  readonly trials: readonly KeyedTrial[];
  readonly updates: readonly Line[];
  /** lines of policy.jsonl */
  readonly policies: readonly Line[];
  /** undefined: the run is made again from trial 0 */
  readonly checkpoint: (Checkpoint & { readonly file: string }) | undefined;
  /** checkpoints that cannot be used, to be removed */
  readonly unusable: readonly string[];
  /** what is wrong and what is done about it */
  readonly notes: readonly string[];
}

/** True when the folder belongs to a run that was started before. */
export const wasStarted = (folder: RunFolder): boolean =>
  existsSync(folder.file(TRIALS_FILE)) || folder.checkpoints.names().length > 0;

/** Reads a folder; changes nothing. @throws CosearchError RUN_DAMAGED when the trials are unreadable before their end */
export function standingOf(folder: RunFolder, space: Space): Standing {
  const file = folder.file(TRIALS_FILE);
  const trials = [...readTrials(file)].map((recorded) => ({
    ...recorded,
    key: recordedKey(space, recorded.trial, file),
  }));
  const updates = wholeLines([...readLines(folder.file(UPDATES_FILE))]);
  const policies = wholeLines([...readLines(folder.file(POLICY_FILE))]);
  const trialEnds = new Map(trials.map(({ trial, endByte }) => [endByte, trial.trial + 1]));
  trialEnds.set(0, 0);
  const updateEnds = endsOf(updates);
  const policyEnds = endsOf(policies);

  const notes: string[] = [];
  const unusable: string[] = [];
  for (const name of folder.checkpoints.names().reverse()) {
    const found = folder.checkpoints.read(name);
    if (typeof found !== "string") {
      const linesFit = updateEnds.has(found.updatesBytes) && policyEnds.has(found.policyBytes ?? 0);
      if (trialEnds.get(found.trialsBytes) === found.trialCount && linesFit) {
        checkUnchanged(file, trials.slice(0, found.trialCount), found, name);
        return { trials, updates, policies, checkpoint: { ...found, file: name }, unusable, notes };
      }
    }
    const why = typeof found === "string" ? found : "it does not fit the recorded trials and updates";
    notes.push(`${name} cannot be used: ${why}; the one before it is`);
    unusable.push(name);
  }
  if (notes.length > 0) {
    notes.push(`no checkpoint is left: the run is made again from trial 0 with the ${trials.length} recorded trials`);
  }
  return { trials, updates, policies, checkpoint: undefined, unusable, notes };
}

/** @throws CosearchError RUN_DAMAGED when the trials that a checkpoint counts are not those that were recorded */
function checkUnchanged(file: string, trials: readonly KeyedTrial[], checkpoint: Checkpoint, name: string): void {
  if (hashOf(trials.map(({ text }) => text)).digest("hex") === checkpoint.trialsSha256) return;
  throw new CosearchError(
    "RUN_DAMAGED",
    `${file}: a line among the first ${trials.length} was changed after it was recorded (${name} holds their hash)`,
  );
}

/** Where the lines of a file can end. */
const endsOf = (lines: readonly Line[]): ReadonlySet<number> => new Set([0, ...lines.map(({ endByte }) => endByte)]);

/** Without a last line that the kill garbled. */
function wholeLines(lines: Line[]): Line[] {
  const last = lines.at(-1);
  try {
    if (last !== undefined) JSON.parse(last.text);
    return lines;
  } catch {
    return lines.slice(0, -1);
  }
}
