// What is wrong with a search, noticed from its diagnostics and said once: a policy that settled too early, rewards that do
// not differ, nothing feasible. Pure: updates in, sentences out.
import type { Diagnostics } from "../core/agent.js";

/** Entropy in nats per decision below which a policy has as good as settled: one value in about 98 % of its draws. */
const COLLAPSED_ENTROPY = 0.1;
/** Share of the budget before which that is too early. */
const EARLY = 0.25;
const FLAT_UPDATES = 5;
const INFEASIBLE_TRIALS = 500;

/** Listens to the updates of one run. @param budgetTrials trials in all */
export function searchWarnings(budgetTrials: number): (trialCount: number, update: Diagnostics) => string[] {
  const said = new Set<string>();
  let flat = 0;
  const once = (kind: string, text: string): string[] => {
    if (said.has(kind)) return [];
    said.add(kind);
    return [text];
  };
  return (trialCount, update) => {
    const found: string[] = [];
    const entropy = update["train/entropy"];
    if (entropy !== undefined && entropy < COLLAPSED_ENTROPY && trialCount < EARLY * budgetTrials) {
      const share = Math.round((100 * trialCount) / budgetTrials);
      const advice = "lower agent.learningRate or raise agent.entropyCoefficient";
      found.push(...once("collapse", `the policy has settled after ${share} % of the budget; ${advice}`));
    }
    flat = update["rollout/reward_std"] === 0 ? flat + 1 : 0;
    if (flat === FLAT_UPDATES) {
      const what = `all rewards of the last ${FLAT_UPDATES} batches are equal within their batch`;
      found.push(...once("flat", `${what}; the agent has nothing to learn from`));
    }
    if (update["search/feasible_rate"] === 0 && trialCount >= INFEASIBLE_TRIALS) {
      found.push(...once("infeasible", `nothing is feasible after ${trialCount} trials; the limits may be too tight`));
    }
    return found;
  };
}
