// `cosearch run`: checks everything first, and only then makes a run folder.
import { resolve as resolvePath } from "node:path";
import { composeStudy } from "../../../experiments/compose.js";
import { resolveStudy } from "../../../experiments/resolve-study.js";
import { loadStudy, type Override, parseOverride } from "../../../experiments/study-file.js";
import { createRunFolder } from "../../study/run-folder.js";
import { type FollowOptions, follow } from "../follow.js";
import type { ServeThread } from "../server/serve-thread.js";
import type { Terminal } from "../terminal.js";
import { chosenTrackers, type TrackerChoice } from "../trackers.js";

export interface RunCommandOptions extends FollowOptions, TrackerChoice {
  readonly trials?: number;
  readonly seed?: number;
  readonly agent?: string;
  readonly workers?: number;
  readonly out: string;
  readonly id?: string;
  readonly set: readonly string[];
  /** an earlier run's folder */
  readonly initFrom?: string;
  /** the dashboard's port; true: the default one, or any free one when that is taken */
  readonly serve?: number | true;
}

export async function runCommand(nameOrPath: string, options: RunCommandOptions, terminal: Terminal): Promise<number> {
  const resolved = resolveStudy(loadStudy(nameOrPath, overridesOf(options)));
  const study = options.initFrom === undefined ? resolved : { ...resolved, initFrom: resolvePath(options.initFrom) };
  const composed = await composeStudy(study);
  const trackers = await chosenTrackers(options, process.env, Date.now);
  const dashboard = await dashboardOf(options); // before the folder: a port that is taken leaves nothing behind
  const folder = createRunFolder(options.out, composed.plan, Date.now, options.id);
  if (dashboard !== undefined) terminal.err(`dashboard  ${dashboard.url}#/run/${folder.id}\n`);
  try {
    return await follow(composed, folder, options, terminal, trackers);
  } finally {
    await dashboard?.close();
  }
}

const DEFAULT_PORT = 7007;

/** `--serve`: the dashboard in a thread of its own. @throws CosearchError USAGE when a port that was asked for is taken */
async function dashboardOf({ out, serve }: RunCommandOptions): Promise<ServeThread | undefined> {
  if (serve === undefined) return undefined;
  const { serveInThread } = await import("../server/serve-thread.js");
  const at = (port: number) => serveInThread({ runsFolder: out, host: "127.0.0.1", port });
  return serve === true ? at(DEFAULT_PORT).catch(() => at(0)) : at(serve);
}

/** `--trials` and its like are `--set` in short; `--set` comes last, so that it may refine what they choose. */
function overridesOf(options: RunCommandOptions): Override[] {
  const short = (name: string, path: readonly string[], value: unknown): Override[] =>
    value === undefined ? [] : [{ path, value, source: `--${name} ${String(value)}` }];
  return [
    ...short("trials", ["budget", "trials"], options.trials),
    ...short("seed", ["seed"], options.seed),
    ...short("agent", ["agent"], options.agent),
    ...short("workers", ["workers"], options.workers),
    ...options.set.map(parseOverride),
  ];
}
