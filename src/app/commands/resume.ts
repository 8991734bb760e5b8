// `cosearch resume`: the plan is composed again from the manifest, with the tensor backend that the run began with.
import { composeStudy } from "../../../experiments/compose.js";
import type { ResolvedStudy } from "../../../experiments/resolve-study.js";
import { CosearchError } from "../../core/errors.js";
import { readManifest } from "../../study/manifest.js";
import { openRunFolder } from "../../study/run-folder.js";
import { exchangeOf } from "../ask-tell/contract.js";
import { type FollowOptions, follow } from "../follow.js";
import type { Terminal } from "../terminal.js";
import { chosenTrackers, type TrackerChoice } from "../trackers.js";

export interface ResumeCommandOptions extends FollowOptions, TrackerChoice {
  readonly trials?: number;
  readonly workers?: number;
}

/** @throws CosearchError RUN_NOT_FOUND, RUN_DAMAGED, RUN_VERSION, RUN_LOCKED, RUN_DIVERGED, USAGE */
export async function resumeCommand(
  runFolder: string,
  options: ResumeCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const manifest = readManifest(runFolder);
  if (exchangeOf(manifest.study) !== undefined) {
    const what = `${runFolder} belongs to clients of the ask / tell interface`;
    throw new CosearchError("USAGE", `${what}: start \`cosearch serve\` and they can go on (docs/ask-tell.md)`);
  }
  const trials = options.trials ?? manifest.trials;
  if (trials < manifest.trials) {
    throw new CosearchError(
      "USAGE",
      `--trials ${trials} is less than the run's budget of ${manifest.trials}; a budget can only be raised`,
    );
  }
  const trackers = await chosenTrackers(options, process.env, Date.now);
  const folder = openRunFolder(runFolder, Date.now);
  try {
    const study = manifest.study as ResolvedStudy; // written by this program; the manifest's format says which version
    const { checkpoints } = folder;
    const hasCheckpoint = checkpoints.names().some((name) => typeof checkpoints.read(name) !== "string");
    const given = { workers: options.workers, trials, backend: manifest.backend, hasCheckpoint };
    const composed = await composeStudy(study, given);
    return await follow(composed, folder, options, terminal, trackers);
  } finally {
    folder.close();
  }
}
