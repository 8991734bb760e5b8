// Complete tilings of one problem on one machine, built from DRAM inwards (tiling.ts chooses each tile) as a tree: dataflow
// constraints that meet at a node share the work below it. A leaf is a mapping with the guide's estimate of its merit.
import type { Accelerator } from "./architecture.js";
import type { Guide, Tiling } from "./boundary.js";
import type { DataflowConstraint } from "./dataflow.js";
import { LEVEL_ORDERS, orderPositions } from "./loop-orders.js";
import type { Mapping } from "./mapping.js";
import type { Objective } from "./objective.js";
import { DIM_COUNT, type Problem } from "./problem.js";
import { type SpatialChoice, sameBounds } from "./spatial.js";
import { BoundarySearch } from "./tiling.js";

/** A tiling under construction with what has been tried below it. */
interface Node extends Tiling {
  readonly outer: Node | undefined;
  readonly choice: SpatialChoice;
  readonly merit: number;
  /** by [stationary operand + 3 · (some dimension must be whole)] */
  readonly fills: (Filled | undefined)[];
}

/** A tiling down to the innermost level, its merit as far as the guide sees. */
export type Leaf = Node;

/** A tile that the boundary search found, and the group order just outside it. */
interface Filled extends Guide {
  readonly tile: Float64Array;
  /** the tile holds all that the parent leaves, and no smaller one can be better */
  readonly whole: boolean;
  /** the tiling that goes on from it, once there is one */
  child: Node | undefined;
}

const MISFIT: Filled = {
  merit: Infinity,
  order: 0,
  energyPj: 0,
  cycles: 0,
  exposedCycles: 0,
  stretch: 1,
  readBits: new Float64Array(),
  writeBits: new Float64Array(),
  partial: false,
  tile: new Float64Array(),
  whole: false,
  child: undefined,
};

/** Whether two tiles are one, so that the order of the loops outside does not matter either. */
function isSame(a: Filled, b: Filled): boolean {
  if (Math.abs(a.merit - b.merit) > 1e-9 * a.merit) return false;
  for (let d = 0; d < DIM_COUNT; d++) if (a.tile[d] !== b.tile[d]) return false;
  return true;
}

const STATIONARIES = [0, 1, 2] as const;

export class TilingTree {
  readonly #problem: Problem;
  readonly #chip: Accelerator;
  readonly #boundaries: BoundarySearch;
  readonly #roots: Node[] = [];

  /** @param boundaries of the same machine, to be used for this problem from now on */
  constructor(problem: Problem, chip: Accelerator, objective: Objective, boundaries = new BoundarySearch(chip)) {
    this.#problem = problem;
    this.#chip = chip;
    this.#boundaries = boundaries;
    boundaries.begin(problem, objective);
  }

  get groups(): Int8Array {
    return this.#boundaries.groups;
  }

  /** Adds the tilings of a spatial choice under a constraint to `leaves`; the better ones of each level go on. */
  leavesOf(choice: SpatialChoice, constraint: DataflowConstraint, leaves: Leaf[]): void {
    this.#descend(this.#rootOf(choice), constraint, leaves);
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
      merit: 0,
      energyPj: 0,
      cycles: choice.arrayCycles,
      exposedCycles: 0,
      stretch: 1,
      readBits: choice.nearReadBits,
      writeBits: choice.nearWriteBits,
      partial: false,
      fills: [],
    };
    this.#roots.push(root);
    return root;
  }

  /** Chooses the tile of the next level in; past the innermost there is a leaf. */
  #descend(node: Node, constraint: DataflowConstraint, leaves: Leaf[]): void {
    const level = node.level + 1;
    if (level === this.#chip.levels.length) {
      leaves.push(node);
      return;
    }
    const innermost = level === this.#chip.levels.length - 1;
    // further out a dataflow leaves the order free, but what must be whole inside must be whole there too
    const found = this.#tiles(node, innermost ? constraint.stationary : undefined, constraint.wholeMask);
    const count = Math.min(found.length, innermost ? 3 : 2);
    for (let i = 0; i < count; i++) this.#descend(this.#child(node, found[i]!), constraint, leaves);
  }

  #child(node: Node, filled: Filled): Node {
    if (filled.child !== undefined) return filled.child;
    const bounds = new Float64Array(DIM_COUNT);
    for (let d = 0; d < DIM_COUNT; d++) bounds[d] = Math.ceil(this.#available(node, d) / filled.tile[d]!);
    const child: Node = {
      level: node.level + 1,
      tile: filled.tile,
      bounds,
      order: filled.order,
      outer: node,
      choice: node.choice,
      merit: filled.merit,
      energyPj: filled.energyPj,
      cycles: filled.cycles,
      exposedCycles: filled.exposedCycles,
      stretch: filled.stretch,
      readBits: filled.readBits,
      writeBits: filled.writeBits,
      partial: filled.partial,
      fills: [],
    };
    filled.child = child;
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

  /** Tiles of the next level in for every operand that may be stationary just outside it (`only` one of them, if given), best
   *  first. */
  #tiles(node: Node, only: number | undefined, wholeMask: number): readonly Filled[] {
    const found: Filled[] = [];
    const offset = wholeMask === 0 ? 0 : 3;
    let opened = false;
    for (const stationary of STATIONARIES) {
      if (only !== undefined && only !== stationary) continue;
      let filled = node.fills[stationary + offset];
      if (filled === undefined) {
        if (!opened) this.#open(node);
        opened = true;
        filled = this.#fill(stationary, wholeMask);
        node.fills[stationary + offset] = filled;
      }
      if (filled.merit !== Infinity && !found.some((other) => isSame(other, filled))) found.push(filled);
      if (filled.whole) break; // nothing runs outside: the order does not matter
    }
    return found.sort((a, b) => a.merit - b.merit);
  }

  #fill(stationary: number, wholeMask: number): Filled {
    const boundaries = this.#boundaries;
    if (boundaries.fill(stationary, wholeMask) === Infinity) return MISFIT;
    const { merit, order, energyPj, cycles, exposedCycles, stretch, partial, readBits, writeBits } =
      boundaries.best(stationary);
    // field by field: spreading an object takes longer than all else here
    return {
      merit,
      order,
      energyPj,
      cycles,
      exposedCycles,
      stretch,
      readBits,
      writeBits,
      partial,
      child: undefined,
      tile: boundaries.tile.slice(),
      whole: boundaries.isWhole && !boundaries.mayShrink,
    };
  }

  #open(node: Node): void {
    const minimum = new Float64Array(DIM_COUNT);
    const maximum = new Float64Array(DIM_COUNT);
    for (let d = 0; d < DIM_COUNT; d++) {
      minimum[d] = this.#minimum(node, d);
      maximum[d] = this.#available(node, d);
    }
    const level = node.level + 1;
    const replication = this.#replication(level, node.choice);
    this.#boundaries.open({ level, minimum, maximum, replication, outside: node, choice: node.choice });
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

  /** The loops of a leaf. */
  write(leaf: Leaf, mapping: Mapping): void {
    const innermost = leaf.level * DIM_COUNT;
    mapping.spatial.set(leaf.choice.spatial);
    for (let d = 0; d < DIM_COUNT; d++) {
      mapping.temporal[innermost + d] = Math.ceil(leaf.tile[d]! / leaf.choice.spatial[innermost + d]!);
      mapping.order[innermost + d] = d;
    }
    for (let node: Node = leaf; node.outer !== undefined; node = node.outer) {
      const base = (node.level - 1) * DIM_COUNT;
      for (let d = 0; d < DIM_COUNT; d++) mapping.temporal[base + d] = node.bounds[d]!;
      orderPositions(this.groups, LEVEL_ORDERS[node.order]!, mapping.order, base);
    }
  }

  /** The loops of a leaf, where rounding up at every level makes a tile larger than was planned: inner tiles take sizes
   *  that divide. */
  writeDivided(leaf: Leaf, mapping: Mapping): void {
    this.write(leaf, mapping);
    const nodes: Node[] = [];
    for (let node: Node | undefined = leaf; node?.outer !== undefined; node = node.outer) nodes.unshift(node);
    for (let d = 0; d < DIM_COUNT; d++) {
      let units = nodes[0]!.tile[d]! / this.#minimum(nodes[0]!.outer!, d);
      for (const node of nodes.slice(1)) {
        const wanted = node.tile[d]! / this.#minimum(node.outer!, d);
        let size = Math.min(Math.floor(wanted), units);
        while (size > 1 && units % size !== 0) size--;
        mapping.temporal[(node.level - 1) * DIM_COUNT + d] = Math.ceil(units / size);
        units = size;
      }
      mapping.temporal[leaf.level * DIM_COUNT + d] = Math.max(1, Math.ceil(units));
    }
  }
}
