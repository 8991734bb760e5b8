// A mapping as a file: the levels with their temporal loops (outer to inner) and spatial loops (with axis). Names are checked
// against the layer and the machine later (check-mapping.ts), so that one answer lists everything that is wrong.
import { z } from "zod";
import { parseLocated, parseValue, readText } from "../../src/files/documents.js";
import type { MappingData } from "./mapping.js";
import { yamlText } from "./yaml-text.js";

const dim = z.string().min(1).describe("N G K C P Q R S");
const bound = z.number().describe("a whole number from 1; the product over all levels may exceed the extent");

const levelSchema = z.strictObject({
  level: z.string().min(1).describe("name of a level of the accelerator"),
  temporal: z.array(z.strictObject({ dim, bound })).default([]).describe("outer to inner"),
  spatial: z
    .array(z.strictObject({ dim, bound, axis: z.string().min(1).describe("fan-out axis of the level") }))
    .default([]),
});

export const mappingFileSchema = z.strictObject({
  layer: z.string().optional().describe("what it was made for; not read"),
  accelerator: z.string().optional().describe("what it was made for; not read"),
  note: z.string().optional(),
  levels: z.array(levelSchema).min(1),
});

/** A mapping whose names are not checked yet. */
export type LooseMapping = z.output<typeof mappingFileSchema>["levels"];

/** The levels of a mapping file; the bare list of levels is a mapping file too.
 *  @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function readMappingFile(path: string): LooseMapping {
  return parseMapping(readText(path), path);
}

/** @throws CosearchError FILE_BAD_SYNTAX, FILE_BAD_VALUE; `file` names the source in messages */
export function parseMapping(text: string, file: string): LooseMapping {
  const { value, locate } = parseLocated(text, file);
  if (!Array.isArray(value)) return parseValue<MappingFile>(value, file, mappingFileSchema, locate).levels;
  return parseValue<LooseMapping>(value, file, mappingFileSchema.shape.levels, locate);
}
type MappingFile = z.output<typeof mappingFileSchema>;

/** A mapping file for a mapping; reading it gives the mapping back. */
export function mappingFileText(mapping: MappingData, layer: string, accelerator: string): string {
  return yamlText({ layer, accelerator, levels: mapping }, ["temporal", "spatial"]);
}
