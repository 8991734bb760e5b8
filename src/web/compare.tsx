// Several runs side by side: best feasible reward and running mean over trials; runs of one study and agent that differ in
// their seed are drawn as a median with a band from the lowest to the highest.
import { useEffect, useState } from "preact/hooks";
import type { Curves, RunDetail } from "../app/server/api.js";
import { getJson } from "./api.js";
import { Chart, type Series } from "./chart.js";
import { Loading, Problem, Scroll, StatusBadge } from "./parts.js";
import { runLink } from "./route.js";
import { acrossRuns, median, resampled } from "./seeds.js";
import { count, shown } from "./words.js";

interface Loaded {
  readonly run: RunDetail;
  readonly curves: Curves;
}

const GRID = 400;
const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];

export function Compare({ ids }: { readonly ids: readonly string[] }) {
  const [loaded, setLoaded] = useState<readonly Loaded[]>();
  const [error, setError] = useState<string>();
  const key = ids.join(",");
  useEffect(() => {
    const abort = new AbortController();
    const load = async (id: string): Promise<Loaded> => {
      const path = `api/runs/${encodeURIComponent(id)}`;
      const run = await getJson<RunDetail>(path, abort.signal);
      const { curves } = await getJson<{ curves: Curves }>(`${path}/curves?points=1000`, abort.signal);
      return { run, curves };
    };
    const refresh = (): void => {
      Promise.all(key.split(",").map(load)).then(
        setLoaded,
        (problem: Error) => !abort.signal.aborted && setError(problem.message),
      );
    };
    refresh();
    const timer = setInterval(refresh, 5000);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [key]);
  if (error !== undefined) return <Problem text={error} />;
  if (loaded === undefined) return <Loading />;
  const last = Math.max(...loaded.map(({ curves }) => curves.to));
  const x = Array.from(
    { length: Math.min(GRID, last) },
    (_, i) => Math.round(((i + 1) * last) / Math.min(GRID, last)) - 1,
  );
  const groups = groupsOf(loaded);
  const charts = (["best", "runningMean"] as const).map((what) => ({ what, ...seriesOf(groups, what, x) }));
  return (
    <>
      <h1>Compare {loaded.length} runs</h1>
      <div class="charts">
        {charts.map(({ what, series, bands }) => (
          <div class="wide" key={what}>
            <Chart
              title={what === "best" ? "Best feasible reward so far" : "Mean reward of the last 100 trials"}
              x={x}
              xName="trial"
              series={series}
              bands={bands}
              height={260}
            />
          </div>
        ))}
      </div>
      <Scroll label="Table of compared runs">
        <table>
          <thead>
            <tr>
              {["Run", "Status", "Agent", "Seed", "Trials", "Best feasible reward", "Feasible", "Front"].map(
                (name, i) => (
                  <th key={name} scope="col" class={i > 2 ? "number" : ""}>
                    {name}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {loaded.map(({ run }) => (
              <tr key={run.id}>
                <th scope="row">
                  <a href={runLink(run.id)}>{run.id}</a>
                </th>
                <td>
                  <StatusBadge status={run.status} />
                </td>
                <td>{run.agent}</td>
                <td class="number">{run.seed}</td>
                <td class="number">{count(run.trials)}</td>
                <td class="number">{shown(run.bestReward)}</td>
                <td class="number">{run.trials === 0 ? "–" : `${((100 * run.feasible) / run.trials).toFixed(1)} %`}</td>
                <td class="number">{run.frontSize}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

interface Group {
  readonly name: string;
  readonly members: readonly Loaded[];
}

function groupsOf(loaded: readonly Loaded[]): Group[] {
  const groups = new Map<string, Loaded[]>();
  for (const one of loaded) {
    const name = `${one.run.study}, ${one.run.agent}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups].map(([name, members]) => ({
    name: members.length > 1 ? `${name}, ${members.length} runs` : `${name}, seed ${members[0]?.run.seed}`,
    members,
  }));
}

function seriesOf(groups: readonly Group[], what: "best" | "runningMean", x: readonly number[]) {
  const series: Series[] = [];
  const bands: (readonly [number, number])[] = [];
  groups.forEach(({ name, members }, g) => {
    const colour = COLOURS[g % COLOURS.length] ?? "--c1";
    const columns = members.map(({ curves }) => resampled(curves, curves[what], x));
    const at = (pick: (sorted: readonly number[]) => number) => acrossRuns(columns, pick);
    if (members.length > 1) {
      bands.push([series.length, series.length + 1]);
      series.push({ label: `${name}: highest`, values: at((sorted) => sorted.at(-1) as number), colour, faint: true });
      series.push({ label: `${name}: lowest`, values: at((sorted) => sorted[0] as number), colour, faint: true });
    }
    series.push({
      label: members.length > 1 ? `${name}: median, band from lowest to highest` : name,
      values: at(median),
      colour,
    });
  });
  return { series, bands };
}
