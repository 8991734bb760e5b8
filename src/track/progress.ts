// How far a run is, kept up event by event: counts, rate, time left, the best trial, and the reward curve in as many
// points as a chart has columns. Pure: time comes with the event.
import { betterTrial, isFeasible, type Trial } from "../core/trial.js";
import type { RunEvent, RunHead } from "../study/events.js";

/** Points of the curve, evenly spread over the budget. */
export const CURVE_POINTS = 64;
const RATE_WINDOW_MS = 15_000;

export class Progress {
  run: RunHead | undefined;
  trialCount = 0;
  feasibleCount = 0;
  cachedCount = 0;
  best: Trial | undefined;
  /** mean reward of the last batch of trials, and best feasible reward so far (NaN before there is one), per point */
  readonly means: number[] = [];
  readonly bests: number[] = [];
  #recent: number[] = [];
  #recentSum = 0;
  #samples: { readonly ms: number; readonly count: number }[] = [];
  #evaluatedCount = 0;

  /** @param nowMs when the event was heard */
  hear(event: RunEvent, nowMs: number): void {
    if (event.kind === "started" || event.kind === "resumed") {
      this.run = event.run;
      this.#samples = [{ ms: nowMs, count: 0 }];
      if (event.kind === "resumed") for (const trial of event.restored) this.#add(trial);
    } else if (event.kind === "trial") {
      this.#add(event.trial);
      if (event.cached) this.cachedCount++;
      if (!event.recorded) this.#evaluatedCount++; // what comes from the record says nothing about the rate
      const last = this.#samples.at(-1);
      if (last === undefined || nowMs - last.ms >= 500) this.#sample(nowMs);
    }
  }

  /** Notes another budget: the curve so far takes a smaller part of its width. @returns whether it is another one */
  setBudget(trials: number): boolean {
    const run = this.run;
    if (run === undefined || trials === run.trials) return false;
    const [from, to] = [run.trials / Math.min(CURVE_POINTS, run.trials), trials / Math.min(CURVE_POINTS, trials)];
    this.run = { ...run, trials };
    for (const points of [this.means, this.bests]) {
      const before = points.splice(0);
      before.forEach((value, i) => {
        points[Math.floor((i * from) / to)] = value; // of those that fall together the last stays
      });
    }
    return true;
  }

  /** Trials per second over the last quarter of a minute; undefined while there is nothing to tell from. */
  rate(nowMs: number): number | undefined {
    const first = this.#samples[0];
    if (first === undefined || nowMs - first.ms < 200 || this.#evaluatedCount === first.count) return undefined;
    return (1000 * (this.#evaluatedCount - first.count)) / (nowMs - first.ms);
  }

  secondsLeft(nowMs: number): number | undefined {
    const rate = this.rate(nowMs);
    return rate === undefined || this.run === undefined ? undefined : (this.run.trials - this.trialCount) / rate;
  }

  get bestFeasible(): Trial | undefined {
    return this.best !== undefined && isFeasible(this.best) ? this.best : undefined;
  }

  #sample(ms: number): void {
    this.#samples.push({ ms, count: this.#evaluatedCount });
    while (this.#samples.length > 2 && ms - this.#samples[0]!.ms > RATE_WINDOW_MS) this.#samples.shift();
  }

  #add(trial: Trial): void {
    this.trialCount++;
    if (isFeasible(trial)) this.feasibleCount++;
    this.best = betterTrial(this.best, trial);
    this.#recent.push(trial.reward);
    this.#recentSum += trial.reward;
    const { batchSize = 1, trials = 1 } = this.run ?? {};
    if (this.#recent.length > batchSize) this.#recentSum -= this.#recent.shift()!;
    const point = Math.min(CURVE_POINTS, trials) * (trial.trial / trials);
    this.means[Math.floor(point)] = this.#recentSum / this.#recent.length;
    this.bests[Math.floor(point)] = this.bestFeasible?.reward ?? Number.NaN;
  }
}
