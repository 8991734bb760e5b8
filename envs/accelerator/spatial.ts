// Which dimensions unroll on which fan-out axis: a beam search over the axes, largest first. A choice is judged by the temporal
// iterations that remain, and by the words that must move between the levels: each instance gets all that it needs, copies
// included, and as often as its room makes necessary (reuse.ts); then by the cycles and energy of that, for the objective.
// An axis may carry several dimensions; a dimension's share is balanced, so that its last fold is not a sliver.
// States are only made for what enters the beam: this runs for every layer of every trial.
import { type Accelerator, homeOf, operationRate, operationsPj, reservedBitsAt, zeroSharesOf } from "./architecture.js";
import type { ChoiceFacts } from "./boundary.js";
import type { DataflowConstraint } from "./dataflow.js";
import type { Objective } from "./objective.js";
import { C, DIM_COUNT, G, I, K, N, O, OPERANDS, P, type Problem, Q, R, S, W } from "./problem.js";
import { estimateReuse, newSetting, type ReuseSetting } from "./reuse.js";

/** A spatial choice: the bounds, and what they settle alone. */
export interface SpatialChoice extends ChoiceFacts {
  /** what it costs by the estimate that ranks the choices */
  readonly score: number;
  /** energy of the accesses next to the multipliers, at least */
  readonly nearPj: number;
}

interface FlatAxis {
  readonly level: number;
  readonly size: number;
  readonly dimMask: number;
}

/** Which dimension takes its share of an axis first: the later ones can use what is left over, whatever its size. */
const GIVEN_ORDER: readonly number[] = [N, G, K, C, P, Q, R, S];
const OTHER_ORDER: readonly number[] = [R, S, P, Q, K, C, G, N];
/** On axes up to this size the order hardly matters. */
const SMALL_AXIS = 8;
/** States that go on from one axis to the next, at least, where no dataflow says what stays. */
const MIDDLE_WIDTH = 6;
/** Axes up to this size carry one dimension: two of them, halves of the axis, next to never win. */
const SINGLE_AXIS = 4;
const ALL_STATIONARIES: readonly number[] = [0, 1, 2];
const ONE_STATIONARY: readonly (readonly number[])[] = [[0], [1], [2]];

/** Words of one operand on their way between two levels that keep it (the multipliers come after the last). */
interface Passage {
  readonly operand: number;
  /** level whose loops and fan-outs count, and the one that the words are really in */
  readonly parent: number;
  readonly source: number;
  readonly child: number;
  /** one access of the parent serves, or adds the sums of, several instances */
  readonly shares: boolean;
  /** every word once */
  readonly words: number;
  /** pJ for each word read from (sums: added to) the parent, and for each that an instance of the child gets */
  readonly parentPj: number;
  readonly childPj: number;
  /** bits of a word; a finished sum has fewer */
  readonly bits: number;
  readonly resultBits: number;
  /** how many words the multipliers ask for if each asks for itself; 0 for a level */
  readonly loads: number;
  /** what the first visit of a sum spares: pJ for each word and instance of the parent */
  readonly firstPj: number;
  /** the same where the sum goes on: it is not read, but written with all its bits */
  readonly firstReadPj: number;
}

/** Finds spatial choices for one machine. Holds scratch arrays; not reentrant. */
export class SpatialSearch {
  readonly #chip: Accelerator;
  readonly #levels: number;
  readonly #axes: readonly FlatAxis[];
  readonly #size: number;
  readonly #copiesAt: number;
  // of the axis and the beam entry under way
  #from!: State;
  #axis!: FlatAxis;
  #order: readonly number[] = GIVEN_ORDER;
  readonly #dims = new Int32Array(DIM_COUNT);
  readonly #bounds = new Int32Array(DIM_COUNT);
  readonly #offered: Int32Array;
  #beam: State[] = [];
  #width = 0;
  /** states no longer in a beam, to be used again */
  readonly #spare: State[] = [];
  /** all that a state knows, in one array, and the parts of it: */
  readonly #facts: Float64Array;
  /** extents that remain for time and the axes to come */
  readonly #remaining: Float64Array;
  /** instances of a level that are used, and by [level · 8 + dimension] */
  readonly #used: Float64Array;
  readonly #unrolled: Float64Array;
  /** instances of a level that need the same word, by [operand · (levels + 1) + level] */
  readonly #copies: Float64Array;
  /** facts that grow with a dimension's instances, by [level · 8 + dimension], and the relevances that they hold for */
  readonly #spreadPlaces: (readonly number[])[] = [];
  #spreadRelevance: readonly number[] = [-1, -1, -1];
  /** position of the axis under way among all, and the dimensions that may spread on each */
  #position = 0;
  #slotsLeft = 1;
  readonly #axisDims: (readonly number[])[] = [];
  readonly #otherOrder: (readonly number[])[] = [];
  /** whether rows and columns can change places: then rows are spread first */
  #isSymmetric = false;
  readonly #axesAreSymmetric: boolean;
  // of the problem under way
  #objective: Objective = "latency";
  #problem!: Problem;
  /** whether neighbouring outputs share inputs */
  #hasWindow = false;
  #stationaries: readonly number[] = ALL_STATIONARIES;
  /** operand whose words the array is filled with, and the words of it that an element holds */
  readonly #stationaryOperand: number;
  #stationaryRoom = 1;
  #rate = 1;
  #operationsPj = 0;
  #worstPj = 0;
  readonly #ignoredExtent = new Float64Array(3);
  /** by the level that words come to, the multipliers last */
  #passages: (readonly Passage[])[] = [];
  readonly #settings: ReuseSetting[] = [];
  readonly #roomBits: (readonly number[])[] = [];
  /** by stationary operand */
  readonly #reuse = [new Float64Array(3), new Float64Array(3), new Float64Array(3)];
  /** bits that pass each level in the two directions */
  readonly #readBits: Float64Array;
  readonly #writeBits: Float64Array;
  /** of one instance: both directions together, reading, writing */
  readonly #cyclesPerBit: Float64Array;
  /** the same and their energy for the passages that the axis under way leaves as they are: the first so many */
  #settled = 0;
  #settledPj = 0;
  readonly #settledReads: Float64Array;
  readonly #settledWrites: Float64Array;

  constructor(chip: Accelerator) {
    this.#chip = chip;
    this.#levels = chip.levels.length;
    this.#axes = chip.levels
      .flatMap((level, l) => level.fanout.map((axis) => ({ level: l, size: axis.size, dimMask: axis.dimMask })))
      .filter((axis) => axis.size > 1)
      .sort((a, b) => b.size - a.size);
    this.#axesAreSymmetric = this.#axes.every(
      ({ dimMask }) => isIn(P, dimMask) === isIn(Q, dimMask) && isIn(R, dimMask) === isIn(S, dimMask),
    );
    this.#size = this.#levels * DIM_COUNT;
    this.#offered = new Int32Array(this.#size);
    const usedAt = DIM_COUNT;
    const unrolledAt = usedAt + this.#levels;
    this.#copiesAt = unrolledAt + this.#size;
    this.#facts = new Float64Array(this.#copiesAt + 3 * (this.#levels + 1));
    this.#remaining = this.#facts.subarray(0, DIM_COUNT);
    this.#used = this.#facts.subarray(usedAt, unrolledAt);
    this.#unrolled = this.#facts.subarray(unrolledAt, this.#copiesAt);
    this.#copies = this.#facts.subarray(this.#copiesAt);
    this.#stationaryOperand = OPERANDS.indexOf(chip.overheads.stationary);
    this.#cyclesPerBit = Float64Array.from(
      chip.levels.flatMap(({ sharedBytesPerCycle, readBytesPerCycle, writeBytesPerCycle }) =>
        [sharedBytesPerCycle, readBytesPerCycle, writeBytesPerCycle].map((bytes) => 1 / (8 * bytes)),
      ),
    );
    this.#readBits = new Float64Array(this.#levels);
    this.#settledReads = new Float64Array(this.#levels);
    this.#settledWrites = new Float64Array(this.#levels);
    this.#writeBits = new Float64Array(this.#levels);
  }

  /** At most `width` choices that a constraint allows, most promising first. */
  choices(
    problem: Problem,
    { spatialMask, stationary }: DataflowConstraint,
    width: number,
    objective: Objective,
  ): readonly SpatialChoice[] {
    this.#objective = objective;
    this.#stationaries =
      stationary === undefined || !problem.present[stationary] ? ALL_STATIONARIES : ONE_STATIONARY[stationary]!;
    if (this.#problem !== problem) this.#weigh(problem);
    const start = this.#spare.pop() ?? this.#newState();
    start.spatial.fill(1);
    start.facts.fill(1);
    start.facts.set(problem.extents);
    start.iterations = problem.operationCount;
    let beam: State[] = [start];
    for (const [position, { dimMask }] of this.#axes.entries()) {
      const mayUse = (d: number): boolean => isIn(d, dimMask & spatialMask) && problem.extents[d]! > 1;
      this.#axisDims[position] = GIVEN_ORDER.filter(mayUse);
      this.#otherOrder[position] = OTHER_ORDER.filter(mayUse);
    }
    this.#isSymmetric = this.#axesAreSymmetric && looksAlikeTurned(problem);
    this.#axes.forEach((axis, position) => {
      this.#axis = axis;
      this.#beam = [];
      this.#position = position;
      const isLast = position === this.#axes.length - 1;
      const before = this.#axes[position - 1];
      const isTwin = before?.level === axis.level && before.size === axis.size && before.dimMask === axis.dimMask;
      this.#slotsLeft = this.#axes.slice(position + 1).reduce((slots, { size }) => slots * size, 1);
      this.#width = isLast ? width : Math.max(width, stationary === undefined ? MIDDLE_WIDTH : 4);
      for (const state of beam) {
        this.#from = state;
        this.#facts.set(state.facts);
        this.#settleOuter();
        // of two equal axes the second goes on where the first began: the reverse is the same
        this.#order = this.#axisDims[position]!;
        this.#extend(axis.size, state.iterations, 0, isTwin ? state.first : 0);
        if (axis.size <= SMALL_AXIS) continue;
        this.#order = this.#otherOrder[position]!;
        this.#extend(axis.size, state.iterations, 0, 0);
      }
      this.#spare.push(...beam);
      beam = this.#beam;
    });
    this.#spare.push(...beam);
    return beam.map((state) => this.#choiceOf(state));
  }

  /** Ways to fill `room` slots of the axis with dimensions from the `from`th on, of which `count` are chosen already: each
   *  takes all of what is left, a half, a quarter, ... or nothing. */
  #extend(room: number, iterations: number, count: number, from: number): void {
    for (let i = from; i < this.#order.length; i++) {
      const d = this.#order[i]!;
      const left = this.#remaining[d]!;
      if (left === 1) continue;
      let before = 1;
      for (let slots = room; slots >= 2; slots >>= 1) {
        const folds = Math.ceil(left / slots);
        const bound = Math.ceil(left / folds);
        if (bound === before) continue;
        before = bound;
        if (d === Q && this.#isSymmetric && folds < this.#remaining[P]!) continue;
        this.#dims[count] = d;
        this.#bounds[count] = bound;
        this.#remaining[d] = folds;
        const next = (iterations / left) * folds;
        const rest = Math.floor(room / bound);
        if (this.#cannotEnter(next / rest)) {
          this.#remaining[d] = left;
          break;
        }
        this.#spread(d, bound);
        if (rest >= 2 && this.#axis.size > SINGLE_AXIS) this.#extend(rest, next, count + 1, i + 1);
        else this.#offer(next, count + 1);
        this.#spread(d, 1 / bound);
        this.#remaining[d] = left;
      }
    }
    this.#offer(iterations, count);
  }

  /** Whether no more than `iterations` in all are too many for a full beam; fewer slots for a dimension leave no less. */
  #cannotEnter(iterations: number): boolean {
    if (this.#beam.length < this.#width) return false;
    const array = iterations / this.#rate / this.#slotsLeft;
    return this.#figure(array, array, this.#settledPj) >= this.#beam[this.#beam.length - 1]!.score;
  }

  /** `bound` times as many instances inside the axis under way, by dimension d. */
  #spread(d: number, bound: number): void {
    const facts = this.#facts;
    const places = this.#spreadPlaces[this.#axis.level * DIM_COUNT + d]!;
    for (let i = 0; i < places.length; i++) facts[places[i]!]! *= bound;
  }

  /** Which facts grow with the instances of a dimension below a level. */
  #placesOf(relevance: readonly number[], level: number, d: number): number[] {
    const places: number[] = [];
    for (let l = level + 1; l <= this.#levels; l++) {
      if (l < this.#levels) places.push(DIM_COUNT + l, DIM_COUNT + this.#levels + l * DIM_COUNT + d);
      for (let operand = 0; operand < 3; operand++) {
        if (!isIn(d, relevance[operand]!)) places.push(this.#copiesAt + operand * (this.#levels + 1) + l);
      }
    }
    return places;
  }

  /** What a state settles alone: the array's cycles, and energies that no tiling changes. */
  #choiceOf({ iterations, facts, spatial, score }: State): SpatialChoice {
    const copies = facts.subarray(this.#copiesAt);
    let accessPj = 0;
    let first = 0;
    let firstRead = 0;
    const nearReadBits = new Float64Array(this.#levels);
    const nearWriteBits = new Float64Array(this.#levels);
    for (const passage of this.#passages.at(-1)!) {
      const { operand, parent, words, bits, loads, parentPj, firstPj, firstReadPj } = passage;
      const sent = loads / this.#sharers(passage, copies);
      accessPj += sent * parentPj;
      const visited = words * copies[operand * (this.#levels + 1) + parent]!;
      first += visited * firstPj;
      firstRead += visited * firstReadPj;
      nearReadBits[parent]! += (operand === O ? Math.max(0, sent - visited) : sent) * bits;
      if (operand === O) nearWriteBits[parent]! += sent * bits;
    }
    return {
      spatial: spatial.slice(),
      score,
      arrayCycles: iterations / this.#rate,
      fixedPj: this.#operationsPj + accessPj - firstRead,
      nearPj: accessPj - first,
      nearReadBits,
      nearWriteBits,
    };
  }

  #sharers({ operand, parent, child, shares }: Passage, copies: Float64Array): number {
    const at = operand * (this.#levels + 1);
    return shares ? copies[at + child]! / copies[at + parent]! : 1;
  }

  /** What a choice costs, by the objective and an estimate of the tiles; lower is better.
   *  @returns Infinity when it is seen early that it is no better than `limit` */
  #score(iterations: number, limit: number): number {
    const reads = this.#readBits;
    const writes = this.#writeBits;
    for (let l = 0; l < this.#levels; l++) {
      reads[l] = this.#settledReads[l]!;
      writes[l] = this.#settledWrites[l]!;
    }
    let energy = this.#settledPj;
    const array = (iterations / this.#rate + this.#turnover()) / this.#parallelismLeft();
    const accesses = this.#passages[this.#passages.length - 1]!;
    for (let j = 0; j < accesses.length; j++) energy += this.#pass(accesses[j]!, accesses[j]!.loads);
    if (this.#figure(array, array, energy) >= limit) return Infinity;
    for (let i = this.#settled; i < this.#passages.length - 1; i++) energy += this.#passInto(this.#passages[i]!);
    return this.#figure(Math.max(array, this.#busiest()), array, energy);
  }

  /** What passes into the levels down to that of the axis does not depend on how the axis is filled. */
  #settleOuter(): void {
    this.#readBits.fill(0);
    this.#writeBits.fill(0);
    this.#settledPj = this.#operationsPj;
    this.#settled = 0;
    for (const passages of this.#passages) {
      if (passages[0]!.child > this.#axis.level) break;
      this.#settledPj += this.#passInto(passages);
      this.#settled++;
    }
    this.#settledReads.set(this.#readBits);
    this.#settledWrites.set(this.#writeBits);
  }

  /** The passages into one level, with the operand in place that makes them cheapest. */
  #passInto(passages: readonly Passage[]): number {
    const { child } = passages[0]!;
    if (this.#fitsWhole(child, passages)) {
      let energy = 0;
      for (let j = 0; j < passages.length; j++) energy += this.#pass(passages[j]!, 0);
      return energy;
    }
    const { operationCount } = this.#problem;
    const setting = this.#settings[child]!;
    for (let operand = 0; operand < 3; operand++) {
      setting.most[operand] = this.#ignoredExtent[operand]! / this.#copies[operand * (this.#levels + 1) + child]!;
    }
    const { extents } = this.#problem;
    const unrolled = child * DIM_COUNT;
    setting.rows = extents[P]! / this.#unrolled[unrolled + P]!;
    setting.columns = extents[Q]! / this.#unrolled[unrolled + Q]!;
    setting.filterRows = extents[R]! / this.#unrolled[unrolled + R]!;
    setting.filterColumns = extents[S]! / this.#unrolled[unrolled + S]!;
    let least = Infinity;
    let best = 0;
    const stationaries = child === this.#levels - 1 ? this.#stationaries : ALL_STATIONARIES;
    for (let i = 0; i < stationaries.length; i++) {
      const stationary = stationaries[i]!;
      const reuse = this.#reuse[stationary]!;
      estimateReuse(stationary, setting, reuse);
      let energy = 0;
      for (let j = 0; j < passages.length; j++) {
        energy += this.#pricePass(passages[j]!, operationCount / reuse[passages[j]!.operand]!);
      }
      if (energy < least) {
        least = energy;
        best = stationary;
      }
    }
    let energy = 0;
    const reuse = this.#reuse[best]!;
    for (let j = 0; j < passages.length; j++) {
      energy += this.#pass(passages[j]!, operationCount / reuse[passages[j]!.operand]!);
    }
    return energy;
  }

  /** Whether a level has room for all that its instances work on, so that nothing comes twice. */
  #fitsWhole(child: number, passages: readonly Passage[]): boolean {
    const isShared = this.#chip.levels[child]!.partitionBytes === undefined;
    const room = this.#roomBits[child]!;
    const share = 1 / this.#used[child]!;
    let together = 0;
    for (let j = 0; j < passages.length; j++) {
      const { operand, words, bits } = passages[j]!;
      const own = words * bits * this.#copies[operand * (this.#levels + 1) + child]! * share;
      if (own > room[operand]!) return false;
      together += own;
    }
    return !isShared || together <= room[W]!;
  }

  #pricePass(passage: Passage, loads: number): number {
    const { operand, parent, child, words } = passage;
    const at = operand * (this.#levels + 1);
    const copies = this.#copies[at + child]!;
    const received = Math.max(loads, words * copies);
    const sent = passage.shares ? (received * this.#copies[at + parent]!) / copies : received;
    return sent * passage.parentPj + received * passage.childPj;
  }

  /** Energy of a passage, at least: each instance gets every word that it needs, and at least `loads` come in all. */
  #pass(passage: Passage, loads: number): number {
    const readBits = this.#readBits;
    const writeBits = this.#writeBits;
    const { operand, parent, source, child, words, bits } = passage;
    const at = operand * (this.#levels + 1);
    const needed = words * this.#copies[at + child]! * (operand === I && this.#hasWindow ? this.#overlap(child) : 1);
    const received = loads > needed ? loads : needed;
    const sent = passage.shares ? (received * this.#copies[at + parent]!) / this.#copies[at + child]! : received;
    if (operand !== O) {
      readBits[source]! += sent * bits;
      if (child < this.#levels) writeBits[child]! += received * bits;
      return sent * passage.parentPj + received * passage.childPj;
    }
    const copies = this.#copies[at + parent]!;
    const first = words * copies;
    // a sum that several instances share goes on with all its bits
    writeBits[source]! += (sent - first) * bits + first * (copies > 1 ? bits : passage.resultBits);
    readBits[source]! += (sent - first) * bits;
    if (child < this.#levels) writeBits[child]! += (received - needed) * bits;
    const spared = copies > 1 ? passage.firstReadPj : passage.firstPj;
    return sent * passage.parentPj - first * spared + (received - needed) * passage.childPj;
  }

  /** Words that the instances of a level get, over those of all inputs: neighbours' windows overlap, and each gets its own. */
  #overlap(child: number): number {
    const at = child * DIM_COUNT;
    const unrolled = this.#unrolled;
    if (child === this.#levels) return 1; // the multipliers ask for each word by itself
    const [p, q, r, s] = [unrolled[at + P]!, unrolled[at + Q]!, unrolled[at + R]!, unrolled[at + S]!];
    if (p * q * r * s === 1) return 1;
    const { extents, stride, dilation } = this.#problem;
    return (
      overlapOnAxis(extents[P]!, p, extents[R]!, r, stride[0], dilation[0]) *
      overlapOnAxis(extents[Q]!, q, extents[S]!, s, stride[1], dilation[1])
    );
  }

  /** Cycles of the level that its traffic keeps busy longest. */
  #busiest(): number {
    const rates = this.#cyclesPerBit;
    let most = 0;
    for (let l = 0; l < this.#levels; l++) {
      const read = this.#readBits[l]!;
      const write = this.#writeBits[l]!;
      const moving = Math.max((read + write) * rates[3 * l]!, read * rates[3 * l + 1]!, write * rates[3 * l + 2]!);
      const cycles = moving / this.#used[l]!;
      if (cycles > most) most = cycles;
    }
    return most;
  }

  /** Cycles in which the array takes other words of its stationary operand, at least. */
  #turnover(): number {
    const { arrayFillCycles, arrayDrainCycles } = this.#chip.overheads;
    const cycles = arrayFillCycles + arrayDrainCycles;
    const operand = this.#stationaryOperand;
    if (cycles === 0 || !this.#problem.present[operand]) return 0;
    const relevance = this.#problem.relevance[operand]!;
    let tiles = cycles;
    for (let d = 0; d < DIM_COUNT; d++) if (relevance & (1 << d)) tiles *= this.#remaining[d]!;
    return tiles / this.#stationaryRoom;
  }

  /** How far the axes that are not filled yet can spread what remains, at most. */
  #parallelismLeft(): number {
    let ways = 1;
    for (let position = this.#position + 1; position < this.#axes.length; position++) {
      const { size } = this.#axes[position]!;
      const dims = this.#axisDims[position]!;
      let extent = 1;
      for (let i = 0; i < dims.length && extent < size; i++) extent *= this.#remaining[dims[i]!]!;
      ways *= extent < size ? extent : size;
    }
    return ways;
  }

  #figure(cycles: number, array: number, energy: number): number {
    switch (this.#objective) {
      case "latency":
        return cycles * (1 + (1e-3 * energy) / this.#worstPj);
      case "energy":
        return energy * (1 + (1e-3 * array * this.#rate) / this.#problem.operationCount);
      case "edp":
        return cycles * energy;
    }
  }

  /** Constants of the score. */
  #weigh(problem: Problem): void {
    const { levels } = this.#chip;
    const { bits, present, words, resident, relevance, operationCount } = problem;
    this.#problem = problem;
    this.#hasWindow = problem.extents[R]! * problem.extents[S]! > 1;
    const { weights, inputs } = problem.multiplierBits;
    const zeros = zeroSharesOf(this.#chip, problem);
    this.#rate = operationRate(this.#chip, weights, inputs) / zeros.cycles;
    this.#operationsPj = operationsPj(this.#chip, problem);
    this.#worstPj = this.#operationsPj;
    this.#passages = [];
    if (this.#spreadRelevance.some((mask, operand) => mask !== relevance[operand])) {
      this.#spreadRelevance = relevance;
      for (let at = 0; at < this.#size; at++) this.#spreadPlaces[at] = this.#placesOf(relevance, at >> 3, at & 7);
    }
    for (let l = 0; l < levels.length; l++) {
      const setting = this.#settings[l] ?? newSetting(problem.stride);
      this.#settings[l] = setting;
      setting.stride = problem.stride;
      setting.room.fill(Infinity);
      setting.weight.fill(1e-9);
      this.#roomBits[l] = this.#roomOf(l, problem);
    }
    const into: Passage[][] = levels.map(() => []);
    into.push([]);
    for (let operand = 0; operand < 3; operand++) {
      let ignored = 1;
      for (let d = 0; d < DIM_COUNT; d++) if ((relevance[operand]! & (1 << d)) === 0) ignored *= problem.extents[d]!;
      this.#ignoredExtent[operand] = ignored;
      if (!present[operand]) continue;
      const width = operand === O ? bits.partial : operand === W ? bits.weights : bits.inputs;
      let parent = 0;
      for (let child = 1; child <= levels.length; child++) {
        if (child < levels.length && !levels[child]!.keeps[operand]) continue;
        const source = parent === 0 && resident[operand] ? homeOf(this.#chip, problem, operand) : parent;
        const from = levels[source]!;
        const childPj = (levels[child]?.writePjPerBit ?? 0) * width;
        const parentPj = (operand === O ? from.readPjPerBit + from.writePjPerBit : from.readPjPerBit) * width;
        into[child]!.push({
          operand,
          parent,
          source,
          child,
          shares: operand === O ? levels[parent]!.reduce : levels[parent]!.multicast[operand]!,
          words: words[operand]!,
          parentPj,
          childPj,
          bits: width,
          resultBits: bits.outputs,
          loads: child < levels.length ? 0 : operationCount * zeros.accesses[operand]!,
          firstReadPj: operand === O ? from.readPjPerBit * width : 0,
          firstPj: operand === O ? from.readPjPerBit * width + from.writePjPerBit * (width - bits.outputs) : 0,
        });
        if (child < levels.length) {
          this.#settings[child]!.weight[operand] = parentPj + childPj;
          const { keeps, partitionBytes } = levels[child]!;
          const sharers = partitionBytes === undefined ? keeps.filter((kept) => kept).length : 1;
          this.#settings[child]!.room[operand] = Math.max(1, this.#roomBits[child]![operand]! / width / sharers);
        }
        this.#worstPj += operationCount * (parentPj + childPj);
        parent = child;
      }
    }
    const keeper = levels.findLastIndex(({ keeps }) => keeps[this.#stationaryOperand]);
    this.#stationaryRoom = Math.floor(this.#settings[keeper]?.room[this.#stationaryOperand] ?? 1);
    this.#passages = into.filter((passages) => passages.length > 0);
  }

  /** Bits of one instance that a level has for the tiles of each operand, or of all where they share its room. */
  #roomOf(l: number, problem: Problem): number[] {
    const { sharedCapacityBytes, partitionBytes } = this.#chip.levels[l]!;
    return [W, I, O].map((operand) => {
      const bytes = partitionBytes?.[operand] ?? sharedCapacityBytes ?? Infinity;
      return Math.max(0, bytes * 8 - reservedBitsAt(this.#chip, problem, l, operand));
    });
  }

  /** Takes the state under way into the beam if it is good enough and new. */
  #offer(iterations: number, count: number): void {
    const beam = this.#beam;
    const limit = beam.length < this.#width ? Infinity : beam[beam.length - 1]!.score;
    const score = this.#score(iterations, limit);
    if (score >= limit) return;
    const offered = this.#offered;
    offered.set(this.#from.spatial);
    const base = this.#axis.level * DIM_COUNT;
    for (let i = 0; i < count; i++) offered[base + this.#dims[i]!]! *= this.#bounds[i]!;
    let position = beam.length;
    while (position > 0 && beam[position - 1]!.score > score) position--;
    for (let i = position - 1; i >= 0 && beam[i]!.score === score; i--) {
      if (sameBounds(beam[i]!.spatial, offered)) return;
    }
    // what drops out of a full beam lends its arrays to what comes in
    const state = beam.length < this.#width ? (this.#spare.pop() ?? this.#newState()) : beam.pop()!;
    state.iterations = iterations;
    state.score = score;
    state.first = count > 0 ? this.#axisDims[this.#position]!.indexOf(this.#dims[0]!) : DIM_COUNT;
    state.facts.set(this.#facts);
    state.spatial.set(offered);
    beam.splice(position, 0, state);
  }

  #newState(): State {
    return {
      spatial: new Int32Array(this.#size),
      facts: new Float64Array(this.#facts.length),
      iterations: Infinity,
      first: 0,
      score: Infinity,
    };
  }
}

/** Axes filled so far. */
interface State {
  readonly spatial: Int32Array;
  /** temporal iterations that remain: Π ceil(extent / unrolled) */
  iterations: number;
  /** place of the first dimension on the axis filled last among all that could be there */
  first: number;
  score: number;
  readonly facts: Float64Array;
}

function overlapOnAxis(
  out: number,
  outParts: number,
  filter: number,
  filterParts: number,
  stride: number,
  dilation: number,
): number {
  if (outParts * filterParts === 1 || filter === 1) return 1;
  const outTiles = outParts < out ? outParts : out;
  const filterTiles = filterParts < filter ? filterParts : filter;
  const words =
    stride * (out - outTiles) * filterTiles + dilation * (filter - filterTiles) * outTiles + outTiles * filterTiles;
  return Math.max(1, words / ((out - 1) * stride + (filter - 1) * dilation + 1));
}

const isIn = (d: number, mask: number): boolean => (mask & (1 << d)) !== 0;

function looksAlikeTurned({ extents, stride, dilation }: Problem): boolean {
  return (
    extents[P] === extents[Q] && extents[R] === extents[S] && stride[0] === stride[1] && dilation[0] === dilation[1]
  );
}

export function sameBounds(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
