// Which agent and which space a state belongs to, so that a checkpoint is never loaded into another one.
import type { StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import type { Rule } from "../src/core/rules.js";
import { type Condition, Space } from "../src/core/space.js";
import type { KnobValue } from "../src/core/trial.js";

type KnobSignature = [string, KnobValue[], boolean, Condition];

/** A text that is equal for spaces with the same knobs, values, order, conditions and rules. */
export function spaceSignature(space: Space): string {
  const data = space.toData();
  const knobs = data.knobs.map((knob, i) => [knob.name, knob.values, space.knobs[i]!.ordered, knob.when ?? {}]);
  return JSON.stringify(data.rules === undefined || data.rules.length === 0 ? knobs : { knobs, rules: data.rules });
}

/** The space that a state was made for, from the signature that it holds; undefined when it holds none. */
export function spaceOfState(state: StateTree | undefined): Space | undefined {
  const signature = (state as { readonly space?: unknown } | null | undefined)?.space;
  if (typeof signature !== "string") return undefined;
  const parsed = JSON.parse(signature) as KnobSignature[] | { knobs: KnobSignature[]; rules: Rule[] };
  const { knobs, rules } = Array.isArray(parsed) ? { knobs: parsed, rules: [] } : parsed;
  return new Space({
    name: "earlier",
    rules,
    knobs: knobs.map(([name, values, ordered, when]) => ({ name, values, ordered, when })),
  });
}

/** The fields of a state after checking whose it is. @throws CosearchError AGENT_BAD_STATE */
export function stateOf(state: StateTree, agent: string, space: Space): { readonly [key: string]: StateTree } {
  if (state === null || typeof state !== "object" || Array.isArray(state) || ArrayBuffer.isView(state)) {
    throw new CosearchError("AGENT_BAD_STATE", `agent ${agent}: the state is no object`);
  }
  const fields = state as { readonly [key: string]: StateTree };
  if (fields.agent !== agent) {
    throw new CosearchError("AGENT_BAD_STATE", `agent ${agent}: the state belongs to agent ${String(fields.agent)}`);
  }
  if (fields.space !== spaceSignature(space)) {
    throw new CosearchError("AGENT_BAD_STATE", `agent ${agent}: the state belongs to another space than ${space.name}`);
  }
  return fields;
}
