// A template is a document (network, accelerator or deployment) in which values may refer to knobs; with a candidate's
// values filled in it becomes a plain document. So a search space is data: knobs plus the document they shape.
//
//   "$block1.kernel"                            the knob's value
//   { $times: ["$width", 32], $roundTo: 8 }     a product, rounded to the nearest multiple (not below it)
//   { $when: { depth: [3, 4] }, ...rest }       rest, only when the knob has one of these values; as a list entry
//                                               or a map value it is left out otherwise
import { CosearchError, suggestion } from "./errors.js";
import type { Space } from "./space.js";
import type { Candidate, KnobValue } from "./trial.js";

export type Template = null | boolean | number | string | readonly Template[] | { readonly [key: string]: Template };

const OMITTED = Symbol("omitted");

/** The document that a candidate stands for. */
export function fillTemplate(template: Template, candidate: Candidate): unknown {
  const filled = fill(template, candidate);
  return filled === OMITTED ? undefined : filled;
}

/** Checks every reference against the space, and that every knob is used. @throws CosearchError TEMPLATE_BAD_REFERENCE */
export function checkTemplate(template: Template, space: Space, where: string): void {
  const names = space.knobs.map((knob) => knob.name);
  const used = new Set<string>();
  const visit = (node: Template, path: string): void => {
    if (typeof node === "string" && node.startsWith("$")) reference(node.slice(1), path);
    else if (Array.isArray(node)) {
      for (const [i, item] of node.entries()) visit(item as Template, `${path}[${i}]`);
    } else if (node !== null && typeof node === "object") {
      for (const [key, value] of Object.entries(node)) {
        checkOperator(key, value, `${where}: ${path}`);
        if (key === "$when") for (const name of Object.keys(value as object)) reference(name, `${path}.$when`);
        else visit(value, `${path}.${key}`);
      }
    }
  };
  const reference = (name: string, path: string): void => {
    if (!space.has(name)) {
      throw new CosearchError(
        "TEMPLATE_BAD_REFERENCE",
        `${where}: ${path} refers to "$${name}", which is no knob${suggestion(name, names)}`,
      );
    }
    used.add(name);
  };
  visit(template, "template");
  const conditions = new Set(space.toData().knobs.flatMap((knob) => Object.keys(knob.when ?? {})));
  const unused = names.filter((name) => !used.has(name) && !conditions.has(name));
  if (unused.length > 0) {
    throw new CosearchError(
      "TEMPLATE_BAD_REFERENCE",
      `${where}: knobs that the template never uses: ${unused.join(", ")}`,
    );
  }
}

function checkOperator(key: string, value: Template, where: string): void {
  const bad = (what: string) => new CosearchError("TEMPLATE_BAD_REFERENCE", `${where}.${key}: ${what}`);
  if (!key.startsWith("$")) return;
  if (key === "$times") {
    if (!Array.isArray(value)) throw bad(`$times is a list of factors, not ${JSON.stringify(value)}`);
  } else if (key === "$roundTo") {
    if (typeof value !== "number" || value <= 0)
      throw bad(`$roundTo is a positive number, not ${JSON.stringify(value)}`);
  } else if (key === "$when") {
    const isCondition = value !== null && typeof value === "object" && !Array.isArray(value);
    if (!isCondition || !Object.values(value).every((values) => Array.isArray(values))) {
      throw bad(`$when maps a knob to a list of values, not ${JSON.stringify(value)}`);
    }
  } else throw bad(`"${key}" is no operator${suggestion(key, ["$times", "$roundTo", "$when"])}`);
}

function fill(node: Template, candidate: Candidate): unknown {
  if (typeof node === "string") return node.startsWith("$") ? knobValue(node.slice(1), candidate) : node;
  if (node === null || typeof node !== "object") return node;
  if (Array.isArray(node))
    return node.map((item: Template) => fill(item, candidate)).filter((item) => item !== OMITTED);
  const record = node as { readonly [key: string]: Template };
  if (record.$when !== undefined && !holds(record.$when as Record<string, readonly KnobValue[]>, candidate))
    return OMITTED;
  if (record.$times !== undefined) return product(record, candidate);
  const filled: Record<string, unknown> = {};
  for (const key in record) {
    if (key === "$when") continue;
    const value = fill(record[key]!, candidate);
    if (value !== OMITTED) filled[key] = value;
  }
  return filled;
}

function holds(condition: Readonly<Record<string, readonly KnobValue[]>>, candidate: Candidate): boolean {
  for (const name in condition) {
    const value = candidate[name];
    if (value === undefined || !condition[name]!.includes(value)) return false;
  }
  return true;
}

function product(record: { readonly [key: string]: Template }, candidate: Candidate): number {
  const factors = (record.$times as readonly Template[]).map((item) => fill(item, candidate));
  let value = 1;
  for (const factor of factors) {
    if (typeof factor !== "number") {
      throw new CosearchError("TEMPLATE_BAD_REFERENCE", `$times: ${JSON.stringify(factor)} is no number`);
    }
    value *= factor;
  }
  const multiple = record.$roundTo;
  return typeof multiple === "number" ? Math.max(multiple, Math.round(value / multiple) * multiple) : value;
}

function knobValue(name: string, candidate: Candidate): KnobValue {
  const value = candidate[name];
  if (value === undefined) {
    throw new CosearchError("TEMPLATE_BAD_REFERENCE", `"$${name}" is used where the knob does not count`);
  }
  return value;
}
