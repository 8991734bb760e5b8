// The learning part of discrete SAC (sac.ts): actor, twin critics with their targets, temperature, and one optimiser step on a
// minibatch of past candidates. All its state is in plain sight, so that a restored run continues bit for bit.
import * as tf from "@tensorflow/tfjs";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { INACTIVE, type Space } from "../src/core/space.js";
import { entropyOf, softTargets, softValue } from "./losses/soft-values.js";
import { Adam } from "./optim/adam.js";
import { encodeBatch, type Layout, layoutOf } from "./policy/layout.js";
import { PrefixConnections, PrefixNetwork } from "./policy/prefix-network.js";
import type { SacOptions } from "./sac.js";

/** Past candidates with what they are worth now. */
export interface Episodes {
  readonly codes: readonly Int32Array[];
  /** shape [episodes] */
  readonly rewards: ArrayLike<number>;
}

type Three<T> = readonly [T, T, T];

/** Adam on one number: the logarithm of the temperature. */
interface Temperature {
  log: number;
  first: number;
  second: number;
  steps: number;
}

export class SacLearner {
  readonly layout: Layout;
  readonly actor: PrefixNetwork;
  readonly #options: SacOptions;
  readonly #connections: PrefixConnections;
  readonly #critics: readonly [PrefixNetwork, PrefixNetwork];
  readonly #targets: readonly [PrefixNetwork, PrefixNetwork];
  readonly #actorAdam: Adam;
  readonly #criticAdam: Adam;
  #temperature: Temperature;

  constructor(space: Space, seed: number, options: SacOptions) {
    this.#options = options;
    this.layout = layoutOf(space);
    this.#connections = new PrefixConnections(this.layout, options.hiddenUnits);
    const network = (name: string, isCritic: boolean, prefix = "") =>
      new PrefixNetwork(this.#connections, seed, `agent/sac/${name}`, options, isCritic, prefix);
    this.actor = network("actor", false);
    this.#critics = [network("critic1", true, "critic1."), network("critic2", true, "critic2.")];
    this.#targets = [network("critic1", true), network("critic2", true)];
    const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, maxGradNorm: options.maxGradNorm };
    this.#actorAdam = new Adam(this.actor.parameters, settings);
    this.#criticAdam = new Adam([...this.#critics[0].parameters, ...this.#critics[1].parameters], settings);
    this.#temperature = { log: Math.log(options.initialTemperature), first: 0, second: 0, steps: 0 };
  }

  /** Several steps; when one fails, everything is as before. @throws CosearchError AGENT_DIVERGED */
  learn(minibatches: readonly Episodes[], targetEntropyShare: number): Diagnostics {
    const targets = this.#targets.map((network) => network.weights());
    const temperature = { ...this.#temperature };
    try {
      const steps = this.#actorAdam.transaction(() =>
        this.#criticAdam.transaction(() => minibatches.map((episodes) => this.#step(episodes, targetEntropyShare))),
      );
      const mean = (of: (step: (typeof steps)[number]) => number) =>
        steps.reduce((sum, step) => sum + of(step), 0) / Math.max(1, steps.length);
      return {
        "train/actor_loss": mean((step) => step.actorLoss),
        "train/critic_loss": mean((step) => step.criticLoss),
        "train/grad_norm": mean((step) => step.gradNorm),
        "train/ent_coef": Math.exp(this.#temperature.log),
        "train/entropy_target": mean((step) => step.entropyTarget),
      };
    } catch (error) {
      this.#targets.forEach((network, i) => {
        network.setWeights(targets[i]!);
      });
      this.#temperature = temperature;
      throw error;
    }
  }

  #step(episodes: Episodes, entropyShare: number) {
    const { decisions, width, featureCount } = this.layout;
    const count = episodes.codes.length;
    const rows = count * decisions.length;
    const encoded = encodeBatch(this.layout, episodes.codes);
    const activeCount = encoded.active.reduce((sum, isActive) => sum + isActive, 0);
    const features = tf.tensor2d(encoded.features, [count, featureCount]);
    const forbidden = encoded.forbidden && tf.tensor2d(encoded.forbidden, [rows, width]);
    const oneHot = tf.tensor2d(encoded.oneHot, [rows, width]);
    const active = tf.tensor2d(encoded.active, [rows, 1]);
    const temperature = Math.exp(this.#temperature.log);
    try {
      const settings = { temperature, entropyShare };
      const { entropies, entropyTarget, targets } = this.#targetsOf(episodes, encoded, features, forbidden, settings);
      const wanted = tf.tensor2d(targets, [rows, 1]);
      const critic = this.#criticAdam.minimise(() => {
        const errors = this.#critics.map((network) => {
          const chosen = tf.sum(tf.mul(network.values(features), oneHot), 1, true);
          return tf.sum(tf.mul(tf.square(tf.sub(chosen, wanted)), active));
        });
        return tf.div(tf.addN(errors), activeCount) as tf.Scalar;
      }, this.#options.criticLearningRate);
      wanted.dispose();

      const least = tf.tidy(() =>
        tf.minimum(...(this.#critics.map((n) => n.values(features)) as [tf.Tensor, tf.Tensor])),
      );
      const actor = this.#actorAdam.minimise(() => {
        const logProbs = this.actor.logProbs(features, forbidden);
        const terms = tf.mul(tf.exp(logProbs), tf.sub(tf.mul(logProbs, temperature), least));
        return tf.div(tf.sum(tf.mul(terms, active)), activeCount) as tf.Scalar;
      }, this.#options.actorLearningRate);
      least.dispose();

      const entropy = entropies.reduce((sum, h) => sum + h, 0) / activeCount;
      const wantedEntropy = entropyTarget / activeCount;
      this.#adaptTemperature(entropy - wantedEntropy);
      this.#targets.forEach((target, i) => {
        target.follow(this.#critics[i]!, this.#options.targetRate);
      });
      return {
        actorLoss: actor.loss,
        criticLoss: critic.loss / 2,
        gradNorm: actor.gradNorm,
        entropyTarget: wantedEntropy,
      };
    } finally {
      tf.dispose([features, oneHot, active]);
      forbidden?.dispose();
    }
  }

  /** What the critics should say of each decision of each episode, and the policy's entropy there; zeros where a knob does not
   *  count. Entropy is worth what it is above its target: that is the Lagrangian which the temperature comes from, and it
   *  leaves action values near the rewards, whatever the number of knobs. */
  #targetsOf(
    { codes, rewards }: Episodes,
    { active }: { readonly active: Float32Array },
    features: tf.Tensor2D,
    forbidden: tf.Tensor2D | undefined,
    { temperature, entropyShare }: { readonly temperature: number; readonly entropyShare: number },
  ) {
    const { decisions, width } = this.layout;
    const tensors = tf.tidy(() => [
      tf.exp(this.actor.logProbs(features, forbidden)),
      ...this.#targets.map((network) => network.values(features)),
    ]);
    const [probabilities, q1, q2] = tensors.map(
      (tensor) => tensor.dataSync() as Float32Array,
    ) as unknown as Three<Float32Array>;
    const targets = new Float32Array(active.length);
    const entropies = new Float64Array(active.length);
    let entropyTarget = 0; // summed over the active decisions
    const { discount, returnShare: lambda } = this.#options;
    codes.forEach((point, row) => {
      const cells = decisions.flatMap(({ position }, d) =>
        point[position] === INACTIVE ? [] : [row * decisions.length + d],
      );
      const excesses = new Float64Array(cells.length);
      const values = cells.map((cell, k) => {
        const at = (list: Float32Array) => list.subarray(cell * width, (cell + 1) * width);
        entropies[cell] = entropyOf(at(probabilities));
        const wanted = entropyShare * Math.log(this.#choices(cell % decisions.length, point));
        entropyTarget += wanted;
        excesses[k] = entropies[cell]! - wanted;
        return softValue(at(probabilities), at(q1), at(q2), temperature) - temperature * wanted;
      });
      softTargets(rewards[row]!, values, excesses, { temperature, discount, lambda }).forEach((target, k) => {
        targets[cells[k]!] = target;
      });
    });
    tf.dispose(tensors); // only now: on some backends the values are views of them
    return { entropies, entropyTarget, targets };
  }

  /** How many values an active decision has after the choices before it. */
  #choices(d: number, point: Int32Array): number {
    const { decisions, space } = this.layout;
    const mask = space.mask(decisions[d]!.position, point);
    return mask === null ? decisions[d]!.valueCount : mask.reduce((sum, allowed) => sum + allowed, 0);
  }

  /** One Adam step of log(temperature) down `excess`, the entropy above its target. @see arXiv:1812.05905, equation 18 */
  #adaptTemperature(excess: number): void {
    const rate = this.#options.temperatureLearningRate;
    if (!Number.isFinite(excess)) throw new CosearchError("AGENT_DIVERGED", `the policy's entropy is ${excess} off`);
    const state = this.#temperature;
    state.steps++;
    state.first = 0.9 * state.first + 0.1 * excess;
    state.second = 0.999 * state.second + 0.001 * excess * excess;
    const move = state.first / (1 - 0.9 ** state.steps) / (Math.sqrt(state.second / (1 - 0.999 ** state.steps)) + 1e-8);
    state.log = Math.min(5, Math.max(-12, state.log - rate * move));
  }

  /** Gives the actor's output biases other values. */
  setOutputs(values: Float32Array): void {
    this.#actorAdam.setWeights("outputBiases", values);
  }

  state(): { readonly [key: string]: StateTree } {
    return {
      optimiser: this.#actorAdam.state(),
      critics: this.#criticAdam.state(),
      targets: this.#targets.map((network) => network.weights()),
      temperature: { ...this.#temperature },
    };
  }

  /** @throws CosearchError AGENT_BAD_STATE */
  restore(fields: { readonly [key: string]: StateTree }): void {
    this.#actorAdam.restore(fields.optimiser ?? null);
    this.#criticAdam.restore(fields.critics ?? null);
    const targets = fields.targets as unknown as Float32Array[][];
    this.#targets.forEach((network, i) => {
      network.setWeights(targets[i]!);
    });
    this.#temperature = { ...(fields.temperature as unknown as Temperature) };
  }

  dispose(): void {
    this.#actorAdam.dispose();
    this.#criticAdam.dispose();
    for (const network of [this.actor, ...this.#critics, ...this.#targets]) network.dispose();
    this.#connections.dispose();
  }
}
