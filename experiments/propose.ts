// `cosearch propose`: designs from logs alone. The trials of any runs of the same environment are scored by one study's limits
// and reward, a conservative model learns from all of them, and what it proposes can be evaluated to see what comes true.
import type { Point } from "../agents/black-box.js";
import { type KnownLimit, type Observed, observed } from "../agents/surrogate/design-model.js";
import { OfflineModel, type Prediction } from "../agents/surrogate/offline-model.js";
import { feasibleReward, type Limits, type RewardSpec, scoreFunction } from "../envs/reward.js";
import type { Environment } from "../src/core/environment.js";
import { CosearchError } from "../src/core/errors.js";
import { RandomStream } from "../src/core/rng.js";
import {
  type Candidate,
  checkedEvaluation,
  type Evaluation,
  isFeasible,
  type Metrics,
  type Trial,
  violationOf,
} from "../src/core/trial.js";
import { expanded, type Question, questionOf, readManifests, recordedQuestion, trialsFor } from "./propose-logs.js";
import { namesOf, type Quality, qualityOf } from "./propose-quality.js";
import { environmentOf } from "./resolve-study.js";

export interface ProposeOptions {
  /** run folders; a last part with `*` stands for all that match */
  readonly from: readonly string[];
  /** whose space, limits and reward are asked about; default: those of the first run that can be read */
  readonly study?: string | undefined;
  /** `key=value` changes of that study */
  readonly set: readonly string[];
  readonly count: number;
  /** standard deviations by which everything may come out worse */
  readonly caution: number;
  readonly seed: number;
  /** run the proposals in the true environment */
  readonly evaluate: boolean;
}

/** A design with what is expected of it, and with what came of it when it was evaluated. */
export interface Proposal extends Prediction {
  readonly candidate: Candidate;
  /** knobs that differ from the best logged design: name, there, here (undefined: does not count) */
  readonly changes: readonly (readonly [name: string, there: unknown, here: unknown])[];
  readonly outcome?: Trial;
}

export interface ProposeResult {
  readonly study: string;
  readonly runs: readonly { readonly runFolder: string; readonly agent: string; readonly trials: number }[];
  readonly leftOut: readonly { readonly runFolder: string; readonly reason: string }[];
  /** different designs that were learnt from, and how many of them keep the limits */
  readonly designs: number;
  readonly feasible: number;
  readonly quality: readonly Quality[];
  /** the best logged design, scored as the study asks; null when none keeps the limits */
  readonly best: Trial | null;
  readonly proposals: readonly Proposal[];
}

/** Trials that the model learns from, at most; the best and an even choice of the others. */
const MOST_TRIALS = 600;
const LEAST_TRIALS = 12;
/** Parts that each run is cut into, in the order of its trials; each is left out once. */
const BLOCKS = 5;

/** @throws CosearchError RUN_NOT_FOUND, USAGE when the logs say too little, REWARD_BAD, and what a study can be wrong with */
export async function proposeFromLogs(options: ProposeOptions): Promise<ProposeResult> {
  const folders = options.from.flatMap(expanded);
  const { manifests, leftOut } = readManifests(folders);
  const asked = options.study === undefined ? undefined : questionOf(options.study, options.set);
  const question = asked ?? recordedQuestion(manifests[0]!.manifest, options.set);
  const runs: { runFolder: string; agent: string; trials: number }[] = [];
  const logged: { readonly trial: Trial; readonly block: number }[] = [];
  for (const { runFolder, manifest } of manifests) {
    const found = trialsFor(question, runFolder, manifest);
    if (typeof found === "string") leftOut.push({ runFolder, reason: found });
    else {
      runs.push({ runFolder, agent: manifest.agentName, trials: found.length });
      found.forEach((trial, i) => {
        logged.push({ trial, block: Math.floor((i * BLOCKS) / found.length) });
      });
    }
  }
  if (runs.length === 0) {
    const why = leftOut.map(({ runFolder, reason }) => `${runFolder}: ${reason}`).join("\n  ");
    throw new CosearchError("USAGE", `--from: no run says anything about ${question.name}:\n  ${why}`);
  }
  if (options.evaluate && question.study === undefined) {
    const why = "was run by a program, and its environment is not known here";
    throw new CosearchError("USAGE", `--evaluate: ${question.name} ${why}`);
  }
  const { trials, blocks, best } = scored(question, logged);
  const metrics = namesOf(question.reward, question.limits);
  const measured = trials.filter((trial) => trial.metrics !== undefined);
  if (measured.length < LEAST_TRIALS) {
    throw new CosearchError(
      "USAGE",
      `--from: ${measured.length} different designs with metrics in ${runs.length} runs; at least ${LEAST_TRIALS} are needed`,
    );
  }
  const model = new OfflineModel({
    space: question.space,
    trials,
    blocks,
    metrics,
    limits: limitsOf(question.limits),
    rewardOf: (given) => feasibleReward(question.reward, given),
  });
  const random = RandomStream.of(options.seed, "propose");
  const proposals = model.propose(options.count, options.caution, random).map((codes): Proposal => {
    const candidate = question.space.decode(codes);
    return { candidate, ...model.predict(codes), changes: changesOf(best?.candidate, candidate) };
  });
  return {
    study: question.name,
    runs,
    leftOut,
    designs: trials.length,
    feasible: trials.filter(({ feasible }) => feasible).length,
    quality: qualityOf(model, question),
    best: best ?? null,
    proposals: options.evaluate ? await evaluated(question, proposals) : proposals,
  };
}

/** The different designs as the question scores them, at most MOST_TRIALS; and the best of all that keeps the limits. */
function scored(
  { space, reward, limits }: Question,
  logged: readonly { readonly trial: Trial; readonly block: number }[],
): { readonly trials: readonly Observed[]; readonly blocks: Int32Array; readonly best: Trial | undefined } {
  const seen = new Set<string>();
  const designs = logged.flatMap(({ trial, block }) => {
    const codes = space.encode(trial.candidate);
    const key = space.key(codes);
    if (seen.has(key)) return [];
    seen.add(key);
    const evaluation: Evaluation =
      trial.metrics === undefined
        ? { kind: "infeasible", infeasible: trial.infeasible! }
        : { kind: "measured", metrics: trial.metrics };
    const score = scoreFunction(
      reward,
      limits,
      Object.keys(trial.metrics ?? {}).concat(namesOf(reward, limits)),
    )(withMetrics(evaluation, reward, limits));
    const now: Trial = { ...withoutVerdict(trial), ...score };
    const point: Point = {
      codes,
      reward: score.reward,
      feasible: isFeasible(now),
      violation: violationOf(score.infeasible),
      metrics: trial.metrics,
      infeasible: score.infeasible,
    };
    return [{ observed: observed(point), trial: now, block }];
  });
  designs.sort((a, b) => Number(b.observed.feasible) - Number(a.observed.feasible) || b.trial.reward - a.trial.reward);
  const best = designs.find(({ observed: { feasible } }) => feasible)?.trial;
  const good = designs.slice(0, MOST_TRIALS / 2);
  const others = designs.slice(MOST_TRIALS / 2);
  const stride = Math.max(1, others.length / (MOST_TRIALS / 2));
  const chosen = [...good];
  for (let i = 0; i < others.length; i += stride) chosen.push(others[Math.floor(i)]!);
  return {
    trials: chosen.map((design) => design.observed),
    blocks: Int32Array.from(chosen, ({ block }) => block),
    best,
  };
}

function withoutVerdict({ trial, candidate, metrics, reward }: Trial): Trial {
  return { trial, candidate, reward, ...(metrics !== undefined && { metrics }) };
}

/** @throws CosearchError USAGE when a logged design lacks a metric that the question reads */
function withMetrics(evaluation: Evaluation, reward: RewardSpec, limits: Limits): Evaluation {
  if (evaluation.kind === "infeasible") return evaluation;
  const missing = namesOf(reward, limits).find((name) => evaluation.metrics[name] === undefined);
  if (missing === undefined) return evaluation;
  const known = Object.keys(evaluation.metrics).join(", ");
  throw new CosearchError("USAGE", `--from: the logged designs have no metric "${missing}"; they have ${known}`);
}

const limitsOf = (limits: Limits): KnownLimit[] =>
  Object.entries(limits).flatMap(([metric, { min, max }]) => [
    ...(max === undefined ? [] : [{ metric, isMax: true, bound: max }]),
    ...(min === undefined ? [] : [{ metric, isMax: false, bound: min }]),
  ]);

function changesOf(from: Candidate | undefined, to: Candidate): Proposal["changes"] {
  if (from === undefined) return [];
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return names.filter((name) => from[name] !== to[name]).map((name) => [name, from[name], to[name]] as const);
}

/** The proposals as the true environment sees them; none where it is not known. */
async function evaluated(
  { study, reward, limits }: Question,
  proposals: readonly Proposal[],
): Promise<readonly Proposal[]> {
  if (study === undefined) return proposals;
  const environment: Environment = environmentOf(study);
  const score = scoreFunction(reward, limits, environment.metricNames);
  const done: Proposal[] = [];
  for (const [trial, proposal] of proposals.entries()) {
    const evaluation = checkedEvaluation(await environment.evaluate(proposal.candidate), proposal.candidate);
    const metrics: { metrics?: Metrics } = evaluation.kind === "measured" ? { metrics: evaluation.metrics } : {};
    done.push({ ...proposal, outcome: { trial, candidate: proposal.candidate, ...metrics, ...score(evaluation) } });
  }
  return done;
}
