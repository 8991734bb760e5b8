// One session of a run: the steps that the pipeline takes, and the state between them.
import { setTimeout as sleep } from "node:timers/promises";
import { CosearchError } from "../core/errors.js";
import type { Candidate, Trial } from "../core/trial.js";
import { clearControl, readControl } from "./control.js";
import type { RunEvent, RunHead } from "./events.js";
import { type Outcome, outcomeIn } from "./outcome.js";
import type { StudyPlan } from "./plan.js";
import { Recorder } from "./recorder.js";
import { type Standing, standingOf, wasStarted } from "./restore.js";
import { checkSamePlan, type RunFolder, versionNotes } from "./run-folder.js";
import { summarize } from "./summary.js";
import { Tally } from "./tally.js";
import { recordedKey, TRIALS_FILE } from "./trial-lines.js";

/** Candidates under way together. */
export interface Batch {
  readonly candidates: readonly Candidate[];
  readonly keys: readonly string[];
  /** the budget ends within the batch: its trials are recorded, but the agent learns from whole batches only */
  readonly cut: boolean;
  readonly trials: Trial[];
}

/** How long a paused run waits before it looks again. */
const PAUSE_POLL_MS = 100;

export class Session {
  readonly #plan: StudyPlan;
  readonly #folder: RunFolder;
  readonly #tally: Tally;
  /** present between open and close */
  #recorder: Recorder | undefined;
  #batchCount = 0;
  #checkpointedAt = 0;
  #exhausted = false;
  #budget: number;
  #stopWanted = false;

  constructor(plan: StudyPlan, folder: RunFolder) {
    this.#plan = plan;
    this.#folder = folder;
    this.#budget = plan.trials;
    const file = folder.file(TRIALS_FILE);
    this.#tally = new Tally((startByte) => {
      const trial = this.#open.trialAt(startByte);
      return { key: recordedKey(plan.space, trial, file), outcome: outcomeIn(trial) };
    });
  }

  /** Trials that the budget has left. */
  get remaining(): number {
    return Math.max(0, this.#budget - this.#tally.trialCount);
  }

  get over(): boolean {
    return this.remaining === 0 || this.#exhausted;
  }

  /** Somebody asked the run to end, through its control file. */
  get stopWanted(): boolean {
    return this.#stopWanted;
  }

  /** Between batches: does what the control file asks for, and waits while the run is paused. */
  async steer(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const { paused, stop, trials } = readControl(this.#folder.path);
      if (trials !== undefined && trials > this.#budget) {
        this.#budget = trials;
        this.#folder.setTrials(trials);
      }
      if (stop) this.#stopWanted = true;
      if (!paused || stop || signal?.aborted) return;
      await sleep(PAUSE_POLL_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }

  /** Starts or continues: reads everything and checks it before the first change.
   *  @throws CosearchError RUN_DAMAGED, RUN_DIVERGED, USAGE, AGENT_BAD_STATE */
  async open(): Promise<RunEvent> {
    const folder = this.#folder;
    const { trials: budget, space, agent } = this.#plan;
    checkSamePlan(folder.manifest, this.#plan);
    const resumed = wasStarted(folder);
    const standing = standingOf(folder, space);
    const recordedCount = standing.trials.length;
    if (recordedCount > budget) {
      const what = `run ${folder.id} has ${recordedCount} trials already; a budget of ${budget} is less than that`;
      throw new CosearchError("USAGE", what);
    }
    if (standing.checkpoint !== undefined) await agent.restore(standing.checkpoint.agent);
    const notes = [...versionNotes(folder.manifest, this.#plan), ...standing.notes];

    folder.setTrials(budget);
    folder.setSummary(undefined);
    clearControl(folder.path);
    for (const name of standing.unusable) folder.checkpoints.remove(name);
    this.#recorder = new Recorder(folder, standing);
    const restored = this.#restore(standing);
    const run = this.#head();
    if (!resumed) return { kind: "started", run };
    return { kind: "resumed", run, checkpoint: standing.checkpoint?.file ?? null, restored, recordedCount, notes };
  }

  /** Asks the agent for a batch. @throws CosearchError AGENT_BAD_PROPOSAL */
  async propose(): Promise<Batch> {
    const { agent, batchSize, space, agentName } = this.#plan;
    this.#open.lap();
    const proposed = await agent.propose(batchSize);
    this.#open.lap("proposeMs");
    const bad = (what: string) => new CosearchError("AGENT_BAD_PROPOSAL", `agent ${agentName} proposed ${what}`);
    if (proposed.length > batchSize) throw bad(`${proposed.length} candidates when asked for ${batchSize}`);
    if (proposed.length === 0) this.#exhausted = true;
    const codes = proposed.slice(0, this.remaining).map((candidate) => {
      try {
        return space.encode(candidate);
      } catch (error) {
        throw bad(`${JSON.stringify(candidate)}: ${(error as Error).message}`);
      }
    });
    return {
      candidates: codes.map((code) => space.decode(code)), // names in the space's order, whatever the agent did
      keys: codes.map((code) => space.key(code)),
      cut: codes.length < proposed.length,
      trials: [],
    };
  }

  /** The outcome of a candidate that was evaluated before. */
  known(key: string): Outcome | undefined {
    return this.#tally.outcome(key);
  }

  /** Records the next trial of a batch. @throws CosearchError RUN_DIVERGED */
  add(batch: Batch, outcome: Outcome): RunEvent {
    const place = batch.trials.length;
    const trial: Trial = { trial: this.#tally.trialCount, candidate: batch.candidates[place]!, ...outcome };
    const startByte = this.#open.nextTrialByte;
    const recorded = this.#open.trial(trial);
    batch.trials.push(trial);
    return { kind: "trial", trial, cached: this.#tally.add(batch.keys[place]!, trial, startByte), recorded };
  }

  /** Lets the agent learn from a whole batch. @throws CosearchError AGENT_DIVERGED, RUN_DIVERGED */
  async observe(batch: Batch): Promise<RunEvent> {
    this.#open.lap("evaluateMs");
    const learnt = await this.#plan.agent.observe(batch.trials);
    this.#open.lap("observeMs");
    this.#batchCount++;
    const { trialCount } = this.#tally;
    const diagnostics = { ...this.#tally.diagnostics(), ...learnt };
    this.#open.update(trialCount, diagnostics);
    const drawn = this.#plan.agent.policy?.();
    const policy = drawn && this.#open.policy(trialCount, drawn);
    return { kind: "update", trialCount, diagnostics, ...(policy && { policy }) };
  }

  /** Whether to write a checkpoint now: every so many batches, and before the budget ends. Valid after `observe`. */
  get checkpointDue(): boolean {
    if (this.#checkpointedAt === this.#tally.trialCount) return false;
    return this.#batchCount % this.#plan.checkpointEvery === 0 || this.remaining < this.#plan.batchSize;
  }

  async checkpoint(): Promise<RunEvent> {
    const agent = await this.#plan.agent.state();
    const { trialCount } = this.#tally;
    const checkpoint = { trialCount, batchCount: this.#batchCount, ...this.#open.mark(), agent };
    const file = this.#folder.checkpoints.write(checkpoint, this.#plan.keepCheckpoints);
    this.#checkpointedAt = trialCount;
    this.#open.lap("checkpointMs");
    return { kind: "checkpoint", trialCount, file };
  }

  /** Writes the wall times of a batch. */
  recordTimes(): void {
    this.#open.times(this.#tally.trialCount);
  }

  /** The last event; the record is closed and the folder given back. */
  finish(): RunEvent {
    const { trialCount, feasibleCount, cacheHitCount, best } = this.#tally;
    const { id: runId, path: runFolder } = this.#folder;
    const status = this.#exhausted ? "exhausted" : this.over ? "finished" : "interrupted";
    const wallSeconds = this.#open.wallSeconds();
    const counts = { trialCount, feasibleCount, cacheHitCount, wallSeconds };
    const summary = summarize({ runId, runFolder, status, ...counts, best });
    if (status !== "interrupted") this.#folder.setSummary(summary);
    this.close();
    if (status !== "interrupted") return { kind: "finished", summary };
    return { kind: "interrupted", summary, resumeCommand: `cosearch resume ${runFolder}` };
  }

  /** Closes the record and gives the folder back; harmless when called twice. */
  close(): void {
    this.#recorder?.close();
    this.#recorder = undefined;
    this.#folder.close();
  }

  get #open(): Recorder {
    if (this.#recorder === undefined) throw new Error("the session is not open");
    return this.#recorder;
  }

  #restore({ trials, checkpoint }: Standing): readonly Trial[] {
    const restored = trials.slice(0, checkpoint?.trialCount ?? 0);
    for (const { key, trial, startByte } of trials) this.#tally.remember(key, trial, startByte);
    for (const { key, trial, startByte } of restored) this.#tally.add(key, trial, startByte);
    this.#batchCount = checkpoint?.batchCount ?? 0;
    this.#checkpointedAt = checkpoint?.trialCount ?? 0;
    return restored.map(({ trial }) => trial);
  }

  #head(): RunHead {
    const { studyName, agentName, seed, trials, batchSize } = this.#plan;
    const { id: runId, path: runFolder } = this.#folder;
    return { runId, runFolder, studyName, agentName, seed, trials, batchSize };
  }
}
