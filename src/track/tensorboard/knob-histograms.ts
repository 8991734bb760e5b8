// What becomes of each knob: `knobs/<name>`, how often each value was proposed lately, for any agent; and `policy/<name>`, the
// probabilities that the controller itself gave the values, for agents with a policy.
// A window closes after 64 trials, in long runs after a sixteenth of the trials so far, so that a run of any length has
// some tens of windows. Where a window closes depends on the trials alone: a resumed run closes the same ones.
import type { PolicyProbabilities } from "../../core/agent.js";
import type { SpaceData } from "../../core/space.js";
import type { KnobValue, Trial } from "../../core/trial.js";

const WINDOW_TRIALS = 64;
const WINDOW_FRACTION = 1 / 16;

export interface KnobHistogram {
  /** `knobs/<name>` or `policy/<name>` */
  readonly tag: string;
  /** for each position of the knob's values: how often it was proposed in the window, or its probability at the end of it */
  readonly counts: ArrayLike<number>;
  /** what the positions mean */
  readonly about: string;
}

interface Knob {
  readonly name: string;
  readonly positions: ReadonlyMap<KnobValue, number>;
  readonly places: string;
  counts: Uint32Array;
}

export class KnobHistograms {
  readonly #knobs: readonly Knob[];
  #closedAt = 0;
  /** the last one that was recorded */
  #policy: PolicyProbabilities = {};

  constructor(space: SpaceData) {
    this.#knobs = space.knobs
      .filter(({ values }) => values.length > 1)
      .map(({ name, values }) => ({
        name,
        positions: new Map(values.map((value, i) => [value, i])),
        places: values.map((value, i) => `${i}: ${String(value)}`).join(", "),
        counts: new Uint32Array(values.length),
      }));
  }

  /** Counts the trials of a step. @param policy of the step, where one was recorded  @returns the histograms of the window when it closes here, else none */
  add(trials: readonly Trial[], trialCount: number, policy?: PolicyProbabilities): KnobHistogram[] {
    this.#policy = policy ?? this.#policy;
    for (const { candidate } of trials) {
      for (const { name, positions, counts } of this.#knobs) {
        const position = positions.get(candidate[name] as KnobValue); // undefined where the knob does not count
        if (position !== undefined) counts[position]!++;
      }
    }
    if (trialCount - this.#closedAt < Math.max(WINDOW_TRIALS, WINDOW_FRACTION * this.#closedAt)) return [];
    this.#closedAt = trialCount;
    return this.#knobs.flatMap((knob) => {
      const { name, places, counts } = knob;
      knob.counts = new Uint32Array(counts.length);
      const proposed = { tag: `knobs/${name}`, counts, about: `How often each value was proposed. ${places}` };
      const probabilities = this.#policy[name];
      if (probabilities === undefined) return [proposed];
      const about = `The probability that the policy gives each value. ${places}`;
      return [proposed, { tag: `policy/${name}`, counts: probabilities, about }];
    });
  }
}
