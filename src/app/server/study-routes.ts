// Ask / tell over HTTP: what is in src/app/ask-tell/contract.ts, as routes. See docs/ask-tell.md.
import type { Context, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import {
  askRequest,
  createRequest,
  evaluateRequest,
  type StudyAnswer,
  StudyProblem,
  tellRequest,
} from "../ask-tell/contract.js";
import type { Studies } from "../ask-tell/studies.js";

export function studyRoutes(app: Hono, studies: Studies): void {
  const idOf = (context: Context): string => context.req.param("id") ?? "";

  app.get("/api/studies", (context) => context.json(studies.list()));
  app.post("/api/studies", async (context) => {
    const request = await bodyOf(context, createRequest);
    const answer: StudyAnswer = await studies.create(request);
    return context.json(answer, 201);
  });
  app.get("/api/studies/:id", async (context) =>
    json(context, await studies.call(idOf(context), { kind: "describe" })),
  );
  app.post("/api/studies/:id/ask", async (context) => {
    const request = await bodyOf(context, askRequest);
    return json(context, await studies.call(idOf(context), { kind: "ask", request }, context.req.raw.signal));
  });
  app.post("/api/studies/:id/tell", async (context) => {
    const request = await bodyOf(context, tellRequest);
    return json(context, await studies.call(idOf(context), { kind: "tell", request }));
  });
  app.post("/api/studies/:id/evaluate", async (context) => {
    const request = await bodyOf(context, evaluateRequest);
    const call = { kind: "evaluate", request } as const;
    const answer = await studies.call(idOf(context), call, context.req.raw.signal);
    const pending = (answer as { pending?: unknown }).pending === true;
    return json(context, answer, pending ? 202 : 200);
  });
}

/** @throws StudyProblem 400 that names the key and what is allowed */
async function bodyOf<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await context.req.text();
  let value: unknown;
  try {
    value = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new StudyProblem(400, `the body is no JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new StudyProblem(400, z.prettifyError(parsed.error));
  return parsed.data;
}

const json = (context: Context, answer: unknown, status: ContentfulStatusCode = 200): Response =>
  context.json(answer as object, status);
