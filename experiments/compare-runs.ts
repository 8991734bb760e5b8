// From run folders to a comparison: what each run was asked, and with which settings.

import { readManifest } from "../src/study/manifest.js";
import type { ComparedRun } from "../src/track/compare-data.js";
import { trialsOf } from "../src/track/run-reader.js";
import type { ResolvedStudy } from "./resolve-study.js";
import { axesOf } from "./run-axes.js";

/** @throws CosearchError RUN_NOT_FOUND, RUN_DAMAGED, RUN_VERSION */
export function loadComparedRun(runFolder: string): ComparedRun {
  const manifest = readManifest(runFolder);
  const { runId, studyName, agentName, seed, batchSize, space } = manifest;
  const { fix, limits, reward, accuracy, mapper, agent } = (manifest.study ?? {}) as Partial<ResolvedStudy>;
  return {
    ...{ runId, runFolder, studyName, agentName, seed },
    question: JSON.stringify([limits, reward, accuracy, mapper]),
    setting: JSON.stringify([space, fix, agent, batchSize]),
    axes: axesOf(manifest),
    trials: [...trialsOf(runFolder)],
  };
}
