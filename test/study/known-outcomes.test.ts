import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KnownOutcomes } from "../../src/study/known-outcomes.js";
import type { Outcome } from "../../src/study/outcome.js";

/** A file of lines of ten bytes: line n says that candidate `keys[n]` has reward n. */
function known(keys: readonly string[]): { known: KnownOutcomes; reads: number[] } {
  const reads: number[] = [];
  const read = (startByte: number) => {
    reads.push(startByte);
    return { key: keys[startByte / 10]!, outcome: { reward: startByte / 10 } };
  };
  return { known: new KnownOutcomes(read), reads };
}

describe("what came of the candidates of a run", () => {
  it("reads again what 1,024 others have come after, and only that", () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `${i % 7},${i},3`);
    const { known: outcomes, reads } = known(keys);
    for (const [i, key] of keys.entries()) {
      expect(outcomes.outcome(key)).toBeUndefined();
      outcomes.remember(key, { reward: i }, 10 * i);
    }
    expect(reads).toEqual([]);
    expect(outcomes.outcome(keys[19_999]!)).toEqual({ reward: 19_999 });
    expect(reads).toEqual([]);
    expect(outcomes.outcome(keys[5]!)).toEqual({ reward: 5 });
    expect(outcomes.outcome(keys[5]!)).toEqual({ reward: 5 });
    expect(reads).toEqual([50]);
  });

  it("goes by the whole candidate: a line that says another one is not its own", () => {
    const { known: outcomes } = known([...Array<string>(2000).fill("other")]);
    outcomes.remember("a", { reward: 0 }, 0);
    for (let i = 1; i < 2000; i++) outcomes.remember(`b${i}`, { reward: i }, 10 * i);
    expect(outcomes.outcome("a")).toBeUndefined(); // its line now belongs to another candidate
  });

  it("answers as a table of all outcomes would, whatever comes", () => {
    const operation = fc.record({ key: fc.integer({ min: 0, max: 1500 }).map(String), sees: fc.boolean() });
    fc.assert(
      fc.property(fc.array(operation, { minLength: 3000, maxLength: 3000 }), (operations) => {
        const keys: string[] = [];
        const { known: outcomes } = known(keys);
        const table = new Map<string, { outcome: Outcome; seen: boolean }>();
        for (const { key, sees } of operations) {
          expect(outcomes.outcome(key)).toEqual(table.get(key)?.outcome);
          outcomes.remember(key, { reward: keys.length }, 10 * keys.length);
          if (!table.has(key)) table.set(key, { outcome: { reward: keys.length }, seen: false });
          keys.push(key);
          if (!sees) continue;
          expect(outcomes.see(key)).toBe(table.get(key)!.seen);
          table.get(key)!.seen = true;
        }
      }),
      { numRuns: 5 },
    );
  });
});
