// The charts of the HTML report, drawn on the server as SVG: no script in the page. Colours are CSS variables of the page,
// so one drawing serves light, dark and print.
import { LineChart, ScatterChart } from "echarts/charts";
import { GridComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { Axis } from "../core/pareto.js";
import { paretoFront } from "../core/pareto.js";
import { isFeasible, type Trial } from "../core/trial.js";
import { bestSoFar, type Point, type ReportData, runningMean, thinned } from "./report-data.js";
import type { BandPoint } from "./seed-bands.js";
import { metricLabel } from "./words.js";

use([LineChart, ScatterChart, GridComponent, SVGRenderer]);

const WIDTH = 860;
const MAX_DOTS = 4000;
/** CSS variables of the page, one per run. */
export const RUN_COLOURS = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)"] as const;
export const runColour = (index: number): string => RUN_COLOURS[index % RUN_COLOURS.length] ?? "var(--c1)";

/** Window of the running mean: a twentieth of the run, 10 to 100 trials. */
export const meanWindow = (trialCount: number): number => Math.max(10, Math.min(100, Math.round(trialCount / 20)));

/** Reward over trials: one run with every trial as a dot, several as curves. The axis fits the curves; dots far below them
 *  lie on the lower edge. */
export function rewardChart({ runs }: ReportData): string {
  const single = runs.length === 1 ? runs[0] : undefined;
  const series: object[] = [];
  const floor = lowerEdge(runs);
  if (single !== undefined) {
    const dots = (keep: boolean): Point[] =>
      thinned(single.trials, MAX_DOTS)
        .filter((trial) => isFeasible(trial) === keep)
        .map((trial): Point => [trial.trial, Math.max(floor, trial.reward)]);
    series.push(scatter(dots(false), "var(--bad)", 0.35, 3), scatter(dots(true), "var(--muted)", 0.45, 3));
    series.push(line(meanCurve(single.trials), "var(--c2)", "solid"));
  }
  runs.forEach((run, i) => {
    if (single === undefined) {
      series.push(line(thinned(meanCurve(run.trials), 400), runColour(i), "dotted"));
    }
    series.push(line(bestSoFar(run.trials), runColour(single === undefined ? i : 0), "solid", true));
  });
  return draw(330, {
    xAxis: axis("trial", [0, longest(runs.map((run) => run.trials.length))]),
    yAxis: { ...axis("reward", undefined, 46), min: floor },
    series,
  });
}

/** One curve for several runs: median over seeds, and the band between the quartiles. */
export interface BandCurve {
  readonly colour: string;
  readonly points: readonly BandPoint[];
}

/** Best feasible reward so far over trials, one curve with its band for each group of seeds. */
export function bandChart(curves: readonly BandCurve[]): string {
  const series = curves.flatMap(({ colour, points }, i) => {
    const known = points.filter(({ median }) => median !== undefined);
    const low = known.map((at): Point => [at.trialCount, at.lowQuartile ?? at.median ?? 0]);
    const width = known.map((at, k): Point => [at.trialCount, (at.highQuartile ?? at.median ?? 0) - low[k]![1]]);
    const hidden = { ...line(low, colour, "solid"), lineStyle: { width: 0 } };
    const stacked = { stack: `band ${i}`, stackStrategy: "all" };
    return [
      { ...hidden, ...stacked },
      { ...hidden, ...stacked, data: width, areaStyle: { color: colour, opacity: 0.16 } },
      line(
        known.map((at): Point => [at.trialCount, at.median ?? 0]),
        colour,
        "solid",
      ),
    ];
  });
  const trials = longest(curves.map(({ points }) => points.at(-1)?.trialCount ?? 1));
  return draw(330, { xAxis: axis("trials", [0, trials]), yAxis: axis("best reward", undefined, 46), series });
}

const meanCurve = (trials: readonly Trial[]): readonly Point[] =>
  thinned(runningMean(trials, meanWindow(trials.length)), MAX_DOTS);

/** Where the reward axis begins: a little below the lowest running mean, at a round number. */
function lowerEdge(runs: ReportData["runs"]): number {
  const means = runs.flatMap((run) => meanCurve(run.trials).map(([, mean]) => mean));
  const bests = runs.flatMap((run) => bestSoFar(run.trials).map(([, best]) => best));
  const low = Math.min(0, ...means) < 0 ? Math.min(...means) : Math.min(...means, ...bests);
  const high = Math.max(...means, ...bests);
  if (!Number.isFinite(low) || high <= low) return Number.isFinite(low) ? low - 1 : 0;
  const step = 10 ** Math.floor(Math.log10((high - low) / 2));
  return Number((Math.floor((low - 0.1 * (high - low)) / step) * step).toPrecision(6)); // no 0.30000000000000004
}

/** Two axes of the front: feasible trials faint, the front of these two axes as a line, the winner and the reference marked. */
export function frontChart(data: ReportData, across: Axis, up: Axis): string {
  const trials = data.runs.flatMap((run) => run.trials.filter((trial) => isFeasible(trial)));
  const at = (trial: Pick<Trial, "metrics">): Point => [
    trial.metrics?.[across.metric] ?? Number.NaN,
    trial.metrics?.[up.metric] ?? Number.NaN,
  ];
  const front = paretoFront(trials, [across, up]).map(at);
  const series: object[] = [
    scatter(thinned(trials, MAX_DOTS).map(at), "var(--muted)", 0.35, 4),
    {
      ...line(front, "var(--c1)", "solid"),
      step: up.sense === "maximise" ? "end" : "start",
      showSymbol: true,
      symbolSize: 5,
    },
  ];
  if (data.winner !== undefined) {
    series.push({ ...scatter([at(data.winner.trial)], "var(--c2)", 1, 14, "diamond"), z: 10 });
    const reference = referencePoint(data.winner.reference, across, up);
    if (reference !== undefined) series.push({ ...scatter([reference], "var(--ink)", 1, 11, "triangle"), z: 9 });
  }
  const logarithmic = spreadOf(trials.map((trial) => at(trial)[0])) > 20;
  const xAxis = { ...axis(label(across)), ...(logarithmic && { type: "log" }) };
  return draw(330, { xAxis, yAxis: axis(label(up), undefined, 46), series });
}

/** Largest by smallest; 1 when one of them is not above 0. */
function spreadOf(values: readonly number[]): number {
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low > 0 && high > 0 ? high / low : 1;
}

function referencePoint(design: object, across: Axis, up: Axis): Point | undefined {
  const values = [across, up].map(({ metric }) =>
    metric === "accuracyFraction"
      ? (design as { accuracy: { estimate: number } }).accuracy.estimate
      : (design as Record<string, unknown>)[metric.replace("PerImage", "")],
  );
  const [x, y] = values;
  return typeof x === "number" && typeof y === "number" ? [x, y] : undefined;
}

const label = ({ metric }: Axis): string => {
  const unit = /(Ms|Mm2|Bytes|Millijoules)$/.exec(metric)?.[1];
  const shown = unit === "Ms" ? "ms" : unit === "Mm2" ? "mm²" : unit === "Millijoules" ? "mJ" : unit?.toLowerCase();
  return shown === undefined ? metricLabel(metric) : `${metricLabel(metric)} (${shown})`;
};

const longest = (lengths: readonly number[]): number => Math.max(1, ...lengths);

function draw(height: number, option: EChartsCoreOption): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  try {
    chart.setOption({ animation: false, grid: { left: 64, right: 20, top: 26, bottom: 46 }, ...option });
    return responsive(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}

/** The page sets the width; the viewBox keeps the shape. Class names of several charts on one page must not clash. */
const responsive = (svg: string): string => svg.replace(/^<svg width="\d+" height="\d+"/, '<svg role="img"');

function axis(name: string, range?: readonly [number, number], nameGap = 30): object {
  return {
    type: "value",
    name,
    nameLocation: "middle",
    nameGap,
    nameTextStyle: { color: "var(--muted)", fontFamily: "inherit", fontSize: 13 },
    scale: true,
    ...(range && { min: range[0], max: range[1] }),
    axisLine: { show: true, lineStyle: { color: "var(--rule)" } },
    axisTick: { lineStyle: { color: "var(--rule)" } },
    axisLabel: { color: "var(--muted)", fontFamily: "inherit", fontSize: 12 },
    splitLine: { lineStyle: { color: "var(--rule)", opacity: 0.6 } },
  };
}

function scatter(
  data: readonly Point[],
  color: string,
  opacity: number,
  symbolSize: number,
  symbol = "circle",
): object {
  const large = data.length > 100; // one path for all of them: a tenth of the file
  return {
    type: "scatter",
    data,
    symbol,
    symbolSize,
    itemStyle: { color, opacity },
    silent: true,
    large,
    largeThreshold: 0,
  };
}

function line(data: readonly Point[], color: string, type: "solid" | "dotted", step = false): object {
  return {
    type: "line",
    data,
    showSymbol: false,
    silent: true,
    ...(step && { step: "end" }),
    itemStyle: { color },
    lineStyle: { color, width: type === "solid" ? 2 : 1.5, type },
  };
}
