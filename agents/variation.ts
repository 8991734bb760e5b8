// How points are changed and combined: mutation, crossover, and what makes the result a point again. All of them follow the
// conditions of the space: a knob that starts to count takes a random value, one that stops to count is dropped.
import type { StateTree } from "../src/core/agent.js";
import type { RandomStream } from "../src/core/rng.js";
import { INACTIVE, type Space } from "../src/core/space.js";

/** The codes as a point; knobs that start to count take a random value, and what rules forbid the nearest value that may
 *  follow the knobs before it. Changes `codes`. */
export function settled(space: Space, codes: Int32Array, random: RandomStream): Int32Array {
  for (let i = 0; i < codes.length; i++) {
    if (!space.isActive(i, codes)) codes[i] = INACTIVE;
    else if (codes[i] === INACTIVE) codes[i] = settledValue(space, i, codes, random);
    else if (space.hasRules) codes[i] = space.nearestAllowed(i, codes[i]!, codes);
  }
  return codes;
}

/** A value for a knob that starts to count; a draw even where there is one value only. */
function settledValue(space: Space, position: number, codes: Int32Array, random: RandomStream): number {
  const count = space.knobs[position]!.values.length;
  return space.hasRules ? space.drawAllowed(position, codes, random) : random.integer(count);
}

/** Another value of one knob: for an ordered one a step whose length is log-uniform (so that near values are likelier,
 *  whatever the number of levels), for a category any other value. */
export function otherValue(space: Space, position: number, code: number, random: RandomStream): number {
  const { values, ordered } = space.knobs[position]!;
  const count = values.length;
  if (count === 1) return code;
  if (!ordered) return (code + 1 + random.integer(count - 1)) % count;
  const length = Math.max(1, Math.floor(count ** random.next()));
  const up = random.next() < 0.5;
  const wanted = code + (up ? length : -length);
  if (wanted >= 0 && wanted < count) return wanted;
  const back = code + (up ? -length : length);
  return back >= 0 && back < count ? back : code === 0 ? 1 : code - 1;
}

/** Each decision that counts changes with probability `rate`, at least one of them. */
export function mutated(space: Space, codes: ArrayLike<number>, rate: number, random: RandomStream): Int32Array {
  return mutate(space, new Int32Array(codes), rate, random);
}

/** `mutated` in place, for callers that make thousands and keep few. */
export function mutate(space: Space, codes: Int32Array, rate: number, random: RandomStream): Int32Array {
  const { decisions } = space;
  let activeCount = 0;
  for (let d = 0; d < decisions.length; d++) if (codes[decisions[d]!] !== INACTIVE) activeCount++;
  const certain = random.integer(activeCount);
  let place = 0; // among those that count
  for (let d = 0; d < decisions.length; d++) {
    const position = decisions[d]!;
    const code = codes[position]!; // each is looked at before it changes
    if (code === INACTIVE) continue;
    if (place++ === certain || random.next() < rate) codes[position] = otherValue(space, position, code, random);
  }
  return settled(space, codes, random);
}

/** One ordered knob goes up and another one down: what a move between parts that share a budget looks like. Where fewer than two
 *  ordered knobs count, a mutation of one knob. */
export function exchanged(space: Space, codes: ArrayLike<number>, random: RandomStream): Int32Array {
  const lines = space.decisions.filter(
    (position) =>
      codes[position] !== INACTIVE && space.knobs[position]!.ordered && space.knobs[position]!.values.length > 1,
  );
  const rising = lines.filter((position) => codes[position]! < space.knobs[position]!.values.length - 1);
  const up = rising[random.integer(Math.max(1, rising.length))];
  const falling = lines.filter((position) => codes[position]! > 0 && position !== up);
  if (up === undefined || falling.length === 0) return mutated(space, codes, 0, random);
  const down = falling[random.integer(falling.length)]!;
  const next = Int32Array.from(codes);
  const stepUp = stepLength(space.knobs[up]!.values.length - 1 - codes[up]!, random);
  const stepDown = stepLength(codes[down]!, random);
  next[up] = codes[up]! + stepUp;
  next[down] = codes[down]! - stepDown;
  return settled(space, next, random);
}

const stepLength = (room: number, random: RandomStream): number =>
  Math.min(room, Math.max(1, Math.floor((room + 1) ** random.next())));

/** Uniform crossover: each knob from one parent or the other.
 *  @see Syswerda 1989, "Uniform crossover in genetic algorithms" */
export function crossed(space: Space, a: ArrayLike<number>, b: ArrayLike<number>, random: RandomStream): Int32Array {
  return cross(space, new Int32Array(a), b, random);
}

/** `crossed` in place of the first parent. */
export function cross(space: Space, codes: Int32Array, other: ArrayLike<number>, random: RandomStream): Int32Array {
  for (let i = 0; i < codes.length; i++) if (random.next() >= 0.5) codes[i] = other[i]!;
  return settled(space, codes, random);
}

/** Remembers the last points, at most `capacity`, so that a search need not propose them again. */
export class RecentPoints {
  readonly #capacity: number;
  readonly #hashes = new Set<number>(); // in the order in which they came

  constructor(capacity = 4096) {
    this.#capacity = capacity;
  }

  has(codes: ArrayLike<number>): boolean {
    return this.hasHash(hashOf(codes));
  }

  hasHash(hash: number): boolean {
    return this.#hashes.has(hash);
  }

  add(codes: ArrayLike<number>): void {
    const hash = hashOf(codes);
    this.#hashes.delete(hash);
    this.#hashes.add(hash);
    if (this.#hashes.size > this.#capacity) this.#hashes.delete(this.#hashes.values().next().value as number);
  }

  state(): StateTree {
    return Float64Array.from(this.#hashes);
  }

  restore(state: StateTree | undefined): void {
    this.#hashes.clear();
    for (const hash of state as Float64Array) this.#hashes.add(hash);
  }
}

/** 52 bits of two multiplicative hashes (FNV-1a with two primes); equal hashes of different points cost one resample. */
export function hashOf(codes: ArrayLike<number>): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let i = 0; i < codes.length; i++) {
    low = Math.imul(low ^ (codes[i]! + 2), 0x01000193);
    high = Math.imul(high ^ (codes[i]! + 7), 0x85ebca6b);
    high ^= high >>> 15;
  }
  return (high >>> 12) * 2 ** 32 + (low >>> 0);
}
