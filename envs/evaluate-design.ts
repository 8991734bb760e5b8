// One design, evaluated: network × accelerator × deployment -> latency, energy, area, memory, and the breakdown by layer.
// Every result is held against bounds that no machine can beat; one that beats them is a defect of ours and is rejected.
import type { Infeasible } from "../src/core/trial.js";
import { cyclesToMs, pjToMillijoules } from "../src/core/units.js";
import type { Accelerator } from "./accelerator/architecture.js";
import { type LayerCost, type LayerCosts, peakCycles, shapeOf } from "./accelerator/layer-costs.js";
import { type Mapping, mappingData } from "./accelerator/mapping.js";
import { type GroupCost, networkCost } from "./accelerator/network-cost.js";
import { I, O, OPERANDS, W } from "./accelerator/problem.js";
import type { Deployment } from "./deployment/deployment.js";
import { explainStaying, type StayReport } from "./deployment/explain-staying.js";
import { type Schedule, type ScheduledGroup, schedule, type Transfers } from "./deployment/schedule.js";
import type { Network } from "./network/ir.js";

/** Figures of a design without its accuracy; latency and energy are for one batch. */
export interface HardwareFigures {
  readonly latencyMs: number;
  readonly latencyCycles: number;
  readonly energyMillijoules: number;
  readonly areaMm2: number;
  readonly peakOnChipBytes: number;
  readonly dramBytes: number;
  /** cycles with every unit busy at the rate of its precision / cycles */
  readonly utilizationFraction: number;
}

export type HardwareResult =
  | { readonly kind: "measured"; readonly figures: HardwareFigures; readonly costs: readonly LayerCost[] }
  | { readonly kind: "infeasible"; readonly infeasible: Infeasible };

/** Reads and writes of one operand at one level, in words. */
export interface LevelAccesses {
  readonly level: string;
  readonly operand: string;
  readonly reads: number;
  readonly fills: number;
  readonly updates: number;
}

export interface LayerReport {
  readonly id: string;
  readonly kind: string;
  readonly shape: Readonly<Record<string, number>>;
  readonly macCount: number;
  readonly latencyCycles: number;
  readonly energyPj: number;
  readonly utilizationFraction: number;
  readonly bottleneck: string;
  /** cycles by cause: steady state, and the machine's overheads */
  readonly latencyParts: LayerCost["latencyParts"];
  readonly accesses: readonly LevelAccesses[];
  /** of the largest tile, where the layer runs in a group */
  readonly mapping: ReturnType<typeof mappingData>;
  /** position in the design's groups, where the layer runs in one */
  readonly group?: number;
}

/** Layers that run tile by tile; latency, energy, DRAM bytes and operations are for a batch. */
export interface GroupReport {
  /** ids, in order */
  readonly layers: readonly string[];
  /** of the last layer's output */
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly imagesPerTile: number;
  readonly tiles: number;
  /** what becomes of the overlap of tiles: it stays in line buffers, is computed again, or there is none */
  readonly rowHalo: "none" | "cached" | "recomputed";
  readonly columnHalo: "none" | "cached" | "recomputed";
  /** kept: from one batch to the next, or there are none */
  readonly weights: "kept" | "loaded once" | "loaded for each tile";
  readonly latencyCycles: number;
  /** cycles of the latency in which the group waits for DRAM or the store */
  readonly waitCycles: number;
  readonly energyPj: number;
  readonly dramBytes: number;
  /** what the same layers would move at least, one by one */
  readonly dramBytesAlone: number;
  readonly lineBufferBytes: number;
  /** most that the group holds on chip, its weights among them, beside the tiles of the mapper */
  readonly storeBytes: number;
  readonly operations: number;
  readonly recomputedOperations: number;
}

/** Evaluates a network on the machine of `layerCosts`. */
export function evaluateHardware(network: Network, layerCosts: LayerCosts, deployment: Deployment): HardwareResult {
  const { chip } = layerCosts;
  const plan = schedule(network, chip, deployment, layerCosts.objective);
  const names = network.layers.map(({ id }) => id);
  const result = networkCost(plan, layerCosts, names);
  if (result.kind === "infeasible") return result;
  return { kind: "measured", figures: figuresOf(plan, result.costs, chip), costs: result.costs };
}

/** The layers one by one, with every access count and the mapping, the groups, and where maps stay and why; searches each
 *  mapping again. */
export function designDetails(
  network: Network,
  layerCosts: LayerCosts,
  deployment: Deployment,
): {
  readonly layers: readonly LayerReport[];
  readonly groups: readonly GroupReport[];
  readonly staying: readonly StayReport[];
} {
  const plan = schedule(network, layerCosts.chip, deployment, layerCosts.objective);
  const names = network.layers.map(({ id }) => id);
  const result = networkCost(plan, layerCosts, names);
  if (result.kind === "infeasible") throw new Error(result.infeasible.reason);
  const groups = plan.groups.map((group, g) => groupReport(group, result.groups[g]!, names));
  const layers = network.layers.map((layer, i): LayerReport => {
    const problem = plan.problems[i]!;
    const group = plan.groups.findIndex(({ plan: { shape } }) => shape.first <= i && i <= shape.last);
    const steps = stepsOfLayer(plan, i);
    const mapping = layerCosts.mapping(steps[0]!.problem);
    if (mapping === undefined) throw new Error(`layer ${layer.id} has no mapping`);
    const { latencyCycles, energyPj, utilizationFraction, bottleneck, latencyParts } = result.costs[i]!;
    return {
      id: layer.id,
      kind: layer.kind,
      shape: shapeOf(layer, problem),
      macCount: layer.macCount * deployment.batch,
      latencyCycles,
      energyPj,
      utilizationFraction,
      bottleneck,
      latencyParts,
      accesses: accessesOf(plan, i, mapping, layerCosts),
      mapping: mappingData(mapping, layerCosts.chip),
      ...(group >= 0 && { group }),
    };
  });
  return { layers, groups, staying: explainStaying(plan) };
}

/** The layers alone. */
export const layerReports = (network: Network, layerCosts: LayerCosts, deployment: Deployment): LayerReport[] => [
  ...designDetails(network, layerCosts, deployment).layers,
];

/** What runs of a layer: itself, or its tiles in a group. The first is the largest. */
export function stepsOfLayer(plan: Schedule, layer: number): ScheduledGroup["steps"][number] {
  for (const { plan: group, steps } of plan.groups) {
    const member = steps[layer - group.shape.first];
    if (member !== undefined) return member;
  }
  return [{ problem: plan.problems[layer]!, count: 1 }];
}

/** What a layer of a group moves between DRAM and the store beside its tiles; undefined outside of groups. */
export function transfersOfLayer(plan: Schedule, layer: number): Transfers | undefined {
  for (const { plan: group, transfers } of plan.groups) {
    const member = transfers[layer - group.shape.first];
    if (member !== undefined) return member;
  }
  return undefined;
}

/** A group in plain figures. */
export function groupReport({ plan }: ScheduledGroup, cost: GroupCost, names: readonly string[]): GroupReport {
  const { shape, rows, columns } = plan;
  const bytes = (bits: number): number => Math.ceil(bits / 8);
  return {
    layers: names.slice(shape.first, shape.last + 1),
    tileRows: rows.tileSize,
    tileColumns: columns.tileSize,
    imagesPerTile: plan.images,
    tiles: plan.tiles,
    rowHalo: haloOf(rows),
    columnHalo: haloOf(columns),
    weights: plan.weightBits === 0 ? "kept" : plan.weightsStay ? "loaded once" : "loaded for each tile",
    latencyCycles: cost.latencyCycles,
    waitCycles: cost.waitCycles,
    energyPj: cost.energyPj,
    dramBytes: cost.dramBytes,
    dramBytesAlone: bytes(plan.aloneBits),
    lineBufferBytes: bytes(plan.lineBufferBits),
    storeBytes: bytes(plan.storeBits.reduce((most, bits) => Math.max(most, bits), 0)),
    operations: plan.operations,
    recomputedOperations: plan.recomputedOperations,
  };
}

const haloOf = ({ tiles, isCached }: ScheduledGroup["plan"]["rows"]): GroupReport["rowHalo"] =>
  tiles === 1 ? "none" : isCached ? "cached" : "recomputed";

function figuresOf(
  { problems, residentBytes, residentWeightBytes }: Schedule,
  costs: readonly LayerCost[],
  chip: Accelerator,
): HardwareFigures {
  let latencyCycles = 0;
  let energyPj = 0;
  let dramBytes = 0;
  let busyCycles = 0;
  let peakOnChipBytes = 0;
  costs.forEach((cost, i) => {
    latencyCycles += cost.latencyCycles;
    energyPj += cost.energyPj;
    dramBytes += cost.dramBytes;
    busyCycles += peakCycles(problems[i]!, chip);
    peakOnChipBytes = Math.max(peakOnChipBytes, cost.tileBytes + residentBytes[i]! + residentWeightBytes[i]!);
  });
  return {
    latencyMs: cyclesToMs(latencyCycles, chip.clockMhz),
    latencyCycles,
    energyMillijoules: pjToMillijoules(energyPj),
    areaMm2: chip.areaMm2,
    peakOnChipBytes,
    dramBytes,
    utilizationFraction: busyCycles / latencyCycles,
  };
}

/** Words that a layer moves; those of a group's tiles together with what passes between DRAM and the store. */
function accessesOf(plan: Schedule, layer: number, mapping: Mapping, { model, chip }: LayerCosts): LevelAccesses[] {
  const counts = chip.levels.map(() => OPERANDS.map(() => ({ reads: 0, fills: 0, updates: 0 })));
  for (const { problem, count } of stepsOfLayer(plan, layer)) {
    model.evaluate(problem, mapping);
    counts.forEach((operands, l) => {
      operands.forEach((sum, o) => {
        sum.reads += count * model.reads[l * 3 + o]!;
        sum.fills += count * model.fills[l * 3 + o]!;
        sum.updates += count * model.updates[l * 3 + o]!;
      });
    });
  }
  const transfers = transfersOfLayer(plan, layer);
  if (transfers !== undefined) {
    const { inputBits, weightBits, outputBits } = transfers;
    const { bits } = plan.problems[layer]!;
    const [dram, store, weights] = [counts[0]!, counts[chip.residentLevel]!, counts[chip.weightLevel]];
    dram[W]!.reads += weightBits / bits.weights;
    if (weights !== undefined) weights[W]!.fills += weightBits / bits.weights;
    dram[I]!.reads += inputBits / bits.inputs;
    store[I]!.fills += inputBits / bits.inputs;
    store[chip.copiesOutputs ? I : O]!.reads += outputBits / bits.outputs;
    dram[O]!.updates += outputBits / bits.outputs;
  }
  return chip.levels.flatMap((level, l) =>
    OPERANDS.map((operand, o) => ({ level: level.name, operand, ...counts[l]![o]! })).filter(
      ({ reads, fills, updates }) => reads + fills + updates > 0,
    ),
  );
}
