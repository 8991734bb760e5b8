// The trials of one run in columns, followed as the file grows: a number for each metric, a code for each knob.
// 100,000 trials of 40 knobs and 13 metrics take about 20 MB this way; as objects they would take several hundred.
import { join } from "node:path";
import type { SpaceData } from "../../core/space.js";
import type { Candidate, KnobValue } from "../../core/trial.js";
import { POLICY_FILE, policyRecordOf } from "../../study/policy-lines.js";
import { TIMES_FILE, UPDATES_FILE } from "../../study/run-folder.js";
import { TRIALS_FILE } from "../../study/trial-lines.js";
import { TailReader } from "./tail-reader.js";
import { type Scanned, TrialScanner } from "./trial-scanner.js";

export const MAX_METRICS = 64;
export const MAX_TRIALS = 5_000_000;
/** Runs record some hundreds (src/study/policy-lines.ts). */
const MAX_POLICIES = 20_000;

/** Columns that grow by doubling. */
class Grown<T extends Float64Array | Int16Array | Uint8Array> {
  data: T;
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.data = make(1024);
  }

  set(index: number, value: number): void {
    if (index >= this.data.length) {
      const larger = this.#make(Math.max(index + 1, this.data.length * 2));
      larger.set(this.data as Float64Array & Int16Array & Uint8Array);
      this.data = larger;
    }
    this.data[index] = value;
  }
}

const numbers = (): Grown<Float64Array> => new Grown((length) => new Float64Array(length).fill(Number.NaN));

export interface Update {
  readonly trialCount: number;
  readonly diagnostics: Readonly<Record<string, number>>;
}

export class RunColumns {
  /** trials read so far */
  count = 0;
  readonly updates: Update[] = [];
  /** what the policy would draw: for each knob with a choice the probability of every value, undefined where it did not count */
  readonly policies: { readonly trialCount: number; readonly knobs: readonly (Float32Array | undefined)[] }[] = [];
  /** wall time: `seconds` of running at `trials` trials, ascending */
  readonly times: { readonly trials: number; readonly seconds: number }[] = [];
  readonly #reward = numbers();
  readonly #feasible = new Grown((length) => new Uint8Array(length));
  readonly #metrics = new Map<string, Grown<Float64Array>>();
  readonly #codes: Grown<Int16Array>[];
  readonly #valueCodes: { readonly name: string; readonly codes: ReadonlyMap<unknown, number> }[];
  readonly #scanner: TrialScanner;
  readonly #trialLines: TailReader;
  readonly #updateLines: TailReader;
  readonly #timeLines: TailReader;
  readonly #policyLines: TailReader;
  #reading: Promise<void> | undefined;

  constructor(runFolder: string, space: SpaceData) {
    this.#codes = space.knobs.map(() => new Grown((length) => new Int16Array(length).fill(-1)));
    this.#valueCodes = space.knobs.map(({ name, values }) => ({
      name,
      codes: new Map(values.map((value, i) => [value, i])),
    }));
    this.#scanner = new TrialScanner(space, MAX_METRICS);
    this.#trialLines = new TailReader(join(runFolder, TRIALS_FILE));
    this.#updateLines = new TailReader(join(runFolder, UPDATES_FILE));
    this.#timeLines = new TailReader(join(runFolder, TIMES_FILE));
    this.#policyLines = new TailReader(join(runFolder, POLICY_FILE));
  }

  get reward(): Float64Array {
    return this.#reward.data;
  }

  get feasible(): Uint8Array {
    return this.#feasible.data;
  }

  get metricNames(): string[] {
    return [...this.#metrics.keys()];
  }

  /** NaN where a trial was not measured; undefined for an unknown metric */
  metric(name: string): Float64Array | undefined {
    return this.#metrics.get(name)?.data;
  }

  /** Position of each trial's value; -1 where the knob does not count. */
  codes(knob: number): Int16Array {
    return this.#codes[knob]!.data;
  }

  /** Bytes that the columns take. */
  get bytes(): number {
    const columns = [this.#reward, this.#feasible, ...this.#metrics.values(), ...this.#codes];
    const valueCount = this.#valueCodes.reduce((sum, { codes }) => sum + codes.size, 0);
    const policies = this.policies.length * (4 * valueCount + 100 * this.#valueCodes.length);
    return columns.reduce((sum, column) => sum + column.data.byteLength, 0) + this.updates.length * 500 + policies;
  }

  /** Reads what was added to the files; calls that overlap share one reading. @throws Error naming the line */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** A trial's candidate; undefined when there is no such trial. */
  candidate(trial: number): Candidate | undefined {
    if (trial < 0 || trial >= this.count) return undefined;
    const found: Record<string, KnobValue> = {};
    for (const [k, { name, codes }] of this.#valueCodes.entries()) {
      const code = this.#codes[k]!.data[trial]!;
      if (code >= 0) found[name] = [...codes.keys()][code] as KnobValue;
    }
    return found;
  }

  async #read(): Promise<void> {
    // times first: a trial may stand without its time, never a time without its trials
    await this.#timeLines.read((bytes, start, end) => {
      const value = parsed(bytes.toString("utf8", start, end)) as
        | { trialCount?: unknown; wallSeconds?: unknown }
        | undefined;
      if (typeof value?.trialCount !== "number" || typeof value.wallSeconds !== "number") return;
      this.times.push({ trials: value.trialCount, seconds: value.wallSeconds });
    });
    await this.#updateLines.read((bytes, start, end) => {
      const value = parsed(bytes.toString("utf8", start, end)) as Update | undefined;
      if (typeof value?.trialCount !== "number" || typeof value.diagnostics !== "object") return;
      this.updates.push({ trialCount: value.trialCount, diagnostics: finiteOf(value.diagnostics) });
    });
    await this.#policyLines.read((bytes, start, end) => {
      const record = policyRecordOf(bytes.toString("utf8", start, end));
      if (record === undefined || this.policies.length >= MAX_POLICIES) return;
      const knobs = this.#valueCodes.map(({ name, codes }) => probabilitiesOf(record.policy[name], codes.size));
      this.policies.push({ trialCount: record.trialCount, knobs });
    });
    await this.#trialLines.read((bytes, start, end, last) => {
      const scanned = this.#scanner.scan(bytes, start, end);
      if (scanned?.trial === this.count && this.count < MAX_TRIALS) this.#addScanned(scanned);
      else this.#add(bytes.toString("utf8", start, end), last);
    });
  }

  #addScanned({ codes, feasible, metrics, names, reward }: Scanned): void {
    const row = this.count++;
    this.#reward.set(row, reward);
    this.#feasible.set(row, feasible ? 1 : 0);
    for (let k = 0; k < codes.length; k++) this.#codes[k]!.set(row, codes[k]!);
    for (let m = 0; m < names.length; m++) this.#metric(names[m]!)?.set(row, metrics[m]!);
    for (const column of this.#metrics.values()) if (column.data.length <= row) column.set(row, Number.NaN);
  }

  #add(text: string, last: boolean): void {
    const value = parsed(text) as
      | { trial?: unknown; candidate?: unknown; metrics?: unknown; infeasible?: unknown; reward?: unknown }
      | undefined;
    const { candidate, metrics } = value ?? {};
    if (value?.trial !== this.count || typeof value.reward !== "number" || !isRecord(candidate)) {
      if (last) return; // torn by a kill; a resume will write it again
      throw new Error(`${TRIALS_FILE}:${this.count + 1}: not trial ${this.count}`);
    }
    if (this.count >= MAX_TRIALS) throw new Error(`${TRIALS_FILE}: more than ${MAX_TRIALS} trials`);
    const row = this.count++;
    this.#reward.set(row, value.reward);
    this.#feasible.set(row, value.infeasible === undefined ? 1 : 0);
    for (let k = 0; k < this.#valueCodes.length; k++) {
      const { name, codes } = this.#valueCodes[k]!;
      this.#codes[k]!.set(row, codes.get(candidate[name]) ?? -1);
    }
    if (isRecord(metrics)) this.#scanner.expect(Object.keys(metrics));
    if (isRecord(metrics)) for (const name in metrics) this.#metric(name)?.set(row, Number(metrics[name]));
    for (const column of this.#metrics.values()) if (column.data.length <= row) column.set(row, Number.NaN);
  }

  #metric(name: string): Grown<Float64Array> | undefined {
    const known = this.#metrics.get(name);
    if (known !== undefined) return known;
    if (this.#metrics.size >= MAX_METRICS) return undefined;
    const made = numbers();
    this.#metrics.set(name, made);
    return made;
  }
}

/** Seconds of running at a trial, linear between the recorded batches. */
export function secondsAt(times: RunColumns["times"], trials: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]!.trials < trials) low = middle + 1;
    else high = middle;
  }
  const after = times[low];
  const before = times[low - 1] ?? { trials: 0, seconds: 0 };
  if (after === undefined) return before.seconds;
  const share = (trials - before.trials) / Math.max(1, after.trials - before.trials);
  return before.seconds + share * (after.seconds - before.seconds);
}

/** A knob's probabilities, when they are as many numbers as it has values. */
function probabilitiesOf(list: unknown, count: number): Float32Array | undefined {
  if (!Array.isArray(list) || list.length !== count) return undefined;
  return list.every((p) => typeof p === "number" && p >= 0 && p <= 1) ? Float32Array.from(list as number[]) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function finiteOf(record: object): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, value] of Object.entries(record)) if (Number.isFinite(value)) found[name] = value as number;
  return found;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
