// Supernets by names and files: what `cosearch supernet` asks for. Trains, stops, goes on, and holds scores against separate
// trainings; the checkpoint is the only state.
import { appendFileSync, existsSync, rmSync } from "node:fs";
import { z } from "zod";
import {
  calibrationPage,
  fitOf,
  measureSubnets,
  type SeparateTraining,
  type SubnetResult,
} from "../envs/accuracy/supernet/calibrate-supernet.js";
import {
  checkSameSpace,
  readCheckpoint,
  type SupernetCheckpoint,
  type SupernetFit,
  type SupernetSettings,
  supernetSettingsSchema,
  writeCheckpoint,
} from "../envs/accuracy/supernet/checkpoint.js";
import { restoreSupernet } from "../envs/accuracy/supernet/restore.js";
import { Supernet } from "../envs/accuracy/supernet/supernet.js";
import { dataOf } from "../envs/accuracy/training/training-proxy.js";
import { parseSpaceFile, type SpaceFile } from "../envs/space-file.js";
import { CosearchError } from "../src/core/errors.js";
import { parseValue, readDocument, readText } from "../src/files/documents.js";
import { initBackend } from "../src/tensors/backend.js";
import { resolvePart, spaceNamesOf } from "./parts.js";
import { loadStudy } from "./study-file.js";

export interface SupernetProgress {
  readonly stepsDone: number;
  readonly steps: number;
  /** nats, of the last step */
  readonly loss: number;
}

export interface SupernetTraining {
  /** a space of networks or a study, built-in or a file; with `resume` it may be left out */
  readonly space: string | undefined;
  readonly out: string;
  readonly resume: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  /** steps between two checkpoints */
  readonly checkpointEvery: number;
  /** ends the training after the step under way, with a checkpoint */
  readonly signal: AbortSignal;
  readonly onStep: (progress: SupernetProgress) => void;
}

export interface SupernetSummary {
  readonly checkpoint: string;
  readonly space: string;
  readonly status: "finished" | "interrupted";
  readonly stepsDone: number;
  readonly steps: number;
  readonly weightCount: number;
  readonly loss: number | null;
  readonly settings: SupernetSettings;
}

/** Trains to the end or to the signal, and writes the checkpoint.
 *  @throws CosearchError SPACE_UNKNOWN, STUDY_UNKNOWN, FILE_*, CHECKPOINT_BAD, NETWORK_BAD_SHAPE, TRAINING_DIVERGED, USAGE */
export async function trainSupernet(given: SupernetTraining): Promise<SupernetSummary> {
  const begun = given.resume ? resumed(given) : fresh(given);
  await initBackend(begun.backend);
  const { settings } = begun;
  const supernet = "state" in begun ? restoreSupernet(begun, given.out) : supernetOf(begun, settings);
  const save = (): void => writeCheckpoint(given.out, { ...begun, state: supernet.state() });
  try {
    let loss: number | null = null;
    if (!("state" in begun)) save(); // complain about the file before the work
    while (supernet.stepsDone < settings.steps && !given.signal.aborted) {
      loss = supernet.step();
      if (!Number.isFinite(loss)) {
        const why = `the loss or its gradient is not finite at step ${supernet.stepsDone + 1}`;
        throw new CosearchError("TRAINING_DIVERGED", `${given.out}: ${why}; train with a smaller --learning-rate`);
      }
      given.onStep({ stepsDone: supernet.stepsDone, steps: settings.steps, loss });
      if (supernet.stepsDone % given.checkpointEvery === 0 && supernet.stepsDone < settings.steps) save();
      await new Promise((resolve) => setImmediate(resolve)); // signals get their turn
    }
    save();
    const { stepsDone, weightCount } = supernet;
    const status = stepsDone < settings.steps ? "interrupted" : "finished";
    return {
      checkpoint: given.out,
      space: begun.space.name,
      status,
      stepsDone,
      steps: settings.steps,
      weightCount,
      loss,
      settings,
    };
  } finally {
    supernet.dispose();
  }
}

type Begun = Omit<SupernetCheckpoint, "state"> | SupernetCheckpoint;

function fresh(given: SupernetTraining): Begun {
  if (given.space === undefined) {
    throw new CosearchError("USAGE", "which space? e.g. `cosearch supernet train mbconv-32 --out mbconv-32.supernet`");
  }
  if (existsSync(given.out)) {
    throw new CosearchError("USAGE", `--out ${given.out} exists: go on with --resume, or name another file`);
  }
  const settings = parseValue(given.settings, "options", supernetSettingsSchema);
  return { space: spaceOf(given.space), settings, backend: "wasm" };
}

/** What was asked for at the start holds; a space or an option that says otherwise is refused. */
function resumed(given: SupernetTraining): Begun {
  const checkpoint = readCheckpoint(given.out);
  if (given.space !== undefined) checkSameSpace(checkpoint, spaceOf(given.space), given.out);
  for (const [name, value] of Object.entries(given.settings)) {
    const known = checkpoint.settings[name as keyof SupernetSettings];
    if (known !== value) {
      throw new CosearchError("USAGE", `${given.out}: its training has ${name} ${known}, not ${value}; leave it out`);
    }
  }
  // what separate trainings taught about an unfinished supernet does not hold for a finished one
  return checkpoint.state.stepsDone < checkpoint.settings.steps ? { ...checkpoint, fit: undefined } : checkpoint;
}

const supernetOf = ({ space }: Begun, settings: SupernetSettings): Supernet =>
  new Supernet(parseSpaceFile(space, space.name), settings, dataOf(settings));

/** The space of networks that a user means: a space by name or file, or that of a study.
 *  @throws CosearchError SPACE_UNKNOWN, STUDY_UNKNOWN, FILE_*, FILE_BAD_VALUE */
export function spaceOf(nameOrPath: string): SpaceFile {
  const isSpace = spaceNamesOf("network").includes(nameOrPath) || isSpaceFile(nameOrPath);
  const given = isSpace ? { network: nameOrPath, folder: "." } : studySpace(nameOrPath);
  const part = resolvePart("network", given.network, given.folder, nameOrPath);
  if ("space" in part) return part.space;
  throw new CosearchError(
    "FILE_BAD_VALUE",
    `${nameOrPath}: a supernet needs a space of networks, and this is one network`,
  );
}

/** A study has no knobs of its own. */
const isSpaceFile = (path: string): boolean => existsSync(path) && "knobs" in readDocument(path, anyObject);
const anyObject = z.record(z.string(), z.unknown());

const textOf = (path: string): string => (existsSync(path) ? readText(path) : "");

function studySpace(nameOrPath: string): { network: string | Readonly<Record<string, unknown>>; folder: string } {
  const { study, folder } = loadStudy(nameOrPath);
  return { network: study.space.network, folder };
}

export interface SupernetCalibration extends SupernetFit {
  readonly results: readonly SubnetResult[];
  readonly page: string;
}

/** Trains networks of the supernet's space by themselves, and writes into the checkpoint what that teaches about its scores.
 *  What is measured is kept beside the checkpoint (FILE.subnets.jsonl), so that a stop loses one network.
 *  @throws CosearchError FILE_*, CHECKPOINT_BAD, USAGE for a supernet that is not trained to its end */
export async function calibrateSupernet(
  file: string,
  training: SeparateTraining,
  command: string,
  onResult: (result: SubnetResult, count: number) => void,
): Promise<SupernetCalibration> {
  const checkpoint = readCheckpoint(file);
  const { stepsDone } = checkpoint.state;
  if (stepsDone < checkpoint.settings.steps) {
    const missing = `${stepsDone} of ${checkpoint.settings.steps} steps are done`;
    throw new CosearchError(
      "USAGE",
      `${file}: ${missing}; finish it with \`cosearch supernet train --resume --out ${file}\``,
    );
  }
  await initBackend(checkpoint.backend);
  const supernet = restoreSupernet(checkpoint, file);
  try {
    const notes = new Notes(
      `${file}.subnets.jsonl`,
      JSON.stringify({ ...training, subnets: 0, ...checkpoint.settings }),
    );
    const results = await measureSubnets(supernet, training, notes.known, (result, count) => {
      notes.add(result);
      onResult(result, count);
    });
    const { seeds, steps, batch, learningRate } = training;
    const protocol =
      `${results.length} networks drawn from space ${checkpoint.space.name}, each trained by itself for ${steps} steps of ` +
      `${batch} images at learning rate ${learningRate} with ${seeds} seeds; each predicted from the others`;
    const fit = fitOf(results, supernet.data.heldOut.labels.length, protocol);
    writeCheckpoint(file, { ...checkpoint, fit });
    const page = calibrationPage(results, fit, supernet, [trainCommand(checkpoint, file), command]);
    notes.remove();
    return { ...fit, results, page };
  } finally {
    supernet.dispose();
  }
}

/** The command that makes such a checkpoint: every option that is not the default. */
function trainCommand({ space, settings }: SupernetCheckpoint, file: string): string {
  const defaults = supernetSettingsSchema.parse({});
  const options = Object.entries(settings).flatMap(([name, value]) => {
    if (value === defaults[name as keyof SupernetSettings]) return [];
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [option] : [`${option} ${value}`];
  });
  return ["cosearch supernet train", space.name, ...options, `--out ${file}`].join(" ");
}

/** Results so far, one line each, under the settings that they hold for. */
class Notes {
  readonly known = new Map<string, SubnetResult>();
  readonly #file: string;
  readonly #settings: string;

  constructor(file: string, settings: string) {
    this.#file = file;
    this.#settings = settings;
    for (const line of textOf(file).split("\n")) {
      const note = parsed(line);
      if (note?.settings === settings) this.known.set(note.result.name, note.result);
    }
  }

  add(result: SubnetResult): void {
    appendFileSync(this.#file, `${JSON.stringify({ settings: this.#settings, result })}\n`);
  }

  remove(): void {
    rmSync(this.#file, { force: true });
  }
}

/** @returns undefined for a torn last line */
function parsed(line: string): { readonly settings: string; readonly result: SubnetResult } | undefined {
  try {
    return JSON.parse(line) as { settings: string; result: SubnetResult };
  } catch {
    return undefined;
  }
}
