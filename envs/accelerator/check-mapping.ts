// Everything that a mapping breaks, each with what it needs and what there is: names, loops that do not reach the extent, axes
// that are overfull or closed to a dimension, tiles that do not fit, a dataflow's constraint. The mapper's results are held
// against it in the tests, and `cosearch map --mapping` refuses with its list.
import { suggestion } from "../../src/core/errors.js";
import type { Violation } from "../../src/core/trial.js";
import { type Accelerator, type DataflowName, type Level, reservedBitsAt } from "./architecture.js";
import { CostModel } from "./cost.js";
import { constraintOn, DATAFLOW_CONSTRAINTS } from "./dataflow.js";
import { compileMapping, type Mapping, type MappingData, mappingData } from "./mapping.js";
import type { LooseMapping } from "./mapping-file.js";
import { DIM_COUNT, DIMS, type Dim, I, OPERANDS, type Problem } from "./problem.js";

/** What a mapping of a layer on a machine breaks; empty when it can run.
 *  @param mapping loops by level, or the compiled form
 *  @param dataflow whose constraints hold; default the machine's own. `flexible` has none */
export function checkMapping(
  problem: Problem,
  chip: Accelerator,
  mapping: LooseMapping | MappingData | Mapping,
  dataflow: DataflowName = chip.dataflow,
): Violation[] {
  const given = "temporal" in mapping ? mappingData(mapping, chip) : mapping;
  const violations: Violation[] = [];
  const sound = soundLoops(given, chip, violations);
  const compiled = compileMapping(sound, chip);
  violations.push(...axisViolations(sound, chip), ...extentViolations(compiled, problem, chip));
  violations.push(...capacityViolations(compiled, problem, chip));
  violations.push(...dataflowViolations(compiled, problem, chip, dataflow));
  return violations;
}

/** The loops that name what exists; the others become violations. */
function soundLoops(given: LooseMapping | MappingData, chip: Accelerator, violations: Violation[]): MappingData {
  const absent = (subject: string, allowed: readonly string[], name: string): void => {
    violations.push({
      subject: `${subject}${suggestion(name, allowed)}`,
      needed: 1,
      available: 0,
      unit: "of that name",
    });
  };
  const names = chip.levels.map(({ name }) => name);
  const seenLevels = new Set<string>();
  const sound: MappingData[number][] = [];
  for (const entry of given) {
    const level = chip.levels[names.indexOf(entry.level)];
    if (level === undefined) {
      absent(`level "${entry.level}" is no level of ${chip.name}`, names, entry.level);
      continue;
    }
    if (seenLevels.has(level.name)) {
      violations.push({ subject: `level ${level.name} stands twice`, needed: 2, available: 1, unit: "entries" });
      continue;
    }
    seenLevels.add(level.name);
    const isDim = (loop: { dim: string }): loop is { dim: Dim } => {
      if ((DIMS as readonly string[]).includes(loop.dim)) return true;
      absent(`level ${level.name}: "${loop.dim}" is no dimension`, DIMS, loop.dim);
      return false;
    };
    const isBound = ({ dim, bound }: { dim: string; bound: number }): boolean => {
      if (Number.isInteger(bound) && bound >= 1) return true;
      const subject = `level ${level.name}: bound of ${dim} is no whole number from 1`;
      violations.push({ subject, needed: 1, available: bound, unit: "iterations" });
      return false;
    };
    const seen = new Set<string>();
    const isFirst = (loop: { dim: string; axis?: string }): boolean => {
      const key = `${loop.dim}@${loop.axis ?? "time"}`;
      const where = loop.axis === undefined ? "temporal loop" : `axis ${loop.axis}, loop`;
      if (!seen.has(key)) return seen.add(key) !== undefined;
      violations.push({
        subject: `level ${level.name}: ${where} ${loop.dim} stands twice`,
        needed: 2,
        available: 1,
        unit: "loops",
      });
      return false;
    };
    const axes = level.fanout.map(({ name }) => name);
    const temporal = entry.temporal.flatMap((loop) =>
      isDim(loop) && isBound(loop) && isFirst(loop) ? [{ dim: loop.dim, bound: loop.bound }] : [],
    );
    const spatial = entry.spatial.flatMap((loop) => {
      const hasAxis = axes.includes(loop.axis);
      if (!hasAxis) absent(`level ${level.name}: "${loop.axis}" is no fan-out axis`, axes, loop.axis);
      const fits = isDim(loop) && isBound(loop) && isFirst(loop) && hasAxis;
      return fits ? [{ dim: loop.dim as Dim, bound: loop.bound, axis: loop.axis }] : [];
    });
    sound.push({ level: level.name, temporal, spatial });
  }
  return sound;
}

function axisViolations(mapping: MappingData, chip: Accelerator): Violation[] {
  return mapping.flatMap(({ level: name, spatial }) => {
    const level = chip.levels.find((one) => one.name === name)!;
    return level.fanout.flatMap((axis) => {
      const loops = spatial.filter((loop) => loop.axis === axis.name && loop.bound > 1);
      const used = loops.reduce((product, { bound }) => product * bound, 1);
      const where = `level ${name}, axis ${axis.name}`;
      const closed = loops
        .filter(({ dim }) => (axis.dimMask & (1 << DIMS.indexOf(dim))) === 0)
        .map(({ dim, bound }) => {
          const open = DIMS.filter((_, d) => axis.dimMask & (1 << d)).join(" ");
          return {
            subject: `${where}: ${dim} may not unroll here, only ${open}`,
            needed: bound,
            available: 1,
            unit: "ways",
          };
        });
      const overfull =
        used > axis.size ? [{ subject: where, needed: used, available: axis.size, unit: "instances" }] : [];
      return [...overfull, ...closed];
    });
  });
}

function extentViolations({ temporal, spatial }: Mapping, problem: Problem, chip: Accelerator): Violation[] {
  return DIMS.flatMap((dim, d) => {
    let product = 1;
    for (let l = 0; l < chip.levels.length; l++) product *= temporal[l * DIM_COUNT + d]! * spatial[l * DIM_COUNT + d]!;
    const needed = problem.extents[d]!;
    return product < needed
      ? [{ subject: `loops of ${dim} end before the layer does`, needed, available: product, unit: "iterations" }]
      : [];
  });
}

/** Tiles that exceed their level, in bytes of one instance. */
export function capacityViolations(mapping: Mapping, problem: Problem, chip: Accelerator): Violation[] {
  const model = new CostModel(chip);
  model.prepare(problem, mapping);
  return chip.levels.flatMap((level, l) =>
    l === 0
      ? []
      : overflows(
          level,
          (operand) => model.tileBits(l, operand),
          (operand) => reservedBitsAt(chip, problem, l, operand),
        ),
  );
}

function overflows(
  level: Level,
  tileBits: (operand: number) => number,
  reserved: (operand: number) => number,
): Violation[] {
  const kept = OPERANDS.map((name, operand) => ({ name, operand, bits: tileBits(operand) })).filter(
    ({ operand }) => level.keeps[operand],
  );
  const { partitionBytes, sharedCapacityBytes } = level;
  if (partitionBytes !== undefined) {
    return kept
      .filter(({ operand, bits }) => bits + reserved(operand) > partitionBytes[operand]! * 8)
      .map(({ name, operand, bits }) => ({
        subject: `level ${level.name}, ${name}${reserved(operand) > 0 ? " beside what is kept" : ""}`,
        needed: Math.ceil((bits + reserved(operand)) / 8),
        available: partitionBytes[operand]!,
        unit: "bytes",
      }));
  }
  const reservedBits = reserved(I);
  const total = kept.reduce((sum, { bits }) => sum + bits, reservedBits);
  if (sharedCapacityBytes === undefined || total <= sharedCapacityBytes * 8) return [];
  const parts = kept.filter(({ bits }) => bits > 0).map(({ name, bits }) => `${name} ${Math.ceil(bits / 8)}`);
  if (reservedBits > 0) parts.push(`kept on chip ${Math.ceil(reservedBits / 8)}`);
  const subject = `level ${level.name} (${parts.join(", ")})`;
  return [{ subject, needed: Math.ceil(total / 8), available: sharedCapacityBytes, unit: "bytes" }];
}

/** What of a dataflow's constraint (dataflow.ts) a mapping breaks. */
export function dataflowViolations(
  { temporal, spatial, order }: Mapping,
  problem: Problem,
  chip: Accelerator,
  dataflow: DataflowName,
): Violation[] {
  const { stationary, spatialMask, wholeMask } = constraintOn(problem, DATAFLOW_CONSTRAINTS[dataflow]);
  const violations: Violation[] = [];
  const last = chip.levels.length - 1;
  chip.levels.forEach((level, l) => {
    DIMS.forEach((dim, d) => {
      const bound = spatial[l * DIM_COUNT + d]!;
      if (bound === 1 || spatialMask & (1 << d)) return;
      const subject = `dataflow ${dataflow}: ${dim} does not unroll in space (level ${level.name})`;
      violations.push({ subject, needed: bound, available: 1, unit: "ways" });
    });
  });
  DIMS.forEach((dim, d) => {
    const tile = temporal[last * DIM_COUNT + d]! * spatial[last * DIM_COUNT + d]!;
    if ((wholeMask & (1 << d)) === 0 || tile >= problem.extents[d]!) return;
    const subject = `dataflow ${dataflow}: the tile of ${chip.levels[last]!.name} holds all of ${dim}`;
    violations.push({ subject, needed: problem.extents[d]!, available: tile, unit: "elements" });
  });
  if (stationary === undefined || !problem.present[stationary]) return violations;
  const base = (last - 1) * DIM_COUNT;
  const loops = DIMS.map((dim, d) => ({ dim, d, bound: temporal[base + d]!, position: order[base + d]! }))
    .filter(({ bound }) => bound > 1)
    .sort((a, b) => a.position - b.position);
  const moves = ({ d }: { d: number }): boolean => (problem.relevance[stationary]! & (1 << d)) !== 0;
  const firstStill = loops.findIndex((loop) => !moves(loop));
  const inside = firstStill < 0 ? [] : loops.slice(firstStill).filter(moves);
  for (const { dim, bound } of inside) {
    const subject = `dataflow ${dataflow}: loop ${dim} of ${chip.levels[last - 1]!.name} moves the ${OPERANDS[stationary]} inside loop ${loops[firstStill]!.dim}, which leaves them in place`;
    violations.push({ subject, needed: bound, available: 1, unit: "tiles in place" });
  }
  return violations;
}
