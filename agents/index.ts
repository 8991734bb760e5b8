// The registry: every agent that a study can name. Importing it loads no tensor library.
import type { AgentDefinition } from "../src/core/agent.js";
import { CosearchError, suggestion } from "../src/core/errors.js";
import { bayesian } from "./bayesian.js";
import { cmaEs } from "./cma-es.js";
import { genetic } from "./genetic.js";
import { grid } from "./grid.js";
import { hillClimbing } from "./hill-climbing.js";
import { nsga2 } from "./nsga2.js";
import { ppo } from "./ppo.js";
import { qLearning } from "./q-learning.js";
import { random } from "./random.js";
import { regularizedEvolution } from "./regularized-evolution.js";
import { reinforce } from "./reinforce.js";
import { rlThenEvolution } from "./rl-then-evolution.js";
import { sac } from "./sac.js";
import { simulatedAnnealing } from "./simulated-annealing.js";
import { surrogateAssisted } from "./surrogate-assisted.js";
import { tpe } from "./tpe.js";

export const agentDefinitions: readonly AgentDefinition[] = [
  ppo,
  reinforce,
  rlThenEvolution,
  sac,
  qLearning,
  cmaEs,
  genetic,
  nsga2,
  regularizedEvolution,
  simulatedAnnealing,
  hillClimbing,
  tpe,
  bayesian,
  surrogateAssisted,
  random,
  grid,
];

/** @throws CosearchError AGENT_UNKNOWN with the near miss */
export function agentDefinition(name: string): AgentDefinition {
  const found = agentDefinitions.find((definition) => definition.name === name);
  if (found !== undefined) return found;
  const names = agentDefinitions.map((definition) => definition.name);
  throw new CosearchError("AGENT_UNKNOWN", `"${name}" is no agent${suggestion(name, names)}`);
}
