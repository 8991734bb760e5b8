// NSGA-II: non-dominated sorting with crowding distance, for several objectives at once. Feasible members dominate
// infeasible ones, and among those the smaller violation does.
// Paper: Deb et al. 2002, IEEE Transactions on Evolutionary Computation 6(2), sections III and VI. Deviation: members are
// different points, and a child that was tried lately is mutated once more. With one objective it is an elitist GA.
import { z } from "zod";
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { type Direction, paretoFront } from "../src/core/fronts.js";
import { blackBoxAgent, type Point, packPoints, type SearchContext, type Strategy, unpackPoints } from "./black-box.js";
import { childOf, variationShape } from "./genetic.js";
import { defineAgent } from "./options.js";
import { costsOf, FrontArchive, OBJECTIVES_PATTERN, type Objective, parseObjectives } from "./preferences.js";
import { RecentPoints } from "./variation.js";

/** Members of the front that are kept to say what it dominates. */
const FRONT_CAPACITY = 200;

const options = z.strictObject({
  ...variationShape,
  objectives: z
    .string()
    .regex(OBJECTIVES_PATTERN)
    .default("reward")
    .describe("reward, or metrics with their sense and commas between, for example latencyMs:min,accuracyFraction:max"),
});

export const nsga2 = defineAgent({
  name: "nsga2",
  summary: "NSGA-II: evolves a front of several objectives, feasibility first",
  paper: "Deb et al. 2002, IEEE Trans. Evolutionary Computation 6(2)",
  schema: options,
  batchSize: (given) => given.batchSize,
  create: (space, given, seed) => blackBoxAgent("nsga2", space, seed, (context) => new Nsga2(context, given)),
});

interface Member {
  readonly point: Point;
  /** higher is better in each */
  readonly values: readonly number[];
}

class Nsga2 implements Strategy {
  readonly #context: SearchContext;
  readonly #options: z.output<typeof options>;
  readonly #objectives: readonly Objective[];
  /** of all trials, to say what it dominates; only with several objectives */
  readonly #front = new FrontArchive(FRONT_CAPACITY);
  readonly #recent = new RecentPoints();
  /** best front first, within a front the less crowded first */
  #population: Member[] = [];

  constructor(context: SearchContext, given: z.output<typeof options>) {
    this.#context = context;
    this.#options = given;
    this.#objectives = parseObjectives(given.objectives);
  }

  propose(count: number): readonly Int32Array[] {
    const { space, random } = this.#context;
    const population = this.#population;
    const missing = this.#options.populationSize - population.length;
    const parent = () =>
      population[Math.min(random.integer(population.length), random.integer(population.length))]!.point;
    return Array.from({ length: count }, (_, i) => {
      const isRandom = i < missing || population.length === 0;
      const child = isRandom ? space.sample(random) : childOf(this.#context, this.#options, this.#recent, parent);
      this.#recent.add(child);
      return child;
    });
  }

  observe(points: readonly Point[]): Diagnostics {
    const { space } = this.#context;
    const known = new Set(this.#population.map(({ point }) => space.key(point.codes)));
    const all = [...this.#population];
    for (const point of points) {
      const key = space.key(point.codes);
      if (!known.has(key)) all.push({ point, values: this.#valuesOf(point) });
      known.add(key);
    }
    this.#population = survivors(all, this.#options.populationSize);
    return this.#volume(points);
  }

  #volume(points: readonly Point[]): Diagnostics {
    if (this.#objectives.length === 0) return {};
    this.#front.add(
      points.map(({ codes, feasible, violation, metrics }) => ({
        codes,
        costs: feasible ? costsOf({ metrics }, this.#objectives) : undefined,
        violation,
      })),
    );
    const volume = this.#front.hypervolume();
    return volume === undefined ? {} : { "search/hypervolume": volume };
  }

  /** A design without metrics is worst in every objective; it is infeasible, so that is not looked at. */
  #valuesOf({ reward, metrics }: Point): number[] {
    if (this.#objectives.length === 0) return [reward];
    return this.#objectives.map(({ metric, sense }) => {
      const sign = sense === "max" ? 1 : -1;
      return sign * (metrics?.[metric] ?? -sign * Number.MAX_VALUE);
    });
  }

  state(): StateTree {
    return {
      population: packPoints(this.#population.map(({ point }) => point)),
      values: this.#population.map(({ values }) => Float64Array.from(values)),
      recent: this.#recent.state(),
      front: this.#front.state(),
    };
  }

  restore(state: StateTree): void {
    const saved = state as {
      readonly population: StateTree;
      readonly values: readonly Float64Array[];
      readonly recent: StateTree;
      readonly front: StateTree;
    };
    this.#front.restore(saved.front);
    this.#population = unpackPoints(saved.population).map((point, i) => ({ point, values: [...saved.values[i]!] }));
    this.#recent.restore(saved.recent);
  }
}

/** The best `size` members: whole fronts first, the last one thinned by crowding; infeasible ones follow by violation. */
export function survivors(members: readonly Member[], size: number): Member[] {
  const kept: Member[] = [];
  let rest = members.filter(({ point }) => point.feasible);
  while (rest.length > 0 && kept.length < size) {
    const directions: Direction[] = rest[0]!.values.map(() => "max");
    const front = new Set(
      paretoFront(
        rest.map(({ values }) => values),
        directions,
      ),
    );
    kept.push(...byCrowding(rest.filter((_, i) => front.has(i))));
    rest = rest.filter((_, i) => !front.has(i));
  }
  const infeasible = members.filter(({ point }) => !point.feasible);
  kept.push(...infeasible.sort((a, b) => a.point.violation - b.point.violation));
  kept.length = Math.min(kept.length, size);
  return kept;
}

/** A front with the members first that have most room around them; its ends before all others. */
function byCrowding(front: readonly Member[]): Member[] {
  const distance = new Map<Member, number>(front.map((member) => [member, 0]));
  for (let k = 0; k < (front[0]?.values.length ?? 0); k++) {
    const sorted = [...front].sort((a, b) => a.values[k]! - b.values[k]!);
    const range = sorted.at(-1)!.values[k]! - sorted[0]!.values[k]!;
    sorted.forEach((member, i) => {
      const isEnd = i === 0 || i === sorted.length - 1;
      const room = isEnd ? Number.POSITIVE_INFINITY : (sorted[i + 1]!.values[k]! - sorted[i - 1]!.values[k]!) / range;
      if (isEnd || range > 0) distance.set(member, distance.get(member)! + room);
    });
  }
  return [...front].sort((a, b) => {
    const [da, db] = [distance.get(a)!, distance.get(b)!];
    return da === db ? 0 : db - da;
  });
}
