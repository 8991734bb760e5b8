// PPO for several objectives at once: the policy is told a preference over them, so one controller holds a whole front. Every
// candidate is drawn for a preference of its own and judged by it: which share of the latest trials would be worse for that
// preference. The best of the front for random preferences are imitated, each told the preference that it is best for.
// Papers: Abels et al. 2019, arXiv:1809.07803 (a network conditioned on the weights); Yang et al. 2019, arXiv:1908.08342
// (relabelling with other preferences); Lin et al. 2022, "Pareto set learning", arXiv:2203.15386 (one model for the front).
import type { Agent, Diagnostics, PolicyProbabilities, Prior, PriorReport, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { type RandomState, RandomStream } from "../src/core/rng.js";
import type { Space } from "../src/core/space.js";
import type { Candidate, Trial } from "../src/core/trial.js";
import { entropyDiagnostics, rolloutDiagnostics } from "./diagnostics.js";
import { normalisedAdvantages } from "./losses/advantages.js";
import { Adam } from "./optim/adam.js";
import { scheduled } from "./optim/schedule.js";
import { type Policy, probabilitiesOf, type Samples } from "./policy/policy.js";
import { adaptedOutputs, learntOutputs } from "./policy/transfer.js";
import { type Algorithm, type Elites, Learner, policyOf, rateDiagnostics } from "./policy-gradient.js";
import type { PolicyGradientOptions } from "./policy-gradient-options.js";
import {
  drawPreference,
  FrontArchive,
  featureCount,
  type Objective,
  parseObjectives,
  preferenceFeatures,
  type Remembered,
  remembered,
  scalarised,
} from "./preferences.js";
import { priorPoints } from "./prior.js";
import { drawCandidates } from "./redraws.js";
import { spaceSignature, stateOf } from "./signature.js";
import { RecentPoints } from "./variation.js";

export interface PreferenceSettings {
  readonly objectives: string;
  readonly scalarisation: "chebyshev" | "weighted";
  readonly preferenceConcentration: number;
}

/** Latest trials that a candidate is compared with. */
const MEMORY_TRIALS = 256;
const FRONT_CAPACITY = 200;

type Options = PolicyGradientOptions & PreferenceSettings;

/** Builds the agent. @throws CosearchError SPACE_EMPTY, BACKEND_UNAVAILABLE */
export function createPreferenceAgent(
  space: Space,
  seed: number,
  options: Options,
  algorithm: Pick<Algorithm, "name" | "update">,
): Agent {
  if (space.decisions.length === 0) {
    throw new CosearchError("SPACE_EMPTY", `space ${space.name} leaves agent ${algorithm.name} nothing to decide`);
  }
  return new PreferenceAgent(space, seed, options, algorithm);
}

interface Pending extends Samples {
  readonly preferences: readonly (readonly number[])[];
}

class PreferenceAgent implements Agent {
  readonly name: string;
  readonly #space: Space;
  readonly #options: Options;
  readonly #algorithm: Pick<Algorithm, "name" | "update">;
  readonly #objectives: readonly Objective[];
  readonly #policy: Policy;
  readonly #adam: Adam;
  readonly #front = new FrontArchive(FRONT_CAPACITY);
  readonly #recent = new RecentPoints();
  /** the latest trials, oldest first */
  #memory: readonly Remembered[] = [];
  #sampleStream: RandomStream;
  #shuffleStream: RandomStream;
  #preferenceStream: RandomStream;
  #trials = 0;
  /** points of an earlier run that are tried first */
  #prior: Int32Array[] = [];
  #pending: Pending | undefined;
  #policyProbabilities: PolicyProbabilities | undefined;

  constructor(space: Space, seed: number, options: Options, algorithm: Pick<Algorithm, "name" | "update">) {
    this.name = algorithm.name;
    this.#space = space;
    this.#options = options;
    this.#algorithm = algorithm;
    this.#objectives = parseObjectives(options.objectives);
    const contextSize = featureCount(this.#objectives.length);
    this.#policy = policyOf(space, seed, `agent/${this.name}/weights`, options, contextSize);
    const { maxGradNorm } = options;
    this.#adam = new Adam(this.#policy.parameters, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, maxGradNorm });
    this.#sampleStream = RandomStream.of(seed, `agent/${this.name}/sample`);
    this.#shuffleStream = RandomStream.of(seed, `agent/${this.name}/shuffle`);
    this.#preferenceStream = RandomStream.of(seed, `agent/${this.name}/preference`);
  }

  propose(count: number): readonly Candidate[] {
    const streams = { space: this.#space, random: this.#sampleStream, recent: this.#recent };
    const preferences = Array.from({ length: count }, () => this.#drawPreference());
    const first = this.#prior.splice(0, count);
    const context = preferences.map(preferenceFeatures);
    const samples = drawCandidates(streams, this.#policy, count, first, this.#options, context);
    this.#pending = { ...samples, preferences };
    return samples.codes.map((codes) => this.#space.decode(codes));
  }

  #drawPreference(): number[] {
    return drawPreference(this.#objectives.length, this.#options.preferenceConcentration, this.#preferenceStream);
  }

  observe(trials: readonly Trial[]): Diagnostics {
    const pending = this.#pending;
    if (pending === undefined || pending.codes.length !== trials.length) {
      const what = `${trials.length} trials observed after a proposal of ${pending?.codes.length ?? 0}`;
      throw new CosearchError("AGENT_BAD_STATE", `agent ${this.name}: ${what}`);
    }
    const rollout = rolloutDiagnostics(trials);
    if (trials.length === 0) return rollout;
    const options = this.#options;
    const [at, memory] = [this.#trials, this.#memory];
    const schedule = (start: number, kind: typeof options.learningRateSchedule) =>
      scheduled(kind, start, at, options.scheduleHorizonTrials, options.scheduleEndFraction);
    const front = this.#front.state();
    const [shuffle, preference] = [this.#shuffleStream.state(), this.#preferenceStream.state()];
    try {
      const points = trials.map((trial, i) => remembered(pending.codes[i]!, trial, this.#objectives));
      this.#front.add(points);
      this.#memory = [...memory, ...points].slice(-MEMORY_TRIALS);
      const learner = new Learner(this.#policy, this.#adam, this.#elites(), this.#shuffleStream, {
        learningRate: schedule(options.learningRate, options.learningRateSchedule),
        entropyCoefficient: schedule(options.entropyCoefficient, options.entropySchedule),
        imitationCoefficient: options.imitationCoefficient,
      });
      const batch = {
        codes: pending.codes,
        logProbs: pending.logProbs,
        trials,
        advantages: normalisedAdvantages(points.map((point, i) => this.#standing(point, pending.preferences[i]!))),
        context: pending.preferences.map(preferenceFeatures),
      };
      const update = this.#adam.transaction(() => this.#algorithm.update(learner, batch));
      this.#trials += trials.length;
      this.#pending = undefined;
      this.#policyProbabilities = probabilitiesOf(this.#policy.layout, pending.marginals);
      const volume = this.#front.hypervolume();
      return {
        ...rollout,
        ...entropyDiagnostics(pending),
        ...rateDiagnostics(learner),
        ...update,
        ...(volume !== undefined && { "search/hypervolume": volume }),
      };
    } catch (error) {
      this.#front.restore(front);
      this.#memory = memory;
      this.#shuffleStream = RandomStream.from(shuffle);
      this.#preferenceStream = RandomStream.from(preference);
      throw error;
    }
  }

  /** Share of the latest trials that are worse than a point for a preference, less the share that are better. */
  #standing(point: Remembered, preference: readonly number[]): number {
    const own = this.#worth(point, preference);
    const sum = this.#memory.reduce((total, other) => total + Math.sign(this.#worth(other, preference) - own), 0);
    return sum / this.#memory.length;
  }

  /** Lower is better; whatever is infeasible stands behind all that is feasible, by its violation. */
  #worth({ costs, violation }: Remembered, preference: readonly number[]): number {
    if (costs === undefined) return 1e9 * (1 + violation);
    return scalarised(this.#front.scale(costs), preference, this.#options.scalarisation);
  }

  /** The best points for random preferences, each with its preference; before anything is feasible those nearest to it. */
  #elites(): Elites {
    const { imitationSize, imitationCoefficient } = this.#options;
    const from = this.#front.members.length > 0 ? this.#front.members : this.#memory;
    if (imitationCoefficient === 0 || from.length === 0) return { codes: [] };
    const chosen = Array.from({ length: imitationSize }, () => {
      const preference = this.#drawPreference();
      const best = from.reduce((a, b) => (this.#worth(b, preference) < this.#worth(a, preference) ? b : a));
      return { codes: best.codes, context: preferenceFeatures(preference) };
    });
    return { codes: chosen.map(({ codes }) => codes), context: chosen.map(({ context }) => context) };
  }

  policy(): PolicyProbabilities | undefined {
    return this.#policyProbabilities;
  }

  /** Takes over the weights of what the earlier run knew, and tries its best designs first. */
  warmStart(prior: Prior): PriorReport {
    const { points, report } = priorPoints(this.#space, prior, this.#sampleStream);
    this.#prior = points;
    const learnt = learntOutputs(prior.state);
    if (learnt !== undefined) this.#adam.setWeights("outputBiases", adaptedOutputs(this.#policy.layout, learnt));
    return report;
  }

  state(): StateTree {
    return {
      agent: this.name,
      space: spaceSignature(this.#space),
      objectives: this.#options.objectives,
      optimiser: this.#adam.state(),
      front: this.#front.state(),
      memory: this.#memory.map(({ codes, costs, violation }) => ({
        codes,
        costs: costs && Float64Array.from(costs),
        violation,
      })),
      trials: this.#trials,
      recent: this.#recent.state(),
      prior: [...this.#prior],
      sampleStream: this.#sampleStream.state(),
      shuffleStream: this.#shuffleStream.state(),
      preferenceStream: this.#preferenceStream.state(),
    };
  }

  restore(state: StateTree): void {
    const fields = stateOf(state, this.name, this.#space);
    if (fields.objectives !== this.#options.objectives) {
      const was = String(fields.objectives ?? "reward");
      throw new CosearchError("AGENT_BAD_STATE", `agent ${this.name}: the state is for the objectives ${was}`);
    }
    this.#adam.restore(fields.optimiser ?? null);
    this.#front.restore(fields.front);
    this.#memory = (fields.memory as unknown as (Remembered & { readonly costs?: Float64Array })[]).map((point) => ({
      ...point,
      costs: point.costs && [...point.costs],
    }));
    this.#trials = fields.trials as number;
    this.#recent.restore(fields.recent);
    this.#prior = [...(fields.prior as Int32Array[])];
    this.#sampleStream = RandomStream.from(fields.sampleStream as RandomState);
    this.#shuffleStream = RandomStream.from(fields.shuffleStream as RandomState);
    this.#preferenceStream = RandomStream.from(fields.preferenceStream as RandomState);
    this.#pending = undefined;
  }

  dispose(): void {} // plain arrays: nothing to give back
}
