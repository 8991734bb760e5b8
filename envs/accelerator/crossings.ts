// What crosses a boundary, operand by operand, before its tile is chosen: where the words come from and where they go, how many
// instances get each of them, what a bit costs on its way, and how often the loops further out make it come again.
import { type Accelerator, homeOf } from "./architecture.js";
import { type Boundary, copiesAt } from "./boundary.js";
import { GROUP_ORDERS, type GroupOf } from "./loop-orders.js";
import { C, DIM_COUNT, G, I, N, O, type Problem, W } from "./problem.js";
import type { Tile } from "./tile.js";

const MAX_LEVELS = 12;

/** Arrays by operand, of the boundary opened last. */
export class Crossings {
  /** words of the operand (inputs: without their pixels) */
  readonly fullWords = new Float64Array(3);
  /** bits per full pass over the operand (inputs: per word), 0 where none cross */
  readonly passBits = new Float64Array(3);
  /** level that the words really come from, and energy of a bit on its way */
  readonly source = new Int32Array(3);
  readonly downPj = new Float64Array(3);
  /** of a sum that comes back */
  revisitPj = 0;
  /** bits of an output that leaves the level for the first time, over those of an unfinished sum */
  firstShare = 1;
  isReduced = false;
  /** cycles for each bit where an operand has a port of its own, 0 elsewhere */
  readonly portReadCycles = new Float64Array(3);
  readonly portWriteCycles = new Float64Array(3);
  readonly hasPorts: boolean;
  /** instances that get each word that is sent, or whose sums are added on the way */
  readonly receivers = new Float64Array(3);
  /** how many instances receive different words */
  readonly distinct = new Float64Array(3);
  /** bits that the next level inside has for an operand that passes this one by, 0 for one that is kept */
  readonly roomInside = new Float64Array(3);
  /** cycles for each bit of the next level that keeps what passes this one by, and the bits that it moves anyway */
  readonly keeperCycles = new Float64Array(3);
  readonly keeperBits = new Float64Array(3);
  /** visits that the levels further out cause, when a relevant loop runs inside them and when none does */
  readonly outerMoving = new Float64Array(3);
  readonly outerStill = new Float64Array(3);
  /** instances in use, by level */
  readonly instances = new Float64Array(MAX_LEVELS);
  readonly #chip: Accelerator;
  readonly #tile: Tile;
  readonly #hasHops: boolean;
  readonly #scratch = new Float64Array(4);
  #problem!: Problem;
  #groups!: GroupOf;
  #boundary!: Boundary;

  /** @param tile tells the bits of its words */
  constructor(chip: Accelerator, tile: Tile) {
    this.#chip = chip;
    this.#tile = tile;
    this.#hasHops = chip.levels.some(({ hopPjPerBit }) => hopPjPerBit > 0);
    this.hasPorts = chip.levels.some(
      ({ readPorts, writePorts }) => readPorts !== undefined || writePorts !== undefined,
    );
  }

  begin(problem: Problem, groups: GroupOf): void {
    const { extents, words } = problem;
    this.#problem = problem;
    this.#groups = groups;
    this.fullWords[W] = words[W]!;
    this.fullWords[I] = extents[N]! * extents[G]! * extents[C]!;
    this.fullWords[O] = words[O]!;
  }

  open(boundary: Boundary): void {
    this.#boundary = boundary;
    this.#countInstances();
    const { keeps } = this.#chip.levels[boundary.level]!;
    for (let operand = 0; operand < 3; operand++) {
      this.passBits[operand] = 0;
      this.source[operand] = boundary.level;
      this.#outerVisits(operand);
      if (!this.#problem.present[operand]) continue;
      this.roomInside[operand] = keeps[operand] ? 0 : this.#roomBeyond(operand);
      if (keeps[operand] || this.roomInside[operand]! > 0) this.#openOperand(operand);
    }
  }

  #countInstances(): void {
    const { spatial } = this.#boundary.choice;
    let instances = 1;
    for (let l = 0; l < this.#chip.levels.length; l++) {
      this.instances[l] = instances;
      for (let d = 0; d < DIM_COUNT; d++) instances *= spatial[l * DIM_COUNT + d]!;
    }
  }

  #openOperand(operand: number): void {
    const { level, replication, outside, choice } = this.#boundary;
    const { levels } = this.#chip;
    const { bits, relevance, resident } = this.#problem;
    let parent = level - 1;
    while (!levels[parent]!.keeps[operand]) parent--;
    const source = parent === 0 && resident[operand]! ? homeOf(this.#chip, this.#problem, operand) : parent;
    const from = levels[source]!;
    this.source[operand] = source;
    this.instances[source] = Math.max(1, Math.min(this.instances[source]!, from.instances));
    this.distinct[operand] = this.instances[level]! / replication[operand]!;
    const isKept = this.roomInside[operand] === 0;
    const keeper = isKept ? level : this.#nextKeeper(operand);
    const mask = relevance[operand]!;
    const copies = copiesAt(parent, mask, choice.spatial);
    const reached = isKept ? replication[operand]! : copiesAt(keeper, mask, choice.spatial) / copies;
    const receivers = (operand === O ? levels[parent]!.reduce : levels[parent]!.multicast[operand]!) ? reached : 1;
    const width = operand === O ? bits.partial : operand === W ? bits.weights : bits.inputs;
    this.receivers[operand] = receivers;
    this.passBits[operand] = (this.fullWords[operand]! * width * copies * reached) / receivers;
    const ports = 8 * this.instances[source]!;
    this.portReadCycles[operand] = from.readPorts === undefined ? 0 : 1 / (ports * from.readPorts[operand]!);
    this.portWriteCycles[operand] = from.writePorts === undefined ? 0 : 1 / (ports * from.writePorts[operand]!);
    this.keeperCycles[operand] = isKept ? 0 : this.#moveCyclesOf(keeper);
    this.keeperBits[operand] = outside.readBits[keeper]! + outside.writeBits[keeper]!;
    const hopPj = this.#hopPj(source, keeper);
    const fillPj = receivers * (levels[keeper]!.writePjPerBit + hopPj);
    if (operand === O) {
      this.firstShare = outside.partial ? 1 : bits.outputs / bits.partial;
      this.isReduced = reached > 1;
      this.downPj[O] = from.writePjPerBit + receivers * hopPj;
      this.revisitPj = from.readPjPerBit + fillPj;
    } else this.downPj[operand] = from.readPjPerBit + fillPj;
  }

  /** pJ of a bit on its way over the network between two levels. */
  #hopPj(from: number, to: number): number {
    let pj = 0;
    if (!this.#hasHops) return pj;
    for (let l = Math.min(from, to); l < Math.max(from, to); l++) pj += this.#chip.levels[l]!.hopPjPerBit;
    return pj;
  }

  /** Bits of a shared level that an operand can have: the smallest tiles of the others need theirs. */
  #roomBesideOthers(operand: number, l: number): number {
    const { levels } = this.#chip;
    const { present, relevance } = this.#problem;
    let room = levels[l]!.sharedCapacityBytes! * 8;
    for (let other = 0; other < 3; other++) {
      if (other === operand || !present[other] || !levels[l]!.keeps[other]) continue;
      let words = 1;
      for (let inner = l; inner < levels.length; inner++) {
        for (let d = 0; d < DIM_COUNT; d++) {
          if (relevance[other]! & (1 << d)) words *= this.#boundary.choice.spatial[inner * DIM_COUNT + d]!;
        }
      }
      room -= words * this.#tile.wordBits(other);
    }
    return Math.max(0, room);
  }

  /** Cycles for each bit that a level inside the boundary moves. */
  #moveCyclesOf(l: number): number {
    const { sharedBytesPerCycle, readBytesPerCycle, writeBytesPerCycle } = this.#chip.levels[l]!;
    let instances = this.instances[this.#boundary.level]!;
    for (let outer = this.#boundary.level; outer < l; outer++) {
      for (let d = 0; d < DIM_COUNT; d++) instances *= this.#boundary.choice.spatial[outer * DIM_COUNT + d]!;
    }
    return 1 / (8 * instances * Math.min(sharedBytesPerCycle, 2 * readBytesPerCycle, 2 * writeBytesPerCycle));
  }

  /** The next level inside this one that keeps an operand; the number of levels when there is none. */
  #nextKeeper(operand: number): number {
    const { levels } = this.#chip;
    let next = this.#boundary.level + 1;
    while (next < levels.length && !levels[next]!.keeps[operand]) next++;
    return next;
  }

  /** Bits that an operand which passes the level by finds further in, in all that one instance of the level feeds; 0 when it
   *  goes on to the multipliers. */
  #roomBeyond(operand: number): number {
    const { levels } = this.#chip;
    const { spatial } = this.#boundary.choice;
    const next = this.#nextKeeper(operand);
    const level = levels[next];
    if (level === undefined) return 0;
    let room =
      level.partitionBytes === undefined ? this.#roomBesideOthers(operand, next) : level.partitionBytes[operand]! * 8;
    for (let l = this.#boundary.level; l < next; l++) {
      for (let d = 0; d < DIM_COUNT; d++) {
        if (this.#problem.relevance[operand]! & (1 << d)) room *= spatial[l * DIM_COUNT + d]!;
      }
    }
    return room;
  }

  #outerVisits(operand: number): void {
    let all = 1;
    let still = 1;
    let moving = false;
    // the node of the level outside holds the bounds of the loops two levels out, and so on
    for (let node = this.#boundary.outside; node.outer !== undefined; node = node.outer) {
      const groups = this.#scratch.fill(1);
      for (let d = 0; d < DIM_COUNT; d++) groups[this.#groups[d]!]! *= node.bounds[d]!;
      const order = GROUP_ORDERS[node.order]!;
      all *= groups[operand]!;
      for (let g = 2; g >= 0; g--) {
        const which = order[g]!;
        if (which === operand) still *= moving ? groups[which]! : 1;
        else if (groups[which]! > 1) moving = true;
      }
      if (groups[3]! > 1) moving = true;
    }
    this.outerMoving[operand] = all;
    this.outerStill[operand] = still;
  }
}
