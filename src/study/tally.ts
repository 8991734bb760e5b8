// What a run has seen so far: counts, the best trial, and the outcome of every candidate, so that none is evaluated twice.
import type { Diagnostics } from "../core/agent.js";
import { betterTrial, isFeasible, type Trial } from "../core/trial.js";
import type { Outcome } from "./outcome.js";

interface Known {
  readonly outcome: Outcome;
  /** the candidate has been a trial of this run, and does not only stand in the record ahead */
  seen: boolean;
}

export class Tally {
  trialCount = 0;
  feasibleCount = 0;
  cacheHitCount = 0;
  /** results that beat a physical bound: defects of the environment, rejected */
  boundViolationCount = 0;
  best: Trial | undefined;
  readonly #known = new Map<string, Known>();

  /** The outcome of a candidate, when it was evaluated before. */
  outcome(key: string): Outcome | undefined {
    return this.#known.get(key)?.outcome;
  }

  /** Notes what the record says about a candidate, without counting a trial. */
  remember(key: string, { metrics, infeasible, reward }: Outcome): void {
    if (this.#known.has(key)) return;
    this.#known.set(key, {
      outcome: { ...(metrics && { metrics }), ...(infeasible && { infeasible }), reward },
      seen: false,
    });
  }

  /** Counts a trial. @returns whether its candidate appeared earlier in the run */
  add(key: string, trial: Trial): boolean {
    this.remember(key, trial);
    const known = this.#known.get(key)!;
    const cached = known.seen;
    known.seen = true;
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
