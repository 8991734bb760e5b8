// Which trial a candidate is: the agent of a run, watched. The pipeline evaluates candidates and only later numbers them as
// trials, but whoever measures needs the number at once; it is the place in the batch after the trials made so far.
import type { Agent, PolicyProbabilities, StateTree } from "../../core/agent.js";
import type { Space } from "../../core/space.js";
import type { Candidate, Trial } from "../../core/trial.js";
import type { RunListener } from "../../study/listeners.js";

/** An agent that notes its batches; also the listener that counts the run's trials. */
export class Numbering implements Agent {
  readonly name: string;
  readonly #agent: Agent;
  readonly #space: Space;
  #batch: ReadonlyMap<string, number> = new Map();
  /** trials made so far */
  trialCount = 0;

  constructor(agent: Agent, space: Space) {
    this.name = agent.name;
    this.#agent = agent;
    this.#space = space;
  }

  /** The candidate's point as text, and the trial it first is in the batch under way. */
  of(candidate: Candidate): { readonly point: string; readonly trial: number } {
    const point = this.#space.key(this.#space.encode(candidate));
    const trial = this.#batch.get(point);
    if (trial === undefined) throw new Error(`the batch has no candidate ${JSON.stringify(candidate)}`);
    return { point, trial };
  }

  /** The candidate that a point's text stands for. */
  candidateAt(point: string): Candidate {
    return this.#space.decode(point.split(",").map(Number));
  }

  async propose(count: number): Promise<readonly Candidate[]> {
    const candidates = await this.#agent.propose(count);
    const batch = new Map<string, number>();
    for (const [place, candidate] of candidates.entries()) {
      if (!this.#space.contains(candidate)) continue; // the session says what is wrong with it
      const point = this.#space.key(this.#space.encode(candidate));
      if (!batch.has(point)) batch.set(point, this.trialCount + place);
    }
    this.#batch = batch;
    return candidates;
  }

  /** To be attached to the run: trials are counted before the next batch is proposed. */
  readonly listener: RunListener = {
    name: "numbering",
    next: (event) => {
      if (event.kind === "resumed") this.trialCount = event.restored.length;
      if (event.kind === "trial") this.trialCount = event.trial.trial + 1;
    },
  };

  observe(trials: readonly Trial[]) {
    return this.#agent.observe(trials);
  }

  policy(): PolicyProbabilities | undefined {
    return this.#agent.policy?.();
  }

  state(): StateTree | Promise<StateTree> {
    return this.#agent.state();
  }

  restore(state: StateTree): void | Promise<void> {
    return this.#agent.restore(state);
  }

  dispose(): void {
    this.#agent.dispose();
  }
}
