// The search inside the model: from a point, the change of one knob that is worth most, again and again, and where none helps
// of two knobs at once (more here, less there). The posterior means are quadratic in the knobs' columns, so all changes of a
// point are judged with one slope for each quantity.
import { INACTIVE, type Space } from "../../src/core/space.js";
import type { Forecast, Place } from "./forecast.js";

/** Changes of one knob that pairs are made of: the ones worth most, and the ones best for the reward or the limits alone. */
const WORTHIEST = 32;
const ONE_SIDED = 16;
/** Foreseen steps that are looked at: what a step brings with it (interactions, conditions, rules) was not foreseen. */
const TRIES = 3;
const LEAST_GAIN = 1e-6;

/** One knob at another value. */
interface Move {
  readonly position: number;
  readonly value: number;
  /** shape [quantities] */
  readonly means: Float64Array;
  readonly worth: number;
}

/** One or two moves, as foreseen. */
export interface Step {
  readonly moves: readonly Move[];
  readonly worth: number;
}

/** A point and what it is worth at the deviations of the climb. */
export interface Climbed {
  readonly codes: Int32Array;
  readonly worth: number;
}

/** The points near the local optimum above a start that were not tried, best first, at most `count`.
 *  @param deviations shape [quantities], taken as the same all along  @param steps at most so many  @param frozen knob that keeps its value */
export function climb(
  space: Space,
  forecast: Forecast,
  start: Int32Array,
  deviations: Float64Array,
  steps: number,
  count: number,
  isTried: (codes: Int32Array) => boolean,
  frozen?: number,
): Climbed[] {
  let place = forecast.place(start);
  let worth = forecast.worth(place.means, deviations);
  let near: Step[] = [];
  for (let step = 0; step < steps; step++) {
    const moves = movesOf(forecast, place, deviations, frozen);
    const singles = moves.map((move): Step => ({ moves: [move], worth: move.worth }));
    let next = better(space, forecast, place, singles, deviations, worth);
    if (next === undefined) {
      near = [...singles, ...pairsOf(forecast, place, moves, deviations)].sort((a, b) => b.worth - a.worth);
      next = better(space, forecast, place, near, deviations, worth);
    }
    if (next === undefined) break;
    ({ place, worth } = next);
  }
  const found: Climbed[] = isTried(place.row.codes) ? [] : [{ codes: place.row.codes, worth }];
  for (const step of near) {
    if (found.length >= count) break;
    const codes = stepped(space, place, step);
    if (!isTried(codes)) found.push({ codes, worth: step.worth });
  }
  return found;
}

/** All changes of one knob and many of two, best first. @param deviations shape [quantities] */
export function stepsFrom(forecast: Forecast, place: Place, deviations: Float64Array): Step[] {
  const moves = movesOf(forecast, place, deviations, undefined);
  const singles = moves.map((move): Step => ({ moves: [move], worth: move.worth }));
  return [...singles, ...pairsOf(forecast, place, moves, deviations)].sort((a, b) => b.worth - a.worth);
}

/** The first of the best steps that is as good as foreseen. @param steps best first */
function better(
  space: Space,
  forecast: Forecast,
  from: Place,
  steps: readonly Step[],
  deviations: Float64Array,
  worth: number,
): { readonly place: Place; readonly worth: number } | undefined {
  for (const step of steps.slice(0, TRIES)) {
    if (step.worth <= worth + LEAST_GAIN) return undefined;
    const place = forecast.place(stepped(space, from, step));
    const reached = forecast.worth(place.means, deviations);
    if (reached > worth + LEAST_GAIN) return { place, worth: reached };
  }
  return undefined;
}

/** The point after a step. */
export function stepped(space: Space, { row }: Place, { moves }: Step): Int32Array {
  let codes = row.codes;
  for (const { position, value } of moves) {
    if (codes[position] !== INACTIVE) codes = space.repaired(codes, position, value);
  }
  return codes;
}

/** All changes of one knob, best first. */
function movesOf(
  forecast: Forecast,
  { row, means, slopes }: Place,
  deviations: Float64Array,
  frozen: number | undefined,
): Move[] {
  const moves: Move[] = [];
  for (const { position, offset, width, table, levels } of forecast.features.knobs) {
    const code = row.codes[position]!;
    if (code === INACTIVE || position === frozen) continue;
    for (let value = 0; value < levels; value++) {
      if (value === code) continue;
      const changed = means.slice();
      for (let q = 0; q < changed.length; q++) {
        const slope = slopes[q]!;
        let change = 0;
        for (let m = 0; m < width; m++) {
          change += (table[value * width + m]! - table[code * width + m]!) * slope[offset + m]!;
        }
        changed[q]! += forecast.quantities[q]!.scale * change;
      }
      moves.push({ position, value, means: changed, worth: forecast.worth(changed, deviations) });
    }
  }
  return moves.sort((a, b) => b.worth - a.worth);
}

/** Changes of two knobs at once, their interaction left out. @param moves best first */
function pairsOf(forecast: Forecast, { means }: Place, moves: readonly Move[], deviations: Float64Array): Step[] {
  const by = (value: (move: Move) => number): Move[] => {
    const values = new Map(moves.map((move) => [move, value(move)]));
    return [...moves].sort((a, b) => values.get(b)! - values.get(a)!).slice(0, ONE_SIDED);
  };
  const chosen = [
    ...new Set([
      ...moves.slice(0, WORTHIEST),
      ...by((move) => forecast.reward(move.means, deviations)?.mean ?? 0),
      ...by((move) => forecast.feasibility(move.means, deviations)),
    ]),
  ];
  const steps: Step[] = [];
  const both = new Float64Array(means.length);
  chosen.forEach((a, i) => {
    for (const b of chosen.slice(0, i)) {
      if (a.position === b.position) continue;
      for (let q = 0; q < both.length; q++) both[q] = a.means[q]! + b.means[q]! - means[q]!;
      steps.push({ moves: [a, b], worth: forecast.worth(both, deviations) });
    }
  });
  return steps;
}
