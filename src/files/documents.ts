// Files in, checked values out: YAML or JSON text, a schema, and errors that name file, line, key, value and what is allowed.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";
import { CosearchError, type ErrorCode, nearMiss, suggestion } from "../core/errors.js";
import { packageRoot } from "./package-root.js";

export { packageRoot } from "./package-root.js";

/** Text of a file. @throws CosearchError FILE_UNREADABLE */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** A YAML (or JSON, its subset) file, parsed by a schema.
 *  @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function readDocument<T>(path: string, schema: z.ZodType<T>): T {
  return parseText(readText(path), path, schema);
}

/** A parsed text that still knows where its values stand. */
export interface Located {
  readonly value: unknown;
  /** `:line:column` of the value at a path, or of the nearest one around it; empty when unknown */
  locate(path: readonly PropertyKey[]): string;
}

/** @throws CosearchError FILE_BAD_SYNTAX, FILE_BAD_VALUE; `file` names the source in messages */
export function parseText<T>(text: string, file: string, schema: z.ZodType<T>): T {
  const { value, locate } = parseLocated(text, file);
  return parseValue(value, file, schema, locate);
}

/** YAML (or JSON) text to a plain value, with the places of its parts. @throws CosearchError FILE_BAD_SYNTAX */
export function parseLocated(text: string, file: string): Located {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: true });
  const problem = document.errors[0];
  if (problem !== undefined) throw new CosearchError("FILE_BAD_SYNTAX", `${file}: ${problem.message.trim()}`);
  const locate = (path: readonly PropertyKey[]): string => {
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length) as (string | number)[], true) as Node | undefined;
      if (node?.range) {
        const { line, col } = lines.linePos(node.range[0]);
        return `:${line}:${col}`;
      }
    }
    return "";
  };
  try {
    return { value: document.toJS(), locate };
  } catch (error) {
    // an alias without its anchor, or aliases that multiply without end
    throw new CosearchError("FILE_BAD_SYNTAX", `${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Checks a value that is already parsed. @throws CosearchError FILE_BAD_VALUE (or `code`) */
export function parseValue<T>(
  value: unknown,
  file: string,
  schema: z.ZodType<T>,
  locate: (path: readonly PropertyKey[]) => string = () => "",
  code: ErrorCode = "FILE_BAD_VALUE",
): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const messages = result.error.issues.slice(0, 5).map((issue) => {
    const found = issue as unknown as {
      path: PropertyKey[];
      code: string;
      message: string;
      keys?: string[];
      errors?: unknown[];
      values?: unknown[];
      options?: unknown[];
    };
    const key = pathText(found.path);
    const where = `${file}${locate(found.path)}`;
    if (found.code === "unrecognized_keys" && found.keys) {
      const allowed = allowedKeys(schema, found.path, value);
      return found.keys
        .map((name) => {
          const place = `${file}${locate([...found.path, name])}`;
          return `${place}: ${key === "" ? "" : `${key}.`}${name} is not a key here${suggestion(name, allowed)}`;
        })
        .join("\n");
    }
    const given = valueAt(value, found.path);
    const shown = given === undefined ? "is missing" : `is ${short(given)}`;
    const near =
      typeof given === "string" ? nearMiss(given, (found.values ?? found.options ?? []).map(String)) : undefined;
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    return `${where}: ${key === "" ? "the document" : key} ${shown}; ${unionMessage(found) ?? found.message}${hint}`;
  });
  throw new CosearchError(code, messages.join("\n"));
}

/** Names (without extension) of the data files in a folder of the package. */
export function dataNames(folder: string, extension = ".yaml"): string[] {
  return readdirSync(join(packageRoot, folder))
    .filter((file) => extname(file) === extension)
    .map((file) => basename(file, extension))
    .sort();
}

/** The file that a user means by `nameOrPath`: a built-in name, or a path to a YAML or JSON file.
 *  @throws CosearchError with the given code, naming the built-in ones */
export function resolveDocument(nameOrPath: string, folder: string, code: ErrorCode, what: string): string {
  const names = dataNames(folder);
  if (names.includes(nameOrPath)) return join(packageRoot, folder, `${nameOrPath}.yaml`);
  if (/[\\/]|\.(ya?ml|json)$/i.test(nameOrPath)) {
    if (existsSync(nameOrPath)) return nameOrPath;
    throw new CosearchError("FILE_UNREADABLE", `${what} file ${nameOrPath} does not exist`);
  }
  throw new CosearchError(code, `"${nameOrPath}" is no built-in ${what} and no file${suggestion(nameOrPath, names)}`);
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i === 0 ? "" : "."}${String(part)}`))
    .join("");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let node: unknown = value;
  for (const part of path) {
    if (node === null || typeof node !== "object") return undefined;
    node = (node as Record<PropertyKey, unknown>)[part];
  }
  return node;
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function unionMessage(issue: { code: string; errors?: unknown[] }): string | undefined {
  if (issue.code !== "invalid_union" || !issue.errors) return undefined;
  const messages = (issue.errors as { path: PropertyKey[]; message: string }[][])
    .flat()
    .map((inner) => (inner.path.length > 0 ? `${pathText(inner.path)}: ${inner.message}` : inner.message));
  return messages.length === 0 ? undefined : [...new Set(messages)].join(", or ");
}

/** The parts of a schema that lead to the keys of its objects. */
interface SchemaNode {
  readonly def?: {
    readonly shape?: Readonly<Record<string, SchemaNode>>;
    readonly innerType?: SchemaNode;
    readonly in?: SchemaNode;
    readonly element?: SchemaNode;
    readonly valueType?: SchemaNode;
    readonly options?: readonly SchemaNode[];
    readonly discriminator?: string;
    readonly values?: readonly unknown[];
  };
}

/** Keys of the object schema that stands at a path, as far as it can be followed; of a union, those of the fitting parts. */
function allowedKeys(schema: z.ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  let nodes = alternatives(schema as unknown as SchemaNode, value);
  let rest = value;
  for (const part of path) {
    rest = valueAt(rest, [part]);
    nodes = nodes.flatMap((node) => {
      const next =
        typeof part === "number" ? node.def?.element : (node.def?.shape?.[String(part)] ?? node.def?.valueType);
      return next === undefined ? [] : alternatives(next, rest);
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.def?.shape ?? {})))];
}

/** A schema without its wrappers; a union as its parts, by the discriminator of `value` where there is one. */
function alternatives(schema: SchemaNode, value: unknown): SchemaNode[] {
  const inner = schema.def?.innerType ?? schema.def?.in;
  if (inner !== undefined) return alternatives(inner, value);
  const { options, discriminator } = schema.def ?? {};
  if (options === undefined) return [schema];
  if (discriminator === undefined) return options.flatMap((option) => alternatives(option, value));
  const chosen = valueAt(value, [discriminator]);
  return options.filter((option) => option.def?.shape?.[discriminator]?.def?.values?.includes(chosen));
}
