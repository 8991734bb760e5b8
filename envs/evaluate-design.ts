// One design, evaluated: network × accelerator × deployment -> latency, energy, area, memory, and the breakdown by layer.
// Every result is held against bounds that no machine can beat; one that beats them is a defect of ours and is rejected.
import type { Infeasible, Violation } from "../src/core/trial.js";
import { cyclesToMs, pjToMillijoules } from "../src/core/units.js";
import { type Accelerator, operationEnergyPj } from "./accelerator/architecture.js";
import { type Mapping, mappingData } from "./accelerator/mapping.js";
import {
  boundsOf,
  type LayerCost,
  type LayerCosts,
  peakCycles,
  schedule,
  shapeOf,
} from "./accelerator/network-cost.js";
import { OPERANDS, type Problem } from "./accelerator/problem.js";
import type { Deployment } from "./deployment/deployment.js";
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
  readonly mapping: ReturnType<typeof mappingData>;
}

/** Relative slack of the bound check, for rounding in floating point. */
const SLACK = 1e-9;

/** Evaluates a network on the machine of `layerCosts`. */
export function evaluateHardware(network: Network, layerCosts: LayerCosts, deployment: Deployment): HardwareResult {
  const { chip } = layerCosts;
  const { problems, residentBytes } = schedule(network, chip, deployment);
  const costs: LayerCost[] = [];
  const violations: Violation[] = [];
  for (const [i, problem] of problems.entries()) {
    const result = layerCosts.of(problem);
    if (result.kind === "unmappable") {
      const layer = network.layers[i]!.id;
      violations.push(
        ...result.violations.map((violation) => ({ ...violation, subject: `layer ${layer}: ${violation.subject}` })),
      );
      if (result.violations.length === 0) {
        violations.push({ subject: `layer ${layer}: no mapping`, needed: 1, available: 0, unit: "mappings" });
      }
      continue;
    }
    const broken = beaten(problem, result.cost, chip);
    if (broken !== undefined) return rejected(network.layers[i]!.id, broken);
    costs.push(result.cost);
  }
  if (violations.length > 0) return unmappable(violations);
  return { kind: "measured", figures: figuresOf(problems, residentBytes, costs, chip), costs };
}

/** The layers one by one, with every access count and the mapping; searches each mapping again. */
export function layerReports(network: Network, layerCosts: LayerCosts, deployment: Deployment): LayerReport[] {
  const { problems } = schedule(network, layerCosts.chip, deployment);
  return network.layers.map((layer, i) => {
    const problem = problems[i]!;
    const result = layerCosts.of(problem);
    const mapping = layerCosts.mapping(problem);
    if (result.kind !== "mapped" || mapping === undefined) throw new Error(`layer ${layer.id} has no mapping`);
    const { latencyCycles, energyPj, utilizationFraction, bottleneck, latencyParts } = result.cost;
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
      accesses: accessesOf(problem, mapping, layerCosts),
      mapping: mappingData(mapping, layerCosts.chip),
    };
  });
}

function figuresOf(
  problems: readonly Problem[],
  residentBytes: readonly number[],
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
    peakOnChipBytes = Math.max(peakOnChipBytes, cost.tileBytes + residentBytes[i]!);
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

function accessesOf(problem: Problem, mapping: Mapping, { model, chip }: LayerCosts): LevelAccesses[] {
  model.evaluate(problem, mapping);
  return chip.levels.flatMap((level, l) =>
    OPERANDS.map((operand, o) => ({
      level: level.name,
      operand,
      reads: model.reads[l * 3 + o]!,
      fills: model.fills[l * 3 + o]!,
      updates: model.updates[l * 3 + o]!,
    })).filter(({ reads, fills, updates }) => reads + fills + updates > 0),
  );
}

/** The bound that a result beats, if any. */
function beaten(problem: Problem, cost: LayerCost, chip: Accelerator): Violation | undefined {
  const { weights, inputs } = problem.bits;
  const bounds = boundsOf(problem, chip, operationEnergyPj(chip, problem.operation, weights, inputs));
  if (cost.latencyCycles < bounds.cycles * (1 - SLACK)) {
    return { subject: "latencyCycles", needed: bounds.cycles, available: cost.latencyCycles, unit: "cycles" };
  }
  if (cost.energyPj < bounds.energyPj * (1 - SLACK)) {
    return { subject: "energyPj", needed: bounds.energyPj, available: cost.energyPj, unit: "pJ" };
  }
  return undefined;
}

function rejected(layer: string, violation: Violation): HardwareResult {
  const { subject, needed, available, unit } = violation;
  const reason = `layer ${layer}: ${subject} of ${available} ${unit} is below the physical bound ${needed}; a defect of the cost model`;
  return { kind: "infeasible", infeasible: { code: "bound", reason, violations: [violation] } };
}

function unmappable(violations: readonly Violation[]): HardwareResult {
  const [{ subject, needed, available, unit }] = violations as [Violation];
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  const reason = `${subject} needs ${needed} ${unit} even for the smallest tile and has ${available}${more}`;
  return { kind: "infeasible", infeasible: { code: "mapping", reason, violations } };
}
