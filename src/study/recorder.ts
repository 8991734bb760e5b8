// The line files of a run, open for one session: trials, updates, the policy's probabilities, and wall times.
import type { Diagnostics, PolicyProbabilities } from "../core/agent.js";
import type { Trial } from "../core/trial.js";
import type { Checkpoint } from "./checkpoints.js";
import { LineFile } from "./durable.js";
import { isPolicyDue, POLICY_FILE, policyRecordOf, roundedPolicy } from "./policy-lines.js";
import { RecordedLines } from "./recorded-lines.js";
import type { Standing } from "./restore.js";
import { type RunFolder, TIMES_FILE, UPDATES_FILE } from "./run-folder.js";
import { endOfTimes } from "./times.js";
import { TRIALS_FILE, trialLine, trialOf } from "./trial-lines.js";

export class Recorder {
  readonly #folder: RunFolder;
  readonly #trials: RecordedLines;
  readonly #updates: RecordedLines;
  readonly #policies: RecordedLines;
  /** of the last line of policy.jsonl */
  #policyAt: number;
  readonly #times: LineFile;
  readonly #secondsBefore: number;
  readonly #startedMs: number;
  #lapMs = 0;
  #laps: { [name: string]: number } = {};

  /** Continues where the standing's checkpoint is. */
  constructor(folder: RunFolder, { trials, updates, policies, checkpoint }: Standing) {
    const { trialCount, trialsBytes, updatesBytes } = checkpoint ?? { trialCount: 0, trialsBytes: 0, updatesBytes: 0 };
    const texts = trials.map(({ text }) => text);
    const updatesAhead = updates.filter(({ endByte }) => endByte > updatesBytes).map(({ text }) => text);
    this.#folder = folder;
    this.#trials = new RecordedLines(
      folder.file(TRIALS_FILE),
      trialsBytes,
      texts.slice(trialCount),
      texts.slice(0, trialCount),
    );
    this.#updates = new RecordedLines(folder.file(UPDATES_FILE), updatesBytes, updatesAhead);
    const policyBytes = checkpoint?.policyBytes ?? 0;
    const policiesAhead = policies.filter(({ endByte }) => endByte > policyBytes).map(({ text }) => text);
    this.#policies = new RecordedLines(folder.file(POLICY_FILE), policyBytes, policiesAhead);
    const lastPolicy = policies.findLast(({ endByte }) => endByte <= policyBytes);
    this.#policyAt = policyRecordOf(lastPolicy?.text ?? "")?.trialCount ?? 0;
    const { wallSeconds, endByte } = endOfTimes(folder.file(TIMES_FILE));
    this.#times = new LineFile(folder.file(TIMES_FILE), endByte);
    this.#secondsBefore = wallSeconds;
    this.#startedMs = folder.clock();
  }

  /** @returns whether the trial stood there already @throws CosearchError RUN_DIVERGED when another one does */
  trial(trial: Trial): boolean {
    return this.#trials.append(trialLine(trial));
  }

  /** Offset of the line of the next trial. */
  get nextTrialByte(): number {
    return this.#trials.bytes;
  }

  /** The trial whose line starts there. @throws CosearchError RUN_DAMAGED when the file was changed */
  trialAt(startByte: number): Trial {
    return trialOf(this.#trials.lineAt(startByte), this.#folder.file(TRIALS_FILE));
  }

  /** @throws CosearchError RUN_DIVERGED when another update stands there */
  update(trialCount: number, diagnostics: Diagnostics): void {
    this.#updates.append(JSON.stringify({ trialCount, diagnostics }));
  }

  /** Records what the policy would draw, when a line is due. @returns it as recorded, undefined when none is due
   *  @throws CosearchError RUN_DIVERGED when another one stands there */
  policy(trialCount: number, policy: PolicyProbabilities): PolicyProbabilities | undefined {
    if (!isPolicyDue(trialCount, this.#policyAt)) return undefined;
    const rounded = roundedPolicy(policy);
    this.#policies.append(JSON.stringify({ trialCount, policy: rounded }));
    this.#policyAt = trialCount;
    return rounded;
  }

  /** Makes what was written last, and says where it ends. */
  mark(): Pick<Checkpoint, "trialsBytes" | "trialsSha256" | "updatesBytes" | "policyBytes"> {
    for (const file of [this.#trials, this.#updates, this.#policies]) file.sync();
    return {
      trialsBytes: this.#trials.bytes,
      trialsSha256: this.#trials.sha256(),
      updatesBytes: this.#updates.bytes,
      policyBytes: this.#policies.bytes,
    };
  }

  /** The time since the last lap goes under this name; without a name it goes nowhere. */
  lap(name?: "proposeMs" | "evaluateMs" | "observeMs" | "checkpointMs"): void {
    const now = this.#folder.clock();
    if (name !== undefined) this.#laps[name] = now - this.#lapMs;
    this.#lapMs = now;
  }

  /** Writes the laps of a batch. */
  times(trialCount: number): void {
    const at = new Date(this.#folder.clock()).toISOString();
    this.#times.append(JSON.stringify({ trialCount, at, wallSeconds: this.wallSeconds(), ...this.#laps }));
    this.#laps = {};
  }

  /** Time spent running, all sessions together. */
  wallSeconds(): number {
    return this.#secondsBefore + (this.#folder.clock() - this.#startedMs) / 1000;
  }

  close(): void {
    for (const file of [this.#trials, this.#updates, this.#policies, this.#times]) {
      file.sync();
      file.close();
    }
  }
}
