// How a group of layers is cut into tiles: of all tilings that leave room for the tiles of the mapper and that cannot be slower or
// costlier than layer by layer, the one that moves the fewest DRAM bytes; among equals the one that computes least, then the one
// with the fewest tiles. The choice grows with the store, so that traffic never falls when the store shrinks.
import type { Objective } from "../accelerator/objective.js";
import type { Halo } from "./deployment.js";
import { type AxisTiles, axisTiles, cachedPixels, type GroupShape, heldPixels } from "./group-geometry.js";

/** What the planner knows of one layer; amounts are for the whole layer and batch. */
export interface LayerFacts {
  readonly operations: number;
  /** cycles with every unit busy */
  readonly peakCycles: number;
  readonly operationPj: number;
  /** weights that the layer loads; 0 where it has none, or they stay on chip for good */
  readonly weightBits: number;
  /** bits of a word of its output */
  readonly outputBits: number;
  /** DRAM bits that it moves at least when it runs by itself */
  readonly aloneBits: number;
}

/** What a group is planned for. */
export interface PlanningRoom {
  readonly batch: number;
  readonly halo: Halo;
  /** whether the store holds weights */
  readonly keepsWeights: boolean;
  /** bits of the store, all instances together, that the group may take while each layer of the network runs */
  freeBits(layer: number): number;
  /** bits that its weights may take, where they have a room of their own; undefined where they share the store */
  readonly freeWeightBits: number | undefined;
  /** whether a layer's output is on chip as a whole */
  isKept(layer: number): boolean;
  /** bits of a word of what a layer reads from outside of the group */
  externalBits(source: number, reader: number): number;
  channelsOf(source: number): number;
  /** cycles that every layer, and every tile of a layer, takes beside its work */
  readonly startCycles: number;
  readonly dramBitsPerCycle: number;
  readonly dramPjPerBit: number;
  readonly objective: Objective;
}

export interface GroupPlan {
  readonly shape: GroupShape;
  readonly rows: AxisTiles;
  readonly columns: AxisTiles;
  /** images that a tile holds */
  readonly images: number;
  /** tiles of all images */
  readonly tiles: number;
  /** the group's weights are loaded once and stay for its tiles; else once for each tile */
  readonly weightsStay: boolean;
  /** bits between DRAM and chip: externals, weights (at least), output */
  readonly dramBits: number;
  /** the same for the layers one by one, at least */
  readonly aloneBits: number;
  readonly operations: number;
  /** operations beyond one computation of every pixel that is needed */
  readonly recomputedOperations: number;
  /** bits of the store while each layer of the group runs, weights among them unless they have a room of their own */
  readonly storeBits: readonly number[];
  /** of all tensors, between two tiles */
  readonly lineBufferBits: number;
  readonly weightBits: number;
}

/** The best tiling of a group; undefined when none fits, none is worth it, or none moves fewer DRAM bits than `limitBits`.
 *  @param factsOf what is known of a layer of the network */
export function planGroup(
  shape: GroupShape,
  factsOf: (layer: number) => LayerFacts,
  room: PlanningRoom,
  limitBits = Infinity,
): GroupPlan | undefined {
  const facts = shape.reads.map((_, i) => factsOf(shape.first + i));
  return new TilingSearch(shape, facts, room, limitBits).best();
}

/** Why a group has no tiling, in words; undefined where it has one that moves fewer bits than its layers one by one. */
export function whyNoTiling(
  shape: GroupShape,
  factsOf: (layer: number) => LayerFacts,
  room: PlanningRoom,
): string | undefined {
  const facts = shape.reads.map((_, i) => factsOf(shape.first + i));
  const aloneBits = facts.reduce((sum, one) => sum + one.aloneBits, 0);
  return new TilingSearch(shape, facts, room, aloneBits).refusal();
}

/** Which halos are kept: rows and columns, the one that computes less first. */
const HALO_CHOICES: Readonly<Record<Halo, readonly (readonly [rows: boolean, columns: boolean])[]>> = {
  // whole rows in buffers, but not the few pixels beside, is no choice
  best: [
    [true, true],
    [false, true],
    [false, false],
  ],
  cached: [[true, true]],
  recomputed: [[false, false]],
};

/** n, n / 2, n / 4, ... rounded up, down to 1. */
export function halvings(n: number): number[] {
  const sizes: number[] = [];
  for (let parts = 1; ; parts *= 2) {
    const size = Math.ceil(n / parts);
    sizes.push(size);
    if (size === 1) return sizes;
  }
}

/** Tries the tilings of one group. What does not depend on the tiling is worked out once. */
class TilingSearch {
  readonly #shape: GroupShape;
  readonly #facts: readonly LayerFacts[];
  readonly #room: PlanningRoom;
  readonly #aloneScore: number;
  readonly #aloneBits: number;
  readonly #weightBits: number;
  /** DRAM bits that no tiling changes: output, and maps that are spread */
  readonly #fixedBits: number;
  readonly #factorBits: number;
  /** by tensor: DRAM bits of a loaded pixel for a batch; bits of a pixel on chip for an image */
  readonly #loadBits: readonly number[];
  readonly #wordBits: readonly number[];
  /** by layer: operations of an output pixel for a batch */
  readonly #pixelOperations: readonly number[];
  readonly #freeBits: readonly number[];
  readonly #cuts: readonly [Map<number, AxisTiles>, Map<number, AxisTiles>] = [new Map(), new Map()];
  #bestBits: number;
  #bestOperations = Infinity;
  #bestTiles = Infinity;
  #best: GroupPlan | undefined;

  constructor(shape: GroupShape, facts: readonly LayerFacts[], room: PlanningRoom, limitBits: number) {
    const { tensors, factors, first, last } = shape;
    this.#shape = shape;
    this.#facts = facts;
    this.#room = room;
    this.#bestBits = limitBits;
    this.#freeBits = facts.map((_, i) => room.freeBits(first + i));
    this.#aloneScore = aloneScore(facts, room);
    this.#aloneBits = facts.reduce((sum, { aloneBits }) => sum + aloneBits, 0);
    this.#weightBits = facts.reduce((sum, { weightBits }) => sum + weightBits, 0);
    const bits = tensors.map(({ source, isExternal }, t) => {
      if (!isExternal) return facts[source - first]!.outputBits;
      const reader = shape.reads.findIndex((list) => list.some((read) => read.tensor === t));
      return room.externalBits(source, first + reader);
    });
    this.#loadBits = tensors.map(({ source, channels, isExternal }, t) =>
      isExternal && !room.isKept(source) ? room.batch * channels * bits[t]! : 0,
    );
    // what is on chip as a whole has its room already
    this.#wordBits = tensors.map(({ source, channels, isExternal }, t) =>
      (isExternal || source === last) && room.isKept(source) ? 0 : channels * bits[t]!,
    );
    this.#pixelOperations = facts.map(({ operations }, i) => {
      const [height, width] = tensors[shape.outputsFrom + i]!.size;
      return operations / (height * width);
    });
    this.#factorBits = factors.reduce<number>((sum, source, i) => {
      if (source === undefined || room.isKept(source)) return sum;
      return sum + room.batch * room.channelsOf(source) * room.externalBits(source, first + i);
    }, 0);
    const output = tensors[tensors.length - 1]!;
    const outputBits = room.batch * output.channels * output.size[0] * output.size[1] * bits[tensors.length - 1]!;
    this.#fixedBits = this.#factorBits + (room.isKept(last) ? 0 : outputBits);
  }

  best(): GroupPlan | undefined {
    const { tensors } = this.#shape;
    const [height, width] = tensors[tensors.length - 1]!.size;
    const choices = HALO_CHOICES[this.#room.halo];
    // in one piece, each word moves once and each pixel is computed once: no tiling does better, unless a stride leaves out
    // pixels between the tiles
    const whole = [this.#cut(0, height, choices[0]![0]), this.#cut(1, width, choices[0]![1])] as const;
    const leastBits = hasGaps(this.#shape) ? 0 : this.#fixedBits + this.#loaded(...whole) + this.#weightBits;
    if (leastBits >= this.#bestBits) return undefined;
    const leastOperations = this.#operations(...whole);
    const [smallRows, smallColumns] = choices[choices.length - 1]!;
    if (!this.#fits(this.#storeBits(this.#cut(0, 1, smallRows), this.#cut(1, 1, smallColumns), 1, false))) {
      return undefined; // not even tiles of one pixel
    }
    const isDone = (): boolean => this.#bestBits === leastBits && this.#bestOperations === leastOperations;
    for (const columns of halvings(width)) {
      for (const rows of halvings(height)) {
        for (const [cachesRows, cachesColumns] of choices) {
          this.#consider(this.#cut(0, rows, cachesRows), this.#cut(1, columns, cachesColumns));
          // what follows has more tiles
          if (isDone()) return this.#best;
        }
      }
    }
    return this.#best;
  }

  refusal(): string | undefined {
    const bytes = (bits: number): number => Math.ceil(bits / 8);
    const [rows, columns] = HALO_CHOICES[this.#room.halo].at(-1)!;
    const smallest = this.#storeBits(this.#cut(0, 1, rows), this.#cut(1, 1, columns), 1, false);
    const short = smallest.findIndex((bits, i) => bits > this.#freeBits[i]!);
    if (short >= 0) {
      const free = bytes(Math.max(0, this.#freeBits[short]!));
      return `even tiles of one pixel need ${bytes(smallest[short]!)} bytes, and ${free} are free`;
    }
    if (this.best() !== undefined) return undefined;
    return "every tiling that fits moves as many DRAM bytes as the layers one by one, or could be worse by the objective";
  }

  #cut(axis: 0 | 1, size: number, isCached: boolean): AxisTiles {
    const known = this.#cuts[axis];
    const key = 2 * size + (isCached ? 1 : 0);
    let tiles = known.get(key);
    if (tiles === undefined) {
      tiles = axisTiles(this.#shape, axis, size, isCached);
      known.set(key, tiles);
    }
    return tiles;
  }

  /** Bits of externals, for a batch. */
  #loaded(rows: AxisTiles, columns: AxisTiles): number {
    let bits = 0;
    for (let t = 0; t < this.#shape.outputsFrom; t++) bits += this.#loadBits[t]! * rows.total[t]! * columns.total[t]!;
    return bits;
  }

  #operations(rows: AxisTiles, columns: AxisTiles): number {
    let operations = 0;
    for (let i = 0; i < this.#facts.length; i++) {
      const t = this.#shape.outputsFrom + i;
      operations += this.#pixelOperations[i]! * rows.total[t]! * columns.total[t]!;
    }
    return operations;
  }

  #consider(rows: AxisTiles, columns: AxisTiles): void {
    const { batch, keepsWeights } = this.#room;
    const movedBits = this.#fixedBits + this.#loaded(rows, columns);
    if (movedBits + this.#weightBits > this.#bestBits) return;
    const operations = this.#operations(rows, columns);
    for (let images = batch; ; images = 1) {
      const tiles = rows.tiles * columns.tiles * (batch / images);
      const mayStay = keepsWeights && this.#weightBits <= (this.#room.freeWeightBits ?? Infinity);
      for (let stays = tiles > 1 && mayStay && this.#weightBits > 0; ; stays = false) {
        const dramBits = movedBits + this.#weightBits * (stays ? 1 : tiles);
        if (this.#improves(dramBits, operations, tiles)) {
          const storeBits = this.#storeBits(rows, columns, images, stays);
          if (this.#fits(storeBits) && this.#score(rows, columns, dramBits, tiles) <= this.#aloneScore * (1 + 1e-12)) {
            this.#bestBits = dramBits;
            this.#bestOperations = operations;
            this.#bestTiles = tiles;
            this.#best = this.#plan(rows, columns, images, stays, { dramBits, operations, tiles, storeBits });
          }
        }
        if (!stays) break;
      }
      if (images === 1) break;
    }
  }

  #improves(dramBits: number, operations: number, tiles: number): boolean {
    if (dramBits !== this.#bestBits) return dramBits < this.#bestBits;
    if (this.#best === undefined) return false;
    if (operations !== this.#bestOperations) return operations < this.#bestOperations;
    return tiles < this.#bestTiles;
  }

  #fits(storeBits: readonly number[]): boolean {
    for (let i = 0; i < storeBits.length; i++) if (storeBits[i]! > this.#freeBits[i]!) return false;
    return true;
  }

  /** By layer of the group: what is in hand there, the line buffers of the rest, and what is there for the whole group. */
  #storeBits(rows: AxisTiles, columns: AxisTiles, images: number, weightsStay: boolean): number[] {
    const fixed = this.#factorBits + (weightsStay && this.#room.freeWeightBits === undefined ? this.#weightBits : 0);
    const storeBits = this.#facts.map(() => fixed);
    this.#shape.tensors.forEach(({ firstUse, lastUse }, t) => {
      const word = images * this.#wordBits[t]!;
      if (word === 0) return;
      const held = word * heldPixels(t, rows, columns);
      const cached = word * cachedPixels(t, rows, columns);
      for (let i = 0; i < storeBits.length; i++) storeBits[i]! += firstUse <= i && i <= lastUse ? held : cached;
    });
    return storeBits;
  }

  /** The least that a tiling costs, in terms of the objective: its transfers overlap with its work. */
  #score(rows: AxisTiles, columns: AxisTiles, dramBits: number, tiles: number): number {
    const { dramPjPerBit, dramBitsPerCycle, startCycles, objective } = this.#room;
    let cycles = startCycles * this.#facts.length * tiles;
    let energyPj = dramBits * dramPjPerBit;
    this.#facts.forEach((layer, i) => {
      const t = this.#shape.outputsFrom + i;
      const share = (this.#pixelOperations[i]! * rows.total[t]! * columns.total[t]!) / layer.operations;
      cycles += layer.peakCycles * share;
      energyPj += layer.operationPj * share;
    });
    return scoreOf(Math.max(cycles, dramBits / dramBitsPerCycle), energyPj, objective);
  }

  #plan(
    rows: AxisTiles,
    columns: AxisTiles,
    images: number,
    weightsStay: boolean,
    counts: Pick<GroupPlan, "dramBits" | "operations" | "tiles" | "storeBits">,
  ): GroupPlan {
    let once = 0;
    let lineBufferBits = 0;
    this.#pixelOperations.forEach((operations, i) => {
      const t = this.#shape.outputsFrom + i;
      const pixels = (axis: AxisTiles): number => Math.min(axis.total[t]!, axis.extent[t]!);
      once += operations * pixels(rows) * pixels(columns);
    });
    this.#wordBits.forEach((bits, t) => {
      lineBufferBits += images * bits * cachedPixels(t, rows, columns);
    });
    return {
      ...counts,
      shape: this.#shape,
      rows,
      columns,
      images,
      weightsStay,
      aloneBits: this.#aloneBits,
      recomputedOperations: counts.operations - once,
      lineBufferBits,
      weightBits: this.#weightBits,
    };
  }
}

/** Whether a layer leaves out pixels between those that it reads. */
const hasGaps = ({ reads }: GroupShape): boolean =>
  reads.some((list) => list.some(({ windows }) => windows.some(({ stride, span }) => stride > span)));

/** The least that the layers cost one by one: the transfers of each overlap with its own work. */
function aloneScore(facts: readonly LayerFacts[], room: PlanningRoom): number {
  let cycles = 0;
  let energyPj = 0;
  for (const { peakCycles, operationPj, aloneBits } of facts) {
    cycles += room.startCycles + Math.max(peakCycles, aloneBits / room.dramBitsPerCycle);
    energyPj += operationPj + aloneBits * room.dramPjPerBit;
  }
  return scoreOf(cycles, energyPj, room.objective);
}

function scoreOf(cycles: number, energyPj: number, objective: Objective): number {
  switch (objective) {
    case "latency":
      return cycles;
    case "energy":
      return energyPj;
    case "edp":
      return cycles * energyPj;
  }
}
