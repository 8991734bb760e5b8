// A schema's defaults without its checks: for documents whose parts were checked before, many of which are made in a loop (a
// search space's template is checked with every value of every knob when it is loaded). What a parse returns, some ten times
// as fast; a test holds the two together.
import type { z } from "zod";

/** The value with every default of its schema filled in; nothing is checked. Schemas of objects, lists, defaults and optional
 *  parts; what lies inside of unions, records and tuples must have no defaults of its own. */
export function withDefaults<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  return fill(schema, value) as Output;
}

type Def = {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly defaultValue?: unknown;
};

function fill(schema: z.ZodType, value: unknown): unknown {
  const def = schema._zod.def as unknown as Def;
  switch (def.type) {
    case "default":
      return value === undefined ? def.defaultValue : fill(def.innerType!, value);
    case "prefault":
      return fill(def.innerType!, value === undefined ? def.defaultValue : value);
    case "optional":
      return value === undefined ? undefined : fill(def.innerType!, value);
    case "array":
      return (value as readonly unknown[]).map((entry) => fill(def.element!, entry));
    case "object": {
      const given = value as Readonly<Record<string, unknown>>;
      const filled: Record<string, unknown> = {};
      for (const [key, part] of Object.entries(def.shape!)) {
        const found = fill(part, given[key]);
        if (found !== undefined) filled[key] = found;
      }
      return filled;
    }
    default:
      return value;
  }
}
