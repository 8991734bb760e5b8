// Which values may follow a prefix of a point, so that a point that keeps all rules can still be reached: exact, by dynamic
// programming over what the rest still asks of the prefix (the states of the rules, and the earlier knobs that conditions name).
import { BROKEN, KEPT, type RuleReader } from "./rules.js";

/** What this file needs of a space. */
export interface PrefixSpace {
  readonly valueCounts: readonly number[];
  /** positions of the earlier knobs that decide whether a knob counts */
  readonly parents: readonly (readonly number[])[];
  isActive(position: number, codes: ArrayLike<number>): boolean;
}

const MOST_REMEMBERED = 200_000;

/** Answers for one space with rules. Codes are as in Space: -1 where a knob does not count. */
export class Completion {
  readonly #space: PrefixSpace;
  readonly #rules: readonly RuleReader[];
  /** per knob: rules that name it, and its place among the rule's knobs */
  readonly #readers: readonly (readonly { readonly rule: number; readonly place: number }[])[];
  /** per knob: the last knob whose condition names it, -1 for none; only conditions that bear on a rule */
  readonly #lastUse: Int32Array;
  readonly #relevant: readonly boolean[];
  readonly #completable = new Map<string, boolean>();
  readonly #masks = new Map<string, Uint8Array | null>();

  constructor(space: PrefixSpace, rules: readonly RuleReader[]) {
    this.#space = space;
    this.#rules = rules;
    const count = space.valueCounts.length;
    this.#readers = Array.from({ length: count }, (_, position) =>
      rules.flatMap(({ positions }, rule) => {
        const place = positions.indexOf(position);
        return place < 0 ? [] : [{ rule, place }];
      }),
    );
    const relevant = this.#readers.map((readers) => readers.length > 0);
    this.#lastUse = new Int32Array(count).fill(-1);
    for (let child = count - 1; child >= 0; child--) {
      if (!relevant[child]) continue;
      for (const parent of space.parents[child]!) {
        relevant[parent] = true;
        this.#lastUse[parent] = Math.max(this.#lastUse[parent]!, child);
      }
    }
    this.#relevant = relevant;
  }

  /** Positions of the knobs that rules name. */
  get positions(): readonly number[] {
    return [...new Set(this.#rules.flatMap(({ positions }) => positions))];
  }

  /** States of the rules before the first knob. */
  start(): Float64Array {
    return Float64Array.from(this.#rules, ({ start }) => start);
  }

  /** States after one more knob, in place. */
  advance(states: Float64Array, position: number, code: number): void {
    for (const { rule, place } of this.#readers[position]!) {
      const state = states[rule]!;
      if (state !== KEPT && state !== BROKEN) states[rule] = this.#rules[rule]!.next(state, place, code);
    }
  }

  /** States after the knobs before `position`. */
  statesBefore(position: number, codes: ArrayLike<number>): Float64Array {
    const states = this.start();
    for (let i = 0; i < position; i++) if (this.#readers[i]!.length > 0) this.advance(states, i, codes[i]!);
    return states;
  }

  /** The first rule that a whole point breaks. */
  broken(codes: ArrayLike<number>): RuleReader | undefined {
    return this.#rules[this.statesBefore(codes.length, codes).indexOf(BROKEN)];
  }

  /** Whether some point begins with the codes before `position`. */
  isCompletable(position: number, codes: ArrayLike<number>): boolean {
    return this.#search(position, Int32Array.from(codes), this.statesBefore(position, codes));
  }

  /** 1 for each value of an active knob that some point has after this prefix; null when all of them are. */
  mask(position: number, codes: ArrayLike<number>): Uint8Array | null {
    if (!this.#relevant[position]) return null;
    const states = this.statesBefore(position, codes);
    if (states.every((state) => state === KEPT)) return null;
    const key = this.#key(position, codes, states);
    const known = this.#masks.get(key);
    if (known !== undefined) return known;
    const scratch = Int32Array.from(codes);
    const mask = Uint8Array.from({ length: this.#space.valueCounts[position]! }, (_, value) => {
      scratch[position] = value;
      const next = states.slice();
      this.advance(next, position, value);
      return this.#search(position + 1, scratch, next) ? 1 : 0;
    });
    const answer = mask.includes(0) ? mask : null;
    if (this.#masks.size >= MOST_REMEMBERED) this.#masks.clear();
    this.#masks.set(key, answer);
    return answer;
  }

  /** A text that is the same for prefixes after which the same can follow. */
  #key(position: number, codes: ArrayLike<number>, states: Float64Array): string {
    let key = `${position}:${states.join()}:`;
    for (let i = 0; i < position; i++) if (this.#lastUse[i]! >= position) key += `${codes[i]},`;
    return key;
  }

  /** Whether the states can all end KEPT; `codes` is scratch from `position` on. */
  #search(from: number, codes: Int32Array, states: Float64Array): boolean {
    if (states.includes(BROKEN)) return false;
    if (states.every((state) => state === KEPT)) return true;
    let position = from;
    while (position < codes.length && !this.#relevant[position]) position++;
    if (position === codes.length) return true; // every rule has been decided by its last knob
    const key = this.#key(position, codes, states);
    const known = this.#completable.get(key);
    if (known !== undefined) return known;
    let found = false;
    const isActive = this.#space.isActive(position, codes);
    const first = isActive ? 0 : -1;
    const end = isActive ? this.#space.valueCounts[position]! : 0;
    for (let code = first; code < end && !found; code++) {
      codes[position] = code;
      const next = states.slice();
      this.advance(next, position, code);
      found = this.#search(position + 1, codes, next);
    }
    if (this.#completable.size >= MOST_REMEMBERED) this.#completable.clear();
    this.#completable.set(key, found);
    return found;
  }
}
