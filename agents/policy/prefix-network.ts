// The masked network of autoregressive.ts with all its outputs in view: for every decision of a batch one number per value, each
// from the decisions before it. Discrete SAC's actor takes them for logits, its critics for action values.
// Ordered knobs sum their outputs, so that neighbouring levels are learnt together. Action values are those of the state plus
// centred advantages (Wang et al. 2016, "Dueling network architectures", arXiv:1511.06581, equation 9).
import * as tf from "@tensorflow/tfjs";
import { RandomStream } from "../../src/core/rng.js";
import { constantsOf, degreesOf } from "./autoregressive.js";
import { type Heads, headConstants } from "./heads.js";
import type { Layout } from "./layout.js";
import { matMul } from "./ops.js";
import type { Parameter, Samples } from "./policy.js";
import { sampleAutoregressive } from "./sampler.js";

export interface PrefixNetworkSettings {
  readonly hiddenUnits: number;
  /** learning rate of the connections between knobs, relative to that of the output biases */
  readonly connectionLearningRateScale: number;
}

/** inputWeights, inputBiases, outputWeights, outputBiases, stateWeights, stateBiases */
type Weights = readonly [tf.Variable, tf.Variable, tf.Variable, tf.Variable, tf.Variable, tf.Variable];

/** What connects the decisions of a layout; shared by the networks over it. */
export class PrefixConnections {
  readonly degrees: Int32Array;
  readonly masks: ReturnType<typeof constantsOf>;
  readonly heads: Heads;
  /** from the steps of an ordered knob to its levels, [width, width] */
  readonly sums: tf.Tensor2D;
  /** per decision and value, [1, decisions, width]: whether it is ordered, what its outputs are scaled by, and its share of the
   *  knob's values (0 where there is none) */
  readonly ordered: tf.Tensor3D;
  readonly scale: tf.Tensor3D;
  readonly shares: tf.Tensor3D;
  /** which hidden units a decision sees, [hidden, decisions] */
  readonly stateMask: tf.Tensor2D;

  constructor(
    readonly layout: Layout,
    hiddenUnits: number,
  ) {
    const { decisions, width } = layout;
    this.degrees = degreesOf(hiddenUnits, decisions.length);
    this.masks = constantsOf(layout, this.degrees);
    this.heads = headConstants(layout);
    const sums = Float32Array.from({ length: width * width }, (_, i) => {
      const [step, level] = [Math.floor(i / width), i % width];
      return step >= 1 && step <= level ? 1 : 0;
    });
    this.sums = tf.tensor2d(sums, [width, width]);
    const perValue = (of: (d: number, v: number) => number) =>
      tf.tensor3d(
        Float32Array.from({ length: decisions.length * width }, (_, i) => of(Math.floor(i / width), i % width)),
        [1, decisions.length, width],
      );
    this.ordered = perValue((d) => (decisions[d]!.ordered ? 1 : 0));
    this.scale = perValue((d) => decisions[d]!.outputScale);
    this.shares = perValue((d, v) => (v < decisions[d]!.valueCount ? 1 / decisions[d]!.valueCount : 0));
    const sees = Float32Array.from({ length: hiddenUnits * decisions.length }, (_, i) =>
      this.degrees[Math.floor(i / decisions.length)]! <= i % decisions.length ? 1 : 0,
    );
    this.stateMask = tf.tensor2d(sees, [hiddenUnits, decisions.length]);
  }

  dispose(): void {
    tf.dispose([this.masks, this.sums, this.ordered, this.scale, this.shares, this.stateMask]);
    this.heads.dispose();
  }
}

/** One network; its outputs start at zero. */
export class PrefixNetwork {
  readonly parameters: readonly Parameter[];
  readonly #connections: PrefixConnections;
  readonly #variables: Weights;

  /** @param isCritic it has a value of the state too
   *  @param prefix of the parameters' names */
  constructor(
    connections: PrefixConnections,
    seed: number,
    label: string,
    settings: PrefixNetworkSettings,
    isCritic = false,
    prefix = "",
  ) {
    const { decisions, width, featureCount } = connections.layout;
    const hidden = settings.hiddenUnits;
    const outputs = decisions.length * width;
    const random = RandomStream.of(seed, label);
    const spread = Math.sqrt(2 / Math.max(1, decisions.length));
    const initial = Float32Array.from({ length: featureCount * hidden }, () => spread * random.normal());
    const scale = settings.connectionLearningRateScale;
    const parameter = (name: string, value: tf.Tensor, learningRateScale: number): Parameter => {
      const variable = tf.variable(value, true);
      value.dispose();
      return { name: `${prefix}${name}`, variable, learningRateScale };
    };
    this.parameters = [
      parameter("inputWeights", tf.tensor2d(initial, [featureCount, hidden]), scale),
      parameter("inputBiases", tf.zeros([hidden]), scale),
      parameter("outputWeights", tf.zeros([hidden, outputs]), scale),
      parameter("outputBiases", tf.zeros([outputs]), 1),
      ...(isCritic
        ? [
            parameter("stateWeights", tf.zeros([hidden, decisions.length]), scale),
            parameter("stateBiases", tf.zeros([decisions.length]), 1),
          ]
        : []),
    ];
    this.#connections = connections;
    this.#variables = this.parameters.map(({ variable }) => variable) as unknown as Weights;
  }

  /** The parameters that the values of the states depend on. */
  get stateParameters(): readonly Parameter[] {
    return [0, 1, 4, 5].map((i) => this.parameters[i]!);
  }

  /** [count, hidden]; differentiable, inside a tidy. @param features [count, features] */
  #hidden(features: tf.Tensor2D): tf.Tensor2D {
    const [inputWeights, inputBiases] = this.#variables;
    const masked = tf.mul(inputWeights, this.#connections.masks.inputMask);
    return tf.relu(tf.add(matMul(features, masked), inputBiases));
  }

  /** [count, decisions * width] */
  #outputs(hidden: tf.Tensor2D): tf.Tensor2D {
    const [, , outputWeights, outputBiases] = this.#variables;
    return tf.add(matMul(hidden, tf.mul(outputWeights, this.#connections.masks.outputMask)), outputBiases);
  }

  /** Log-probabilities of all values, [count * decisions, width]; about -1e9 where there is no such value. */
  logProbs(features: tf.Tensor2D, forbidden?: tf.Tensor2D): tf.Tensor2D {
    const logits = this.#connections.heads.logits(this.#outputs(this.#hidden(features)), features.shape[0], forbidden);
    return tf.logSoftmax(logits) as tf.Tensor2D;
  }

  /** Values of the states, [count, decisions]. */
  states(features: tf.Tensor2D): tf.Tensor2D {
    return this.#states(this.#hidden(features));
  }

  #states(hidden: tf.Tensor2D): tf.Tensor2D {
    const [, , , , stateWeights, stateBiases] = this.#variables;
    return tf.add(matMul(hidden, tf.mul(stateWeights, this.#connections.stateMask)), stateBiases);
  }

  /** Action values, [count * decisions, width]: the state's value plus what the action is better than the knob's mean one; for an
   *  ordered knob the sum of the steps up to the level. */
  values(features: tf.Tensor2D): tf.Tensor2D {
    const { layout, sums, ordered, scale, shares } = this.#connections;
    const { decisions, width } = layout;
    const shape: [number, number, number] = [features.shape[0], decisions.length, width];
    const hidden = this.#hidden(features);
    const steps = tf.mul(tf.reshape(this.#outputs(hidden), shape), scale);
    const levels = tf.reshape(matMul(tf.reshape(steps, [shape[0] * shape[1], width]), sums), shape);
    const actions = tf.add(steps, tf.mul(tf.sub(levels, steps), ordered));
    const centred = tf.sub(actions, tf.sum(tf.mul(actions, shares), 2, true));
    return tf.reshape(tf.add(centred, tf.reshape(this.#states(hidden), [shape[0], shape[1], 1])), [-1, width]);
  }

  /** Draws with the outputs as logits, on plain arrays. */
  sample(count: number, random: RandomStream, temperature = 1): Samples {
    const [inputWeights, inputBiases, outputWeights, outputBiases] = this.#variables.map(
      (variable) => variable.dataSync() as Float32Array,
    );
    const { layout, degrees } = this.#connections;
    const weights = {
      degrees,
      inputWeights: inputWeights!,
      inputBiases: inputBiases!,
      outputWeights: outputWeights!,
      outputBiases: outputBiases!,
    };
    return sampleAutoregressive(layout, weights, count, random, temperature);
  }

  /** Takes over share `rate` of another network's weights: 1 copies. */
  follow(other: PrefixNetwork, rate: number): void {
    this.parameters.forEach(({ variable }, i) => {
      const next = tf.tidy(() => tf.add(tf.mul(variable, 1 - rate), tf.mul(other.parameters[i]!.variable, rate)));
      variable.assign(next);
      next.dispose();
    });
  }

  /** Copies of the weights. */
  weights(): Float32Array[] {
    return this.parameters.map(({ variable }) => Float32Array.from(variable.dataSync()));
  }

  setWeights(weights: readonly Float32Array[]): void {
    this.parameters.forEach(({ variable }, i) => {
      const tensor = tf.tensor(weights[i]!, variable.shape);
      variable.assign(tensor);
      tensor.dispose();
    });
  }

  dispose(): void {
    for (const { variable } of this.parameters) variable.dispose();
  }
}
