// Which candidates a run has had and what came of them, so that none is evaluated twice. Only the latest outcomes stay in memory;
// of the others a few numbers, by which their lines in trials.jsonl are found again. So a run of 100,000 trials needs no more
// memory than one of 1,000, but for some 40 bytes a trial.
import type { Outcome } from "./outcome.js";

/** Outcomes that stay in memory. */
const RECENT = 1024;
const FIRST_SLOTS = 4096;

/** What a line of the trials file says. */
export interface KeyedOutcome {
  readonly key: string;
  readonly outcome: Outcome;
}

interface Recent {
  readonly outcome: Outcome;
  readonly startByte: number;
}

export class KnownOutcomes {
  readonly #read: (startByte: number) => KeyedOutcome;
  /** the latest, oldest first */
  readonly #recent = new Map<string, Recent>();
  /** open addressing: per slot the key's hash (0: free), and 2 * startByte + (seen ? 1 : 0) */
  #hashes = new Float64Array(FIRST_SLOTS);
  #places = new Float64Array(FIRST_SLOTS);
  #count = 0;

  /** @param read the line of the trials file that starts there */
  constructor(read: (startByte: number) => KeyedOutcome) {
    this.#read = read;
  }

  /** What came of a candidate; undefined when it is not known. */
  outcome(key: string): Outcome | undefined {
    const slot = this.#slotOf(key);
    return slot < 0 ? undefined : this.#recent.get(key)!.outcome;
  }

  /** Notes what the line that starts there says, unless the candidate is known already. */
  remember(key: string, outcome: Outcome, startByte: number): void {
    if (this.#slotOf(key) >= 0) return;
    if (2 * (this.#count + 1) > this.#hashes.length) this.#grow();
    this.#insert(hashOf(key), 2 * startByte);
    this.#count++;
    this.#keep(key, { outcome, startByte });
  }

  /** Marks a known candidate as a trial of this run. @returns whether it was one before */
  see(key: string): boolean {
    const slot = this.#slotOf(key);
    if (slot < 0) throw new Error(`candidate ${key} is not known`);
    const place = this.#places[slot]!;
    const seen = place % 2 === 1;
    if (!seen) this.#places[slot] = place + 1;
    return seen;
  }

  /** Where a candidate stands, -1 when it is not known; its outcome is then among the recent ones. */
  #slotOf(key: string): number {
    const hash = hashOf(key);
    const recent = this.#recent.get(key);
    const { length } = this.#hashes;
    for (let slot = hash % length; this.#hashes[slot] !== 0; slot = (slot + 1) % length) {
      if (this.#hashes[slot] !== hash) continue;
      const startByte = Math.floor(this.#places[slot]! / 2);
      if (recent !== undefined) {
        if (recent.startByte === startByte) return slot;
        continue; // another candidate of the same hash
      }
      const line = this.#read(startByte);
      if (line.key !== key) continue;
      this.#keep(key, { outcome: line.outcome, startByte });
      return slot;
    }
    return -1;
  }

  #keep(key: string, recent: Recent): void {
    this.#recent.set(key, recent);
    if (this.#recent.size > RECENT) this.#recent.delete(this.#recent.keys().next().value as string);
  }

  #insert(hash: number, place: number): void {
    const { length } = this.#hashes;
    let slot = hash % length;
    while (this.#hashes[slot] !== 0) slot = (slot + 1) % length;
    this.#hashes[slot] = hash;
    this.#places[slot] = place;
  }

  #grow(): void {
    const [hashes, places] = [this.#hashes, this.#places];
    this.#hashes = new Float64Array(2 * hashes.length);
    this.#places = new Float64Array(2 * hashes.length);
    hashes.forEach((hash, slot) => {
      if (hash !== 0) this.#insert(hash, places[slot]!);
    });
  }
}

/** 1 to 2^52 of a text: FNV-1a with two primes. Texts of equal hash are told apart by their lines. */
function hashOf(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
    high ^= high >>> 15;
  }
  return (high >>> 12) * 2 ** 32 + (low >>> 0) + 1;
}
