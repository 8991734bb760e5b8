// How often each value of each knob was proposed lately: the policy as one sees it from outside, for any agent.
// A window closes after 64 trials, in long runs after a sixteenth of the trials so far, so that a run of any length has
// some tens of windows. Where a window closes depends on the trials alone: a resumed run closes the same ones.
import type { SpaceData } from "../../core/space.js";
import type { KnobValue, Trial } from "../../core/trial.js";

const WINDOW_TRIALS = 64;
const WINDOW_FRACTION = 1 / 16;

export interface KnobHistogram {
  readonly name: string;
  /** how often each position of the knob's values was proposed in the window */
  readonly counts: Uint32Array;
  /** what the positions mean */
  readonly about: string;
}

interface Knob {
  readonly name: string;
  readonly positions: ReadonlyMap<KnobValue, number>;
  readonly about: string;
  counts: Uint32Array;
}

export class KnobHistograms {
  readonly #knobs: readonly Knob[];
  #closedAt = 0;

  constructor(space: SpaceData) {
    this.#knobs = space.knobs
      .filter(({ values }) => values.length > 1)
      .map(({ name, values }) => ({
        name,
        positions: new Map(values.map((value, i) => [value, i])),
        about: `How often each value was proposed. ${values.map((value, i) => `${i}: ${String(value)}`).join(", ")}`,
        counts: new Uint32Array(values.length),
      }));
  }

  /** Counts the trials of a step. @returns the histograms of the window when it closes here, else none */
  add(trials: readonly Trial[], trialCount: number): KnobHistogram[] {
    for (const { candidate } of trials) {
      for (const { name, positions, counts } of this.#knobs) {
        const position = positions.get(candidate[name] as KnobValue); // undefined where the knob does not count
        if (position !== undefined) counts[position]!++;
      }
    }
    if (trialCount - this.#closedAt < Math.max(WINDOW_TRIALS, WINDOW_FRACTION * this.#closedAt)) return [];
    this.#closedAt = trialCount;
    return this.#knobs.map((knob) => {
      const { name, about, counts } = knob;
      knob.counts = new Uint32Array(counts.length);
      return { name, about, counts };
    });
  }
}
