// Adam with its whole state in plain sight, so that a restored run continues bit for bit (the optimiser that tfjs ships
// recomputes its running powers on restore, which differs in the last bits).
// Paper: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1. Deviation: gradients are clipped by their global norm first
// (Pascanu et al. 2013, arXiv:1211.5063), and a step that is not finite is refused before any weight changes.
import * as tf from "@tensorflow/tfjs";
import type { StateTree } from "../../src/core/agent.js";
import { CosearchError } from "../../src/core/errors.js";
import type { Parameter } from "../policy/policy.js";

export interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** longest allowed gradient, L2 norm over all parameters */
  readonly maxGradNorm: number;
}

/** What one step did. */
export interface StepReport {
  readonly loss: number;
  /** before clipping */
  readonly gradNorm: number;
}

/** The optimiser of a fixed list of parameters. */
export class Adam {
  readonly #parameters: readonly Parameter[];
  readonly #settings: AdamSettings;
  #first: tf.Tensor[];
  #second: tf.Tensor[];
  #steps = 0;

  constructor(parameters: readonly Parameter[], settings: AdamSettings) {
    this.#parameters = parameters;
    this.#settings = settings;
    this.#first = parameters.map(({ variable }) => tf.zerosLike(variable));
    this.#second = parameters.map(({ variable }) => tf.zerosLike(variable));
  }

  /** One step down the gradient of `loss`. @throws CosearchError AGENT_DIVERGED, weights and moments untouched */
  minimise(loss: () => tf.Scalar, learningRate: number): StepReport {
    const { value, grads } = tf.variableGrads(
      loss,
      this.#parameters.map(({ variable }) => variable),
    );
    try {
      const gradients = this.#parameters.map(({ variable }) => grads[variable.name]!);
      const norm = tf.tidy(() => tf.sqrt(sumOfSquares(gradients)).dataSync()[0]!);
      const lossValue = value.dataSync()[0]!;
      if (!Number.isFinite(lossValue)) throw new CosearchError("AGENT_DIVERGED", `the loss is ${lossValue}`);
      if (!Number.isFinite(norm)) throw new CosearchError("AGENT_DIVERGED", `the norm of the gradient is ${norm}`);
      this.#apply(gradients, norm > this.#settings.maxGradNorm ? this.#settings.maxGradNorm / norm : 1, learningRate);
      return { loss: lossValue, gradNorm: norm };
    } finally {
      value.dispose();
      tf.dispose(grads);
    }
  }

  #apply(gradients: readonly tf.Tensor[], gradientScale: number, learningRate: number): void {
    const { beta1, beta2, epsilon } = this.#settings;
    const step = this.#steps + 1;
    const firstCorrection = 1 / (1 - beta1 ** step);
    const secondCorrection = 1 / (1 - beta2 ** step);
    const next = tf.tidy(() => {
      const first: tf.Tensor[] = [];
      const second: tf.Tensor[] = [];
      const weights: tf.Tensor[] = [];
      this.#parameters.forEach(({ variable, learningRateScale }, i) => {
        const gradient = gradientScale === 1 ? gradients[i]! : tf.mul(gradients[i]!, gradientScale);
        const m = tf.add(tf.mul(this.#first[i]!, beta1), tf.mul(gradient, 1 - beta1));
        const v = tf.add(tf.mul(this.#second[i]!, beta2), tf.mul(tf.square(gradient), 1 - beta2));
        const move = tf.div(tf.mul(m, firstCorrection), tf.add(tf.sqrt(tf.mul(v, secondCorrection)), epsilon));
        first.push(m);
        second.push(v);
        weights.push(tf.sub(variable, tf.mul(move, learningRate * learningRateScale)));
      });
      return { first, second, weights, size: sumOfSquares(weights) };
    });
    const size = next.size.dataSync()[0]!;
    next.size.dispose();
    if (!Number.isFinite(size)) {
      tf.dispose([next.first, next.second, next.weights]);
      throw new CosearchError("AGENT_DIVERGED", `the update would make a weight ${size}`);
    }
    tf.dispose([this.#first, this.#second]);
    this.#first = next.first;
    this.#second = next.second;
    this.#steps = step;
    this.#parameters.forEach(({ variable }, i) => {
      variable.assign(next.weights[i]!);
      next.weights[i]!.dispose();
    });
  }

  /** Runs `work`; when it throws, weights, moments and step count are what they were before. */
  transaction<T>(work: () => T): T {
    const weights = this.#parameters.map(({ variable }) => tf.clone(variable));
    const first = this.#first.map((moment) => tf.clone(moment));
    const second = this.#second.map((moment) => tf.clone(moment));
    const steps = this.#steps;
    try {
      const result = work();
      tf.dispose([first, second]);
      return result;
    } catch (error) {
      tf.dispose([this.#first, this.#second]);
      this.#first = first;
      this.#second = second;
      this.#steps = steps;
      this.#parameters.forEach(({ variable }, i) => {
        variable.assign(weights[i]!);
      });
      throw error;
    } finally {
      tf.dispose(weights);
    }
  }

  /** Gives one parameter other weights; its moments stay as they are. */
  setWeights(name: string, values: Float32Array): void {
    const variable = this.#parameters.find((parameter) => parameter.name === name)?.variable;
    if (variable === undefined) throw new CosearchError("AGENT_BAD_STATE", `the policy has no parameter ${name}`);
    const tensor = tf.tensor(values, variable.shape);
    variable.assign(tensor);
    tensor.dispose();
  }

  /** Weights, moments and step count. */
  state(): StateTree {
    const copy = (tensors: readonly tf.Tensor[]) => tensors.map((tensor) => Float32Array.from(tensor.dataSync()));
    return {
      names: this.#parameters.map(({ name }) => name),
      weights: copy(this.#parameters.map(({ variable }) => variable)),
      first: copy(this.#first),
      second: copy(this.#second),
      steps: this.#steps,
    };
  }

  /** @throws CosearchError AGENT_BAD_STATE when names or sizes do not fit, weights untouched */
  restore(state: StateTree): void {
    const saved = state as unknown as SavedAdam | null;
    const lists = [saved?.weights, saved?.first, saved?.second];
    const fits = lists.every(
      (list) =>
        Array.isArray(list) &&
        list.length === this.#parameters.length &&
        list.every((array, i) => array instanceof Float32Array && array.length === this.#parameters[i]!.variable.size),
    );
    if (saved === null || !fits || !Number.isInteger(saved.steps)) {
      throw new CosearchError("AGENT_BAD_STATE", "the saved weights do not have the shape of this policy");
    }
    const tensors = (list: readonly Float32Array[]) =>
      list.map((array, i) => tf.tensor(Float32Array.from(array), this.#parameters[i]!.variable.shape));
    const weights = tensors(saved.weights);
    this.#parameters.forEach(({ variable }, i) => {
      variable.assign(weights[i]!);
    });
    tf.dispose([weights, this.#first, this.#second]);
    this.#first = tensors(saved.first);
    this.#second = tensors(saved.second);
    this.#steps = saved.steps;
  }

  dispose(): void {
    tf.dispose([this.#first, this.#second]);
  }
}

interface SavedAdam {
  readonly weights: readonly Float32Array[];
  readonly first: readonly Float32Array[];
  readonly second: readonly Float32Array[];
  readonly steps: number;
}

function sumOfSquares(tensors: readonly tf.Tensor[]): tf.Scalar {
  return tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor)))) as tf.Scalar;
}
