// A mapping: for each storage level, temporal loop bounds and their order; for each fan-out below a level, which dimensions
// unroll on which axis and how far. Loops of a level run over the tiles of the next level in. Bounds may be ragged: their
// product may exceed the extent; iterations past the end do not happen, the last tile is smaller.
import { CosearchError, suggestion } from "../../src/core/errors.js";
import type { Accelerator, Axis } from "./architecture.js";
import { DIM_COUNT, DIMS, type Dim, type Problem } from "./problem.js";

export interface SpatialLoop {
  readonly dim: Dim;
  readonly bound: number;
  /** name of the fan-out axis */
  readonly axis: string;
}

/** What a level's loops are, as a person writes them. */
export interface LevelMapping {
  readonly level: string;
  /** outer to inner; bounds of 1 may be left out */
  readonly temporal: readonly { readonly dim: Dim; readonly bound: number }[];
  readonly spatial: readonly SpatialLoop[];
}

export type MappingData = readonly LevelMapping[];

/** The same for the inner loops of the cost model: flat arrays, indexed [level · 8 + dimension]. */
export interface Mapping {
  readonly temporal: Int32Array;
  /** product of a dimension's spatial bounds below a level */
  readonly spatial: Int32Array;
  /** position of each dimension's loop among the temporal loops of its level, 0 outermost */
  readonly order: Int8Array;
}

export function emptyMapping(levelCount: number): Mapping {
  const size = levelCount * DIM_COUNT;
  const temporal = new Int32Array(size);
  const spatial = new Int32Array(size);
  const order = new Int8Array(size);
  for (let i = 0; i < size; i++) {
    temporal[i] = spatial[i] = 1;
    order[i] = i % DIM_COUNT;
  }
  return { temporal, spatial, order };
}

export function copyMapping(from: Mapping): Mapping {
  return {
    temporal: from.temporal.slice(),
    spatial: from.spatial.slice(),
    order: from.order.slice(),
  };
}

/** @throws CosearchError MAPPING_BAD for a level, dimension or axis that is not there, or a loop twice */
export function compileMapping(data: MappingData, accelerator: Accelerator): Mapping {
  const mapping = emptyMapping(accelerator.levels.length);
  const names = accelerator.levels.map((level) => level.name);
  for (const entry of data) {
    const level = names.indexOf(entry.level);
    if (level < 0)
      throw new CosearchError("MAPPING_BAD", `"${entry.level}" is no level${suggestion(entry.level, names)}`);
    const seen = new Set<string>();
    entry.temporal.forEach(({ dim, bound }, position) => {
      if (seen.has(dim))
        throw new CosearchError("MAPPING_BAD", `level ${entry.level}: temporal loop ${dim} stands twice`);
      seen.add(dim);
      const index = level * DIM_COUNT + DIMS.indexOf(dim);
      mapping.temporal[index] = checkedBound(entry.level, dim, bound);
      mapping.order[index] = position;
    });
    let next = entry.temporal.length;
    DIMS.forEach((dim, d) => {
      if (!seen.has(dim)) mapping.order[level * DIM_COUNT + d] = next++;
    });
    const axes = accelerator.levels[level]!.fanout.map((axis) => axis.name);
    for (const { dim, bound, axis } of entry.spatial) {
      if (!axes.includes(axis)) {
        throw new CosearchError(
          "MAPPING_BAD",
          `level ${entry.level}: "${axis}" is no fan-out axis${suggestion(axis, axes)}`,
        );
      }
      const index = level * DIM_COUNT + DIMS.indexOf(dim);
      mapping.spatial[index]! *= checkedBound(entry.level, dim, bound);
    }
  }
  return mapping;
}

/** The mapping as a person reads it; loops of bound 1 are left out. */
export function mappingData(mapping: Mapping, accelerator: Accelerator): MappingData {
  return accelerator.levels.map((level, l) => {
    const dims = DIMS.map((dim, d) => ({ dim, index: l * DIM_COUNT + d }));
    return {
      level: level.name,
      temporal: dims
        .filter(({ index }) => mapping.temporal[index]! > 1)
        .sort((a, b) => mapping.order[a.index]! - mapping.order[b.index]!)
        .map(({ dim, index }) => ({ dim, bound: mapping.temporal[index]! })),
      spatial: spatialLoops(level.fanout, mapping.spatial.subarray(l * DIM_COUNT, (l + 1) * DIM_COUNT)),
    };
  });
}

/** Deals the spatial bounds of a level out to its axes: one dimension may span several axes, one axis may hold several
 *  dimensions. Bounds that no dealing fits (of a mapping that breaks the fan-out) stand on the first axis whole. */
function spatialLoops(axes: readonly Axis[], bounds: Int32Array): SpatialLoop[] {
  const room = axes.map((axis) => axis.size);
  const dealt: SpatialLoop[] = [];
  const wanted = DIMS.flatMap((dim, d) => (bounds[d]! > 1 ? [{ dim, bit: 1 << d, bound: bounds[d]! }] : []));
  const deal = (position: number, left: number, axis: number): boolean => {
    const entry = wanted[position];
    if (entry === undefined) return true;
    if (left === 1) return deal(position + 1, wanted[position + 1]?.bound ?? 1, 0);
    if (axis === axes.length) return false;
    const { name, dimMask } = axes[axis]!;
    for (let bound = dimMask & entry.bit ? Math.min(left, room[axis]!) : 1; bound >= 1; bound--) {
      if (left % bound !== 0) continue;
      const before = room[axis]!;
      room[axis] = Math.floor(before / bound);
      if (bound > 1) dealt.push({ dim: entry.dim, bound, axis: name });
      if (deal(position, left / bound, axis + 1)) return true;
      if (bound > 1) dealt.pop();
      room[axis] = before;
    }
    return false;
  };
  if (deal(0, wanted[0]?.bound ?? 1, 0)) return dealt;
  return wanted.map(({ dim, bound }) => ({ dim, bound, axis: axes[0]?.name ?? "" }));
}

/** A loop nest in text, outermost first, one level a block. */
export function loopNest(mapping: Mapping, accelerator: Accelerator): string {
  let depth = 0;
  const lines: string[] = [];
  for (const { level, temporal, spatial } of mappingData(mapping, accelerator)) {
    lines.push(`${"  ".repeat(depth)}[${level}]`);
    for (const { dim, bound } of temporal) lines.push(`${"  ".repeat(depth++)}for ${dim} in 0..${bound}`);
    for (const { dim, bound, axis } of spatial) {
      lines.push(`${"  ".repeat(depth++)}parallel for ${dim} in 0..${bound} on ${axis}`);
    }
  }
  lines.push(`${"  ".repeat(depth)}multiply-accumulate`);
  return lines.join("\n");
}

function checkedBound(level: string, dim: Dim, bound: number): number {
  if (!Number.isInteger(bound) || bound < 1) {
    throw new CosearchError(
      "MAPPING_BAD",
      `level ${level}: bound of ${dim} is ${bound}; it must be a whole number from 1`,
    );
  }
  return bound;
}

/** True when the loops of every dimension reach its extent. */
export function covers(mapping: Mapping, problem: Problem, levelCount: number): boolean {
  for (let d = 0; d < DIM_COUNT; d++) {
    let product = 1;
    for (let l = 0; l < levelCount; l++)
      product *= mapping.temporal[l * DIM_COUNT + d]! * mapping.spatial[l * DIM_COUNT + d]!;
    if (product < problem.extents[d]!) return false;
  }
  return true;
}
