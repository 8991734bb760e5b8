import { agentDefinition, agentDefinitions } from "../../agents/index.js";
import { type AgentContract, agentContract } from "../contracts/agent-contract.js";

const contracts: Record<string, AgentContract> = {
  random: { learns: { reason: "the control: it ignores what it observes" } },
  grid: { learns: { reason: "it visits every point once" } },
  "rl-then-evolution": { learns: "finds", options: { rlTrials: 12 } },
  reinforce: { learns: "finds", options: { coarseLevels: 3, coarseTrials: 20 } },
  "q-learning": {
    learns: "finds",
    options: { horizonTrials: 200 },
    slow: "every decision must be tried after every value",
  },
  "hill-climbing": { learns: "finds", slow: "one step of one knob a batch, and thirty are needed" },
  sac: { learns: "finds", options: { stepsPerBatch: 2, minibatchSize: 32, hiddenUnits: 16 } },
  "simulated-annealing": { learns: "finds", options: { horizonTrials: 300 } },
};

agentContract(agentDefinition("ppo"), { learns: "repeats", options: { redraws: 0, screening: 1, childFraction: 0 } });
agentContract(agentDefinition("ppo"), {
  learns: "repeats",
  options: { redraws: 0, screening: 1, childFraction: 0, baseline: "value" },
});
agentContract(agentDefinition("reinforce"), {
  learns: "finds",
  options: { baseline: "value", advantage: "normalized", gaeLambda: 1 },
  slow: "rewards of infeasible candidates are far apart, and one step a batch is all it takes",
});
agentContract(agentDefinition("reinforce"), { learns: "finds", options: { policy: "factorised" } });
agentContract(agentDefinition("reinforce"), { learns: "finds", options: { policy: "lstm", hiddenUnits: 8 } });
agentContract(agentDefinition("genetic"), { learns: "finds", options: { coarseLevels: 3, coarseTrials: 20 } });
for (const definition of agentDefinitions) agentContract(definition, contracts[definition.name] ?? { learns: "finds" });
