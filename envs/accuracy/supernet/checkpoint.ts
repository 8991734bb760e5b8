// A supernet on disk: one line of JSON that says what it is, then weights and velocities as 32-bit floats, little-endian.
// Written to a draft, flushed and renamed, so that a kill leaves the old file or the new one.
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { z } from "zod";
import { CosearchError } from "../../../src/core/errors.js";
import { type SpaceFile, spaceFileSchema } from "../../space-file.js";
import { SAMPLINGS } from "./paths.js";
import type { SupernetState } from "./supernet.js";

/** What a training is asked for; a checkpoint holds it, and a resume goes on with it. */
export const supernetSettingsSchema = z.strictObject({
  steps: z.int().min(1).max(10_000_000).default(2000).describe("training steps; there is no limit in seconds"),
  batch: z.int().min(2).max(4096).default(64),
  learningRate: z.number().positive().max(10).default(0.1),
  sampling: z.enum(SAMPLINGS).default("sandwich").describe("networks of one step"),
  distil: z
    .boolean()
    .default(false)
    .describe("with the sandwich: smaller networks learn from the largest one's answers"),
  data: z.string().min(1).default("embedded").describe("embedded, or the folder of CIFAR-10's binary form"),
  resolution: z.int().min(8).max(64).default(16).describe("rows and columns of the embedded images"),
  trainImages: z.int().min(10).max(100_000).default(3000),
  heldOutImages: z.int().min(10).max(100_000).default(1000),
  seed: z.int().min(0).default(1),
});
export type SupernetSettings = z.output<typeof supernetSettingsSchema>;

/** What separate trainings of some of its networks taught about the scores: calibrate-supernet.ts. */
export const supernetFitSchema = z.strictObject({
  /** ln-odds of the error of a training of its own = intercept + slope · (ln-odds of the inherited error − centre) */
  centre: z.number(),
  intercept: z.number(),
  slope: z.number(),
  /** of what the line leaves, each network predicted without itself */
  variance: z.number(),
  error: z.strictObject({
    meanAbsoluteErrorPoints: z.number(),
    kendallTau: z.number(),
    macsOnlyKendallTau: z.number(),
    paramsOnlyKendallTau: z.number(),
    coverage90: z.number(),
    networkCount: z.int(),
    groupCount: z.int(),
    protocol: z.string(),
  }),
});
export type SupernetFit = z.output<typeof supernetFitSchema>;

const FORMAT = "cosearch-supernet";
const headSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  backend: z.string(),
  settings: supernetSettingsSchema,
  stepsDone: z.int().min(0),
  fit: supernetFitSchema.optional(),
  weights: z.array(z.strictObject({ key: z.string(), shape: z.array(z.int().min(1)) })),
  /** of the bytes after this line */
  sha256: z.string(),
  space: spaceFileSchema,
});

export interface SupernetCheckpoint {
  readonly space: SpaceFile;
  readonly settings: SupernetSettings;
  readonly backend: string;
  readonly state: SupernetState;
  readonly fit?: SupernetFit | undefined;
}

/** @throws CosearchError FILE_UNREADABLE when the file cannot be written */
export function writeCheckpoint(file: string, { space, settings, backend, state, fit }: SupernetCheckpoint): void {
  const body = Buffer.concat([...state.weights, ...state.velocities].map(littleEndian));
  const head = {
    format: FORMAT,
    version: 1,
    backend,
    settings,
    stepsDone: state.stepsDone,
    ...(fit !== undefined && { fit }),
    weights: state.keys.map((key, i) => ({ key, shape: state.shapes[i]! })),
    sha256: sha256(body),
    space,
  };
  try {
    const handle = openSync(`${file}.tmp`, "w");
    try {
      const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
      for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(`${file}.tmp`, file);
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `${file} cannot be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** @throws CosearchError FILE_UNREADABLE, CHECKPOINT_BAD */
export function readCheckpoint(file: string): SupernetCheckpoint {
  const bytes = readBytes(file);
  const end = bytes.indexOf("\n");
  const head = headOf(bytes.subarray(0, Math.max(0, end)).toString(), file);
  const body = bytes.subarray(end + 1);
  if (sha256(body) !== head.sha256) throw badCheckpoint(file, "its weights are damaged or cut off");
  const sizes = head.weights.map(({ shape }) => shape.reduce((product, extent) => product * extent, 1));
  let at = 0;
  const next = (size: number): Float32Array => {
    const values = Float32Array.from({ length: size }, (_, i) => body.readFloatLE(at + 4 * i));
    at += 4 * size;
    return values;
  };
  if (body.length !== 8 * sizes.reduce((sum, size) => sum + size, 0))
    throw badCheckpoint(file, "its weights are cut off");
  const state: SupernetState = {
    stepsDone: head.stepsDone,
    keys: head.weights.map(({ key }) => key),
    shapes: head.weights.map(({ shape }) => shape),
    weights: sizes.map(next),
    velocities: sizes.map(next),
  };
  return { space: head.space, settings: head.settings, backend: head.backend, state, fit: head.fit };
}

/** Whether every network of `space` is one of the checkpoint's: the same template, and no knob value that it did not have.
 *  @throws CosearchError CHECKPOINT_BAD naming the first difference */
export function checkSameSpace(checkpoint: SupernetCheckpoint, space: SpaceFile, file: string): void {
  const trained = checkpoint.space;
  const other = (why: string) =>
    badCheckpoint(
      file,
      `it was trained on space ${trained.name}, and ${why}; train one with \`cosearch supernet train\``,
    );
  for (const { name, values } of space.knobs) {
    const known = trained.knobs.find((knob) => knob.name === name);
    if (known === undefined) throw other(`space ${space.name} has a knob "${name}" that it does not have`);
    const missing = values.find((value) => !known.values.includes(value));
    if (missing !== undefined) throw other(`its "${name}" was never ${JSON.stringify(missing)}`);
  }
  const missing = trained.knobs.find(({ name }) => !space.knobs.some((knob) => knob.name === name));
  if (missing !== undefined) throw other(`space ${space.name} has no knob "${missing.name}"`);
  if (JSON.stringify(space.template) !== JSON.stringify(trained.template)) {
    throw other(`the template of space ${space.name} is another`);
  }
}

function headOf(text: string, file: string): z.output<typeof headSchema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badCheckpoint(file, "it is no supernet checkpoint", error);
  }
  const result = headSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw badCheckpoint(
    file,
    `it is no supernet checkpoint of this version (${issue?.path.join(".")}: ${issue?.message})`,
  );
}

export const badCheckpoint = (file: string, why: string, cause?: unknown): CosearchError =>
  new CosearchError("CHECKPOINT_BAD", `${file}: ${why}`, { cause });

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

function littleEndian(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeFloatLE(value, 4 * i);
  });
  return bytes;
}

/** @throws CosearchError FILE_UNREADABLE */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `${file}: ${(error as Error).message}`, { cause: error });
  }
}
