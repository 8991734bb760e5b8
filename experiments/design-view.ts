// One design for looking at: the network by stage, the chip by area, every layer's mapping, and where cycles and energy go.
// The parts of a layer's energy are those of the cost model (envs/accelerator/cost.ts): arithmetic, each level, the network
// between them, leakage; they add up to the layer's energy, as the parts of its latency do to its cycles (a test checks both).
import { type Accelerator, buildAccelerator, operationRate, operationsPj } from "../envs/accelerator/architecture.js";
import { loopNest } from "../envs/accelerator/mapping.js";
import {
  hasWeightLevel,
  type LayerCost,
  LayerCosts,
  networkCost,
  type Schedule,
  schedule,
  shapeOf,
  transferCycles,
  transferPj,
} from "../envs/accelerator/network-cost.js";
import { OPERANDS } from "../envs/accelerator/problem.js";
import { createCodesignEnvironment, type DesignReport } from "../envs/codesign-env.js";
import { prunedNetwork } from "../envs/deployment/pruning.js";
import { stepsOfLayer, transfersOfLayer } from "../envs/evaluate-design.js";
import type { Block, Layer, Network } from "../envs/network/ir.js";
import { buildNetwork } from "../envs/network/network-file.js";
import { rewardAxes } from "../envs/reward.js";
import type { Axis } from "../src/core/pareto.js";
import type { Candidate } from "../src/core/trial.js";
import { designOf, isDesign, referenceOf } from "./designs.js";
import { codesignOptions, type ResolvedStudy } from "./resolve-study.js";

export type DesignViewResult = ReturnType<typeof viewOf> | { readonly infeasible: string };

/** The metrics that a study's reward weighs. @throws when the document is no study of ours */
export const axesOfStudy = (study: unknown): Axis[] => rewardAxes((study as ResolvedStudy).reward);

/** What a study is about, in its own words. */
export function descriptionOf(study: unknown): string {
  const text = (study as { description?: unknown } | null)?.description;
  return typeof text === "string" ? text : "";
}

/** A candidate of a study, or why it cannot be built. */
export async function candidateView(study: ResolvedStudy, candidate: Candidate): Promise<DesignViewResult> {
  const report = await designOf(study, candidate);
  const built = createCodesignEnvironment(codesignOptions(study)).build(candidate);
  if (!isDesign(report)) return { infeasible: report.reason };
  if ("reason" in built) return { infeasible: built.reason };
  return viewOf(report, built.prunedNetwork, built.layerCosts);
}

/** The study's reference design. */
export async function referenceView(study: ResolvedStudy): Promise<DesignViewResult> {
  const report = await referenceOf(study);
  if (!isDesign(report)) return { infeasible: report.reason };
  const costs = new LayerCosts(buildAccelerator(study.reference.accelerator), study.mapper);
  const network = prunedNetwork(buildNetwork(study.reference.network), report.deployment.pruning);
  return viewOf(report, network, costs);
}

function viewOf(report: DesignReport, network: Network, costs: LayerCosts) {
  const { deployment, layers: _, network: __, accelerator: ___, accuracy, ...figures } = report;
  const { weightBits, activationBits, batch, fusion, activations, weights, pruning } = deployment;
  const { estimate, standardError, proxy } = accuracy;
  const plan = schedule(network, costs.chip, deployment, costs.objective);
  const result = networkCost(
    plan,
    costs,
    network.layers.map(({ id }) => id),
  );
  if (result.kind !== "measured") throw new Error(result.infeasible.reason);
  return {
    title: `${network.name} on ${costs.chip.name}`,
    ...figures,
    accuracy: { estimate, standardError, proxy },
    deployment: {
      weightBits,
      activationBits,
      batch,
      fusion,
      ...(activations !== undefined && { activations }),
      ...(weights !== undefined && { weights }),
      ...(pruning !== undefined && { pruning }),
    },
    network: {
      name: network.name,
      macCount: network.macCount,
      paramCount: network.paramCount,
      resolution: network.input.resolution,
      stages: stagesOf(network),
    },
    chip: chipOf(costs.chip),
    layers: network.layers.map((layer, i) => {
      const group = report.layers[i]!.group;
      return { ...layerOf(layer, i, plan, result.costs[i]!, costs, batch), ...(group !== undefined && { group }) };
    }),
  };
}

function stagesOf(network: Network) {
  return Array.from({ length: Math.max(1, network.stageCount) }, (_, stage) => {
    const layers = network.layers.filter((layer) => layer.stage === stage);
    const blocks = network.blocks.filter((block) => block.stage === stage);
    const last = layers.at(-1);
    return {
      stage,
      blocks: blocks.map(blockText),
      outChannels: blocks.at(-1)?.outChannels ?? last?.K ?? 0,
      outResolution: blocks.at(-1)?.outResolution ?? last?.P ?? 0,
      macCount: layers.reduce((sum, layer) => sum + layer.macCount, 0),
      layers: layers.length,
    };
  });
}

function blockText({ kind, kernel, stride, expansion, squeezeExcite, groups }: Block): string {
  const parts = [kind, `${kernel}×${kernel}`];
  if (stride > 1) parts.push(`stride ${stride}`);
  if (expansion !== 1) parts.push(`expansion ${expansion}`);
  if (squeezeExcite > 0) parts.push("squeeze-excite");
  if (groups > 1) parts.push(`${groups} groups`);
  return parts.join(", ");
}

function chipOf(chip: Accelerator) {
  const macAreas = chip.macUnits * chip.macAreaMm2;
  const levelAreas = chip.levels.reduce((sum, level) => sum + level.areaMm2 * level.instances, 0);
  return {
    name: chip.name,
    dataflow: chip.dataflow,
    clockMhz: chip.clockMhz,
    nodeNm: chip.nodeNm,
    macUnits: chip.macUnits,
    macAreaMm2: macAreas,
    otherAreaMm2: Math.max(0, chip.areaMm2 - macAreas - levelAreas),
    levels: chip.levels.map((level) => ({
      name: level.name,
      type: level.type,
      capacityBytes: level.type === "dram" ? null : capacityOf(level),
      instances: level.instances,
      areaMm2: level.areaMm2 * level.instances,
      fanout: level.fanout.map(({ name, size }) => ({ name, size })),
    })),
  };
}

const capacityOf = (level: Accelerator["levels"][number]): number =>
  level.sharedCapacityBytes ?? (level.partitionBytes ?? [0, 0, 0]).reduce((sum, bytes) => sum + bytes, 0);

/** A layer by itself, or all of its tiles in a group with what they move between DRAM and the store. */
function layerOf(layer: Layer, position: number, plan: Schedule, cost: LayerCost, costs: LayerCosts, batch: number) {
  const { chip, model } = costs;
  const whole = plan.problems[position]!;
  const steps = stepsOfLayer(plan, position);
  const mapping = costs.mapping(steps[0]!.problem);
  if (mapping === undefined) throw new Error(`layer ${layer.id} has no mapping`);
  const { latencyCycles, latencyParts, energyPj, utilizationFraction, bottleneck, dramBytes } = cost;
  const { weights, inputs } = whole.multiplierBits;
  const cycles: Record<string, number> = { compute: 0 };
  const energy: Record<string, number> = { arithmetic: 0 };
  for (const { problem, count } of steps) {
    model.evaluate(problem, mapping);
    cycles.compute! += count * model.computeCycles;
    energy.arithmetic! += count * operationsPj(chip, problem);
    if (model.networkEnergyPj > 0) energy.network = (energy.network ?? 0) + count * model.networkEnergyPj;
    chip.levels.forEach((level, l) => {
      const moved = OPERANDS.reduce(
        (sum, _, o) =>
          sum + model.readBits[l * 3 + o]! * level.readPjPerBit + model.writeBits[l * 3 + o]! * level.writePjPerBit,
        0,
      );
      cycles[level.name] = (cycles[level.name] ?? 0) + count * model.levelCycles[l]!;
      energy[level.name] = (energy[level.name] ?? 0) + count * moved;
    });
  }
  const dram = chip.levels[0]!;
  const transfers = transfersOfLayer(plan, position);
  if (transfers !== undefined) {
    const store = chip.levels[chip.residentLevel]!;
    const [time, pj] = [transferCycles(transfers, chip), transferPj(transfers, chip)];
    cycles[dram.name]! += time.dram;
    cycles[store.name]! += time.store;
    energy[dram.name]! += pj.dram;
    energy[store.name]! += pj.store;
    if (hasWeightLevel(chip)) {
      const weights = chip.levels[chip.weightLevel]!;
      cycles[weights.name]! += time.weightStore;
      energy[weights.name]! += pj.weightStore;
    }
    if (pj.network > 0) energy.network = (energy.network ?? 0) + pj.network;
  }
  energy.leakage = ((chip.leakageMw * latencyCycles) / chip.clockMhz) * 1000;
  return {
    id: layer.id,
    kind: layer.kind,
    stage: layer.stage,
    shape: shapeOf(layer, whole),
    macCount: layer.macCount * batch,
    latencyCycles,
    latencyParts,
    energyPj,
    utilizationFraction,
    bottleneck,
    loopNest: loopNest(mapping, chip),
    operationCount: whole.operationCount,
    cycles,
    energy,
    dramBytes,
    intensity: dramBytes > 0 ? whole.operationCount / dramBytes : null,
    operationsPerCycle: whole.operationCount / latencyCycles,
    peakOperationsPerCycle: chip.macUnits * operationRate(chip, weights, inputs),
    dramBytesPerCycle: Math.min(dram.sharedBytesPerCycle, dram.readBytesPerCycle + dram.writeBytesPerCycle),
  };
}
