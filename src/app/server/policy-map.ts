// What the controller learned, and when: how often each value of each knob was proposed, by window of trials. These are
// shares of what was proposed, an estimate of the policy's probabilities that needs nothing but the trials.
import type { SpaceData } from "../../core/space.js";
import type { PolicyMap } from "./api.js";
import type { RunColumns } from "./run-columns.js";

/** Shares in at most `windows` windows of equal length; a window holds at least `least` trials where there are as many. */
export function policyMapOf(columns: RunColumns, space: SpaceData, windows: number, least = 16): PolicyMap {
  const { count } = columns;
  const size = Math.max(least, Math.ceil(count / Math.max(1, windows)));
  const ends = Array.from({ length: Math.ceil(count / size) }, (_, w) => Math.min(count, (w + 1) * size));
  const knobs = space.knobs.flatMap(({ name, values }, k) => {
    if (values.length < 2) return [];
    const codes = columns.codes(k);
    const share = ends.map((end, w) => sharesOf(codes, w * size, end, values.length));
    return [{ name, values, share, entropy: [share[0], share.at(-1)].map((row) => (row ? relativeEntropy(row) : 0)) }];
  });
  return { ends, knobs };
}

function sharesOf(codes: Int16Array, start: number, end: number, values: number): number[] {
  const counts = new Array<number>(values).fill(0);
  let active = 0;
  for (let t = start; t < end; t++) {
    const code = codes[t]!;
    if (code < 0 || code >= values) continue;
    counts[code]!++;
    active++;
  }
  return counts.map((n) => (active === 0 ? 0 : Math.round((n / active) * 1e4) / 1e4));
}

/** Shannon entropy over its largest possible value: 1 uniform, 0 one value alone. */
export function relativeEntropy(shares: readonly number[]): number {
  if (shares.length < 2) return 0;
  const entropy = shares.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
  return entropy / Math.log(shares.length);
}
