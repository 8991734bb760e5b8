// What the agents without a network share: points instead of candidates, feasibility first, checks, random stream, state.
// Each of them is one `Strategy` in a file of its own. Plain arrays only; no tensor library is loaded.
import type { Agent, Diagnostics, Prior, PriorReport, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { type RandomState, RandomStream } from "../src/core/rng.js";
import type { Space } from "../src/core/space.js";
import {
  type Candidate,
  type Infeasible,
  isFeasible,
  type Metrics,
  type Trial,
  violationOf,
} from "../src/core/trial.js";
import { rolloutDiagnostics } from "./diagnostics.js";
import { priorPoints } from "./prior.js";
import { spaceSignature, stateOf } from "./signature.js";

/** An evaluated point of the space. */
export interface Point {
  /** one code per knob, -1 where it does not count */
  readonly codes: Int32Array;
  readonly reward: number;
  readonly feasible: boolean;
  /** how far outside the limits, 0 when feasible */
  readonly violation: number;
  readonly metrics?: Metrics | undefined;
  /** not kept by packPoints */
  readonly infeasible?: Infeasible | undefined;
}

/** Best first: feasible before infeasible, then the higher reward; among infeasible ones the smaller violation.
 *  @see Deb 2000, "An efficient constraint handling method for genetic algorithms", section 3 */
export function comparePoints(a: Point, b: Point): number {
  if (a.feasible !== b.feasible) return a.feasible ? -1 : 1;
  return a.feasible ? b.reward - a.reward : a.violation - b.violation;
}

/** What a strategy works with; the stream is another one after a restore. */
export interface SearchContext {
  readonly space: Space;
  random: RandomStream;
}

/** A search algorithm on points. Calls alternate as in `Agent`. */
export interface Strategy {
  /** at most `count` points; fewer only when nothing is left */
  propose(count: number): readonly Int32Array[];
  /** The proposed points with what they were worth, or points that an earlier run suggested. */
  observe(points: readonly Point[]): Diagnostics;
  state(): StateTree;
  restore(state: StateTree): void;
}

/** The agent around a strategy. @throws CosearchError SPACE_EMPTY when nothing is to be decided */
export function blackBoxAgent(
  name: string,
  space: Space,
  seed: number,
  create: (context: SearchContext) => Strategy,
): Agent {
  if (space.decisions.length === 0) {
    throw new CosearchError("SPACE_EMPTY", `space ${space.name} leaves agent ${name} nothing to decide`);
  }
  const context: SearchContext = { space, random: RandomStream.of(seed, `agent/${name}`) };
  return new BlackBoxAgent(name, context, create(context));
}

class BlackBoxAgent implements Agent {
  readonly name: string;
  readonly #context: SearchContext;
  readonly #strategy: Strategy;
  /** points of an earlier run that are tried first */
  #prior: Int32Array[] = [];
  #pending: readonly Int32Array[] | undefined;

  constructor(name: string, context: SearchContext, strategy: Strategy) {
    this.name = name;
    this.#context = context;
    this.#strategy = strategy;
  }

  propose(count: number): readonly Candidate[] {
    const first = this.#prior.splice(0, count);
    const rest = count > first.length ? this.#strategy.propose(count - first.length) : [];
    this.#pending = [...first, ...rest];
    return this.#pending.map((codes) => this.#context.space.decode(codes));
  }

  observe(trials: readonly Trial[]): Diagnostics {
    const proposed = this.#pending;
    if (proposed === undefined || proposed.length !== trials.length) {
      const what = `${trials.length} trials observed after a proposal of ${proposed?.length ?? 0}`;
      throw new CosearchError("AGENT_BAD_STATE", `agent ${this.name}: ${what}`);
    }
    const rollout = rolloutDiagnostics(trials);
    if (trials.length === 0) return rollout;
    const learnt = this.#strategy.observe(trials.map((trial, i) => pointOf(proposed[i]!, trial)));
    this.#pending = undefined;
    return { ...rollout, ...learnt };
  }

  /** Tries the best designs of the earlier run first. */
  warmStart(prior: Prior): PriorReport {
    const { points, report } = priorPoints(this.#context.space, prior, this.#context.random);
    this.#prior = points;
    return report;
  }

  state(): StateTree {
    const { space, random } = this.#context;
    return {
      agent: this.name,
      space: spaceSignature(space),
      random: random.state(),
      prior: [...this.#prior],
      strategy: this.#strategy.state(),
    };
  }

  restore(state: StateTree): void {
    const fields = stateOf(state, this.name, this.#context.space);
    this.#context.random = RandomStream.from(fields.random as RandomState);
    this.#prior = [...(fields.prior as Int32Array[])];
    this.#strategy.restore(fields.strategy ?? null);
    this.#pending = undefined;
  }

  dispose(): void {}
}

/** A trial as a point. */
export function pointOf(codes: Int32Array, trial: Trial): Point {
  const { reward, infeasible, metrics } = trial;
  return { codes, reward, feasible: isFeasible(trial), violation: violationOf(infeasible), metrics, infeasible };
}

/** Points for a checkpoint, without their metrics; a few long arrays instead of many short ones. */
export function packPoints(points: readonly Point[]): StateTree {
  const length = points[0]?.codes.length ?? 0;
  const codes = new Int32Array(points.length * length);
  points.forEach((point, i) => {
    codes.set(point.codes, i * length);
  });
  return {
    codes,
    rewards: Float64Array.from(points, ({ reward }) => reward),
    violations: Float64Array.from(points, ({ violation }) => violation),
    feasible: Int32Array.from(points, ({ feasible }) => (feasible ? 1 : 0)),
  };
}

/** @throws CosearchError AGENT_BAD_STATE */
export function unpackPoints(state: StateTree | undefined): Point[] {
  const { codes, rewards, violations, feasible } = (state ?? {}) as Partial<PackedPoints>;
  if (codes === undefined || rewards === undefined || violations === undefined || feasible === undefined) {
    throw new CosearchError("AGENT_BAD_STATE", "the saved points are not there");
  }
  const length = rewards.length === 0 ? 0 : codes.length / rewards.length;
  return Array.from(rewards, (reward, i) => ({
    codes: codes.slice(i * length, (i + 1) * length),
    reward,
    feasible: feasible[i] === 1,
    violation: violations[i]!,
  }));
}

/** Points for a checkpoint, metrics included: one table, with a second one for what is there. */
export function packMeasured(points: readonly Point[]): StateTree {
  const names = [...new Set(points.flatMap(({ metrics }) => Object.keys(metrics ?? {})))];
  const cells = points.flatMap(({ metrics }) => names.map((name) => metrics?.[name]));
  return {
    points: packPoints(points),
    names,
    metrics: Float64Array.from(cells, (value) => value ?? 0),
    known: Int32Array.from(cells, (value) => (value === undefined ? 0 : 1)),
  };
}

/** @throws CosearchError AGENT_BAD_STATE */
export function unpackMeasured(state: StateTree | undefined): Point[] {
  const { points, names, metrics, known } = (state ?? {}) as unknown as PackedMeasured;
  return unpackPoints(points).map((point, i) => {
    const at = i * names.length;
    const present = names.flatMap((name, m) => (known[at + m] === 1 ? [[name, metrics[at + m]!] as const] : []));
    return present.length > 0 ? { ...point, metrics: Object.fromEntries(present) } : point;
  });
}

interface PackedMeasured {
  readonly points: StateTree;
  readonly names: readonly string[];
  readonly metrics: Float64Array;
  readonly known: Int32Array;
}

interface PackedPoints {
  readonly codes: Int32Array;
  readonly rewards: Float64Array;
  readonly violations: Float64Array;
  readonly feasible: Int32Array;
}
