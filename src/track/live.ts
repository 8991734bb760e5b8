// The run on the terminal: a picture that is drawn over itself where somebody watches, a line now and then elsewhere.
import asciichart from "asciichart";
import type { Trial } from "../core/trial.js";
import type { RunEvent } from "../study/events.js";
import type { RunListener } from "../study/listeners.js";
import type { Clock } from "../study/run-folder.js";
import { Progress } from "./progress.js";
import { Redraw } from "./redraw.js";
import { sparkline } from "./sparkline.js";
import { describeCandidate, formatMetric, formatNumber, metricLabel } from "./words.js";

/** Where the view writes: stderr, or what a test collects. */
export interface Screen {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

export interface LiveOptions {
  readonly screen: Screen;
  /** true: a picture drawn over itself; false: plain lines */
  readonly interactive: boolean;
  /** false under NO_COLOR */
  readonly color: boolean;
  readonly clock: Clock;
  /** the budget as it is now: somebody may raise it while the run goes on */
  readonly budget?: () => number;
  /** metrics of the best design to show, in this order; default all, first five */
  readonly metrics?: readonly string[];
}

const PICTURE_EVERY_MS = 150;
const LINE_EVERY_MS = 10_000;
const CHART_HEIGHT = 8;
const SPARK_COLUMNS = 24;

/** Follows a run on the screen. For a quiet run simply do not attach it. */
export function liveView(options: LiveOptions): RunListener {
  const { screen, interactive, clock } = options;
  const progress = new Progress();
  const block = new Redraw(screen);
  let drawnMs = Number.NEGATIVE_INFINITY;

  const show = (nowMs: number): void => {
    drawnMs = nowMs;
    if (interactive) block.draw(pictureOf(progress, nowMs, options));
    else screen.write(`${lineOf(progress, nowMs)}\n`);
  };
  const say = (text: string): void => {
    if (interactive) block.say(text);
    else screen.write(`${text}\n`);
  };
  const end = (): void => {
    if (progress.run === undefined) return;
    show(clock());
    if (interactive) screen.write("\n");
  };

  return {
    name: "live view",
    next(event: RunEvent): void {
      const nowMs = clock();
      progress.hear(event, nowMs);
      if (event.kind === "started" || event.kind === "resumed") {
        for (const line of openingOf(event)) say(line);
        drawnMs = nowMs;
        return;
      }
      const budget = options.budget?.();
      if (budget !== undefined && progress.setBudget(budget)) say(`the budget was raised to ${budget} trials`);
      if (nowMs - drawnMs >= (interactive ? PICTURE_EVERY_MS : LINE_EVERY_MS)) show(nowMs);
    },
    complete: end,
    error: end,
  };
}

/** What is said once when a run starts or goes on. */
export function openingOf(event: Extract<RunEvent, { kind: "started" | "resumed" }>): string[] {
  const { runFolder, studyName, agentName, seed, trials } = event.run;
  const what = `${studyName} with ${agentName}, seed ${seed}, ${trials} trials`;
  if (event.kind === "started") return [`${what}, in ${runFolder}`];
  const from = event.checkpoint === null ? "trial 0" : `trial ${event.restored.length}`;
  return [
    `${what}, going on from ${from} (${event.recordedCount} recorded) in ${runFolder}`,
    ...event.notes.map((note) => `note: ${note}`),
  ];
}

/** One line on how far the run is; the curve is the mean of a batch. */
export function lineOf(progress: Progress, nowMs: number): string {
  const best = progress.bestFeasible;
  const words = best === undefined ? "nothing feasible yet" : `best ${formatNumber(best.reward)} (trial ${best.trial})`;
  const curve = sparkline(filled(progress.means), SPARK_COLUMNS);
  return `${headOf(progress, nowMs).join(", ")}, ${words}${curve === "" ? "" : `  ${curve}`}`;
}

/** The picture, line by line: head, reward curve, best design so far. */
export function pictureOf(progress: Progress, nowMs: number, options: LiveOptions): string[] {
  const width = Math.max(20, options.screen.columns ?? 80);
  const paint = painter(options.color);
  const feasible = share(progress.feasibleCount, progress.trialCount);
  return [
    headOf(progress, nowMs).join(", "),
    "",
    ...chartOf(progress, width, paint),
    `${paint.best("best feasible reward")}, ${paint.mean("mean of a batch")}; ${feasible} feasible`,
    "",
    ...bestOf(progress.bestFeasible, options.metrics),
  ];
}

function headOf(progress: Progress, nowMs: number): string[] {
  const { trialCount, run } = progress;
  const total = run?.trials ?? trialCount;
  const rate = progress.rate(nowMs);
  const left = progress.secondsLeft(nowMs);
  return [
    `${trialCount} of ${total} trials (${share(trialCount, total)})`,
    ...(rate === undefined ? [] : [`${formatNumber(rate)} per second`]),
    ...(left === undefined || left <= 0 ? [] : [`${duration(left)} left`]),
  ];
}

function chartOf(progress: Progress, width: number, paint: Painter): string[] {
  const step = Math.max(1, Math.ceil(progress.means.length / (width - 14))); // 14: the axis with its labels
  const means = filled(progress.means).filter((_, i) => i % step === 0);
  if (means.length === 0) return ["waiting for the first trial"];
  // Before the first feasible design the curve of the best runs along the mean, for the chart has no gaps.
  const bests = filled(progress.bests)
    .filter((_, i) => i % step === 0)
    .map((value, i) => (Number.isNaN(value) ? means[i]! : value));
  return asciichart
    .plot([means, bests], {
      height: CHART_HEIGHT,
      colors: [paint.meanCode, paint.bestCode],
      format: (value) => formatNumber(value).padStart(9),
    })
    .split("\n");
}

/** Without holes: a point that no trial fell on repeats the one before it. */
function filled(points: readonly number[]): number[] {
  const result: number[] = [];
  for (let i = 0; i < points.length; i++) result.push(points[i] ?? result.at(-1) ?? points.find(Number.isFinite) ?? 0);
  return result;
}

function bestOf(best: Trial | undefined, names: readonly string[] | undefined): string[] {
  if (best === undefined) return ["best design so far: none is feasible yet"];
  const metrics = best.metrics ?? {};
  const shown = (names ?? Object.keys(metrics).slice(0, 5)).filter((name) => metrics[name] !== undefined);
  const figures = shown.map((name) => `${metricLabel(name)} ${formatMetric(name, metrics[name]!)}`);
  return [
    `best design so far: trial ${best.trial}, reward ${formatNumber(best.reward)}`,
    ...(figures.length > 0 ? [`  ${figures.join(", ")}`] : []),
    ...describeCandidate(best.candidate).map(({ group, text }) => `  ${group}: ${text}`),
  ];
}

interface Painter {
  readonly meanCode: string | undefined;
  readonly bestCode: string | undefined;
  mean(text: string): string;
  best(text: string): string;
}

function painter(color: boolean): Painter {
  const [meanCode, bestCode] = color ? ["\u001b[36m", "\u001b[32m"] : [undefined, undefined];
  const wrap = (code: string | undefined) => (text: string) => (code === undefined ? text : `${code}${text}\u001b[0m`);
  return { meanCode, bestCode, mean: wrap(meanCode), best: wrap(bestCode) };
}

const share = (part: number, whole: number): string => `${whole === 0 ? 0 : Math.floor((100 * part) / whole)} %`;

/** 75 s is "1 min 15 s". */
export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
