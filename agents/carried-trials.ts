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
  readonly model: { readonly trials: { readonly points: SavedPoints }; readonly pairs: { readonly rows: SavedPoints } };
}

/** Of packPoints: codes of all points, one after the other. */
interface SavedPoints {
  readonly codes: Int32Array;
}

/** The saved trials of a policy-gradient agent, for `space`; undefined when the state holds none or a value has no counterpart. */
export function carriedTrials({ space: from, state }: Prior, space: Space): CarriedTrials | undefined {
  const { archive, screening } = (state ?? {}) as unknown as Saved;
  if (archive === undefined || screening === undefined) return undefined;
  const codesOf = pointMap(from, space);
  if (codesOf === undefined) return undefined;
  const elites = archive.map((elite) => ({ ...elite, codes: codesOf(elite.codes) }));
  const moved = ({ codes, ...rest }: SavedPoints): SavedPoints => {
    const points = Array.from({ length: codes.length / from.length }, (_, i) =>
      codesOf(codes.subarray(i * from.length, (i + 1) * from.length)),
    );
    return { ...rest, codes: Int32Array.from(points.flatMap((point) => [...point])) };
  };
  const { trials, pairs } = screening.model;
  const points = moved(trials.points);
  const model = { ...screening.model, trials: { ...trials, points }, pairs: { ...pairs, rows: moved(pairs.rows) } };
  return {
    archive: elites as unknown as StateTree,
    screening: { ...screening, model } as unknown as StateTree,
    points: [
      ...Array.from({ length: points.codes.length / from.length }, (_, i) =>
        points.codes.slice(i * from.length, (i + 1) * from.length),
      ),
      ...elites.map((elite) => elite.codes),
    ],
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
