import { agentDefinition, agentDefinitions } from "../../agents/index.js";
import { type AgentContract, agentContract } from "../contracts/agent-contract.js";

const contracts: Record<string, AgentContract> = {
  random: { learns: { reason: "the control: it ignores what it observes" } },
  grid: { learns: { reason: "it visits every point once" } },
  "rl-then-evolution": { learns: "finds", options: { rlTrials: 12 } },
  "q-learning": {
    learns: "finds",
    options: { horizonTrials: 200 },
    slow: "every decision must be tried after every value",
  },
  "hill-climbing": { learns: "finds", slow: "one step of one knob a batch, and thirty are needed" },
  "simulated-annealing": { learns: "finds", options: { horizonTrials: 300 } },
};

for (const name of ["ppo", "reinforce"]) {
  agentContract(agentDefinition(name), { learns: "repeats", options: { redraws: 0 } });
}
for (const name of ["reinforce", "genetic"]) {
  agentContract(agentDefinition(name), { learns: "finds", options: { coarseLevels: 3, coarseTrials: 20 } });
}
for (const definition of agentDefinitions) agentContract(definition, contracts[definition.name] ?? { learns: "finds" });
