// One session of a run: the state between the steps of the pipeline, and the only place that writes the record.
import type { Diagnostics, StateTree } from "../core/agent.js";
import { CosearchError } from "../core/errors.js";
import { betterTrial, type Candidate, isFeasible, type Trial } from "../core/trial.js";
import { LineFile } from "./durable.js";
import type { RunEvent, RunHead, RunSummary } from "./events.js";
import type { Outcome } from "./outcome.js";
import type { StudyPlan } from "./plan.js";
import { RecordedLines } from "./recorded-lines.js";
import { type Standing, standingOf, wasStarted } from "./restore.js";
import { checkSamePlan, type RunFolder, TIMES_FILE, UPDATES_FILE } from "./run-folder.js";
import { summarize } from "./summary.js";
import { endOfTimes } from "./times.js";
import { TRIALS_FILE, trialLine } from "./trial-lines.js";

/** Candidates under way together. */
export interface Batch {
  readonly candidates: readonly Candidate[];
  readonly keys: readonly string[];
  /** the budget ends within the batch: its trials are recorded, but the agent learns from whole batches only */
  readonly cut: boolean;
  readonly trials: Trial[];
}

interface Known {
  readonly outcome: Outcome;
  /** the candidate has been a trial of this run (and not only stands in the record ahead) */
  seen: boolean;
}

export class Session {
  readonly #plan: StudyPlan;
  readonly #folder: RunFolder;
  readonly #known = new Map<string, Known>();
  #trials!: RecordedLines;
  #updates!: RecordedLines;
  #times!: LineFile;
  #open = false;
  #trialCount = 0;
  #batchCount = 0;
  #feasibleCount = 0;
  #cacheHitCount = 0;
  #best: Trial | undefined;
  #checkpointedAt: number | undefined;
  #exhausted = false;
  #wallBefore = 0;
  #startedMs = 0;
  #lapMs = 0;
  #laps: Record<string, number> = {};

  constructor(plan: StudyPlan, folder: RunFolder) {
    this.#plan = plan;
    this.#folder = folder;
  }

  /** Trials that the budget has left. */
  get remaining(): number {
    return Math.max(0, this.#plan.trials - this.#trialCount);
  }

  get over(): boolean {
    return this.remaining === 0 || this.#exhausted;
  }

  /** Starts or continues: reads everything and checks it before the first change.
   *  @throws CosearchError RUN_DAMAGED, RUN_DIVERGED, USAGE, AGENT_BAD_STATE */
  async open(): Promise<RunEvent> {
    const folder = this.#folder;
    checkSamePlan(folder.manifest, this.#plan);
    const resumed = wasStarted(folder);
    const standing = standingOf(folder, this.#plan.space);
    if (standing.trials.length > this.#plan.trials) {
      throw new CosearchError(
        "USAGE",
        `run ${folder.id} has ${standing.trials.length} trials already; a budget of ${this.#plan.trials} is less than that`,
      );
    }
    const { checkpoint } = standing;
    if (checkpoint !== undefined) await this.#plan.agent.restore(checkpoint.agent);

    folder.setTrials(this.#plan.trials);
    folder.setSummary(undefined);
    for (const name of standing.unusable) folder.checkpoints.remove(name);
    const restored = this.#restore(standing);
    this.#open = true;
    const run = this.#head();
    if (!resumed) return { kind: "started", run };
    const notes = [...this.#versionNotes(), ...standing.notes];
    const recordedCount = standing.trials.length;
    return { kind: "resumed", run, checkpoint: checkpoint?.file ?? null, restored, recordedCount, notes };
  }

  /** Asks the agent for a batch. @throws CosearchError AGENT_BAD_PROPOSAL */
  async propose(): Promise<Batch> {
    const { agent, batchSize, space, agentName } = this.#plan;
    this.#lapMs = this.#folder.clock();
    const proposed = await agent.propose(batchSize);
    this.#lap("proposeMs");
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

  known(key: string): Outcome | undefined {
    return this.#known.get(key)?.outcome;
  }

  /** Records the next trial of a batch. */
  record(batch: Batch, outcome: Outcome): RunEvent {
    const place = batch.trials.length;
    const trial: Trial = { trial: this.#trialCount, candidate: batch.candidates[place]!, ...outcome };
    const recorded = this.#trials.append(trialLine(trial));
    batch.trials.push(trial);
    const cached = this.#count(trial, batch.keys[place]!, outcome);
    return { kind: "trial", trial, cached, recorded };
  }

  /** Lets the agent learn from a whole batch. */
  async observe(batch: Batch): Promise<RunEvent> {
    this.#lap("evaluateMs");
    const learnt = await this.#plan.agent.observe(batch.trials);
    this.#lap("observeMs");
    this.#batchCount++;
    const diagnostics = { ...this.#searchDiagnostics(), ...learnt };
    const trialCount = this.#trialCount;
    this.#updates.append(JSON.stringify({ trialCount, diagnostics }));
    return { kind: "update", trialCount, diagnostics };
  }

  /** True when a checkpoint is due: every so many batches, and before the budget ends. Valid after `observe`. */
  get checkpointDue(): boolean {
    if (this.#checkpointedAt === this.#trialCount) return false;
    if (this.#trialCount === 0) return false;
    return this.#batchCount % this.#plan.checkpointEvery === 0 || this.remaining < this.#plan.batchSize;
  }

  async checkpoint(): Promise<RunEvent> {
    const agent: StateTree = await this.#plan.agent.state();
    this.#trials.sync(); // what a checkpoint counts must outlast it
    this.#updates.sync();
    const [trialCount, batchCount] = [this.#trialCount, this.#batchCount];
    const [trialsBytes, updatesBytes] = [this.#trials.bytes, this.#updates.bytes];
    const file = this.#folder.checkpoints.write(
      { trialCount, batchCount, trialsBytes, updatesBytes, agent },
      this.#plan.keepCheckpoints,
    );
    this.#checkpointedAt = trialCount;
    this.#lap("checkpointMs");
    return { kind: "checkpoint", trialCount, file };
  }

  /** Appends the wall times of the batch to times.jsonl. */
  recordTimes(): void {
    const at = new Date(this.#folder.clock()).toISOString();
    const wallSeconds = this.#wallSeconds();
    this.#times.append(JSON.stringify({ trialCount: this.#trialCount, at, wallSeconds, ...this.#laps }));
    this.#laps = {};
  }

  finish(): RunEvent {
    const summary = this.#summary(this.over ? (this.#exhausted ? "exhausted" : "finished") : "interrupted");
    this.recordTimes();
    if (summary.status === "interrupted") {
      return { kind: "interrupted", summary, resumeCommand: `cosearch resume ${this.#folder.path}` };
    }
    this.#folder.setSummary(summary);
    return { kind: "finished", summary };
  }

  /** Closes the files and gives the folder back; harmless when called twice. */
  close(): void {
    for (const file of this.#open ? [this.#trials, this.#updates, this.#times] : []) {
      file.sync();
      file.close();
    }
    this.#open = false;
    this.#folder.close();
  }

  #restore(standing: Standing): readonly Trial[] {
    const { trials, updates, checkpoint } = standing;
    const count = checkpoint?.trialCount ?? 0;
    for (const { key, trial } of trials) {
      const { metrics, infeasible, reward } = trial;
      const outcome = { ...(metrics && { metrics }), ...(infeasible && { infeasible }), reward };
      if (!this.#known.has(key)) this.#known.set(key, { outcome, seen: false });
    }
    const restored = trials.slice(0, count);
    for (const { key, trial } of restored) this.#count(trial, key, this.#known.get(key)!.outcome);
    this.#batchCount = checkpoint?.batchCount ?? 0;
    this.#checkpointedAt = checkpoint?.trialCount;

    const file = (name: string) => this.#folder.file(name);
    const trialsAhead = trials.slice(count).map(({ text }) => text);
    this.#trials = new RecordedLines(TRIALS_FILE, file(TRIALS_FILE), checkpoint?.trialsBytes ?? 0, trialsAhead);
    const updatesBytes = checkpoint?.updatesBytes ?? 0;
    const updatesAhead = updates.filter(({ endByte }) => endByte > updatesBytes).map(({ text }) => text);
    this.#updates = new RecordedLines(UPDATES_FILE, file(UPDATES_FILE), updatesBytes, updatesAhead);
    const { wallSeconds, endByte } = endOfTimes(file(TIMES_FILE));
    this.#times = new LineFile(file(TIMES_FILE), endByte);
    this.#wallBefore = wallSeconds;
    this.#startedMs = this.#folder.clock();
    return restored.map(({ trial }) => trial);
  }

  /** @returns whether the candidate appeared earlier in the run */
  #count(trial: Trial, key: string, outcome: Outcome): boolean {
    const known = this.#known.get(key);
    const cached = known?.seen === true;
    if (known === undefined) this.#known.set(key, { outcome, seen: true });
    else known.seen = true;
    this.#trialCount++;
    if (cached) this.#cacheHitCount++;
    if (isFeasible(trial)) this.#feasibleCount++;
    this.#best = betterTrial(this.#best, trial);
    return cached;
  }

  #searchDiagnostics(): Diagnostics {
    const best = this.#best;
    return {
      ...(best !== undefined && isFeasible(best) && { "search/best_feasible": best.reward }),
      "search/feasible_rate": this.#feasibleCount / this.#trialCount,
      "search/duplicate_rate": this.#cacheHitCount / this.#trialCount,
    };
  }

  #versionNotes(): string[] {
    const then = this.#folder.manifest.versions;
    const now = this.#plan.versions;
    return [...new Set([...Object.keys(then), ...Object.keys(now)])]
      .filter((name) => then[name] !== now[name])
      .map((name) => `${name} was ${then[name] ?? "absent"} and is ${now[name] ?? "absent"}: results may move`);
  }

  #lap(name: string): void {
    const now = this.#folder.clock();
    this.#laps[name] = now - this.#lapMs;
    this.#lapMs = now;
  }

  #wallSeconds(): number {
    return this.#wallBefore + (this.#folder.clock() - this.#startedMs) / 1000;
  }

  #head(): RunHead {
    const { studyName, agentName, seed, trials, batchSize } = this.#plan;
    const { id: runId, path: runFolder } = this.#folder;
    return { runId, runFolder, studyName, agentName, seed, trials, batchSize };
  }

  #summary(status: RunSummary["status"]): RunSummary {
    return summarize({
      runId: this.#folder.id,
      runFolder: this.#folder.path,
      status,
      trialCount: this.#trialCount,
      feasibleCount: this.#feasibleCount,
      cacheHitCount: this.#cacheHitCount,
      wallSeconds: this.#wallSeconds(),
      best: this.#best,
    });
  }
}
