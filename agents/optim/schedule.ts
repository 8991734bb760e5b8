// Values that change over a run. The horizon is an option of the agent, never the run's budget: a run that is resumed with
// more trials goes on exactly as if it had been started with them.

export const SCHEDULES = ["constant", "linear"] as const;
export type Schedule = (typeof SCHEDULES)[number];

/** The scheduled value after `trials` trials: constant, or linear from `start` down to `start * endFraction` at `horizon`
 *  trials and constant from there. */
export function scheduled(
  schedule: Schedule,
  start: number,
  trials: number,
  horizon: number,
  endFraction: number,
): number {
  if (schedule === "constant") return start;
  const done = Math.min(1, trials / horizon);
  return start * (1 - done * (1 - endFraction));
}
