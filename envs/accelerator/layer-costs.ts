// What one layer costs on one machine, with the best mapping that the mapper finds. Layers of one shape are mapped once and
// remembered, also across networks and trials; the tiles of a fused group share the mapping of the largest of them.
import type { Violation } from "../../src/core/trial.js";
import type { Layer } from "../network/ir.js";
import type { Accelerator } from "./architecture.js";
import { operationRate, zeroSharesOf } from "./architecture.js";
import { CostModel, LATENCY_PARTS, type LatencyPart } from "./cost.js";
import { type MapperOptions, mapProblem } from "./mapper.js";
import type { Mapping } from "./mapping.js";
import type { Objective } from "./objective.js";
import { N, P, type Problem, problemKey, Q, R, S } from "./problem.js";

/** What one layer costs; for a whole batch. */
export interface LayerCost {
  readonly latencyCycles: number;
  readonly computeCycles: number;
  /** what the latency is made of; parts of no cycles are left out */
  readonly latencyParts: Readonly<Partial<Record<LatencyPart, number>>>;
  readonly energyPj: number;
  /** `compute`, `setup`, or the name of the level whose bandwidth decides */
  readonly bottleneck: string;
  readonly utilizationFraction: number;
  readonly dramBytes: number;
  /** bytes that its tiles take on chip, all instances and levels */
  readonly tileBytes: number;
  /** cycles that the level where activations stay asks for, and that of the weights if it is another; 0 without one */
  readonly residentCycles: number;
  readonly residentWeightCycles: number;
}

export type LayerResult =
  | { readonly kind: "mapped"; readonly cost: LayerCost }
  | { readonly kind: "unmappable"; readonly violations: readonly Violation[] };

export type TilesResult =
  | { readonly kind: "mapped"; readonly costs: readonly LayerCost[] }
  | Extract<LayerResult, { kind: "unmappable" }>;

const MAX_LAYERS = 20_000;

/** Maps layers on one machine and remembers what it found. */
export class LayerCosts {
  readonly chip: Accelerator;
  readonly model: CostModel;
  readonly #options: MapperOptions;
  readonly #known = new Map<string, LayerResult>();
  readonly #knownTiles = new Map<string, TilesResult>();
  /** layers asked for, and those that were remembered */
  asked = 0;
  remembered = 0;

  constructor(chip: Accelerator, options: MapperOptions) {
    this.chip = chip;
    this.model = new CostModel(chip);
    this.#options = options;
  }

  /** What mappings are best at here. */
  get objective(): Objective {
    return this.#options.objective;
  }

  of(problem: Problem): LayerResult {
    this.asked++;
    const key = problemKey(problem);
    const known = this.#known.get(key);
    if (known !== undefined) {
      this.remembered++;
      return known;
    }
    const mapped = mapProblem(problem, this.model, this.#options);
    const result: LayerResult =
      mapped.kind === "mapped" ? { kind: "mapped", cost: this.#read(problem, mapped.mapping) } : mapped;
    remember(this.#known, key, result);
    return result;
  }

  /** Tiles of one layer, none larger on any side than the first: all run the mapping that is found for the first, with its
   *  loops cut short where a tile is smaller. @returns costs in the order given */
  ofTiles(tiles: readonly Problem[]): TilesResult {
    this.asked++;
    const key = tiles.map((tile, i) => (i === 0 ? problemKey(tile) : tile.extents.join())).join("/");
    const known = this.#knownTiles.get(key);
    if (known !== undefined) {
      this.remembered++;
      return known;
    }
    const mapped = mapProblem(tiles[0]!, this.model, this.#options);
    const result: TilesResult =
      mapped.kind === "mapped"
        ? { kind: "mapped", costs: tiles.map((tile) => this.#read(tile, mapped.mapping)) }
        : mapped;
    remember(this.#knownTiles, key, result);
    return result;
  }

  /** The mapping itself, searched again (it is not remembered). */
  mapping(problem: Problem): Mapping | undefined {
    const mapped = mapProblem(problem, this.model, this.#options);
    return mapped.kind === "mapped" ? mapped.mapping : undefined;
  }

  #read(problem: Problem, mapping: Mapping): LayerCost {
    const { model, chip } = this;
    model.evaluate(problem, mapping);
    let tileBits = 0;
    let dramBits = 0;
    for (let operand = 0; operand < 3; operand++) {
      dramBits += model.readBits[operand]! + model.writeBits[operand]!;
      for (let l = 1; l < chip.levels.length; l++) {
        if (chip.levels[l]!.keeps[operand]) tileBits += model.tileBits(l, operand) * model.usedInstances[l]!;
      }
    }
    return {
      latencyCycles: model.latencyCycles,
      computeCycles: model.computeCycles,
      latencyParts: partsOf(model),
      energyPj: model.energyPj,
      bottleneck: bottleneckOf(model),
      utilizationFraction: peakCycles(problem, chip) / model.latencyCycles,
      dramBytes: Math.ceil(dramBits / 8),
      tileBytes: Math.ceil(tileBits / 8),
      residentCycles: chip.residentLevel < 0 ? 0 : model.levelCycles[chip.residentLevel]!,
      residentWeightCycles: hasWeightLevel(chip) ? model.levelCycles[chip.weightLevel]! : 0,
    };
  }
}

/** Whether weights stay at another level than activations. */
export const hasWeightLevel = ({ residentLevel, weightLevel }: Accelerator): boolean =>
  weightLevel >= 0 && weightLevel !== residentLevel;

function remember<Result>(known: Map<string, Result>, key: string, result: Result): void {
  if (known.size >= MAX_LAYERS) known.delete(known.keys().next().value as string);
  known.set(key, result);
}

/** Cycles of a layer with every unit busy at the rate of its precision; operations that a machine skips take none. */
export function peakCycles(problem: Problem, chip: Accelerator): number {
  const { weights, inputs } = problem.multiplierBits;
  const issued = problem.operationCount * zeroSharesOf(chip, problem).cycles;
  return issued / (chip.macUnits * operationRate(chip, weights, inputs));
}

/** The latency by cause, without the causes that take no time. */
export function partsOf(model: CostModel): Partial<Record<LatencyPart, number>> {
  const parts: Partial<Record<LatencyPart, number>> = {};
  LATENCY_PARTS.forEach((name, part) => {
    if (model.latencyParts[part]! > 0) parts[name] = model.latencyParts[part]!;
  });
  return parts;
}

/** What the layer waits for. */
export function bottleneckOf(model: CostModel): string {
  let most = model.computeCycles;
  let name = "compute";
  model.chip.levels.forEach((level, l) => {
    if (model.levelCycles[l]! > most) {
      most = model.levelCycles[l]!;
      name = level.name;
    }
  });
  return model.chip.layerSetupCycles > most ? "setup" : name;
}

/** Loop extents by name, for showing. */
export function shapeOf(layer: Layer, problem: Problem): Readonly<Record<string, number>> {
  return {
    N: problem.extents[N]!,
    K: layer.K,
    C: layer.C,
    P: problem.extents[P]!,
    Q: problem.extents[Q]!,
    R: problem.extents[R]!,
    S: problem.extents[S]!,
    G: layer.G,
    strideRows: layer.stride[0],
    strideColumns: layer.stride[1],
  };
}
