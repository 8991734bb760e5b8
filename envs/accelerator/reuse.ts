// How often a word in a level's tile is used before it is replaced, estimated without choosing the tile: what the search of
// spatial choices and of tiles further out needs to know of the levels inside. One operand stays while the loops that it
// ignores run; the tile then holds x of the dimensions that the first of the others ignores and y of those that the second
// ignores, so that the operand that stays takes x · y words, the others y and x, and their words are used x and y times.
import { I, O, type Problem, W } from "./problem.js";

/** What the estimate depends on; arrays by operand. */
export interface ReuseSetting {
  /** words that the level has room for; Infinity where it does not keep the operand */
  readonly room: Float64Array;
  /** iterations of the loops that the operand ignores, in all that one instance of the level works on */
  readonly most: Float64Array;
  /** what fetching a word costs */
  readonly weight: Float64Array;
  /** extents of rows and columns in the same piece of work, outputs and filter, and their strides */
  rows: number;
  columns: number;
  filterRows: number;
  filterColumns: number;
  stride: readonly [number, number];
}

export function newSetting(stride: Problem["stride"]): ReuseSetting {
  return {
    room: new Float64Array(3).fill(Infinity),
    most: new Float64Array(3).fill(1),
    weight: new Float64Array(3).fill(1e-9),
    rows: 1,
    columns: 1,
    filterRows: 1,
    filterColumns: 1,
    stride,
  };
}

/** @returns in `into`, uses of a word by operand */
export function estimateReuse(stationary: number, setting: ReuseSetting, into: Float64Array): void {
  const { room, most, weight } = setting;
  const a = stationary === W ? I : W;
  const b = stationary === O ? I : O;
  const words = Math.max(1, room[stationary]!);
  const highX = Math.max(1, Math.min(most[a]!, room[b]!));
  const highY = Math.max(1, Math.min(most[b]!, room[a]!));
  let x = Math.max(1, Math.min(Math.sqrt((words * weight[a]!) / weight[b]!), highX, words));
  const y = Math.max(1, Math.min(words / x, highY));
  x = Math.max(x, Math.min(highX, words / y));
  into[stationary] = Math.max(1, most[stationary]!);
  into[a] = x;
  into[b] = y;
  // neighbouring outputs share inputs: outputs in the tile, or all that the stationary weight meets; taps alike
  const outputs = stationary === W ? Infinity : x;
  const taps = stationary === O ? Infinity : y;
  const columns = Math.min(setting.columns, outputs);
  const filterColumns = Math.min(setting.filterColumns, taps);
  let shared = windowReuse(columns, filterColumns, setting.stride[1]);
  if (setting.filterRows > 1) {
    // of a stationary weight's outputs only one row slides past; a tile holds more of them
    const rows = stationary === W ? 1 : Math.min(setting.rows, outputs / columns);
    shared *= windowReuse(rows, Math.min(setting.filterRows, taps / filterColumns), setting.stride[0]);
  }
  into[I]! *= shared;
}

/** Uses of an input by a window of taps that slides over neighbouring outputs. */
function windowReuse(outputs: number, taps: number, stride: number): number {
  if (outputs <= 1 || taps <= 1) return 1;
  return Math.max(1, (outputs * taps) / ((outputs - 1) * stride + taps));
}
