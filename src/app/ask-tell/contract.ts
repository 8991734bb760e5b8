// What programs and the server say to each other about ask / tell studies: one schema for each request and answer. Requests
// are checked by them, the OpenAPI description (src/app/server/openapi.ts) is made from them, and the tests check the answers.
import { z } from "zod";

const knobValue = z.union([z.number(), z.string(), z.boolean()]);
const candidate = z
  .record(z.string().max(200), knobValue)
  .describe("knob name -> value, for the knobs that count at this point");
const metrics = z
  .record(
    z.string().regex(/^[A-Za-z][\w/.-]{0,99}$/, "a metric's name starts with a letter and has at most 100 characters"),
    z.number(),
  )
  .refine((given) => Object.keys(given).length <= 200, "at most 200 metrics")
  .describe("metric name, which ends in its unit (latencyMs, energyMillijoules, ...) -> finite number");
const violation = z.strictObject({
  subject: z.string().max(200),
  needed: z.number(),
  available: z.number(),
  unit: z.string().max(50),
});
const infeasible = z
  .strictObject({
    code: z
      .string()
      .regex(/^[a-z][\w-]{0,49}$/, "a short word in lower case")
      .default("evaluator"),
    reason: z.string().min(1).max(2000),
    violations: z.array(violation).max(100).default([]),
  })
  .describe("why the design is no answer: an outcome that the agent learns from");
const key = z
  .string()
  .regex(/^[\w.:-]{1,100}$/, "letters, digits, dots, colons, dashes and underscores, at most 100")
  .describe("a name of your own for this request: sent again, after a lost connection say, it gets the same answer");
const waitSeconds = (fallback: number) =>
  z.number().min(0).max(60).default(fallback).describe("how long the answer may wait, seconds");

export const proposalsSchema = z
  .enum(["agent", "client"])
  .describe("who proposes candidates: an agent of cosearch, or you (POST evaluate)");
export const metricsSchema = z
  .enum(["client", "model", "both"])
  .describe("who measures them: you (POST ask and tell), cosearch's models, or both: what you tell replaces theirs");

export const createRequest = z.strictObject({
  study: z
    .union([z.string().min(1).max(200), z.record(z.string(), z.unknown())])
    .describe(
      "a built-in study or one that `cosearch serve --study` was given, by name; or a study document (docs/study-files.md) " +
        "without paths; or a space of your own: { name, knobs, metrics, reward, limits }",
    ),
  id: z
    .string()
    .regex(/^[A-Za-z0-9][\w.-]{0,99}$/, "letters, digits, dots, dashes and underscores are allowed, at most 100")
    .optional()
    .describe("name of the run folder; default: made from study, agent, seed and time"),
  proposals: proposalsSchema.default("agent"),
  metrics: metricsSchema.optional().describe("default: client where the agent proposes, model where you do"),
  agent: z
    .string()
    .regex(/^[\w.-]{1,60}$/)
    .optional()
    .describe("the agent, instead of the study's; where you propose: what your optimiser is called in tables"),
  seed: z.int().min(0).optional(),
  trials: z.int().min(1).max(10_000_000).optional().describe("budget, instead of the study's"),
  batch: z.int().min(1).max(4096).optional().describe("proposals per update, instead of what the agent asks for"),
  timeoutSeconds: z
    .number()
    .min(0.1)
    .max(30 * 86_400)
    .default(600)
    .describe("an ask that was not told for so long is given to the next who asks"),
});
export type CreateRequest = z.output<typeof createRequest>;

export const askRequest = z.strictObject({
  count: z.int().min(1).max(256).default(1).describe("proposals wanted; there may be fewer"),
  waitSeconds: waitSeconds(20),
  key: key.optional(),
});
export type AskRequest = z.output<typeof askRequest>;

export const tellRequest = z
  .strictObject({ trial: z.int().min(0), metrics: metrics.optional(), infeasible: infeasible.optional() })
  .refine((given) => (given.metrics === undefined) !== (given.infeasible === undefined), {
    message: "exactly one of metrics and infeasible is needed",
  });
export type TellRequest = z.output<typeof tellRequest>;

export const evaluateRequest = z.strictObject({ candidate, waitSeconds: waitSeconds(50), key: key.optional() });
export type EvaluateRequest = z.output<typeof evaluateRequest>;

const status = z
  .enum(["running", "paused", "finished", "exhausted", "failed"])
  .describe("finished: the budget is spent; exhausted: the agent has no candidate left; failed: see error");
export type StudyStatus = z.output<typeof status>;

const trial = z.strictObject({
  trial: z.int(),
  reward: z.number(),
  feasible: z.boolean(),
  candidate,
  metrics: metrics.optional(),
  infeasible: z.looseObject({ code: z.string(), reason: z.string() }).optional(),
});
export type TrialAnswer = z.output<typeof trial>;

export const askAnswer = z.strictObject({
  status,
  trials: z.array(
    z.strictObject({
      trial: z.int(),
      candidate,
      deadline: z.iso
        .datetime()
        .describe("told later it is given to somebody else, and counts for whoever tells first"),
      predicted: metrics.optional().describe("metrics of our models, where both measure"),
    }),
  ),
  error: z.string().optional(),
});
export type AskAnswer = z.output<typeof askAnswer>;

export const tellAnswer = trial;
export const evaluateAnswer = z.union([
  trial,
  z.strictObject({ pending: z.literal(true), status }).describe("not measured yet: send it again with its key"),
]);

export const studyAnswer = z.strictObject({
  id: z.string(),
  name: z.string(),
  status,
  error: z.string().optional(),
  proposals: proposalsSchema,
  metrics: metricsSchema,
  agent: z.string(),
  seed: z.int(),
  budget: z.int(),
  batch: z.int(),
  timeoutSeconds: z.number(),
  trials: z.int().describe("recorded; told ones after a gap are recorded when the gap is closed"),
  asked: z.int().describe("given out and not told"),
  best: trial.nullable(),
  metricNames: z.array(z.string()).describe("what an evaluation holds"),
  needed: z.array(z.string()).describe("what the reward and the limits read"),
  axes: z.array(z.strictObject({ metric: z.string(), sense: z.enum(["minimise", "maximise"]) })),
  reward: z.unknown(),
  limits: z.unknown(),
  space: z.strictObject({
    name: z.string(),
    size: z.string().describe("number of points, exact"),
    knobs: z
      .array(
        z.strictObject({
          name: z.string(),
          values: z.array(knobValue),
          ordered: z.boolean().describe("neighbouring values are alike"),
          when: z
            .record(z.string(), z.array(knobValue))
            .optional()
            .describe("the knob counts only where each of these earlier knobs counts and has one of the values"),
        }),
      )
      .describe("in order: a condition names earlier knobs"),
  }),
});
export type StudyAnswer = z.output<typeof studyAnswer>;

export const studiesAnswer = z.strictObject({
  studies: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      agent: z.string(),
      proposals: proposalsSchema,
      metrics: metricsSchema,
      open: z.boolean().describe("at work in this server; others go on with their first request"),
    }),
  ),
});
export type StudiesAnswer = z.output<typeof studiesAnswer>;

export const errorAnswer = z.looseObject({
  error: z.string(),
  code: z.string().optional().describe("of docs/errors.md, where there is one"),
});
export const conflictAnswer = z.strictObject({
  error: z.string(),
  told: z.unknown().describe("what stands"),
  given: z.unknown().describe("what was told now"),
});

/** A space of one's own: searched by our agents, measured by the client alone. */
export const ownSpaceStudy = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/i),
  knobs: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        values: z.array(knobValue).min(1).max(10_000),
        ordered: z.boolean().optional(),
        when: z.record(z.string(), z.array(knobValue)).optional(),
      }),
    )
    .min(1)
    .max(1000),
  metrics: z
    .array(z.string().regex(/^[A-Za-z][\w/.-]{0,99}$/))
    .min(1)
    .max(200),
  reward: z.record(z.string(), z.unknown()),
  limits: z.record(z.string(), z.unknown()).default({}),
  agent: z.union([z.string(), z.looseObject({ name: z.string() })]).default("ppo"),
  trials: z.int().min(1).max(10_000_000).default(2000),
  seed: z.int().min(0).default(1),
});

/** What a run's manifest holds of it, beside the study: enough to go on after a restart. */
export const exchangeSchema = z.strictObject({
  proposals: proposalsSchema,
  metrics: metricsSchema,
  timeoutSeconds: z.number().positive(),
  /** metrics of a space of the client's own */
  metricNames: z.array(z.string()).optional(),
});
export type Exchange = z.output<typeof exchangeSchema>;

/** The exchange that a manifest's study names; undefined: an ordinary run. */
export function exchangeOf(study: unknown): Exchange | undefined {
  return exchangeSchema.safeParse((study as { exchange?: unknown } | null)?.exchange).data;
}

/** A request that cannot be served; `status` is the HTTP status. */
export class StudyProblem extends Error {
  readonly status: 400 | 404 | 409 | 422 | 429 | 503;
  /** further fields of the answer */
  readonly more: Readonly<Record<string, unknown>>;

  constructor(status: StudyProblem["status"], message: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.more = more;
  }
}
