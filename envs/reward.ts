// The reward as data: how metrics become the one number that teaches an agent, and which limits a design must keep.
//   weighted-product  objective · Π ratio^w         MnasNet, Tan et al. 2019, arXiv:1807.11626, section 3.1; NAHAS,
//                                                   Zhou et al. 2021, arXiv:2102.08619
//   absolute          objective + Σ β·|ratio − 1|   TuNAS, Bender et al. 2020, arXiv:2008.06120; HSCoNAS, arXiv:2103.08325
//   lexicographic     the first objective, then the next where the first differs by less than its step
// Ours: a limit is no part of the objective. A design over a limit is infeasible and gets a reward below every feasible one.
import { z } from "zod";
import { CosearchError, suggestion } from "../src/core/errors.js";
import type { Axis } from "../src/core/pareto.js";
import { type Evaluation, type Infeasible, type Metrics, type Violation, violationOf } from "../src/core/trial.js";

const finite = z.number("a finite number is needed");
const positive = finite.min(1e-12, "a number above 0 is needed");
const metric = z.string().min(1).describe("name of a metric, for example latencyMs");

const objective = z
  .union([metric, z.strictObject({ maximise: metric }), z.strictObject({ minimise: metric })])
  .describe("the metric to raise (a name, or {maximise: name}) or to lower ({minimise: name})");

const exponent = finite.min(-10).max(0, "an exponent above 0 would reward a design for being worse");
const direction = z
  .enum(["minimise", "maximise"])
  .default("minimise")
  .describe("minimise: good at or below the target; maximise: good at or above it");

const productTerm = z.strictObject({
  target: positive,
  direction,
  exponents: z
    .union([z.enum(["soft", "hard"]), z.strictObject({ inside: exponent, outside: exponent })])
    .default("soft")
    .describe("soft: -0.07 on both sides; hard: 0 inside the target, -1 outside (MnasNet); or both by hand"),
});

const absoluteTerm = z.strictObject({
  target: positive,
  beta: finite.max(0, "a beta above 0 would reward a design for missing the target").default(-0.07),
});

const lexicographicStep = z.strictObject({
  maximise: metric.optional(),
  minimise: metric.optional(),
  step: positive.optional().describe("differences within one step are left to the next objective"),
  scale: positive.default(1).describe("a typical size of the metric, in its unit"),
});

const infeasibleRange = z
  .strictObject({
    best: finite.describe("what a design just over its limits comes near to; feasible rewards never fall below it"),
    worst: finite.describe("what a design that cannot be built gets"),
  })
  .refine(({ best, worst }) => worst <= best, "worst must not be above best")
  .describe("rewards of infeasible designs, graded by how far they are over the limits");

export const rewardSchema = z.discriminatedUnion("form", [
  z.strictObject({
    form: z.literal("weighted-product"),
    objective: objective.default("accuracyFraction"),
    targets: z.record(z.string(), productTerm).default({}),
    infeasible: infeasibleRange.default({ best: 0, worst: -1 }),
  }),
  z.strictObject({
    form: z.literal("absolute"),
    objective: objective.default("accuracyFraction"),
    targets: z.record(z.string(), absoluteTerm).default({}),
    infeasible: infeasibleRange.default({ best: -1, worst: -2 }),
  }),
  z.strictObject({
    form: z.literal("lexicographic"),
    objectives: z.array(lexicographicStep).min(1),
    infeasible: infeasibleRange.default({ best: 0, worst: -1 }),
  }),
]);
/** A reward, checked and completed. */
export type RewardSpec = z.output<typeof rewardSchema>;

export const limitsSchema = z
  .record(z.string(), z.strictObject({ min: finite.optional(), max: finite.optional() }))
  .describe("metric name -> the range that a feasible design keeps to");
export type Limits = z.output<typeof limitsSchema>;

/** What a score says about an evaluation. A broken limit makes a measured design infeasible; it keeps its metrics. */
export interface Score {
  readonly reward: number;
  readonly infeasible?: Infeasible;
}

/** MnasNet's two settings of the exponents. */
const EXPONENTS = { soft: { inside: -0.07, outside: -0.07 }, hard: { inside: 0, outside: -1 } } as const;

/** Ratios are kept in this range, so that no power of one is infinite. */
const RATIO_RANGE = [1e-9, 1e9] as const;

/** Share of the infeasible range that lies between the feasible designs and one just over a limit. */
const LIMIT_STEP = 0.1;

/** The pure function from an evaluation to its reward.
 *  @throws what checkReward throws */
export function scoreFunction(
  spec: RewardSpec,
  limits: Limits,
  metricNames: readonly string[],
): (evaluation: Evaluation) => Score {
  checkReward(spec, limits, metricNames);
  const { best, worst } = spec.infeasible;
  return (evaluation) => {
    if (evaluation.kind === "infeasible") return { reward: worst, infeasible: evaluation.infeasible };
    const infeasible = brokenLimits(evaluation.metrics, limits);
    if (infeasible === undefined) return { reward: Math.max(best, feasibleReward(spec, evaluation.metrics)) };
    const violation = violationOf(infeasible);
    const depth = LIMIT_STEP + (1 - LIMIT_STEP) * (violation / (1 + violation));
    return { reward: best - (best - worst) * depth, infeasible };
  };
}

/** The reward of a design that keeps its limits; finite for finite metrics. */
export function feasibleReward(spec: RewardSpec, metrics: Metrics): number {
  switch (spec.form) {
    case "weighted-product":
      return weightedProduct(spec, metrics);
    case "absolute":
      return absoluteReward(spec, metrics);
    case "lexicographic":
      return desirability(spec.objectives, metrics);
  }
}

/** The metrics that the reward reads, the objective first, and which way each is better: the axes of a Pareto front. */
export function rewardAxes(spec: RewardSpec): Axis[] {
  if (spec.form === "lexicographic") {
    return spec.objectives.map(({ maximise, minimise }) =>
      maximise === undefined ? { metric: minimise ?? "", sense: "minimise" } : { metric: maximise, sense: "maximise" },
    );
  }
  const { name, sign } = objectiveOf(spec.objective);
  return [
    { metric: name, sense: sign > 0 ? "maximise" : "minimise" },
    ...Object.entries(spec.targets).map(([metric, term]): Axis => {
      const sense = "direction" in term ? term.direction : "minimise";
      return { metric, sense };
    }),
  ];
}

/** Checks a reward and limits against what the environment returns, before a run.
 *  @param where turns a path of the study into the start of a message
 *  @throws CosearchError REWARD_BAD naming the metric and what is allowed; STUDY_BAD for limits that nothing can keep */
export function checkReward(
  spec: RewardSpec,
  limits: Limits,
  metricNames: readonly string[],
  where: (path: readonly PropertyKey[]) => string = (path) => path.map(String).join("."),
): void {
  if (spec.form === "lexicographic") checkSteps(spec.objectives, where);
  for (const { name, path } of namedMetrics(spec, limits)) {
    if (metricNames.includes(name)) continue;
    throw new CosearchError(
      "REWARD_BAD",
      `${where(path)}: "${name}" is no metric of this environment${suggestion(name, metricNames)}`,
    );
  }
  for (const [name, { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }] of Object.entries(limits)) {
    const why =
      min > max
        ? `min ${min} is above max ${max}`
        : max < 0
          ? `max ${max} is below 0, and no metric is negative`
          : name.endsWith("Fraction") && min > 1
            ? `min ${min} is above 1, and a fraction is at most 1`
            : undefined;
    if (why !== undefined)
      throw new CosearchError("STUDY_BAD", `${where(["limits", name])} excludes every design: ${why}`);
  }
}

/** Every metric that a reward and its limits read, and where they name it. */
function namedMetrics(
  spec: RewardSpec,
  limits: Limits,
): { readonly name: string; readonly path: readonly PropertyKey[] }[] {
  const inLimits = Object.keys(limits).map((name) => ({ name, path: ["limits", name] }));
  const inReward =
    spec.form === "lexicographic"
      ? rewardAxes(spec).map(({ metric: name }, i) => ({ name, path: ["reward", "objectives", i] }))
      : rewardAxes(spec).map(({ metric: name }, i) => ({
          name,
          path: i === 0 ? ["reward", "objective"] : ["reward", "targets", name],
        }));
  return [...inReward, ...inLimits];
}

/** The limits that the metrics break, with needed and available; undefined when none. */
export function brokenLimits(metrics: Metrics, limits: Limits): Infeasible | undefined {
  const violations: Violation[] = [];
  for (const [subject, { min, max }] of Object.entries(limits)) {
    const needed = metricOf(metrics, subject);
    const unit = unitOf(subject);
    if (max !== undefined && needed > max) violations.push({ subject, needed, available: max, unit });
    if (min !== undefined && needed < min) violations.push({ subject, needed, available: min, unit });
  }
  if (violations.length === 0) return undefined;
  const reason = violations
    .map(({ subject, needed, available }) => {
      const side = needed > available ? "above the limit" : "below the limit";
      return `${subject} ${Number(needed.toPrecision(6))} is ${side} ${available}`;
    })
    .join("; ");
  return { code: "limit", reason, violations };
}

/** objective · Π (metric / target)^w; w is the inside exponent up to the target, the outside exponent beyond it. */
function weightedProduct(spec: Extract<RewardSpec, { form: "weighted-product" }>, metrics: Metrics): number {
  const { name, sign } = objectiveOf(spec.objective);
  let reward = sign > 0 ? metricOf(metrics, name) : 1 / clampRatio(metricOf(metrics, name));
  for (const [subject, term] of Object.entries(spec.targets)) {
    const value = metricOf(metrics, subject);
    const ratio = clampRatio(term.direction === "minimise" ? value / term.target : term.target / value);
    const { inside, outside } = typeof term.exponents === "string" ? EXPONENTS[term.exponents] : term.exponents;
    reward *= ratio ** (ratio <= 1 ? inside : outside);
  }
  return Math.min(reward, Number.MAX_VALUE);
}

/** objective + Σ β·|metric / target − 1|, β at or below 0. */
function absoluteReward(spec: Extract<RewardSpec, { form: "absolute" }>, metrics: Metrics): number {
  const { name, sign } = objectiveOf(spec.objective);
  let reward = sign * metricOf(metrics, name);
  for (const [subject, { target, beta }] of Object.entries(spec.targets)) {
    reward += beta * Math.abs(clampRatio(metricOf(metrics, subject) / target) - 1);
  }
  return reward;
}

/** One number in the order of the objectives: the first is rounded down to its step, and the others, squeezed into 0 .. 1,
 *  fill the gap to the next step. A metric to raise counts as value / scale, one to lower as 1 / (1 + value / scale). */
function desirability(objectives: readonly z.output<typeof lexicographicStep>[], metrics: Metrics): number {
  const [first, ...rest] = objectives;
  if (first === undefined) return 0;
  const value = metricOf(metrics, first.maximise ?? first.minimise ?? "");
  const worth = (at: number): number =>
    first.maximise === undefined
      ? 1 / (1 + Math.max(0, at) / first.scale)
      : Math.min(at / first.scale, Number.MAX_VALUE);
  if (rest.length === 0 || first.step === undefined) return worth(value);
  const bin = first.maximise === undefined ? Math.ceil(value / first.step) : Math.floor(value / first.step);
  const next = first.maximise === undefined ? bin - 1 : bin + 1;
  const below = worth(bin * first.step);
  const later = Math.max(0, desirability(rest, metrics));
  return below + (worth(next * first.step) - below) * (later / (1 + later));
}

function checkSteps(
  objectives: readonly z.output<typeof lexicographicStep>[],
  where: (path: readonly PropertyKey[]) => string,
): void {
  objectives.forEach((item, i) => {
    const place = where(["reward", "objectives", i]);
    if ((item.maximise === undefined) === (item.minimise === undefined)) {
      throw new CosearchError("REWARD_BAD", `${place} needs exactly one of maximise and minimise`);
    }
    if (i < objectives.length - 1 && item.step === undefined) {
      throw new CosearchError("REWARD_BAD", `${place} needs a step, or the objectives after it never count`);
    }
  });
}

/** Name and sense of an objective: +1 to raise it, -1 to lower it. */
export function objectiveOf(given: z.output<typeof objective>): { readonly name: string; readonly sign: 1 | -1 } {
  if (typeof given === "string") return { name: given, sign: 1 };
  return "maximise" in given ? { name: given.maximise, sign: 1 } : { name: given.minimise, sign: -1 };
}

function metricOf(metrics: Metrics, name: string): number {
  const value = metrics[name];
  if (value === undefined) throw new CosearchError("REWARD_BAD", `the evaluation has no metric "${name}"`);
  return value;
}

/** A ratio of non-negative numbers in the range whose powers are finite; 0/0 counts as 1. */
function clampRatio(ratio: number): number {
  return Number.isNaN(ratio) ? 1 : Math.min(RATIO_RANGE[1], Math.max(RATIO_RANGE[0], ratio));
}

/** The unit that ends a metric's name; empty when it has none. */
export function unitOf(name: string): string {
  const found = /(Ms|Mm2|Bytes|Cycles|Millijoules|Fraction|Count)$/.exec(name)?.[1];
  const units: Readonly<Record<string, string>> = {
    Ms: "ms",
    Mm2: "mm2",
    Bytes: "bytes",
    Cycles: "cycles",
    Millijoules: "mJ",
    Fraction: "",
    Count: "",
  };
  return found === undefined ? "" : (units[found] ?? "");
}
