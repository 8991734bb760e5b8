// Curves for the page: as many buckets as it has pixels for, computed from the columns; a bucket of one trial is that trial.
import type { Curves } from "./api.js";
import { type RunColumns, secondsAt, type Update } from "./run-columns.js";

export interface CurveOptions {
  /** first trial, and one past the last */
  readonly from: number;
  readonly to: number;
  /** buckets at most */
  readonly points: number;
  /** trials of the running mean and of the constraint rate */
  readonly window: number;
}

/** Curves over the trials [from, to). Window means look back beyond `from`, so that zooming does not bend them. */
export function curvesOf(columns: RunColumns, options: CurveOptions): Curves {
  const to = Math.min(options.to, columns.count);
  const from = Math.max(0, Math.min(options.from, to));
  const bucket = Math.max(1, Math.ceil((to - from) / Math.max(1, options.points)));
  const { reward, feasible } = columns;
  const names = columns.metricNames;
  const sources = names.map((name) => columns.metric(name)!);
  const metrics = names.map((): (number | null)[] => []);
  const trial: number[] = [];
  const seconds: number[] = [];
  const rewardMin: number[] = [];
  const rewardMean: number[] = [];
  const rewardMax: number[] = [];
  const runningMean: number[] = [];
  const feasibleRate: number[] = [];
  const best: (number | null)[] = [];

  let top = bestBefore(columns, from);
  let window = windowBefore(columns, from, options.window);
  for (let start = from; start < to; start += bucket) {
    const end = Math.min(to, start + bucket);
    let [low, high, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
    for (let t = start; t < end; t++) {
      const value = reward[t]!;
      low = Math.min(low, value);
      high = Math.max(high, value);
      sum += value;
      if (feasible[t] === 1 && value > top) top = value;
      window = advanced(window, columns, t, options.window);
    }
    trial.push(end - 1);
    seconds.push(rounded(secondsAt(columns.times, end)));
    rewardMin.push(low);
    rewardMean.push(sum / (end - start));
    rewardMax.push(high);
    runningMean.push(window.sum / window.size);
    feasibleRate.push(window.feasible / window.size);
    best.push(Number.isFinite(top) ? top : null);
    sources.forEach((source, m) => {
      metrics[m]!.push(meanOf(source, start, end));
    });
  }
  return {
    from,
    to,
    bucket,
    trial,
    seconds,
    rewardMin,
    rewardMean,
    rewardMax,
    runningMean,
    best,
    feasibleRate,
    metrics: Object.fromEntries(names.map((name, m) => [name, metrics[m]!])),
    updates: updatesOf(columns, from, to, options.points),
    rate: rateOf(columns, from, to, options.points),
  };
}

/** The updates within a range; each bucket is the mean of its updates. */
export function updatesOf(columns: RunColumns, from: number, to: number, points: number): Curves["updates"] {
  const within = columns.updates.filter(({ trialCount }) => trialCount > from && trialCount <= to);
  const bucket = Math.max(1, Math.ceil(within.length / Math.max(1, points)));
  const names = [...new Set(within.flatMap(({ diagnostics }) => Object.keys(diagnostics)))].slice(0, 100);
  const series: Record<string, (number | null)[]> = Object.fromEntries(names.map((name) => [name, []]));
  const trial: number[] = [];
  for (let start = 0; start < within.length; start += bucket) {
    const group = within.slice(start, start + bucket);
    trial.push(group.at(-1)!.trialCount);
    for (const name of names) series[name]!.push(groupMean(group, name));
  }
  return { trial, seconds: trial.map((count) => rounded(secondsAt(columns.times, count))), series };
}

function rateOf({ times }: RunColumns, from: number, to: number, points: number): Curves["rate"] {
  const within = times.filter(({ trials }) => trials >= from && trials <= to);
  const bucket = Math.max(1, Math.ceil(within.length / Math.max(1, points)));
  const trial: number[] = [];
  const seconds: number[] = [];
  const trialsPerSecond: (number | null)[] = [];
  let before = { trials: 0, seconds: 0 };
  for (let i = bucket - 1; i < within.length; i += bucket) {
    const now = within[i]!;
    const passed = now.seconds - before.seconds;
    trial.push(now.trials);
    seconds.push(rounded(now.seconds));
    // the clock of a run may stand still for a batch of remembered trials
    trialsPerSecond.push(passed > 0 && now.trials > before.trials ? (now.trials - before.trials) / passed : null);
    before = now;
  }
  return { trial, seconds, trialsPerSecond };
}

interface Window {
  readonly sum: number;
  readonly feasible: number;
  readonly size: number;
}

function windowBefore({ reward, feasible }: RunColumns, end: number, size: number): Window {
  const start = Math.max(0, end - size);
  let [sum, count] = [0, 0];
  for (let t = start; t < end; t++) {
    sum += reward[t]!;
    count += feasible[t]!;
  }
  return { sum, feasible: count, size: end - start };
}

function advanced(window: Window, { reward, feasible }: RunColumns, t: number, size: number): Window {
  const gone = t - size;
  if (gone < 0)
    return { sum: window.sum + reward[t]!, feasible: window.feasible + feasible[t]!, size: window.size + 1 };
  return {
    sum: window.sum + reward[t]! - reward[gone]!,
    feasible: window.feasible + feasible[t]! - feasible[gone]!,
    size,
  };
}

function bestBefore({ reward, feasible }: RunColumns, end: number): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let t = 0; t < end; t++) if (feasible[t] === 1 && reward[t]! > best) best = reward[t]!;
  return best;
}

function meanOf(values: Float64Array, start: number, end: number): number | null {
  let [sum, count] = [0, 0];
  for (let t = start; t < end; t++) {
    const value = values[t]!;
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? null : sum / count;
}

function groupMean(group: readonly Update[], name: string): number | null {
  let [sum, count] = [0, 0];
  for (const { diagnostics } of group) {
    const value = diagnostics[name];
    if (value === undefined) continue;
    sum += value;
    count++;
  }
  return count === 0 ? null : sum / count;
}

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;
