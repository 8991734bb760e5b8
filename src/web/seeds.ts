// Runs of one study and agent that differ in their seed, on one axis of trials: median, and a band from the lowest to the highest.
import { useEffect, useState } from "preact/hooks";
import type { Curves, RunDetail, RunRow } from "../app/server/api.js";
import { getJson, useJson } from "./api.js";
import type { Series } from "./chart.js";

/** Runs drawn together at most. */
const MAX_RUNS = 20;

type Column = readonly (number | null)[];

/** At each place the value that `pick` takes from the sorted ones that are known there. */
export const acrossRuns = (columns: readonly Column[], pick: (sorted: readonly number[]) => number): Column =>
  (columns[0] ?? []).map((_, i) => {
    const known = columns.flatMap((column) => column[i] ?? []).sort((a, b) => a - b);
    return known.length === 0 ? null : pick(known);
  });

export function median(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

/** The curve's value at each x: that of the last point up to it; nothing beyond the curve's end. */
export function resampled(curves: Curves, values: Column, x: readonly number[]): (number | null)[] {
  let place = -1;
  return x.map((at) => {
    while (place + 1 < curves.trial.length && (curves.trial[place + 1] as number) <= at) place++;
    return at >= curves.to || place < 0 ? null : (values[place] ?? null);
  });
}

/** Other runs of the same study and agent. */
export function useOtherSeeds(run: RunDetail): readonly RunRow[] {
  const { value } = useJson<{ runs: readonly RunRow[] }>("api/runs");
  const others = value?.runs.filter(
    ({ id, study, agent, status, trials }) =>
      id !== run.id && study === run.study && agent === run.agent && status !== "broken" && trials > 0,
  );
  return others?.slice(0, MAX_RUNS) ?? [];
}

/** Their curves, read again now and then; none while `wanted` is false. */
export function useCurvesOf(ids: readonly string[], wanted: boolean): readonly Curves[] {
  const [loaded, setLoaded] = useState<readonly Curves[]>([]);
  const key = wanted ? ids.join(",") : "";
  useEffect(() => {
    if (key === "") return setLoaded([]);
    const abort = new AbortController();
    const load = async (): Promise<void> => {
      const answers = await Promise.all(
        key
          .split(",")
          .map((id) =>
            getJson<{ curves: Curves }>(`api/runs/${encodeURIComponent(id)}/curves?points=1000`, abort.signal),
          ),
      );
      setLoaded(answers.map(({ curves }) => curves));
    };
    const refresh = (): void => void load().catch(() => undefined); // one that is gone is left out of the next list
    refresh();
    const timer = setInterval(refresh, 5000);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [key]);
  return loaded;
}

/** Best feasible reward so far over seeds, this run's included: the edges of the band, then the median. */
export function seedSeries(curves: Curves, others: readonly Curves[]): Series[] {
  const columns = [curves.best, ...others.map((other) => resampled(other, other.best, curves.trial))];
  const colour = "--c5";
  const name = `best over ${columns.length} seeds`;
  return [
    {
      label: `${name}: highest`,
      values: acrossRuns(columns, (sorted) => sorted.at(-1) as number),
      colour,
      faint: true,
    },
    { label: `${name}: lowest`, values: acrossRuns(columns, (sorted) => sorted[0] as number), colour, faint: true },
    { label: `${name}: median, band from lowest to highest`, values: acrossRuns(columns, median), colour, dash: true },
  ];
}
