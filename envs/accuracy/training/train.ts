// Trains one network for a stated number of steps and measures it on held-out images. Deterministic by seed on a backend;
// divergence is a result. Momentum with a warm-up and a cosine, as short schedules usually have (arXiv:1608.03983).
import { setImmediate as nextTurn } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs";
import { RandomStream } from "../../../src/core/rng.js";
import type { Network } from "../../network/ir.js";
import type { Moments } from "./gradient-ops.js";
import { batchOf, type ImageSet, type SplitSet } from "./image-set.js";
import { descend, restingVelocities } from "./momentum.js";
import { type Collected, checkRunnable, runNetwork, type WeightSource } from "./run-network.js";
import { OwnWeights } from "./weights.js";

export interface TrainingOptions {
  readonly steps: number;
  readonly batch: number;
  /** at its highest, after the warm-up */
  readonly learningRate: number;
  readonly seed: number;
}

export interface TrainingResult {
  /** share of held-out images classified correctly; chance when training diverged */
  readonly accuracy: number;
  readonly diverged: boolean;
  readonly stepsDone: number;
  /** cross-entropy of the last batch, nats; NaN when training diverged */
  readonly loss: number;
}

const WARM_UP = 0.1;
const STATISTICS_BATCHES = 4;
const TEST_BATCH = 250;

/** The tensor backend must be set. @throws CosearchError NETWORK_BAD_SHAPE for layers that cannot be trained here */
export async function trainNetwork(
  network: Network,
  data: SplitSet,
  options: TrainingOptions,
): Promise<TrainingResult> {
  checkRunnable(network);
  const weights = new OwnWeights(options.seed);
  const velocities: tf.Variable[] = [];
  try {
    const order = new BatchOrder(data.train, options);
    let loss = Number.NaN;
    for (let step = 0; step < options.steps; step++) {
      const rate = learningRateAt(step, options);
      loss = trainStep(weights, velocities, rate, () => lossOf(network, weights, data.train, order.next()));
      if (!Number.isFinite(loss)) {
        return { accuracy: 1 / data.train.classes, diverged: true, stepsDone: step, loss: Number.NaN };
      }
      await nextTurn(); // Ctrl-C, timers and other evaluations get their turn
    }
    const statistics = collectStatistics(network, weights, data.train, options.batch);
    return {
      accuracy: accuracyOf(network, weights, data.heldOut, statistics),
      diverged: false,
      stepsDone: options.steps,
      loss,
    };
  } finally {
    weights.dispose();
    for (const variable of velocities) variable.dispose();
  }
}

/** Warm-up in a straight line, then half a cosine down to 0. */
export function learningRateAt(
  step: number,
  { steps, learningRate }: Pick<TrainingOptions, "steps" | "learningRate">,
): number {
  const warm = Math.max(1, Math.round(WARM_UP * steps));
  if (step < warm) return (learningRate * (step + 1)) / warm;
  return (learningRate * (1 + Math.cos((Math.PI * (step - warm)) / Math.max(1, steps - warm)))) / 2;
}

/** Batches without repetition until all images were seen, then in another order. */
export class BatchOrder {
  readonly #random: RandomStream;
  readonly #batch: number;
  readonly #count: number;
  #order: number[] = [];

  constructor(set: ImageSet, { seed, batch }: Pick<TrainingOptions, "seed" | "batch">) {
    this.#random = RandomStream.of(seed, "training/order");
    this.#count = set.labels.length;
    this.#batch = Math.min(batch, this.#count);
  }

  next(): number[] {
    if (this.#order.length < this.#batch) {
      this.#order = this.#random.shuffle(Array.from({ length: this.#count }, (_, i) => i));
    }
    return this.#order.splice(0, this.#batch);
  }
}

/** Mean cross-entropy of a batch, nats; inside tidy. */
export function lossOf(network: Network, weights: WeightSource, set: ImageSet, indices: readonly number[]): tf.Scalar {
  const { images, labels } = batchOf(set, indices);
  const x = tf.tensor4d(images, [indices.length, set.size, set.size, 3]);
  const logits = runNetwork(network, weights, x, { classes: set.classes, normalization: { mode: "batch" } });
  const truth = tf.oneHot(tf.tensor1d(labels, "int32"), set.classes);
  return tf.neg(tf.mean(tf.sum(tf.mul(truth, tf.logSoftmax(logits)), 1))) as tf.Scalar;
}

/** One step. @returns the loss before it; NaN, and weights are left alone, when the gradient is not finite */
function trainStep(weights: OwnWeights, velocities: tf.Variable[], rate: number, loss: () => tf.Scalar): number {
  if (weights.variables.length === 0) {
    tf.dispose(tf.tidy(loss)); // makes the variables
    velocities.push(...restingVelocities(weights.variables));
  }
  const variables = [...weights.variables];
  return tf.tidy(() => {
    const { value, grads } = tf.variableGrads(loss, variables);
    const current = value.dataSync()[0]!;
    if (!Number.isFinite(current)) return current;
    const gradients = variables.map((variable) => grads[variable.name]);
    return descend(variables, velocities, gradients, rate) ? current : Number.NaN;
  });
}

/** Statistics of every normalisation over some training batches, for measuring on other images. */
export function collectStatistics(
  network: Network,
  weights: WeightSource,
  set: ImageSet,
  batch: number,
): ReadonlyMap<string, Moments> {
  const into: Collected = new Map();
  const count = Math.min(batch, set.labels.length);
  for (let b = 0; b < STATISTICS_BATCHES && (b + 1) * count <= set.labels.length; b++) {
    const { images } = batchOf(
      set,
      Array.from({ length: count }, (_, i) => b * count + i),
    );
    tf.tidy(() => {
      const x = tf.tensor4d(images, [count, set.size, set.size, 3]);
      runNetwork(network, weights, x, { classes: set.classes, normalization: { mode: "collect", into } });
    });
  }
  return new Map(
    [...into].map(([id, { sum, batches }]) => [
      id,
      { mean: sum.mean.map((value) => value / batches), variance: sum.variance.map((value) => value / batches) },
    ]),
  );
}

/** Share of a set that is classified correctly. */
export function accuracyOf(
  network: Network,
  weights: WeightSource,
  set: ImageSet,
  statistics: ReadonlyMap<string, Moments>,
): number {
  let correct = 0;
  for (let start = 0; start < set.labels.length; start += TEST_BATCH) {
    const indices = Array.from({ length: Math.min(TEST_BATCH, set.labels.length - start) }, (_, i) => start + i);
    const { images, labels } = batchOf(set, indices);
    const found = tf.tidy(() => {
      const x = tf.tensor4d(images, [indices.length, set.size, set.size, 3]);
      const logits = runNetwork(network, weights, x, {
        classes: set.classes,
        normalization: { mode: "fixed", from: statistics },
      });
      return tf.argMax(logits, 1).dataSync();
    });
    for (let i = 0; i < labels.length; i++) if (found[i] === labels[i]) correct++;
  }
  return correct / set.labels.length;
}
