// The best different trials so far, to be imitated and to have children: feasible first, then reward; else the least violation.
// Of equals the newest stay and stand first, so that children drift over plateaus; imitation keeps to the earliest of them.
import type { StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import type { Infeasible, Trial } from "../src/core/trial.js";
import { compareTrials } from "./losses/advantages.js";

interface Elite {
  readonly codes: Int32Array;
  readonly trial: Trial;
}

export class EliteArchive {
  readonly #capacity: number;
  #elites: Elite[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Best first. */
  get codes(): readonly Int32Array[] {
    return this.#elites.map(({ codes }) => codes);
  }

  /** The best `count`, of equals the earliest first: a model to imitate must not change without a reason. */
  models(count: number): readonly Int32Array[] {
    const steady = [...this.#elites].sort((a, b) => compareTrials(a.trial, b.trial) || a.trial.trial - b.trial.trial);
    return steady.slice(0, count).map(({ codes }) => codes);
  }

  /** The archive with a batch added; a candidate is kept once, the newest of equals first. */
  add(codes: readonly Int32Array[], trials: readonly Trial[]): void {
    if (this.#capacity === 0) return;
    const known = new Set(this.#elites.map((elite) => elite.codes.join()));
    codes.forEach((point, i) => {
      const key = point.join();
      if (known.has(key)) return;
      known.add(key);
      this.#elites.push({ codes: point, trial: trials[i]! });
    });
    this.#elites.sort((a, b) => compareTrials(a.trial, b.trial) || b.trial.trial - a.trial.trial);
    this.#elites.length = Math.min(this.#elites.length, this.#capacity);
  }

  state(): StateTree {
    return this.#elites.map(({ codes, trial }) => ({
      codes,
      trial: trial.trial,
      reward: trial.reward,
      infeasible: trial.infeasible as unknown as StateTree,
    }));
  }

  /** @throws CosearchError AGENT_BAD_STATE */
  restore(state: StateTree): void {
    if (!Array.isArray(state)) throw new CosearchError("AGENT_BAD_STATE", "the saved archive is no list");
    this.#elites = (state as unknown as SavedElite[]).map(({ codes, trial, reward, infeasible }) => ({
      codes,
      trial: { trial, reward, candidate: {}, ...(infeasible !== undefined && { infeasible }) },
    }));
  }
}

interface SavedElite {
  readonly codes: Int32Array;
  readonly trial: number;
  readonly reward: number;
  readonly infeasible?: Infeasible;
}
