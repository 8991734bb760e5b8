// Proposed outside: an agent that has no opinion and hands on what clients send to `evaluate`. Batches stand in the exchange
// log before they are evaluated; a run that is made again after a kill gets the same ones.
import type { Agent, Diagnostics, StateTree } from "../../core/agent.js";
import { CosearchError } from "../../core/errors.js";
import type { Candidate } from "../../core/trial.js";
import type { ExchangeLog, Proposed } from "./exchange-log.js";
import { Bell } from "./waiting.js";

/** Ends a proposal that will not come: the study is being closed. */
export class Closed extends Error {}

export class ClientProposals implements Agent {
  readonly name: string;
  readonly #log: ExchangeLog;
  readonly #remaining: () => number;
  readonly #closing: AbortSignal;
  readonly #waiting: Proposed[] = [];
  readonly #bell = new Bell();
  /** batches made */
  #next = 0;
  /** trials that were proposed, those of the log included */
  #proposedCount: number;
  readonly #keys = new Map<string, { readonly trial: number; readonly candidate: Candidate }>();

  /** @param remaining trials that the budget has left when a batch is made  @param closing ends a proposal that waits */
  constructor(name: string, log: ExchangeLog, remaining: () => number, closing: AbortSignal) {
    this.name = name;
    this.#log = log;
    this.#remaining = remaining;
    this.#closing = closing;
    let count = 0;
    for (const { candidate, key } of log.proposed.flat()) {
      if (key !== undefined) this.#keys.set(key, { trial: count, candidate });
      count++;
    }
    this.#proposedCount = count;
  }

  /** Trials proposed so far, waiting ones included. */
  get proposedCount(): number {
    return this.#proposedCount;
  }

  /** What a key was used for. */
  known(key: string | undefined): { readonly trial: number; readonly candidate: Candidate } | undefined {
    return key === undefined ? undefined : this.#keys.get(key);
  }

  /** @returns the trial that the candidate will be */
  add(candidate: Candidate, key: string | undefined): number {
    const trial = this.#proposedCount++;
    if (key !== undefined) this.#keys.set(key, { trial, candidate });
    this.#waiting.push({ candidate, ...(key !== undefined && { key }) });
    this.#bell.ring();
    return trial;
  }

  /** The next recorded batch, or else what waits as soon as something does. */
  async propose(count: number): Promise<readonly Candidate[]> {
    const recorded = this.#log.proposed[this.#next];
    if (recorded !== undefined) {
      this.#next++;
      return recorded.map(({ candidate }) => candidate);
    }
    while (this.#waiting.length === 0) {
      if (this.#closing.aborted) throw new Closed();
      await this.#bell.wait(Number.POSITIVE_INFINITY, this.#closing);
    }
    const batch = this.#waiting.splice(0, Math.min(count, this.#remaining()));
    this.#log.propose(batch);
    this.#next++;
    return batch.map(({ candidate }) => candidate);
  }

  observe(): Diagnostics {
    return {};
  }

  state(): StateTree {
    return { batches: this.#next };
  }

  restore(state: StateTree): void {
    const { batches } = state as { batches?: unknown };
    if (typeof batches !== "number" || batches > this.#log.proposed.length) {
      const what = `the state counts ${String(batches)} batches, the exchange log has ${this.#log.proposed.length}`;
      throw new CosearchError("AGENT_BAD_STATE", what);
    }
    this.#next = batches;
  }

  dispose(): void {}
}
