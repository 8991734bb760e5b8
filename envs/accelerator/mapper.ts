// The best mapping of one layer on one machine, for an objective and a budget in mappings (never a clock).
// Per dataflow constraint: the spatial choices with the fewest iterations; for each, tiles and loop orders boundary by boundary
// (tiling.ts); every finalist is costed exactly and the best one kept. A flexible machine tries every named dataflow's
// finalists and unconstrained ones, so that it can never come out worse than a fixed one at the same budget.
import type { Violation } from "../../src/core/trial.js";
import type { Accelerator, DataflowName } from "./architecture.js";
import type { CostModel } from "./cost.js";
import { constraintsOf, DATAFLOW_CONSTRAINTS, type DataflowConstraint } from "./dataflow.js";
import { copyMapping, emptyMapping, type Mapping } from "./mapping.js";
import { DIM_COUNT, OPERANDS, type Problem } from "./problem.js";
import { type SpatialChoice, spatialChoices } from "./spatial.js";
import { BoundarySearch, boundsOffset, GROUP_ORDERS, newTiling, orderPositions, type Tiling } from "./tiling.js";

export const OBJECTIVES = ["latency", "energy", "edp"] as const;
export type Objective = (typeof OBJECTIVES)[number];

export interface MapperOptions {
  readonly objective: Objective;
  /** mappings costed exactly per dataflow that the machine may run */
  readonly budget: number;
  /** instead of the machine's own */
  readonly dataflow?: DataflowName;
}

/** Enough for three spatial choices with two outer and two inner orders each. */
export const DEFAULT_BUDGET = 12;

export type MapperResult =
  | { readonly kind: "mapped"; readonly mapping: Mapping; readonly evaluated: number }
  | { readonly kind: "unmappable"; readonly violations: readonly Violation[] };

/** Searches the mapping of one problem. The cost model is left at no particular mapping. */
export function mapProblem(problem: Problem, model: CostModel, options: MapperOptions): MapperResult {
  const search = new MappingSearch(problem, model, options);
  for (const constraint of constraintsOf(options.dataflow ?? model.chip.dataflow)) search.run(constraint);
  return search.result();
}

/** A tile that the boundary search found, and the group order just outside it. */
interface Filled {
  readonly cost: number;
  readonly order: number;
  readonly tile: Float64Array;
  readonly whole: boolean;
}

/** Levels other than the innermost are free in every dataflow. */
const FREE = DATAFLOW_CONSTRAINTS.flexible;

class MappingSearch {
  readonly #problem: Problem;
  readonly #model: CostModel;
  readonly #chip: Accelerator;
  readonly #options: MapperOptions;
  readonly #boundaries: BoundarySearch;
  readonly #candidate: Mapping;
  readonly #tried = new Set<string>();
  #best: Mapping | undefined;
  #bestScore = Infinity;
  #evaluated = 0;
  readonly #filled = new Map<string, Map<string, Filled>>();
  readonly #rateBound: number;

  constructor(problem: Problem, model: CostModel, options: MapperOptions) {
    this.#problem = problem;
    this.#model = model;
    this.#chip = model.chip;
    this.#options = options;
    this.#boundaries = new BoundarySearch(model.chip, problem);
    this.#candidate = emptyMapping(model.chip.levels.length);
    this.#rateBound = Math.max(...Object.values(model.chip.macRate));
  }

  run(constraint: DataflowConstraint): void {
    const width = Math.max(1, Math.ceil(this.#options.budget / 4));
    const choices = spatialChoices(this.#chip, this.#problem, constraint.spatialMask, width);
    const limit = this.#evaluated + this.#options.budget;
    for (const choice of choices) {
      // one that cannot beat the best by its compute cycles alone need not be tiled
      if (this.#options.objective === "latency" && choice.iterations > this.#bestScore * this.#rateBound) continue;
      const tiling = newTiling();
      for (let d = 0; d < DIM_COUNT; d++) tiling.tile[d] = this.#problem.extents[d]!;
      this.#descend(1, choice, tiling, constraint, limit);
    }
  }

  /** Chooses the tile of `level` and goes on inwards; past the innermost, costs the mapping. */
  #descend(level: number, choice: SpatialChoice, tiling: Tiling, constraint: DataflowConstraint, limit: number): void {
    const levels = this.#chip.levels.length;
    if (level === levels) {
      if (this.#evaluated < limit) this.#cost(choice, tiling);
      return;
    }
    const innermost = level === levels - 1;
    const found = this.#tiles(level, choice, tiling, innermost ? constraint : FREE);
    for (const { order, tile } of found.slice(0, innermost ? 3 : 2)) {
      const next: Tiling = { tile: tiling.tile.slice(), order: tiling.order.slice() };
      next.order[level - 1] = order;
      const { maximum } = this.#range(level, choice, tiling);
      for (let d = 0; d < DIM_COUNT; d++) {
        next.tile[level * DIM_COUNT + d] = tile[d]!;
        next.tile[boundsOffset(level - 1) + d] = Math.ceil(maximum[d]! / tile[d]!);
      }
      this.#descend(level + 1, choice, next, constraint, limit);
    }
  }

  /** The tile for every operand that may be stationary just outside the level, least traffic first. */
  #tiles(level: number, choice: SpatialChoice, tiling: Tiling, constraint: DataflowConstraint): readonly Filled[] {
    const key = `${level}|${choice.spatial}|${tiling.tile.subarray(0, level * DIM_COUNT)}|${tiling.order.subarray(0, level)}`;
    const known = this.#filled.get(key) ?? new Map<string, Filled>();
    this.#filled.set(key, known);
    const found: Filled[] = [];
    let opened = false;
    for (const stationary of [0, 1, 2]) {
      if (constraint.stationary !== undefined && constraint.stationary !== stationary) continue;
      const memo = `${stationary}|${constraint.wholeMask}`;
      let filled = known.get(memo);
      if (filled === undefined) {
        if (!opened) {
          const range = this.#range(level, choice, tiling);
          this.#boundaries.open({ level, ...range, replication: this.#replication(level, choice), outside: tiling });
          opened = true;
        }
        const cost = this.#boundaries.fill(stationary, constraint.wholeMask);
        filled = {
          cost,
          order: this.#boundaries.bestOrder(stationary),
          tile: this.#boundaries.tile.slice(),
          whole: cost !== Infinity && this.#boundaries.isWhole,
        };
        known.set(memo, filled);
      }
      if (filled.cost !== Infinity) found.push(filled);
      if (filled.whole) break; // nothing runs outside: the order does not matter
    }
    return found.sort((a, b) => a.cost - b.cost);
  }

  /** Smallest and largest tile of a level: what the fan-outs inside need, and what the parent's tile leaves. */
  #range(level: number, choice: SpatialChoice, tiling: Tiling): { minimum: Float64Array; maximum: Float64Array } {
    const minimum = new Float64Array(DIM_COUNT).fill(1);
    const maximum = new Float64Array(DIM_COUNT);
    for (let d = 0; d < DIM_COUNT; d++) {
      for (let l = level; l < this.#chip.levels.length; l++) minimum[d]! *= choice.spatial[l * DIM_COUNT + d]!;
      const parent = (level - 1) * DIM_COUNT + d;
      const left = Math.ceil(tiling.tile[parent]! / choice.spatial[parent]!);
      maximum[d] = Math.ceil(left / minimum[d]!) * minimum[d]!;
    }
    return { minimum, maximum };
  }

  /** How many instances of a level receive the same word, by operand. */
  #replication(level: number, choice: SpatialChoice): Float64Array {
    const copies = new Float64Array(3).fill(1);
    for (let operand = 0; operand < 3; operand++) {
      let parent = level - 1;
      while (parent > 0 && !this.#chip.levels[parent]!.keeps[operand]) parent--;
      for (let l = parent; l < level; l++) {
        for (let d = 0; d < DIM_COUNT; d++) {
          if ((this.#problem.relevance[operand]! & (1 << d)) === 0)
            copies[operand]! *= choice.spatial[l * DIM_COUNT + d]!;
        }
      }
    }
    return copies;
  }

  #cost(choice: SpatialChoice, tiling: Tiling): void {
    const levels = this.#chip.levels.length;
    const mapping = this.#candidate;
    mapping.spatial.set(choice.spatial);
    mapping.spatialAxis.set(choice.spatialAxis);
    for (let l = 0; l < levels; l++) {
      const base = l * DIM_COUNT;
      const innermost = l === levels - 1;
      for (let d = 0; d < DIM_COUNT; d++) {
        mapping.temporal[base + d] = innermost
          ? Math.ceil(tiling.tile[base + d]! / choice.spatial[base + d]!)
          : tiling.tile[boundsOffset(l) + d]!;
      }
      orderPositions(this.#boundaries.groups, GROUP_ORDERS[tiling.order[l]!]!, mapping.order, base);
    }
    const key = `${mapping.temporal}|${mapping.spatial}|${mapping.order}`;
    if (this.#tried.has(key)) return;
    this.#tried.add(key);
    const model = this.#model;
    model.prepare(this.#problem, mapping);
    if (!model.fits()) return;
    this.#evaluated++;
    model.evaluate(this.#problem, mapping);
    const score = scoreOf(model, this.#options.objective);
    if (score < this.#bestScore) {
      this.#bestScore = score;
      this.#best = copyMapping(mapping);
    }
  }

  result(): MapperResult {
    if (this.#best !== undefined) return { kind: "mapped", mapping: this.#best, evaluated: this.#evaluated };
    return { kind: "unmappable", violations: minimumViolations(this.#problem, this.#model) };
  }
}

/** Lower is better; ties in the objective go to the other quantity, weighted too little to matter otherwise. */
function scoreOf(model: CostModel, objective: Objective): number {
  switch (objective) {
    case "latency":
      return model.latencyCycles + (model.energyPj / (1 + model.energyPj)) * 0.5;
    case "energy":
      return model.energyPj;
    case "edp":
      return model.energyPj * model.latencyCycles;
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
    let shared = l === chip.residentLevel ? Math.ceil(problem.reservedBits / 8) : 0;
    for (let operand = 0; operand < 3; operand++) {
      if (!level.keeps[operand]) continue;
      const bytes = Math.ceil(model.tileBits(l, operand) / 8);
      shared += bytes;
      const room = level.partitionBytes?.[operand];
      if (room !== undefined && bytes > room) {
        violations.push({
          subject: `${level.name} ${OPERANDS[operand]}`,
          needed: bytes,
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
