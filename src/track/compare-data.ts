// Runs side by side: grouped by study and agent over their seeds, judged at the same numbers of trials.
// Sources: medians, quartiles and intervals over seeds rather than single runs as in Agarwal et al. 2021, arXiv:2108.13264;
// hypervolume as in Zitzler & Thiele 1999, here as a share of the box between the best and the worst of all fronts.
import type { Axis } from "../core/pareto.js";
import { paretoFront } from "../core/pareto.js";
import { RandomStream } from "../core/rng.js";
import { hypervolume, type Interval, mean, pairedBootstrapInterval } from "../core/statistics.js";
import type { Trial } from "../core/trial.js";
import { type BandPoint, bestAfterEach, type Spread, seedBand, spreadOf } from "./seed-bands.js";

export const MILESTONES = [100, 300, 1000, 3000] as const;
/** Of fewer pairs the bootstrap interval excludes 0 as soon as all have the same sign, which 4 coins do 1 time in 8. */
const SEEDS_TO_TELL = 5;
const MAX_HYPERVOLUME_AXES = 3;
/** how far beyond the worst of the fronts the box reaches, as a share of it */
const BOX_MARGIN = 0.1;

/** One run to compare. */
export interface ComparedRun {
  readonly runId: string;
  readonly runFolder: string;
  readonly studyName: string;
  readonly agentName: string;
  readonly seed: number;
  /** equal for runs whose rewards mean the same */
  readonly question: string;
  /** equal for runs that differ in nothing but seed and budget */
  readonly setting: string;
  readonly axes: readonly Axis[];
  readonly trials: readonly Trial[];
}

/** Runs that differ in their seed alone. */
export interface ComparedGroup {
  readonly name: string;
  readonly studyName: string;
  readonly agentName: string;
  readonly question: string;
  readonly seeds: readonly number[];
  readonly runIds: readonly string[];
  /** trials that every run of the group has */
  readonly trialCount: number;
  /** best feasible reward after so many trials; milestones that some run has not reached are left out */
  readonly milestones: readonly ({ readonly trialCount: number } & Spread)[];
  /** the same after the trials that all runs of the comparison have */
  readonly atCommon: Spread;
  /** seeds with a feasible design by then */
  readonly solvedSeeds: number;
  /** share of the box, after the trials that all runs have; undefined for more than three axes or another question */
  readonly hypervolume: Spread | undefined;
  readonly band: readonly BandPoint[];
}

/** The mean difference of two groups over the seeds that both have. */
export interface Difference {
  readonly better: string;
  readonly worse: string;
  readonly seeds: number;
  /** of the best feasible reward after the common trials, `better` minus `worse` */
  readonly reward: Interval;
  /** the interval excludes 0, and there are seeds enough for that to mean something */
  readonly clear: boolean;
}

export interface Comparison {
  readonly groups: readonly ComparedGroup[];
  /** trials that all runs have */
  readonly commonTrials: number;
  readonly axes: readonly Axis[];
  readonly differences: readonly Difference[];
  /** what the reader should know */
  readonly notes: readonly string[];
}

/** @param runs one or more; groups come in the order of their first run */
export function compareRuns(runs: readonly ComparedRun[]): Comparison {
  const commonTrials = Math.min(...runs.map(({ trials }) => trials.length));
  const [first] = runs;
  const sameQuestion = runs.filter(({ question }) => question === first?.question);
  const volumes = volumesOf(sameQuestion, commonTrials, first?.axes ?? []);
  const members = groupsOf(runs);
  const groups = [...members].map(([name, group]) => groupOf(name, group, commonTrials, volumes));
  const notes: string[] = [];
  if (sameQuestion.length < runs.length) {
    notes.push("some runs answer another question (space, limits or reward): their rewards cannot be compared");
  }
  if (groups.some(({ seeds }) => seeds.length < SEEDS_TO_TELL))
    notes.push(`fewer than ${SEEDS_TO_TELL} seeds: the intervals say little`);
  return { groups, commonTrials, axes: first?.axes ?? [], differences: differencesOf(members, commonTrials), notes };
}

/** Name -> runs; equal names of different settings are told apart by a number. A seed that comes twice counts once. */
function groupsOf(runs: readonly ComparedRun[]): Map<string, ComparedRun[]> {
  const bySetting = new Map<string, ComparedRun[]>();
  for (const run of runs) {
    const key = JSON.stringify([run.studyName, run.agentName, run.question, run.setting]);
    const group = bySetting.get(key) ?? [];
    if (!group.some(({ seed }) => seed === run.seed)) group.push(run);
    bySetting.set(key, group);
  }
  const named = new Map<string, ComparedRun[]>();
  for (const group of bySetting.values()) {
    const plain = `${group[0]?.studyName} / ${group[0]?.agentName}`;
    let name = plain;
    for (let copy = 2; named.has(name); copy++) name = `${plain} (${copy})`;
    named.set(name, group);
  }
  return named;
}

function groupOf(
  name: string,
  runs: readonly ComparedRun[],
  commonTrials: number,
  volumes: ReadonlyMap<ComparedRun, number>,
): ComparedGroup {
  const bests = runs.map(({ trials }) => bestAfterEach(trials));
  const trialCount = Math.min(...bests.map((best) => best.length));
  const after = (count: number): number[] => bests.map((best) => best[count - 1] ?? Number.NEGATIVE_INFINITY);
  const shares = runs.flatMap((run) => volumes.get(run) ?? []);
  const { studyName = "", agentName = "", question = "" } = runs[0] ?? {};
  return {
    ...{ name, studyName, agentName, question, trialCount },
    seeds: runs.map(({ seed }) => seed),
    runIds: runs.map(({ runId }) => runId),
    milestones: MILESTONES.filter((count) => count <= trialCount).map((count) => ({
      trialCount: count,
      ...spreadOf(after(count)),
    })),
    atCommon: spreadOf(after(commonTrials)),
    solvedSeeds: after(commonTrials).filter(Number.isFinite).length,
    hypervolume: shares.length === runs.length && shares.length > 0 ? spreadOf(shares) : undefined,
    band: seedBand(bests),
  };
}

/** The share of the box that each run's front dominates. The box spans all fronts, so the figure means something only
 *  within one comparison. */
function volumesOf(runs: readonly ComparedRun[], trialCount: number, axes: readonly Axis[]): Map<ComparedRun, number> {
  if (axes.length === 0 || axes.length > MAX_HYPERVOLUME_AXES) return new Map();
  const fronts = runs.map(({ trials }) =>
    paretoFront(trials.slice(0, trialCount), axes).map((trial) =>
      axes.map(({ metric, sense }) => (sense === "maximise" ? 1 : -1) * trial.metrics![metric]!),
    ),
  );
  const all = fronts.flat();
  const spans = axes.map((_, k) => {
    const values = all.map((point) => point[k]!);
    const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const margin = BOX_MARGIN * (high - low || 1);
    return { worst: low - margin, size: high - low + margin };
  });
  const scaled = fronts.map((front) =>
    front.map((point) => point.map((x, k) => (x - spans[k]!.worst) / spans[k]!.size)),
  );
  const origin = axes.map(() => 0);
  const upwards = axes.map(() => "max" as const);
  return new Map(runs.map((run, i) => [run, hypervolume(scaled[i]!, origin, upwards)]));
}

/** Every pair of groups that answer the same question and share at least two seeds on which both found something. */
function differencesOf(groups: ReadonlyMap<string, readonly ComparedRun[]>, trialCount: number): Difference[] {
  const best = new Map(
    [...groups.values()]
      .flat()
      .map((run) => [run, bestAfterEach(run.trials)[trialCount - 1] ?? Number.NEGATIVE_INFINITY]),
  );
  const names = [...groups.keys()];
  return names.flatMap((a, i) =>
    names.slice(i + 1).flatMap((b): Difference[] => {
      const [ours = [], theirs = []] = [groups.get(a), groups.get(b)];
      if (ours[0]?.question !== theirs[0]?.question) return [];
      const pairs = ours.flatMap((run) => {
        const other = theirs.find(({ seed }) => seed === run.seed);
        const pair = [best.get(run) ?? Number.NaN, other === undefined ? Number.NaN : (best.get(other) ?? Number.NaN)];
        return pair.every(Number.isFinite) ? [pair as [number, number]] : [];
      });
      if (pairs.length < 2) return [];
      const [x, y] = [pairs.map(([value]) => value), pairs.map(([, value]) => value)];
      const ahead = mean(x) >= mean(y);
      const random = RandomStream.of(1, `compare/${a}/${b}`);
      const reward = pairedBootstrapInterval(ahead ? x : y, ahead ? y : x, mean, random);
      const [better, worse] = ahead ? [a, b] : [b, a];
      return [{ better, worse, seeds: pairs.length, reward, clear: reward.low > 0 && pairs.length >= SEEDS_TO_TELL }];
    }),
  );
}
