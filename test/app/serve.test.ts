// `cosearch serve` and `run --serve` as a user starts them: addresses, the browser that is opened, and what is refused.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tempRoot } from "../study/temp-root.js";
import { until } from "../web/live-run.js";

const program = join(import.meta.dirname, "../../bin/cosearch.js");
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

interface Started {
  readonly child: ChildProcess;
  /** both streams so far */
  said(): string;
  readonly ended: Promise<number | null>;
}

function cosearch(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, [program, ...args], { cwd, env: { ...process.env, ...env } });
  children.push(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, said: () => text, ended };
}

describe("run --serve", () => {
  it("says where the run is to be seen, shows it while it lasts, and is gone with it", async () => {
    const cwd = tempRoot();
    const args = ["run", "quick", "--agent", "random", "--trials", "100000", "--id", "seen", "--serve", "0"];
    const run = cosearch(cwd, args);
    await until(() => /dashboard {2}http:\S+#\/run\/seen\n/.test(run.said()), run.said);
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(run.said())![0];
    expect(await (await fetch(url)).text()).toContain('<script type="module"');
    const trials = async (): Promise<number> => {
      const row = (await (await fetch(`${url}api/runs/seen`)).json()) as { status?: string; trials?: number };
      expect(row.status ?? "running").toBe("running");
      return row.trials ?? 0;
    };
    await until(async () => (await trials()) > 0);
    const headers = { "X-Cosearch": "1" };
    await fetch(`${url}api/runs/seen/control`, { method: "POST", headers, body: '{"action":"stop"}' });
    expect(await run.ended).toBe(130); // as after Ctrl-C: it can be resumed
    await expect(fetch(url)).rejects.toThrow();
  });

  it("refuses a port that is taken before it makes a run", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const cwd = tempRoot();
    const run = cosearch(cwd, ["run", "quick", "--trials", "16", "--serve", String(port)]);
    expect([await run.ended, run.said()]).toEqual([2, expect.stringContaining(`cannot listen on 127.0.0.1:${port}`)]);
    expect(readdirSync(cwd)).toEqual([]);
    taken.close();
  });
});

describe("serve", () => {
  it.skipIf(process.platform !== "linux")("--open gives its address to the system's opener", async () => {
    const [cwd, bin] = [tempRoot(), tempRoot()];
    writeFileSync(join(bin, "xdg-open"), `#!/bin/sh\nprintf '%s\\n' "$@" > "${join(cwd, "opened")}"\n`);
    chmodSync(join(bin, "xdg-open"), 0o755);
    const server = cosearch(cwd, ["serve", "--port", "0", "--open"], { PATH: `${bin}:${process.env.PATH}` });
    await until(
      () => existsSync(join(cwd, "opened")) && readFileSync(join(cwd, "opened"), "utf8").endsWith("\n"),
      server.said,
    );
    const url = /http:\S+/.exec(server.said())![0];
    expect(readFileSync(join(cwd, "opened"), "utf8")).toBe(`${url}\n`);
    expect((await fetch(`${url}api/runs`)).status).toBe(200); // a folder that is not there yet has no runs
    server.child.kill("SIGTERM");
    expect(await server.ended).toBe(0);
  });

  it("goes on where no browser can be opened, and says where to go", async () => {
    const empty = tempRoot();
    const server = cosearch(empty, ["serve", "--port", "0", "--open"], { PATH: empty });
    await until(() => server.said().includes("no browser could be opened; go to http://127.0.0.1:"), server.said);
    server.child.kill("SIGINT");
    expect(await server.ended).toBe(0);
  });

  it("wants a token for another host, a long one, and studies that can be read", async () => {
    const cwd = tempRoot();
    mkdirSync(join(cwd, "runs"));
    writeFileSync(join(cwd, "bad.yaml"), "reward: {}\n");
    writeFileSync(join(cwd, "short"), "abc\n");
    const refused = async (...args: string[]) => {
      const { ended, said } = cosearch(cwd, ["serve", "--port", "0", ...args], { COSEARCH_TOKEN: "" });
      return [await ended, said()];
    };
    const [host, short, study] = await Promise.all([
      refused("--host", "0.0.0.0"),
      refused("--host", "0.0.0.0", "--token-file", "short"),
      refused("--study", "bad.yaml"),
    ]);
    expect(host).toEqual([2, expect.stringContaining("COSEARCH_TOKEN")]);
    expect(short).toEqual([2, expect.stringContaining("at least 16 characters")]);
    expect(study).toEqual([2, expect.stringContaining("bad.yaml:1:9")]);
  });
});
