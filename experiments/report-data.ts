// From run folders to what a report shows: the runs, their axes, the winner in full, and how to make it all again.
import { trustOf } from "../envs/accuracy/estimate.js";
import { accuracyProxy } from "../envs/accuracy/proxy.js";
import { rewardAxes } from "../envs/reward.js";
import { CosearchError } from "../src/core/errors.js";
import type { Axis } from "../src/core/pareto.js";
import type { SpaceData } from "../src/core/space.js";
import type { Trial } from "../src/core/trial.js";
import { readManifest } from "../src/study/manifest.js";
import { bestFeasible, type ReportData, type ReportRun } from "../src/track/report-data.js";
import { trialsOf } from "../src/track/run-reader.js";
import { winnerAndReference } from "./designs.js";
import type { ResolvedStudy } from "./resolve-study.js";

/** Reads the runs of a report; they must ask the same question (the same space and reward).
 *  @throws CosearchError RUN_NOT_FOUND, RUN_DAMAGED, RUN_VERSION, USAGE */
export async function loadReport(runFolders: readonly string[]): Promise<ReportData> {
  const loaded = runFolders.map(loadRun);
  const [first] = loaded;
  if (first === undefined) throw new CosearchError("USAGE", "report: at least one run folder is needed");
  const different = loaded.find(({ study }) => questionOf(study) !== questionOf(first.study));
  if (different !== undefined) {
    throw new CosearchError(
      "USAGE",
      `report: ${different.run.runFolder} and ${first.run.runFolder} answer different questions (space, limits, reward, mapper or proxy); report on them one by one`,
    );
  }
  const { study, space } = first;
  const runs = loaded.map(({ run }) => run);
  return {
    studyName: study.name,
    description: study.description ?? "",
    searched: searchedOf(study, space),
    runs,
    axes: rewardAxes(study.reward),
    winner: await winnerOf(study, runs),
    reproduce: runs.map((run) => commandOf(study, run)).join("\n"),
  };
}

/** A study as its manifest tells it. Those of programs (createPlan) and of ask / tell clients with a space of their own have
 *  a reward and limits, but none of our networks and chips. */
type RecordedStudy = Pick<ResolvedStudy, "name" | "reward"> &
  Partial<ResolvedStudy> & {
    /** who proposed and who measured, where clients did (src/app/ask-tell) */
    readonly exchange?: { readonly proposals: string; readonly metrics: string };
  };

interface LoadedRun {
  readonly study: RecordedStudy;
  readonly space: SpaceData;
  readonly run: ReportRun;
}

function loadRun(runFolder: string): LoadedRun {
  const { study, space, runId, agentName, seed, backend, created, versions, trials } = readManifest(runFolder);
  const run = { runId, runFolder, agentName, seed, backend, created, versions, budgetTrials: trials };
  return { study: study as RecordedStudy, space, run: { ...run, trials: [...trialsOf(runFolder)] } };
}

const isOurs = (study: RecordedStudy): study is ResolvedStudy =>
  study.space !== undefined && study.reference !== undefined;

const questionOf = ({ space, fix, limits, reward, accuracy, mapper, sizing, exchange }: RecordedStudy): string =>
  JSON.stringify([space, fix, limits, reward, accuracy, mapper, sizing, exchange?.metrics]);

async function winnerOf(study: RecordedStudy, runs: readonly ReportRun[]): Promise<ReportData["winner"]> {
  let found: { readonly run: ReportRun; readonly trial: Trial } | undefined;
  for (const run of runs) {
    const trial = bestFeasible(run.trials);
    if (trial !== undefined && trial.reward > (found?.trial.reward ?? Number.NEGATIVE_INFINITY)) found = { run, trial };
  }
  if (found === undefined || !isOurs(study)) return undefined;
  const designs = await winnerAndReference(study, found.trial.candidate);
  return designs && { ...found, design: designs.winner, reference: designs.reference };
}

function searchedOf(study: RecordedStudy, space: SpaceData): [string, string][] {
  const { metrics } = study.exchange ?? {};
  const measured: [string, string][] =
    metrics === undefined || metrics === "model"
      ? []
      : [
          [
            "measured",
            `by ${metrics === "both" ? "a client and our models" : "a client"}; designs are shown as our models see them`,
          ],
        ];
  const limits = Object.entries(study.limits ?? {}).flatMap(([name, { min, max }]) => [
    ...(min === undefined ? [] : [`${name} at least ${min}`]),
    ...(max === undefined ? [] : [`${name} at most ${max}`]),
  ]);
  const reward: [string, string][] = [
    ["limits", limits.length > 0 ? limits.join(", ") : "none"],
    ["reward", rewardText(study.reward)],
    ...measured,
  ];
  if (!isOurs(study)) return [["space", `${space.name}, ${space.knobs.length} knobs`], ...reward];
  const fixed = Object.entries(study.fix).map(([name, value]) => `${name} = ${value}`);
  const part = (group: "network" | "accelerator" | "deployment"): string => {
    const given = study.space[group];
    if ("fixed" in given) return `${"name" in given.fixed ? given.fixed.name : "one"} (fixed)`;
    return `${given.space.name}, ${given.space.knobs.length} knobs`;
  };
  if (study.sizing !== undefined) {
    const { table, areaFraction, grid } = study.sizing;
    return [["table", table], ["area", `${areaFraction} of its range`], ["grid", grid], ...reward];
  }
  return [
    ["network", part("network")],
    ["accelerator", part("accelerator")],
    ["deployment", part("deployment")],
    ...(fixed.length > 0 ? [["fixed", fixed.join(", ")] as [string, string]] : []),
    ...reward,
    ["accuracy", `${study.accuracy.proxy} proxy: ${trustIn(study.accuracy)}`],
    ["mapper", `best ${study.mapper.objective}, ${study.mapper.budget} mappings a layer and dataflow`],
  ];
}

/** How far the study's proxy can be trusted; a file that it rested on may be gone by now. */
function trustIn({ proxy, ...options }: ResolvedStudy["accuracy"]): string {
  try {
    return trustOf(accuracyProxy(proxy, options));
  } catch (error) {
    if (error instanceof CosearchError) return `how far it can be trusted is not known any more (${error.message})`;
    throw error;
  }
}

function rewardText(reward: ResolvedStudy["reward"]): string {
  const sense = (axes: readonly Axis[]): string => axes.map((axis) => `${axis.sense} ${axis.metric}`).join(", then ");
  const [objective, ...targets] = rewardAxes(reward);
  if (reward.form === "lexicographic" || objective === undefined) return `lexicographic: ${sense(rewardAxes(reward))}`;
  const terms = targets.map(({ metric }) => {
    const term = reward.targets[metric];
    const weight =
      term === undefined
        ? ""
        : "beta" in term
          ? `beta ${term.beta}`
          : typeof term.exponents === "string"
            ? term.exponents
            : `exponents ${term.exponents.inside} inside, ${term.exponents.outside} outside`;
    return `${metric} target ${term?.target} (${weight})`;
  });
  return `${reward.form}: ${sense([objective])}${terms.length > 0 ? `; ${terms.join("; ")}` : ""}`;
}

function commandOf(study: RecordedStudy, run: ReportRun): string {
  if (study.exchange !== undefined) {
    const { proposals, metrics } = study.exchange;
    const { agentName: agent, seed, budgetTrials: trials } = run;
    const request = { study: study.name, proposals, metrics, agent, seed, trials };
    return `cosearch serve  # and a client that sends POST /api/studies ${JSON.stringify(request)}`;
  }
  return `cosearch run ${study.name} --trials ${run.budgetTrials} --seed ${run.seed} --agent ${run.agentName}`;
}
