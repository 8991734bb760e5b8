// Which agent and which space a state belongs to, so that a checkpoint is never loaded into another one.
import type { StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import type { Space } from "../src/core/space.js";

/** A text that is equal for spaces with the same knobs, values, order and conditions. */
export function spaceSignature(space: Space): string {
  return JSON.stringify(
    space.toData().knobs.map((knob, i) => [knob.name, knob.values, space.knobs[i]!.ordered, knob.when ?? {}]),
  );
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
