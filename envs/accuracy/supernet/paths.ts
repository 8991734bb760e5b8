// Which networks of the space a training step takes. Each is a function of the seed and its number alone, so that a training
// that goes on after a stop takes the same ones.
import { RandomStream } from "../../../src/core/rng.js";
import { INACTIVE, type Space } from "../../../src/core/space.js";

/** single-path: one network a step, every knob drawn uniformly (Guo et al. 2020, arXiv:1904.00420, section 3.2).
 *  fair: one network a step, every value of every knob equally often (Chu et al. 2021, arXiv:1907.01845, strict fairness;
 *  there one update sums the gradients of a whole round, here each network has its own update).
 *  sandwich: the largest, the smallest and two fair ones, gradients averaged (Yu and Huang 2019, arXiv:1903.05134). */
export const SAMPLINGS = ["single-path", "fair", "sandwich"] as const;
export type Sampling = (typeof SAMPLINGS)[number];

/** Network number `index` of those that are drawn with every value of a knob equally often: of m networks in a row, each of
 *  the m values of a knob is taken by one, as far as the knob counts in them and the rules of the space let it. */
export function fairPath(space: Space, seed: number, index: number): Int32Array {
  const codes = new Int32Array(space.length);
  for (let knob = 0; knob < space.length; knob++) {
    const count = space.knobs[knob]!.values.length;
    const round = Math.floor(index / count);
    const order = RandomStream.of(seed, `supernet/fair/${knob}/${round}`).shuffle(
      Array.from({ length: count }, (_, i) => i),
    );
    codes[knob] = space.isActive(knob, codes) ? space.nearestAllowed(knob, order[index % count]!, codes) : INACTIVE;
  }
  return codes;
}

/** Network number `index` of those that are drawn uniformly and independently. */
export const uniformPath = (space: Space, seed: number, index: number): Int32Array =>
  space.sample(RandomStream.of(seed, `supernet/uniform/${index}`));

export const SANDWICH_FILLING = 2;

/** The networks of one step, the largest first where there is one. */
export function pathsOf(
  step: number,
  sampling: Sampling,
  space: Space,
  seed: number,
  extremes: { readonly largest: Int32Array; readonly smallest: Int32Array },
): Int32Array[] {
  switch (sampling) {
    case "single-path":
      return [uniformPath(space, seed, step)];
    case "fair":
      return [fairPath(space, seed, step)];
    case "sandwich": {
      const filling = Array.from({ length: SANDWICH_FILLING }, (_, i) =>
        fairPath(space, seed, SANDWICH_FILLING * step + i),
      );
      return [extremes.largest, extremes.smallest, ...filling];
    }
  }
}

/** Images of a step's batch: all of them once, in an order drawn anew for each pass, before any twice.
 *  A last batch that would be smaller is left out. */
export function batchIndices(step: number, seed: number, imageCount: number, batch: number): number[] {
  const size = Math.min(batch, imageCount);
  const perPass = Math.floor(imageCount / size);
  const order = RandomStream.of(seed, `supernet/order/${Math.floor(step / perPass)}`);
  const start = (step % perPass) * size;
  return order.shuffle(Array.from({ length: imageCount }, (_, i) => i)).slice(start, start + size);
}
