// Candidates of a policy that were proposed before are drawn again, each time at a higher temperature, so that a policy that
// has settled goes on searching around its answer instead of proposing it again.
import type { RandomStream } from "../src/core/rng.js";
import type { Space } from "../src/core/space.js";
import type { Context, Policy, Samples } from "./policy/policy.js";
import type { RecentPoints } from "./variation.js";

export interface RedrawSettings {
  /** how often at most; 0: never */
  readonly redraws: number;
  /** what each adds to the temperature */
  readonly redrawHeat: number;
}

/** What a policy has to offer here. */
export interface Drawing extends Pick<Policy, "sample"> {
  logProbs(points: readonly ArrayLike<number>[], context?: Context): ArrayLike<number>;
}

/** `first`, then draws from the policy, `count` in all, and notes them in `recent`. What the samples tell about the policy (entropy,
 *  marginals) is that of the first draws. */
export function drawCandidates(
  { space, random, recent }: { readonly space: Space; readonly random: RandomStream; readonly recent: RecentPoints },
  policy: Drawing,
  count: number,
  first: readonly Int32Array[],
  { redraws, redrawHeat }: RedrawSettings,
  context?: Context,
): Samples {
  const samples = policy.sample(count, random, 1, context);
  const codes: Int32Array[] = samples.codes.map((point) => point.slice()); // draws share one buffer, these may be kept
  const logProbs = samples.logProbs;
  if (first.length > 0) {
    codes.splice(0, first.length, ...first);
    logProbs.set(policy.logProbs(first, context?.slice(0, first.length)));
  }
  for (let attempt = 1; attempt <= redraws; attempt++) {
    const repeated = repeatedRows(space, recent, codes);
    if (repeated.length === 0) break;
    const rows = context && repeated.map((row) => context[row]!);
    const again = policy.sample(repeated.length, random, 1 + attempt * redrawHeat, rows);
    repeated.forEach((row, i) => {
      codes[row] = again.codes[i]!.slice();
      logProbs[row] = again.logProbs[i]!;
    });
  }
  for (const point of codes) recent.add(point);
  return { ...samples, codes, logProbs };
}

/** Rows that were proposed before, or earlier in this batch. */
function repeatedRows(space: Space, recent: RecentPoints, codes: readonly Int32Array[]): number[] {
  const seen = new Set<string>();
  return codes.flatMap((point, row) => {
    const key = space.key(point);
    const isRepeated = seen.has(key) || recent.has(point);
    seen.add(key);
    return isRepeated ? [row] : [];
  });
}
