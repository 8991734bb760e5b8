// `cosearch run`: checks everything first, and only then makes a run folder.
import { composeStudy } from "../../../experiments/compose.js";
import { resolveStudy } from "../../../experiments/resolve-study.js";
import { loadStudy, type Override, parseOverride } from "../../../experiments/study-file.js";
import { createRunFolder } from "../../study/run-folder.js";
import { type FollowOptions, follow } from "../follow.js";
import type { ServeThread } from "../server/serve-thread.js";
import type { Terminal } from "../terminal.js";

const DEFAULT_PORT = 7007;

import { chosenTrackers, type TrackerChoice } from "../trackers.js";

export interface RunCommandOptions extends FollowOptions, TrackerChoice {
  readonly trials?: number;
  readonly seed?: number;
  readonly agent?: string;
  readonly workers?: number;
  readonly out: string;
  readonly id?: string;
  readonly set: readonly string[];
  /** the dashboard's port; true: the default one, or any free one when that is taken */
  readonly serve?: number | true;
}

export async function runCommand(nameOrPath: string, options: RunCommandOptions, terminal: Terminal): Promise<number> {
  const study = resolveStudy(loadStudy(nameOrPath, overridesOf(options)));
  const composed = await composeStudy(study);
  const trackers = await chosenTrackers(options, process.env, Date.now);
  const folder = createRunFolder(options.out, composed.plan, Date.now, options.id);
  return follow(composed, folder, options, terminal, trackers);
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
