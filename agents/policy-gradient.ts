// What PPO and REINFORCE share: proposing from the policy, the archive of the best, advantages, one optimiser step, and
// everything that a checkpoint holds. The algorithms themselves are in ppo.ts and reinforce.ts.
import * as tf from "@tensorflow/tfjs";
import type { Agent, Diagnostics, PolicyProbabilities, Prior, PriorReport, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { type RandomState, RandomStream } from "../src/core/rng.js";
import type { Space } from "../src/core/space.js";
import type { Candidate, Trial } from "../src/core/trial.js";
import { initBackend } from "../src/tensors/backend.js";
import { rolloutDiagnostics } from "./diagnostics.js";
import { EliteArchive } from "./elite-archive.js";
import { imitationLoss } from "./losses/surrogate.js";
import { Adam } from "./optim/adam.js";
import { scheduled } from "./optim/schedule.js";
import { AutoregressivePolicy } from "./policy/autoregressive.js";
import { FactorisedPolicy } from "./policy/factorised.js";
import { LstmPolicy } from "./policy/lstm.js";
import { type Policy, probabilitiesOf, type Samples } from "./policy/policy.js";
import { adaptedOutputs, learntOutputs } from "./policy/transfer.js";
import type { PolicyGradientOptions } from "./policy-gradient-options.js";
import { priorPoints } from "./prior.js";
import { spaceSignature, stateOf } from "./signature.js";
import { RecentPoints } from "./variation.js";

/** The samples of one batch, as the algorithm sees them. */
export interface Rollout {
  readonly codes: readonly Int32Array[];
  /** of the policy that drew them, shape [count] */
  readonly logProbs: Float64Array;
  readonly trials: readonly Trial[];
  /** shape [count] */
  readonly advantages: Float64Array;
}

/** What an algorithm adds to the shared agent. */
export interface Algorithm {
  readonly name: string;
  /** A_i of a batch; may keep a baseline. */
  advantages(trials: readonly Trial[]): Float64Array;
  /** Optimiser steps on one batch. */
  update(learner: Learner, rollout: Rollout): Diagnostics;
  /** the baseline, where one is kept */
  state(): StateTree;
  restore(state: StateTree): void;
}

/** One loss on some rows of a rollout: gets log-probabilities, the old ones, and A_i / count, each of shape [rows + elites]. */
export type PolicyLoss = (logProb: tf.Tensor1D, oldLogProb: tf.Tensor1D, weights: tf.Tensor1D) => tf.Scalar;

export interface LearnerStep {
  readonly policyLoss: number;
  readonly imitationLoss: number;
  readonly gradNorm: number;
  /** of the rows before the step, nats, shape [rows] */
  readonly logProbs: Float32Array;
}

/** Takes optimiser steps on the policy: policy loss, entropy bonus and imitation in one pass. */
export class Learner {
  /** order of the minibatches */
  shuffleStream: RandomStream;
  readonly learningRate: number;
  readonly entropyCoefficient: number;
  readonly #policy: Policy;
  readonly #adam: Adam;
  readonly #elites: readonly Int32Array[];
  readonly #imitationCoefficient: number;

  constructor(
    policy: Policy,
    adam: Adam,
    elites: readonly Int32Array[],
    shuffleStream: RandomStream,
    rates: { learningRate: number; entropyCoefficient: number; imitationCoefficient: number },
  ) {
    this.#policy = policy;
    this.#adam = adam;
    this.#elites = rates.imitationCoefficient > 0 ? elites : [];
    this.shuffleStream = shuffleStream;
    this.learningRate = rates.learningRate;
    this.entropyCoefficient = rates.entropyCoefficient;
    this.#imitationCoefficient = rates.imitationCoefficient;
  }

  /** The tensors of some rows of a rollout, the elites behind them; reusable over epochs. */
  prepare({ codes, logProbs, advantages }: Rollout, rows: readonly number[]) {
    const elites = this.#elites;
    const size = rows.length + elites.length;
    const vector = (of: (row: number) => number, elite: number) =>
      tf.tensor1d(Float32Array.from({ length: size }, (_, i) => (i < rows.length ? of(rows[i]!) : elite)));
    const batch = this.#policy.batch([...rows.map((row) => codes[row]!), ...elites]);
    const tensors = {
      old: vector((row) => logProbs[row]!, 0),
      weights: vector((row) => advantages[row]! / rows.length, 0),
      entropyWeights: vector(() => this.entropyCoefficient / rows.length, 0),
      imitationWeights: vector(() => 0, this.#imitationCoefficient / Math.max(1, elites.length)),
    };
    const dispose = () => {
      batch.dispose();
      tf.dispose(tensors);
    };
    return { batch, rowCount: rows.length, ...tensors, dispose };
  }

  /** One optimiser step. @throws CosearchError AGENT_DIVERGED, nothing changed */
  step(prepared: ReturnType<Learner["prepare"]>, policyLoss: PolicyLoss): LearnerStep {
    const { batch, rowCount, old, weights, entropyWeights, imitationWeights } = prepared;
    let parts: tf.Tensor1D | undefined;
    try {
      const { gradNorm } = this.#adam.minimise(() => {
        const { logProb, entropy } = this.#policy.evaluate(batch);
        const policy = policyLoss(logProb, old, weights);
        const imitation = imitationLoss(logProb, imitationWeights);
        const bonus = tf.sum(tf.mul(entropy, entropyWeights)) as tf.Scalar;
        parts = tf.keep(tf.concat([tf.stack([policy, imitation]) as tf.Tensor1D, logProb]));
        return tf.sub(tf.add(policy, imitation), bonus) as tf.Scalar;
      }, this.learningRate);
      const values = parts!.dataSync() as Float32Array;
      return {
        policyLoss: values[0]!,
        imitationLoss: values[1]! / Math.max(1e-12, this.#imitationCoefficient),
        gradNorm,
        logProbs: values.slice(2, 2 + rowCount),
      };
    } finally {
      parts?.dispose();
    }
  }

  /** Log-probabilities of prepared rows under the policy as it is now, nats, shape [rows]. */
  logProbs(prepared: ReturnType<Learner["prepare"]>): Float32Array {
    return tf.tidy(() =>
      this.#policy.evaluate(prepared.batch).logProb.dataSync().slice(0, prepared.rowCount),
    ) as Float32Array;
  }
}

/** Builds the agent; loads the tensor backend when none is set. @throws CosearchError SPACE_EMPTY */
export async function createPolicyGradientAgent(
  space: Space,
  seed: number,
  options: PolicyGradientOptions,
  algorithm: Algorithm,
): Promise<Agent> {
  if (space.decisions.length === 0) {
    throw new CosearchError("SPACE_EMPTY", `space ${space.name} leaves agent ${algorithm.name} nothing to decide`);
  }
  await initBackend();
  return new PolicyGradientAgent(space, seed, options, algorithm);
}

class PolicyGradientAgent implements Agent {
  readonly name: string;
  readonly #space: Space;
  readonly #options: PolicyGradientOptions;
  readonly #algorithm: Algorithm;
  readonly #policy: Policy;
  readonly #adam: Adam;
  readonly #archive: EliteArchive;
  #sampleStream: RandomStream;
  #shuffleStream: RandomStream;
  readonly #recent = new RecentPoints();
  #trials = 0;
  /** points of an earlier run that are tried first */
  #prior: Int32Array[] = [];
  #pending: Samples | undefined;
  #policyProbabilities: PolicyProbabilities | undefined;

  constructor(space: Space, seed: number, options: PolicyGradientOptions, algorithm: Algorithm) {
    this.name = algorithm.name;
    this.#space = space;
    this.#options = options;
    this.#algorithm = algorithm;
    this.#policy = policyOf(space, seed, `agent/${this.name}/weights`, options);
    this.#adam = new Adam(this.#policy.parameters, {
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      maxGradNorm: options.maxGradNorm,
    });
    this.#archive = new EliteArchive(options.imitationSize);
    this.#sampleStream = RandomStream.of(seed, `agent/${this.name}/sample`);
    this.#shuffleStream = RandomStream.of(seed, `agent/${this.name}/shuffle`);
  }

  propose(count: number): readonly Candidate[] {
    this.#pending = this.#drawn(count);
    return this.#pending.codes.map((codes) => this.#space.decode(codes));
  }

  /** Prior points, then draws from the policy; what was proposed before is drawn again at rising temperature. */
  #drawn(count: number): Samples {
    const { redraws, redrawHeat } = this.#options;
    const samples = this.#policy.sample(count, this.#sampleStream);
    const codes = [...samples.codes];
    const logProbs = samples.logProbs;
    const prior = this.#prior.splice(0, count);
    if (prior.length > 0) {
      codes.splice(0, prior.length, ...prior);
      logProbs.set(this.#policy.logProbs(prior));
    }
    for (let attempt = 1; attempt <= redraws; attempt++) {
      const repeated = this.#repeatedRows(codes);
      if (repeated.length === 0) break;
      const again = this.#policy.sample(repeated.length, this.#sampleStream, 1 + attempt * redrawHeat);
      repeated.forEach((row, i) => {
        codes[row] = again.codes[i]!;
        logProbs[row] = again.logProbs[i]!;
      });
    }
    for (const point of codes) this.#recent.add(point);
    return { ...samples, codes, logProbs };
  }

  /** Rows that were proposed before, or earlier in this batch. */
  #repeatedRows(codes: readonly Int32Array[]): number[] {
    const seen = new Set<string>();
    return codes.flatMap((point, row) => {
      const key = this.#space.key(point);
      const isRepeated = seen.has(key) || this.#recent.has(point);
      seen.add(key);
      return isRepeated ? [row] : [];
    });
  }

  /** Takes over the weights of what the earlier run knew, and tries its best designs first. */
  warmStart(prior: Prior): PriorReport {
    const { points, report } = priorPoints(this.#space, prior, this.#sampleStream);
    this.#prior = points;
    const learnt = learntOutputs(prior.state);
    if (learnt !== undefined) this.#adam.setWeights("outputBiases", adaptedOutputs(this.#policy.layout, learnt));
    return report;
  }

  observe(trials: readonly Trial[]): Diagnostics {
    const samples = this.#pending;
    if (samples === undefined || samples.codes.length !== trials.length) {
      const proposed = samples?.codes.length ?? 0;
      throw new CosearchError(
        "AGENT_BAD_STATE",
        `agent ${this.name}: ${trials.length} trials observed after a proposal of ${proposed}`,
      );
    }
    const rollout = rolloutDiagnostics(trials);
    if (trials.length === 0) return rollout;
    const options = this.#options;
    const at = this.#trials;
    const schedule = (start: number, kind: typeof options.learningRateSchedule) =>
      scheduled(kind, start, at, options.scheduleHorizonTrials, options.scheduleEndFraction);
    const baseline = this.#algorithm.state();
    const archive = this.#archive.state();
    const shuffle = this.#shuffleStream.state();
    try {
      this.#archive.add(samples.codes, trials);
      const learner = new Learner(this.#policy, this.#adam, this.#archive.codes, this.#shuffleStream, {
        learningRate: schedule(options.learningRate, options.learningRateSchedule),
        entropyCoefficient: schedule(options.entropyCoefficient, options.entropySchedule),
        imitationCoefficient: options.imitationCoefficient,
      });
      const advantages = this.#algorithm.advantages(trials);
      const batch = { codes: samples.codes, logProbs: samples.logProbs, trials, advantages };
      const update = this.#adam.transaction(() => this.#algorithm.update(learner, batch));
      this.#trials += trials.length;
      this.#pending = undefined;
      this.#policyProbabilities = probabilitiesOf(this.#policy.layout, samples.marginals);
      return { ...rollout, ...entropyDiagnostics(samples), ...rateDiagnostics(learner), ...update };
    } catch (error) {
      this.#algorithm.restore(baseline);
      this.#archive.restore(archive);
      this.#shuffleStream = RandomStream.from(shuffle);
      throw error;
    }
  }

  policy(): PolicyProbabilities | undefined {
    return this.#policyProbabilities;
  }

  state(): StateTree {
    return {
      agent: this.name,
      space: spaceSignature(this.#space),
      optimiser: this.#adam.state(),
      baseline: this.#algorithm.state(),
      archive: this.#archive.state(),
      trials: this.#trials,
      recent: this.#recent.state(),
      prior: [...this.#prior],
      sampleStream: this.#sampleStream.state(),
      shuffleStream: this.#shuffleStream.state(),
    };
  }

  restore(state: StateTree): void {
    const fields = stateOf(state, this.name, this.#space);
    this.#adam.restore(fields.optimiser ?? null);
    this.#algorithm.restore(fields.baseline ?? null);
    this.#archive.restore(fields.archive ?? null);
    this.#trials = fields.trials as number;
    this.#recent.restore(fields.recent);
    this.#prior = [...(fields.prior as Int32Array[])];
    this.#sampleStream = RandomStream.from(fields.sampleStream as RandomState);
    this.#shuffleStream = RandomStream.from(fields.shuffleStream as RandomState);
    this.#pending = undefined;
  }

  dispose(): void {
    this.#adam.dispose();
    this.#policy.dispose();
  }
}

function policyOf(space: Space, seed: number, label: string, options: PolicyGradientOptions): Policy {
  switch (options.policy) {
    case "autoregressive":
      return new AutoregressivePolicy(space, seed, label, options);
    case "factorised":
      return new FactorisedPolicy(space);
    case "lstm":
      return new LstmPolicy(space, seed, label, options);
  }
}

function entropyDiagnostics(samples: Samples): Diagnostics {
  return {
    "train/entropy": samples.entropyPerDecision,
    ...Object.fromEntries(
      Object.entries(samples.entropyPerGroup).map(([group, entropy]) => [`train/entropy_${group}`, entropy]),
    ),
  };
}

function rateDiagnostics(learner: Learner): Diagnostics {
  return {
    "train/learning_rate": learner.learningRate,
    "train/entropy_coefficient": learner.entropyCoefficient,
  };
}
