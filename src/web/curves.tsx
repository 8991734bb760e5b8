// The curves of a run, live: reward, constraints, metrics, and what the agent says of its learning.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Curves as CurvesData, RunDetail, StatusMessage } from "../app/server/api.js";
import { useJson, useLive } from "./api.js";
import { appended } from "./append.js";
import { Chart, type Series } from "./chart.js";
import { Loading, Problem } from "./parts.js";
import { seedSeries, useCurvesOf, useOtherSeeds } from "./seeds.js";
import { metricName } from "./words.js";

/** After new trials the server is asked for exact curves again, at most this often. */
const REFRESH_MS = 4000;
const SHOWN_METRICS = /^(latency.*Ms|energy.*Millijoules|areaMm2|accuracyFraction)$/;
/** What the agent says, in the order shown; whatever else it says comes after. */
const FIRST_DIAGNOSTICS = [
  "train/entropy",
  "train/approx_kl",
  "train/clip_fraction",
  "train/value_loss",
  "train/learning_rate",
];

const SHARE = [0, 1.02] as const;

interface Answer {
  readonly position: string;
  readonly curves: CurvesData;
}

export function Curves({
  run,
  onStatus,
}: {
  readonly run: RunDetail;
  readonly onStatus: (status: StatusMessage) => void;
}) {
  const [range, setRange] = useState<readonly [number, number]>();
  const [byTime, setByTime] = useState(false);
  const [log, setLog] = useState(false);
  const [extra, setExtra] = useState(false);
  const [seeds, setSeeds] = useState(false);
  const otherSeeds = useOtherSeeds(run);
  const others = useCurvesOf(
    otherSeeds.map(({ id }) => id),
    seeds,
  );
  const span = range === undefined ? "" : `&from=${range[0]}&to=${range[1]}`;
  const { value, error, reload } = useJson<Answer>(`api/runs/${encodeURIComponent(run.id)}/curves?points=1500${span}`);
  const [curves, setCurves] = useState<CurvesData>();
  useEffect(() => {
    if (value !== undefined) setCurves(value.curves);
  }, [value]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const refreshSoon = (): void => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      reload();
    }, REFRESH_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const status = useRef<StatusMessage>({ status: run.status, trials: run.trials, budget: run.budget });
  const connection = useLive(run.id, value?.position, {
    trials(message) {
      const trials = message.from + message.reward.length;
      status.current = { ...status.current, trials };
      onStatus(status.current);
      if (range === undefined) setCurves((before) => before && appended(before, message));
      refreshSoon();
    },
    status(message) {
      status.current = message;
      onStatus(message);
    },
    reset: reload,
  });
  if (curves === undefined) return error === undefined ? <Loading /> : <Problem text={error} />;
  return (
    <>
      <div class="toolbar">
        <label>
          <input type="checkbox" checked={byTime} onChange={() => setByTime(!byTime)} /> by wall time
        </label>
        <label>
          <input type="checkbox" checked={log} onChange={() => setLog(!log)} /> logarithmic
        </label>
        <label>
          <input type="checkbox" checked={extra} onChange={() => setExtra(!extra)} /> all of the agent's figures
        </label>
        {otherSeeds.length > 0 && (
          <label>
            <input type="checkbox" checked={seeds} onChange={() => setSeeds(!seeds)} /> band over{" "}
            {otherSeeds.length + 1} seeds
          </label>
        )}
        <ZoomButtons range={range} trials={run.trials} setRange={setRange} />
        <span class="muted" role="status">
          {connection === "live" ? "live" : connection === "lost" ? "reconnecting …" : "connecting …"}
          {curves.bucket > 1 ? `, each point stands for ${curves.bucket} trials` : ""}
        </span>
      </div>
      {curves.trial.length === 0 ? (
        <p class="muted">No trials yet.</p>
      ) : (
        <Charts curves={curves} others={others} byTime={byTime} log={log} extra={extra} setRange={setRange} />
      )}
    </>
  );
}

interface ZoomProps {
  readonly range: readonly [number, number] | undefined;
  readonly trials: number;
  readonly setRange: (range: readonly [number, number] | undefined) => void;
}

/** Zoom and pan for those who do not drag. */
function ZoomButtons({ range, trials, setRange }: ZoomProps) {
  const [from, to] = range ?? [0, trials];
  const width = to - from;
  const move = (start: number, end: number): void => {
    const low = Math.max(0, Math.min(Math.round(start), trials - 2));
    setRange([low, Math.max(low + 2, Math.min(Math.round(end), trials))]);
  };
  return (
    <span class="buttons">
      <button type="button" onClick={() => move(from + width / 4, to - width / 4)}>
        Zoom in
      </button>
      <button type="button" disabled={range === undefined} onClick={() => move(from - width / 2, to + width / 2)}>
        Zoom out
      </button>
      <button
        type="button"
        aria-label="Earlier trials"
        disabled={from === 0}
        onClick={() => move(from - width / 2, to - width / 2)}
      >
        ←
      </button>
      <button
        type="button"
        aria-label="Later trials"
        disabled={to >= trials}
        onClick={() => move(from + width / 2, to + width / 2)}
      >
        →
      </button>
      <button type="button" disabled={range === undefined} onClick={() => setRange(undefined)}>
        All
      </button>
    </span>
  );
}

interface ChartsProps {
  readonly curves: CurvesData;
  /** of other seeds, drawn as a band with this one */
  readonly others: readonly CurvesData[];
  readonly byTime: boolean;
  readonly log: boolean;
  readonly extra: boolean;
  readonly setRange: (range: readonly [number, number]) => void;
}

function Charts({ curves, others, byTime, log, extra, setRange }: ChartsProps) {
  const xName = byTime ? "seconds of running" : "trial";
  const x = byTime ? strictly(curves.seconds) : curves.trial;
  const zoomOn =
    (trials: readonly number[], xs: readonly number[]) =>
    (low: number, high: number): void => {
      const first =
        trials[
          Math.max(
            0,
            xs.findIndex((value) => value >= low),
          )
        ] ?? 0;
      const last = trials[xs.findLastIndex((value) => value <= high)] ?? first + 2;
      setRange([first, Math.max(first + 2, last + 1)]);
    };
  const common = { xName, log, x, onZoom: zoomOn(curves.trial, x) };
  const reward = useMemo(() => rewardSeries(curves, others), [curves, others]);
  const { updates, rate } = curves;
  const updateX = byTime ? strictly(updates.seconds) : updates.trial;
  const names = Object.keys(updates.series);
  const first = FIRST_DIAGNOSTICS.filter((name) => names.includes(name));
  const hits: string[] = names.filter((name): boolean => name === "search/duplicate_rate");
  const rest = names.filter((name) => !first.includes(name) && !hits.includes(name)).sort();
  const rateX = byTime ? strictly(rate.seconds) : rate.trial;
  return (
    <div class="charts">
      <div class="wide">
        <Chart {...common} title="Reward" series={reward.series} bands={reward.bands} height={280} />
      </div>
      <Chart
        {...common}
        title="Share of feasible trials"
        range={SHARE}
        series={[line("feasible, last 100 trials", curves.feasibleRate, "--c3")]}
      />
      {Object.entries(curves.metrics)
        .filter(([name]) => SHOWN_METRICS.test(name))
        .map(([name, values]) => (
          <Chart {...common} key={name} title={metricName(name)} series={[line(metricName(name), values, "--c1")]} />
        ))}
      <Chart
        {...common}
        x={rateX}
        onZoom={zoomOn(rate.trial, rateX)}
        title="Trials per second"
        series={[line("trials per second", rate.trialsPerSecond, "--c4")]}
      />
      {[...hits, ...first, ...(extra ? rest : [])].map((name) => (
        <Chart
          {...common}
          key={name}
          x={updateX}
          onZoom={zoomOn(updates.trial, updateX)}
          title={name === "search/duplicate_rate" ? "Cache hit rate" : metricName(name)}
          series={[line(name, updates.series[name] ?? [], "--c2")]}
        />
      ))}
    </div>
  );
}

interface Drawn {
  readonly series: Series[];
  readonly bands: (readonly [number, number])[];
}

function rewardSeries(curves: CurvesData, others: readonly CurvesData[]): Drawn {
  const { series, bands } = ownSeries(curves);
  if (others.length === 0) return { series, bands };
  const first = series.length;
  return { series: [...series, ...seedSeries(curves, others)], bands: [...bands, [first, first + 1]] };
}

function ownSeries(curves: CurvesData): Drawn {
  const mean: Series = { label: "mean of the last 100", values: curves.runningMean, colour: "--c1" };
  const best: Series = { label: "best feasible so far", values: curves.best, colour: "--c2", kind: "step" };
  if (curves.bucket === 1) {
    return {
      series: [{ label: "trial", values: curves.rewardMean, colour: "--muted", kind: "points" }, mean, best],
      bands: [],
    };
  }
  const high: Series = { label: "highest", values: curves.rewardMax, colour: "--muted", faint: true };
  const low: Series = { label: "lowest", values: curves.rewardMin, colour: "--muted", faint: true };
  return { series: [high, low, mean, best], bands: [[0, 1]] };
}

const line = (label: string, values: readonly (number | null)[], colour: string): Series => ({ label, values, colour });

/** Ascending without repeats: trials of one batch share their time in a live message. */
function strictly(values: readonly number[]): number[] {
  let last = Number.NEGATIVE_INFINITY;
  return values.map((value) => {
    last = value > last ? value : last + 1e-6;
    return last;
  });
}
