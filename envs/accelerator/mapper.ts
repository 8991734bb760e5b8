// The best mapping of one layer on one machine, for an objective and a budget in mappings (never a clock).
// Per dataflow constraint: the most promising spatial choices (spatial.ts); tilings of each, built from DRAM inwards under a
// guide (tiling.ts, tiling-tree.ts); the best of them costed exactly (scorer.ts); hill climbing from there (climb.ts).
// A flexible machine searches without constraint, and then as every named dataflow that could still win by its bound
// (lower-bound.ts): exactly as a machine of that dataflow would, so that it never comes out worse at the same budget.

import { RandomStream } from "../../src/core/rng.js";
import type { Violation } from "../../src/core/trial.js";
import { type Accelerator, type DataflowName, reservedBitsAt } from "./architecture.js";
import { Climb, type Start } from "./climb.js";
import type { CostModel } from "./cost.js";
import { constraintOn, constraintsOf, type DataflowConstraint } from "./dataflow.js";
import { enumerateMapspace, smallMapspace } from "./exhaustive.js";
import { type LowerBound, lowerBound, type ProblemBound, problemBound } from "./lower-bound.js";
import { copyMapping, emptyMapping, type Mapping } from "./mapping.js";
import type { Objective } from "./objective.js";
import { DIM_COUNT, I, OPERANDS, type Problem } from "./problem.js";
import { Scorer } from "./scorer.js";
import { SpatialSearch } from "./spatial.js";
import { BoundarySearch } from "./tiling.js";
import { type Leaf, TilingTree } from "./tiling-tree.js";

export { OBJECTIVES, type Objective } from "./objective.js";

export interface MapperOptions {
  readonly objective: Objective;
  /** mappings costed exactly per dataflow that the machine may run */
  readonly budget: number;
  /** instead of the machine's own */
  readonly dataflow?: DataflowName;
}

/** A few spatial choices with a tiling or two each, and about thirty steps of hill climbing from the best. */
export const DEFAULT_BUDGET = 40;

export type MapperResult =
  | { readonly kind: "mapped"; readonly mapping: Mapping; readonly evaluated: number }
  | { readonly kind: "unmappable"; readonly violations: readonly Violation[] };

/** Searches the mapping of one problem. The cost model is left at no particular mapping. */
export function mapProblem(problem: Problem, model: CostModel, options: MapperOptions): MapperResult {
  const search = new MappingSearch(problem, model, options);
  for (const constraint of constraintsOf(options.dataflow ?? model.chip.dataflow)) {
    search.run(constraintOn(problem, constraint));
  }
  return search.result();
}

/** Share of the budget for tilings as they are built; hill climbing from the best of them takes the rest. */
const CONSTRUCT_SHARE = 0.15;
/** Spatial choices that are tiled, for each mapping of the budget. */
const WIDTH_SHARE = 0.08;

/** Starts that are climbed from before the rest of the budget goes into the surroundings of the best. */
const CLIMBS = 3;

/** What searches choices and tiles, once per machine: it holds scratch arrays, and what it knows of the fan-outs. */
interface Guides {
  readonly spatial: SpatialSearch;
  readonly boundaries: BoundarySearch;
}
const guidesOf = new WeakMap<CostModel, Guides>();

class MappingSearch {
  readonly #problem: Problem;
  readonly #model: CostModel;
  readonly #chip: Accelerator;
  readonly #options: MapperOptions;
  readonly #spatial: SpatialSearch;
  readonly #tree: TilingTree;
  readonly #scorer: Scorer;
  readonly #climb: Climb;
  readonly #candidate: Mapping;
  readonly #bound: ProblemBound;
  /** exact scores of the leaves that constraints share */
  readonly #starts = new Map<Leaf, Start | undefined>();

  constructor(problem: Problem, model: CostModel, options: MapperOptions) {
    this.#problem = problem;
    this.#model = model;
    this.#chip = model.chip;
    this.#options = options;
    let guides = guidesOf.get(model);
    if (guides === undefined) {
      guides = { spatial: new SpatialSearch(model.chip), boundaries: new BoundarySearch(model.chip) };
      guidesOf.set(model, guides);
    }
    this.#spatial = guides.spatial;
    this.#tree = new TilingTree(problem, model.chip, options.objective, guides.boundaries);
    this.#scorer = new Scorer(problem, model, options.objective);
    this.#climb = new Climb(this.#scorer, model.chip, this.#tree.groups);
    this.#candidate = emptyMapping(model.chip.levels.length);
    this.#bound = problemBound(problem, model.chip);
  }

  /** Searches under one constraint. What is found depends on nothing that other runs found: they only rule this one out. */
  run(constraint: DataflowConstraint): void {
    const { budget } = this.#options;
    const scorer = this.#scorer;
    if (scorer.bestScore <= this.#leastScore(lowerBound(this.#problem, this.#chip, constraint, this.#bound))) return;
    const whole = smallMapspace(this.#problem, this.#chip, constraint, budget);
    if (whole !== undefined) {
      scorer.left = Infinity;
      enumerateMapspace(whole, this.#chip, this.#tree.groups, (mapping) => scorer.score(mapping));
      return;
    }
    scorer.left = budget;
    const starts = this.#construct(constraint);
    let best = starts[0];
    if (best === undefined) {
      this.#tryLeast(constraint);
      return;
    }
    for (const start of starts.slice(0, CLIMBS)) {
      if (scorer.left <= 0) return;
      const end = this.#climb.run(start, constraint);
      if (end.score < best.score) best = end;
    }
    if (scorer.left > 0) this.#climb.wander(best, constraint, RandomStream.of(0, "mapper"));
  }

  /** The smallest tiles that the constraint allows: what fits at all, fits so. */
  #tryLeast({ wholeMask }: DataflowConstraint): void {
    const least = emptyMapping(this.#chip.levels.length);
    const last = (this.#chip.levels.length - 1) * DIM_COUNT;
    for (let d = 0; d < DIM_COUNT; d++) {
      least.temporal[wholeMask & (1 << d) ? last + d : d] = this.#problem.extents[d]!;
    }
    this.#scorer.score(least);
  }

  /** A bound as a score, such that what is no better than it need not be searched. */
  #leastScore({ cycles, energyPj }: LowerBound): number {
    const wholeCycles = Math.ceil(cycles * (1 - 1e-9));
    switch (this.#options.objective) {
      case "latency":
        return wholeCycles + 0.5; // the share of the energy, see the scorer
      case "energy":
        return energyPj;
      case "edp":
        return energyPj * wholeCycles;
    }
  }

  /** Complete mappings to climb from, best first. Each spatial choice that its bound does not rule out gives its most
   *  promising tiling; then the most promising of all others are costed. What one run finds depends on no other. */
  #construct(constraint: DataflowConstraint): Start[] {
    const { budget, objective } = this.#options;
    const count = Math.ceil(budget * CONSTRUCT_SHARE);
    const width = Math.max(1, Math.ceil(budget * WIDTH_SHARE));
    const { dramCycles, crossingPj } = this.#bound;
    const starts: Start[] = [];
    const others: Leaf[] = [];
    let best = Infinity;
    const cost = (leaf: Leaf): void => {
      const start = this.#startOf(leaf);
      if (start === undefined) return;
      starts.push(start);
      best = Math.min(best, start.score);
    };
    for (const choice of this.#spatial.choices(this.#problem, constraint, width, objective)) {
      const cycles = Math.max(choice.arrayCycles, dramCycles);
      if (best <= this.#leastScore({ cycles, energyPj: crossingPj + choice.nearPj })) continue;
      const leaves: Leaf[] = [];
      this.#tree.leavesOf(choice, constraint, leaves);
      leaves.sort((a, b) => a.merit - b.merit);
      if (leaves[0] !== undefined && starts.length < count) cost(leaves[0]);
      others.push(...leaves.slice(1));
    }
    others.sort((a, b) => a.merit - b.merit);
    for (const leaf of others) if (starts.length < count) cost(leaf);
    return starts.sort((a, b) => a.score - b.score);
  }

  #startOf(leaf: Leaf): Start | undefined {
    if (this.#starts.has(leaf)) {
      const known = this.#starts.get(leaf);
      if (known !== undefined) this.#scorer.left--;
      return known;
    }
    const start = this.#cost(leaf);
    this.#starts.set(leaf, start);
    return start;
  }

  #cost(leaf: Leaf): Start | undefined {
    const mapping = this.#candidate;
    this.#tree.write(leaf, mapping);
    let score = this.#scorer.score(mapping);
    if (score === Infinity) {
      this.#tree.writeDivided(leaf, mapping);
      score = this.#scorer.score(mapping);
    }
    return score === Infinity ? undefined : { mapping: copyMapping(mapping), score };
  }

  result(): MapperResult {
    const { best, evaluated } = this.#scorer;
    if (best !== undefined) return { kind: "mapped", mapping: best, evaluated };
    return { kind: "unmappable", violations: minimumViolations(this.#problem, this.#model) };
  }
}

/** What even the smallest tile (one word of each operand's index) does not fit, level by level. */
function minimumViolations(problem: Problem, model: CostModel): Violation[] {
  const chip = model.chip;
  const smallest = emptyMapping(chip.levels.length);
  for (let d = 0; d < DIM_COUNT; d++) smallest.temporal[d] = problem.extents[d]!;
  model.prepare(problem, smallest);
  const violations: Violation[] = [];
  chip.levels.forEach((level, l) => {
    if (l === 0) return;
    const reserved = (operand: number): number => Math.ceil(reservedBitsAt(chip, problem, l, operand) / 8);
    let shared = reserved(I);
    for (let operand = 0; operand < 3; operand++) {
      if (!level.keeps[operand]) continue;
      const bytes = Math.ceil(model.tileBits(l, operand) / 8);
      shared += bytes;
      const room = level.partitionBytes?.[operand];
      const needed = bytes + reserved(operand);
      if (room !== undefined && needed > room) {
        violations.push({
          subject: `${level.name} ${OPERANDS[operand]}`,
          needed,
          available: room,
          unit: "bytes",
        });
      }
    }
    const room = level.sharedCapacityBytes;
    if (room !== undefined && shared > room)
      violations.push({ subject: level.name, needed: shared, available: room, unit: "bytes" });
  });
  return violations;
}
