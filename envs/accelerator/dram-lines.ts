// What lines of DRAM cost a tile: runs of channels that are shorter than a line take as long as a line (cost.ts has the rule).
import type { Accelerator } from "./architecture.js";
import type { Boundary } from "./boundary.js";
import { GROUP_ORDERS, type GroupOf } from "./loop-orders.js";
import { C, DIM_COUNT, G, I, K, O, type Problem, R, S, W } from "./problem.js";

/** Time of transfers with DRAM over that of their bytes, by operand. */
export class DramLines {
  readonly readShare = new Float64Array(3).fill(1);
  /** of the outputs */
  writeShare = 1;
  readonly #lineBytes: number;
  #problem!: Problem;
  #groups!: GroupOf;
  #spatial!: Int32Array;

  constructor(chip: Accelerator) {
    this.#lineBytes = chip.overheads.dramLineBytes;
  }

  begin(problem: Problem, groups: GroupOf): void {
    this.#problem = problem;
    this.#groups = groups;
  }

  /** At DRAM's own boundary `find` answers for each tile; inside it DRAM's loops are settled.
   *  @param source by operand, the level that its words come from @param passBits by operand, 0 where none come */
  open({ level, outside, choice }: Boundary, source: Int32Array, passBits: Float64Array): void {
    this.readShare.fill(1);
    this.writeShare = 1;
    this.#spatial = choice.spatial;
    if (this.#lineBytes === 0 || level === 1) return;
    let node = outside;
    while (node.level > 1) node = node.outer!;
    this.find(node.tile, node.bounds, GROUP_ORDERS[node.order]!);
    for (let operand = 0; operand < 3; operand++) {
      if (passBits[operand] === 0 || source[operand] !== 0) this.readShare[operand] = 1;
    }
    if (passBits[O] === 0 || source[O] !== 0) this.writeShare = 1;
  }

  /** The shares for a tile of the level inside DRAM, and the loops outside it. */
  find(tile: Float64Array, counts: Float64Array, order: readonly [number, number, number]): void {
    const { bits, extents, present, resident } = this.#problem;
    const innermost = this.#innermostLoop(counts, order);
    const inDramTile = (d: number): number => Math.min(tile[d]! * this.#spatial[d]!, extents[d]!);
    const groups = inDramTile(G);
    for (let operand = 0; operand < 3; operand++) {
      if (!present[operand] || resident[operand]) continue;
      const channels = operand === I ? C : K;
      const words = groups * inDramTile(channels);
      const width = operand === W ? bits.weights : operand === I ? bits.inputs : bits.outputs;
      const lines = (words * width) / 8 / this.#lineBytes;
      const share = Math.ceil(lines) / lines;
      const goesOn = words === extents[G]! * extents[channels]! || innermost === channels || innermost === G;
      this.readShare[operand] = goesOn ? 1 : share;
      if (operand === O) this.writeShare = share;
    }
  }

  /** Dimension of the innermost loop that runs more than once, -1 when there is none. */
  #innermostLoop(counts: Float64Array, order: readonly [number, number, number]): number {
    for (let g = 2; g >= -1; g--) {
      const group = g < 0 ? 3 : order[g]!;
      let last = -1;
      for (let d = 0; d < DIM_COUNT; d++) if (this.#groups[d] === group && counts[d]! > 1) last = d;
      // columns of the window slide inside its rows (loop-orders.ts)
      if (last === R && this.#groups[S] === group && counts[S]! > 1) last = S;
      if (last >= 0) return last;
    }
    return -1;
  }
}
