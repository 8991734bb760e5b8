// A weight-sharing supernet: one set of weights for every network of a space, trained once; then any of these networks is
// scored with the weights that it inherits, its normalisation measured again. Resuming gives the same bits as never stopping:
// what a step does depends on the seed, its number, the weights and the velocities, and nothing else.
import * as tf from "@tensorflow/tfjs";
import type { Network } from "../../network/ir.js";
import { batchOf, type SplitSet } from "../training/image-set.js";
import { descend, restingVelocities } from "../training/momentum.js";
import { checkRunnable, runNetwork } from "../training/run-network.js";
import { accuracyOf, collectStatistics, learningRateAt } from "../training/train.js";
import { batchIndices, pathsOf, type Sampling } from "./paths.js";
import { SharedWeights } from "./shared-weights.js";
import { extremeOf, largestWeights, type NetworkSpace, networkOf } from "./subnets.js";

export interface SupernetOptions {
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly sampling: Sampling;
  /** with the sandwich: smaller networks learn from the largest one's answers instead of the labels */
  readonly distil: boolean;
}

/** Everything that changes while it trains; arrays in the order of `keys`. */
export interface SupernetState {
  readonly stepsDone: number;
  readonly keys: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly weights: readonly Float32Array[];
  readonly velocities: readonly Float32Array[];
}

/** The tensor backend must be set. The caller disposes it. */
export class Supernet {
  readonly space: NetworkSpace;
  readonly options: SupernetOptions;
  readonly data: SplitSet;
  readonly #weights: SharedWeights;
  readonly #velocities: readonly tf.Variable[];
  readonly #extremes: { readonly largest: Int32Array; readonly smallest: Int32Array };
  #stepsDone = 0;

  /** @throws CosearchError NETWORK_BAD_SHAPE for a space with layers that cannot be trained here, SPACE_EMPTY */
  constructor(space: NetworkSpace, options: SupernetOptions, data: SplitSet) {
    this.space = space;
    this.options = options;
    this.data = data;
    this.#extremes = { largest: extremeOf(space, 1), smallest: extremeOf(space, -1) };
    for (const codes of Object.values(this.#extremes)) checkRunnable(this.networkAt(codes)!);
    this.#weights = new SharedWeights(largestWeights(space, data.train.classes), options.seed);
    this.#velocities = restingVelocities(this.#weights.variables);
  }

  get stepsDone(): number {
    return this.#stepsDone;
  }

  get weightCount(): number {
    return this.#weights.variables.reduce((sum, variable) => sum + variable.size, 0);
  }

  /** @returns undefined when the layers of this point do not fit together */
  networkAt(codes: Int32Array): Network | undefined {
    return networkOf(this.space, this.space.space.decode(codes));
  }

  /** One step: the gradients of its networks on one batch, averaged.
   *  @returns mean loss, nats; NaN, with the weights as they were, when it diverged */
  step(): number {
    const { options, data } = this;
    const number = this.#stepsDone;
    const found = pathsOf(number, options.sampling, this.space.space, options.seed, this.#extremes);
    const networks = found.map((codes) => this.networkAt(codes)).filter((network) => network !== undefined);
    const loss = tf.tidy(() => {
      const { images, labels } = batchOf(
        data.train,
        batchIndices(number, options.seed, data.train.labels.length, options.batch),
      );
      const x = tf.tensor4d(images, [labels.length, data.train.size, data.train.size, 3]);
      const truth = tf.oneHot(tf.tensor1d(labels, "int32"), data.train.classes) as tf.Tensor2D;
      const { gradients, loss } = this.#gradients(networks, x, truth);
      if (!Number.isFinite(loss)) return Number.NaN;
      const rate = learningRateAt(number, options);
      return descend(this.#weights.variables, this.#velocities, gradients, rate) ? loss : Number.NaN;
    });
    if (Number.isFinite(loss)) this.#stepsDone++;
    return loss;
  }

  #gradients(
    networks: readonly Network[],
    x: tf.Tensor4D,
    truth: tf.Tensor2D,
  ): { readonly gradients: (tf.Tensor | undefined)[]; readonly loss: number } {
    const variables = [...this.#weights.variables];
    const sums: (tf.Tensor | undefined)[] = variables.map(() => undefined);
    let targets = truth;
    let total = 0;
    for (const [i, network] of networks.entries()) {
      const isTeacher = i === 0 && this.options.distil && this.options.sampling === "sandwich";
      let answers: tf.Tensor2D | undefined;
      const { value, grads } = tf.variableGrads(() => {
        const logits = runNetwork(network, this.#weights, x, {
          classes: truth.shape[1],
          normalization: { mode: "batch" },
        });
        if (isTeacher) answers = tf.keep(tf.softmax(logits)); // outlives the tape
        return crossEntropy(logits, targets);
      }, variables);
      total += value.dataSync()[0]!;
      variables.forEach((variable, v) => {
        const gradient = grads[variable.name];
        if (gradient === undefined) return;
        const share = gradient.div(networks.length);
        sums[v] = sums[v] === undefined ? share : tf.add(sums[v], share);
      });
      if (answers === undefined) continue;
      targets = answers.clone(); // belongs to the step, and goes with it
      answers.dispose();
    }
    return { gradients: sums, loss: total / networks.length };
  }

  /** Share of held-out images that a network of the space classifies correctly with the weights that it inherits; its
   *  normalisation is measured on training images first. @throws NoEstimate for a network of another space */
  inheritedAccuracy(network: Network): number {
    const { train, heldOut } = this.data;
    const statistics = collectStatistics(network, this.#weights, train, this.options.batch);
    return accuracyOf(network, this.#weights, heldOut, statistics);
  }

  state(): SupernetState {
    const values = (variables: readonly tf.Variable[]) =>
      variables.map((variable) => variable.dataSync() as Float32Array);
    return {
      stepsDone: this.#stepsDone,
      keys: this.#weights.keys,
      shapes: this.#weights.variables.map((variable) => variable.shape),
      weights: values(this.#weights.variables),
      velocities: values(this.#velocities),
    };
  }

  /** @param state of a supernet of the same space and options: what the checkpoint's reader has checked */
  restore(state: SupernetState): void {
    this.#weights.variables.forEach((variable, i) => {
      tf.tidy(() => {
        variable.assign(tf.tensor(state.weights[i]!, variable.shape));
        this.#velocities[i]!.assign(tf.tensor(state.velocities[i]!, variable.shape));
      });
    });
    this.#stepsDone = state.stepsDone;
  }

  /** Names and shapes of the weights, by which a checkpoint is told to be of this space. */
  get layout(): { readonly keys: readonly string[]; readonly shapes: readonly (readonly number[])[] } {
    return { keys: this.#weights.keys, shapes: this.#weights.variables.map((variable) => variable.shape) };
  }

  dispose(): void {
    this.#weights.dispose();
    for (const velocity of this.#velocities) velocity.dispose();
  }
}

/** Mean over a batch, nats. @param targets [N, classes], rows sum to 1 */
const crossEntropy = (logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Scalar =>
  tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1))) as tf.Scalar;
