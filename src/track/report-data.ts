// What a report is made of, and the curves that it draws; every form of the report (text, Markdown, HTML, JSON) reads this.
import type { Axis } from "../core/pareto.js";
import { paretoFront } from "../core/pareto.js";
import { betterTrial, isFeasible, type Trial } from "../core/trial.js";
import type { DesignDocument } from "./design-document.js";

/** One run, as its folder tells it. */
export interface ReportRun {
  readonly runId: string;
  readonly runFolder: string;
  readonly agentName: string;
  readonly seed: number;
  readonly backend: string;
  /** ISO 8601 */
  readonly created: string;
  readonly versions: Readonly<Record<string, string>>;
  /** budget */
  readonly budgetTrials: number;
  readonly trials: readonly Trial[];
}

export interface ReportData {
  readonly studyName: string;
  readonly description: string;
  /** label and text: what was searched, limits, reward */
  readonly searched: readonly (readonly [string, string])[];
  readonly runs: readonly ReportRun[];
  readonly axes: readonly Axis[];
  /** the best feasible design over all runs; undefined when there is none */
  readonly winner:
    | {
        readonly run: ReportRun;
        readonly trial: Trial;
        readonly design: DesignDocument;
        readonly reference: DesignDocument;
      }
    | undefined;
  /** the command that makes it again */
  readonly reproduce: string;
}

/** Numbers that sum a run up. */
export interface RunFigures {
  readonly trialCount: number;
  readonly feasibleCount: number;
  readonly bestReward: number | undefined;
  readonly bestTrial: number | undefined;
  readonly frontSize: number;
}

export function figuresOf(run: ReportRun, axes: readonly Axis[]): RunFigures {
  const best = bestFeasible(run.trials);
  return {
    trialCount: run.trials.length,
    feasibleCount: run.trials.filter(isFeasible).length,
    bestReward: best?.reward,
    bestTrial: best?.trial,
    frontSize: paretoFront(run.trials, axes).length,
  };
}

export function bestFeasible(trials: readonly Trial[]): Trial | undefined {
  let best: Trial | undefined;
  for (const trial of trials) if (isFeasible(trial)) best = betterTrial(best, trial);
  return best;
}

/** The best feasible trial over all runs, whether or not it is a design that can be drawn. */
export function bestOfRuns(runs: readonly ReportRun[]): { readonly run: ReportRun; readonly trial: Trial } | undefined {
  let found: { readonly run: ReportRun; readonly trial: Trial } | undefined;
  for (const run of runs) {
    const trial = bestFeasible(run.trials);
    if (trial !== undefined && trial.reward > (found?.trial.reward ?? Number.NEGATIVE_INFINITY)) found = { run, trial };
  }
  return found;
}

/** A trial's metrics and knobs as label and text, for studies whose candidates are no designs of ours. */
export const factsOf = ({ metrics = {}, candidate }: Trial): [string, string][] => [
  ...Object.entries(metrics).map(([name, value]): [string, string] => [name, String(Number(value.toPrecision(6)))]),
  ...Object.entries(candidate).map(([name, value]): [string, string] => [name, String(value)]),
];

export type Point = readonly [x: number, y: number];

/** Mean reward of the last `window` trials, at each trial. */
export function runningMean(trials: readonly Trial[], window: number): Point[] {
  let sum = 0;
  return trials.map((trial, i) => {
    sum += trial.reward;
    if (i >= window) sum -= trials[i - window]?.reward ?? 0;
    return [trial.trial, sum / Math.min(i + 1, window)];
  });
}

/** Best feasible reward so far; a step where it rises, and the end. */
export function bestSoFar(trials: readonly Trial[]): Point[] {
  const points: Point[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (const trial of trials) {
    if (!isFeasible(trial) || trial.reward <= best) continue;
    best = trial.reward;
    points.push([trial.trial, best]);
  }
  const last = trials.at(-1);
  if (points.length > 0 && last !== undefined) points.push([last.trial, best]);
  return points;
}

/** At most `count` of the items, evenly spread, both ends among them. */
export function thinned<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))] as T);
}

/** The front over all runs of a report. */
export const frontOfRuns = ({ runs, axes }: ReportData): Trial[] =>
  paretoFront(
    runs.flatMap((run) => run.trials),
    axes,
  );
