// The learning part of discrete SAC (sac.ts): actor, twin critics with their targets, temperature, and one optimiser step on a
// minibatch of past candidates. All its state is in plain sight, so that a restored run continues bit for bit.
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { INACTIVE, type Space } from "../src/core/space.js";
import { entropyOf, softTargets, softValue } from "./losses/soft-values.js";
import { Adam } from "./optim/adam.js";
import { AutoregressivePolicy } from "./policy/autoregressive.js";
import { Critic } from "./policy/critic.js";
import type { Layout } from "./policy/layout.js";
import type { PolicyBatch } from "./policy/policy.js";
import type { SacOptions } from "./sac.js";

/** Past candidates with what they are worth now. */
export interface Episodes {
  readonly codes: readonly Int32Array[];
  /** shape [episodes] */
  readonly rewards: ArrayLike<number>;
}

/** Adam on one number: the logarithm of the temperature. */
interface Temperature {
  log: number;
  first: number;
  second: number;
  steps: number;
}

export class SacLearner {
  readonly layout: Layout;
  readonly actor: AutoregressivePolicy;
  readonly #options: SacOptions;
  readonly #critics: readonly [Critic, Critic];
  readonly #targets: readonly [Critic, Critic];
  readonly #actorAdam: Adam;
  readonly #criticAdam: Adam;
  #temperature: Temperature;

  constructor(space: Space, seed: number, options: SacOptions) {
    this.#options = options;
    this.actor = new AutoregressivePolicy(space, seed, "agent/sac/actor", options);
    this.layout = this.actor.layout;
    const critic = (name: string, prefix = "") => new Critic(this.layout, seed, `agent/sac/${name}`, options, prefix);
    this.#critics = [critic("critic1", "critic1."), critic("critic2", "critic2.")];
    this.#targets = [critic("critic1"), critic("critic2")];
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
    const batch = this.actor.batch(episodes.codes);
    const { choices, count } = batch;
    const activeCount = choices.reduce((sum, choice) => sum + Number(choice !== INACTIVE), 0);
    const temperature = Math.exp(this.#temperature.log);
    const settings = { temperature, entropyShare };
    const { entropies, entropyTarget, targets } = this.#targetsOf(episodes, batch, settings);
    const criticLoss = this.#critics.reduce(
      (sum, critic) => sum + critic.differentiate(choices, count, targets, activeCount),
      0,
    );
    this.#criticAdam.step(criticLoss, this.#options.criticLearningRate);

    const actorLoss = this.#differentiateActor(batch, temperature, activeCount);
    const { gradNorm } = this.#actorAdam.step(actorLoss, this.#options.actorLearningRate);

    const entropy = entropies.reduce((sum, h) => sum + h, 0) / activeCount;
    const wantedEntropy = entropyTarget / activeCount;
    this.#adaptTemperature(entropy - wantedEntropy);
    this.#targets.forEach((target, i) => {
      target.follow(this.#critics[i]!, this.#options.targetRate);
    });
    return { actorLoss, criticLoss: criticLoss / 2, gradNorm, entropyTarget: wantedEntropy };
  }

  /** mean over the decisions of sum_v p (temperature log p - min(q1, q2)); writes the actor's gradient. */
  #differentiateActor(batch: PolicyBatch, temperature: number, activeCount: number): number {
    const [q1, q2] = this.#critics.map((critic) => critic.values(batch.choices, batch.count));
    let loss = 0;
    this.actor.differentiate(batch, ({ probabilities, logProbs }) => {
      // d loss / d logit_v = p_v (f_v - sum p f): that of log-probabilities weighted with p f
      const values = probabilities.map((p, i) =>
        p === 0 ? 0 : (p * (temperature * logProbs[i]! - Math.min(q1![i]!, q2![i]!))) / activeCount,
      );
      loss = values.reduce((sum, term) => sum + term, 0);
      return {
        decisionLogProbs: new Float64Array(batch.choices.length),
        entropy: new Float64Array(batch.count),
        valueLogProbs: values,
      };
    });
    return loss;
  }

  /** What the critics should say of each decision of each episode, and the policy's entropy there; zeros where a knob does not
   *  count. Entropy is worth what it is above its target: that is the Lagrangian which the temperature comes from, and it
   *  leaves action values near the rewards, whatever the number of knobs. */
  #targetsOf(
    { codes, rewards }: Episodes,
    batch: PolicyBatch,
    { temperature, entropyShare }: { readonly temperature: number; readonly entropyShare: number },
  ) {
    const { decisions, width } = this.layout;
    const { probabilities } = this.actor.evaluate(batch);
    const [q1, q2] = this.#targets.map((critic) => critic.values(batch.choices, batch.count));
    const targets = new Float64Array(batch.choices.length);
    const entropies = new Float64Array(batch.choices.length);
    let entropyTarget = 0; // summed over the active decisions
    const { discount, returnShare: lambda } = this.#options;
    codes.forEach((point, row) => {
      const cells = decisions.flatMap(({ position }, d) =>
        point[position] === INACTIVE ? [] : [row * decisions.length + d],
      );
      const excesses = new Float64Array(cells.length);
      const values = cells.map((cell, k) => {
        const at = (list: Float64Array) => list.subarray(cell * width, (cell + 1) * width);
        entropies[cell] = entropyOf(at(probabilities));
        const wanted = entropyShare * Math.log(this.#choices(cell % decisions.length, point));
        entropyTarget += wanted;
        excesses[k] = entropies[cell]! - wanted;
        return softValue(at(probabilities), at(q1!), at(q2!), temperature) - temperature * wanted;
      });
      softTargets(rewards[row]!, values, excesses, { temperature, discount, lambda }).forEach((target, k) => {
        targets[cells[k]!] = target;
      });
    });
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
}
