// From one documented zod object per agent to everything that shows or checks its hyper-parameters.
import { z } from "zod";
import type { Agent, AgentDefinition, AgentOption } from "../src/core/agent.js";
import { CosearchError, suggestion } from "../src/core/errors.js";
import type { Space } from "../src/core/space.js";
import { coarseToFineAgent, type LevelOptions, levelsShape } from "./coarse-to-fine.js";

interface AgentDescription<Shape extends z.ZodRawShape> {
  readonly name: string;
  readonly summary: string;
  readonly paper: string;
  /** default false */
  readonly usesTensors?: boolean;
  /** every entry has `.default()` and `.describe()` */
  readonly schema: z.ZodObject<Shape>;
  create(space: Space, options: z.output<z.ZodObject<Shape>>, seed: number): Agent | Promise<Agent>;
  batchSize(options: z.output<z.ZodObject<Shape>>): number;
}

/** The definition that the registry holds, with option list and checks derived from the schema. */
export function defineAgent<Shape extends z.ZodRawShape>(description: AgentDescription<Shape>): AgentDefinition {
  const { name, summary, paper, usesTensors = false } = description;
  const schema = description.schema.extend(levelsShape);
  const options = describeOptions(schema);
  const resolve = (given: Readonly<Record<string, unknown>>) =>
    resolveOptions(name, schema, options, given) as z.output<z.ZodObject<Shape>> & LevelOptions;
  return {
    name,
    summary,
    paper,
    options,
    usesTensors,
    resolveOptions: resolve,
    create: (space, given, seed) => {
      const resolved = resolve(given);
      const create = (part: Space, partSeed: number) => description.create(part, resolved, partSeed);
      return resolved.coarseLevels === 0 ? create(space, seed) : coarseToFineAgent(name, space, seed, resolved, create);
    },
    batchSize: (given) => description.batchSize(resolve(given)),
  };
}

function resolveOptions(
  agent: string,
  schema: z.ZodObject,
  options: readonly AgentOption[],
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const names = options.map((option) => option.name);
  const problems = Object.keys(given)
    .filter((key) => !names.includes(key))
    .map((key) => `agent ${agent}: "${key}" is no option${suggestion(key, names)}`);
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const key = String(issue.path[0] ?? "");
    const option = options.find((candidate) => candidate.name === key);
    if (option === undefined) continue;
    const allowed = option.allowed === "string" ? option.description : option.allowed; // a text has a form of its own
    problems.push(`agent ${agent}: ${key} is ${JSON.stringify(given[key])}; allowed: ${allowed}`);
  }
  throw new CosearchError("AGENT_BAD_OPTION", problems.join("\n"));
}

/** JSON Schema of one option, as far as it is needed to say what is allowed. */
interface OptionSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

function describeOptions(schema: z.ZodObject): AgentOption[] {
  const json = z.toJSONSchema(schema, { io: "input" }) as { properties?: Record<string, OptionSchema> };
  return Object.entries(json.properties ?? {}).map(([name, option]) => ({
    name,
    description: option.description ?? "",
    default: option.default,
    allowed: allowedText(option),
  }));
}

function allowedText(option: OptionSchema): string {
  if (option.enum) return option.enum.map(String).join(" | ");
  if (option.type === "boolean") return "true | false";
  const parts = [option.type === "integer" ? "whole number" : (option.type ?? "value")];
  if (option.exclusiveMinimum !== undefined) parts.push(`> ${option.exclusiveMinimum}`);
  else if (option.minimum !== undefined && option.minimum > Number.MIN_SAFE_INTEGER) parts.push(`>= ${option.minimum}`);
  if (option.exclusiveMaximum !== undefined) parts.push(`< ${option.exclusiveMaximum}`);
  else if (option.maximum !== undefined && option.maximum < Number.MAX_SAFE_INTEGER) parts.push(`<= ${option.maximum}`);
  return parts.join(", ").replace(", ", " ");
}
