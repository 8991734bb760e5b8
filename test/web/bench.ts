// Figures of the dashboard: `npm run bench:dashboard -- [trials] [name ...]`. Prints some lines each; docs/dashboard.md quotes them.
//   latency   from a trial's line in the file to its number on the page, in a real browser
//   opening   a run of 100,000 trials (made up, in the format of edge-joint: 57 knobs) in a server that has not seen it
//   browsers  what 50 event streams on a real run cost it, in turns with none
//   tracking  what log, TensorBoard, MLflow, a tracker of one's own and the live picture cost it, in turns with none
//   script    bytes of the page's script and style sheet, gzip
import { spawn } from "node:child_process";
import { once } from "node:events";
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
import { composeStudy } from "../../experiments/compose.js";
import { resolveStudy } from "../../experiments/resolve-study.js";
import { loadStudy } from "../../experiments/study-file.js";
import { listen } from "../../src/app/server/listen.js";
import { RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import { median } from "../../src/core/statistics.js";
import { createRunFolder } from "../../src/study/run-folder.js";
import { runToEnd } from "../../src/study/run-to-end.js";
import { trialLine } from "../../src/study/trial-lines.js";
import { liveView } from "../../src/track/live.js";
import { mlflowTracker } from "../../src/track/mlflow.js";
import { runLog } from "../../src/track/run-log.js";
import { tensorboard } from "../../src/track/tensorboard/tensorboard.js";
import { trackerListener } from "../../src/track/tracker.js";
import { fakeRun, fakeTrials } from "../app/server/fake-run.js";
import curveFile from "../examples/custom-tracker.js";
import { chromiumPath, launch, NO_CHROMIUM } from "./chromium.js";
import { command, startRun, trialCount, until } from "./live-run.js";

const root = mkdtempSync(join(tmpdir(), "cosearch-bench-"));
const program = join(import.meta.dirname, "../../bin/cosearch.js");
const trials = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 100_000);
const ROUNDS = 6;
const TRACKED_TRIALS = 256;
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
  const cpuMs = (): number => cpuMsOf(child.pid);
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

/** A process's own time and the system's for it, milliseconds; clock ticks of 10 ms, see proc(5). */
function cpuMsOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** What 50 event streams cost a real run, in turns with none: its trials/s, its processor time for a trial, the server's. */
async function browsers(): Promise<void> {
  mkdirSync(root, { recursive: true });
  const run = await startRun(root, "watched", 10_000_000, ["--agent", "random"], "edge-joint");
  const server = await served();
  const measure = async () => {
    await sleep(500);
    const look = () => [trialCount(run.folder), performance.now(), cpuMsOf(run.process.pid), server.cpuMs()] as const;
    const before = look();
    await sleep(4000);
    const [trials, ms, searchMs, serverMs] = look().map((value, i) => value - before[i]!) as [
      number,
      number,
      number,
      number,
    ];
    return { rate: (1000 * trials) / ms, searchMsPerTrial: searchMs / trials, serverShare: serverMs / ms };
  };
  type Round = Awaited<ReturnType<typeof measure>>;
  const rounds: { readonly alone: Round; readonly watched: Round }[] = [];
  await sleep(6000); // the mapper remembers layers: the first trials are slower
  for (let round = 0; round < ROUNDS; round++) {
    const alone = await measure();
    const abort = new AbortController();
    const position = `${trialCount(run.folder)}.0`;
    const streams = Array.from({ length: 50 }, async () => {
      const response = await fetch(`${server.url}api/runs/watched/events?after=${position}`, { signal: abort.signal });
      for await (const _ of response.body!);
    });
    rounds.push({ alone, watched: await measure() });
    abort.abort();
    await Promise.allSettled(streams);
  }
  server.close();
  run.process.kill("SIGKILL");
  const middle = (pick: (round: (typeof rounds)[0]) => number): number => median(rounds.map(pick));
  const [alone, watched] = [middle((r) => r.alone.rate), middle((r) => r.watched.rate)];
  const change = (pick: (round: Round) => number): string =>
    rounds.map((r) => (100 * (pick(r.watched) / pick(r.alone) - 1)).toFixed(0)).join(" ");
  say(
    `browsers   ${alone.toFixed(1)} trials/s alone, ${watched.toFixed(1)} with 50 browsers; change of each round ${change((r) => r.rate)} %`,
  );
  say(
    `           the search's processor time for a trial ${middle((r) => r.alone.searchMsPerTrial).toFixed(1)} ms alone, ${middle((r) => r.watched.searchMsPerTrial).toFixed(1)} ms with them (each round ${change((r) => r.searchMsPerTrial)} %); the server's ${(100 * middle((r) => r.watched.serverShare)).toFixed(1)} % of a core`,
  );
}

/** What all listeners cost a real run: log, TensorBoard, MLflow, a tracker, the live picture; the same trials in turns with and
 *  without, by processor time, for which it matters little what else the machine does. */
async function tracking(): Promise<void> {
  const fake = spawn(process.execPath, ["--import", "tsx", join(import.meta.dirname, "mlflow-process.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(fake.stdout, "data")) as [Buffer];
  const study = resolveStudy(loadStudy("edge-joint"));
  const cpuMs = async (tracked: boolean): Promise<number> => {
    const composed = await composeStudy(study, { trials: TRACKED_TRIALS });
    const folder = createRunFolder(root, composed.plan, Date.now);
    const hparams = study.agent.options;
    const options = { hparams, clock: Date.now, onError: (error: unknown) => say(`tracker: ${String(error)}`) };
    const trackers = [mlflowTracker({ url: line.toString().trim(), clock: Date.now }), curveFile()].map((tracker) =>
      trackerListener(tracker, options),
    );
    const screen = { write: () => true, columns: 120, rows: 40 };
    const listeners = [
      runLog({ file: folder.file("log.jsonl"), clock: Date.now }),
      tensorboard({ space: composed.plan.space.toData(), hparams, clock: Date.now }),
      liveView({ screen, interactive: true, color: true, clock: Date.now }),
      ...trackers,
    ];
    const before = process.cpuUsage();
    await runToEnd(composed.plan, folder, tracked ? { listeners } : {});
    if (tracked) await Promise.all(trackers.map((tracker) => tracker.settled()));
    const { user, system } = process.cpuUsage(before);
    await composed.dispose();
    rmSync(folder.path, { recursive: true });
    return (user + system) / 1000;
  };
  await cpuMs(true); // warm
  const rounds: { readonly without: number; readonly tracked: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % 2 === 0;
    const [a, b] = [await cpuMs(first), await cpuMs(!first)];
    rounds.push(first ? { tracked: a, without: b } : { tracked: b, without: a });
  }
  fake.kill();
  const least = (pick: (round: (typeof rounds)[0]) => number): number => Math.min(...rounds.map(pick));
  const [without, tracked] = [least((r) => r.without), least((r) => r.tracked)];
  const each = rounds.map((r) => (100 * (r.tracked / r.without - 1)).toFixed(1)).join(" ");
  const middle = median(rounds.map((r) => 100 * (r.tracked / r.without - 1)));
  say(
    `tracking   processor time of ${TRACKED_TRIALS} trials of edge-joint: ${without.toFixed(0)} ms without listeners, ${tracked.toFixed(0)} ms with all (least of ${ROUNDS}: ${(100 * (tracked / without - 1)).toFixed(1)} %); each round ${each} %, median ${middle.toFixed(1)} %`,
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
const parts: Readonly<Record<string, () => void | Promise<void>>> = { script, latency, opening, browsers, tracking };
const chosen = process.argv.slice(2).filter((name) => name in parts);
for (const name of chosen.length > 0 ? chosen : Object.keys(parts)) await parts[name]?.();
rmSync(root, { recursive: true, force: true });
