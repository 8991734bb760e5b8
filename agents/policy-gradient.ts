// What PPO and REINFORCE share: proposing from the policy, the archive of the best, advantages, one optimiser step, and
// everything that a checkpoint holds. The algorithms themselves are in ppo.ts and reinforce.ts.
import type { Agent, Diagnostics, PolicyProbabilities, Prior, PriorReport, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { type RandomState, RandomStream } from "../src/core/rng.js";
import type { Space } from "../src/core/space.js";
import type { Candidate, Trial } from "../src/core/trial.js";
import { type Point, pointOf } from "./black-box.js";
import { carriedTrials } from "./carried-trials.js";
import { entropyDiagnostics, rolloutDiagnostics } from "./diagnostics.js";
import { EarlierTrials } from "./earlier-trials.js";
import { EliteArchive } from "./elite-archive.js";
import { imitationLoss, type Loss } from "./losses/surrogate.js";
import { Adam } from "./optim/adam.js";
import { scheduled } from "./optim/schedule.js";
import { AutoregressivePolicy } from "./policy/autoregressive.js";
import { FactorisedPolicy } from "./policy/factorised.js";
import { LstmPolicy } from "./policy/lstm.js";
import { type Context, type Policy, probabilitiesOf } from "./policy/policy.js";
import { adaptedOutputs, learntOutputs, SHARPNESS } from "./policy/transfer.js";
import type { PolicyGradientOptions } from "./policy-gradient-options.js";
import { priorPoints } from "./prior.js";
import type { RedrawSettings } from "./redraws.js";
import { PARENTS, type Screened, Screening, type ScreeningSettings } from "./screening.js";
import { spaceSignature, stateOf } from "./signature.js";
import { ValueBaseline } from "./value-baseline.js";
import { RecentPoints } from "./variation.js";

/** The samples of one batch, as the algorithm sees them. */
export interface Rollout {
  readonly codes: readonly Int32Array[];
  /** of the policy that drew them, shape [count] */
  readonly logProbs: Float64Array;
  readonly trials: readonly Trial[];
  /** shape [count] */
  readonly advantages: Float64Array;
  /** instead of those, where a value network judges each decision; both of shape [count * decisions] */
  readonly perDecision?: { readonly advantages: Float64Array; readonly logProbs: Float64Array };
  /** what the policy was told with each candidate */
  readonly context?: Context | undefined;
}

/** Candidates to be imitated. */
export interface Elites {
  readonly codes: readonly Int32Array[];
  readonly context?: Context | undefined;
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

/** One loss on some rows of a rollout: gets log-probabilities, the old ones, and A_i / count, each of shape [rows + elites], or
 *  [(rows + elites) * decisions] where decisions have advantages of their own. */
export type PolicyLoss = (logProb: Float64Array, oldLogProb: Float64Array, weights: Float64Array) => Loss;

export interface LearnerStep {
  readonly policyLoss: number;
  readonly imitationLoss: number;
  readonly gradNorm: number;
  /** of the rows before the step, nats, shape [rows] */
  readonly logProbs: Float64Array;
}

/** Takes optimiser steps on the policy: policy loss, entropy bonus and imitation in one pass. */
export class Learner {
  /** order of the minibatches */
  shuffleStream: RandomStream;
  readonly learningRate: number;
  readonly entropyCoefficient: number;
  readonly #policy: Policy;
  readonly #adam: Adam;
  readonly #elites: Elites;
  readonly #imitationCoefficient: number;

  constructor(
    policy: Policy,
    adam: Adam,
    elites: Elites,
    shuffleStream: RandomStream,
    rates: { learningRate: number; entropyCoefficient: number; imitationCoefficient: number },
  ) {
    this.#policy = policy;
    this.#adam = adam;
    this.#elites = rates.imitationCoefficient > 0 ? elites : { codes: [] };
    this.shuffleStream = shuffleStream;
    this.learningRate = rates.learningRate;
    this.entropyCoefficient = rates.entropyCoefficient;
    this.#imitationCoefficient = rates.imitationCoefficient;
  }

  /** Some rows of a rollout as the steps read them, the elites behind them; reusable over epochs. */
  prepare({ codes, logProbs, advantages, perDecision, context }: Rollout, rows: readonly number[]) {
    const elites = this.#elites;
    const size = rows.length + elites.codes.length;
    const told = context && [...rows.map((row) => context[row]!), ...(elites.context ?? [])];
    const batch = this.#policy.batch([...rows.map((row) => codes[row]!), ...elites.codes], told);
    const decisions = perDecision === undefined ? 1 : this.#policy.layout.decisions.length;
    const perRow = (values: Float64Array, scale: number) => {
      const found = new Float64Array(size * decisions);
      rows.forEach((row, i) => {
        for (let d = 0; d < decisions; d++) found[i * decisions + d] = scale * values[row * decisions + d]!;
      });
      return found;
    };
    const share = 1 / rows.length;
    return {
      batch,
      rowCount: rows.length,
      isPerDecision: perDecision !== undefined,
      old: perRow(perDecision?.logProbs ?? logProbs, 1),
      weights: perRow(perDecision?.advantages ?? advantages, share),
      entropyWeights: new Float64Array(size).fill(this.entropyCoefficient * share, 0, rows.length),
      imitationWeights: new Float64Array(size).fill(
        this.#imitationCoefficient / Math.max(1, elites.codes.length),
        rows.length,
      ),
    };
  }

  /** One optimiser step. @throws CosearchError AGENT_DIVERGED, nothing changed */
  step(prepared: ReturnType<Learner["prepare"]>, policyLoss: PolicyLoss): LearnerStep {
    const { batch, rowCount, isPerDecision, old, weights, entropyWeights, imitationWeights } = prepared;
    const decisions = this.#policy.layout.decisions.length;
    let [policy, imitation, bonus] = [0, 0, 0];
    let logProbs = new Float64Array(0);
    this.#policy.differentiate(batch, ({ logProb, decisionLogProbs, entropy }) => {
      const wanted = policyLoss(isPerDecision ? decisionLogProbs : logProb, old, weights);
      const imitated = imitationLoss(logProb, imitationWeights);
      [policy, imitation, bonus] = [wanted.value, imitated.value, 0];
      const slopes = new Float64Array(decisionLogProbs.length);
      for (let cell = 0; cell < slopes.length; cell++) {
        const row = Math.floor(cell / decisions);
        slopes[cell] = wanted.slopes[isPerDecision ? cell : row]! + imitated.slopes[row]!;
      }
      for (let row = 0; row < batch.count; row++) bonus += entropy[row]! * entropyWeights[row]!;
      logProbs = logProb.slice(0, rowCount);
      return { decisionLogProbs: slopes, entropy: entropyWeights.map((weight) => -weight) };
    });
    const { gradNorm } = this.#adam.step(policy + imitation - bonus, this.learningRate);
    return {
      policyLoss: policy,
      imitationLoss: imitation / Math.max(1e-12, this.#imitationCoefficient),
      gradNorm,
      logProbs,
    };
  }

  /** Log-probabilities of prepared rows under the policy as it is now, nats, shape [rows]. */
  logProbs({ batch, rowCount }: ReturnType<Learner["prepare"]>): Float64Array {
    return this.#policy.evaluate(batch).logProb.slice(0, rowCount);
  }
}

/** What the agent reads of an algorithm's options. */
type AgentOptions = PolicyGradientOptions & { readonly baseline: string } & Partial<ScreeningSettings>;

/** Builds the agent. @throws CosearchError SPACE_EMPTY, BACKEND_UNAVAILABLE */
export function createPolicyGradientAgent(
  space: Space,
  seed: number,
  options: AgentOptions,
  algorithm: Algorithm,
): Agent {
  if (space.decisions.length === 0) {
    throw new CosearchError("SPACE_EMPTY", `space ${space.name} leaves agent ${algorithm.name} nothing to decide`);
  }
  return new PolicyGradientAgent(space, seed, options, algorithm);
}

/** What an algorithm without these options does. */
const NO_SCREENING: Omit<ScreeningSettings, keyof RedrawSettings> = {
  screening: 1,
  screenedFraction: 0,
  childFraction: 0,
};

class PolicyGradientAgent implements Agent {
  readonly name: string;
  readonly #space: Space;
  readonly #options: PolicyGradientOptions;
  readonly #algorithm: Algorithm;
  readonly #policy: Policy;
  readonly #adam: Adam;
  readonly #archive: EliteArchive;
  /** where a value network is the baseline */
  readonly #value: ValueBaseline | undefined;
  #sampleStream: RandomStream;
  #shuffleStream: RandomStream;
  readonly #recent = new RecentPoints();
  #trials = 0;
  /** points of an earlier run that are tried first */
  #prior: Int32Array[] = [];
  /** its other trials, until it is known what they say about this run */
  #earlier: EarlierTrials | undefined;
  readonly #screening: Screening;
  #pending: Screened | undefined;
  #policyProbabilities: PolicyProbabilities | undefined;

  constructor(space: Space, seed: number, options: AgentOptions, algorithm: Algorithm) {
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
    if (options.baseline === "value") {
      this.#value = new ValueBaseline(this.#policy.layout, seed, `agent/${this.name}/value`, options);
    }
    this.#archive = new EliteArchive(Math.max(options.imitationSize, PARENTS));
    this.#screening = new Screening(space, { ...NO_SCREENING, ...options });
    this.#sampleStream = RandomStream.of(seed, `agent/${this.name}/sample`);
    this.#shuffleStream = RandomStream.of(seed, `agent/${this.name}/shuffle`);
  }

  propose(count: number): readonly Candidate[] {
    const streams = { space: this.#space, random: this.#sampleStream, recent: this.#recent };
    const first = this.#prior.splice(0, count);
    this.#pending = this.#screening.propose(streams, this.#policy, count, first, this.#archive.codes);
    return this.#pending.codes.map((codes) => this.#space.decode(codes));
  }

  /** Takes over the weights of what the earlier run knew, and tries its best designs first; where its trials still hold, takes
   *  those over instead. */
  warmStart(prior: Prior): PriorReport {
    const { points, report } = priorPoints(this.#space, prior, this.#sampleStream);
    const known = prior.stillHolds === true ? carriedTrials(prior, this.#space) : undefined;
    if (known === undefined) {
      this.#prior = points;
      this.#earlier = new EarlierTrials(this.#space, prior);
    } else {
      this.#archive.restore(known.archive);
      this.#screening.restore(known.screening);
      for (const codes of known.points) this.#recent.add(codes);
    }
    const learnt = learntOutputs(prior.state);
    const sharpness = known === undefined ? SHARPNESS : 1;
    if (learnt !== undefined) {
      this.#adam.setWeights("outputBiases", adaptedOutputs(this.#policy.layout, learnt, sharpness));
    }
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
    const value = this.#value?.state();
    const shuffle = this.#shuffleStream.state();
    try {
      this.#archive.add(samples.codes, trials);
      const elites = { codes: this.#archive.models(options.imitationSize) };
      const learner = new Learner(this.#policy, this.#adam, elites, this.#shuffleStream, {
        learningRate: schedule(options.learningRate, options.learningRateSchedule),
        entropyCoefficient: schedule(options.entropyCoefficient, options.entropySchedule),
        imitationCoefficient: options.imitationCoefficient,
      });
      const advantages = this.#algorithm.advantages(trials);
      const drawn = trials.length - samples.childCount; // the policy is not judged by what it did not draw
      const batch: Rollout = {
        codes: samples.codes.slice(0, drawn),
        logProbs: samples.logProbs.slice(0, drawn),
        trials: trials.slice(0, drawn),
        advantages: advantages.slice(0, drawn),
      };
      const judged = this.#value?.judge(batch.codes, batch.trials);
      const perDecision = judged && {
        advantages: judged.advantages,
        logProbs: this.#policy.evaluate(this.#policy.batch(batch.codes)).decisionLogProbs,
      };
      const update = this.#adam.transaction(() =>
        this.#algorithm.update(learner, perDecision === undefined ? batch : { ...batch, perDecision }),
      );
      const points = trials.map((trial, i) => pointOf(samples.codes[i]!, trial));
      this.#screening.learn(points);
      this.#heed(points);
      this.#trials += trials.length;
      this.#pending = undefined;
      this.#policyProbabilities = probabilitiesOf(this.#policy.layout, samples.marginals);
      return {
        ...rollout,
        ...entropyDiagnostics(samples),
        ...rateDiagnostics(learner),
        ...update,
        ...judged?.diagnostics,
      };
    } catch (error) {
      this.#algorithm.restore(baseline);
      this.#archive.restore(archive);
      this.#value?.restore(value);
      this.#shuffleStream = RandomStream.from(shuffle);
      throw error;
    }
  }

  /** Takes over the trials of an earlier run, once the designs that were to be tried again show what they are worth now. */
  #heed(points: readonly Point[]): void {
    if (this.#earlier === undefined) return;
    const advice = this.#earlier.next(points, this.#prior.length === 0);
    if (advice === undefined) return;
    if ("again" in advice) {
      this.#prior = advice.again;
      return;
    }
    this.#earlier = undefined;
    const { believed, isMoved } = advice;
    if (isMoved) this.#flatten();
    if (believed.length === 0) return;
    this.#archive.add(
      believed.map(({ codes }) => codes),
      believed.map((point, i) => trialOf(point, i - believed.length)),
    );
    this.#screening.learn(believed);
  }

  /** The best is elsewhere now: what was learnt about each knob counts half as much once more. */
  #flatten(): void {
    const biases = this.#policy.parameters.find(({ name }) => name === "outputBiases");
    if (biases !== undefined)
      this.#adam.setWeights(
        "outputBiases",
        biases.values.map((value) => SHARPNESS * value),
      );
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
      value: this.#value?.state(),
      archive: this.#archive.state(),
      trials: this.#trials,
      recent: this.#recent.state(),
      prior: [...this.#prior],
      earlier: this.#earlier?.state(),
      screening: this.#screening.state(),
      sampleStream: this.#sampleStream.state(),
      shuffleStream: this.#shuffleStream.state(),
    };
  }

  restore(state: StateTree): void {
    const fields = stateOf(state, this.name, this.#space);
    this.#adam.restore(fields.optimiser ?? null);
    this.#algorithm.restore(fields.baseline ?? null);
    this.#value?.restore(fields.value);
    this.#archive.restore(fields.archive ?? null);
    this.#trials = fields.trials as number;
    this.#recent.restore(fields.recent);
    this.#prior = [...(fields.prior as Int32Array[])];
    this.#earlier = fields.earlier === undefined ? undefined : EarlierTrials.restored(this.#space, fields.earlier);
    this.#screening.restore(fields.screening);
    this.#sampleStream = RandomStream.from(fields.sampleStream as RandomState);
    this.#shuffleStream = RandomStream.from(fields.shuffleStream as RandomState);
    this.#pending = undefined;
  }

  dispose(): void {} // plain arrays: nothing to give back
}

/** A point as the archive wants it. */
function trialOf({ reward, feasible, violation }: Point, trial: number): Trial {
  const violations = [{ subject: "earlier", needed: 1 + violation, available: 1, unit: "" }];
  const infeasible = { code: "limit", reason: "as an earlier run's metrics say", violations };
  return { trial, candidate: {}, reward, ...(!feasible && { infeasible }) };
}

/** @param contextSize numbers that the policy is told with each candidate */
export function policyOf(
  space: Space,
  seed: number,
  label: string,
  options: PolicyGradientOptions,
  contextSize = 0,
): Policy {
  switch (options.policy) {
    case "autoregressive":
      return new AutoregressivePolicy(space, seed, label, options, contextSize);
    case "factorised":
      return new FactorisedPolicy(space, contextSize);
    case "lstm":
      return new LstmPolicy(space, seed, label, options, contextSize);
  }
}

export function rateDiagnostics(learner: Learner): Diagnostics {
  return {
    "train/learning_rate": learner.learningRate,
    "train/entropy_coefficient": learner.entropyCoefficient,
  };
}
