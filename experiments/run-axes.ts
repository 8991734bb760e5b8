// What a recorded run was judged by, from the study in its manifest.
import { rewardAxes, rewardSchema } from "../envs/reward.js";
import type { Axis } from "../src/core/pareto.js";
import type { Manifest } from "../src/study/manifest.js";

/** The metrics that the run's reward weighs, the objective first; none when a program composed the run with a reward of
 *  its own. */
export function axesOf(manifest: Pick<Manifest, "study">): Axis[] {
  const reward = rewardSchema.safeParse((manifest.study as { reward?: unknown } | null)?.reward);
  return reward.success ? rewardAxes(reward.data) : [];
}
