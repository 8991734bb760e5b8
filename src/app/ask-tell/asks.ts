// Measured outside: an evaluator whose candidates are given out by `ask` and whose evaluations come back by `tell`. What was
// told stands in the exchange log before the answer leaves, so a run that is made again after a kill finds it there; an ask
// that nobody told by its deadline is given to the next who asks.
import { isDeepStrictEqual } from "node:util";
import type { Evaluator } from "../../core/environment.js";
import { CosearchError } from "../../core/errors.js";
import type { Candidate, Evaluation, Metrics } from "../../core/trial.js";
import { judged, type Outcome } from "../../study/outcome.js";
import type { StudyPlan } from "../../study/plan.js";
import type { Clock } from "../../study/run-folder.js";
import { type AskAnswer, type AskRequest, StudyProblem, type TellRequest } from "./contract.js";
import type { ExchangeLog, Given } from "./exchange-log.js";
import type { Numbering } from "./numbering.js";
import { Bell } from "./waiting.js";

interface Open {
  readonly candidate: Candidate;
  readonly point: string;
  /** of our models, where both measure */
  readonly predicted: Metrics | undefined;
  resolve(evaluation: Evaluation): void;
}

export interface AsksOptions {
  readonly log: ExchangeLog;
  readonly numbering: Numbering;
  readonly score: StudyPlan["score"];
  readonly timeoutMs: number;
  /** as many as a batch has: all of it can be given out at once */
  readonly concurrency: number;
  /** our own evaluation, whose metrics are kept where none is told */
  readonly model?: Evaluator | undefined;
  readonly clock: Clock;
}

export class Asks implements Evaluator {
  readonly concurrency: number;
  readonly #options: AsksOptions;
  readonly #open = new Map<number, Open>();
  readonly bell = new Bell();

  constructor(options: AsksOptions) {
    this.#options = options;
    this.concurrency = options.concurrency;
  }

  /** Waits until the candidate's trial is told. @throws CosearchError RUN_DIVERGED when another point was told before */
  async evaluate(candidate: Candidate): Promise<Evaluation> {
    const { log, numbering, model } = this.#options;
    const { point, trial } = numbering.of(candidate);
    const modelled = await model?.evaluate(candidate);
    if (modelled?.kind === "infeasible") return modelled;
    const told = log.told.get(trial);
    if (told !== undefined) {
      if (told.point === point) return merged(told.given, modelled?.metrics);
      const what = `trial ${trial} was told for another design than the one that is proposed now`;
      throw new CosearchError("RUN_DIVERGED", `${what}; the study or the code is another than before`);
    }
    return new Promise((resolve) => {
      this.#open.set(trial, { candidate, point, predicted: modelled?.metrics, resolve });
      this.bell.ring();
    });
  }

  /** Trials that were given out and not told. */
  get askedCount(): number {
    return [...this.#open.keys()].filter((trial) => this.#options.log.askedUntilMs.has(trial)).length;
  }

  /** Gives out what is there. A key that was used gets its trials again, as far as they are not told. */
  ask({ count, key }: AskRequest): AskAnswer["trials"] {
    const { log, clock, timeoutMs } = this.#options;
    const again = key === undefined ? undefined : log.keys.get(key);
    if (again !== undefined) return again.flatMap((trial) => this.#given(trial));
    const now = clock();
    const free = [...this.#open.keys()].filter((trial) => (log.askedUntilMs.get(trial) ?? 0) <= now);
    const trials = free.sort((a, b) => a - b).slice(0, count);
    if (trials.length > 0) log.ask(trials, now + timeoutMs, key);
    return trials.flatMap((trial) => this.#given(trial));
  }

  knowsKey(key: string | undefined): boolean {
    return key !== undefined && this.#options.log.keys.has(key);
  }

  /** Milliseconds until the next ask runs out; infinite when none is out. */
  get nextReleaseMs(): number {
    const { log, clock } = this.#options;
    const now = clock();
    let least = Number.POSITIVE_INFINITY;
    for (const trial of this.#open.keys()) {
      const until = log.askedUntilMs.get(trial);
      if (until !== undefined) least = Math.min(least, until - now);
    }
    return Math.max(1, least);
  }

  /** @throws StudyProblem 404 for a trial that is not asked, 409 when it was told something else, 422 for metrics that lack
   *  what the reward reads */
  tell({ trial, metrics, infeasible }: TellRequest): { readonly candidate: Candidate; readonly outcome: Outcome } {
    const { log, numbering, score } = this.#options;
    const given: Given = JSON.parse(JSON.stringify({ metrics, infeasible })) as Given;
    const before = log.told.get(trial);
    if (before !== undefined) {
      if (isDeepStrictEqual(before.given, given))
        return { candidate: this.#candidateAt(before.point), outcome: before.outcome };
      throw new StudyProblem(409, `trial ${trial} was told other results before; those stand`, {
        told: before.given,
        given,
      });
    }
    const open = this.#open.get(trial);
    if (open === undefined || !log.askedUntilMs.has(trial)) {
      const known = trial < numbering.trialCount ? "needed no measurement of yours" : "has not been asked";
      throw new StudyProblem(404, `trial ${trial} ${known}`);
    }
    const evaluation = merged(given, open.predicted);
    const outcome = this.#judge(score, evaluation, open.candidate);
    log.tell(trial, { point: open.point, given, outcome });
    this.#open.delete(trial);
    open.resolve(evaluation);
    return { candidate: open.candidate, outcome };
  }

  async dispose(): Promise<void> {
    await this.#options.model?.dispose();
  }

  #judge(score: StudyPlan["score"], evaluation: Evaluation, candidate: Candidate): Outcome {
    try {
      return judged(score, evaluation, candidate);
    } catch (error) {
      if (!(error instanceof CosearchError)) throw error;
      throw new StudyProblem(422, error.message, { code: error.code });
    }
  }

  #candidateAt(point: string): Candidate {
    return this.#options.numbering.candidateAt(point);
  }

  #given(trial: number): AskAnswer["trials"] {
    const open = this.#open.get(trial);
    if (open === undefined) return []; // told meanwhile
    const { candidate, predicted } = open;
    const deadline = new Date(this.#options.log.askedUntilMs.get(trial) ?? 0).toISOString();
    return [{ trial, candidate, deadline, ...(predicted && { predicted }) }];
  }
}

/** A client's results over those of our models. */
function merged({ metrics, infeasible }: Given, modelled: Metrics | undefined): Evaluation {
  if (infeasible !== undefined) return { kind: "infeasible", infeasible };
  return { kind: "measured", metrics: { ...modelled, ...metrics } };
}
