// The search inside the model: from a point, the one-knob change that is worth most, again and again. The posterior means are
// quadratic in the knobs' columns, so all changes of a point are judged with one slope for each quantity.
import { INACTIVE, type Space } from "../../src/core/space.js";
import type { Forecast, Place } from "./forecast.js";

/** A point of the model's search, with its worth at the deviations that held while climbing. */
export interface Climbed {
  readonly codes: Int32Array;
  readonly worth: number;
}

/** The local optimum above a point, then its neighbours, best first.
 *  @param deviations shape [quantities], taken as the same all along  @param count how many points are wanted */
export function climb(
  space: Space,
  forecast: Forecast,
  start: Int32Array,
  deviations: Float64Array,
  steps: number,
  count: number,
): Climbed[] {
  let place = forecast.place(start);
  let worth = forecast.worth(place.means, deviations);
  // where one knob brings others with it, what was foreseen for a step need not come: then the next one is tried
  const tries = space.isConditional || space.hasRules ? 4 : 1;
  for (let step = 0; step < steps; step++) {
    const next = neighboursOf(space, forecast, place, deviations, tries)
      .map(({ codes }) => forecast.place(codes))
      .find(({ means }) => forecast.worth(means, deviations) > worth + 1e-9);
    if (next === undefined) break;
    place = next;
    worth = forecast.worth(place.means, deviations);
  }
  return [{ codes: place.row.codes, worth }, ...neighboursOf(space, forecast, place, deviations, count - 1)];
}

/** The one-knob changes that are worth most, best first. */
function neighboursOf(
  space: Space,
  forecast: Forecast,
  { row: { codes }, means, slopes }: Place,
  deviations: Float64Array,
  count: number,
): Climbed[] {
  const { knobs } = forecast.features;
  const quantities = forecast.quantities;
  const changed = new Float64Array(means.length);
  const best: { position: number; value: number; worth: number }[] = [];
  for (const { position, offset, width, table, levels } of knobs) {
    const code = codes[position]!;
    if (code === INACTIVE) continue;
    for (let value = 0; value < levels; value++) {
      if (value === code) continue;
      for (let q = 0; q < quantities.length; q++) {
        const slope = slopes[q]!;
        let change = 0;
        for (let m = 0; m < width; m++)
          change += (table[value * width + m]! - table[code * width + m]!) * slope[offset + m]!;
        changed[q] = means[q]! + quantities[q]!.scale * change;
      }
      const worth = forecast.worth(changed, deviations);
      if (best.length === count && !(worth > best[count - 1]!.worth)) continue;
      let at = best.length;
      while (at > 0 && worth > best[at - 1]!.worth) at--;
      best.splice(at, 0, { position, value, worth });
      if (best.length > count) best.pop();
    }
  }
  return best.map(({ position, value, worth }) => ({ codes: space.repaired(codes, position, value), worth }));
}
