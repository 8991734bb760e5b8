// The three parts of a design as documents: a search space with a template, or one fixed network, accelerator or
// deployment. A study names them, points to files, or holds them; here they become checked, self-contained data.
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { type AcceleratorFile, acceleratorNames, acceleratorSchema } from "../envs/accelerator/architecture.js";
import { type Deployment, deploymentSchema } from "../envs/deployment/deployment.js";
import { type NetworkFile, networkFileSchema, networkNames } from "../envs/network/network-file.js";
import {
  loadSpaceFile,
  parseSpaceFile,
  type SpaceFile,
  type SpaceGroup,
  spaceFileNames,
  spaceFileSchema,
} from "../envs/space-file.js";
import { CosearchError, type ErrorCode, suggestion } from "../src/core/errors.js";
import { packageRoot, parseValue, readDocument } from "../src/files/documents.js";

interface FixedFiles {
  readonly network: NetworkFile;
  readonly accelerator: AcceleratorFile;
  readonly deployment: Deployment;
}

/** What a study searches in one group, or what it holds fixed there; JSON. */
export type Part<Group extends SpaceGroup> = { readonly space: SpaceFile } | { readonly fixed: FixedFiles[Group] };

interface GroupFacts {
  readonly schema: z.ZodType;
  readonly unknown: ErrorCode;
  readonly folder: string;
  readonly names: () => string[];
}

const GROUPS: Readonly<Record<SpaceGroup, GroupFacts>> = {
  network: {
    schema: networkFileSchema,
    unknown: "NETWORK_UNKNOWN",
    folder: "envs/network/presets",
    names: networkNames,
  },
  accelerator: {
    schema: acceleratorSchema,
    unknown: "ACCELERATOR_UNKNOWN",
    folder: "envs/accelerator/presets",
    names: acceleratorNames,
  },
  deployment: { schema: deploymentSchema, unknown: "SPACE_UNKNOWN", folder: "", names: () => ["default"] },
};

const anyObject = z.record(z.string(), z.unknown());
const isPath = (text: string): boolean => /[\\/]|\.(ya?ml|json)$/i.test(text);
const packageFolder = (folder: string): string => join(packageRoot, folder);

/** The schema of a group's fixed documents. */
export const partSchema = (group: SpaceGroup): z.ZodType => GROUPS[group].schema;

/** The part that a study means by a name, a path (relative to `folder`) or an inline document.
 *  @param place start of messages: where the study says so
 *  @throws CosearchError SPACE_UNKNOWN, NETWORK_UNKNOWN, ACCELERATOR_UNKNOWN, FILE_*, SPACE_BAD_KNOB, TEMPLATE_BAD_REFERENCE */
export function resolvePart<Group extends SpaceGroup>(
  group: Group,
  given: string | Readonly<Record<string, unknown>>,
  folder: string,
  place: string,
): Part<Group> {
  if (typeof given !== "string") return inlinePart(group, given, place);
  if (isPath(given)) {
    const path = isAbsolute(given) ? given : join(folder, given);
    return inlinePart(group, readDocument(path, anyObject), path);
  }
  return namedPart(group, given, place);
}

/** A fixed part by name or path. @throws what resolvePart throws, and FILE_BAD_VALUE for a search space */
export function fixedPart<Group extends SpaceGroup>(
  group: Group,
  nameOrPath: string,
  folder: string,
  place: string,
): FixedFiles[Group] {
  const part = resolvePart(group, nameOrPath, folder, place);
  if ("fixed" in part) return part.fixed;
  const hint = suggestion(nameOrPath, GROUPS[group].names());
  throw new CosearchError("FILE_BAD_VALUE", `${place}: ${nameOrPath} is a search space; one ${group} is needed${hint}`);
}

/** Built-in search spaces of a group. */
export const spaceNamesOf = (group: SpaceGroup): string[] =>
  spaceFileNames().filter((name) => loadSpaceFile(name).group === group);

function namedPart<Group extends SpaceGroup>(group: Group, name: string, place: string): Part<Group> {
  const { unknown, folder, names, schema } = GROUPS[group];
  if (spaceFileNames().includes(name)) {
    const file = readDocument(join(packageFolder("envs/spaces"), `${name}.yaml`), spaceFileSchema);
    return spacePart(group, file, place);
  }
  if (names().includes(name)) {
    const fixed = folder === "" ? schema.parse({}) : readDocument(join(packageFolder(folder), `${name}.yaml`), schema);
    return { fixed: fixed as FixedFiles[Group] };
  }
  const known = [...spaceNamesOf(group), ...names()];
  throw new CosearchError(
    unknown,
    `${place}: "${name}" is no built-in ${group} or ${group} space and no file${suggestion(name, known)}`,
  );
}

function inlinePart<Group extends SpaceGroup>(
  group: Group,
  value: Readonly<Record<string, unknown>>,
  place: string,
): Part<Group> {
  if ("knobs" in value || "template" in value) {
    return spacePart(group, parseValue({ group, ...value }, place, spaceFileSchema), place);
  }
  return { fixed: parseValue(value, place, GROUPS[group].schema) as FixedFiles[Group] };
}

function spacePart<Group extends SpaceGroup>(group: Group, file: SpaceFile, place: string): Part<Group> {
  if (file.group !== group) {
    throw new CosearchError(
      "FILE_BAD_VALUE",
      `${place}: ${file.name} is a search space of ${file.group}s, not of ${group}s`,
    );
  }
  parseSpaceFile(file, place, GROUPS[group].schema);
  return { space: file };
}
