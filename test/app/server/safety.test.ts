import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDashboard, type Dashboard } from "../../../src/app/server/app.js";
import { COOKIE, rateLimit, sameText } from "../../../src/app/server/guard.js";
import { type Listening, listen } from "../../../src/app/server/listen.js";
import { tempRoot } from "../../study/temp-root.js";
import { fakeRun } from "./fake-run.js";

const TOKEN = "correct-horse-battery-staple";
const root = tempRoot();
const own = { host: "127.0.0.1:7007" };
const dashboards: Dashboard[] = [];
const made = (more: { host?: string; token?: string } = {}): Dashboard => {
  const dashboard = createDashboard({ runsFolder: root, host: "127.0.0.1", clock: () => performance.now(), ...more });
  dashboards.push(dashboard);
  return dashboard;
};
const get = (dashboard: Dashboard, path: string, headers: Record<string, string> = own): Promise<Response> =>
  Promise.resolve(dashboard.app.request(path, { headers }));
const post = (dashboard: Dashboard, path: string, body: unknown, headers: Record<string, string>): Promise<Response> =>
  Promise.resolve(
    dashboard.app.request(path, { method: "POST", body: JSON.stringify(body), headers: { ...own, ...headers } }),
  );

beforeAll(() => {
  fakeRun(root, "one", 50);
});
afterAll(async () => {
  for (const dashboard of dashboards) await dashboard.close();
});

describe("who may ask", () => {
  it("answers to loopback names and refuses a name that was re-bound to it", async () => {
    const dashboard = made();
    for (const host of ["127.0.0.1:7007", "localhost:7007", "[::1]:7007"]) {
      expect((await get(dashboard, "/api/runs", { host })).status).toBe(200);
    }
    for (const host of ["evil.example", "evil.example:7007", "127.0.0.1.evil.example", ""]) {
      expect((await get(dashboard, "/api/runs", { host })).status).toBe(421);
    }
  });

  it("refuses changes of another origin, and those that a form could make", async () => {
    const dashboard = made();
    const pause = { action: "pause" };
    const path = "/api/runs/one/control";
    const ours = { "x-cosearch": "1", origin: "http://127.0.0.1:7007" };
    expect((await post(dashboard, path, pause, ours)).status).toBe(409); // let through: the run is not running
    expect((await post(dashboard, path, pause, { ...ours, origin: "http://evil.example" })).status).toBe(403);
    expect((await post(dashboard, path, pause, { ...ours, origin: "null" })).status).toBe(403);
    expect((await post(dashboard, path, pause, { ...ours, "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await post(dashboard, path, pause, { origin: ours.origin })).status).toBe(403);
  });

  it("does not let another page read", async () => {
    expect((await get(made(), "/api/runs", { ...own, origin: "http://evil.example" })).status).toBe(403);
  });

  it("needs the token where one is set, as a header or the cookie of the login, and not in the address", async () => {
    const dashboard = made({ host: "0.0.0.0", token: TOKEN });
    expect((await get(dashboard, "/api/runs")).status).toBe(401);
    expect((await get(dashboard, "/metrics")).status).toBe(401);
    expect((await get(dashboard, `/api/runs?token=${TOKEN}`)).status).toBe(401);
    expect((await get(dashboard, "/api/runs", { ...own, authorization: "Bearer wrong" })).status).toBe(401);
    expect((await get(dashboard, "/api/runs", { ...own, authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    expect((await post(dashboard, "/api/login", { token: "wrong" }, { "x-cosearch": "1" })).status).toBe(401);
    const login = await post(dashboard, "/api/login", { token: TOKEN }, { "x-cosearch": "1" });
    const cookie = login.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(new RegExp(`^${COOKIE}=.*HttpOnly; SameSite=Strict`));
    expect((await get(dashboard, "/api/runs", { ...own, cookie: cookie.split(";")[0]! })).status).toBe(200);
    expect((await get(dashboard, "/", own)).status).not.toBe(401); // the page itself asks for it
  });

  it("does not bind another host without a token, nor with a short one", async () => {
    await expect(listen({ runsFolder: root, host: "0.0.0.0", port: 0 })).rejects.toThrow("reachable from elsewhere");
    await expect(listen({ runsFolder: root, host: "0.0.0.0", port: 0, token: "short" })).rejects.toThrow("too short");
  });

  it("compares tokens of any length", () => {
    expect(sameText(TOKEN, TOKEN)).toBe(true);
    expect(sameText(TOKEN, TOKEN.slice(1))).toBe(false);
    expect(sameText("", TOKEN)).toBe(false);
  });
});

describe("what may be read", () => {
  let server: Listening;
  beforeAll(async () => {
    mkdirSync(join(root, "..", "outside"), { recursive: true });
    fakeRun(join(root, "..", "outside"), "secret", 5);
    symlinkSync(join(root, "..", "outside", "secret"), join(root, "link"));
    fakeRun(root, "linked", 5);
    symlinkSync("/etc/passwd", join(root, "linked", "updates.jsonl"));
    server = await listen({ runsFolder: root, host: "127.0.0.1", port: 0 });
  });
  afterAll(() => server.close());

  /** Sends the path as it is; fetch would tidy it up. */
  const raw = (path: string): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      request({ host: "127.0.0.1", port: server.port, path, agent: false }, (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      })
        .on("error", reject)
        .end();
    });

  it("is a run directly beneath the folder, however the path is written", async () => {
    expect((await raw("/api/runs/one")).status).toBe(200);
    const paths = [
      "/api/runs/..",
      "/api/runs/../outside/secret",
      "/api/runs/%2e%2e%2foutside%2fsecret",
      "/api/runs/..%2foutside%2fsecret",
      "/api/runs/%252e%252e%252foutside%252fsecret",
      "/api/runs/..%5coutside%5csecret",
      "/api/runs/one%2f..%2fone",
      "/api/runs/one%00",
      "/api/runs/.",
      "/api/runs/%2e",
      "/assets/../../../package.json",
      "/%2e%2e/%2e%2e/package.json",
      "/..%2f..%2fpackage.json",
    ];
    for (const path of paths) {
      const { status, body } = await raw(path);
      expect([path, status >= 400 || path === "/api/runs/."]).toEqual([path, true]);
      expect(body).not.toContain('"dependencies"');
      expect(body).not.toContain("secret");
    }
  });

  it("is never behind a symbolic link, of a folder or of a file in it", async () => {
    expect((await raw("/api/runs/link")).status).toBe(404);
    const { status, body } = await raw("/api/runs/linked");
    expect(status).toBe(422);
    expect(body).toContain("symbolic link");
    expect(JSON.parse((await raw("/api/runs")).body).runs.map(({ id }: { id: string }) => id)).not.toContain("link");
  });

  it("sends a strict policy with every answer, refusals too", async () => {
    for (const path of ["/", "/api/runs", "/nothing", "/api/runs/.."]) {
      const response = await fetch(`${server.url.slice(0, -1)}${path}`);
      const policy = response.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).not.toContain("unsafe");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});

describe("what is bounded", () => {
  const headers = { "x-cosearch": "1" };

  it("is the body", async () => {
    const body = { action: "raise", trials: 1, padding: "x".repeat(20_000) };
    expect((await post(made(), "/api/runs/one/control", body, { ...headers, "content-length": "20050" })).status).toBe(
      413,
    );
  });

  it("is what a control may say", async () => {
    const dashboard = made();
    for (const body of [
      {},
      [],
      "stop",
      { action: "explode" },
      { action: "raise" },
      { action: "raise", trials: -1 },
      { action: "stop", more: 1 },
    ]) {
      expect((await post(dashboard, "/api/runs/one/control", body, headers)).status).toBe(400);
    }
  });

  it("is the rate of expensive queries: bursts, then so many a second", async () => {
    let nowMs = 0;
    const limit = rateLimit(2, 3, () => nowMs);
    const allowed = async (): Promise<boolean> => {
      let passed = false;
      const context = { header: () => {}, json: () => new Response() } as unknown as Parameters<typeof limit>[0];
      await limit(context, async () => {
        passed = true;
      });
      return passed;
    };
    expect([await allowed(), await allowed(), await allowed(), await allowed()]).toEqual([true, true, true, false]);
    nowMs = 500;
    expect([await allowed(), await allowed()]).toEqual([true, false]);
  });
});

describe("a hostile run folder", () => {
  it("is an error of that run, and nothing else breaks", async () => {
    const bad = tempRoot();
    fakeRun(bad, "good", 20);
    const broken: Record<string, Record<string, string>> = {
      "no-json": { "manifest.json": "{" },
      "wrong-format": { "manifest.json": '{"format":99}' },
      "bad-trials": { "trials.jsonl": 'nonsense\n{"trial":0}\n' },
      "long-line": { "trials.jsonl": `{"trial":0,"x":"${"x".repeat(2 << 20)}"}\n` },
      "bad-space": {
        "manifest.json": JSON.stringify({ ...JSON.parse("{}"), format: 1, space: { name: "", knobs: [1] } }),
      },
    };
    for (const [id, files] of Object.entries(broken)) {
      fakeRun(bad, id, 0);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(bad, id, name), text);
    }
    mkdirSync(join(bad, "folder-for-file"));
    mkdirSync(join(bad, "folder-for-file", "manifest.json"));
    const dashboard = createDashboard({ runsFolder: bad, host: "127.0.0.1", clock: () => performance.now() });
    dashboards.push(dashboard);
    const { runs } = (await (await get(dashboard, "/api/runs")).json()) as {
      runs: { id: string; status: string; error?: string }[];
    };
    expect(runs.find(({ id }) => id === "good")?.status).toBe("stopped");
    for (const id of [...Object.keys(broken), "folder-for-file"]) {
      const row = runs.find((run) => run.id === id);
      expect([id, row?.status, (row?.error ?? "").length > 5]).toEqual([id, "broken", true]);
      expect((await get(dashboard, `/api/runs/${id}`)).status).toBe(422);
    }
    expect((await get(dashboard, "/api/runs/good/curves")).status).toBe(200);
  });
});
