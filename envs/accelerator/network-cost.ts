// A network on a machine: its layers in sequence, each with the best mapping that the mapper finds.
// With fusion on, an activation stays on chip from its producer to its last consumer where it fits (its room is taken from the
// tiles of every layer in between). Layers of one shape are mapped once and remembered, also across networks and trials.
import type { Violation } from "../../src/core/trial.js";
import { bitsOf, type Deployment } from "../deployment/deployment.js";
import type { Layer, Network } from "../network/ir.js";
import type { Accelerator } from "./architecture.js";
import { operationRate } from "./architecture.js";
import { CostModel, LATENCY_PARTS, type LatencyPart } from "./cost.js";
import { type MapperOptions, mapProblem } from "./mapper.js";
import type { Mapping } from "./mapping.js";
import { I, N, O, P, type Problem, problemKey, problemOf, Q, R, S, W } from "./problem.js";

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
}

export type LayerResult =
  | { readonly kind: "mapped"; readonly cost: LayerCost }
  | { readonly kind: "unmappable"; readonly violations: readonly Violation[] };

/** The layers as problems, with what stays on chip between them. */
export interface Schedule {
  readonly problems: readonly Problem[];
  /** bytes of the activations that are kept on chip while each layer runs, all instances */
  readonly residentBytes: readonly number[];
}

/** At most this share of the resident level may hold activations between layers; the rest is left to tiles. */
const RESIDENT_SHARE = 0.75;

/** Decides what stays on chip and turns layers into problems. */
export function schedule(network: Network, chip: Accelerator, deployment: Deployment): Schedule {
  const { layers } = network;
  const batch = deployment.batch;
  const lastUse = layers.map((_, i) => i);
  layers.forEach((layer, i) => {
    for (const producer of layer.inputs) if (producer >= 0) lastUse[producer] = Math.max(lastUse[producer]!, i);
  });
  const precisions = layers.map((layer) => bitsOf(deployment, layer));
  const bytes = layers.map((layer, i) =>
    Math.ceil((batch * layer.K * layer.P * layer.Q * precisions[i]!.activationBits) / 8),
  );
  const level = chip.levels[chip.residentLevel];
  const capacity = deployment.fusion === "on" && level ? level.sharedCapacityBytes! * level.instances : 0;
  const kept = layers.map(() => false);
  const residentBytes = layers.map(() => 0);
  // an operand that is put together from several activations is read from DRAM as a whole, so they all go there
  const joined = new Set(layers.flatMap((layer) => (layer.inputs.length > operandsOf(layer) ? layer.inputs : [])));
  for (let i = 0; i < layers.length - 1; i++) {
    let fits = lastUse[i]! > i && !joined.has(i);
    for (let j = i; fits && j <= lastUse[i]!; j++) fits = residentBytes[j]! + bytes[i]! <= capacity * RESIDENT_SHARE;
    if (!fits) continue;
    kept[i] = true;
    for (let j = i; j <= lastUse[i]!; j++) residentBytes[j]! += bytes[i]!;
  }
  const isKept = (position: number | undefined): boolean => position !== undefined && position >= 0 && kept[position]!;
  const problems = layers.map((layer, i) => {
    const { first, second, spread } = operandOrder(layer, network);
    const producer = first !== undefined && first >= 0 ? precisions[first]! : precisions[i]!;
    const precision = {
      weightBits: precisions[i]!.weightBits,
      inputBits: producer.activationBits,
      outputBits: precisions[i]!.activationBits,
      partialBits: chip.partialBits,
    };
    const resident = [isKept(second), isKept(first), kept[i]!] as const;
    const reservedBits = level ? Math.ceil((residentBytes[i]! * 8) / level.instances) : 0;
    return problemOf(layer, batch, precision, { resident, reservedBits }, spread ? "per-channel" : "map");
  });
  return { problems, residentBytes };
}

/** The producers of a layer's two operands; of an addition or multiplication the 1 × 1 map that is spread comes second. */
function operandOrder(layer: Layer, { layers, input }: Network): { first?: number; second?: number; spread: boolean } {
  const [first, second] = layer.inputs as [number, number?];
  if (second === undefined) return { first, spread: false };
  const pixels = (position: number): number =>
    position < 0 ? input.resolution ** 2 : layers[position]!.P * layers[position]!.Q;
  const isSpread = (position: number): boolean =>
    (layer.kind === "add" || layer.kind === "multiply") && pixels(position) < layer.P * layer.Q;
  return isSpread(first) ? { first: second, second: first, spread: true } : { first, second, spread: isSpread(second) };
}

/** How many activations a layer can take as operands of their own. */
function operandsOf({ kind }: Layer): number {
  return kind === "add" || kind === "multiply" || kind === "matmul" ? 2 : 1;
}

/** Maps layers on one machine and remembers what it found. */
export class LayerCosts {
  readonly chip: Accelerator;
  readonly model: CostModel;
  readonly #options: MapperOptions;
  readonly #known = new Map<string, LayerResult>();
  /** layers asked for, and those that were remembered */
  asked = 0;
  remembered = 0;

  constructor(chip: Accelerator, options: MapperOptions) {
    this.chip = chip;
    this.model = new CostModel(chip);
    this.#options = options;
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
    if (this.#known.size >= MAX_LAYERS) this.#known.delete(this.#known.keys().next().value as string);
    this.#known.set(key, result);
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
    };
  }
}

const MAX_LAYERS = 20_000;

/** Cycles of a layer with every unit busy at the rate of its precision. */
export function peakCycles(problem: Problem, chip: Accelerator): number {
  return problem.operationCount / (chip.macUnits * operationRate(chip, problem.bits.weights, problem.bits.inputs));
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

/** A bound that no machine can beat, for checking our own results. */
export interface Bounds {
  readonly cycles: number;
  readonly energyPj: number;
}

/** cycles ≥ operations / peak and ≥ compulsory DRAM traffic / bandwidth; energy ≥ operations and compulsory traffic. */
export function boundsOf(problem: Problem, chip: Accelerator, operationPj: number): Bounds {
  const { extents, bits, words, present, resident } = problem;
  const needed = (out: number, filter: number, stride: number): number =>
    Math.min((extents[out]! - 1) * stride + extents[filter]!, extents[out]! * extents[filter]!);
  const inputWords =
    (words[I] / Math.max(1, axis(problem, P, R, 0) * axis(problem, Q, S, 1))) *
    needed(P, R, problem.stride[0]) *
    needed(Q, S, problem.stride[1]);
  const readBits =
    (present[W] && !resident[W] ? words[W] * bits.weights : 0) +
    (resident[I] ? 0 : Math.min(words[I], inputWords) * bits.inputs);
  const writeBits = resident[O] ? 0 : words[O] * bits.outputs;
  const dram = chip.levels[0]!;
  return {
    cycles: Math.max(
      problem.operationCount / (chip.macUnits * operationRate(chip, bits.weights, bits.inputs)),
      (readBits + writeBits) / 8 / dram.sharedBytesPerCycle,
      readBits / 8 / dram.readBytesPerCycle,
      writeBits / 8 / dram.writeBytesPerCycle,
    ),
    energyPj: problem.operationCount * operationPj + readBits * dram.readPjPerBit + writeBits * dram.writePjPerBit,
  };
}

function axis(problem: Problem, out: number, filter: number, which: 0 | 1): number {
  const { extents, stride, dilation } = problem;
  return (extents[out]! - 1) * stride[which] + (extents[filter]! - 1) * dilation[which] + 1;
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
