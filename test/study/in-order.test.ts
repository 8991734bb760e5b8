import fc from "fast-check";
import { lastValueFrom, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { inOrder } from "../../src/study/in-order.js";

/** Computations that the test ends by hand. */
function byHand(): {
  compute: (position: number) => Promise<string>;
  end(position: number, failure?: Error): Promise<void>;
  started: number[];
} {
  const started: number[] = [];
  const ends = new Map<number, { done: (value: string) => void; fail: (error: Error) => void }>();
  return {
    started,
    compute(position) {
      started.push(position);
      return new Promise((done, fail) => ends.set(position, { done, fail }));
    },
    async end(position, failure) {
      const { done, fail } = ends.get(position)!;
      if (failure === undefined) done(`value ${position}`);
      else fail(failure);
      await new Promise((turn) => setImmediate(turn));
    },
  };
}

const nothing = (): undefined => undefined;

describe("in order", () => {
  it("holds a value back until its turn, and starts the next as soon as one ends", async () => {
    const hand = byHand();
    const out: string[] = [];
    inOrder(["a", "b", "c", "d"], nothing, hand.compute, 2).subscribe((value) => out.push(value));
    expect(hand.started).toEqual([0, 1]);
    await hand.end(1);
    expect(hand.started).toEqual([0, 1, 2]);
    expect(out).toEqual([]);
    await hand.end(0);
    expect(out).toEqual(["value 0", "value 1"]);
    await hand.end(3);
    await hand.end(2);
    expect(out).toEqual(["value 0", "value 1", "value 2", "value 3"]);
  });

  it("computes equal keys once and known keys never", async () => {
    const hand = byHand();
    const out: string[] = [];
    const known = (key: string) => (key === "k" ? "known" : undefined);
    inOrder(["k", "a", "k", "a", "b"], known, hand.compute, 4).subscribe((value) => out.push(value));
    expect(out).toEqual(["known"]); // before anything is computed
    expect(hand.started).toEqual([1, 4]);
    await hand.end(1);
    expect(out).toEqual(["known", "value 1", "known", "value 1"]);
  });

  it("passes 5,000 known keys behind one that is computed (what RxJS would recurse over)", async () => {
    const keys = ["slow", ...Array.from({ length: 5000 }, (_, i) => `known ${i}`)];
    const known = (key: string) => (key === "slow" ? undefined : key);
    const compute = () => new Promise<string>((done) => setTimeout(() => done("slow"), 5));
    for (const bound of [1, 4]) {
      expect(await lastValueFrom(inOrder(keys, known, compute, bound).pipe(toArray()))).toEqual(keys);
    }
  });

  it("fails only when the failed one's turn comes", async () => {
    const hand = byHand();
    const out: string[] = [];
    inOrder(["a", "b", "c"], nothing, hand.compute, 3).subscribe({
      next: (value) => out.push(value),
      error: (error) => out.push(error.message),
    });
    await hand.end(1, new Error("b failed"));
    await hand.end(2);
    expect(out).toEqual([]);
    await hand.end(0);
    expect(out).toEqual(["value 0", "b failed"]);
  });

  it("gives every key its value for any mix of keys, speeds and bounds, and never runs more than the bound", async () => {
    const key = fc.integer({ min: 0, max: 8 }).map(String);
    await fc.assert(
      fc.asyncProperty(
        fc.array(key, { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer(),
        async (keys, bound, salt) => {
          let [running, peak] = [0, 0];
          const compute = async (position: number): Promise<string> => {
            peak = Math.max(peak, ++running);
            for (let turn = (position * 7 + salt) % 5; turn > 0; turn--)
              await new Promise((done) => setImmediate(done));
            running--;
            return `of ${keys[position]}`;
          };
          const known = (name: string) => (name < "3" ? `of ${name}` : undefined);
          const values = await lastValueFrom(inOrder(keys, known, compute, bound).pipe(toArray()));
          expect(values).toEqual(keys.map((name) => `of ${name}`));
          expect(peak).toBeLessThanOrEqual(bound);
        },
      ),
      { numRuns: 60 },
    );
  });
});
