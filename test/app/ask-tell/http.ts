// A server in this process, and requests to it as a client would send them; studies run in their threads (compiled files).
import { afterAll } from "vitest";
import type { z } from "zod";
import {
  type AskAnswer,
  askAnswer,
  type StudyAnswer,
  studyAnswer,
  type TrialAnswer,
  tellAnswer,
} from "../../../src/app/ask-tell/contract.js";
import { createDashboard, type Dashboard } from "../../../src/app/server/app.js";

const dashboards: Dashboard[] = [];
afterAll(async () => {
  for (const dashboard of dashboards) await dashboard.close();
});

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** What a board would measure of a candidate of SPACE. */
export const SPACE = {
  name: "tiles",
  knobs: [
    { name: "tile", values: [8, 16, 32, 64] },
    { name: "buffers", values: [1, 2, 3] },
    { name: "order", values: ["m-n", "n-m"] },
  ],
  metrics: ["latencyMs"],
  reward: { form: "lexicographic", objectives: [{ minimise: "latencyMs" }] },
};

export class TestServer {
  readonly dashboard: Dashboard;

  constructor(runsFolder: string, more: { readonly studies?: Readonly<Record<string, string>>; token?: string } = {}) {
    this.dashboard = createDashboard({ runsFolder, host: "127.0.0.1", clock: () => performance.now(), ...more });
    dashboards.push(this.dashboard);
  }

  async send<T = Record<string, unknown>>(
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = { "X-Cosearch": "1" },
  ): Promise<Answer<T>> {
    const method = body === undefined ? "GET" : "POST";
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const answer = await this.dashboard.app.request(`/api/studies${path}`, {
      method,
      ...(body !== undefined && { body: text }),
      headers: { host: "127.0.0.1:7007", ...headers },
    });
    return { status: answer.status, body: (await answer.json()) as T };
  }

  create(request: unknown): Promise<StudyAnswer> {
    return this.#checked("", request, 201, studyAnswer);
  }
  study(id: string): Promise<StudyAnswer> {
    return this.#checked(`/${id}`, undefined, 200, studyAnswer);
  }
  ask(id: string, request: unknown = {}): Promise<AskAnswer> {
    return this.#checked(`/${id}/ask`, request, 200, askAnswer);
  }
  tell(id: string, request: unknown): Promise<TrialAnswer> {
    return this.#checked(`/${id}/tell`, request, 200, tellAnswer);
  }
  evaluate(id: string, request: unknown): Promise<TrialAnswer> {
    return this.#checked(`/${id}/evaluate`, request, 200, tellAnswer);
  }

  async #checked<T>(path: string, body: unknown, status: number, schema: z.ZodType<T>): Promise<T> {
    const answer = await this.send(path, body);
    if (answer.status !== status) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return schema.parse(answer.body);
  }
}
