// A network on a machine: its layers in sequence, each with the best mapping that the mapper finds, and its fused groups.
// A group is one piece of work: its transfers from and to DRAM overlap with the steps of all its layers where DRAM is
// double-buffered, as a layer's do with its own; its tiles are mapped layer by layer.
import type { Infeasible, Violation } from "../../src/core/trial.js";
import { type Schedule, type ScheduledGroup, schedule, type Transfers } from "../deployment/schedule.js";
import { type Accelerator, type Level, operationEnergyPj } from "./architecture.js";
import { boundsOf } from "./bounds.js";
import type { LatencyPart } from "./cost.js";
import { hasWeightLevel, type LayerCost, type LayerCosts, peakCycles } from "./layer-costs.js";
import type { Problem } from "./problem.js";

export { type Bounds, boundsOf } from "./bounds.js";
export {
  bottleneckOf,
  hasWeightLevel,
  type LayerCost,
  LayerCosts,
  type LayerResult,
  partsOf,
  peakCycles,
  shapeOf,
} from "./layer-costs.js";
export { type Schedule, schedule };

/** What a group costs beside its layers; for a batch. */
export interface GroupCost {
  readonly latencyCycles: number;
  readonly energyPj: number;
  readonly dramBytes: number;
  /** cycles of the latency in which only DRAM or the store works */
  readonly waitCycles: number;
}

export type NetworkCost =
  | { readonly kind: "measured"; readonly costs: readonly LayerCost[]; readonly groups: readonly GroupCost[] }
  | { readonly kind: "infeasible"; readonly infeasible: Infeasible };

/** Cost of every layer; those of a group share its waiting, so that the layers' figures add up to the network's.
 *  @param names of the layers, for what does not work */
export function networkCost(plan: Schedule, layerCosts: LayerCosts, names: readonly string[]): NetworkCost {
  if (plan.shortage !== undefined) return { kind: "infeasible", infeasible: plan.shortage };
  const costs: LayerCost[] = [];
  const groups: GroupCost[] = [];
  const violations: Violation[] = [];
  let next = 0;
  for (let i = 0; i < plan.problems.length; i++) {
    const group = plan.groups[next];
    if (group === undefined || group.plan.shape.first !== i) {
      const problem = plan.problems[i]!;
      const result = layerCosts.of(problem);
      if (result.kind === "unmappable") {
        violations.push(...namedViolations(result.violations, names[i]!));
        continue;
      }
      const broken = beaten(problem, result.cost, layerCosts.chip);
      if (broken !== undefined) return rejected(names[i]!, broken);
      costs.push(result.cost);
      continue;
    }
    next++;
    i = group.plan.shape.last;
    const members: LayerCost[] = [];
    for (const [member, steps] of group.steps.entries()) {
      const position = group.plan.shape.first + member;
      const result = layerCosts.ofTiles(steps.map(({ problem }) => problem));
      if (result.kind === "unmappable") {
        violations.push(...namedViolations(result.violations, names[position]!));
        continue;
      }
      for (const [s, cost] of result.costs.entries()) {
        const broken = beaten(steps[s]!.problem, cost, layerCosts.chip);
        if (broken !== undefined) return rejected(names[position]!, broken);
      }
      members.push(
        sumOfSteps(
          result.costs,
          steps.map(({ count }) => count),
        ),
      );
    }
    if (members.length < group.steps.length) continue;
    const whole = plan.problems.slice(group.plan.shape.first, group.plan.shape.last + 1);
    const cost = costOfGroup(group, whole, members, layerCosts.chip);
    costs.push(...cost.layers);
    groups.push(cost.group);
  }
  if (violations.length > 0) return unmappable(violations);
  return { kind: "measured", costs, groups };
}

/** One layer's tiles, one after the other. */
function sumOfSteps(costs: readonly LayerCost[], counts: readonly number[]): LayerCost {
  const total = (pick: (cost: LayerCost) => number): number =>
    costs.reduce((sum, cost, i) => sum + pick(cost) * counts[i]!, 0);
  const parts: Partial<Record<LatencyPart, number>> = {};
  costs.forEach(({ latencyParts }, i) => {
    for (const [name, cycles] of Object.entries(latencyParts) as [LatencyPart, number][]) {
      parts[name] = (parts[name] ?? 0) + cycles * counts[i]!;
    }
  });
  return {
    latencyCycles: total((cost) => cost.latencyCycles),
    computeCycles: total((cost) => cost.computeCycles),
    latencyParts: parts,
    energyPj: total((cost) => cost.energyPj),
    bottleneck: costs[0]!.bottleneck,
    utilizationFraction: 0, // set by the group, from the useful operations
    dramBytes: total((cost) => cost.dramBytes),
    tileBytes: costs.reduce((most, cost) => Math.max(most, cost.tileBytes), 0),
    residentCycles: total((cost) => cost.residentCycles),
    residentWeightCycles: total((cost) => cost.residentWeightCycles),
  };
}

/** Adds what moves between DRAM and the store, and the time that nothing hides. */
function costOfGroup(
  group: ScheduledGroup,
  whole: readonly Problem[],
  members: readonly LayerCost[],
  chip: Accelerator,
): { readonly layers: readonly LayerCost[]; readonly group: GroupCost } {
  const dram = chip.levels[0]!;
  const stepCycles = sum(members, ({ latencyCycles }) => latencyCycles);
  const moved: Transfers = {
    inputBits: sum(group.transfers, ({ inputBits }) => inputBits),
    weightBits: sum(group.transfers, ({ weightBits }) => weightBits),
    outputBits: sum(group.transfers, ({ outputBits }) => outputBits),
  };
  // what the steps themselves read from DRAM: weights that are loaded for each tile
  const streamedBits = 8 * sum(members, ({ dramBytes }) => dramBytes);
  const transfers = transferCycles(moved, chip);
  const explicitCycles = transfers.dram;
  const activationCycles = sum(members, ({ residentCycles }) => residentCycles) + transfers.store;
  const weightCycles = sum(members, ({ residentWeightCycles }) => residentWeightCycles) + transfers.weightStore;
  const storeCycles = Math.max(activationCycles, weightCycles);
  const store = chip.levels[weightCycles > activationCycles ? chip.weightLevel : chip.residentLevel]!;
  const dramCycles = transferCycles({ ...moved, weightBits: moved.weightBits + streamedBits }, chip).dram;
  const overheads = dram.doubleBuffered ? chip.overheads : undefined;
  const first = overheads?.firstLoad ? transferCycles({ ...NOTHING, inputBits: group.firstLoadBits }, chip).dram : 0;
  const last = overheads?.lastStore ? transferCycles({ ...NOTHING, outputBits: group.lastStoreBits }, chip).dram : 0;
  const busy = dram.doubleBuffered
    ? Math.max(stepCycles, dramCycles - first - last, storeCycles)
    : Math.max(stepCycles, storeCycles) + explicitCycles;
  const latency = busy + first + last;
  const latencyCycles = Math.ceil(latency - 1e-9 - latency * 1e-13);
  const waitCycles = latencyCycles - stepCycles;
  const layers = members.map((member, i): LayerCost => {
    const own = group.transfers[i]!;
    const pj = transferPj(own, chip);
    // whole cycles, so that the layers' latencies stay whole
    const firstLoad = i === 0 ? Math.floor(first) : 0;
    const lastStore = i === members.length - 1 ? Math.floor(last) : 0;
    const hidden = waitCycles - Math.floor(first) - Math.floor(last);
    const steady = shareOf(hidden, group.transfers, i);
    const wait = steady + firstLoad + lastStore;
    const cycles = member.latencyCycles + wait;
    const parts = withMore(member.latencyParts, { steady, firstLoad, lastStore });
    return {
      ...member,
      latencyCycles: cycles,
      latencyParts: parts,
      energyPj:
        member.energyPj +
        pj.dram +
        pj.store +
        pj.weightStore +
        pj.network +
        // mW · cycles / MHz = nJ
        ((chip.leakageMw * wait) / chip.clockMhz) * 1000,
      bottleneck: wait > member.latencyCycles ? (storeCycles > explicitCycles ? store : dram).name : member.bottleneck,
      utilizationFraction: peakCycles(whole[i]!, chip) / cycles,
      dramBytes: member.dramBytes + Math.ceil(bitsOf(own) / 8),
    };
  });
  return {
    layers,
    group: {
      latencyCycles,
      energyPj: sum(layers, ({ energyPj }) => energyPj),
      dramBytes: sum(layers, ({ dramBytes }) => dramBytes),
      waitCycles,
    },
  };
}

/** Parts of a latency with more cycles; parts of none are left out. */
function withMore(parts: LayerCost["latencyParts"], more: LayerCost["latencyParts"]): LayerCost["latencyParts"] {
  const sums: Partial<Record<LatencyPart, number>> = { ...parts };
  for (const [name, cycles] of Object.entries(more) as [LatencyPart, number][]) {
    if (cycles > 0) sums[name] = (sums[name] ?? 0) + cycles;
  }
  return sums;
}

const NOTHING: Transfers = { inputBits: 0, weightBits: 0, outputBits: 0 };
const bitsOf = ({ inputBits, weightBits, outputBits }: Transfers): number => inputBits + weightBits + outputBits;

/** Cycles that the bandwidths of DRAM and of the store's instances ask for; `weightStore` is 0 where the store keeps weights. */
export function transferCycles(
  { inputBits, weightBits, outputBits }: Transfers,
  chip: Accelerator,
): { readonly dram: number; readonly store: number; readonly weightStore: number } {
  const isApart = hasWeightLevel(chip);
  const store = chip.levels[chip.residentLevel]!;
  // outputs that were copied to where inputs are read leave from there
  const leaving = chip.copiesOutputs ? [0, outputBits, 0] : [0, 0, outputBits];
  const entering = [isApart ? 0 : weightBits, inputBits, 0];
  const weights = isApart ? chip.levels[chip.weightLevel]! : undefined;
  return {
    dram: levelCycles([weightBits, inputBits, 0], [0, 0, outputBits], chip.levels[0]!),
    store: levelCycles(leaving, entering, store) / store.instances,
    weightStore: weights === undefined ? 0 : levelCycles([0, 0, 0], [weightBits, 0, 0], weights) / weights.instances,
  };
}

/** Bits by operand. */
function levelCycles(reads: readonly number[], writes: readonly number[], level: Level): number {
  const readBits = sum(reads, (bits) => bits);
  const writeBits = sum(writes, (bits) => bits);
  const bits = Math.max(
    (readBits + writeBits) / level.sharedBytesPerCycle,
    readBits / level.readBytesPerCycle,
    writeBits / level.writeBytesPerCycle,
    ...reads.map((operand, o) => operand / (level.readPorts?.[o] ?? Infinity)),
    ...writes.map((operand, o) => operand / (level.writePorts?.[o] ?? Infinity)),
  );
  return bits / 8;
}

/** Energy of a layer's own transfers between DRAM and the store. */
export function transferPj(
  transfers: Transfers,
  chip: Accelerator,
): { readonly dram: number; readonly store: number; readonly weightStore: number; readonly network: number } {
  const dram = chip.levels[0]!;
  const store = chip.levels[chip.residentLevel]!;
  const { inputBits, weightBits, outputBits } = transfers;
  const hopsTo = (level: number): number => sum(chip.levels.slice(0, level), ({ hopPjPerBit }) => hopPjPerBit);
  const weights = hasWeightLevel(chip) ? chip.levels[chip.weightLevel]! : undefined;
  const ownBits = weights === undefined ? inputBits + weightBits : inputBits;
  const weightHopPj = hopsTo(weights === undefined ? chip.residentLevel : chip.weightLevel);
  return {
    dram: (inputBits + weightBits) * dram.readPjPerBit + outputBits * dram.writePjPerBit,
    store: ownBits * store.writePjPerBit + outputBits * store.readPjPerBit,
    weightStore: weights === undefined ? 0 : weightBits * weights.writePjPerBit,
    network: (inputBits + outputBits) * hopsTo(chip.residentLevel) + weightBits * weightHopPj,
  };
}

/** Whole cycles of the group's waiting that a layer's own transfers stand for; all layers' add up to it. */
function shareOf(waitCycles: number, transfers: readonly Transfers[], layer: number): number {
  const all = sum(transfers, bitsOf);
  if (all === 0) return layer === transfers.length - 1 ? waitCycles : 0;
  const before = sum(transfers.slice(0, layer), bitsOf);
  const upTo = (bits: number): number => Math.round((waitCycles * bits) / all);
  return upTo(before + bitsOf(transfers[layer]!)) - upTo(before);
}

function sum<T>(values: readonly T[], pick: (value: T) => number): number {
  return values.reduce((total, value) => total + pick(value), 0);
}

/** Relative slack of the bound check, for rounding in floating point. */
const SLACK = 1e-9;

/** The bound that a result beats, if any. */
function beaten(problem: Problem, cost: LayerCost, chip: Accelerator): Violation | undefined {
  const { weights, inputs } = problem.multiplierBits;
  const bounds = boundsOf(problem, chip, operationEnergyPj(chip, problem.operation, weights, inputs));
  if (cost.latencyCycles < bounds.cycles * (1 - SLACK)) {
    return { subject: "latencyCycles", needed: bounds.cycles, available: cost.latencyCycles, unit: "cycles" };
  }
  if (cost.energyPj < bounds.energyPj * (1 - SLACK)) {
    return { subject: "energyPj", needed: bounds.energyPj, available: cost.energyPj, unit: "pJ" };
  }
  return undefined;
}

function namedViolations(violations: readonly Violation[], layer: string): Violation[] {
  if (violations.length === 0) {
    return [{ subject: `layer ${layer}: no mapping`, needed: 1, available: 0, unit: "mappings" }];
  }
  return violations.map((violation) => ({ ...violation, subject: `layer ${layer}: ${violation.subject}` }));
}

function rejected(layer: string, violation: Violation): NetworkCost {
  const { subject, needed, available, unit } = violation;
  const reason = `layer ${layer}: ${subject} of ${available} ${unit} is below the physical bound ${needed}; a defect of the cost model`;
  return { kind: "infeasible", infeasible: { code: "bound", reason, violations: [violation] } };
}

function unmappable(violations: readonly Violation[]): NetworkCost {
  const [{ subject, needed, available, unit }] = violations as [Violation];
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  const reason = `${subject} needs ${needed} ${unit} even for the smallest tile and has ${available}${more}`;
  return { kind: "infeasible", infeasible: { code: "mapping", reason, violations } };
}
