import { agentDefinitions } from "../../agents/index.js";
import { type AgentContract, agentContract } from "../contracts/agent-contract.js";

const exceptions: Record<string, AgentContract> = {
  random: { learns: { reason: "the control: it ignores what it observes" } },
};

for (const definition of agentDefinitions) agentContract(definition, exceptions[definition.name] ?? { learns: true });
