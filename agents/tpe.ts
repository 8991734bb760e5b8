// The tree-structured Parzen estimator: the trials so far are split into good and others, each half becomes a density of
// kernels around its points, and what is proposed is likely among the good and unlikely among the others.
// Papers: Bergstra et al. 2011, NeurIPS 24, section 4; whole points as kernels (multivariate) after Falkner et al. 2018,
// arXiv:1807.01774. Ordered knobs have a bell over their levels, categories a share for every other value. Feasibility first:
// the good ones are the best feasible trials, or those with the least violation while there is none.
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { INACTIVE, type Space } from "../src/core/space.js";
import {
  blackBoxAgent,
  comparePoints,
  type Point,
  packPoints,
  type SearchContext,
  type Strategy,
  unpackPoints,
} from "./black-box.js";
import { defineAgent } from "./options.js";
import { RecentPoints, settled } from "./variation.js";

const options = z.strictObject({
  batchSize: z.int().min(1).max(4096).default(8).describe("candidates proposed together, from one pair of densities"),
  startTrials: z.int().min(1).max(100_000).default(24).describe("random trials at the beginning"),
  goodFraction: z.number().gt(0).lt(1).default(0.15).describe("share of the trials that are good"),
  maxGood: z.int().min(1).max(4096).default(20).describe("most trials that are good"),
  memory: z.int().min(8).max(100_000).default(300).describe("other trials that are kept, the latest ones"),
  candidates: z.int().min(1).max(10_000).default(24).describe("draws from the good density, of which one is proposed"),
});

export const tpe = defineAgent({
  name: "tpe",
  summary: "tree-structured Parzen estimator with whole points as kernels, feasibility first",
  paper: "Bergstra et al. 2011, NeurIPS 24",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) => blackBoxAgent("tpe", space, seed, (context) => new Tpe(context, given)),
});

/** log-probability of a value given the kernel's centre, per decision: [centre * count + value] */
type Kernels = readonly Float64Array[];

class Tpe implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  readonly #recent = new RecentPoints();
  /** best first, at most `maxGood` */
  #good: Point[] = [];
  /** oldest first, at most `memory` */
  #others: Point[] = [];
  #trials = 0;

  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#options = given;
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    const isStart = this.#trials < this.#options.startTrials || this.#good.length === 0;
    const goodKernels = isStart ? [] : kernelsOf(space, this.#goodNow().length);
    const otherKernels = isStart ? [] : kernelsOf(space, this.#others.length);
    return Array.from({ length: count }, () => {
      const point = isStart ? space.sample(random) : this.#best(goodKernels, otherKernels);
      this.#recent.add(point);
      return point;
    });
  }

  #goodNow(): Point[] {
    return this.#good.slice(0, Math.max(2, Math.ceil(this.#options.goodFraction * this.#trials)));
  }

  #best(goodKernels: Kernels, otherKernels: Kernels): Int32Array {
    const { space, random } = this.#context;
    const good = this.#goodNow();
    let best: Int32Array | undefined;
    let bestGain = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.#options.candidates; i++) {
      const draw = drawFrom(this.#context, good[random.integer(good.length)]!.codes, goodKernels);
      const gain =
        logDensity(space, draw, good, goodKernels) -
        logDensity(space, draw, this.#others, otherKernels) -
        (this.#recent.has(draw) ? 1e3 : 0);
      if (gain > bestGain) [best, bestGain] = [draw, gain];
    }
    return best!;
  }

  observe(points: readonly Point[]): Diagnostics {
    const { maxGood, memory } = this.#options;
    this.#trials += points.length;
    const { space } = this.#context;
    const known = new Set(this.#good.map(({ codes }) => space.key(codes)));
    const fresh = points.filter(({ codes }) => {
      const key = space.key(codes);
      return !known.has(key) && known.add(key);
    });
    const all = [...this.#good, ...fresh].sort(comparePoints);
    this.#good = all.slice(0, maxGood);
    this.#others.push(...all.slice(maxGood));
    this.#others.splice(0, Math.max(0, this.#others.length - memory));
    return {};
  }

  state(): StateTree {
    return {
      good: packPoints(this.#good),
      others: packPoints(this.#others),
      trials: this.#trials,
      recent: this.#recent.state(),
    };
  }

  restore(state: StateTree): void {
    const saved = state as { readonly [key: string]: StateTree };
    this.#good = unpackPoints(saved.good);
    this.#others = unpackPoints(saved.others);
    this.#trials = saved.trials as number;
    this.#recent.restore(saved.recent);
  }
}

/** Kernels whose width falls with the number of points; a tenth of one point's weight is spread over all values. */
function kernelsOf(space: Space, pointCount: number): Kernels {
  const shrink = Math.max(1, pointCount) ** -0.2;
  return space.decisions.map((position) => {
    const { values, ordered } = space.knobs[position]!;
    const count = values.length;
    const width = Math.max(0.35, 0.2 * (count - 1) * shrink);
    const spread = 0.1 / (1 + 0.1 * pointCount);
    const table = new Float64Array(count * count);
    for (let centre = 0; centre < count; centre++) {
      let total = 0;
      for (let v = 0; v < count; v++) {
        const near = ordered ? Math.exp(-0.5 * ((v - centre) / width) ** 2) : v === centre ? 1 : 0.3 * shrink;
        table[centre * count + v] = near;
        total += near;
      }
      for (let v = 0; v < count; v++) {
        table[centre * count + v] = Math.log((1 - spread) * (table[centre * count + v]! / total) + spread / count);
      }
    }
    return table;
  });
}

function drawFrom({ space, random }: SearchContext, centre: Int32Array, kernels: Kernels): Int32Array {
  const codes = Int32Array.from(centre);
  space.decisions.forEach((position, d) => {
    const code = centre[position]!;
    if (code === INACTIVE) return;
    const count = space.knobs[position]!.values.length;
    const row = kernels[d]!.subarray(code * count, (code + 1) * count);
    codes[position] = random.categorical(row.map(Math.exp));
  });
  return settled(space, codes, random);
}

/** log of the mean kernel over the points; a knob that counts at one side only has the uniform density. */
function logDensity(space: Space, codes: Int32Array, points: readonly Point[], kernels: Kernels): number {
  if (points.length === 0) return 0;
  const { decisions, knobs } = space;
  let most = Number.NEGATIVE_INFINITY;
  const logs = points.map((point) => {
    let sum = 0;
    for (let d = 0; d < decisions.length; d++) {
      const position = decisions[d]!;
      const code = codes[position]!;
      if (code === INACTIVE) continue;
      const count = knobs[position]!.values.length;
      const centre = point.codes[position]!;
      sum += centre === INACTIVE ? -Math.log(count) : kernels[d]![centre * count + code]!;
    }
    most = Math.max(most, sum);
    return sum;
  });
  return most + Math.log(logs.reduce((sum, value) => sum + Math.exp(value - most), 0) / points.length);
}
