// What one mapping of one layer costs, as a document: traffic by level and operand, cycles by cause, energy by place, what
// every level holds. The figures are cost.ts's; here they get names and are split, and the parts add up to the totals.
import { operationsPj } from "./architecture.js";
import { type CostModel, LATENCY_PARTS, type LatencyPart } from "./cost.js";
import { type Mapping, type MappingData, mappingData } from "./mapping.js";
import { bottleneckOf, peakCycles } from "./network-cost.js";
import { DIM_COUNT, DIMS, type Dim, OPERANDS, type Operand, type Problem } from "./problem.js";

/** Words of an operand that move at a level, summed over its instances in use. */
export interface OperandTraffic {
  readonly operand: Operand;
  /** out of the level */
  readonly reads: number;
  /** into it from outside */
  readonly fills: number;
  /** into it from inside (outputs) */
  readonly updates: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  /** one instance's tile; 0 words where the operand passes by */
  readonly tileWords: number;
  readonly tileBytes: number;
}

export interface LevelReport {
  readonly level: string;
  readonly instances: number;
  readonly usedInstances: number;
  /** elements of each dimension that one instance holds at a time */
  readonly tile: Readonly<Record<Dim, number>>;
  readonly capacityBytes: number | Readonly<Record<Operand, number>> | null;
  readonly operands: readonly OperandTraffic[];
  /** cycles that its own bandwidth asks for, 0 when unlimited */
  readonly cycles: number;
  readonly overlapped: boolean;
  readonly energyPj: number;
}

export interface MappingReport {
  readonly latencyCycles: number;
  readonly latencyMs: number;
  readonly computeCycles: number;
  /** what the latency is made of, before rounding up */
  readonly latencyParts: Readonly<Record<LatencyPart, number>>;
  /** `compute` or the level that the layer waits for */
  readonly bottleneck: string;
  readonly utilizationFraction: number;
  readonly usedMacUnits: number;
  readonly macUnits: number;
  readonly operationCount: number;
  readonly energyPj: number;
  readonly operationEnergyPj: number;
  /** hops between levels, where the machine states what one costs */
  readonly networkEnergyPj: number;
  readonly leakageEnergyPj: number;
  readonly levels: readonly LevelReport[];
  readonly mapping: MappingData;
}

/** @param model of the machine; left at this mapping  @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function mappingReport(problem: Problem, mapping: Mapping, model: CostModel): MappingReport {
  const { chip } = model;
  model.evaluate(problem, mapping);
  const levels = chip.levels.map((_, l) => levelReport(problem, mapping, model, l));
  let usedMacUnits = 1;
  for (const bound of mapping.spatial) usedMacUnits *= bound;
  const operations = operationsPj(chip, problem);
  const parts = LATENCY_PARTS.map((part, i) => [part, model.latencyParts[i]!] as const);
  return {
    latencyCycles: model.latencyCycles,
    latencyMs: model.latencyCycles / (chip.clockMhz * 1000),
    computeCycles: model.computeCycles,
    latencyParts: Object.fromEntries(parts) as Record<LatencyPart, number>,
    bottleneck: bottleneckOf(model),
    utilizationFraction: peakCycles(problem, chip) / model.latencyCycles,
    usedMacUnits,
    macUnits: chip.macUnits,
    operationCount: problem.operationCount,
    energyPj: model.energyPj,
    operationEnergyPj: operations,
    networkEnergyPj: model.networkEnergyPj,
    leakageEnergyPj: ((chip.leakageMw * model.latencyCycles) / chip.clockMhz) * 1000,
    levels,
    mapping: mappingData(mapping, chip),
  };
}

function levelReport(problem: Problem, mapping: Mapping, model: CostModel, l: number): LevelReport {
  const level = model.chip.levels[l]!;
  const operands = OPERANDS.map((operand, o): OperandTraffic => {
    const at = l * 3 + o;
    const kept = level.keeps[o]!;
    return {
      operand,
      reads: model.reads[at]!,
      fills: model.fills[at]!,
      updates: model.updates[at]!,
      readBytes: model.readBits[at]! / 8,
      writeBytes: model.writeBits[at]! / 8,
      tileWords: kept ? model.tileWords(l, o) : 0,
      tileBytes: kept ? model.tileBits(l, o) / 8 : 0,
    };
  }).filter((_, o) => problem.present[o]);
  const [readBits, writeBits] = operands.reduce(
    ([read, write], { readBytes, writeBytes }) => [read + readBytes * 8, write + writeBytes * 8],
    [0, 0],
  );
  const { partitionBytes, sharedCapacityBytes = null } = level;
  const partitions = partitionBytes && Object.fromEntries(OPERANDS.map((name, o) => [name, partitionBytes[o]!]));
  return {
    level: level.name,
    instances: level.instances,
    usedInstances: model.usedInstances[l]!,
    tile: tileOf(problem, mapping, l),
    capacityBytes:
      (partitions as Record<Operand, number> | undefined) ?? (level.type === "dram" ? null : sharedCapacityBytes),
    operands,
    cycles: model.levelCycles[l]!,
    overlapped: level.doubleBuffered,
    energyPj: readBits * level.readPjPerBit + writeBits * level.writePjPerBit,
  };
}

/** Elements of each dimension in one tile of a level: the loops at it and inside, clipped to the layer. */
export function tileOf(problem: Problem, { temporal, spatial }: Mapping, level: number): Record<Dim, number> {
  const sizes = DIMS.map((dim, d) => {
    let size = 1;
    for (let at = level * DIM_COUNT + d; at < temporal.length; at += DIM_COUNT) size *= temporal[at]! * spatial[at]!;
    return [dim, Math.min(size, problem.extents[d]!)] as const;
  });
  return Object.fromEntries(sizes) as Record<Dim, number>;
}
