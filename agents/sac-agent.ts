// Discrete SAC (sac.ts) as an agent: it draws from the actor, keeps the replay, and lets the learner take its steps.
import type { Agent, Diagnostics, PolicyProbabilities, Prior, PriorReport, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { type RandomState, RandomStream } from "../src/core/rng.js";
import type { Space } from "../src/core/space.js";
import { type Candidate, isFeasible, type Trial, violationOf } from "../src/core/trial.js";
import { comparePoints, type Point, packPoints, unpackPoints } from "./black-box.js";
import { entropyDiagnostics, rolloutDiagnostics } from "./diagnostics.js";
import { rankScores } from "./losses/soft-values.js";
import { scheduled } from "./optim/schedule.js";
import { probabilitiesOf, type Samples } from "./policy/policy.js";
import { adaptedOutputs, learntOutputs } from "./policy/transfer.js";
import { priorPoints } from "./prior.js";
import { type Drawing, drawCandidates } from "./redraws.js";
import type { SacOptions } from "./sac.js";
import { type Episodes, SacLearner } from "./sac-learner.js";
import { spaceSignature, stateOf } from "./signature.js";
import { RecentPoints } from "./variation.js";

/** Builds the agent. @throws CosearchError SPACE_EMPTY, BACKEND_UNAVAILABLE */
export function createSacAgent(space: Space, seed: number, options: SacOptions): Agent {
  if (space.decisions.length === 0) {
    throw new CosearchError("SPACE_EMPTY", `space ${space.name} leaves agent sac nothing to decide`);
  }
  return new SacAgent(space, seed, options);
}

class SacAgent implements Agent {
  readonly name = "sac";
  readonly #space: Space;
  readonly #options: SacOptions;
  readonly #learner: SacLearner;
  #sampleStream: RandomStream;
  #replayStream: RandomStream;
  readonly #recent = new RecentPoints();
  /** oldest first */
  #replay: Point[] = [];
  #trials = 0;
  /** points of an earlier run that are tried first */
  #prior: Int32Array[] = [];
  #pending: Samples | undefined;
  #policyProbabilities: PolicyProbabilities | undefined;

  constructor(space: Space, seed: number, options: SacOptions) {
    this.#space = space;
    this.#options = options;
    this.#learner = new SacLearner(space, seed, options);
    this.#sampleStream = RandomStream.of(seed, "agent/sac/sample");
    this.#replayStream = RandomStream.of(seed, "agent/sac/replay");
  }

  propose(count: number): readonly Candidate[] {
    const streams = { space: this.#space, random: this.#sampleStream, recent: this.#recent };
    // the actor draws only; prior points need no log-probability, since the learner looks at the replay alone
    const actor: Drawing = {
      sample: (size, random, temperature) => this.#learner.actor.sample(size, random, temperature),
      logProbs: (points) => new Float64Array(points.length),
    };
    this.#pending = drawCandidates(streams, actor, count, this.#prior.splice(0, count), this.#options);
    return this.#pending.codes.map((codes) => this.#space.decode(codes));
  }

  observe(trials: readonly Trial[]): Diagnostics {
    const samples = this.#pending;
    if (samples === undefined || samples.codes.length !== trials.length) {
      const what = `${trials.length} trials observed after a proposal of ${samples?.codes.length ?? 0}`;
      throw new CosearchError("AGENT_BAD_STATE", `agent sac: ${what}`);
    }
    const rollout = rolloutDiagnostics(trials);
    if (trials.length === 0) return rollout;
    const { targetEntropy, entropySchedule, scheduleHorizonTrials, scheduleEndFraction } = this.#options;
    const target = scheduled(entropySchedule, targetEntropy, this.#trials, scheduleHorizonTrials, scheduleEndFraction);
    const [replay, stream] = [this.#replay, this.#replayStream.state()];
    try {
      const points = trials.map((trial, i): Point => {
        const violation = violationOf(trial.infeasible);
        return { codes: samples.codes[i]!, reward: trial.reward, feasible: isFeasible(trial), violation };
      });
      this.#replay = [...replay, ...points].slice(-this.#options.replaySize);
      const learnt = this.#learner.learn(this.#minibatches(), target);
      this.#trials += trials.length;
      this.#pending = undefined;
      this.#policyProbabilities = probabilitiesOf(this.#learner.layout, samples.marginals);
      return { ...rollout, ...entropyDiagnostics(samples), ...learnt };
    } catch (error) {
      this.#replay = replay;
      this.#replayStream = RandomStream.from(stream);
      throw error;
    }
  }

  /** Drawn from the replay with repetition. */
  #minibatches(): Episodes[] {
    const { stepsPerBatch, minibatchSize } = this.#options;
    const worth = this.#worth();
    return Array.from({ length: stepsPerBatch }, () => {
      const size = Math.min(minibatchSize, this.#replay.length);
      const places = Array.from({ length: size }, () => this.#replayStream.integer(this.#replay.length));
      return { codes: places.map((i) => this.#replay[i]!.codes), rewards: places.map((i) => worth[i]!) };
    });
  }

  /** What each candidate of the replay is worth as a reward. */
  #worth(): Float64Array {
    if (this.#options.reward === "rank") return rankScores(this.#replay, comparePoints);
    const rewards = Float64Array.from(this.#replay, ({ reward }) => reward);
    const mean = rewards.reduce((sum, r) => sum + r, 0) / rewards.length;
    const deviation = Math.sqrt(rewards.reduce((sum, r) => sum + (r - mean) ** 2, 0) / rewards.length);
    return rewards.map((r) => (deviation > 0 ? (r - mean) / deviation : 0));
  }

  policy(): PolicyProbabilities | undefined {
    return this.#policyProbabilities;
  }

  /** Takes over the output biases of a policy that the earlier run had, and tries its best designs first. */
  warmStart(prior: Prior): PriorReport {
    const { points, report } = priorPoints(this.#space, prior, this.#sampleStream);
    this.#prior = points;
    const learnt = learntOutputs(prior.state);
    if (learnt !== undefined) this.#learner.setOutputs(adaptedOutputs(this.#learner.layout, learnt));
    return report;
  }

  state(): StateTree {
    return {
      agent: this.name,
      space: spaceSignature(this.#space),
      ...this.#learner.state(),
      replay: packPoints(this.#replay),
      trials: this.#trials,
      recent: this.#recent.state(),
      prior: [...this.#prior],
      sampleStream: this.#sampleStream.state(),
      replayStream: this.#replayStream.state(),
    };
  }

  restore(state: StateTree): void {
    const fields = stateOf(state, this.name, this.#space);
    this.#learner.restore(fields);
    this.#replay = unpackPoints(fields.replay);
    this.#trials = fields.trials as number;
    this.#recent.restore(fields.recent);
    this.#prior = [...(fields.prior as Int32Array[])];
    this.#sampleStream = RandomStream.from(fields.sampleStream as RandomState);
    this.#replayStream = RandomStream.from(fields.replayStream as RandomState);
    this.#pending = undefined;
  }

  dispose(): void {} // plain arrays: nothing to give back
}
