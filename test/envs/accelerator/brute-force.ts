// The oracle of the cost model: walks the whole loop nest of a small problem, iteration by iteration, and counts what moves.
// It knows nothing of the closed formulas in cost.ts: every instance of every level has its tile at every temporal step, loops
// past the end of the layer do not happen, and the rules of docs/accelerator-model.md are applied step by step.
import type { Accelerator } from "../../../envs/accelerator/architecture.js";
import type { Mapping } from "../../../envs/accelerator/mapping.js";
import { DIM_COUNT, I, O, P, type Problem, Q, R, S } from "../../../envs/accelerator/problem.js";

export interface Counts {
  /** words by [level · 3 + operand], over all instances */
  readonly reads: number[];
  readonly fills: number[];
  readonly updates: number[];
  /** temporal steps in which at least one multiplier works */
  readonly steps: number;
  /** multiplications that happened */
  readonly operations: number;
  /** instances of each level that ever hold data */
  readonly usedInstances: number[];
}

interface Loop {
  readonly spatial: boolean;
  readonly level: number;
  readonly dim: number;
  readonly bound: number;
  /** elements by which one iteration advances */
  readonly step: number;
}

/** One instance at one temporal step: where its tile starts and how far it reaches, by dimension. */
interface Place {
  readonly base: readonly number[];
  readonly size: readonly number[];
}

/** Counts by walking. Only for small problems: the time is iterations × instances × levels. */
export function bruteForceCounts(chip: Accelerator, problem: Problem, mapping: Mapping): Counts {
  const levels = chip.levels.length;
  const zeros = () => new Array<number>(levels * 3).fill(0);
  const reads = zeros();
  const fills = zeros();
  const updates = zeros();
  for (let operand = 0; operand < 3; operand++) {
    if (!problem.present[operand]) continue;
    const keepers = chip.levels.flatMap((level, l) => (level.keeps[operand] ? [l] : []));
    for (const [i, parent] of keepers.entries()) {
      const child = keepers[i + 1] ?? levels;
      const moved = operand === O ? walkOutputs : walkLoads;
      const words = moved(chip, problem, mapping, operand, parent, child);
      reads[parent * 3 + operand]! += words.reads;
      updates[parent * 3 + operand]! += words.updates;
      if (child < levels) fills[child * 3 + operand]! += words.fills;
    }
  }
  const usedInstances = chip.levels.map((_, l) => {
    const used = new Set<string>();
    walk(problem, mapping, levels, l, ({ instance }) => used.add(instance.join()));
    return used.size;
  });
  const times = new Set<string>();
  let operations = 0;
  walk(problem, mapping, levels, levels, ({ time }) => {
    times.add(time.join());
    operations++;
  });
  return { reads, fills, updates, steps: times.size, operations, usedInstances };
}

interface Moved {
  readonly reads: number;
  readonly fills: number;
  readonly updates: number;
}

/** Weights and inputs: each visit fills every receiver; the sender reads once for all that get the same tile at the same time. */
function walkLoads(
  chip: Accelerator,
  problem: Problem,
  mapping: Mapping,
  operand: number,
  parent: number,
  child: number,
): Moved {
  const relevant = (d: number) => (problem.relevance[operand]! & (1 << d)) !== 0;
  const multicast = chip.levels[parent]!.multicast[operand]!;
  const sent = new Map<string, number>();
  let fills = 0;
  walk(problem, mapping, chip.levels.length, child, ({ loops, time, instance, place, before, visit }) => {
    const kind = visit(relevant);
    if (kind === "stays") return;
    const words =
      kind === "slides" && operand === I
        ? newWords(problem, place, before(relevant))
        : wordsOf(problem, operand, place);
    fills += words;
    const spatial = loops.filter((loop) => loop.spatial);
    const group = instance.map((index, i) =>
      multicast && spatial[i]!.level >= parent && !relevant(spatial[i]!.dim) ? "*" : index,
    );
    sent.set(`${time}|${group}`, words);
  });
  return { reads: [...sent.values()].reduce((sum, words) => sum + words, 0), fills, updates: 0 };
}

/** Outputs: each visit writes to the parent once for all instances that are added on the way; what was there before is read. */
function walkOutputs(
  chip: Accelerator,
  problem: Problem,
  mapping: Mapping,
  _: number,
  parent: number,
  child: number,
): Moved {
  const relevant = (d: number) => (problem.relevance[O]! & (1 << d)) !== 0;
  const reduce = chip.levels[parent]!.reduce;
  const written = new Set<string>();
  const seenByParent = new Set<string>();
  const seenByChild = new Set<string>();
  let reads = 0;
  let fills = 0;
  let updates = 0;
  walk(problem, mapping, chip.levels.length, child, ({ loops, time, instance, place, visit }) => {
    if (visit(relevant) === "stays") return;
    const spatial = loops.filter((loop) => loop.spatial);
    const words = wordsOf(problem, O, place);
    // tiles of different sizes do not occur at one base, so the base names the words
    const tile = place.base.filter((_, d) => relevant(d)).join();
    const own = `${instance}|${tile}`;
    const parentInstance = instance.filter((_, i) => spatial[i]!.level < parent);
    const atParent = `${parentInstance}|${tile}`;
    if (seenByChild.has(own)) fills += words;
    seenByChild.add(own);
    const group = `${time}|${reduce ? parentInstance : instance}|${tile}`;
    if (written.has(group)) return;
    written.add(group);
    updates += words;
    if (seenByParent.has(atParent)) reads += words;
    seenByParent.add(atParent);
  });
  return { reads, fills, updates };
}

interface Step {
  readonly loops: readonly Loop[];
  /** indices of the temporal loops outside the level, and of the spatial ones: the instance */
  readonly time: readonly number[];
  readonly instance: readonly number[];
  readonly place: Place;
  /** what happens to the tile of an operand that depends on the `relevant` dimensions */
  visit(relevant: (d: number) => boolean): "whole" | "slides" | "stays";
  /** the place one iteration of the innermost relevant loop ago */
  before(relevant: (d: number) => boolean): Place;
}

/** Every temporal step of every instance of a level (the multipliers for `level` = number of levels) that has work. */
function walk(problem: Problem, mapping: Mapping, levelCount: number, level: number, see: (step: Step) => void): void {
  const loops = loopsOf(mapping, levelCount).filter((loop) => loop.level < level);
  const temporal = loops.filter((loop) => !loop.spatial);
  const spatial = loops.filter((loop) => loop.spatial);
  const tile = tileOf(mapping, levelCount, level);
  const isMultiplier = level === levelCount;
  const placeAt = (time: readonly number[], instance: readonly number[]): Place | undefined => {
    const base = new Array<number>(DIM_COUNT).fill(0);
    for (const [i, loop] of temporal.entries()) base[loop.dim]! += time[i]! * loop.step;
    for (const [i, loop] of spatial.entries()) base[loop.dim]! += instance[i]! * loop.step;
    if (base.some((at, d) => at >= problem.extents[d]!)) return undefined;
    return { base, size: base.map((at, d) => Math.min(tile[d]!, problem.extents[d]! - at)) };
  };
  for (const instance of indices(spatial.map(({ bound }) => bound))) {
    let last: readonly number[] | undefined;
    for (const time of indices(temporal.map(({ bound }) => bound))) {
      const place = placeAt(time, instance);
      if (place === undefined) continue;
      const previous = last;
      last = time;
      see({
        loops,
        time,
        instance,
        place,
        visit(relevant) {
          if (isMultiplier || previous === undefined) return "whole";
          const innermost = temporal.findLastIndex((loop) => relevant(loop.dim));
          const changed = time.findIndex((index, i) => index !== previous[i]);
          if (changed > innermost) return "stays";
          return changed === innermost ? "slides" : "whole";
        },
        before(relevant) {
          const innermost = temporal.findLastIndex((loop) => relevant(loop.dim));
          return placeAt(
            time.map((index, i) => (i === innermost ? index - 1 : index)),
            instance,
          )!;
        },
      });
    }
  }
}

/** All loops that run more than once, outermost first: of each level the temporal ones in their order, then the spatial ones. */
function loopsOf(mapping: Mapping, levelCount: number): Loop[] {
  const loops: Loop[] = [];
  for (let level = 0; level < levelCount; level++) {
    const dims = Array.from({ length: DIM_COUNT }, (_, d) => d);
    const at = (d: number) => level * DIM_COUNT + d;
    const inside = tileOf(mapping, levelCount, level + 1);
    dims.sort((a, b) => mapping.order[at(a)]! - mapping.order[at(b)]!);
    for (const dim of dims) {
      const step = inside[dim]! * mapping.spatial[at(dim)]!;
      loops.push({ spatial: false, level, dim, bound: mapping.temporal[at(dim)]!, step });
    }
    for (const dim of dims)
      loops.push({ spatial: true, level, dim, bound: mapping.spatial[at(dim)]!, step: inside[dim]! });
  }
  return loops.filter(({ bound }) => bound > 1);
}

/** Elements by dimension in one whole tile of a level. */
function tileOf(mapping: Mapping, levelCount: number, level: number): number[] {
  return Array.from({ length: DIM_COUNT }, (_, d) => {
    let size = 1;
    for (let l = level; l < levelCount; l++) {
      size *= mapping.temporal[l * DIM_COUNT + d]! * mapping.spatial[l * DIM_COUNT + d]!;
    }
    return size;
  });
}

/** Every combination of indices below the bounds, the last one fastest. */
function* indices(bounds: readonly number[]): Generator<readonly number[]> {
  const current = bounds.map(() => 0);
  for (;;) {
    yield [...current];
    let position = bounds.length - 1;
    while (position >= 0 && ++current[position]! === bounds[position]) current[position--] = 0;
    if (position < 0) return;
  }
}

/** First and last input row (axis 0) or column (axis 1) that a tile touches. */
function inputSpan(problem: Problem, { base, size }: Place, axis: 0 | 1): readonly [number, number] {
  const out = axis === 0 ? P : Q;
  const filter = axis === 0 ? R : S;
  const stride = problem.stride[axis];
  const dilation = problem.dilation[axis];
  const first = base[out]! * stride + base[filter]! * dilation;
  return [first, first + (size[out]! - 1) * stride + (size[filter]! - 1) * dilation];
}

function wordsOf(problem: Problem, operand: number, place: Place): number {
  let words = 1;
  for (let d = 0; d < DIM_COUNT; d++) {
    const isPixel = operand === I && (d === P || d === Q || d === R || d === S);
    if (!isPixel && problem.relevance[operand]! & (1 << d)) words *= place.size[d]!;
  }
  if (operand !== I) return words;
  for (const axis of [0, 1] as const) {
    const [first, last] = inputSpan(problem, place, axis);
    words *= last - first + 1;
  }
  return words;
}

/** Input words of a tile that are not in the tile before it, counted one by one. */
function newWords(problem: Problem, place: Place, before: Place): number {
  const sameChannels = [0, 1, 3].every((d) => place.base[d] === before.base[d]);
  if (!sameChannels) return wordsOf(problem, I, place);
  const [top, bottom] = inputSpan(problem, place, 0);
  const [left, right] = inputSpan(problem, place, 1);
  const [oldTop, oldBottom] = inputSpan(problem, before, 0);
  const [oldLeft, oldRight] = inputSpan(problem, before, 1);
  let words = 0;
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const isOld = row >= oldTop && row <= oldBottom && column >= oldLeft && column <= oldRight;
      if (!isOld) words++;
    }
  }
  return words * place.size[0]! * place.size[1]! * place.size[3]!;
}
