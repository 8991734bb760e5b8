// The HTTP application: guards first, then the API, then the page's files. See docs/dashboard.md for the routes.
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { streamSSE } from "hono/streaming";
import { z } from "zod";
import { packageRoot } from "../../files/package-root.js";
import { NO_CONTROL, readControl, writeControl } from "../../study/control.js";
import { exchangeOf, StudyProblem } from "../ask-tell/contract.js";
import { Studies } from "../ask-tell/studies.js";
import type { AxisInfo, DesignResponse } from "./api.js";
import { controlRequest } from "./control-request.js";
import { curvesOf } from "./curves.js";
import { DesignService } from "./design-service.js";
import { frontViewOf } from "./front-view.js";
import {
  COOKIE,
  type GuardOptions,
  hostCheck,
  originCheck,
  rateLimit,
  sameText,
  securityHeaders,
  tokenCheck,
} from "./guard.js";
import { LiveRuns, parsePosition, type ServerEvent } from "./live.js";
import { OPEN_METRICS_TYPE, openMetrics } from "./open-metrics.js";
import { openApiDocument } from "./openapi.js";
import { policyMapOf } from "./policy-map.js";
import { messageOf, type OpenRun, RunProblem, RunStore } from "./run-store.js";
import { detailOf, hasDesigns, rowOf } from "./runs-view.js";
import { studyRoutes } from "./study-routes.js";

export interface DashboardOptions extends GuardOptions {
  readonly runsFolder: string;
  /** milliseconds, for the rate limit */
  readonly clock: () => number;
  readonly designs?: DesignService;
  /** name -> path of studies that clients may start by name, besides the built-in ones */
  readonly studies?: Readonly<Record<string, string>> | undefined;
}

export interface Dashboard {
  readonly app: Hono;
  readonly store: RunStore;
  readonly live: LiveRuns;
  readonly studies: Studies;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 16 << 10;
/** A study may hold a whole search space. */
const MAX_STUDY_BYTES = 1 << 20;
const whole = (text: string | undefined, fallback: number, least: number, most: number): number => {
  const value = /^\d{1,9}$/.test(text ?? "") ? Number(text) : fallback;
  return Math.max(least, Math.min(most, value));
};

export function createDashboard(options: DashboardOptions): Dashboard {
  const store = new RunStore(options.runsFolder);
  const live = new LiveRuns(store);
  const designs = options.designs ?? new DesignService();
  const studies = new Studies({
    runsFolder: options.runsFolder,
    files: options.studies ?? {},
    folderOf: (id) => store.folderOf(id),
    ids: () => store.ids(),
  });
  const app = new Hono();

  app.use(securityHeaders, hostCheck(options), originCheck);
  const limited = (maxSize: number) =>
    bodyLimit({ maxSize, onError: (context) => context.json({ error: "the body is too large" }, 413) });
  const [body, study] = [limited(MAX_BODY_BYTES), limited(MAX_STUDY_BYTES)];
  app.use("/api/*", (context, next) => (context.req.path === "/api/studies" ? study : body)(context, next));
  app.onError((error, context) => {
    if (error instanceof RunProblem) return context.json({ error: error.message }, error.status);
    if (error instanceof StudyProblem) return context.json({ error: error.message, ...error.more }, error.status);
    return context.json({ error: `the server failed: ${messageOf(error)}` }, 500);
  });
  app.notFound((context) => context.json({ error: "there is nothing here" }, 404));

  login(app, options);
  app.use("/api/*", tokenCheck(options));
  app.use("/metrics", tokenCheck(options));
  // cheap queries are bounded loosely, those that compute more tightly
  app.use("/api/*", rateLimit(200, 400, options.clock));
  for (const path of ["/api/runs/:id/design", "/api/runs/:id/front", "/api/runs/:id/policy"]) {
    app.use(path, rateLimit(10, 40, options.clock));
  }
  runRoutes(app, store);
  viewRoutes(app, store, designs);
  liveRoute(app, store, live);
  controlRoute(app, store, studies);
  app.post("/api/studies", rateLimit(1, 20, options.clock));
  studyRoutes(app, studies);
  app.get("/api/openapi.json", (context) => context.json(openApiDocument() as object));
  app.get("/metrics", rateLimit(2, 10, options.clock), async (context) => {
    const rows = await allRows(store);
    return context.body(openMetrics(rows), 200, { "Content-Type": OPEN_METRICS_TYPE });
  });
  pageRoutes(app, join(packageRoot, "dist", "web"));
  return {
    app,
    store,
    live,
    studies,
    async close() {
      live.close();
      await studies.close();
      await designs.close();
    },
  };
}

/** The page asks for the token once and gets a cookie that scripts cannot read. */
function login(app: Hono, { token, clock }: DashboardOptions): void {
  app.get("/api/session", (context) => context.json({ tokenNeeded: token !== undefined }));
  app.post("/api/login", rateLimit(1, 10, clock), async (context) => {
    const body = z.object({ token: z.string().max(1000) }).safeParse(await context.req.json().catch(() => undefined));
    if (token === undefined || !body.success || !sameText(body.data.token, token)) {
      return context.json({ error: "that is not the token" }, 401);
    }
    const cookie = `${COOKIE}=${encodeURIComponent(token)}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000`;
    return context.json({ ok: true }, 200, { "Set-Cookie": cookie });
  });
}

async function allRows(store: RunStore) {
  const rows = [];
  for (const id of store.ids()) rows.push(await rowOf(store, id));
  return rows;
}

function runRoutes(app: Hono, store: RunStore): void {
  app.get("/api/runs", async (context) => context.json({ folder: store.root, runs: await allRows(store) }));
  app.get("/api/runs/:id", async (context) => context.json(detailOf(store, await runOf(store, context))));
  app.get("/api/runs/:id/curves", async (context) => {
    const { columns } = await runOf(store, context);
    const query = context.req.query();
    const curves = curvesOf(columns, {
      from: whole(query.from, 0, 0, 1e9),
      to: whole(query.to, 1e9, 0, 1e9),
      points: whole(query.points, 1000, 10, 4000),
      window: whole(query.window, 100, 1, 100_000),
    });
    const position = `${columns.count}.${columns.updates.length}`;
    return context.json({ position, curves });
  });
  app.get("/api/runs/:id/trials", async (context) => {
    const { columns, manifest } = await runOf(store, context);
    const from = whole(context.req.query("from"), 0, 0, 1e9);
    const to = Math.min(columns.count, from + whole(context.req.query("count"), 100, 1, 1000));
    const names = columns.metricNames;
    const trials = Array.from({ length: Math.max(0, to - from) }, (_, i) => {
      const t = from + i;
      const metrics = Object.fromEntries(
        names.flatMap((name) => {
          const value = columns.metric(name)![t]!;
          return Number.isNaN(value) ? [] : [[name, value]];
        }),
      );
      return {
        trial: t,
        reward: columns.reward[t],
        feasible: columns.feasible[t] === 1,
        metrics,
        candidate: columns.candidate(t),
      };
    });
    return context.json({ run: manifest.runId, count: columns.count, trials });
  });
}

function viewRoutes(app: Hono, store: RunStore, designs: DesignService): void {
  app.get("/api/runs/:id/policy", async (context) => {
    const { columns, manifest } = await runOf(store, context);
    const wanted = context.req.query("of") === "proposed" ? "proposed" : "policy";
    return context.json(policyMapOf(columns, manifest.space, whole(context.req.query("windows"), 60, 2, 200), wanted));
  });
  app.get("/api/runs/:id/front", async (context) => {
    const run = await runOf(store, context);
    const [x, y] = [axisOf(run, context.req.query("x"), 0), axisOf(run, context.req.query("y"), 1)];
    if (x === undefined || y === undefined) return context.json({ error: "no such metric" }, 400);
    const limit = whole(context.req.query("points"), 1500, 10, 5000);
    return context.json(frontViewOf(run.columns, run.manifest.space.knobs.length, x, y, limit));
  });
  app.get("/api/runs/:id/design", async (context) => {
    const { columns, manifest } = await runOf(store, context);
    const { trial, with: other } = context.req.query();
    if (!hasDesigns(manifest.study)) {
      throw new RunProblem(422, "the candidates of this study are no designs of networks and chips");
    }
    const candidate = columns.candidate(whole(trial, -1, -1, 1e9));
    if (candidate === undefined) return context.json({ error: "there is no such trial" }, 404);
    const second =
      other === undefined || other === "reference" ? undefined : columns.candidate(whole(other, -1, -1, 1e9));
    if (second === undefined && other !== undefined && other !== "reference") {
      return context.json({ error: "there is no such trial to compare with" }, 404);
    }
    const view = async (which: typeof second): Promise<DesignResponse["design"]> =>
      JSON.parse(await designs.view(manifest.study, which)) as DesignResponse["design"];
    try {
      const answer: DesignResponse = {
        design: await view(candidate),
        // a study of another version may have no reference that can be built; the design itself is shown all the same
        other: await view(second).catch((error: unknown) => ({ infeasible: messageOf(error) })),
        otherName: second === undefined ? "reference" : `trial ${other}`,
        candidate,
      };
      return context.json(answer);
    } catch (error) {
      throw new RunProblem(422, messageOf(error), { cause: error });
    }
  });
}

function liveRoute(app: Hono, store: RunStore, live: LiveRuns): void {
  app.get("/api/runs/:id/events", async (context) => {
    const { id } = await runOf(store, context);
    const given = context.req.header("last-event-id") ?? context.req.query("after");
    const position = parsePosition(given) ?? { trials: 0, updates: 0 };
    return streamSSE(context, async (stream) => {
      // one write after the other: a browser that does not read must not pile up what we would send
      let queue: ServerEvent[] = [];
      let wake = (): void => {};
      const leave = live.subscribe(id, position, (event) => {
        queue.push(event);
        wake();
      });
      if (leave === undefined) return void (await stream.writeSSE({ event: "problem", data: '{"error":"too many"}' }));
      stream.onAbort(() => {
        leave();
        wake();
      });
      while (!stream.aborted && !stream.closed) {
        const events = queue;
        queue = [];
        for (const event of events) await stream.writeSSE(event);
        if (queue.length === 0 && !stream.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
      leave();
    });
  });
}

function controlRoute(app: Hono, store: RunStore, studies: Studies): void {
  app.post("/api/runs/:id/control", async (context) => {
    const { folder, manifest } = await runOf(store, context);
    const body = controlRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ error: z.prettifyError(body.error) }, 400);
    const status = store.status(folder);
    const isExchange = exchangeOf(manifest.study) !== undefined;
    if (isExchange && body.data.action === "raise" && status !== "running" && status !== "paused") {
      if (body.data.trials <= manifest.trials) return context.json(notRaised(manifest.trials), 400);
      await studies.raise(manifest.runId, body.data.trials); // nobody else could: `cosearch resume` has no clients
      return context.json({ ok: true, status: store.status(folder) });
    }
    if (status !== "running" && status !== "paused") {
      const hint = `cosearch resume ${join(store.root, manifest.runId)} --trials <count>`;
      return context.json({ error: `the run is ${status}; continue it with \`${hint}\`` }, 409);
    }
    const now = status === "paused" || status === "running" ? readControl(folder) : NO_CONTROL;
    const request = body.data;
    switch (request.action) {
      case "pause":
      case "resume":
        writeControl(folder, { ...now, paused: request.action === "pause" });
        break;
      case "stop":
        writeControl(folder, { ...now, stop: true });
        await studies.stop(manifest.runId); // one that waits for its clients has no next batch at which to look
        break;
      case "raise":
        if (request.trials <= manifest.trials) {
          return context.json(notRaised(manifest.trials), 400);
        }
        writeControl(folder, { ...now, trials: request.trials });
    }
    return context.json({ ok: true, status: store.status(folder) });
  });
}

const notRaised = (budget: number) => ({ error: `the budget is ${budget} already; it can only be raised` });

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page's files, read once: what is not in the list does not exist, whatever the path says. */
function pageRoutes(app: Hono, folder: string): void {
  const files = new Map<string, Buffer>();
  try {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = name.replaceAll("\\", "/");
      if (TYPES[extname(path)] !== undefined) files.set(`/${path}`, readFileSync(join(folder, name)));
    }
  } catch {
    // not built; the API works all the same
  }
  app.get("*", (context) => {
    const path = context.req.path === "/" ? "/index.html" : context.req.path;
    const file = files.get(path);
    if (file === undefined) return context.notFound();
    const caching = path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
    const headers = { "Content-Type": TYPES[extname(path)]!, "Cache-Control": caching };
    return context.body(new Uint8Array(file), 200, headers);
  });
}

const runOf = (store: RunStore, context: Context): Promise<OpenRun> => store.run(context.req.param("id") ?? "");

/** An axis by name, or the reward's; which way is better is the reward's word where it has one. */
function axisOf({ axes, columns }: OpenRun, name: string | undefined, position: 0 | 1): AxisInfo | undefined {
  const names = columns.metricNames;
  const metric = name ?? axes[position]?.metric ?? names[position] ?? "reward";
  if (metric !== "reward" && !names.includes(metric) && name !== undefined) return undefined;
  const known = axes.find((axis) => axis.metric === metric);
  if (known !== undefined) return known;
  const larger = metric === "reward" || /accuracyFraction|utilization/i.test(metric);
  return { metric, sense: larger ? "maximise" : "minimise" };
}
