// What an agent knows of its trials, carried over to a space with more levels (coarse levels first, all of them later): the
// archive of the best and the trials of the screening models, each point found again by its knobs' names and values.
import type { Prior, StateTree } from "../src/core/agent.js";
import { INACTIVE, type Space } from "../src/core/space.js";

export interface CarriedTrials {
  /** states of an `EliteArchive` and a `Screening` of the new space */
  readonly archive: StateTree;
  readonly screening: StateTree;
  /** all points that they hold */
  readonly points: readonly Int32Array[];
}

interface Saved {
  readonly archive?: readonly { readonly codes: Int32Array }[];
  readonly screening?: SavedScreening;
}

interface SavedScreening {
  readonly model: { readonly trials: { readonly points: { readonly codes: Int32Array } } };
}

/** The saved trials of a policy-gradient agent, for `space`; undefined when the state holds none or a value has no counterpart. */
export function carriedTrials({ space: from, state }: Prior, space: Space): CarriedTrials | undefined {
  const { archive, screening } = (state ?? {}) as unknown as Saved;
  if (archive === undefined || screening === undefined) return undefined;
  const codesOf = pointMap(from, space);
  if (codesOf === undefined) return undefined;
  const elites = archive.map((elite) => ({ ...elite, codes: codesOf(elite.codes) }));
  const { trials } = screening.model;
  const count = trials.points.codes.length / from.length;
  const screened = Array.from({ length: count }, (_, i) =>
    codesOf(trials.points.codes.subarray(i * from.length, (i + 1) * from.length)),
  );
  const codes = Int32Array.from(screened.flatMap((point) => [...point]));
  return {
    archive: elites as unknown as StateTree,
    screening: {
      ...screening,
      model: { ...screening.model, trials: { ...trials, points: { ...trials.points, codes } } },
    } as unknown as StateTree,
    points: [...screened, ...elites.map((elite) => elite.codes)],
  };
}

/** Codes of one space as codes of another that has all its knobs and values. */
function pointMap(from: Space, to: Space): ((codes: Int32Array) => Int32Array) | undefined {
  if (from.length !== to.length) return undefined;
  const levels = to.knobs.map(({ name, values }) => {
    const old = from.has(name) ? from.indexOf(name) : -1;
    return { old, codes: old < 0 ? [] : from.knobs[old]!.values.map((value) => values.indexOf(value)) };
  });
  if (levels.some(({ old, codes }) => old < 0 || codes.includes(-1))) return undefined;
  return (point) =>
    Int32Array.from(levels, ({ old, codes }) => (point[old] === INACTIVE ? INACTIVE : codes[point[old]!]!));
}
