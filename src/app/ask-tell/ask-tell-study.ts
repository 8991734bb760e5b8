// One study at work with its clients: the pipeline of every run (src/study/run-study.ts), in which a client stands where the
// agent, the evaluator, or both would. What clients were promised is in the run folder before they hear of it.
import { CosearchError } from "../../core/errors.js";
import { betterTrial, type Candidate, isFeasible, type Trial } from "../../core/trial.js";
import { readControl } from "../../study/control.js";
import type { RunEvent } from "../../study/events.js";
import { readManifest } from "../../study/manifest.js";
import { type Clock, createRunFolder, LOG_FILE, openRunFolder, type RunFolder } from "../../study/run-folder.js";
import { runStudy } from "../../study/run-study.js";
import { runLog } from "../../track/run-log.js";
import { tensorboard } from "../../track/tensorboard/tensorboard.js";
import { Asks } from "./asks.js";
import { ClientProposals, Closed } from "./client-proposals.js";
import { type ComposedExchange, composeManifest, composeRequest } from "./compose-exchange.js";
import {
  type AskAnswer,
  type AskRequest,
  type CreateRequest,
  type EvaluateRequest,
  type StudyAnswer,
  StudyProblem,
  type StudyStatus,
  type TellRequest,
  type TrialAnswer,
} from "./contract.js";
import { ExchangeLog } from "./exchange-log.js";
import { Numbering } from "./numbering.js";
import { Bell } from "./waiting.js";

/** How often a paused study looks whether it goes on. */
const PAUSE_LOOK_MS = 200;

export class AskTellStudy {
  readonly #composed: ComposedExchange;
  readonly #folder: RunFolder;
  readonly #clock: Clock;
  readonly #log: ExchangeLog;
  readonly #numbering: Numbering;
  readonly #asks: Asks | undefined;
  readonly #proposals: ClientProposals | undefined;
  readonly #closing = new AbortController();
  /** rings with every trial and with the end */
  readonly #bell = new Bell();
  /** kept where clients propose, who may ask for an old one again by its key */
  readonly #trials: Trial[] = [];
  #best: Trial | undefined;
  #status: StudyStatus = "running";
  #error: string | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** A new run folder beneath `root`. @throws CosearchError as `cosearch run` does, RUN_EXISTS */
  static async create(
    root: string,
    request: CreateRequest,
    files: Readonly<Record<string, string>>,
    clock: Clock,
  ): Promise<AskTellStudy> {
    const composed = disposedOnce(await composeRequest(request, files));
    return AskTellStudy.#started(composed, () => createRunFolder(root, composed.plan, clock, request.id), clock);
  }

  /** A run folder that is there. @param trials a larger budget  @throws CosearchError RUN_NOT_FOUND, RUN_LOCKED, RUN_DAMAGED, RUN_VERSION */
  static async open(path: string, clock: Clock, trials?: number): Promise<AskTellStudy> {
    const manifest = readManifest(path);
    const composed = disposedOnce(await composeManifest(manifest, trials ?? manifest.trials));
    return AskTellStudy.#started(composed, () => openRunFolder(path, clock), clock);
  }

  static async #started(composed: ComposedExchange, folder: () => RunFolder, clock: Clock): Promise<AskTellStudy> {
    let opened: RunFolder | undefined;
    try {
      opened = folder();
      const study = new AskTellStudy(composed, opened, clock);
      await study.#start();
      return study;
    } catch (error) {
      opened?.close();
      await composed.dispose();
      throw error;
    }
  }

  private constructor(composed: ComposedExchange, folder: RunFolder, clock: Clock) {
    const { plan, exchange } = composed;
    const { score, batchSize, agentName, space } = plan;
    this.#composed = composed;
    this.#folder = folder;
    this.#clock = clock;
    const log = new ExchangeLog(folder.path);
    this.#log = log;
    if (exchange.proposals === "client") {
      const remaining = (): number => this.#budget - this.#numbering.trialCount;
      this.#proposals = new ClientProposals(agentName, log, remaining, this.#closing.signal);
    }
    const numbering = new Numbering(this.#proposals ?? plan.agent, space);
    this.#numbering = numbering;
    if (exchange.metrics !== "model") {
      const timeoutMs = exchange.timeoutSeconds * 1000;
      const model = exchange.metrics === "both" ? plan.evaluator : undefined;
      this.#asks = new Asks({ log, numbering, score, timeoutMs, concurrency: batchSize, model, clock });
    }
  }

  get id(): string {
    return this.#folder.id;
  }

  /** Gives out proposals, waiting for some when there are none. @throws StudyProblem 409 where our models measure */
  async ask(request: AskRequest, signal: AbortSignal): Promise<AskAnswer> {
    const asks = this.#asks;
    if (asks === undefined)
      throw new StudyProblem(409, "cosearch measures this study itself: send candidates to evaluate");
    const until = this.#clock() + request.waitSeconds * 1000;
    for (;;) {
      const { status } = this;
      const isOpen = status === "running" && !signal.aborted; // what nobody hears is not given out
      const trials = isOpen ? asks.ask(request) : [];
      const left = until - this.#clock();
      const isOver = status !== "running" && status !== "paused";
      if (trials.length > 0 || left <= 0 || signal.aborted || isOver || asks.knowsKey(request.key)) {
        return { status, trials, ...(this.#error !== undefined && { error: this.#error }) };
      }
      await asks.bell.wait(Math.min(left, status === "paused" ? PAUSE_LOOK_MS : asks.nextReleaseMs), signal);
    }
  }

  /** @throws StudyProblem 404, 409, 422 */
  tell(request: TellRequest): TrialAnswer {
    if (this.#asks === undefined)
      throw new StudyProblem(409, "cosearch measures this study itself: there is nothing to tell");
    if (this.#status === "failed") throw new StudyProblem(409, this.#error ?? "the study failed");
    const { candidate, outcome } = this.#asks.tell(request);
    return answerOf({ trial: request.trial, candidate, ...outcome });
  }

  /** Makes a trial of a client's candidate. @throws StudyProblem 409, 422 */
  async evaluate(
    request: EvaluateRequest,
    signal: AbortSignal,
  ): Promise<TrialAnswer | { pending: true; status: StudyStatus }> {
    const trial = this.#trialOf(request);
    const until = this.#clock() + request.waitSeconds * 1000;
    for (;;) {
      const made = this.#trials[trial];
      if (made !== undefined) return answerOf(made);
      if (this.status === "failed") throw new StudyProblem(409, this.#error ?? "the study failed");
      const left = until - this.#clock();
      if (left <= 0 || signal.aborted) return { pending: true, status: this.status };
      await this.#bell.wait(left, signal);
    }
  }

  get status(): StudyStatus {
    return this.#status === "running" && readControl(this.#folder.path).paused ? "paused" : this.#status;
  }

  describe(): StudyAnswer {
    const { plan, exchange, axes, metricNames } = this.#composed;
    const { reward, limits } = plan.study as { reward: unknown; limits: Readonly<Record<string, unknown>> };
    const conditions = new Map(plan.space.toData().knobs.map(({ name, when }) => [name, when]));
    return {
      id: this.id,
      name: plan.studyName,
      status: this.status,
      ...(this.#error !== undefined && { error: this.#error }),
      proposals: exchange.proposals,
      metrics: exchange.metrics,
      agent: plan.agentName,
      seed: plan.seed,
      budget: this.#budget,
      batch: plan.batchSize,
      timeoutSeconds: exchange.timeoutSeconds,
      trials: this.#numbering.trialCount,
      asked: this.#asks?.askedCount ?? 0,
      best: this.#best === undefined ? null : answerOf(this.#best),
      metricNames: [...metricNames],
      needed: [...new Set([...axes.map(({ metric }) => metric), ...Object.keys(limits)])],
      axes: axes.map(({ metric, sense }) => ({ metric, sense })),
      reward,
      limits,
      space: {
        name: plan.space.name,
        size: String(plan.space.size()),
        knobs: plan.space.knobs.map(({ name, values, ordered }) => {
          const when = conditions.get(name);
          const condition = when && Object.fromEntries(Object.entries(when).map(([knob, list]) => [knob, [...list]]));
          return { name, values: [...values], ordered, ...(condition && { when: condition }) };
        }),
      },
    };
  }

  /** Ends the work; the run can go on later as if nothing had been. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#ring();
    await this.#ended;
  }

  get #budget(): number {
    return this.#folder.manifest.trials; // another one when the dashboard raised it
  }

  async #start(): Promise<void> {
    const { plan, hparams } = this.#composed;
    const run: typeof plan = { ...plan, agent: this.#numbering, evaluator: this.#asks ?? plan.evaluator };
    const clock = this.#clock;
    const listeners = [
      this.#numbering.listener,
      runLog({ file: this.#folder.file(LOG_FILE), clock }),
      tensorboard({ space: plan.space.toData(), hparams, clock }),
    ];
    const events$ = runStudy(run, this.#folder, { signal: this.#closing.signal, listeners });
    await new Promise<void>((opened, failed) => {
      this.#ended = new Promise<void>((ended) => {
        const end = async (): Promise<void> => {
          this.#log.close();
          await this.#composed.dispose();
          this.#ring();
          ended();
        };
        events$.subscribe({
          next: (event) => {
            opened(); // the folder was read and found good
            this.#note(event);
          },
          error: (error: unknown) => {
            if (!(error instanceof Closed)) this.#fail(error);
            failed(error as Error);
            void end();
          },
          complete: () => void end(),
        });
      });
    });
  }

  #note(event: RunEvent): void {
    if (event.kind === "resumed") for (const trial of event.restored) this.#add(trial);
    if (event.kind === "trial") this.#add(event.trial);
    if (event.kind === "finished") this.#status = event.summary.status === "exhausted" ? "exhausted" : "finished";
    this.#ring();
  }

  #add(trial: Trial): void {
    this.#best = betterTrial(this.#best, trial);
    if (this.#proposals !== undefined) this.#trials.push(trial);
  }

  #fail(error: unknown): void {
    this.#status = "failed";
    this.#error = error instanceof CosearchError ? `${error.code}: ${error.message}` : String(error);
  }

  #ring(): void {
    this.#bell.ring();
    this.#asks?.bell.ring();
  }

  /** The number of the trial that a request makes, or has made before. */
  #trialOf({ candidate, key }: EvaluateRequest): number {
    const proposals = this.#proposals;
    if (proposals === undefined) throw new StudyProblem(409, "an agent proposes in this study: use ask and tell");
    const given = this.#point(candidate);
    const before = proposals.known(key);
    if (before !== undefined) {
      if (JSON.stringify(this.#point(before.candidate)) === JSON.stringify(given)) return before.trial;
      const what = `the key ${key} was used for another candidate`;
      throw new StudyProblem(409, what, { told: before.candidate, given });
    }
    const { status } = this;
    if (status !== "running") throw new StudyProblem(409, this.#error ?? `the study is ${status}`);
    if (proposals.proposedCount >= this.#budget) {
      throw new StudyProblem(409, `the budget of ${this.#budget} trials is spent; raise it in the dashboard`);
    }
    return proposals.add(given, key);
  }

  /** In the space's order. @throws StudyProblem 422 for what is no point of the space */
  #point(candidate: Candidate): Candidate {
    const { space } = this.#composed.plan;
    try {
      return space.decode(space.encode(candidate));
    } catch (error) {
      if (!(error instanceof CosearchError)) throw error;
      throw new StudyProblem(422, error.message, { code: error.code });
    }
  }
}

/** The run's end and a failed start both free what was composed. */
function disposedOnce(composed: ComposedExchange): ComposedExchange {
  let disposed: Promise<void> | undefined;
  return {
    ...composed,
    dispose() {
      disposed ??= composed.dispose();
      return disposed;
    },
  };
}

function answerOf(trial: Trial): TrialAnswer {
  const { trial: number, reward, candidate, metrics, infeasible } = trial;
  return {
    trial: number,
    reward,
    feasible: isFeasible(trial),
    candidate: { ...candidate },
    ...(metrics && { metrics: { ...metrics } }),
    ...(infeasible && { infeasible: { ...infeasible } }),
  };
}
