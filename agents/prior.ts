// Transfer of points: the best designs of an earlier run as points of this space, knobs matched by name and value.
// They are proposed first and evaluated again, because limits, targets or costs may have changed since.
import type { Prior, PriorReport } from "../src/core/agent.js";
import type { RandomStream } from "../src/core/rng.js";
import { INACTIVE, type Space } from "../src/core/space.js";
import type { Candidate, Trial } from "../src/core/trial.js";
import { compareTrials } from "./losses/advantages.js";

/** How many designs of the earlier run are tried first: the best, and good ones further inside or outside its limits. */
const BEST_POINTS = 8;
const SPREAD_POINTS = 8;
/** Borders of relative excess over a limit, below 0 within it: the best design between each two is tried. */
const EXCESS_BORDERS = [-0.75, -0.5, -0.25, -0.1, 0, 0.1, 0.25, 0.5, 1];

/** The best different designs of the earlier run, best first, and which knobs had no match.
 *  A knob without a match, or whose value is not in this space, takes the nearest number or a random value. */
export function priorPoints(
  space: Space,
  prior: Prior,
  random: RandomStream,
): { readonly points: Int32Array[]; readonly report: PriorReport } {
  const best = new Map<string, Int32Array>();
  for (const { candidate } of [...bestOf(prior.trials, BEST_POINTS), ...aroundLimits(prior.trials)]) {
    const codes = adapted(space, candidate, random);
    best.set(space.key(codes), codes);
  }
  return { points: [...best.values()], report: matchReport(space, prior.space) };
}

/** Designs with which a limit that has moved is found at once: by reward the best with so much room to each limit, or so far over it.
 *  Limits are those that trials broke. */
function aroundLimits(trials: readonly Trial[]): Trial[] {
  const limits = new Map<string, { readonly metric: string; readonly bound: number; readonly sign: number }>();
  for (const { metrics, infeasible } of trials) {
    for (const { subject, needed, available } of infeasible?.violations ?? []) {
      if (metrics?.[subject] === undefined) continue;
      const sign = needed > available ? 1 : -1;
      limits.set(`${subject} ${sign}`, { metric: subject, bound: available, sign });
    }
  }
  const rows = [...limits.values()].map(({ metric, bound, sign }) => {
    const best: (Trial | undefined)[] = [];
    for (const trial of trials) {
      const value = trial.metrics?.[metric];
      if (value === undefined) continue;
      const excess = (sign * (value - bound)) / Math.max(Math.abs(bound), 1e-12);
      const above = EXCESS_BORDERS.findIndex((border) => excess <= border);
      const bin = above < 0 ? EXCESS_BORDERS.length : above;
      if (trial.reward > (best[bin]?.reward ?? Number.NEGATIVE_INFINITY)) best[bin] = trial;
    }
    // near the limit first, on both sides in turn
    const inside = best.slice(0, INSIDE_BINS).reverse();
    const outside = best.slice(INSIDE_BINS);
    return inside.flatMap((trial, i) => [trial, outside[i]]).filter((trial) => trial !== undefined);
  });
  const found: Trial[] = [];
  for (let place = 0; found.length < SPREAD_POINTS && rows.some((row) => place < row.length); place++) {
    for (const row of rows) if (row[place] !== undefined && found.length < SPREAD_POINTS) found.push(row[place]!);
  }
  return found;
}

const INSIDE_BINS = EXCESS_BORDERS.indexOf(0) + 1;

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

/** The point of `space` that a design of another one is, when it has a value for every knob that counts; undefined otherwise. */
export function exactCodes(space: Space, candidate: Candidate): Int32Array | undefined {
  const codes = new Int32Array(space.length);
  for (let i = 0; i < space.length; i++) {
    const { name, values } = space.knobs[i]!;
    const value = candidate[name];
    if (!space.isActive(i, codes)) codes[i] = INACTIVE;
    else if (values.length === 1 && value === undefined) codes[i] = 0;
    else codes[i] = value === undefined ? -2 : values.indexOf(value);
    if (codes[i]! < 0 && space.isActive(i, codes)) return undefined;
  }
  return codes;
}

function nearest(values: readonly number[], wanted: number): number {
  let best = 0;
  values.forEach((value, i) => {
    if (Math.abs(value - wanted) < Math.abs(values[best]! - wanted)) best = i;
  });
  return best;
}
