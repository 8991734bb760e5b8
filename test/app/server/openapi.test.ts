import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createDashboard } from "../../../src/app/server/app.js";
import { tempRoot } from "../../study/temp-root.js";

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema & { readonly enum?: readonly unknown[] }>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const dashboard = createDashboard({ runsFolder: tempRoot(), host: "127.0.0.1", clock: () => performance.now() });
afterAll(() => dashboard.close());
const answer = await dashboard.app.request("/api/openapi.json", { headers: { host: "localhost" } });
const document = (await answer.json()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    route: `${method.toUpperCase()} ${path}`,
    path,
    method,
    operation,
  })),
);
const schemaOf = (path: string): Schema => document.paths[path]!.post!.requestBody!.content["application/json"].schema;

describe("the OpenAPI description", () => {
  it("names exactly the routes that the server has", () => {
    const routes = dashboard.app.routes
      .filter(({ method, path }) => method !== "ALL" && path.startsWith("/api/") && path !== "/api/*")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    expect(operations.map(({ route }) => route).sort()).toEqual([...new Set(routes)].sort());
    expect(routes.length).toBeGreaterThan(15);
  });

  it("names path parameters, one id an operation, and the header that changes need", () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    for (const { path, method, operation } of operations) {
      const inPath = operation.parameters.filter((one) => one.in === "path").map(({ name }) => name);
      expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
      expect(operation.parameters.some(({ name }) => name === "X-Cosearch")).toBe(method === "post");
      expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
    }
  });

  it("states the requests as the schemas that check them", async () => {
    const ask = schemaOf("/api/studies/{id}/ask");
    expect(Object.keys(ask.properties ?? {})).toEqual(["count", "waitSeconds", "key"]);
    expect([ask.required, ask.additionalProperties]).toEqual([undefined, false]); // all have defaults; nothing else is taken
    expect(schemaOf("/api/studies/{id}/tell").required).toEqual(["trial"]);
    expect(schemaOf("/api/studies").properties?.proposals?.enum).toEqual(["agent", "client"]);
    const extra = await dashboard.app.request("/api/studies/x/ask", {
      method: "POST",
      body: '{"extra":1}',
      headers: { host: "localhost", "X-Cosearch": "1" },
    });
    expect(extra.status).toBe(400);
  });

  it("is what docs/ask-tell.md lists", () => {
    const text = readFileSync(join(import.meta.dirname, "../../../docs/ask-tell.md"), "utf8");
    const listed = [...text.matchAll(/^\| `((?:GET|POST) \/api\/[^`]*)` \|/gm)].map((match) =>
      match[1]!.replaceAll(/:(\w+)/g, "{$1}"),
    );
    const studies = operations.map(({ route }) => route).filter((route) => /studies|openapi/.test(route));
    expect(listed.sort()).toEqual(studies.sort());
  });
});
