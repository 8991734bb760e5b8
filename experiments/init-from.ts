// `--init-from`: what an earlier run learnt, handed to a new agent before its first proposal. Knobs are matched by name and
// value; what has no match starts fresh, and the note says which.
import { join } from "node:path";
import type { Agent, Prior } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { Space } from "../src/core/space.js";
import { Checkpoints } from "../src/study/checkpoints.js";
import { readManifest } from "../src/study/manifest.js";
import { trialsOf } from "../src/track/run-reader.js";

/** Starts the agent from a run folder. @returns what was matched, in words
 *  @throws CosearchError RUN_NOT_FOUND, RUN_DAMAGED, RUN_VERSION, USAGE when nothing matches or the agent cannot */
export async function startFrom(agent: Agent, runFolder: string): Promise<string> {
  const prior = priorOf(runFolder);
  if (agent.warmStart === undefined) {
    throw new CosearchError("USAGE", `--init-from: agent ${agent.name} cannot start from an earlier run`);
  }
  const { matched, partly, fresh } = await agent.warmStart(prior);
  const known = matched.length + partly.length;
  if (known === 0) {
    const what = `no knob of ${runFolder} has a counterpart in this study, so there is nothing to start from`;
    throw new CosearchError("USAGE", `--init-from: ${what}`);
  }
  const names = (title: string, list: readonly string[]) => (list.length === 0 ? "" : `; ${title}: ${list.join(", ")}`);
  return (
    `started from ${runFolder} (agent ${prior.agentName}, ${prior.trials.length} trials): ` +
    `${matched.length} knobs matched${names("some values are new", partly)}${names("new, start fresh", fresh)}; ` +
    "some of its designs are tried first"
  );
}

/** The newest readable checkpoint and all trials of a run. */
function priorOf(runFolder: string): Prior {
  const { agentName, space } = readManifest(runFolder);
  const checkpoints = new Checkpoints(join(runFolder, "checkpoints"));
  const saved = checkpoints
    .names()
    .reverse()
    .map((name) => checkpoints.read(name))
    .find((found) => typeof found !== "string");
  const trials = [...trialsOf(runFolder)];
  if (trials.length === 0) throw new CosearchError("USAGE", `--init-from: ${runFolder} has no trial to learn from`);
  return { agentName, space: new Space(space), state: saved?.agent, trials };
}
