// Cycles of one mapping by cause, from its loops and its traffic. Each level's cycles are its bits over its bandwidth; transfers
// of double-buffered levels overlap with compute, others do not; on top come the overheads that the machine names, zero where a
// machine states none.
import type { Accelerator } from "./architecture.js";
import { type LoopNest, lowestDim } from "./loop-nest.js";
import { C, DIM_COUNT, G, I, K, N, O, OPERANDS, P, type Problem, Q, R, S, W } from "./problem.js";
import type { Traffic } from "./traffic.js";

/** What the latency is made of; the parts add up to it before it is rounded up. `steady` is the largest of compute and the
 *  double-buffered levels, `unbuffered` the transfers that do not overlap; the others are the machine's named overheads. */
export const LATENCY_PARTS = [
  "steady",
  "unbuffered",
  "firstLoad",
  "lastStore",
  "arrayFill",
  "arrayDrain",
  "tileStart",
  "setup",
] as const;
export type LatencyPart = (typeof LATENCY_PARTS)[number];
const [STEADY, UNBUFFERED, FIRST_LOAD, LAST_STORE, ARRAY_FILL, ARRAY_DRAIN, TILE_START, SETUP] = [
  0, 1, 2, 3, 4, 5, 6, 7,
] as const;

export class Latency {
  /** cycles by part, in the order of LATENCY_PARTS */
  readonly parts = new Float64Array(LATENCY_PARTS.length);
  /** cycles that each level's own bandwidth asks for */
  readonly levelCycles: Float64Array;
  readonly #chip: Accelerator;
  readonly #nest: LoopNest;
  readonly #traffic: Traffic;
  readonly #levels: number;
  /** operand whose residencies fill and drain the array, and the innermost level that keeps it */
  readonly #stationary: number;
  readonly #stationaryLevel: number;
  /** time of a transfer with DRAM over that of its bytes alone: by operand that is read, and of the outputs that are written;
   *  1 where DRAM answers by the byte */
  readonly #readShare = new Float64Array(3).fill(1);
  #writeShare = 1;
  /** bits of time that DRAM spends on the unused parts of lines */
  #lineReadBits = 0;
  #lineWriteBits = 0;

  constructor(chip: Accelerator, nest: LoopNest, traffic: Traffic) {
    this.#chip = chip;
    this.#nest = nest;
    this.#traffic = traffic;
    this.#levels = chip.levels.length;
    this.levelCycles = new Float64Array(this.#levels);
    this.#stationary = OPERANDS.indexOf(chip.overheads.stationary);
    this.#stationaryLevel = chip.levels.reduce((last, level, l) => (level.keeps[this.#stationary] ? l : last), 0);
  }

  /** Cycles of the mapping whose traffic was counted last, with each part of them.
   *  @param arrayCycles in which the array computes
   *  @param usedInstances of each level */
  count(problem: Problem, arrayCycles: number, usedInstances: Float64Array): number {
    const { parts } = this;
    const { levels, overheads, layerSetupCycles } = this.#chip;
    const { readBits, writeBits } = this.#traffic;
    if (overheads.dramLineBytes > 0) this.#findLineShares(problem, overheads.dramLineBytes);
    for (let part = 0; part < parts.length; part++) parts[part] = 0;
    parts[SETUP] = layerSetupCycles;
    if (overheads.dramTileStartCycles > 0) {
      parts[TILE_START] = overheads.dramTileStartCycles * this.#nest.visitsOfAll(255, 1, 0);
    }
    if (levels[0]!.doubleBuffered) {
      if (overheads.firstLoad) parts[FIRST_LOAD] = this.#firstLoadCycles(problem);
      if (overheads.lastStore) parts[LAST_STORE] = this.#lastStoreCycles(problem);
    }
    let busiest = 0;
    for (let l = 0; l < this.#levels; l++) {
      const level = levels[l]!;
      let read = readBits[l * 3]! + readBits[l * 3 + 1]! + readBits[l * 3 + 2]!;
      let write = writeBits[l * 3]! + writeBits[l * 3 + 1]! + writeBits[l * 3 + 2]!;
      if (l === 0) {
        read += this.#lineReadBits;
        write += this.#lineWriteBits;
      }
      const perInstance = 8 * usedInstances[l]!;
      let cycles = Math.max(
        (read + write) / perInstance / level.sharedBytesPerCycle,
        read / perInstance / level.readBytesPerCycle,
        write / perInstance / level.writeBytesPerCycle,
      );
      if (level.readPorts !== undefined) cycles = portCycles(cycles, readBits, l, perInstance, level.readPorts);
      if (level.writePorts !== undefined) cycles = portCycles(cycles, writeBits, l, perInstance, level.writePorts);
      this.levelCycles[l] = cycles;
      if (!level.doubleBuffered) parts[UNBUFFERED]! += cycles;
      // what is shown as first load and last store is no longer behind the array's work
      else busiest = Math.max(busiest, l === 0 ? cycles - parts[FIRST_LOAD]! - parts[LAST_STORE]! : cycles);
    }
    parts[STEADY] = Math.max(arrayCycles, busiest);
    const turnover = overheads.arrayFillCycles + overheads.arrayDrainCycles;
    if (turnover > 0) {
      // filling and draining keep the array from computing, while transfers go on
      const added = Math.max(arrayCycles + turnover * this.#residencies(problem), busiest) - parts[STEADY]!;
      parts[ARRAY_FILL] = (added * overheads.arrayFillCycles) / turnover;
      parts[ARRAY_DRAIN] = (added * overheads.arrayDrainCycles) / turnover;
    }
    let latency = 0;
    for (let part = 0; part < parts.length; part++) latency += parts[part]!;
    // the allowance is for rounding in divisions; it grows with the figure
    return Math.ceil(latency - 1e-9 - latency * 1e-13);
  }

  /** Times that the array's stationary operand is replaced: iterations down to its innermost relevant loop. */
  #residencies({ present, relevance }: Problem): number {
    const nest = this.#nest;
    if (!present[this.#stationary]!) return 1;
    const inner = nest.innermostOutside(this.#stationaryLevel, relevance[this.#stationary]!);
    if (inner < 0) return 1;
    const level = inner >> 3;
    const innerOrder = nest.order[inner]!;
    let visits = 1;
    for (let rest = nest.busy; rest !== 0; rest &= rest - 1) {
      const d = lowestDim(rest);
      visits *= nest.visits(d, nest.order[level * DIM_COUNT + d]! <= innerOrder ? level + 1 : level, 0);
    }
    return visits;
  }

  /** Time of each operand's transfers with DRAM over that of its bytes alone: runs of channels in a DRAM tile that are shorter
   *  than a line take as long as whole lines. Reads find the rest of the line in place when the tile has all channels, or when
   *  the next tile goes on along them; every run that is written is a request of its own. */
  #findLineShares({ extents, bits }: Problem, dramLineBytes: number): void {
    const { readBits, writeBits } = this.#traffic;
    const last = this.#nest.innermost(0, 255);
    const groups = this.#nest.sentExtent(1, G);
    this.#lineReadBits = 0;
    this.#lineWriteBits = 0;
    for (let operand = 0; operand < 3; operand++) {
      const channels = operand === I ? C : K;
      const words = groups * this.#nest.sentExtent(1, channels);
      const width = operand === W ? bits.weights : operand === I ? bits.inputs : bits.outputs;
      const lines = (words * width) / 8 / dramLineBytes;
      const share = Math.ceil(lines) / lines;
      const goesOn = words === extents[G]! * extents[channels]! || last === channels || last === G;
      this.#readShare[operand] = goesOn ? 1 : share;
      this.#writeShare = share; // the outputs come last
      if (!goesOn) this.#lineReadBits += readBits[operand]! * (share - 1);
      this.#lineWriteBits += writeBits[operand]! * (share - 1);
    }
  }

  /** Bits of an operand that the first DRAM tile takes, over all instances; none for what stays on chip. */
  #firstTileBits(problem: Problem, operand: number, width: number): number {
    if (!problem.present[operand] || problem.resident[operand]) return 0;
    const nest = this.#nest;
    let child = 1;
    while (child < this.#levels && !this.#chip.levels[child]!.keeps[operand]) child++;
    if (operand === I) {
      const { stride, dilation } = problem;
      const extent = (d: number): number => nest.sentExtent(child, d);
      const rows = (extent(P) - 1) * stride[0] + (extent(R) - 1) * dilation[0] + 1;
      const columns = (extent(Q) - 1) * stride[1] + (extent(S) - 1) * dilation[1] + 1;
      return extent(N) * extent(G) * extent(C) * rows * columns * width;
    }
    let words = 1;
    for (let rest = problem.relevance[operand]!; rest !== 0; rest &= rest - 1) {
      words *= nest.sentExtent(child, lowestDim(rest));
    }
    return words * width;
  }

  #firstLoadCycles(problem: Problem): number {
    const { bits } = problem;
    const dram = this.#chip.levels[0]!;
    const weights = (this.#firstTileBits(problem, W, bits.weights) / 8) * this.#readShare[W]!;
    const inputs = (this.#firstTileBits(problem, I, bits.inputs) / 8) * this.#readShare[I]!;
    const together = (weights + inputs) / Math.min(dram.sharedBytesPerCycle, dram.readBytesPerCycle);
    return dram.readPorts === undefined
      ? together
      : Math.max(together, weights / dram.readPorts[W], inputs / dram.readPorts[I]);
  }

  #lastStoreCycles(problem: Problem): number {
    const dram = this.#chip.levels[0]!;
    const bytes = (this.#firstTileBits(problem, O, problem.bits.outputs) / 8) * this.#writeShare;
    return bytes / Math.min(dram.sharedBytesPerCycle, dram.writeBytesPerCycle, dram.writePorts?.[O] ?? Infinity);
  }
}

/** Cycles of the operand that waits longest for its own port, at least `cycles`. */
function portCycles(
  cycles: number,
  bits: Float64Array,
  level: number,
  perInstance: number,
  ports: readonly [number, number, number],
): number {
  let longest = cycles;
  for (let operand = 0; operand < 3; operand++) {
    longest = Math.max(longest, bits[level * 3 + operand]! / perInstance / ports[operand]!);
  }
  return longest;
}
