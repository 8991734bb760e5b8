// Weighted ridge regression, with effects of single levels on top, on rows that come in batches and leave in blocks: the sums of products are kept per block of rows, so
// that a fit costs what is new and not the whole window. A block's sums are always made row by row in the same order, so they are
// the same bits whether the rows came one by one or all at once after a restore.
import { choleskyOf, solveLower, solveUpper } from "./linear-algebra.js";

const LEVEL_RIDGE = 8; // rows
const LEVEL_ROUNDS = 2;

/** Rows of one block; a window is a whole number of blocks and the rest. */
export const BLOCK_ROWS = 64;

/** Positions and numbers of the features that are not zero, positions rising. */
export interface Features {
  /** how many; the arrays may have room for more */
  readonly count: number;
  readonly at: Int32Array;
  readonly value: Float64Array;
  /** one cell per knob that has level effects, where it counts */
  readonly cells: Int32Array;
}

export interface Fit {
  readonly weights: Float64Array;
  readonly offset: number;
  /** what a single level adds to the smooth curve of its knob, by cell */
  readonly levels: Float64Array;
  /** of what the model leaves unexplained, root mean square */
  readonly deviation: number;
}

interface Block {
  rows: number;
  /** sum of the weights */
  total: number;
  readonly sums: Float64Array;
  /** lower triangle, row-major */
  readonly moments: Float64Array;
}

/** The sums of products of those rows of a window that belong to one kind of trial. */
export class BlockMoments {
  readonly #size: number;
  readonly #ridge: Float64Array;
  readonly #decay: number;
  #blocks: Block[] = [];
  /** blocks that left, to be used again: a window over many trials makes no garbage */
  readonly #spare: Block[] = [];
  readonly #sums: Float64Array;
  readonly #moments: Float64Array;
  readonly #factor: Float64Array<ArrayBuffer>;

  /** @param ridge penalty per feature, shape [size]  @param decay weight of a row relative to the next one's */
  constructor(size: number, ridge: Float64Array, decay: number) {
    this.#size = size;
    this.#ridge = ridge;
    this.#decay = decay;
    this.#sums = new Float64Array(size);
    this.#moments = new Float64Array(size * size);
    this.#factor = new Float64Array(size * size);
  }

  /** The next row of the window, or, where it is not of this kind, only its place. */
  add(row: Features | undefined): void {
    const size = this.#size;
    if (this.#blocks.length === 0 || this.#blocks.at(-1)!.rows === BLOCK_ROWS) this.#blocks.push(this.#emptyBlock());
    const block = this.#blocks.at(-1)!;
    const weight = this.#decay ** (BLOCK_ROWS - 1 - block.rows); // relative to the block's last place
    block.rows++;
    if (row === undefined) return;
    const { count, at, value } = row;
    const { sums, moments } = block;
    block.total += weight;
    for (let a = 0; a < count; a++) {
      const scaled = weight * value[a]!;
      const start = at[a]! * size;
      sums[at[a]!]! += scaled;
      for (let b = 0; b <= a; b++) moments[start + at[b]!]! += scaled * value[b]!;
    }
  }

  #emptyBlock(): Block {
    const spare = this.#spare.pop();
    if (spare === undefined) {
      return { rows: 0, total: 0, sums: new Float64Array(this.#size), moments: new Float64Array(this.#size ** 2) };
    }
    spare.rows = 0;
    spare.total = 0;
    spare.sums.fill(0);
    spare.moments.fill(0);
    return spare;
  }

  /** The oldest block leaves the window. */
  dropBlock(): void {
    const block = this.#blocks.shift();
    if (block !== undefined) this.#spare.push(block);
  }

  clear(): void {
    this.#blocks = [];
  }

  /** Ready to fit any target over the rows so far, good until the next call; undefined without rows, or where rounding leaves no
   *  solution. */
  system(): RidgeSystem | undefined {
    const size = this.#size;
    const sums = this.#sums.fill(0);
    const moments = this.#moments.fill(0);
    let total = 0;
    const places = this.#blocks.reduce((sum, { rows }) => sum + rows, 0);
    this.#blocks.forEach((block, k) => {
      if (block.total === 0) return;
      const weight = this.#decay ** (places - (k + 1) * BLOCK_ROWS);
      total += weight * block.total;
      for (let i = 0; i < size; i++) {
        sums[i]! += weight * block.sums[i]!;
        for (let at = i * size; at <= i * size + i; at++) moments[at]! += weight * block.moments[at]!;
      }
    });
    if (total === 0) return undefined;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) moments[i * size + j]! -= (sums[i]! * sums[j]!) / total;
      moments[i * size + i]! += this.#ridge[i]!;
    }
    const factor = choleskyOf(moments, size, this.#factor);
    return factor && { factor, sums, total };
  }
}

/** Of one set of rows: factor of their centred products with the ridge, and their weighted sums. */
export interface RidgeSystem {
  readonly factor: Float64Array;
  readonly sums: Float64Array;
  readonly total: number;
}

/** Ridge regression with an unpenalised offset, then what single levels add to it: means of the residuals, knob after knob in a few
 *  rounds, shrunk as if `LEVEL_RIDGE` rows more had shown none (backfitting: Hastie & Tibshirani 1990, "Generalized additive
 *  models"). @param rows,weights,targets those of the system, in order */
export function fitted(
  { factor, sums, total }: RidgeSystem,
  rows: readonly Features[],
  weights: ArrayLike<number>,
  targets: ArrayLike<number>,
  cellCount: number,
): Fit {
  const size = sums.length;
  const right = new Float64Array(size);
  let targetSum = 0;
  rows.forEach(({ count, at, value }, i) => {
    const scaled = weights[i]! * targets[i]!;
    targetSum += scaled;
    for (let a = 0; a < count; a++) right[at[a]!]! += scaled * value[a]!;
  });
  for (let i = 0; i < size; i++) right[i]! -= (sums[i]! * targetSum) / total;
  const found = solveUpper(factor, solveLower(factor, right));
  let offset = targetSum / total;
  for (let i = 0; i < size; i++) offset -= (found[i]! * sums[i]!) / total;
  const smooth = { weights: found, offset, levels: new Float64Array(cellCount), deviation: 0 };
  const left = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) left[i] = targets[i]! - predicted(smooth, rows[i]!);
  const levels = levelEffects(rows, weights, left, cellCount);
  const squares = left.reduce((sum, error, i) => sum + weights[i]! * error ** 2, 0);
  return { ...smooth, levels, deviation: Math.sqrt(squares / total) };
}

/** @param left residuals; changed to what is left over */
function levelEffects(
  rows: readonly Features[],
  weights: ArrayLike<number>,
  left: Float64Array,
  cellCount: number,
): Float64Array {
  const effects = new Float64Array(cellCount);
  const totals = new Float64Array(cellCount).fill(LEVEL_RIDGE);
  rows.forEach(({ cells }, i) => {
    for (let k = 0; k < cells.length; k++) totals[cells[k]!]! += weights[i]!;
  });
  const steps = new Float64Array(cellCount); // of the cells of one knob; 0 for all others
  const knobCount = rows[0]?.cells.length ?? 0;
  for (let round = 0; round < LEVEL_ROUNDS; round++) {
    for (let k = 0; k < knobCount; k++) {
      steps.fill(0);
      for (let i = 0; i < rows.length; i++) steps[rows[i]!.cells[k]!]! += weights[i]! * left[i]!;
      for (let c = 0; c < cellCount; c++) {
        if (steps[c] === 0) continue;
        steps[c] = (steps[c]! - LEVEL_RIDGE * effects[c]!) / totals[c]!;
        effects[c]! += steps[c]!;
      }
      for (let i = 0; i < rows.length; i++) left[i]! -= steps[rows[i]!.cells[k]!]!;
    }
  }
  return effects;
}

export function predicted({ weights, offset, levels }: Fit, { count, at, value, cells }: Features): number {
  let sum = offset;
  for (let k = 0; k < count; k++) sum += weights[at[k]!]! * value[k]!;
  for (let k = 0; k < cells.length; k++) sum += levels[cells[k]!]!;
  return sum;
}
