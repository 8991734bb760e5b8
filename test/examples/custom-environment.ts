// An environment of your own: any space, any evaluation, the same agents, limits, run folder and resume.

import { createPlan, createRunFolder, type Environment, runToEnd, Space } from "cosearch";

// A buffer is sized for a kernel: more bytes mean fewer misses, but also more area.
const environment: Environment = {
  name: "buffer-sizing",
  space: new Space({
    name: "buffer",
    knobs: [
      { name: "accelerator/kib", values: [8, 16, 32, 64, 128, 256] },
      { name: "accelerator/banks", values: [1, 2, 4, 8] },
      { name: "deployment/tile", values: [8, 16, 32, 64] },
    ],
  }),
  metricNames: ["latencyMs", "areaMm2"],
  evaluate(candidate) {
    const [kib, banks, tile] = ["accelerator/kib", "accelerator/banks", "deployment/tile"].map((name) =>
      Number(candidate[name]),
    ) as [number, number, number];
    const neededKib = (3 * tile * tile * 4) / 1024;
    if (neededKib > kib) {
      const violations = [{ subject: "buffer", needed: neededKib, available: kib, unit: "KiB" }];
      const reason = `a tile of ${tile} needs ${neededKib} KiB of ${kib}`;
      return { kind: "infeasible", infeasible: { code: "capacity", reason, violations } };
    }
    const latencyMs = 64 / tile + 8 / banks + kib / 256;
    return { kind: "measured", metrics: { latencyMs, areaMm2: 0.01 * kib * (1 + 0.1 * banks) } };
  },
};

export async function main(runs: string) {
  const plan = await createPlan({
    name: "buffer",
    environment,
    agent: "reinforce",
    reward: { form: "lexicographic", objectives: [{ minimise: "latencyMs" }] },
    limits: { areaMm2: { max: 1.2 } },
    trials: 96,
    seed: 1,
  });
  try {
    return await runToEnd(plan, createRunFolder(runs, plan, Date.now));
  } finally {
    plan.agent.dispose();
    await plan.evaluator.dispose();
  }
}
