// The LSTM itself: a step of a batch for drawing, and whole sequences forward and back through time for learning, in compiled
// loops (kernels/). An input is one of a few tokens, so its weights are a table whose rows are taken and added to, never a product.
// Paper: Hochreiter & Schmidhuber 1997, Neural Computation 9(8); forget gate of Gers et al. 2000, its bias 1.
import { type Block, type LoopMemory, padded } from "./kernels/policy-loops-wasm.js";
import type { Parameter } from "./policy.js";

/** The gates beside each other as the loops read them: `table` [tokens, 4 * units], `recurrent` [hidden, 4 * units]; input, forget,
 *  cell and output gate, each padded to `units` columns. */
export interface Gates {
  readonly table: Block;
  readonly recurrent: Block;
  readonly units: number;
  readonly hiddenUnits: number;
  readonly tokens: number;
}

/** Room for the gates. @param gates four parameters [tokens + hidden, hidden] */
export function takeGates(memory: LoopMemory, gates: readonly Parameter[]): Gates {
  const [rows, hiddenUnits] = gates[0]!.shape as [number, number];
  const units = padded(hiddenUnits);
  const tokens = rows - hiddenUnits;
  const [table, recurrent] = [memory.take(tokens * 4 * units), memory.take(hiddenUnits * 4 * units)];
  return { table, recurrent, units, hiddenUnits, tokens };
}

/** Copies the parameters there; the forget gate's bias goes into the table, of which every step takes one row. */
export function packGates(memory: LoopMemory, parameters: readonly Parameter[], gates: Gates): void {
  const { units, hiddenUnits, tokens } = gates;
  const [table, recurrent] = [memory.floats(gates.table).fill(0), memory.floats(gates.recurrent).fill(0)];
  parameters.forEach(({ values }, gate) => {
    for (let row = 0; row < tokens + hiddenUnits; row++) {
      const source = values.subarray(row * hiddenUnits, (row + 1) * hiddenUnits);
      if (row < tokens) table.set(source, (row * 4 + gate) * units);
      else recurrent.set(source, ((row - tokens) * 4 + gate) * units);
    }
  });
  for (let row = 0; row < tokens; row++) {
    for (let u = 0; u < hiddenUnits; u++) table[(row * 4 + 1) * units + u] = table[(row * 4 + 1) * units + u]! + 1;
  }
}

/** What one step of `count` rows reads and writes. */
export interface StepBlocks {
  readonly tokens: number;
  readonly hiddenBefore: number;
  readonly cellBefore: number;
  readonly gates: number;
  readonly cell: number;
  readonly tanhCell: number;
  readonly hidden: number;
}

/** One step. @param at addresses: tokens [count], gates [count, 4 * units], the others [count, units] */
export function lstmStep({ loops }: LoopMemory, gates: Gates, at: StepBlocks, count: number, isFirst: boolean): void {
  const { table, recurrent, units, hiddenUnits } = gates;
  const row = 16 * units; // bytes
  loops.takeRows(table.at, at.tokens, at.gates, count, 4 * units);
  if (!isFirst) {
    loops.multiply(at.hiddenBefore, 4 * units, 4, recurrent.at, row, at.gates, row, count, 4 * units, hiddenUnits, 1);
  }
  loops.lstmForward(at.gates, at.cellBefore, at.cell, at.tanhCell, at.hidden, count, units);
}

/** Sequences of a batch: block t of each is step t, and of cells and hidden the state before it. */
export interface Sequence {
  readonly count: number;
  readonly steps: number;
  /** [steps, count] */
  readonly tokens: Block;
  /** [steps, count, 4 * units] */
  readonly gates: Block;
  /** [steps + 1, count, units], the first zeros */
  readonly cells: Block;
  readonly hidden: Block;
  /** [steps, count, units] */
  readonly tanhCells: Block;
}

export function takeSequence(memory: LoopMemory, { units }: Gates, count: number, steps: number): Sequence {
  const state = count * units;
  return {
    count,
    steps,
    tokens: memory.take(steps * count),
    gates: memory.take(steps * 4 * state),
    cells: memory.take((steps + 1) * state),
    hidden: memory.take((steps + 1) * state),
    tanhCells: memory.take(steps * state),
  };
}

/** Where step t of a sequence lies. */
export function stepOf({ units }: Gates, sequence: Sequence, t: number): StepBlocks {
  const state = 4 * sequence.count * units; // bytes
  return {
    tokens: sequence.tokens.at + 4 * t * sequence.count,
    hiddenBefore: sequence.hidden.at + t * state,
    cellBefore: sequence.cells.at + t * state,
    gates: sequence.gates.at + 4 * t * state,
    cell: sequence.cells.at + (t + 1) * state,
    tanhCell: sequence.tanhCells.at + t * state,
    hidden: sequence.hidden.at + (t + 1) * state,
  };
}

/** Runs all steps; the tokens are there. */
export function runSequence(memory: LoopMemory, gates: Gates, sequence: Sequence): void {
  const state = sequence.count * gates.units;
  memory.floats({ at: sequence.cells.at, size: state }).fill(0);
  memory.floats({ at: sequence.hidden.at, size: state }).fill(0);
  for (let t = 0; t < sequence.steps; t++) {
    lstmStep(memory, gates, stepOf(gates, sequence, t), sequence.count, t === 0);
  }
}

/** What the way back needs besides. */
export interface BackwardBlocks {
  /** [4 * units, units] */
  readonly transposed: Block;
  /** as in Gates */
  readonly tableGradient: Block;
  readonly recurrentGradient: Block;
  /** [count, units] */
  readonly dHidden: Block;
  readonly dCell: Block;
}

export function takeBackward(memory: LoopMemory, gates: Gates, count: number): BackwardBlocks {
  return {
    transposed: memory.take(4 * gates.units * gates.units),
    tableGradient: memory.take(gates.table.size),
    recurrentGradient: memory.take(gates.recurrent.size),
    dHidden: memory.take(count * gates.units),
    dCell: memory.take(count * gates.units),
  };
}

/** Back through time; gates become the slopes of what went into them, and each weight's gradient is added up step by step.
 *  @param fromOutputs writes dL/d(hidden) of step t, as far as the outputs of that step say, to dHidden */
export function runBackward(
  memory: LoopMemory,
  gates: Gates,
  sequence: Sequence,
  blocks: BackwardBlocks,
  fromOutputs: (t: number) => void,
): void {
  const { units, hiddenUnits } = gates;
  const { count } = sequence;
  const [row, state] = [16 * units, 4 * units]; // bytes
  const { loops } = memory;
  transpose(memory.floats(gates.recurrent), memory.floats(blocks.transposed).fill(0), hiddenUnits, units);
  for (const block of [blocks.tableGradient, blocks.recurrentGradient, blocks.dCell]) memory.floats(block).fill(0);
  for (let t = sequence.steps - 1; t >= 0; t--) {
    const at = stepOf(gates, sequence, t);
    fromOutputs(t);
    if (t < sequence.steps - 1) {
      const later = stepOf(gates, sequence, t + 1).gates;
      loops.multiply(later, row, 4, blocks.transposed.at, state, blocks.dHidden.at, state, count, units, 4 * units, 1);
    }
    loops.lstmBackward(at.gates, at.cellBefore, at.tanhCell, blocks.dHidden.at, blocks.dCell.at, count, units);
    loops.addRows(blocks.tableGradient.at, at.tokens, at.gates, count, 4 * units);
    if (t > 0) {
      const into = blocks.recurrentGradient.at;
      loops.multiply(at.hiddenBefore, 4, state, at.gates, row, into, row, hiddenUnits, 4 * units, count, 1);
    }
  }
}

function transpose(from: Float32Array, to: Float32Array, rows: number, units: number): void {
  for (let r = 0; r < rows; r++) {
    for (let column = 0; column < 4 * units; column++) to[column * units + r] = from[r * 4 * units + column]!;
  }
}

/** Reads the gradients of the gates. */
export function unpackGates(
  memory: LoopMemory,
  parameters: readonly Parameter[],
  gates: Gates,
  blocks: BackwardBlocks,
): void {
  const { units, hiddenUnits, tokens } = gates;
  const [table, recurrent] = [memory.floats(blocks.tableGradient), memory.floats(blocks.recurrentGradient)];
  parameters.forEach(({ gradient }, gate) => {
    for (let row = 0; row < tokens + hiddenUnits; row++) {
      const [from, r] = row < tokens ? [table, row] : [recurrent, row - tokens];
      const start = (r * 4 + gate) * units;
      gradient.set(from.subarray(start, start + hiddenUnits), row * hiddenUnits);
    }
  });
}
