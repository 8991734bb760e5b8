// A search space as a file: knobs, and a template that turns a candidate into a network, an accelerator or a deployment.
// Loading checks the references, and that every value of every knob makes a document that the part's schema accepts.
import { z } from "zod";
import { CosearchError } from "../src/core/errors.js";
import type { Rule } from "../src/core/rules.js";
import { Space } from "../src/core/space.js";
import { checkTemplate, fillTemplate, type Template } from "../src/core/template.js";
import type { Candidate, KnobValue } from "../src/core/trial.js";
import { dataNames, parseValue, readDocument, resolveDocument } from "../src/files/documents.js";
import { deploymentSchema } from "./deployment/deployment.js";
import { networkFileSchema } from "./network/network-schema.js";

export const SPACE_GROUPS = ["network", "accelerator", "deployment"] as const;
export type SpaceGroup = (typeof SPACE_GROUPS)[number];

const knobValue = z.union([z.number(), z.string(), z.boolean()]);

const knobSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z][\w.-]*$/, "a name starts with a letter and has letters, digits, dots, dashes and underscores")
    .describe("unique in the space; a study prefixes it with the group and a slash"),
  values: z.array(knobValue).min(1).describe("in order, smallest to largest where the knob is ordered"),
  ordered: z
    .boolean()
    .exactOptional()
    .describe("whether neighbouring values are alike; default: all values are numbers"),
  when: z
    .record(z.string(), z.array(knobValue).min(1))
    .exactOptional()
    .describe("the knob counts only where each of these earlier knobs has one of the values"),
  unit: z.string().exactOptional(),
  source: z.string().exactOptional().describe("where the values come from"),
});

const selection = z.record(z.string(), z.array(knobValue).min(1));
const bounds = { atMost: z.number().exactOptional(), atLeast: z.number().exactOptional() };

/** A combination of values that is no point of the space. */
export const ruleSchema: z.ZodType<Rule> = z.union([
  z.strictObject({ forbid: selection.describe("not together: each of these knobs at one of its values") }),
  z.strictObject({
    when: selection.exactOptional().describe("where each of these knobs has one of its values"),
    require: selection.describe("each of these knobs, where it counts, has one of its values"),
  }),
  z.strictObject({ product: z.array(z.string()).min(1).describe("knobs whose values are multiplied"), ...bounds }),
  z.strictObject({ sum: z.array(z.string()).min(1).describe("knobs whose values are added"), ...bounds }),
]);

const templateSchema: z.ZodType<Template> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.number(),
    z.string(),
    z.array(templateSchema),
    z.record(z.string(), templateSchema),
  ]),
);

/** A search space as a file or a study writes it. */
export const spaceFileSchema = z.strictObject({
  name: z.string().min(1).max(200),
  group: z.enum(SPACE_GROUPS).describe("what the template describes"),
  source: z.string().optional().describe("paper or reason of the space"),
  knobs: z.array(knobSchema).min(1).max(2000),
  rules: z.array(ruleSchema).max(200).exactOptional().describe("combinations of values that are never proposed"),
  template: templateSchema.describe(
    'a document in which "$knob" stands for a value, $times for a product, $when for a condition',
  ),
});

export type SpaceFile = z.output<typeof spaceFileSchema>;

/** A space that is checked and ready. */
export interface LoadedSpace {
  readonly name: string;
  readonly group: SpaceGroup;
  readonly source: string | undefined;
  readonly space: Space;
  readonly template: Template;
}

const FOLDER = "envs/spaces";

/** Schemas of the parts that this file knows; an accelerator's is given by the caller. */
const PART_SCHEMAS: Partial<Record<SpaceGroup, z.ZodType>> = {
  network: networkFileSchema,
  deployment: deploymentSchema,
};

/** Names of the built-in search spaces. */
export const spaceFileNames = (): string[] => dataNames(FOLDER);

/** The space that a parsed file or an inline entry of a study stands for. `where` names the file in messages.
 *  @param partSchema schema of a filled-in template; default: that of the group, where known
 *  @throws CosearchError FILE_BAD_VALUE, SPACE_BAD_KNOB, SPACE_BAD_VALUE, TEMPLATE_BAD_REFERENCE */
export function parseSpaceFile(value: unknown, where: string, partSchema?: z.ZodType): LoadedSpace {
  return toSpace(parseValue(value, where, spaceFileSchema), where, partSchema);
}

/** A built-in space by name, or a YAML or JSON file.
 *  @throws CosearchError SPACE_UNKNOWN, FILE_UNREADABLE, FILE_BAD_SYNTAX, and what parseSpaceFile throws */
export function loadSpaceFile(nameOrPath: string, partSchema?: z.ZodType): LoadedSpace {
  const path = resolveDocument(nameOrPath, FOLDER, "SPACE_UNKNOWN", "search space");
  return toSpace(readDocument(path, spaceFileSchema), path, partSchema);
}

function toSpace(file: SpaceFile, where: string, partSchema = PART_SCHEMAS[file.group]): LoadedSpace {
  const { name, group, source, knobs, rules, template } = file;
  const space = inFile(
    where,
    () => new Space({ name, knobs, ...(source !== undefined && { source }), ...(rules && { rules }) }),
  );
  checkTemplate(template, space, where);
  checkConditions(file, space, where);
  if (partSchema !== undefined) {
    for (const candidate of everyValueOnce(space)) {
      parseValue(fillTemplate(template, candidate), `${where} with ${JSON.stringify(candidate)}`, partSchema);
    }
  }
  return { name, group, source, space, template };
}

/** A condition on a value that the knob does not have would silently never hold. (In a study it may: there `fix` can have
 *  taken the value away, so only files are checked.) */
function checkConditions({ knobs, rules = [], template }: SpaceFile, space: Space, where: string): void {
  const check = (condition: Readonly<Record<string, readonly KnobValue[]>>, place: string): void => {
    for (const [name, values] of Object.entries(condition)) {
      for (const value of values) inFile(`${where}: ${place}`, () => space.valueIndex(name, value));
    }
  };
  const visit = (node: Template, path: string): void => {
    if (node === null || typeof node !== "object") return;
    for (const [key, value] of Object.entries(node)) {
      const place = Array.isArray(node) ? `${path}[${key}]` : `${path}.${key}`;
      if (key === "$when") check(value as Readonly<Record<string, readonly KnobValue[]>>, place);
      else visit(value as Template, place);
    }
  };
  for (const knob of knobs) if (knob.when !== undefined) check(knob.when, `knob "${knob.name}" when`);
  for (const [i, rule] of rules.entries()) {
    if ("forbid" in rule) check(rule.forbid, `rules[${i}].forbid`);
    if ("require" in rule) for (const part of [rule.when ?? {}, rule.require]) check(part, `rules[${i}]`);
  }
  visit(template, "template");
}

/** Candidates in which each value of each knob occurs at least once, as far as a condition lets it. */
function everyValueOnce(space: Space): Candidate[] {
  const first = space.repaired(new Int32Array(space.length), 0, 0);
  const found = new Map<string, Int32Array>([[space.key(first), first]]);
  for (let position = 0; position < space.length; position++) {
    const base = [...found.values()].find((codes) => codes[position] !== -1);
    if (base === undefined) continue;
    for (let value = 0; value < space.knobs[position]!.values.length; value++) {
      const codes = space.repaired(base, position, value);
      found.set(space.key(codes), codes);
    }
  }
  return [...found.values()].map((codes) => space.decode(codes));
}

function inFile<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof CosearchError)
      throw new CosearchError(error.code, `${where}: ${error.message}`, { cause: error });
    throw error;
  }
}
