// The study file: what to search, what counts as good, who searches and for how long. YAML, checked by a schema whose
// JSON Schema editors complete (docs/study.schema.json). Command-line overrides are laid over the file before the check,
// and every message names the place that a value came from: file:line:column, or the option.

import { basename, dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { DEFAULT_BUDGET } from "../envs/accelerator/mapper.js";
import { DEFAULT_ACCURACY_PROXY } from "../envs/accuracy/proxy.js";
import { deploymentSchema } from "../envs/deployment/deployment.js";
import { limitsSchema, rewardSchema } from "../envs/reward.js";
import { CosearchError } from "../src/core/errors.js";
import { type Located, parseLocated, parseValue, readText, resolveDocument } from "../src/files/documents.js";

const knobValue = z.union([z.number(), z.string(), z.boolean()]);
const part = (what: string, fixedWhat: string) =>
  z
    .union([z.string().min(1), z.record(z.string(), z.unknown())])
    .describe(`${what}: name of a built-in space, a path, or the space itself; or ${fixedWhat}, which is then fixed`);

const agentSchema = z.union([
  z.string().min(1),
  z.looseObject({ name: z.string().min(1).describe("see `cosearch list agents`") }),
]);

export const studySchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i, "letters, digits, dots, dashes and underscores are allowed"),
  description: z.string().default(""),
  environment: z
    .enum(["codesign", "table-sizing"])
    .default("codesign")
    .describe(
      "codesign: networks on chips; table-sizing: a table of measured layer costs (see table, areaFraction, grid)",
    ),
  table: z.string().min(1).optional().describe("table-sizing: path of the table (JSON)"),
  areaFraction: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("table-sizing: the area limit, between the smallest (0) and the largest (1) uniform design"),
  grid: z.enum(["coarse", "fine"]).optional().describe("table-sizing: 12 PE counts, or all that the table has"),
  space: z
    .strictObject({
      network: part("networks to choose from", "a network").default("nahas-s1"),
      accelerator: part("chips to choose from", "an accelerator").default("nahas-edge-space"),
      deployment: part("precision, batch and fusion to choose from", "a deployment").default("per-stage"),
    })
    .prefault({}),
  fix: z.record(z.string(), knobValue).default({}).describe("knob name -> the value that it is frozen at"),
  limits: limitsSchema.default({}),
  reward: rewardSchema.default(rewardSchema.parse({ form: "weighted-product" })),
  agent: agentSchema.default("ppo"),
  budget: z
    .strictObject({
      trials: z.int().min(1).max(10_000_000).default(2000).describe("evaluated candidates in all"),
      batch: z.int().min(1).max(65_536).optional().describe("candidates per update; default: what the agent asks for"),
    })
    .prefault({}),
  seed: z.int().min(0).default(1),
  accuracy: z
    .looseObject({ proxy: z.string().min(1).default(DEFAULT_ACCURACY_PROXY) })
    .prefault({})
    .describe("an accuracy proxy (`cosearch list proxies`) and its options"),
  mapper: z
    .strictObject({
      objective: z
        .enum(["latency", "energy", "edp"])
        .default("latency")
        .describe("what each layer's mapping is best at"),
      budget: z.int().min(1).max(1_000_000).default(DEFAULT_BUDGET).describe("mappings costed exactly per layer"),
    })
    .prefault({}),
  workers: z.int().min(0).max(256).default(0).describe("worker threads that evaluate; 0: in the main thread"),
  checkpoint: z
    .strictObject({
      every: z.int().min(1).default(1).describe("updates between two checkpoints"),
      keep: z.int().min(1).default(3).describe("checkpoints that stay in the run folder"),
    })
    .prefault({}),
  reference: z
    .strictObject({
      network: z.string().min(1).default("mobilenet-v2"),
      accelerator: z.string().min(1).default("nahas-edge"),
      deployment: deploymentSchema
        .prefault({ fusion: "on" })
        .describe("8 bits, batch 1 and activations kept on chip unless stated: as a good compiler would deploy it"),
    })
    .prefault({})
    .describe("what the winner is compared with; built-in names or paths"),
  backend: z
    .enum(["wasm", "auto", "native", "cpu"])
    .default("wasm")
    .describe("tensor backend; wasm gives the same numbers on every machine"),
});
/** A study, checked and completed with defaults. */
export type StudyDocument = z.output<typeof studySchema>;

/** Where a value of a study stands, as the start of a message: `my.yaml:4:8: limits.areaMm2`. */
export type Where = (path: readonly PropertyKey[]) => string;

export interface LoadedStudy {
  readonly study: StudyDocument;
  readonly where: Where;
  /** what the paths in the study are relative to */
  readonly folder: string;
}

/** A value that the command line lays over the file. */
export interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  /** how the user wrote it, e.g. `--trials -5` */
  readonly source: string;
}

export const STUDY_FOLDER = "experiments/studies";

/** A built-in study, or a file.
 *  @throws CosearchError STUDY_UNKNOWN, FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function loadStudy(nameOrPath: string, overrides: readonly Override[] = []): LoadedStudy {
  const file = resolveDocument(nameOrPath, STUDY_FOLDER, "STUDY_UNKNOWN", "study");
  return parseStudy(readText(file), file, overrides);
}

/** A study from text; `file` names it in messages and says what paths are relative to. */
export function parseStudy(text: string, file: string, overrides: readonly Override[] = []): LoadedStudy {
  const located = parseLocated(text, file);
  const value = withName(overlay(located.value, overrides), file);
  const place = placeOf(located, file, overrides);
  const study = parseValue(value, "", studySchema, place);
  const where: Where = (path) => `${place(path)}: ${pathText(path)}`;
  return { study, where, folder: dirname(resolve(file)) };
}

/** `--set key=value`. Dots part keys, except in `fix.`, where the rest is a knob's name.
 *  @throws CosearchError USAGE */
export function parseOverride(text: string): Override {
  const equals = text.indexOf("=");
  if (equals < 1) {
    throw new CosearchError("USAGE", `--set ${text}: key=value is needed, for example --set mapper.objective=energy`);
  }
  const key = text.slice(0, equals);
  const path = key.startsWith("fix.") ? ["fix", key.slice(4)] : key.split(".");
  let value: unknown;
  try {
    value = parse(text.slice(equals + 1));
  } catch (error) {
    throw new CosearchError("USAGE", `--set ${text}: ${(error as Error).message.split("\n")[0]}`);
  }
  return { path, value, source: `--set ${text}` };
}

/** The schema for editors. */
export function studyJsonSchema(): unknown {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "cosearch study",
    ...z.toJSONSchema(studySchema, { io: "input", target: "draft-2020-12" }),
  };
}

/** The document with the overrides laid over it, changed parts copied. */
function overlay(document: unknown, overrides: readonly Override[]): unknown {
  let root = document;
  for (const { path, value } of overrides) root = setAt(root, path, value);
  return root;
}

function setAt(node: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const record = isRecord(node) ? node : typeof node === "string" && key !== "name" ? { name: node } : {};
  return { ...record, [key]: setAt(record[key], rest, value) };
}

/** A file without a name takes its own. */
function withName(document: unknown, file: string): unknown {
  if (!isRecord(document) || document.name !== undefined) return document;
  return { name: basename(file).replace(/\.[^.]*$/, ""), ...document };
}

function placeOf(located: Located, file: string, overrides: readonly Override[]): Where {
  return (path) => {
    const override = overrides.findLast(({ path: set }) => set.every((key, i) => String(path[i]) === key));
    return override?.source ?? `${file}${located.locate(path)}`;
  };
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => {
      if (typeof key === "number") return `[${key}]`;
      const name = String(key);
      return /[./]/.test(name) ? `."${name}"` : `${i === 0 ? "" : "."}${name}`;
    })
    .join("");
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value);
