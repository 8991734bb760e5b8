// The loops of one mapping over one layer: the tile of every level, and how often a set of loops runs. Ragged ends are exact:
// a bound that does not divide its extent leaves the last iterations out, and what they leave out follows the nest inwards.
// A dimension whose loops did not change since the last mapping keeps what is known of it: a search changes one or two at a
// time. All arrays are made once, so that reading a mapping allocates nothing.
import type { Mapping } from "./mapping.js";
import { C, DIM_COUNT, G, I, N, P, type Problem, Q, R, S } from "./problem.js";

/** Place among the operands' `copies` of all instances. */
const ALL = 3;

/** Not reentrant: what it says is of the mapping read last. */
export class LoopNest {
  readonly levels: number;
  problem!: Problem;
  /** bounds by [level · 8 + dimension], as they were read */
  readonly temporal: Int32Array;
  readonly #spatial: Int32Array;
  /** the mapping's own: position of each loop at its level */
  order!: Int8Array;
  /** tiles by [level · 8 + dimension], clipped to the layer; the entry past the last level is the multiplier's */
  readonly tile: Float64Array;
  /** the same without clipping: the product of all bounds from the level inwards */
  readonly reach: Float64Array;
  /** how many tiles of a level a dimension has */
  readonly tiles: Float64Array;
  /** products of the bounds outside each level */
  readonly temporalOutside: Float64Array;
  readonly #spatialOutside: Float64Array;
  /** by level, the dimensions that its temporal loops run over, as bits */
  readonly looping: Uint8Array;
  /** dimensions that run more than once, as bits (the others multiply every count by 1): those whose bounds multiply to their
   *  extent, those whose last iterations are cut short, and both */
  even = 0;
  ragged = 0;
  busy = 0;
  /** changes whenever the layer, a bound or an extent does; orders do not count */
  version = 0;
  /** layer and even dimensions that the copies below are of; undefined when a spatial bound has changed since */
  #copiesOf: Problem | undefined;
  #copiesEven = 0;
  /** instances of each level that need the same word of an operand, as far as even dimensions make them, by
   *  [operand · (levels + 1) + level]; in the place of a fourth operand all instances */
  readonly copies: Float64Array;
  readonly #extents = new Int32Array(DIM_COUNT);
  /** of ragged dimensions: whole iterations of each loop once the loops outside it have done all of theirs */
  readonly #steps: Float64Array;
  readonly #lanes: Float64Array;
  /** visits of ragged dimensions, -1 where not yet counted: [dimension][temporal levels][spatial levels] */
  readonly #visits: Float64Array;
  readonly #visitsOfDim: number;

  constructor(levels: number) {
    const size = (levels + 1) * DIM_COUNT;
    this.levels = levels;
    this.temporal = new Int32Array(size);
    this.#spatial = new Int32Array(size);
    this.tile = new Float64Array(size).fill(1);
    this.reach = new Float64Array(size).fill(1);
    this.tiles = new Float64Array(size).fill(1);
    this.copies = new Float64Array(4 * (levels + 1));
    this.temporalOutside = new Float64Array(size).fill(1);
    this.#spatialOutside = new Float64Array(size).fill(1);
    this.looping = new Uint8Array(levels);
    this.#steps = new Float64Array(size);
    this.#lanes = new Float64Array(size);
    this.#visitsOfDim = (levels + 1) * (levels + 1);
    this.#visits = new Float64Array(DIM_COUNT * this.#visitsOfDim);
  }

  /** Takes a mapping up. It must stay as it is until the next. */
  read(problem: Problem, mapping: Mapping): void {
    this.order = mapping.order;
    const changed = this.#changedDims(problem, mapping);
    if (changed === 0 && problem === this.problem) return;
    this.problem = problem;
    this.version++;
    for (let rest = changed; rest !== 0; rest &= rest - 1) this.#readDim(lowestDim(rest), mapping);
  }

  #changedDims({ extents }: Problem, { temporal, spatial }: Mapping): number {
    const seenTemporal = this.temporal;
    const seenSpatial = this.#spatial;
    const size = this.levels * DIM_COUNT;
    let changed = 0;
    for (let index = 0; index < size; index++) {
      if (seenTemporal[index] !== temporal[index] || seenSpatial[index] !== spatial[index]) changed |= 1 << (index & 7);
    }
    for (let d = 0; d < DIM_COUNT; d++) if (this.#extents[d] !== extents[d]) changed |= 1 << d;
    return changed;
  }

  #readDim(d: number, { temporal, spatial }: Mapping): void {
    const { levels, looping, tile, reach, tiles } = this;
    const extent = this.problem.extents[d]!;
    this.#extents[d] = extent;
    const bit = 1 << d;
    let inside = 1;
    for (let index = (levels - 1) * DIM_COUNT + d; index >= 0; index -= DIM_COUNT) {
      const bound = temporal[index]!;
      this.temporal[index] = bound;
      if (this.#spatial[index] !== spatial[index]) {
        this.#spatial[index] = spatial[index]!;
        this.#copiesOf = undefined;
      }
      inside *= bound * spatial[index]!;
      reach[index] = inside;
      tile[index] = inside < extent ? inside : extent;
      tiles[index] = inside < extent ? Math.ceil(extent / inside) : 1;
      if (bound > 1) looping[index >> 3]! |= bit;
      else looping[index >> 3]! &= ~bit;
    }
    let t = 1;
    let s = 1;
    for (let index = d; index < levels * DIM_COUNT; index += DIM_COUNT) {
      t *= temporal[index]!;
      s *= spatial[index]!;
      this.temporalOutside[index + DIM_COUNT] = t;
      this.#spatialOutside[index + DIM_COUNT] = s;
    }
    this.busy &= ~bit;
    this.even &= ~bit;
    this.ragged &= ~bit;
    if (inside !== extent) {
      this.busy |= bit;
      this.ragged |= bit;
      this.#readRagged(d, extent);
    } else if (extent > 1) {
      this.busy |= bit;
      this.even |= bit;
    }
  }

  /** The extent as a number whose digits are the loops' iterations, outermost first. */
  #readRagged(d: number, extent: number): void {
    const first = d * this.#visitsOfDim;
    // a loop takes less time than `fill` on a part this short
    for (let slot = first; slot < first + this.#visitsOfDim; slot++) this.#visits[slot] = -1;
    let rest = extent;
    for (let index = d; index < this.levels * DIM_COUNT; index += DIM_COUNT) {
      const lane = this.reach[index + DIM_COUNT]!;
      const step = lane * this.#spatial[index]!;
      const steps = this.temporal[index] === 1 ? 0 : Math.floor(rest / step);
      rest -= steps * step;
      const lanes = this.#spatial[index] === 1 ? 0 : Math.floor(rest / lane);
      rest -= lanes * lane;
      this.#steps[index] = steps;
      this.#lanes[index] = lanes;
    }
  }

  /** Visits of a dimension: the temporal loops of the outermost `temporalLevels` levels and the spatial loops of the outermost
   *  `spatialLevels` count; the other loops stand at their first iteration. */
  visits(d: number, temporalLevels: number, spatialLevels: number): number {
    if ((this.ragged & (1 << d)) === 0) {
      return (
        this.temporalOutside[temporalLevels * DIM_COUNT + d]! * this.#spatialOutside[spatialLevels * DIM_COUNT + d]!
      );
    }
    return this.raggedVisits(d, temporalLevels, spatialLevels);
  }

  /** The same of a dimension that is known to be ragged. */
  raggedVisits(d: number, temporalLevels: number, spatialLevels: number): number {
    const slot = d * this.#visitsOfDim + temporalLevels * (this.levels + 1) + spatialLevels;
    const known = this.#visits[slot]!;
    if (known >= 0) return known;
    const visits = this.#countVisits(d, temporalLevels, spatialLevels);
    this.#visits[slot] = visits;
    return visits;
  }

  #countVisits(d: number, temporalLevels: number, spatialLevels: number): number {
    const { temporal, levels } = this;
    // visits before the loops so far come to their last iteration, and those of the loops still to come
    let whole = 0;
    let inside =
      this.temporalOutside[temporalLevels * DIM_COUNT + d]! * this.#spatialOutside[spatialLevels * DIM_COUNT + d]!;
    for (let l = 0; l < levels; l++) {
      const index = l * DIM_COUNT + d;
      const steps = this.#steps[index]!;
      if (l < temporalLevels) {
        inside /= temporal[index]!;
        whole += steps * inside;
      } else if (steps > 0) return whole + inside;
      const lanes = this.#lanes[index]!;
      if (l < spatialLevels) {
        inside /= this.#spatial[index]!;
        whole += lanes * inside;
      } else if (lanes > 0) return whole + inside;
    }
    return whole;
  }

  /** Brings `copies` up to date. */
  countCopies(): void {
    const { problem, even, levels, copies } = this;
    if (problem === this.#copiesOf && even === this.#copiesEven) return;
    this.#copiesOf = problem;
    this.#copiesEven = even;
    for (let set = 0; set < 4; set++) {
      const dims = set === ALL ? even : even & ~problem.relevance[set]!;
      for (let l = 0; l <= levels; l++) {
        let product = 1;
        for (let rest = dims; rest !== 0; rest &= rest - 1) {
          product *= this.#spatialOutside[l * DIM_COUNT + lowestDim(rest)]!;
        }
        copies[set * (levels + 1) + l] = product;
      }
    }
  }

  /** Instances of a level that hold data. */
  instances(level: number): number {
    let instances = this.copies[ALL * (this.levels + 1) + level]!;
    for (let rest = this.ragged; rest !== 0; rest &= rest - 1)
      instances *= this.raggedVisits(lowestDim(rest), 0, level);
    return instances;
  }

  /** Visits of a set of dimensions together. */
  visitsOfAll(dims: number, temporalLevels: number, spatialLevels: number): number {
    let visits = 1;
    for (let rest = dims & this.busy; rest !== 0; rest &= rest - 1) {
      visits *= this.visits(lowestDim(rest), temporalLevels, spatialLevels);
    }
    return visits;
  }

  /** Position [level · 8 + dimension] of the innermost loop of a level over some of the dimensions, -1 if none runs. */
  innermost(level: number, dims: number): number {
    let best = -1;
    let bestOrder = -1;
    for (let rest = this.looping[level]! & dims; rest !== 0; rest &= rest - 1) {
      const index = level * DIM_COUNT + lowestDim(rest);
      if (this.order[index]! > bestOrder) {
        best = index;
        bestOrder = this.order[index]!;
      }
    }
    return best;
  }

  /** The same of all levels outside `child`. */
  innermostOutside(child: number, dims: number): number {
    for (let l = child - 1; l >= 0; l--) {
      const found = this.innermost(l, dims);
      if (found >= 0) return found;
    }
    return -1;
  }

  /** Extent of a dimension in what all instances of a level hold at once, clipped to the layer. */
  sentExtent(level: number, d: number): number {
    const index = level * DIM_COUNT + d;
    return Math.min(this.reach[index]! * this.#spatialOutside[index]!, this.problem.extents[d]!);
  }

  /** Words of an operand in one tile of a level, clipped to the layer. */
  tileWords(level: number, operand: number): number {
    const { problem, tile, busy } = this;
    if (!problem.present[operand]) return 0;
    const base = level * DIM_COUNT;
    if (operand === I) {
      const rows = (tile[base + P]! - 1) * problem.stride[0] + (tile[base + R]! - 1) * problem.dilation[0] + 1;
      const columns = (tile[base + Q]! - 1) * problem.stride[1] + (tile[base + S]! - 1) * problem.dilation[1] + 1;
      return tile[base + N]! * tile[base + G]! * tile[base + C]! * rows * columns;
    }
    let words = 1;
    for (let rest = problem.relevance[operand]! & busy; rest !== 0; rest &= rest - 1) {
      words *= tile[base + lowestDim(rest)]!;
    }
    return words;
  }
}

/** Number of the lowest bit that is set. */
export const lowestDim = (dims: number): number => 31 - Math.clz32(dims & -dims);
