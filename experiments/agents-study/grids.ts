// What each agent is tuned over: three settings each, the default first, on tasks that are not reported. Equal for all, so that
// none is better because more was tried for it.

/** Agent -> its settings. An agent without an entry has its defaults only, which the page says. */
export const GRIDS: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  ppo: [{}, { learningRate: 0.1 }, { batchSize: 8 }],
  reinforce: [{}, { learningRate: 0.05 }, { batchSize: 8 }],
  sac: [{}, { batchSize: 8 }, { hiddenUnits: 32 }],
  "surrogate-assisted": [{}, { explore: 0.15 }, { nearFraction: 0 }],
  "rl-then-evolution": [{}, { rlTrials: 300 }, { mutationsPerChild: 2 }],
  "q-learning": [{}, { learningRate: 0.3 }, { horizonTrials: 500 }],
  "cma-es": [{}, { startDeviation: 0.3 }, { batchSize: 12 }],
  genetic: [{}, { populationSize: 16 }, { mutationsPerChild: 2 }],
  nsga2: [{}, { populationSize: 16 }, { mutationsPerChild: 2 }],
  "regularized-evolution": [{}, { populationSize: 25 }, { sampleSize: 25 }],
  "simulated-annealing": [{}, { startTemperature: 0.1 }, { batchSize: 1 }],
  "hill-climbing": [{}, { batchSize: 8 }, { restarts: false }],
  tpe: [{}, { goodFraction: 0.1 }, { candidates: 64 }],
  bayesian: [{}, { candidates: 800 }, { trees: 48 }],
  random: [{}],
};

/** An agent with settings, as run-agent.ts reads it. */
export function agentText(name: string, options: Readonly<Record<string, unknown>>): string {
  return Object.keys(options).length === 0 ? name : `${name}${JSON.stringify(options)}`;
}

/** The settings that did best on the tuning tasks: most wins by mean rank, the earlier of equals.
 *  @param scores per setting the scores on each task, higher is better, the same tasks in the same order */
export function bestSetting(scores: readonly (readonly number[])[]): number {
  const meanRanks = scores.map(
    (own) =>
      own.reduce((sum, score, t) => sum + scores.filter((other) => other[t]! > score).length, 0) /
      Math.max(1, own.length),
  );
  return meanRanks.indexOf(Math.min(...meanRanks));
}
