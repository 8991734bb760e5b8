// A small study with a known optimum and an agent whose every proposal depends on all it has observed, so that a lost or
// doubled trial, update or random draw shows in everything after it.
import type { Agent, PolicyProbabilities, StateTree } from "../../src/core/agent.js";
import type { Evaluator } from "../../src/core/environment.js";
import { type RandomState, RandomStream } from "../../src/core/rng.js";
import { Space } from "../../src/core/space.js";
import type { Candidate, Evaluation, Trial } from "../../src/core/trial.js";
import { inProcessEvaluator } from "../../src/study/evaluators.js";
import type { StudyPlan } from "../../src/study/plan.js";

const values = Array.from({ length: 12 }, (_, i) => i);
export const toySpace = new Space({
  name: "toy",
  knobs: [
    { name: "network/x", values },
    { name: "accelerator/y", values },
    { name: "accelerator/kind", values: ["a", "b"] },
    { name: "deployment/z", values, when: { "accelerator/kind": ["b"] } },
  ],
});

/** Latency is the distance to (7, 3, b, 5); x + y above 18 cannot be built. */
export function toyEvaluation(candidate: Candidate): Evaluation {
  const [x, y] = [Number(candidate["network/x"]), Number(candidate["accelerator/y"])];
  if (x + y > 18) {
    const violations = [{ subject: "sum", needed: x + y, available: 18, unit: "1" }];
    return { kind: "infeasible", infeasible: { code: "capacity", reason: `sum ${x + y} is above 18`, violations } };
  }
  const z = candidate["deployment/z"];
  const latencyMs = Math.hypot(x - 7, y - 3) + (z === undefined ? 4 : Math.abs(Number(z) - 5) / 3);
  return { kind: "measured", metrics: { latencyMs, areaMm2: 1 + x / 7 } };
}

export const toyEvaluator = (): Evaluator =>
  inProcessEvaluator({
    name: "toy",
    space: toySpace,
    metricNames: ["latencyMs", "areaMm2"],
    evaluate: toyEvaluation,
  });

/** Above 2.3 mm2 is a broken limit: such a design has metrics and a reason. */
export function toyScore(evaluation: Evaluation): ReturnType<StudyPlan["score"]> {
  if (evaluation.kind === "infeasible") return { reward: -10 };
  const { latencyMs, areaMm2 } = evaluation.metrics;
  const reward = -latencyMs! / areaMm2!;
  if (areaMm2! <= 2.3) return { reward, metrics: { latencyPerArea: latencyMs! / areaMm2! } };
  const violations = [{ subject: "areaMm2", needed: areaMm2!, available: 2.3, unit: "mm2" }];
  return { reward: reward - 1, infeasible: { code: "limit", reason: "area", violations } };
}

/** Draws near a moving mean of what paid off; state: the random stream and the means. */
export class DriftingAgent implements Agent {
  readonly name = "drifting";
  #random: RandomStream;
  #means: Float64Array;
  readonly #space: Space;

  constructor(space: Space, seed: number) {
    this.#space = space;
    this.#random = RandomStream.of(seed, "drifting");
    this.#means = new Float64Array(space.length).fill(0.5);
  }

  propose(count: number): Candidate[] {
    return Array.from({ length: count }, () => {
      const codes = new Int32Array(this.#space.length).fill(-1);
      for (let i = 0; i < codes.length; i++) {
        if (!this.#space.isActive(i, codes)) continue;
        const last = this.#space.knobs[i]!.values.length - 1;
        const drawn = Math.round(last * (this.#means[i]! + 0.25 * this.#random.normal()));
        codes[i] = Math.min(last, Math.max(0, drawn));
      }
      return this.#space.decode(codes);
    });
  }

  observe(trials: readonly Trial[]): Record<string, number> {
    for (const trial of trials) {
      const weight = 0.1 * Math.exp(trial.reward);
      this.#space.encode(trial.candidate).forEach((code, i) => {
        const last = this.#space.knobs[i]!.values.length - 1;
        if (code >= 0) this.#means[i] = this.#means[i]! + weight * (code / last - this.#means[i]!);
      });
    }
    return { "train/mean_x": this.#means[0]! };
  }

  /** Each mean, as shares of the two values next to it. */
  policy(): PolicyProbabilities {
    const shares = ({ name, values }: Space["knobs"][number], i: number): [string, number[]] => {
      const at = this.#means[i]! * (values.length - 1);
      return [name, values.map((_, v) => Math.max(0, 1 - Math.abs(v - at)))];
    };
    return Object.fromEntries(this.#space.knobs.map(shares));
  }

  state(): StateTree {
    return { random: this.#random.state(), means: this.#means.slice() };
  }

  restore(state: StateTree): void {
    const { random, means } = state as unknown as { random: RandomState; means: Float64Array };
    this.#random = RandomStream.from(random);
    this.#means = means.slice();
  }

  dispose(): void {}
}

/** The toy study; every part can be exchanged. */
export function toyPlan(changes: Partial<StudyPlan> = {}): StudyPlan {
  return {
    study: { name: "toy" },
    studyName: "toy",
    agentName: "drifting",
    seed: 1,
    backend: "none",
    versions: { cosearch: "0.0.0" },
    space: toySpace,
    agent: new DriftingAgent(toySpace, 1),
    evaluator: toyEvaluator(),
    score: toyScore,
    batchSize: 16,
    trials: 200,
    checkpointEvery: 2,
    keepCheckpoints: 3,
    ...changes,
  };
}

/** A clock that goes on by one second each time it is asked. */
export function tickingClock(): () => number {
  let ms = Date.UTC(2026, 0, 2, 3, 4, 5);
  return () => {
    ms += 1000;
    return ms;
  };
}
