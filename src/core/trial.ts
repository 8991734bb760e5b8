// The words of a search: a candidate is a point of a space, a trial is one evaluated candidate.
// An infeasible design is a result with a reason, which an agent learns from; never an exception, never repaired.
import { CosearchError } from "./errors.js";

export type KnobValue = number | string | boolean;

/** Knob name -> value, for the knobs that count at this point, in the space's order. */
export type Candidate = Readonly<Record<string, KnobValue>>;

/** Metric name (which ends in its unit) -> finite value. */
export type Metrics = Readonly<Record<string, number>>;

/** One limit that a design breaks. */
export interface Violation {
  /** metric or component, e.g. `areaMm2` or `layer block3.expand: local buffer` */
  readonly subject: string;
  readonly needed: number;
  readonly available: number;
  readonly unit: string;
}

/** Why a design is no answer. */
export interface Infeasible {
  /** stable code: `limit` (metrics exist but a limit is broken), `mapping`, `capacity`, `shape`, `bound`, or an environment's own */
  readonly code: string;
  /** one sentence with the numbers */
  readonly reason: string;
  readonly violations: readonly Violation[];
}

/** What an environment answers: metrics, or why there are none. */
export type Evaluation =
  | { readonly kind: "measured"; readonly metrics: Metrics }
  | { readonly kind: "infeasible"; readonly infeasible: Infeasible };

/** One evaluated candidate. A design over a limit has both `metrics` and `infeasible`; one that cannot be built has no metrics. */
export interface Trial {
  /** 0, 1, 2, ... in the order proposed */
  readonly trial: number;
  readonly candidate: Candidate;
  readonly metrics?: Metrics;
  readonly infeasible?: Infeasible;
  readonly reward: number;
}

export const isFeasible = (trial: Trial): boolean => trial.infeasible === undefined;

/** How far outside the limits: the sum over violations of the relative excess, 0 when feasible, at most 10 each. */
export function violationOf(infeasible: Infeasible | undefined): number {
  if (infeasible === undefined) return 0;
  if (infeasible.violations.length === 0) return 10;
  let total = 0;
  for (const { needed, available } of infeasible.violations) {
    const scale = Math.max(Math.abs(available), 1e-12);
    total += Math.min(10, Math.abs(needed - available) / scale);
  }
  return total;
}

/** The best trial: feasible before infeasible, then the higher reward, then the earlier. */
export function betterTrial(a: Trial | undefined, b: Trial): Trial {
  if (a === undefined) return b;
  if (isFeasible(a) !== isFeasible(b)) return isFeasible(a) ? a : b;
  return b.reward > a.reward ? b : a;
}

/** Checks what an environment returned: every metric a finite number. @throws CosearchError ENVIRONMENT_BAD_RESULT */
export function checkedEvaluation(evaluation: Evaluation, candidate: Candidate): Evaluation {
  if (evaluation?.kind === "infeasible" && typeof evaluation.infeasible?.reason === "string") return evaluation;
  if (evaluation?.kind !== "measured" || typeof evaluation.metrics !== "object" || evaluation.metrics === null) {
    throw new CosearchError(
      "ENVIRONMENT_BAD_RESULT",
      `evaluation of ${JSON.stringify(candidate)} is neither measured nor infeasible: ${JSON.stringify(evaluation)}`,
    );
  }
  for (const [name, value] of Object.entries(evaluation.metrics)) {
    if (!Number.isFinite(value)) {
      throw new CosearchError("ENVIRONMENT_BAD_RESULT", `metric ${name} of ${JSON.stringify(candidate)} is ${value}`);
    }
  }
  return evaluation;
}
