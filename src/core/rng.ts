// Named streams of randomness: one run seed, split by label, so that one more draw here changes nothing there.
// The generator is seedrandom's Alea (Baagøe 2010): fast, and its whole state is four numbers that go into a checkpoint.
import seedrandom from "seedrandom";

/** State of a stream, as plain JSON. */
export type RandomState = Readonly<Record<string, number>>;

/** A resumable stream of random numbers. */
export class RandomStream {
  readonly #generator: seedrandom.StatefulPRNG<seedrandom.State.Alea>;

  private constructor(generator: seedrandom.StatefulPRNG<seedrandom.State.Alea>) {
    this.#generator = generator;
  }

  /** The stream that belongs to `label` under the run's seed. */
  static of(seed: number | string, label: string): RandomStream {
    return new RandomStream(seedrandom.alea(`${seed}/${label}`, { state: true }));
  }

  /** Continues a stream from a state that `state()` returned. */
  static from(state: RandomState): RandomStream {
    return new RandomStream(seedrandom.alea("", { state: state as unknown as seedrandom.State.Alea }));
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return this.#generator();
  }

  /** Uniform integer in 0 .. count - 1. */
  integer(count: number): number {
    return Math.floor(this.#generator() * count);
  }

  /** Standard normal (Box and Muller 1958); draws twice. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.#generator()));
    return radius * Math.cos(2 * Math.PI * this.#generator());
  }

  /** Index drawn with the given probabilities, which sum to about 1. */
  categorical(probabilities: ArrayLike<number>): number {
    let rest = this.#generator();
    for (let i = 0; i < probabilities.length - 1; i++) {
      rest -= probabilities[i]!;
      if (rest < 0) return i;
    }
    let last = probabilities.length - 1; // rounding left a rest: the last value that can occur
    while (last > 0 && probabilities[last]! <= 0) last--;
    return last;
  }

  /** In-place Fisher-Yates shuffle. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }

  state(): RandomState {
    return { ...this.#generator.state() } as unknown as RandomState;
  }
}
