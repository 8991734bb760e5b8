// The Pareto scatter on chosen axes, hypervolume over trials, and linked parallel coordinates over knobs and metrics:
// a range on any of their axes selects the same designs everywhere.
import { useMemo, useState } from "preact/hooks";
import type { FrontPoint, FrontView, RunDetail } from "../app/server/api.js";
import { useJson } from "./api.js";
import { Chart } from "./chart.js";
import { type Dimension, inRanges, ParallelCoordinates, type Ranges } from "./parallel.js";
import { Loading, Problem, Scroll } from "./parts.js";
import { runLink } from "./route.js";
import { count, csvOf, download, metricName, shown, valueText } from "./words.js";

export function Front({ run }: { readonly run: RunDetail }) {
  const [axes, setAxes] = useState<{ x?: string; y?: string }>({});
  const [ranges, setRanges] = useState<Ranges>({});
  const [hovered, setHovered] = useState<number>();
  const query = new URLSearchParams({ points: "700", ...axes });
  const { value, error } = useJson<FrontView>(
    `api/runs/${encodeURIComponent(run.id)}/front?${query}`,
    run.controllable ? 4000 : undefined,
  );
  const dimensions = useMemo(() => (value === undefined ? [] : dimensionsOf(run, value)), [run, value]);
  if (value === undefined) return error === undefined ? <Loading /> : <Problem text={error} />;
  if (value.points.length === 0) return <p class="muted">No feasible design yet.</p>;
  const isChosen = (point: FrontPoint): boolean => inRanges(point, dimensions, ranges);
  const selected = value.points.filter(isChosen);
  const brushed = Object.keys(ranges).length > 0;
  const listed = (brushed ? selected : selected.filter(({ onFront }) => onFront)).sort((a, b) => b.reward - a.reward);
  const names = [...run.metrics, "reward"];
  return (
    <>
      <div class="toolbar">
        {(["x", "y"] as const).map((axis) => (
          <label key={axis}>
            {axis === "x" ? "Across" : "Up"}
            <select
              value={value[axis].metric}
              onChange={(event) =>
                setAxes({ ...axes, x: value.x.metric, y: value.y.metric, [axis]: event.currentTarget.value })
              }
            >
              {names.map((name) => (
                <option key={name} value={name}>
                  {metricName(name)}
                </option>
              ))}
            </select>
          </label>
        ))}
        <button type="button" onClick={() => exportPoints(run, listed)}>
          Export {listed.length} as CSV
        </button>
        <button type="button" disabled={!brushed} onClick={() => setRanges({})}>
          Clear ranges
        </button>
        <span class="muted" role="status">
          {value.points.filter(({ onFront }) => onFront).length} on the front of {count(value.feasible)} feasible trials
          {brushed ? `; ${selected.length} selected` : ""}
        </span>
      </div>
      <div class="charts two">
        <Scatter run={run} view={value} isChosen={isChosen} hovered={hovered} setHovered={setHovered} />
        <Chart
          title="Hypervolume"
          x={value.hypervolume.trial}
          xName="trial"
          series={[{ label: "hypervolume", values: value.hypervolume.value, colour: "--c3", kind: "step" }]}
          height={300}
        />
      </div>
      <h2>Knobs and metrics</h2>
      <ParallelCoordinates
        points={value.points}
        dimensions={dimensions}
        ranges={ranges}
        setRanges={setRanges}
        hovered={hovered}
        setHovered={setHovered}
      />
      <h2>{brushed ? "Selected designs" : "Designs on the front"}</h2>
      <Scroll label="Table of designs">
        <table>
          <thead>
            <tr>
              <th scope="col">Trial</th>
              <th scope="col" class="number">
                Reward
              </th>
              {run.axes.map(({ metric }) => (
                <th key={metric} scope="col" class="number">
                  {metricName(metric)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {listed.slice(0, 25).map((point) => (
              <tr
                key={point.trial}
                onMouseEnter={() => setHovered(point.trial)}
                onMouseLeave={() => setHovered(undefined)}
              >
                <th scope="row">
                  <a href={runLink(run.id, "design", point.trial)}>Trial {point.trial}</a>
                </th>
                <td class="number">{shown(point.reward)}</td>
                {run.axes.map(({ metric }) => (
                  <td key={metric} class="number">
                    {shown(point.metrics[run.metrics.indexOf(metric)])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {listed.length > 25 && <p class="muted">The best 25 of {listed.length}; the export holds all.</p>}
    </>
  );
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [560, 300, 58, 34];

interface ScatterProps {
  readonly run: RunDetail;
  readonly view: FrontView;
  readonly isChosen: (point: FrontPoint) => boolean;
  readonly hovered: number | undefined;
  readonly setHovered: (trial: number | undefined) => void;
}

function Scatter({ run, view, isChosen, hovered, setHovered }: ScatterProps) {
  const read = (point: FrontPoint, metric: string): number =>
    metric === "reward" ? point.reward : (point.metrics[run.metrics.indexOf(metric)] ?? Number.NaN);
  const xs = scaleOf(
    view.points.map((point) => read(point, view.x.metric)),
    LEFT,
    WIDTH - 12,
  );
  const ys = scaleOf(
    view.points.map((point) => read(point, view.y.metric)),
    HEIGHT - BOTTOM,
    10,
  );
  const place = (point: FrontPoint) => ({
    cx: xs.at(read(point, view.x.metric)),
    cy: ys.at(read(point, view.y.metric)),
  });
  const front = view.points
    .filter(({ onFront }) => onFront)
    .sort((a, b) => read(a, view.x.metric) - read(b, view.x.metric));
  const shownPoint = view.points.find(({ trial }) => trial === hovered);
  return (
    <figure class="chart">
      <figcaption>
        {metricName(view.y.metric)} over {metricName(view.x.metric)}
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        class="scatter"
        aria-label={`Pareto scatter, ${front.length} designs on the front`}
      >
        {xs.ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={xs.at(tick)} x2={xs.at(tick)} y1={10} y2={HEIGHT - BOTTOM} />
            <text x={xs.at(tick)} y={HEIGHT - BOTTOM + 16} text-anchor="middle">
              {shown(tick)}
            </text>
          </g>
        ))}
        {ys.ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={LEFT} x2={WIDTH - 12} y1={ys.at(tick)} y2={ys.at(tick)} />
            <text x={LEFT - 6} y={ys.at(tick) + 4} text-anchor="end">
              {shown(tick)}
            </text>
          </g>
        ))}
        {view.points
          .filter(({ onFront }) => !onFront)
          .map((point) => (
            // biome-ignore lint/a11y/noStaticElementInteractions: hovering shows what the table says too
            <circle
              key={point.trial}
              {...place(point)}
              r="3"
              class={isChosen(point) ? "dominated" : "dominated out"}
              onMouseEnter={() => setHovered(point.trial)}
              onMouseLeave={() => setHovered(undefined)}
            />
          ))}
        <polyline class="front-line" points={front.map((point) => `${place(point).cx},${place(point).cy}`).join(" ")} />
        {front.map((point) => (
          <a
            key={point.trial}
            href={runLink(run.id, "design", point.trial)}
            aria-label={`Trial ${point.trial}: ${metricName(view.x.metric)} ${shown(read(point, view.x.metric))}, ${metricName(view.y.metric)} ${shown(read(point, view.y.metric))}`}
            onMouseEnter={() => setHovered(point.trial)}
            onMouseLeave={() => setHovered(undefined)}
            onFocus={() => setHovered(point.trial)}
            onBlur={() => setHovered(undefined)}
          >
            <circle {...place(point)} r="5.5" class={isChosen(point) ? "on-front" : "on-front out"} />
          </a>
        ))}
        {shownPoint !== undefined && <circle {...place(shownPoint)} r="9" class="ring" />}
      </svg>
      <p class="hover" role="status">
        {shownPoint === undefined ? (
          <span class="muted">Point at a design for its figures; a design on the front opens with a click.</span>
        ) : (
          <>
            Trial {shownPoint.trial}: reward {shown(shownPoint.reward)}
            {run.axes.map(
              ({ metric }) => `, ${metricName(metric)} ${shown(shownPoint.metrics[run.metrics.indexOf(metric)])}`,
            )}
          </>
        )}
      </p>
    </figure>
  );
}

interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** Positive values that differ by more than this factor are drawn on a logarithmic scale. */
const LOG_FROM = 20;

function logScaleOf(low: number, high: number, start: number, end: number): Scale {
  const [from, to] = [Math.log10(low) - 0.05, Math.log10(high) + 0.05];
  const factors = to - from > 2.5 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(from); power <= to; power++) {
    for (const factor of factors) {
      const tick = Number((factor * 10 ** power).toPrecision(6));
      if (Math.log10(tick) >= from && Math.log10(tick) <= to) ticks.push(tick);
    }
  }
  const at = (value: number): number =>
    Math.round((start + ((Math.log10(value) - from) / (to - from)) * (end - start)) * 10) / 10;
  return { ticks, at };
}

/** A scale with round ticks: linear, or logarithmic where positive values differ by much. */
export function scaleOf(values: readonly number[], start: number, end: number): Scale {
  const known = values.filter(Number.isFinite);
  let [low, high] = [Math.min(...known), Math.max(...known)];
  if (!(high > low)) [low, high] = [low - Math.abs(low) * 0.1 - 1e-9, high + Math.abs(high) * 0.1 + 1e-9];
  if (low > 0 && high / low > LOG_FROM) return logScaleOf(low, high, start, end);
  const margin = (high - low) * 0.04;
  [low, high] = [low - margin, high + margin];
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return { ticks, at: (value) => Math.round((start + ((value - low) / (high - low)) * (end - start)) * 10) / 10 };
}

/** The axes of the parallel coordinates: what the reward weighs, then the knobs that differ among the points. */
function dimensionsOf(run: RunDetail, view: FrontView): Dimension[] {
  const metrics = [...new Set([...run.axes.map(({ metric }) => metric), view.x.metric, view.y.metric])];
  const ofMetric = metrics
    .filter((metric) => metric !== "reward")
    .map((metric): Dimension => {
      const position = run.metrics.indexOf(metric);
      return { name: metricName(metric), kind: "metric", of: (point) => point.metrics[position] ?? null };
    });
  const reward: Dimension = { name: "reward", kind: "metric", of: (point) => point.reward };
  const knobs = run.knobs.flatMap(({ name, values }, k): Dimension[] => {
    const seen = new Set(view.points.map((point) => point.codes[k]));
    if (seen.size < 2) return [];
    return [
      {
        name,
        kind: "knob",
        values: values.map(valueText),
        of: (point) => {
          const code = point.codes[k] ?? -1;
          return code < 0 ? null : code;
        },
      },
    ];
  });
  return [reward, ...ofMetric, ...knobs];
}

function exportPoints(run: RunDetail, points: readonly FrontPoint[]): void {
  const header = ["trial", "reward", "onFront", ...run.metrics, ...run.knobs.map(({ name }) => name)];
  const rows = points.map((point) => [
    point.trial,
    point.reward,
    point.onFront,
    ...point.metrics,
    ...run.knobs.map(({ values }, k) => values[point.codes[k] ?? -1] ?? null),
  ]);
  download(`${run.id}-designs.csv`, "text/csv", csvOf(header, rows));
}
