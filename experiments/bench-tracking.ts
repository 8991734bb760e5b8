// What following a run costs: the same run with and without all listeners, in turns, in one process. Two answers: the
// processor time with them over that without (noisy on a busy machine), and the share of it that is spent inside them.
//   node dist/experiments/bench-tracking.js [--study edge-joint] [--trials 1000] [--repeat 5] [--json]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../src/core/statistics.js";
import type { RunListener } from "../src/study/listeners.js";
import { createRunFolder, LOG_FILE, type RunFolder } from "../src/study/run-folder.js";
import { runToEnd } from "../src/study/run-to-end.js";
import { liveView } from "../src/track/live.js";
import { runLog } from "../src/track/run-log.js";
import { tensorboard } from "../src/track/tensorboard/tensorboard.js";
import { trackerListener } from "../src/track/tracker.js";
import { type ComposedStudy, composeStudy } from "./compose.js";
import { resolveStudy } from "./resolve-study.js";
import { scriptOptions } from "./script-options.js";
import { loadStudy } from "./study-file.js";

const values = scriptOptions(
  {
    command: "node dist/experiments/bench-tracking.js",
    about: "What following a run costs: the same runs with and without listeners.",
  },
  {
    study: { type: "string", default: "edge-joint" },
    trials: { type: "string", default: "1000" },
    repeat: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
  {
    study: "built-in study or file",
    trials: "budget of a run",
    repeat: "runs of each kind",
    json: "one JSON document",
  },
);

const scratch = mkdtempSync(join(tmpdir(), "cosearch-tracking-"));
const insideMs = new Map<string, number>();
const [plain, followed]: [number[], number[]] = [[], []];
try {
  await cpuMs(0, false); // tables and code that only the first run pays
  insideMs.clear();
  for (let i = 0; i < Number(values.repeat); i++) {
    const order = i % 2 === 0 ? [false, true] : [true, false]; // what changes slowly falls on both alike
    for (const withListeners of order) (withListeners ? followed : plain).push(await cpuMs(i + 1, withListeners));
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
report();

/** Processor time of a run, by its own threads. */
async function cpuMs(seed: number, withListeners: boolean): Promise<number> {
  const override = (path: readonly string[], value: unknown) => ({ path, value, source: "bench" });
  const overrides = [override(["budget", "trials"], Number(values.trials)), override(["seed"], seed)];
  const composed = await composeStudy(resolveStudy(loadStudy(values.study, overrides)));
  const folder = createRunFolder(scratch, composed.plan, Date.now);
  const listeners = withListeners ? listenersOf(composed, folder).map(timed) : [];
  const before = process.cpuUsage();
  await runToEnd(composed.plan, folder, { listeners });
  const { user, system } = process.cpuUsage(before);
  await composed.dispose();
  return (user + system) / 1000;
}

/** All that the command line attaches, and a tracker whose other end costs nothing but the text of a request. */
function listenersOf({ study, plan, axes }: ComposedStudy, folder: RunFolder): RunListener[] {
  const hparams = study.agent.options;
  const clock = Date.now;
  const request = (steps: unknown): void => void JSON.stringify(steps);
  const tracker = { name: "tracker", start: () => undefined, log: request, finish: () => undefined };
  const screen = { write: () => true, columns: 120, rows: 40 };
  return [
    runLog({ file: folder.file(LOG_FILE), clock }),
    tensorboard({ space: plan.space.toData(), hparams, clock }),
    trackerListener(tracker, { hparams, clock, onError: () => {} }),
    liveView({ screen, interactive: true, color: true, clock, metrics: axes.map(({ metric }) => metric) }),
  ];
}

function timed(listener: RunListener): RunListener {
  const time = (work: () => void): void => {
    const began = performance.now();
    work();
    insideMs.set(listener.name, (insideMs.get(listener.name) ?? 0) + performance.now() - began);
  };
  return {
    name: listener.name,
    next: (event) => time(() => listener.next(event)),
    complete: () => time(() => listener.complete?.()),
    error: (error) => time(() => listener.error?.(error)),
  };
}

function report(): void {
  const ratio = median(followed.map((ms, i) => ms / plain[i]!)) - 1;
  const total = followed.reduce((sum, ms) => sum + ms, 0);
  const shares = [...insideMs].map(([name, ms]) => [name, ms / total] as const);
  const inside = shares.reduce((sum, [, share]) => sum + share, 0);
  if (values.json) {
    const document = {
      ...values,
      plainMs: plain,
      followedMs: followed,
      ratio,
      inside,
      shares: Object.fromEntries(shares),
    };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return;
  }
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  process.stdout.write(
    `${values.study}, ${values.trials} trials, ${values.repeat} pairs of runs; goal: below 3 %
processor time with all listeners over without, median of pairs: ${percent(ratio)}
share of the processor time inside listeners: ${percent(inside)}
${shares.map(([name, share]) => `  ${name}: ${percent(share)}`).join("\n")}
`,
  );
}
