// Why a mapping won, and what stands in the way when there is none. The runner-up is the best mapping of another dataflow than
// the winner's. What would make a layer fit is found by trying: a change is named only if the mapper then finds a mapping.
import type { Violation } from "../../src/core/trial.js";
import {
  type Accelerator,
  type AcceleratorFile,
  buildAccelerator,
  DATAFLOWS,
  type DataflowName,
  reservedBitsAt,
} from "./architecture.js";
import { dataflowViolations } from "./check-mapping.js";
import { CostModel } from "./cost.js";
import { constraintOn, DATAFLOW_CONSTRAINTS } from "./dataflow.js";
import { mapProblem, type Objective } from "./mapper.js";
import { emptyMapping, type Mapping } from "./mapping.js";
import { DIM_COUNT, I, OPERANDS, type Operand, type Problem } from "./problem.js";

const FIXED: readonly DataflowName[] = DATAFLOWS.filter((name) => name !== "flexible");

/** The fixed dataflows whose constraints a mapping keeps. */
export function dataflowsOf(mapping: Mapping, problem: Problem, chip: Accelerator): readonly DataflowName[] {
  return FIXED.filter((name) => dataflowViolations(mapping, problem, chip, name).length === 0);
}

export interface Alternative {
  readonly dataflow: DataflowName;
  readonly mapping: Mapping;
  readonly score: number;
}

/** The best mapping that no dataflow of the winner's allows, over all fixed dataflows; undefined when none other fits. */
export function runnerUp(
  problem: Problem,
  model: CostModel,
  winner: Mapping,
  options: { readonly objective: Objective; readonly budget: number },
): Alternative | undefined {
  const own = dataflowsOf(winner, problem, model.chip);
  let best: Alternative | undefined;
  for (const dataflow of FIXED) {
    if (own.includes(dataflow)) continue;
    const found = mapProblem(problem, model, { ...options, dataflow });
    if (found.kind !== "mapped") continue;
    const score = scoreOf(problem, found.mapping, model, options.objective);
    if (best === undefined || score < best.score) best = { dataflow, mapping: found.mapping, score };
  }
  return best;
}

/** A mapping's figure of merit: cycles, pJ, or their product. */
export function scoreOf(problem: Problem, mapping: Mapping, model: CostModel, objective: Objective): number {
  model.evaluate(problem, mapping);
  if (objective === "latency") return model.latencyCycles;
  return objective === "energy" ? model.energyPj : model.energyPj * model.latencyCycles;
}

/** A change of the machine after which the layer can be mapped; it has been tried. */
export interface Remedy {
  /** `capacityBytes` of a level (of one operand's partition), or another dataflow */
  readonly change:
    | { readonly level: string; readonly operand?: Operand; readonly from: number; readonly to: number }
    | { readonly dataflow: DataflowName; readonly from: DataflowName };
  readonly text: string;
}

interface Room {
  readonly level: number;
  readonly operand: number | undefined;
  readonly from: number;
}

/** What even the smallest tiles of a dataflow exceed, innermost last. */
export function tightest(problem: Problem, chip: Accelerator, dataflow: DataflowName): readonly Violation[] {
  return rooms(chip).flatMap((room) => {
    const needed = smallestBytes(problem, chip, dataflow, room);
    const level = chip.levels[room.level]!.name;
    const subject = room.operand === undefined ? level : `${level} ${OPERANDS[room.operand]}`;
    return needed > room.from ? [{ subject, needed, available: room.from, unit: "bytes" }] : [];
  });
}

/** The smallest single changes that make a layer fit that does not: a larger level, or another dataflow; nearest first.
 *  When no single level is enough, all that are too small grow together. */
export function remedies(
  problem: Problem,
  file: AcceleratorFile,
  options: { readonly dataflow: DataflowName; readonly objective: Objective; readonly budget: number },
): readonly Remedy[] {
  const chip = buildAccelerator(file);
  const fits = (changed: AcceleratorFile, dataflow = options.dataflow): boolean =>
    mapProblem(problem, new CostModel(buildAccelerator(changed)), { ...options, dataflow }).kind === "mapped";
  const found: Remedy[] = [];
  for (const room of rooms(chip)) {
    const to = leastCapacity(problem, chip, options.dataflow, room, (bytes) =>
      fits(withCapacity(file, [[room, bytes]])),
    );
    if (to !== undefined) found.push(capacityRemedy(chip, room, to));
  }
  found.sort((a, b) => growth(a) - growth(b));
  if (found.length === 0) {
    const all = rooms(chip)
      .map((room) => [room, smallestBytes(problem, chip, options.dataflow, room)] as const)
      .filter(([room, bytes]) => bytes > room.from);
    if (all.length > 1 && fits(withCapacity(file, all))) {
      found.push(...all.map(([room, bytes]) => capacityRemedy(chip, room, bytes)));
    }
  }
  for (const dataflow of FIXED) {
    if (options.dataflow === "flexible" || dataflow === options.dataflow || !fits(file, dataflow)) continue;
    found.push({ change: { dataflow, from: options.dataflow }, text: `dataflow ${dataflow} would do` });
  }
  return found;
}

const growth = ({ change }: Remedy): number => ("level" in change ? change.to / change.from : Infinity);

function capacityRemedy(chip: Accelerator, { level, operand, from }: Room, to: number): Remedy {
  const name = chip.levels[level]!.name;
  const key = operand === undefined ? "capacityBytes" : `capacityBytes.${OPERANDS[operand]}`;
  return {
    change: { level: name, ...(operand !== undefined && { operand: OPERANDS[operand]! }), from, to },
    text: `${name}: ${key} ${to} instead of ${from} would do`,
  };
}

function rooms(chip: Accelerator): Room[] {
  return chip.levels.flatMap(({ partitionBytes, sharedCapacityBytes, keeps, type }, level): Room[] => {
    if (type === "dram") return [];
    if (partitionBytes === undefined) return [{ level, operand: undefined, from: sharedCapacityBytes! }];
    return OPERANDS.flatMap((_, operand) =>
      keeps[operand] ? [{ level, operand, from: partitionBytes[operand]! }] : [],
    );
  });
}

/** Bytes of the smallest tiles that a dataflow allows: one iteration, and whole dimensions in the innermost level. */
function smallestBytes(problem: Problem, chip: Accelerator, dataflow: DataflowName, { level, operand }: Room): number {
  const model = new CostModel(chip);
  const mapping = emptyMapping(chip.levels.length);
  const last = (chip.levels.length - 1) * DIM_COUNT;
  const { wholeMask } = constraintOn(problem, DATAFLOW_CONSTRAINTS[dataflow]);
  for (let d = 0; d < DIM_COUNT; d++) {
    mapping.temporal[wholeMask & (1 << d) ? last + d : d] = problem.extents[d]!;
  }
  model.prepare(problem, mapping);
  let bits = reservedBitsAt(chip, problem, level, operand ?? I);
  for (let o = 0; o < 3; o++) {
    if ((operand === undefined || operand === o) && chip.levels[level]!.keeps[o]) bits += model.tileBits(level, o);
  }
  return Math.ceil(bits / 8);
}

/** The least capacity of one level with which a mapping is found, by bisection; undefined when none is enough. */
function leastCapacity(
  problem: Problem,
  chip: Accelerator,
  dataflow: DataflowName,
  room: Room,
  fits: (bytes: number) => boolean,
): number | undefined {
  let enough = Math.max(room.from + 1, smallestBytes(problem, chip, dataflow, room));
  if (fits(enough)) {
    // the smallest tile's size is the bound from below already
    if (smallestBytes(problem, chip, dataflow, room) >= enough) return enough;
  } else {
    const whole = problem.words.reduce((sum, words) => sum + words * 8, 1024);
    while (!fits(enough)) {
      if (enough > whole) return undefined;
      enough *= 2;
    }
  }
  let short = room.from;
  while (enough - short > 1) {
    const middle = Math.floor((short + enough) / 2);
    if (fits(middle)) enough = middle;
    else short = middle;
  }
  return enough;
}

function withCapacity(file: AcceleratorFile, changes: readonly (readonly [Room, number])[]): AcceleratorFile {
  const levels = file.levels.map((level, l) => {
    let { capacityBytes } = level;
    for (const [room, bytes] of changes) {
      if (room.level !== l) continue;
      capacityBytes =
        room.operand === undefined || typeof capacityBytes !== "object"
          ? bytes
          : { ...capacityBytes, [OPERANDS[room.operand]!]: bytes };
    }
    return capacityBytes === undefined ? level : { ...level, capacityBytes };
  });
  return { ...file, levels };
}
