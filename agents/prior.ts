// Transfer of points: the best designs of an earlier run as points of this space, knobs matched by name and value.
// They are proposed first and evaluated again, because limits, targets or costs may have changed since.
import type { Prior, PriorReport } from "../src/core/agent.js";
import type { RandomStream } from "../src/core/rng.js";
import { INACTIVE, type Space } from "../src/core/space.js";
import type { Candidate, Trial } from "../src/core/trial.js";
import { compareTrials } from "./losses/advantages.js";

/** How many designs of the earlier run are tried first. */
const PRIOR_POINTS = 8;

/** The best different designs of the earlier run, best first, and which knobs had no match.
 *  A knob without a match, or whose value is not in this space, takes the nearest number or a random value. */
export function priorPoints(
  space: Space,
  prior: Prior,
  random: RandomStream,
): { readonly points: Int32Array[]; readonly report: PriorReport } {
  const best = new Map<string, Int32Array>();
  for (const { candidate } of bestOf(prior.trials, PRIOR_POINTS)) {
    const codes = adapted(space, candidate, random);
    best.set(space.key(codes), codes);
  }
  return { points: [...best.values()], report: matchReport(space, prior.space) };
}

/** The best different trials, best first, without their metrics. */
export function bestOf(trials: readonly Trial[], count: number): Trial[] {
  const best = new Map<string, Trial>();
  for (const trial of [...trials].sort((a, b) => compareTrials(a, b) || a.trial - b.trial)) {
    if (best.size === count) break;
    const { candidate, reward, infeasible } = trial;
    const key = JSON.stringify(candidate);
    if (!best.has(key)) best.set(key, { trial: trial.trial, candidate, reward, ...(infeasible && { infeasible }) });
  }
  return [...best.values()];
}

/** Which decisions of `space` have a counterpart, with all, some or none of their values. */
export function matchReport(space: Space, from: Space): PriorReport {
  const matched: string[] = [];
  const partly: string[] = [];
  const fresh: string[] = [];
  for (const position of space.decisions) {
    const { name, values } = space.knobs[position]!;
    const old = from.has(name) ? from.knobs[from.indexOf(name)]! : undefined;
    const common = values.filter((value) => old?.values.includes(value)).length;
    (common === 0 ? fresh : common < values.length ? partly : matched).push(name);
  }
  return { matched, partly, fresh };
}

/** The point of `space` nearest to a design of another one. */
function adapted(space: Space, candidate: Candidate, random: RandomStream): Int32Array {
  const codes = new Int32Array(space.length);
  space.knobs.forEach(({ name, values, ordered }, i) => {
    if (!space.isActive(i, codes)) {
      codes[i] = INACTIVE;
      return;
    }
    const value = candidate[name];
    const exact = value === undefined ? -1 : values.indexOf(value);
    if (exact >= 0) codes[i] = exact;
    else if (ordered && typeof value === "number") codes[i] = nearest(values as readonly number[], value);
    else codes[i] = values.length === 1 ? 0 : random.integer(values.length);
    if (space.hasRules) codes[i] = space.nearestAllowed(i, codes[i]!, codes);
  });
  return codes;
}

function nearest(values: readonly number[], wanted: number): number {
  let best = 0;
  values.forEach((value, i) => {
    if (Math.abs(value - wanted) < Math.abs(values[best]! - wanted)) best = i;
  });
  return best;
}
