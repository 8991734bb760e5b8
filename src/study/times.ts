// times.jsonl: wall times, one line per batch, apart from the trials so that those can be compared byte for byte.
import { readLines } from "./durable.js";

export interface TimesEnd {
  /** time spent running up to the last line, all sessions together */
  readonly wallSeconds: number;
  /** offset after the last whole line */
  readonly endByte: number;
}

/** Where the times of a run stand; lines that cannot be read are passed over. */
export function endOfTimes(file: string): TimesEnd {
  let [wallSeconds, endByte] = [0, 0];
  for (const line of readLines(file)) {
    wallSeconds = secondsOf(line.text) ?? wallSeconds;
    endByte = line.endByte;
  }
  return { wallSeconds, endByte };
}

function secondsOf(text: string): number | undefined {
  try {
    const { wallSeconds } = JSON.parse(text) as { wallSeconds?: unknown };
    return typeof wallSeconds === "number" ? wallSeconds : undefined;
  } catch {
    return undefined;
  }
}
