// The registry: every agent that a study can name. Importing it loads no tensor library.
import type { AgentDefinition } from "../src/core/agent.js";
import { CosearchError, suggestion } from "../src/core/errors.js";
import { ppo } from "./ppo.js";
import { random } from "./random.js";
import { reinforce } from "./reinforce.js";

export const agentDefinitions: readonly AgentDefinition[] = [ppo, reinforce, random];

/** @throws CosearchError AGENT_UNKNOWN with the near miss */
export function agentDefinition(name: string): AgentDefinition {
  const found = agentDefinitions.find((definition) => definition.name === name);
  if (found !== undefined) return found;
  const names = agentDefinitions.map((definition) => definition.name);
  throw new CosearchError("AGENT_UNKNOWN", `"${name}" is no agent${suggestion(name, names)}`);
}
