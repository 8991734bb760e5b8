// manifest.json: what a run is. Enough to compose its plan again, and to refuse to continue it with another one.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CosearchError } from "../core/errors.js";
import type { SpaceData } from "../core/space.js";
import { parseValue, readText } from "../files/documents.js";
import type { StudyPlan } from "./plan.js";

/** Raised when a folder that an older version wrote can no longer be continued bit for bit. */
export const RUN_FORMAT = 1;
export const MANIFEST_FILE = "manifest.json";

/** Contents of manifest.json. */
export interface Manifest {
  readonly format: number;
  readonly runId: string;
  /** ISO 8601 */
  readonly created: string;
  readonly studyName: string;
  readonly agentName: string;
  readonly seed: number;
  readonly backend: string;
  /** budget; raised by `resume --trials` */
  readonly trials: number;
  readonly batchSize: number;
  readonly checkpointEvery: number;
  readonly keepCheckpoints: number;
  readonly versions: Readonly<Record<string, string>>;
  /** the study document as resolved */
  readonly study: unknown;
  readonly space: SpaceData;
}

const count = z.int().min(0);
const manifestSchema = z.object({
  format: z.literal(RUN_FORMAT),
  runId: z.string().min(1),
  created: z.string(),
  studyName: z.string(),
  agentName: z.string(),
  seed: z.number(),
  backend: z.string(),
  trials: count,
  batchSize: count.min(1),
  checkpointEvery: count.min(1),
  keepCheckpoints: count.min(1),
  versions: z.record(z.string(), z.string()),
  study: z.unknown(),
  space: z.object({ name: z.string(), knobs: z.array(z.unknown()) }).loose(),
});

/** The manifest that a plan's run gets. */
export function manifestOf(plan: StudyPlan, runId: string, createdMs: number): Manifest {
  return {
    format: RUN_FORMAT,
    runId,
    created: new Date(createdMs).toISOString(),
    studyName: plan.studyName,
    agentName: plan.agentName,
    seed: plan.seed,
    backend: plan.backend,
    trials: plan.trials,
    batchSize: plan.batchSize,
    checkpointEvery: plan.checkpointEvery,
    keepCheckpoints: plan.keepCheckpoints,
    versions: plan.versions,
    study: plan.study,
    space: plan.space.toData(),
  };
}

/** The manifest of a run folder; takes no lock.
 *  @throws CosearchError RUN_NOT_FOUND, RUN_DAMAGED, RUN_VERSION */
export function readManifest(runFolder: string): Manifest {
  const file = join(runFolder, MANIFEST_FILE);
  if (!existsSync(file)) {
    const what = existsSync(runFolder) ? `is no run folder: it has no ${MANIFEST_FILE}` : "does not exist";
    throw new CosearchError("RUN_NOT_FOUND", `${runFolder} ${what}; a run folder looks like runs/<run id>`);
  }
  let value: unknown;
  try {
    value = JSON.parse(readText(file));
  } catch (error) {
    throw new CosearchError("RUN_DAMAGED", `${file}: ${(error as Error).message}`, { cause: error });
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === "number" && format !== RUN_FORMAT) {
    const fix =
      format > RUN_FORMAT ? "a newer cosearch wrote it: update" : "continue it with the version that it names";
    throw new CosearchError(
      "RUN_VERSION",
      `${file}: format ${format}, this version reads ${RUN_FORMAT}; ${fix} (${JSON.stringify((value as { versions?: unknown }).versions ?? {})})`,
    );
  }
  return parseValue(value, file, manifestSchema, undefined, "RUN_DAMAGED") as unknown as Manifest;
}
