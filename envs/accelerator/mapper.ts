// The best mapping of one layer on one machine, for an objective and a budget in mappings (never a clock).
// Per dataflow constraint: the most promising spatial choices (spatial.ts); for each, tiles and loop orders boundary by boundary
// (tiling.ts), costed exactly; then hill climbing from the best of them. A flexible machine runs every named dataflow's search
// and an unconstrained one, so that it can never come out worse than a fixed one at the same budget.
import type { Violation } from "../../src/core/trial.js";
import type { Accelerator, DataflowName } from "./architecture.js";
import type { CostModel } from "./cost.js";
import { constraintsOf, DATAFLOW_CONSTRAINTS, type DataflowConstraint } from "./dataflow.js";
import { enumerateMapspace, smallMapspace } from "./exhaustive.js";
import { copyMapping, emptyMapping, type Mapping } from "./mapping.js";
import type { Objective } from "./objective.js";
import { DIM_COUNT, OPERANDS, type Problem } from "./problem.js";
import { type SpatialChoice, SpatialSearch, sameBounds } from "./spatial.js";
import { BoundarySearch, LEVEL_ORDERS, orderPositions, type Tiling } from "./tiling.js";

export { OBJECTIVES, type Objective } from "./objective.js";

export interface MapperOptions {
  readonly objective: Objective;
  /** mappings costed exactly per dataflow that the machine may run */
  readonly budget: number;
  /** instead of the machine's own */
  readonly dataflow?: DataflowName;
}

/** Three spatial choices with a few tilings each, and some hill climbing from the best: half a millisecond for a flexible machine. */
export const DEFAULT_BUDGET = 24;

export type MapperResult =
  | { readonly kind: "mapped"; readonly mapping: Mapping; readonly evaluated: number }
  | { readonly kind: "unmappable"; readonly violations: readonly Violation[] };

/** Searches the mapping of one problem. The cost model is left at no particular mapping. */
export function mapProblem(problem: Problem, model: CostModel, options: MapperOptions): MapperResult {
  const search = new MappingSearch(problem, model, options);
  for (const constraint of constraintsOf(options.dataflow ?? model.chip.dataflow)) search.run(constraint);
  return search.result();
}

/** A tiling under construction with what has been tried below it; constraints that meet here share the work. */
interface Node extends Tiling {
  readonly outer: Node | undefined;
  readonly choice: SpatialChoice;
  /** by [stationary operand + 3 · (some dimension must be whole)] */
  readonly fills: (Filled | undefined)[];
  readonly children: Map<Filled, Node>;
  /** of a leaf: what it costs, once known */
  start: Start | "misfit" | undefined;
}

/** A complete mapping with its score: where hill climbing may start. */
interface Start {
  readonly mapping: Mapping;
  readonly score: number;
}

/** A tile that the boundary search found, and the group order just outside it. */
interface Filled {
  readonly cost: number;
  readonly order: number;
  readonly tile: Float64Array;
  readonly whole: boolean;
}

/** Order and space of the levels other than the innermost: free in every dataflow. */
const FREE = DATAFLOW_CONSTRAINTS.flexible;
/** Share of the budget for tilings that the boundary search builds; hill climbing from the best of them takes the rest. */
const CONSTRUCT_SHARE = 0.4;
const STATIONARIES = [0, 1, 2] as const;

/** One search of spatial choices per machine: it holds scratch arrays, and what it knows of the fan-outs. */
const spatialSearches = new WeakMap<CostModel, SpatialSearch>();

class MappingSearch {
  readonly #problem: Problem;
  readonly #model: CostModel;
  readonly #chip: Accelerator;
  readonly #options: MapperOptions;
  readonly #boundaries: BoundarySearch;
  readonly #spatial: SpatialSearch;
  readonly #candidate: Mapping;
  readonly #roots: Node[] = [];
  readonly #rateBound: number;
  #best: Mapping | undefined;
  #bestScore = Infinity;
  #evaluated = 0;
  #left = 0;
  #starts: Start[] = [];

  constructor(problem: Problem, model: CostModel, options: MapperOptions) {
    this.#problem = problem;
    this.#model = model;
    this.#chip = model.chip;
    this.#options = options;
    this.#boundaries = new BoundarySearch(model.chip, problem);
    const known = spatialSearches.get(model);
    this.#spatial = known ?? new SpatialSearch(model.chip);
    if (known === undefined) spatialSearches.set(model, this.#spatial);
    this.#candidate = emptyMapping(model.chip.levels.length);
    this.#rateBound = Math.max(...Object.values(model.chip.macRate));
  }

  run(constraint: DataflowConstraint): void {
    const whole = smallMapspace(this.#problem, this.#chip, constraint, this.#options.budget);
    if (whole !== undefined) {
      this.#left = Infinity;
      enumerateMapspace(whole, this.#chip, this.#boundaries.groups, (mapping) => this.#try(mapping));
      return;
    }
    const width = Math.max(1, Math.ceil(this.#options.budget / 10));
    const construct = Math.ceil(this.#options.budget * CONSTRUCT_SHARE);
    this.#left = construct;
    this.#starts = [];
    for (const choice of this.#spatial.choices(this.#problem, constraint.spatialMask, width, this.#options.objective)) {
      // one that cannot beat the best by its compute cycles alone need not be tiled
      if (this.#options.objective === "latency" && choice.iterations > this.#bestScore * this.#rateBound) continue;
      this.#descend(this.#rootOf(choice), constraint);
    }
    this.#left = this.#options.budget - construct + Math.max(0, this.#left);
    // the best starts first; those of this constraint alone, so that what it finds depends on nothing else
    this.#starts.sort((a, b) => a.score - b.score);
    for (const start of this.#starts) {
      if (this.#left <= 0) break;
      this.#refine(start, constraint);
    }
  }

  /** Hill climbing: moves a factor of a temporal loop to another level, or reorders a level, as long as the score falls. */
  #refine(start: Start, constraint: DataflowConstraint): void {
    const mapping = copyMapping(start.mapping);
    const levels = this.#chip.levels.length;
    let score = start.score;
    for (let improved = true; improved && this.#left > 0; ) {
      improved = false;
      for (let d = 0; d < DIM_COUNT; d++) {
        if (this.#problem.extents[d] === 1) continue;
        for (let from = 0; from < levels; from++) {
          for (let to = 0; to < levels; to++) {
            if (from === to) continue;
            const a = from * DIM_COUNT + d;
            const b = to * DIM_COUNT + d;
            const [bound, target] = [mapping.temporal[a]!, mapping.temporal[b]!];
            if (bound === 1 || this.#left <= 0) continue;
            if (from === levels - 1 && constraint.wholeMask & (1 << d)) continue;
            const factor = smallestFactor(bound);
            mapping.temporal[a] = bound / factor;
            mapping.temporal[b] = target * factor;
            const next = this.#try(mapping);
            if (next < score) {
              score = next;
              improved = true;
            } else {
              mapping.temporal[a] = bound;
              mapping.temporal[b] = target;
            }
          }
        }
      }
      for (let l = 0; l < levels - 1; l++) {
        const base = l * DIM_COUNT;
        const kept = mapping.order.slice(base, base + DIM_COUNT);
        for (let order = 0; order < LEVEL_ORDERS.length && this.#left > 0; order++) {
          if (
            l === levels - 2 &&
            constraint.stationary !== undefined &&
            LEVEL_ORDERS[order]!.groups[2] !== constraint.stationary
          )
            continue;
          orderPositions(this.#boundaries.groups, LEVEL_ORDERS[order]!, mapping.order, base);
          const next = this.#try(mapping);
          if (next < score) {
            score = next;
            improved = true;
            kept.set(mapping.order.subarray(base, base + DIM_COUNT));
          } else mapping.order.set(kept, base);
        }
      }
    }
  }

  /** Score of a mapping, Infinity when it does not fit; the best is kept. */
  #try(mapping: Mapping): number {
    const model = this.#model;
    this.#left--;
    model.prepare(this.#problem, mapping);
    if (!model.fits()) return Infinity;
    this.#evaluated++;
    model.evaluatePrepared();
    const score = scoreOf(model, this.#options.objective);
    if (score < this.#bestScore) {
      this.#bestScore = score;
      this.#best = copyMapping(mapping);
    }
    return score;
  }

  #rootOf(choice: SpatialChoice): Node {
    const known = this.#roots.find((root) => sameBounds(root.choice.spatial, choice.spatial));
    if (known !== undefined) return known;
    const tile = Float64Array.from(this.#problem.extents);
    const root: Node = {
      level: 0,
      tile,
      bounds: tile,
      order: 0,
      outer: undefined,
      choice,
      fills: [],
      children: new Map(),
      start: undefined,
    };
    this.#roots.push(root);
    return root;
  }

  /** Chooses the tile of the next level in; past the innermost, costs the mapping. */
  #descend(node: Node, constraint: DataflowConstraint): void {
    const level = node.level + 1;
    if (level === this.#chip.levels.length) {
      if (this.#left-- <= 0) return;
      node.start ??= this.#cost(node);
      if (node.start !== "misfit") this.#starts.push(node.start);
      return;
    }
    const innermost = level === this.#chip.levels.length - 1;
    // further out a dataflow leaves the order free, but what must be whole inside must be whole there too
    const found = this.#tiles(node, innermost ? constraint : { ...FREE, wholeMask: constraint.wholeMask });
    const count = Math.min(found.length, innermost ? 3 : 2);
    for (let i = 0; i < count; i++) this.#descend(this.#child(node, found[i]!), constraint);
  }

  #child(node: Node, filled: Filled): Node {
    const known = node.children.get(filled);
    if (known !== undefined) return known;
    const bounds = new Float64Array(DIM_COUNT);
    for (let d = 0; d < DIM_COUNT; d++) bounds[d] = Math.ceil(this.#available(node, d) / filled.tile[d]!);
    const child: Node = {
      level: node.level + 1,
      tile: filled.tile,
      bounds,
      order: filled.order,
      outer: node,
      choice: node.choice,
      fills: [],
      children: new Map(),
      start: undefined,
    };
    node.children.set(filled, child);
    return child;
  }

  /** What a level's tile leaves to one instance of the next level in, as a multiple of what the fan-outs inside need. */
  #available(node: Node, d: number): number {
    const minimum = this.#minimum(node, d);
    const left = Math.ceil(node.tile[d]! / node.choice.spatial[node.level * DIM_COUNT + d]!);
    return Math.ceil(left / minimum) * minimum;
  }

  #minimum(node: Node, d: number): number {
    let minimum = 1;
    for (let l = node.level + 1; l < this.#chip.levels.length; l++) minimum *= node.choice.spatial[l * DIM_COUNT + d]!;
    return minimum;
  }

  /** Tiles of the next level in for every operand that may be stationary just outside it, least traffic first. */
  #tiles(node: Node, constraint: DataflowConstraint): readonly Filled[] {
    const found: Filled[] = [];
    const offset = constraint.wholeMask === 0 ? 0 : 3;
    let opened = false;
    for (const stationary of STATIONARIES) {
      if (constraint.stationary !== undefined && constraint.stationary !== stationary) continue;
      let filled = node.fills[stationary + offset];
      if (filled === undefined) {
        if (!opened) this.#open(node);
        opened = true;
        const cost = this.#boundaries.fill(stationary, constraint.wholeMask);
        filled = {
          cost,
          order: this.#boundaries.bestOrder(stationary),
          tile: this.#boundaries.tile.slice(),
          whole: cost !== Infinity && this.#boundaries.isWhole,
        };
        node.fills[stationary + offset] = filled;
      }
      if (filled.cost !== Infinity) found.push(filled);
      if (filled.whole) break; // nothing runs outside: the order does not matter
    }
    return found.sort((a, b) => a.cost - b.cost);
  }

  #open(node: Node): void {
    const minimum = new Float64Array(DIM_COUNT);
    const maximum = new Float64Array(DIM_COUNT);
    for (let d = 0; d < DIM_COUNT; d++) {
      minimum[d] = this.#minimum(node, d);
      maximum[d] = this.#available(node, d);
    }
    const level = node.level + 1;
    this.#boundaries.open({
      level,
      minimum,
      maximum,
      replication: this.#replication(level, node.choice),
      outside: node,
    });
  }

  /** How many instances of a level receive the same word, by operand. */
  #replication(level: number, choice: SpatialChoice): Float64Array {
    const copies = new Float64Array(3).fill(1);
    for (let operand = 0; operand < 3; operand++) {
      let parent = level - 1;
      while (parent > 0 && !this.#chip.levels[parent]!.keeps[operand]) parent--;
      const mask = this.#problem.relevance[operand]!;
      for (let l = parent; l < level; l++) {
        for (let d = 0; d < DIM_COUNT; d++) {
          if ((mask & (1 << d)) === 0) copies[operand]! *= choice.spatial[l * DIM_COUNT + d]!;
        }
      }
    }
    return copies;
  }

  #cost(leaf: Node): Start | "misfit" {
    const mapping = this.#candidate;
    this.#write(leaf, mapping);
    this.#left++; // counted where the leaf was met
    let score = this.#try(mapping);
    if (score === Infinity) {
      this.#divide(leaf, mapping);
      this.#left++;
      score = this.#try(mapping);
    }
    return score === Infinity ? "misfit" : { mapping: copyMapping(mapping), score };
  }

  #write(leaf: Node, mapping: Mapping): void {
    const innermost = leaf.level * DIM_COUNT;
    mapping.spatial.set(leaf.choice.spatial);
    for (let d = 0; d < DIM_COUNT; d++) {
      mapping.temporal[innermost + d] = Math.ceil(leaf.tile[d]! / leaf.choice.spatial[innermost + d]!);
      mapping.order[innermost + d] = d;
    }
    for (let node: Node = leaf; node.outer !== undefined; node = node.outer) {
      const base = (node.level - 1) * DIM_COUNT;
      for (let d = 0; d < DIM_COUNT; d++) mapping.temporal[base + d] = node.bounds[d]!;
      orderPositions(this.#boundaries.groups, LEVEL_ORDERS[node.order]!, mapping.order, base);
    }
  }

  /** Rounding up at every level can make a tile larger than was planned: then inner tiles take sizes that divide. */
  #divide(leaf: Node, mapping: Mapping): void {
    for (let d = 0; d < DIM_COUNT; d++) {
      let inside = 1; // of the tile one level in, as it is built now
      const nodes: Node[] = [];
      for (let node: Node | undefined = leaf; node?.outer !== undefined; node = node.outer) nodes.unshift(node);
      let units = nodes[0]!.tile[d]! / this.#minimum(nodes[0]!.outer!, d);
      for (let i = 1; i < nodes.length; i++) {
        const node = nodes[i]!;
        const wanted = node.tile[d]! / this.#minimum(node.outer!, d);
        let size = Math.min(Math.floor(wanted), units);
        while (size > 1 && units % size !== 0) size--;
        mapping.temporal[(node.level - 1) * DIM_COUNT + d] = Math.ceil(units / size);
        units = size;
      }
      inside = units;
      const base = leaf.level * DIM_COUNT + d;
      mapping.temporal[base] = Math.max(1, Math.ceil(inside));
    }
  }

  result(): MapperResult {
    if (this.#best !== undefined) return { kind: "mapped", mapping: this.#best, evaluated: this.#evaluated };
    return { kind: "unmappable", violations: minimumViolations(this.#problem, this.#model) };
  }
}

function smallestFactor(n: number): number {
  for (const factor of [2, 3, 5, 7, 11, 13]) if (n % factor === 0) return factor;
  return n;
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
