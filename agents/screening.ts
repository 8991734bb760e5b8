// What of a policy's draws is proposed: more are drawn than are asked for, and a cheap model of the trials so far picks among
// them (screening-model.ts). As the policy settles, a growing share of the batch are children of the best trials instead, picked
// by the same model: the policy finds the region, crossover and mutation search it, and imitation tells the policy.
// After Emmerich et al. 2006, IEEE Trans. Evolutionary Computation 10(4) (pre-screening of offspring); Kao et al. 2020,
// arXiv:2009.02010, section III-F (local search by evolution after the policy).
import { z } from "zod";
import type { StateTree } from "../src/core/agent.js";
import type { RandomStream } from "../src/core/rng.js";
import type { Space } from "../src/core/space.js";
import type { Point } from "./black-box.js";
import type { Samples } from "./policy/policy.js";
import { pointRows } from "./policy/sampler.js";
import { type Drawing, drawCandidates, type RedrawSettings } from "./redraws.js";
import { ScreeningModel } from "./screening-model.js";
import { cross, hashOf, mutate, type RecentPoints } from "./variation.js";

/** How many of the best trials have children. */
export const PARENTS = 32;
const START_TRIALS = 48; // before the model says anything
const CHILD_DRAWS = 32; // children per proposed one
const CROSSOVER_RATE = 0.8;
const CLIMBED_SHARE = 0.5; // of a batch, while the model with pairs is trusted
const CLIMB_STEPS = 400; // changes of one or two knobs that are tried
const ATTEMPTS = 8; // at a child that was not proposed before

export const screeningShape = {
  screening: z
    .int()
    .min(1)
    .max(1000)
    .default(16)
    .describe(
      "draws per proposed candidate, of which a linear model of the trials picks the most promising; 1: no picking",
    ),
  screenedFraction: z
    .number()
    .min(0)
    .max(1)
    .default(0.75)
    .describe("share of the policy's candidates that are picked; the others are plain draws"),
  childFraction: z
    .number()
    .min(0)
    .max(1)
    .default(0.75)
    .describe("largest share of a batch that are children of the best trials; the share grows as the policy settles"),
};

export interface ScreeningSettings extends RedrawSettings {
  readonly screening: number;
  readonly screenedFraction: number;
  readonly childFraction: number;
}

/** What is proposed; the last `childCount` rows are children, which the policy did not draw. */
export interface Screened extends Samples {
  readonly childCount: number;
}

export interface ProposalStreams {
  readonly space: Space;
  readonly random: RandomStream;
  readonly recent: RecentPoints;
}

export class Screening {
  readonly #settings: ScreeningSettings;
  readonly #model: ScreeningModel;
  /** nats per decision, of the uniform policy and of the last draws */
  readonly #uniformEntropy: number;
  #entropy: number;

  constructor(space: Space, settings: ScreeningSettings) {
    this.#settings = settings;
    this.#model = new ScreeningModel(space);
    const { decisions, knobs } = space;
    const most = decisions.reduce((sum, position) => sum + Math.log(knobs[position]!.values.length), 0);
    this.#uniformEntropy = most / Math.max(1, decisions.length);
    this.#entropy = this.#uniformEntropy;
  }

  /** `first`, then screened draws, then children of `parents` (best first); notes all in `recent`. */
  propose(
    streams: ProposalStreams,
    policy: Drawing,
    count: number,
    first: readonly Int32Array[],
    parents: readonly Int32Array[],
  ): Screened {
    const { screening, screenedFraction } = this.#settings;
    const isPlain = first.length > 0 || this.#model.points.length < START_TRIALS || !this.#model.isReady;
    const childCount = isPlain ? 0 : this.#childCount(count, parents.length);
    const drawCount = count - childCount;
    if (isPlain || screening === 1) {
      const drawn = drawCandidates(streams, policy, drawCount, first, this.#settings);
      this.#entropy = drawn.entropyPerDecision;
      return withChildren(drawn, this.#children(streams, count, childCount, parents));
    }
    const pool = policy.sample(drawCount * screening, streams.random);
    this.#entropy = pool.entropyPerDecision;
    const fresh = this.#freshRows(streams, pool.codes);
    const plainCount = Math.round(drawCount * (1 - screenedFraction));
    const ranked = this.#ranked(fresh.map((row) => pool.codes[row]!)).map((i) => fresh[i]!);
    const chosen = ranked.slice(0, drawCount - plainCount);
    const rest = new Set(ranked.slice(drawCount - plainCount));
    for (const row of fresh) if (chosen.length < drawCount && rest.has(row)) chosen.push(row); // in the order drawn
    for (const row of chosen) streams.recent.add(pool.codes[row]!);
    const missing = drawCount - chosen.length;
    const more = missing > 0 ? drawCandidates(streams, policy, missing, [], this.#settings) : undefined;
    const drawn = {
      ...pool,
      codes: [...chosen.map((row) => pool.codes[row]!.slice()), ...(more?.codes ?? [])],
      logProbs: Float64Array.from([...chosen.map((row) => pool.logProbs[row]!), ...(more?.logProbs ?? [])]),
    };
    return withChildren(drawn, this.#children(streams, count, childCount, parents));
  }

  /** Learns from what was proposed, best possible at any time. */
  learn(points: readonly Point[]): void {
    if (this.#settings.screening > 1 || this.#settings.childFraction > 0) this.#model.learn(points);
  }

  /** More children the further the policy has settled, with the square of the share of its entropy that is gone. */
  #childCount(count: number, parentCount: number): number {
    if (parentCount < 2) return 0;
    const settled = Math.max(0, 1 - this.#entropy / this.#uniformEntropy);
    const least = this.#model.pairs.isTrusted ? CLIMBED_SHARE : 0;
    const share = Math.min(this.#settings.childFraction, Math.max(least, settled * settled));
    return Math.min(count - 1, Math.round(count * share));
  }

  /** @param batch candidates in all */
  #children(streams: ProposalStreams, batch: number, count: number, parents: readonly Int32Array[]): Int32Array[] {
    const climbed = this.#climbed(streams, Math.min(count, Math.round(CLIMBED_SHARE * batch)), parents);
    return [...climbed, ...this.#plainChildren(streams, count - climbed.length, parents)];
  }

  /** Children that went on to better ones by what the pairs say, each in a model drawn for it; none while pairs are not trusted. */
  #climbed(streams: ProposalStreams, count: number, parents: readonly Int32Array[]): Int32Array[] {
    if (!this.#model.pairs.isTrusted) return [];
    return Array.from({ length: count }, () => {
      const found = this.#climb(streams, childOf(streams, parents, new Int32Array(streams.space.length)));
      streams.recent.add(found);
      return found;
    });
  }

  /** The best point on the way that was not proposed before; the start where all were. */
  #climb({ space, random, recent }: ProposalStreams, start: Int32Array): Int32Array {
    const effects = this.#model.pairs.draw(random);
    let here = start; // its room and that of the next one change places
    let worth = this.#model.score(here, effects);
    const best = start.slice();
    let bestWorth = recent.has(start) ? Number.NEGATIVE_INFINITY : worth;
    let next: Int32Array = start.slice();
    for (let step = 0; step < CLIMB_STEPS; step++) {
      next.set(here);
      mutate(space, next, 0, random);
      if (random.next() < 0.5) mutate(space, next, 0, random);
      const nextWorth = this.#model.score(next, effects);
      if (nextWorth > bestWorth && !recent.has(next)) {
        best.set(next);
        bestWorth = nextWorth;
      }
      if (nextWorth <= worth) continue;
      [here, next] = [next, here];
      worth = nextWorth;
    }
    return best;
  }

  #plainChildren(streams: ProposalStreams, count: number, parents: readonly Int32Array[]): Int32Array[] {
    if (count === 0) return [];
    const { length } = streams.space;
    const pool = pointRows(length, count * CHILD_DRAWS);
    for (const room of pool) childOf(streams, parents, room);
    const fresh = this.#freshRows(streams, pool).map((row) => pool[row]!);
    const chosen: Int32Array[] = this.#ranked(fresh)
      .slice(0, count)
      .map((i) => fresh[i]!.slice());
    while (chosen.length < count) chosen.push(childOf(streams, parents, new Int32Array(length)));
    for (const codes of chosen) streams.recent.add(codes);
    return chosen;
  }

  /** Rows that were not proposed lately nor stand earlier in the list. */
  #freshRows({ recent }: ProposalStreams, codes: readonly Int32Array[]): number[] {
    const seen = new Set<number>();
    const rows: number[] = [];
    codes.forEach((point, row) => {
      const hash = hashOf(point);
      if (seen.has(hash) || recent.hasHash(hash)) return;
      seen.add(hash);
      rows.push(row);
    });
    return rows;
  }

  /** Positions, most promising first; equals in their order. */
  #ranked(codes: readonly Int32Array[]): number[] {
    const scores = codes.map((point) => this.#model.score(point));
    return codes.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  }

  state(): StateTree {
    return { model: this.#model.state(), entropy: this.#entropy };
  }

  restore(state: StateTree | undefined): void {
    const saved = state as { readonly model: StateTree; readonly entropy: number };
    this.#model.restore(saved.model);
    this.#entropy = saved.entropy;
  }
}

/** Crossover of two good trials or a copy of one, one or two knobs changed; more changes while it was proposed before.
 *  @param child overwritten and returned */
function childOf(
  { space, random, recent }: ProposalStreams,
  parents: readonly Int32Array[],
  child: Int32Array,
): Int32Array {
  child.set(parentOf(parents, random));
  if (random.next() < CROSSOVER_RATE) cross(space, child, parentOf(parents, random), random);
  const changes = 1 + random.integer(2);
  for (let change = 0; change < changes; change++) mutate(space, child, 0, random);
  for (let attempt = 0; attempt < ATTEMPTS && recent.has(child); attempt++) mutate(space, child, 0, random);
  return child;
}

/** The better of two drawn ones. */
const parentOf = (parents: readonly Int32Array[], random: RandomStream): Int32Array =>
  parents[Math.min(random.integer(parents.length), random.integer(parents.length))]!;

function withChildren(drawn: Samples, children: readonly Int32Array[]): Screened {
  const logProbs = new Float64Array(drawn.codes.length + children.length);
  logProbs.set(drawn.logProbs);
  return { ...drawn, codes: [...drawn.codes, ...children], logProbs, childCount: children.length };
}
