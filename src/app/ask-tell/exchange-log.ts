// exchange.jsonl in the run folder: what passed between a run and its clients, in order, one line each, only ever appended.
//   {"proposed":[{"candidate":{...},"key":"a"}]}         a batch that clients proposed
//   {"asked":[12,13],"untilMs":1763719200000,"key":"b"}  trials that were given out, and until when
//   {"told":12,"point":"0,3,1","given":{...},"outcome":{...}}   a measurement
// It is written before the answer leaves, and trials follow from it: after a kill the run is made again from both.
import { join } from "node:path";
import { CosearchError } from "../../core/errors.js";
import type { Candidate, Infeasible, Metrics } from "../../core/trial.js";
import { LineFile, readLines } from "../../study/durable.js";
import type { Outcome } from "../../study/outcome.js";

export const EXCHANGE_FILE = "exchange.jsonl";

/** What a client measured. */
export interface Given {
  readonly metrics?: Metrics | undefined;
  readonly infeasible?: Infeasible | undefined;
}

export interface Told {
  /** the candidate's code: a measurement belongs to a point, not only to a number */
  readonly point: string;
  readonly given: Given;
  readonly outcome: Outcome;
}

export interface Proposed {
  readonly candidate: Candidate;
  readonly key?: string | undefined;
}

type Entry =
  | { readonly proposed: readonly Proposed[] }
  | { readonly asked: readonly number[]; readonly untilMs: number; readonly key?: string | undefined }
  | ({ readonly told: number } & Told);

export class ExchangeLog {
  readonly #file: LineFile;
  /** batches of clients, in order */
  readonly proposed: (readonly Proposed[])[] = [];
  /** trial -> when it may be given to somebody else, milliseconds since 1970 */
  readonly askedUntilMs = new Map<number, number>();
  /** key of an ask -> the trials it got */
  readonly keys = new Map<string, readonly number[]>();
  readonly told = new Map<number, Told>();

  /** Reads what is there; a torn last line is cut off. @throws CosearchError RUN_DAMAGED */
  constructor(runFolder: string) {
    const path = join(runFolder, EXCHANGE_FILE);
    let endByte = 0;
    let damaged: number | undefined;
    for (const line of readLines(path)) {
      const entry = parsed(line.text);
      if (damaged !== undefined || entry === undefined) {
        if (damaged !== undefined) throw new CosearchError("RUN_DAMAGED", `${path}:${damaged}: not an entry`);
        damaged = line.number; // forgiven when it is the last one
        continue;
      }
      this.#note(entry);
      endByte = line.endByte;
    }
    this.#file = new LineFile(path, endByte);
  }

  propose(batch: readonly Proposed[]): void {
    this.#append({ proposed: batch });
  }

  /** Not synced: when the machine loses power, an ask that is forgotten is asked again. */
  ask(trials: readonly number[], untilMs: number, key: string | undefined): void {
    const entry: Entry = { asked: trials, untilMs, ...(key !== undefined && { key }) };
    this.#note(entry);
    this.#file.append(JSON.stringify(entry));
  }

  tell(trial: number, told: Told): void {
    this.#append({ told: trial, ...told });
  }

  close(): void {
    this.#file.sync();
    this.#file.close();
  }

  #append(entry: Entry): void {
    this.#file.append(JSON.stringify(entry));
    this.#file.sync();
    this.#note(entry);
  }

  #note(entry: Entry): void {
    if ("proposed" in entry) this.proposed.push(entry.proposed);
    else if ("told" in entry) {
      const { told: trial, point, given, outcome } = entry;
      this.told.set(trial, { point, given, outcome });
      this.askedUntilMs.delete(trial);
    } else {
      for (const trial of entry.asked) this.askedUntilMs.set(trial, entry.untilMs);
      if (entry.key !== undefined) this.keys.set(entry.key, entry.asked);
    }
  }
}

function parsed(text: string): Entry | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown> | null;
    if (value === null || typeof value !== "object") return undefined;
    if (Array.isArray(value.proposed)) return value as unknown as Entry;
    if (Array.isArray(value.asked) && typeof value.untilMs === "number") return value as unknown as Entry;
    const whole = Number.isInteger(value.told) && typeof value.point === "string" && isObject(value.outcome);
    return whole && isObject(value.given) ? (value as unknown as Entry) : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
