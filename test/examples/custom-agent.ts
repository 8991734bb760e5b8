// An agent of your own: it sees a space and trials, nothing else, and is resumed bit for bit from its state.

import {
  type Agent,
  betterTrial,
  type Candidate,
  composeStudy,
  createRunFolder,
  loadStudy,
  type RandomState,
  RandomStream,
  resolveStudy,
  runToEnd,
  type Space,
  type StateTree,
  type Trial,
} from "cosearch";

/** Hill climbing: random neighbours of the best trial so far. */
class HillClimber implements Agent {
  readonly name = "hill-climber";
  #random: RandomStream;
  #best: Trial | undefined;

  constructor(
    readonly space: Space,
    seed: number,
  ) {
    this.#random = RandomStream.of(seed, "hill-climber");
  }

  propose(count: number): Candidate[] {
    return Array.from({ length: count }, () => {
      if (this.#best === undefined) return this.space.decode(this.space.sample(this.#random));
      const near = this.space.neighbours(this.space.encode(this.#best.candidate));
      return this.space.decode(near[this.#random.integer(near.length)]!);
    });
  }

  observe(trials: readonly Trial[]) {
    for (const trial of trials) this.#best = betterTrial(this.#best, trial);
    return { "train/best_reward": this.#best?.reward ?? 0 };
  }

  state(): StateTree {
    return { random: this.#random.state(), best: (this.#best ?? null) as unknown as StateTree };
  }

  restore(state: StateTree): void {
    const { random, best } = state as unknown as { random: RandomState; best: Trial | null };
    this.#random = RandomStream.from(random);
    this.#best = best ?? undefined;
  }

  dispose(): void {}
}

export async function main(runs: string) {
  const composed = await composeStudy(resolveStudy(loadStudy("quick")));
  const plan = { ...composed.plan, agentName: "hill-climber", agent: new HillClimber(composed.plan.space, 1) };
  try {
    return await runToEnd(plan, createRunFolder(runs, plan, Date.now));
  } finally {
    await composed.dispose();
  }
}
