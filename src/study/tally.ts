// What a run has seen so far: counts, the best trial, and the outcome of every candidate, so that none is evaluated twice.
import type { Diagnostics } from "../core/agent.js";
import { betterTrial, isFeasible, type Trial } from "../core/trial.js";
import { type KeyedOutcome, KnownOutcomes } from "./known-outcomes.js";
import { type Outcome, outcomeIn } from "./outcome.js";

export class Tally {
  trialCount = 0;
  feasibleCount = 0;
  cacheHitCount = 0;
  /** results that beat a physical bound: defects of the environment, rejected */
  boundViolationCount = 0;
  best: Trial | undefined;
  readonly #known: KnownOutcomes;

  /** @param read the line of the trials file that starts at this byte */
  constructor(read: (startByte: number) => KeyedOutcome) {
    this.#known = new KnownOutcomes(read);
  }

  /** The outcome of a candidate, when it was evaluated before. */
  outcome(key: string): Outcome | undefined {
    return this.#known.outcome(key);
  }

  /** Notes what the record says about a candidate, without counting a trial. @param startByte of its line */
  remember(key: string, trial: Outcome, startByte: number): void {
    this.#known.remember(key, outcomeIn(trial), startByte);
  }

  /** Counts a trial. @returns whether its candidate appeared earlier in the run */
  add(key: string, trial: Trial, startByte: number): boolean {
    this.remember(key, trial, startByte);
    const cached = this.#known.see(key);
    this.trialCount++;
    if (cached) this.cacheHitCount++;
    if (isFeasible(trial)) this.feasibleCount++;
    if (trial.infeasible?.code === "bound") this.boundViolationCount++;
    this.best = betterTrial(this.best, trial);
    return cached;
  }

  /** The search's own diagnostics, to stand beside the agent's. */
  diagnostics(): Diagnostics {
    return {
      ...(this.best !== undefined && isFeasible(this.best) && { "search/best_feasible": this.best.reward }),
      "search/feasible_rate": this.feasibleCount / this.trialCount,
      "search/duplicate_rate": this.cacheHitCount / this.trialCount,
      "search/bound_violations": this.boundViolationCount,
    };
  }
}
