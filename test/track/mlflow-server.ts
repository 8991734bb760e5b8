// As much of an MLflow server as the tracker speaks to, kept in memory and strict: what the real one refuses is refused.
// From the REST API's documentation: paths, methods, field names, error codes, limits of log-batch.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeRun {
  readonly run_id: string;
  readonly experiment_id: string;
  readonly run_name: string;
  status: string;
  end_time?: number;
  readonly tags: Map<string, string>;
  readonly params: Map<string, string>;
  readonly metrics: { key: string; value: number; timestamp: number; step: number }[];
}

export interface FakeMlflow {
  readonly url: string;
  readonly experiments: Map<string, string>;
  readonly runs: FakeRun[];
  readonly requests: string[];
  readonly authorizations: Set<string | undefined>;
  /** answers the next so many requests with 503 */
  busyFor: number;
  close(): Promise<void>;
}

type Body = Record<string, unknown>;

export async function fakeMlflow(): Promise<FakeMlflow> {
  const fake = {
    url: "",
    experiments: new Map<string, string>(),
    runs: [] as FakeRun[],
    requests: [] as string[],
    authorizations: new Set<string | undefined>(),
    busyFor: 0,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
    const path = pathname.replace(/^\/api\/2\.0\/mlflow\//, "");
    fake.requests.push(`${request.method} ${path}`);
    fake.authorizations.add(request.headers.authorization);
    const body = await bodyOf(request);
    const { status, answer } =
      fake.busyFor-- > 0 ? { status: 503, answer: {} } : handle(fake, `${request.method} ${path}`, searchParams, body);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

const ok = (answer: unknown = {}) => ({ status: 200, answer });
const refused = (status: number, error_code: string) => ({ status, answer: { error_code, message: error_code } });

function handle(
  fake: FakeMlflow,
  route: string,
  query: URLSearchParams,
  body: Body,
): { status: number; answer: unknown } {
  const run = fake.runs.find(({ run_id }) => run_id === body.run_id);
  switch (route) {
    case "GET experiments/get-by-name": {
      const id = fake.experiments.get(query.get("experiment_name") ?? "");
      return id === undefined ? refused(404, "RESOURCE_DOES_NOT_EXIST") : ok({ experiment: { experiment_id: id } });
    }
    case "POST experiments/create": {
      if (fake.experiments.has(String(body.name))) return refused(400, "RESOURCE_ALREADY_EXISTS");
      const id = String(fake.experiments.size + 1);
      fake.experiments.set(String(body.name), id);
      return ok({ experiment_id: id });
    }
    case "POST runs/create": {
      const tags = new Map((body.tags as { key: string; value: string }[]).map(({ key, value }) => [key, value]));
      const made: FakeRun = {
        run_id: `r${fake.runs.length + 1}`,
        experiment_id: String(body.experiment_id),
        run_name: String(body.run_name),
        status: "RUNNING",
        tags,
        params: new Map(),
        metrics: [],
      };
      if (typeof body.start_time !== "number") return refused(400, "INVALID_PARAMETER_VALUE");
      fake.runs.push(made);
      return ok({ run: { info: { run_id: made.run_id } } });
    }
    case "POST runs/search": {
      const value = /^tags\.cosearch_run_id = '([^']+)'$/.exec(String(body.filter))?.[1];
      if (value === undefined) return refused(400, "INVALID_PARAMETER_VALUE");
      const ids = body.experiment_ids as string[];
      const found = fake.runs.filter(
        ({ tags, experiment_id }) => tags.get("cosearch_run_id") === value && ids.includes(experiment_id),
      );
      return ok({
        runs: found.map(({ run_id, metrics }) => ({ info: { run_id }, data: { metrics: latest(metrics) } })),
      });
    }
    case "POST runs/log-batch": {
      const { metrics = [], params = [] } = body as unknown as {
        metrics?: FakeRun["metrics"];
        params?: { key: string; value: string }[];
      };
      if (run === undefined) return refused(404, "RESOURCE_DOES_NOT_EXIST");
      const bad =
        metrics.length > 1000 ||
        params.length > 100 ||
        metrics.some(
          ({ key, value, timestamp, step }) =>
            !/^[\w./ -]+$/.test(key) ||
            !Number.isFinite(value) ||
            !Number.isSafeInteger(timestamp) ||
            !Number.isSafeInteger(step),
        ) ||
        params.some(({ key, value }) => run.params.has(key) || value.length > 500);
      if (bad) return refused(400, "INVALID_PARAMETER_VALUE");
      run.metrics.push(...metrics);
      for (const { key, value } of params) run.params.set(key, value);
      return ok();
    }
    case "POST runs/update":
      if (run === undefined) return refused(404, "RESOURCE_DOES_NOT_EXIST");
      run.status = String(body.status);
      if (typeof body.end_time === "number") run.end_time = body.end_time;
      return ok();
    default:
      return refused(404, "ENDPOINT_NOT_FOUND");
  }
}

/** As runs/search gives metrics: the latest value of each. */
const latest = (metrics: FakeRun["metrics"]): FakeRun["metrics"] => [
  ...new Map(metrics.map((metric) => [metric.key, metric])).values(),
];

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Body);
}
