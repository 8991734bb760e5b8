// A factorised policy: each knob has a distribution of its own, whatever the others are. The plain rival of the policies that
// see earlier choices; it is its heads alone. Ordered knobs have ordinal heads, as in autoregressive.ts.
// Paper: Williams 1992, Machine Learning 8 (independent units); as a controller e.g. Bender et al. 2020, arXiv:2008.06120.
import type { RandomStream } from "../../src/core/rng.js";
import type { Space } from "../../src/core/space.js";
import { Heads } from "./heads.js";
import { type Layout, layoutOf } from "./layout.js";
import type { Context, Evaluated, Parameter, Policy, PolicyBatch, Samples, Slopes } from "./policy.js";
import { sampleAutoregressive } from "./sampler.js";

const NOTHING = new Float32Array(0);

/** The policy; starts as the uniform one. */
export class FactorisedPolicy implements Policy {
  readonly layout: Layout;
  readonly #heads: Heads;

  /** @param contextSize numbers that the policy is told with each candidate */
  constructor(space: Space, contextSize = 0) {
    this.layout = layoutOf(space);
    this.#heads = new Heads(this.layout, contextSize);
  }

  get parameters(): readonly Parameter[] {
    return this.#heads.parameters;
  }

  sample(count: number, random: RandomStream, temperature = 1, context?: Context): Samples {
    const weights = {
      degrees: new Int32Array(0),
      inputWeights: NOTHING,
      inputBiases: NOTHING,
      outputWeights: NOTHING,
      outputBiases: this.#heads.biases,
    };
    return sampleAutoregressive(this.layout, weights, count, random, temperature, this.#heads.biasRows(context));
  }

  logProbs(points: readonly ArrayLike<number>[], context?: Context): Float64Array {
    return this.evaluate(this.batch(points, context)).logProb;
  }

  batch(codes: readonly ArrayLike<number>[], context?: Context): PolicyBatch {
    return this.#heads.batch(codes, context);
  }

  evaluate(batch: PolicyBatch): Evaluated {
    return this.#heads.evaluate(batch, undefined);
  }

  differentiate(batch: PolicyBatch, slopesOf: (evaluated: Evaluated) => Slopes): void {
    const found = this.#heads.evaluate(batch, undefined);
    this.#heads.backward(batch, found, slopesOf(found), undefined);
  }
}
