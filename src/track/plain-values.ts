// Options of an agent as trackers show them.
import type { KnobValue } from "../core/trial.js";

/** Numbers, texts and yes / no as they are; anything else as JSON. */
export function plainValues(values: Readonly<Record<string, unknown>>): Record<string, KnobValue> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const plain = typeof value === "number" || typeof value === "string" || typeof value === "boolean";
      return [name, plain ? value : JSON.stringify(value ?? null)];
    }),
  );
}
