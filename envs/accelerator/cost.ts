// What one (layer, accelerator, mapping) costs, exactly. The loops of the mapping (loop-nest.ts) give the tiles and how often
// each moves; the traffic (traffic.ts) the words and bits at every level; the latency (latency.ts) the cycles by cause. Here:
// whether the tiles fit, and the energy. Meaning: docs/accelerator-model.md.
// One CostModel holds all scratch arrays, so that an evaluation allocates nothing.
import { type Accelerator, operationEnergyPj, operationRate, reservedBitsAt, zeroSharesOf } from "./architecture.js";
import { Latency } from "./latency.js";
import { LoopNest, lowestDim } from "./loop-nest.js";
import type { Mapping } from "./mapping.js";
import { DIM_COUNT, I, O, type Problem, W } from "./problem.js";
import { Traffic } from "./traffic.js";
import { NOTHING_SAVED, type ZeroShares } from "./zeros.js";

export { LATENCY_PARTS, type LatencyPart } from "./latency.js";

/** Result of the last `evaluate`, valid until the next. */
export class CostModel {
  readonly chip: Accelerator;
  /** words by [level · 3 + operand], summed over the instances in use */
  readonly reads: Float64Array;
  readonly fills: Float64Array;
  readonly updates: Float64Array;
  /** bits of traffic by [level · 3 + operand], both directions apart */
  readonly readBits: Float64Array;
  readonly writeBits: Float64Array;
  /** cycles that each level's own bandwidth asks for */
  readonly levelCycles: Float64Array;
  /** instances of each level that hold data */
  readonly usedInstances: Float64Array;
  computeCycles = 0;
  latencyCycles = 0;
  energyPj = 0;
  /** part of the energy: bits moved between levels, where a level states what a hop costs */
  networkEnergyPj = 0;
  /** cycles by part, in the order of LATENCY_PARTS */
  readonly latencyParts: Float64Array;

  readonly #levels: number;
  readonly #nest: LoopNest;
  readonly #traffic: Traffic;
  readonly #latency: Latency;
  /** loops that the answer of `fits`, and the instances and iterations, are of */
  #fitsVersion = 0;
  #fits = false;
  #countedVersion = 0;
  #iterations = 1;
  /** layer that the following are of */
  #costed: Problem | undefined;
  #zeros: ZeroShares = NOTHING_SAVED;
  #operationsPj = 0;
  #rate = 1;

  constructor(chip: Accelerator) {
    this.chip = chip;
    this.#levels = chip.levels.length;
    this.#nest = new LoopNest(this.#levels);
    this.#traffic = new Traffic(chip, this.#nest);
    this.#latency = new Latency(chip, this.#nest, this.#traffic);
    this.reads = this.#traffic.reads;
    this.fills = this.#traffic.fills;
    this.updates = this.#traffic.updates;
    this.readBits = this.#traffic.readBits;
    this.writeBits = this.#traffic.writeBits;
    this.levelCycles = this.#latency.levelCycles;
    this.latencyParts = this.#latency.parts;
    this.usedInstances = new Float64Array(this.#levels);
  }

  /** Sizes of the tiles of a mapping; enough for `tileWords`, `tileBits` and `fits`. */
  prepare(problem: Problem, mapping: Mapping): void {
    this.#nest.read(problem, mapping);
  }

  /** Words of an operand in one tile of a level (clipped to the layer). Needs `prepare`. */
  tileWords(level: number, operand: number): number {
    return this.#nest.tileWords(level, operand);
  }

  /** Bits that an operand's tile takes at a level; an output tile that still accumulates takes wide words. Needs `prepare`. */
  tileBits(level: number, operand: number): number {
    const { bits } = this.#nest.problem;
    const words = this.#nest.tileWords(level, operand);
    if (operand === W) return words * bits.weights;
    if (operand === I) return words * bits.inputs;
    return words * (this.#accumulatesAt(level) ? bits.partial : bits.outputs);
  }

  /** Whether the outputs in a level's tiles are partial sums: some reduction loop runs at this level or outside of it,
   *  or inside of it down to the next level that keeps outputs. */
  #accumulatesAt(level: number): boolean {
    const { problem, busy, tile } = this.#nest;
    let child = level + 1;
    while (child < this.#levels && !this.chip.levels[child]!.keeps[O]) child++;
    for (let rest = busy & ~problem.relevance[O]!; rest !== 0; rest &= rest - 1) {
      const d = lowestDim(rest);
      if (tile[child * DIM_COUNT + d]! < problem.extents[d]!) return true;
    }
    return false;
  }

  /** Whether every tile fits its level. Needs `prepare`. */
  fits(): boolean {
    const { version } = this.#nest;
    if (version !== this.#fitsVersion) {
      this.#fitsVersion = version;
      this.#fits = this.#allFit();
    }
    return this.#fits;
  }

  #allFit(): boolean {
    const { problem } = this.#nest;
    const keepsSomething = problem.reservedBits > 0 || problem.reservedWeightBits > 0;
    for (let l = 1; l < this.#levels; l++) {
      const level = this.chip.levels[l]!;
      let shared = 0;
      for (let operand = 0; operand < 3; operand++) {
        if (!level.keeps[operand]) continue;
        const bits = this.tileBits(l, operand);
        if (level.partitionBytes === undefined) {
          shared += bits;
          continue;
        }
        const reserved = keepsSomething ? reservedBitsAt(this.chip, problem, l, operand) : 0;
        if (bits + reserved > level.partitionBytes[operand]! * 8) return false;
      }
      if (keepsSomething && level.partitionBytes === undefined) shared += reservedBitsAt(this.chip, problem, l, I);
      if (level.sharedCapacityBytes !== undefined && shared > level.sharedCapacityBytes * 8) return false;
    }
    return true;
  }

  /** Counts everything for a mapping that covers the layer. */
  evaluate(problem: Problem, mapping: Mapping): void {
    this.prepare(problem, mapping);
    this.evaluatePrepared();
  }

  /** The same for the mapping that `prepare` has seen. */
  evaluatePrepared(): void {
    const { chip } = this;
    const { problem, version } = this.#nest;
    if (problem !== this.#costed) this.#open(problem);
    if (version !== this.#countedVersion) this.#countInstances(version);
    this.#traffic.count(problem, this.#zeros);
    this.networkEnergyPj = this.#traffic.networkEnergyPj;
    this.computeCycles = (this.#iterations * this.#zeros.cycles) / this.#rate;
    this.latencyCycles = this.#latency.count(problem, this.computeCycles, this.usedInstances);
    // mW · cycles / MHz = mW · µs = nJ
    this.energyPj =
      this.#accessesPj() + this.networkEnergyPj + ((chip.leakageMw * this.latencyCycles) / chip.clockMhz) * 1000;
  }

  /** Energy of the operations and of all accesses. */
  #accessesPj(): number {
    const { readBits, writeBits } = this;
    const { levels } = this.chip;
    let energy = this.#operationsPj;
    for (let l = 0; l < this.#levels; l++) {
      const { readPjPerBit, writePjPerBit } = levels[l]!;
      const at = l * 3;
      energy +=
        (readBits[at]! + readBits[at + 1]! + readBits[at + 2]!) * readPjPerBit +
        (writeBits[at]! + writeBits[at + 1]! + writeBits[at + 2]!) * writePjPerBit;
    }
    return energy;
  }

  #countInstances(version: number): void {
    this.#countedVersion = version;
    this.#nest.countCopies();
    for (let l = 0; l < this.#levels; l++) this.usedInstances[l] = this.#nest.instances(l);
    this.#iterations = this.#nest.visitsOfAll(255, this.#levels, 0);
  }

  /** What holds for all mappings of a layer. */
  #open(problem: Problem): void {
    const { operation, operationCount, multiplierBits } = problem;
    const { weights, inputs } = multiplierBits;
    this.#costed = problem;
    this.#zeros = zeroSharesOf(this.chip, problem);
    this.#operationsPj =
      operationCount * operationEnergyPj(this.chip, operation, weights, inputs) * this.#zeros.operations;
    this.#rate = operationRate(this.chip, weights, inputs);
  }
}
