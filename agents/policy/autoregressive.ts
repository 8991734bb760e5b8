// A masked feed-forward autoregressive policy: every conditional p(knob d | knobs before d) of a batch in one pass.
// Paper: Germain et al. 2015, "MADE", arXiv:1502.03509, section 3; the network is in masked-network.ts.
// Ordered knobs: logit v = sum of the outputs 1..v (adjacent-categories logits), scaled down for long knobs. Up to a constant
// this is the ordinal head of Tang & Agrawal 2020 (arXiv:1901.10500): log s - log(1 - s) is what s = sigmoid(output) came from.
import { RandomStream } from "../../src/core/rng.js";
import type { Space } from "../../src/core/space.js";
import { type HeadEvaluation, Heads, type Outputs } from "./heads.js";
import { type Layout, layoutOf } from "./layout.js";
import { type Columns, MaskedNetwork } from "./masked-network.js";
import type { Context, Parameter, Policy, PolicyBatch, Samples, Slopes } from "./policy.js";
import { type SamplerWeights, sampleAutoregressive } from "./sampler.js";

export interface AutoregressiveSettings {
  readonly hiddenUnits: number;
  /** learning rate of the connections between knobs, relative to that of the output biases */
  readonly connectionLearningRateScale: number;
}

/** The policy; starts as the uniform one, because the outputs start at zero. */
export class AutoregressivePolicy implements Policy {
  readonly layout: Layout;
  readonly parameters: readonly Parameter[];
  readonly #network: MaskedNetwork;
  readonly #heads: Heads;

  /** @param contextSize numbers that the policy is told with each candidate */
  constructor(space: Space, seed: number, label: string, settings: AutoregressiveSettings, contextSize = 0) {
    this.layout = layoutOf(space);
    const { hiddenUnits, connectionLearningRateScale } = settings;
    const random = RandomStream.of(seed, label);
    this.#network = new MaskedNetwork(this.layout, hiddenUnits, random, connectionLearningRateScale, [
      ["outputWeights", this.layout.width],
    ]);
    this.#heads = new Heads(this.layout, contextSize);
    const { inputWeights, inputBiases, outputWeights } = this.#network;
    this.parameters = [inputWeights, inputBiases, ...outputWeights, ...this.#heads.parameters];
  }

  sample(count: number, random: RandomStream, temperature = 1, context?: Context): Samples {
    const { degrees, inputWeights, inputBiases, outputWeights } = this.#network;
    const weights: SamplerWeights = {
      degrees,
      inputWeights: inputWeights.values,
      inputBiases: inputBiases.values,
      outputWeights: outputWeights[0]!.values,
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

  evaluate(batch: PolicyBatch): HeadEvaluation {
    return this.#network.run(batch.choices, batch.count, (columns) =>
      this.#heads.evaluate(batch, this.#outputs(columns)),
    );
  }

  differentiate(batch: PolicyBatch, slopesOf: (evaluated: HeadEvaluation) => Slopes): void {
    this.#network.differentiate(batch.choices, batch.count, (columns) => {
      const outputs = this.#outputs(columns);
      const found = this.#heads.evaluate(batch, outputs);
      this.#heads.backward(batch, found, slopesOf(found), outputs);
    });
  }

  #outputs({ values, stride }: Columns): Outputs {
    return { values, rowStride: stride, decisionStride: this.layout.width };
  }
}
