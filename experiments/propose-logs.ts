// The logs that `cosearch propose` learns from: which runs can be read, what they are asked, and which of their trials count.
// Runs of another environment are left out, with the reason, because their metrics mean something else.
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Limits, RewardSpec } from "../envs/reward.js";
import { CosearchError } from "../src/core/errors.js";
import { Space } from "../src/core/space.js";
import type { Trial } from "../src/core/trial.js";
import { type Manifest, readManifest } from "../src/study/manifest.js";
import { trialsOf } from "../src/track/run-reader.js";
import { environmentOf, type ResolvedStudy, resolveStudy } from "./resolve-study.js";
import { loadStudy, parseOverride } from "./study-file.js";

/** What the logs are asked. */
export interface Question {
  readonly name: string;
  readonly space: Space;
  readonly reward: RewardSpec;
  readonly limits: Limits;
  /** part of a run's study -> what it must be, so that its metrics mean the same */
  readonly environment: Readonly<Record<string, unknown>>;
  /** undefined: an environment that only a program knows */
  readonly study: ResolvedStudy | undefined;
}

const ENVIRONMENT_KEYS = ["environment", "space", "accuracy", "mapper", "sizing"] as const;

/** The folders that a pattern stands for, in the order of their names. @throws CosearchError RUN_NOT_FOUND */
export function expanded(pattern: string): string[] {
  const trimmed = pattern.replace(/\/+$/, "");
  const [folder, last] = [dirname(trimmed), basename(trimmed)];
  if (!last.includes("*")) return [trimmed];
  const matches = new RegExp(
    `^${last
      .split("*")
      .map((part) => part.replace(/[^\w-]/g, "\\$&"))
      .join(".*")}$`,
  );
  const names = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => matches.test(name))
        .sort()
    : [];
  if (names.length === 0) throw new CosearchError("RUN_NOT_FOUND", `--from ${pattern}: nothing there has such a name`);
  return names.map((name) => join(folder, name));
}

export interface Readable {
  readonly runFolder: string;
  readonly manifest: Manifest;
}

/** @throws CosearchError RUN_NOT_FOUND when no folder is a run */
export function readManifests(folders: readonly string[]): {
  readonly manifests: readonly Readable[];
  readonly leftOut: { runFolder: string; reason: string }[];
} {
  const manifests: Readable[] = [];
  const leftOut: { runFolder: string; reason: string }[] = [];
  for (const runFolder of folders) {
    try {
      manifests.push({ runFolder, manifest: readManifest(runFolder) });
    } catch (error) {
      if (!(error instanceof CosearchError)) throw error;
      leftOut.push({ runFolder, reason: error.message });
    }
  }
  if (manifests.length > 0) return { manifests, leftOut };
  throw new CosearchError(
    "RUN_NOT_FOUND",
    `--from: no run folder\n  ${leftOut.map(({ reason }) => reason).join("\n  ")}`,
  );
}

/** @throws what a study can be wrong with */
export function questionOf(name: string, set: readonly string[]): Question {
  const study = resolveStudy(loadStudy(name, set.map(parseOverride)));
  const space = environmentOf(study).space.fix(study.fix);
  return { name: study.name, space, reward: study.reward, limits: study.limits, environment: partsOf(study), study };
}

/** What a run was asked itself. */
export function recordedQuestion({ study: recorded, studyName, space }: Manifest, set: readonly string[]): Question {
  if (set.length > 0) throw new CosearchError("USAGE", "--set changes the study that --study names; name one");
  const study = recorded as ResolvedStudy;
  if (study?.reward === undefined) {
    throw new CosearchError("USAGE", `--from: the first run (${studyName}) does not say its reward; name a --study`);
  }
  const isRunnable = study.space?.network !== undefined;
  return {
    name: studyName,
    space: new Space(space),
    reward: study.reward,
    limits: study.limits ?? {},
    environment: partsOf(study),
    study: isRunnable ? study : undefined,
  };
}

const partsOf = (study: unknown): Record<string, unknown> => {
  const given = (study ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(ENVIRONMENT_KEYS.map((key) => [key, given[key]]));
};

/** The trials of a run that are points of the question's space, or why there are none. */
export function trialsFor(question: Question, runFolder: string, { study }: Manifest): Trial[] | string {
  const parts = partsOf(study);
  const other = ENVIRONMENT_KEYS.filter(
    (key) => JSON.stringify(parts[key]) !== JSON.stringify(question.environment[key]),
  );
  if (other.length > 0) return `evaluated in another environment: it differs in ${other.join(", ")}`;
  try {
    const all = [...trialsOf(runFolder)];
    const found = all.filter(({ candidate }) => question.space.contains(candidate));
    if (found.length > 0) return found;
    return all.length === 0 ? "it has no trial" : `none of its ${all.length} designs is a point of the space`;
  } catch (error) {
    if (error instanceof CosearchError) return error.message;
    throw error;
  }
}
