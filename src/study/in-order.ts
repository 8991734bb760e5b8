// Bounded concurrency, results in order: evaluations finish when they like, trials leave in the order proposed, each as
// soon as its turn comes.
// Trap (RxJS 7.8): a bounded mergeMap whose inner streams finish synchronously recurses once per element and overflows
// the stack near 1,000. So candidates whose outcome is known never enter it, and what enters is a promise.
import { concat, concatMap, from, mergeMap, type Observable, of } from "rxjs";

type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** Emits one value per key, in the order of the keys. Keys that `known` has not are computed once each, at most
 *  `concurrency` at a time. A computation that fails ends the stream with its error when its turn comes, after every
 *  value before it, so that what came before does not depend on who was faster. */
export function inOrder<T>(
  keys: readonly string[],
  known: (key: string) => T | undefined,
  compute: (position: number) => Promise<T>,
  concurrency: number,
): Observable<T> {
  const settled = new Map<string, Settled<T>>();
  const named = new Set<string>();
  const unknown: number[] = [];
  for (const [position, key] of keys.entries()) {
    if (!named.has(key) && known(key) === undefined) unknown.push(position);
    named.add(key);
  }

  const settle = async (position: number): Promise<void> => {
    const key = keys[position]!;
    try {
      settled.set(key, { value: await compute(position) });
    } catch (error) {
      settled.set(key, { error });
    }
  };

  let next = 0;
  function* ready(): Generator<T> {
    while (next < keys.length) {
      const key = keys[next]!;
      const result = settled.get(key);
      if (result !== undefined && "error" in result) throw result.error;
      const value = result?.value ?? known(key);
      if (value === undefined) return;
      next++;
      yield value;
    }
  }

  const arrivals$ = from(unknown).pipe(mergeMap(settle, concurrency));
  return concat(of(undefined), arrivals$).pipe(concatMap(ready));
}
