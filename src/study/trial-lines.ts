// trials.jsonl: one line per trial, keys always in the same order, so that two runs can be compared byte for byte.
import { CosearchError } from "../core/errors.js";
import type { Space } from "../core/space.js";
import type { Trial } from "../core/trial.js";
import { readLines } from "./durable.js";

export const TRIALS_FILE = "trials.jsonl";

/** A trial as its line, without the line's end. */
export function trialLine(trial: Trial): string {
  const { metrics, infeasible } = trial;
  return JSON.stringify({
    trial: trial.trial,
    candidate: trial.candidate,
    ...(metrics && { metrics }),
    ...(infeasible && { infeasible }),
    reward: trial.reward,
  });
}

/** A trial that stands in the file. */
export interface RecordedTrial {
  readonly trial: Trial;
  readonly text: string;
  /** of its line */
  readonly startByte: number;
  /** after the line's end */
  readonly endByte: number;
}

/** The trials of a file, one at a time. A last line that is torn or unreadable is left out: the kill came while it was
 *  written. @throws CosearchError RUN_DAMAGED with the line, when anything else is unreadable or out of order */
export function* readTrials(file: string): Generator<RecordedTrial> {
  let damage: CosearchError | undefined;
  let startByte = 0;
  for (const { text, number, endByte } of readLines(file)) {
    if (damage !== undefined) throw damage; // not the last line
    const trial = parseTrial(text);
    if (trial?.trial === number - 1) yield { trial, text, startByte, endByte };
    else damage = new CosearchError("RUN_DAMAGED", `${file}:${number}: not trial ${number - 1}: ${excerpt(text)}`);
    startByte = endByte;
  }
}

/** One line of the file. @throws CosearchError RUN_DAMAGED when it is no trial */
export function trialOf(text: string, file: string): Trial {
  const trial = parseTrial(text);
  if (trial === undefined) throw new CosearchError("RUN_DAMAGED", `${file}: no trial any more: ${excerpt(text)}`);
  return trial;
}

/** The text that is the same for two candidates exactly when they are the same point of the space.
 *  @throws CosearchError RUN_DAMAGED when the recorded candidate is no point */
export function recordedKey(space: Space, { candidate, trial }: Trial, file: string): string {
  try {
    return space.key(space.encode(candidate));
  } catch (error) {
    const where = `${file}:${trial + 1}`;
    throw new CosearchError("RUN_DAMAGED", `${where}: ${(error as Error).message}`, { cause: error });
  }
}

function parseTrial(text: string): Trial | undefined {
  try {
    const value = JSON.parse(text) as Trial | null;
    if (value === null || typeof value !== "object" || !isRecord(value.candidate)) return undefined;
    if (typeof value.reward !== "number") return undefined;
    return isRecord(value.metrics) || isRecord(value.infeasible) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

const excerpt = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}...` : text);
