// The OpenAPI 3.1 description of the server, made from the schemas that check the requests (OpenAPI 3.1 takes JSON Schema
// 2020-12 as it is). Served at /api/openapi.json; a test holds it against the routes.
// Specification: https://spec.openapis.org/oas/v3.1.1.html
import { z } from "zod";
import { packageVersion } from "../../../experiments/package-version.js";
import * as contract from "../ask-tell/contract.js";
import { controlRequest } from "./control-request.js";

interface Operation {
  readonly summary: string;
  readonly request?: z.ZodType;
  /** status -> what it means, and the schema of its body */
  readonly answers: Readonly<Record<number, readonly [meaning: string, schema?: z.ZodType]>>;
  /** query parameter -> meaning */
  readonly query?: Readonly<Record<string, string>>;
  /** default JSON */
  readonly type?: string;
}

const { errorAnswer, conflictAnswer } = contract;
const anyObject = z.looseObject({});
const json = (summary: string, query: Operation["query"] = {}, schema: z.ZodType = anyObject): Operation => ({
  summary,
  query,
  answers: { 200: ["the answer", schema], 404: ["there is no such run", errorAnswer] },
});

/** Every route of the API: `METHOD path`. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /api/studies": {
    summary: "the ask / tell studies of the runs folder",
    answers: { 200: ["the studies", contract.studiesAnswer] },
  },
  "POST /api/studies": {
    summary: "start a study in a new run folder",
    request: contract.createRequest,
    answers: {
      201: ["the study", contract.studyAnswer],
      409: ["a run of that id exists", errorAnswer],
      422: ["the study cannot be used; code as in docs/errors.md", errorAnswer],
    },
  },
  "GET /api/studies/{id}": {
    summary: "one study: its space, what its reward reads, how far it is",
    answers: { 200: ["the study", contract.studyAnswer], 404: ["there is no such study", errorAnswer] },
  },
  "POST /api/studies/{id}/ask": {
    summary: "candidates to measure; each is to be told by its deadline",
    request: contract.askRequest,
    answers: {
      200: ["candidates; none when the wait is over or the study is", contract.askAnswer],
      409: ["cosearch measures this study itself", errorAnswer],
    },
  },
  "POST /api/studies/{id}/tell": {
    summary: "what was measured for a trial; telling the same again gets the same answer",
    request: contract.tellRequest,
    answers: {
      200: ["the trial with its reward", contract.tellAnswer],
      404: ["the trial was not asked", errorAnswer],
      409: ["the trial was told other results, which stand", conflictAnswer],
      422: ["a metric that the reward needs is missing", errorAnswer],
    },
  },
  "POST /api/studies/{id}/evaluate": {
    summary: "make a trial of a candidate of yours",
    request: contract.evaluateRequest,
    answers: {
      200: ["the trial with metrics and reward", contract.evaluateAnswer],
      202: ["not measured yet; send it again with its key", contract.evaluateAnswer],
      409: ["the budget is spent, an agent proposes here, or the key was used for another candidate", errorAnswer],
      422: ["no point of the space", errorAnswer],
    },
  },
  "GET /api/runs": json("the table of runs"),
  "GET /api/runs/{id}": json("one run: counts, axes, metrics, knobs, versions"),
  "GET /api/runs/{id}/curves": json("curves in at most so many buckets, and the position to follow from", {
    points: "most buckets",
    from: "first trial",
    to: "trial after the last",
    window: "trials of the running mean",
  }),
  "GET /api/runs/{id}/trials": json("trials with candidates and metrics, at most 1,000", {
    from: "first trial",
    count: "how many",
  }),
  "GET /api/runs/{id}/policy": json("probabilities of each knob's values by window", {
    windows: "most windows",
    of: "`policy` (default) or `proposed`",
  }),
  "GET /api/runs/{id}/front": json("Pareto front, sample of dominated designs, hypervolume", {
    x: "metric",
    y: "metric",
    points: "most dominated designs",
  }),
  "GET /api/runs/{id}/design": json("one design in full, and the reference or another trial", {
    trial: "which trial",
    with: "`reference` or a trial",
  }),
  "GET /api/runs/{id}/events": {
    ...json("server-sent events: trials and status as they come", { after: "position `<trials>.<updates>`" }),
    type: "text/event-stream",
  },
  "POST /api/runs/{id}/control": {
    summary: "pause, resume, stop, or raise the budget",
    request: controlRequest,
    answers: { 200: ["it is asked of the run", anyObject], 409: ["the run is not at work", errorAnswer] },
  },
  "GET /api/session": { summary: "whether a token is needed", answers: { 200: ["the answer", anyObject] } },
  "POST /api/login": {
    summary: "a cookie for a browser",
    request: z.object({ token: z.string() }),
    answers: { 200: ["it is the token", anyObject], 401: ["it is not", errorAnswer] },
  },
  "GET /api/openapi.json": { summary: "this description", answers: { 200: ["OpenAPI 3.1", anyObject] } },
};

/** The description as a document. */
export function openApiDocument(): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = route.split(" ");
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(method, path, operation) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "cosearch",
      version: packageVersion(),
      description: "Runs, and ask / tell studies in which your program proposes or measures. See docs/ask-tell.md.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "cosearch serve" }],
    security: [{}, { token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "where the server was given a token" } },
    },
  };
}

function operationOf(
  method: string,
  path: string,
  { summary, request, answers, query = {}, type }: Operation,
): unknown {
  const parameters: unknown[] = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  for (const [name, description] of Object.entries(query)) {
    parameters.push({ name, in: "query", required: false, description, schema: { type: "string" } });
  }
  if (method === "POST") {
    const description = "any value; a form of another site cannot send it";
    parameters.push({ name: "X-Cosearch", in: "header", required: true, description, schema: { type: "string" } });
  }
  return {
    operationId: `${method.toLowerCase()}${path.replace("/api", "").replace(/[^A-Za-z]+(\w?)/g, (_, next: string) => next.toUpperCase())}`,
    summary,
    parameters,
    ...(request && {
      requestBody: { required: true, content: { "application/json": { schema: schemaOf(request, "input") } } },
    }),
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, [description, schema]]) => [
        status,
        {
          description,
          ...(schema && {
            content: {
              [status === "200" && type !== undefined ? type : "application/json"]: {
                schema: schemaOf(schema, "output"),
              },
            },
          }),
        },
      ]),
    ),
  };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): unknown {
  const { $schema: _, ...document } = z.toJSONSchema(schema, { io, target: "draft-2020-12" });
  return document;
}
