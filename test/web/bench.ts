// Figures of the dashboard: `npm run bench:dashboard [trials]`. Prints one line each; docs/dashboard.md quotes them.
//   latency   from a trial's line in the file to its number on the page, in a real browser
//   opening   a run of 100,000 trials (made up, in the format of edge-joint: 57 knobs) in a server that has not seen it
//   browsers  trials/s of a real run with 50 event streams on it and with none, in turns
//   script    bytes of the page's script and style sheet, gzip
import { spawn } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { listen } from "../../src/app/server/listen.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import { median } from "../../src/core/statistics.js";
import { trialLine } from "../../src/study/trial-lines.js";
import { fakeRun, fakeTrials } from "../app/server/fake-run.js";
import { chromiumPath, launch, NO_CHROMIUM } from "./chromium.js";
import { command, startRun, trialCount, until } from "./live-run.js";

const root = mkdtempSync(join(tmpdir(), "cosearch-bench-"));
const program = join(import.meta.dirname, "../../bin/cosearch.js");
const trials = Number(process.argv[2] ?? 100_000);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A server in a process of its own, so that its memory and time are its own. */
async function served(): Promise<{ url: string; rssMib(): number; cpuMs(): number; close(): void }> {
  const child = spawn(process.execPath, [program, "serve", root, "--port", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until(() => /http:\S+/.test(text));
  const url = /http:\S+/.exec(text)![0];
  const rssMib = (): number => {
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
  };
  /** Its own and the system's time for it; clock ticks of 10 ms, see proc(5). */
  const cpuMs = (): number => {
    const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  return { url, rssMib, cpuMs, close: () => void child.kill("SIGKILL") };
}

async function latency(): Promise<void> {
  if (chromiumPath === undefined) return say(`latency    skipped: ${NO_CHROMIUM}`);
  const folder = fakeRun(root, "latency", 200);
  const server = await listen({ runsFolder: root, host: "127.0.0.1", port: 0 });
  const browser = await launch();
  const page = await browser.newPage();
  await page.goto(`${server.url}#/run/latency`);
  await page.getByText("live", { exact: true }).last().waitFor();
  const times: number[] = [];
  for (let trial = 200; trial < 240; trial++) {
    // the page notes when the number changes; both clocks are this machine's
    const seen = page.evaluate<number>(`new Promise((resolve) => {
      const look = () => {
        const now = document.querySelector("[data-trials]")?.getAttribute("data-trials");
        if (Number(now) >= ${trial + 1}) resolve(Date.now());
        else requestAnimationFrame(look);
      };
      look();
    })`);
    await sleep(37 + ((trial * 13) % 60)); // not in step with the server's looks
    const written = Date.now();
    appendFileSync(join(folder, "trials.jsonl"), fakeTrials(trial, trial + 1));
    times.push((await seen) - written);
  }
  await browser.close();
  await server.close();
  say(`latency    median ${median(times)} ms, most ${Math.max(...times)} ms, of ${times.length} trials`);
}

/** A run like edge-joint's: its space and metrics, random candidates. */
async function opening(): Promise<void> {
  await command(["run", "edge-joint", "--trials", "16", "--out", root, "--id", "large", "--quiet"]);
  const folder = join(root, "large");
  const { space } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as {
    space: ConstructorParameters<typeof Space>[0];
  };
  const { metrics } = JSON.parse(readFileSync(join(folder, "trials.jsonl"), "utf8").split("\n")[0]!);
  const file = openSync(join(folder, "trials.jsonl"), "w");
  const random = RandomStream.of(1, "bench");
  const points = new Space(space);
  for (let trial = 0; trial < trials; trial++) {
    const candidate = points.decode(points.sample(random));
    const noisy = Object.fromEntries(
      Object.entries(metrics as Record<string, number>).map(([name, value]) => [name, value * (0.5 + random.next())]),
    );
    writeSync(file, `${trialLine({ trial, candidate, metrics: noisy, reward: random.next() })}\n`);
  }
  closeSync(file);
  const bytes = statSync(join(folder, "trials.jsonl")).size;
  const server = await served();
  const [start, cpuBefore] = [performance.now(), server.cpuMs()];
  const paths = ["", "/curves?points=1500"];
  await Promise.all(paths.map(async (path) => (await fetch(`${server.url}api/runs/large${path}`)).text()));
  const [first, cpu] = [performance.now() - start, server.cpuMs() - cpuBefore];
  const again = performance.now();
  await (await fetch(`${server.url}api/runs/large/curves?points=1500&from=0&to=${trials / 2}`)).text();
  const zoom = performance.now() - again;
  for (const view of ["policy", "front"]) await (await fetch(`${server.url}api/runs/large/${view}`)).text();
  say(
    `opening    ${trials} trials (${(bytes / 1e6).toFixed(0)} MB): head and curves ${first.toFixed(0)} ms (processor time ${cpu} ms), a zoom ${zoom.toFixed(0)} ms; server's peak memory ${server.rssMib().toFixed(0)} MiB after every view`,
  );
  server.close();
  rmSync(folder, { recursive: true });
}

/** Trials/s of a real run over some seconds, with so many event streams on it. */
async function browsers(): Promise<void> {
  mkdirSync(root, { recursive: true });
  const run = await startRun(root, "watched", 10_000_000, ["--agent", "random"], "edge-joint");
  const server = await served();
  const rates: Record<"with" | "without", number[]> = { with: [], without: [] };
  const measure = async (): Promise<number> => {
    await sleep(500);
    const [before, start] = [trialCount(run.folder), performance.now()];
    await sleep(2500);
    return (trialCount(run.folder) - before) / ((performance.now() - start) / 1000);
  };
  await sleep(5000); // the mapper remembers layers: the first trials are slower
  for (let round = 0; round < 6; round++) {
    rates.without.push(await measure());
    const abort = new AbortController();
    const position = `${trialCount(run.folder)}.0`;
    const streams = Array.from({ length: 50 }, async () => {
      const response = await fetch(`${server.url}api/runs/watched/events?after=${position}`, { signal: abort.signal });
      for await (const _ of response.body!);
    });
    rates.with.push(await measure());
    abort.abort();
    await Promise.allSettled(streams);
  }
  server.close();
  run.process.kill("SIGKILL");
  const [plain, watched] = [median(rates.without), median(rates.with)];
  say(
    `browsers   ${plain.toFixed(0)} trials/s alone, ${watched.toFixed(0)} with 50 browsers (${(100 * (watched / plain - 1)).toFixed(1)} %); rounds alone ${rates.without.map((r) => r.toFixed(0)).join(" ")}, watched ${rates.with.map((r) => r.toFixed(0)).join(" ")}`,
  );
}

function script(): void {
  const folder = join(import.meta.dirname, "../../dist/web/assets");
  const sizes = readdirSync(folder).map(
    (name) => `${name.split(".").at(-1)} ${(gzipSync(readFileSync(join(folder, name))).length / 1024).toFixed(1)} KB`,
  );
  say(`script     ${sizes.join(", ")} compressed`);
}

writeFileSync(join(root, "note"), "of the bench");
script();
await latency();
await opening();
await browsers();
rmSync(root, { recursive: true, force: true });
