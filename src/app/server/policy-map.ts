// What the controller learned, and when, by window of trials: the probabilities that it recorded itself, or, for agents without
// a policy, how often each value of each knob was proposed, which needs nothing but the trials.
import type { SpaceData } from "../../core/space.js";
import type { PolicyMap } from "./api.js";
import type { RunColumns } from "./run-columns.js";

/** A knob's place in the space and how many values it has. */
type SharesOf = (knob: number, values: number) => readonly number[][];

/** In at most `windows` windows. @param wanted what to show where both are known */
export function policyMapOf(
  columns: RunColumns,
  space: SpaceData,
  windows: number,
  wanted: PolicyMap["source"] = "policy",
): PolicyMap {
  const hasPolicy = columns.policies.length > 0;
  const source = hasPolicy ? wanted : "proposed";
  const { ends, sharesOf } = source === "policy" ? recorded(columns, windows) : counted(columns, windows);
  const knobs = space.knobs.flatMap(({ name, values }, k) => {
    if (values.length < 2) return [];
    const share = sharesOf(k, values.length);
    const known = share.filter((row) => row.some((p) => p > 0)); // windows in which the knob counted
    return [{ name, values, share, entropy: [known[0], known.at(-1)].map((row) => (row ? relativeEntropy(row) : 0)) }];
  });
  return { source, hasPolicy, ends, knobs };
}

/** Means of the recorded probabilities; a window holds as many records as any other, the last perhaps fewer. */
function recorded({ policies }: RunColumns, windows: number): { ends: number[]; sharesOf: SharesOf } {
  const size = Math.ceil(policies.length / Math.max(1, windows));
  const groups = Array.from({ length: Math.ceil(policies.length / size) }, (_, w) =>
    policies.slice(w * size, (w + 1) * size),
  );
  return {
    ends: groups.map((group) => group.at(-1)!.trialCount),
    sharesOf: (knob, values) =>
      groups.map((group) => {
        const lists = group.flatMap(({ knobs }) => knobs[knob] ?? []);
        const mean = (v: number): number => lists.reduce((sum, list) => sum + list[v]!, 0) / lists.length;
        return Array.from({ length: values }, (_, v) => (lists.length === 0 ? 0 : rounded(mean(v))));
      }),
  };
}

/** Shares of the trials in windows of equal length; a window holds at least `least` trials where there are as many. */
function counted(columns: RunColumns, windows: number, least = 16): { ends: number[]; sharesOf: SharesOf } {
  const { count } = columns;
  const size = Math.max(least, Math.ceil(count / Math.max(1, windows)));
  const ends = Array.from({ length: Math.ceil(count / size) }, (_, w) => Math.min(count, (w + 1) * size));
  return {
    ends,
    sharesOf: (knob, values) => ends.map((end, w) => countedShares(columns.codes(knob), w * size, end, values)),
  };
}

function countedShares(codes: Int16Array, start: number, end: number, values: number): number[] {
  const counts = new Array<number>(values).fill(0);
  let active = 0;
  for (let t = start; t < end; t++) {
    const code = codes[t]!;
    if (code < 0 || code >= values) continue;
    counts[code]!++;
    active++;
  }
  return counts.map((n) => (active === 0 ? 0 : rounded(n / active)));
}

const rounded = (share: number): number => Math.round(share * 1e4) / 1e4;

/** Shannon entropy over its largest possible value: 1 uniform, 0 one value alone. */
export function relativeEntropy(shares: readonly number[]): number {
  if (shares.length < 2) return 0;
  const entropy = shares.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
  return entropy / Math.log(shares.length);
}
