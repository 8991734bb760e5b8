// What becomes of an evaluation: checked, scored, and brought into the exact form that the trials file gives back, so
// that an outcome that was just computed and one that was read from the record are the same to an agent.
import type { Evaluator } from "../core/environment.js";
import { CosearchError } from "../core/errors.js";
import { type Candidate, checkedEvaluation, type Evaluation, type Infeasible, type Metrics } from "../core/trial.js";
import type { StudyPlan } from "./plan.js";

/** A trial without its number and candidate: the same for every trial of the same candidate. */
export interface Outcome {
  readonly metrics?: Metrics;
  readonly infeasible?: Infeasible;
  readonly reward: number;
}

/** What of a trial is the same for every trial of its candidate. */
export function outcomeIn({ metrics, infeasible, reward }: Outcome): Outcome {
  return { ...(metrics && { metrics }), ...(infeasible && { infeasible }), reward };
}

/** Evaluates and scores a candidate.
 *  @throws CosearchError EVALUATION_FAILED, ENVIRONMENT_BAD_RESULT, REWARD_BAD */
export async function outcomeOf(plan: StudyPlan, candidate: Candidate): Promise<Outcome> {
  return judged(plan.score, await evaluated(plan.evaluator, candidate), candidate);
}

/** Scores an evaluation. @throws CosearchError ENVIRONMENT_BAD_RESULT, REWARD_BAD */
export function judged(score: StudyPlan["score"], evaluation: Evaluation, candidate: Candidate): Outcome {
  const checked = checkedEvaluation(evaluation, candidate);
  const { reward, metrics: added, infeasible: broken } = score(checked, candidate);
  const metrics = checked.kind === "measured" ? { ...checked.metrics, ...added } : undefined;
  const infeasible = checked.kind === "infeasible" ? checked.infeasible : broken;
  const where = () => ` of ${JSON.stringify(candidate)}`;
  if (!Number.isFinite(reward)) throw new CosearchError("REWARD_BAD", `the reward${where()} is ${reward}`);
  for (const [name, value] of Object.entries(metrics ?? {})) {
    if (!Number.isFinite(value)) throw new CosearchError("REWARD_BAD", `metric ${name}${where()} is ${value}`);
  }
  for (const { subject, needed, available } of infeasible?.violations ?? []) {
    if (Number.isFinite(needed) && Number.isFinite(available)) continue;
    throw new CosearchError(
      "ENVIRONMENT_BAD_RESULT",
      `violation "${subject}"${where()} needs ${needed} of ${available}; both must be finite numbers`,
    );
  }
  // Through JSON and back: -0 becomes 0 and undefined goes, as they would on their way through the file.
  return JSON.parse(JSON.stringify({ metrics, infeasible, reward })) as Outcome;
}

async function evaluated(evaluator: Evaluator, candidate: Candidate): Promise<Evaluation> {
  try {
    return await evaluator.evaluate(candidate);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new CosearchError("EVALUATION_FAILED", `evaluation of ${JSON.stringify(candidate)} threw: ${cause}`, {
      cause: error,
    });
  }
}
