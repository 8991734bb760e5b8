// Which layers run as groups: of all ways to cut the network into groups and single layers, the one that moves the fewest DRAM
// bytes (dynamic programming over the layers); a group must save some, and must hold
// some activation that has no room on chip as a whole. What a group passes on inside is then no longer kept as a whole.
import { type Accelerator, operationsPj } from "../accelerator/architecture.js";
import { peakCycles } from "../accelerator/layer-costs.js";
import type { Objective } from "../accelerator/objective.js";
import { type Precision, problemOf } from "../accelerator/problem.js";
import type { Layer, Network } from "../network/ir.js";
import type { Deployment } from "./deployment.js";
import { groupShape, isTileable } from "./group-geometry.js";
import { type GroupPlan, type LayerFacts, type PlanningRoom, planGroup, whyNoTiling } from "./plan-group.js";
import { type ChipStore, RESIDENT_SHARE, type Residency, type Sizes } from "./residency.js";

/** Layers of the largest group that is tried. */
const MAX_GROUP_LAYERS = 10;

export interface GroupingQuestion {
  readonly network: Network;
  readonly chip: Accelerator;
  readonly store: ChipStore;
  readonly deployment: Deployment;
  readonly objective: Objective;
  readonly sizes: Sizes;
  /** changed: outputs that are passed on inside a group give their room back */
  readonly residency: Residency;
  precisionOf(layer: number): Precision;
}

/** The groups, in the order of the layers. */
export function chooseGroups(question: GroupingQuestion): GroupPlan[] {
  const { network, store, deployment, sizes, residency } = question;
  const mayFuse = RULES[deployment.fusion];
  const { isOutputKept, keptBytes } = residency;
  const { layers } = network;
  if (mayFuse === undefined || store.capacityBytes === 0 || residency.shortage !== undefined) return [];
  const factsOf = knownFacts(question);
  // DRAM bits of the layers before each position, at best, and the group that ends there
  const least = [0];
  const endsHere: (GroupPlan | undefined)[] = [];
  for (let last = 0; last < layers.length; last++) {
    let bits = least[last]! + factsOf(last).aloneBits;
    let found: GroupPlan | undefined;
    const readsUnkept = layers[last]!.inputs.some((source) => source >= 0 && !isOutputKept[source]!);
    for (let first = last - 1; readsUnkept && first >= 0 && last - first < MAX_GROUP_LAYERS; first--) {
      if (!isTileable(layers[first]!) || !mayFuse(layers, first, last)) break;
      if (isOutputKept[first]!) continue; // the group without it moves as little
      const shape = groupShape(network, sizes.lastUse, first, last);
      if (shape === undefined) break;
      const plan = planGroup(shape, factsOf, roomOf(question, first, last), bits - least[first]!);
      if (plan === undefined) continue;
      bits = least[first]! + plan.dramBits;
      found = plan;
    }
    least.push(bits);
    endsHere.push(found);
  }
  const groups: GroupPlan[] = [];
  for (let last = layers.length - 1; last >= 0; ) {
    const group = endsHere[last];
    if (group !== undefined) groups.unshift(group);
    last = (group?.shape.first ?? last) - 1;
  }
  for (const { shape } of groups) {
    for (let i = shape.first; i < shape.last; i++) {
      if (!isOutputKept[i]!) continue;
      isOutputKept[i] = false;
      for (let j = i; j <= sizes.lastUse[i]!; j++) keptBytes[j]! -= sizes.outputBytes[i]!;
    }
  }
  return groups;
}

/** Why a layer's map is not passed on tile by tile to all that read it, in words. */
export function whyNotPassedOn(question: GroupingQuestion, layer: number): string {
  const { network, store, deployment, sizes } = question;
  const { layers } = network;
  const last = sizes.lastUse[layer]!;
  const mayFuse = RULES[deployment.fusion];
  if (mayFuse === undefined) return `fusion: ${deployment.fusion} passes nothing on tile by tile`;
  if (store.capacityBytes === 0) return "no level on chip keeps inputs";
  if (last - layer >= MAX_GROUP_LAYERS) return `its last reader is ${last - layer} layers on`;
  const whole = layers.slice(layer, last + 1).find((one) => !isTileable(one));
  if (whole !== undefined) return `${whole.id} needs whole maps`;
  if (!mayFuse(layers, layer, last)) return `fusion: ${deployment.fusion} does not join ${layers[last]!.id} to it`;
  const shape = groupShape(network, sizes.lastUse, layer, last);
  if (shape === undefined) return "a map in between is needed whole, or elsewhere";
  const refusal = whyNoTiling(shape, knownFacts(question), roomOf(question, layer, last));
  return refusal ?? "groups without it move fewer DRAM bytes in all";
}

/** Whether a kind of fusion lets the layers from `first` to `last` be one group; none: no groups at all. */
const RULES: Readonly<
  Record<Deployment["fusion"], ((layers: readonly Layer[], first: number, last: number) => boolean) | undefined>
> = {
  off: undefined,
  on: undefined,
  elementwise: (layers, first, last) =>
    layers.slice(first + 1, last + 1).every(({ kind }) => kind === "add" || kind === "multiply"),
  block: (layers, first, last) => blockOf(layers[first]!) === blockOf(layers[last]!),
  "depth-first": () => true,
};

/** The block of a layer, by its name: `stage2.block1` of `stage2.block1.squeeze.scale`, `mb3` of `mb3.expand`. */
function blockOf({ id }: Layer): string {
  const parts = id.split(".");
  return parts.slice(0, Math.max(1, Math.min(2, parts.length - 1))).join(".");
}

function knownFacts(question: GroupingQuestion): (layer: number) => LayerFacts {
  const known: LayerFacts[] = [];
  return (layer) => {
    known[layer] ??= factsOf(question, layer);
    return known[layer]!;
  };
}

function factsOf(
  { network, chip, deployment, sizes, residency, precisionOf }: GroupingQuestion,
  i: number,
): LayerFacts {
  const layer = network.layers[i]!;
  const problem = problemOf(layer, deployment.batch, precisionOf(i));
  const weightBits = residency.areWeightsKept[i]! ? 0 : layer.weightCount * sizes.weightBits[i]!;
  let aloneBits = weightBits + (residency.isOutputKept[i]! ? 0 : problem.words[2]! * sizes.activationBits[i]!);
  for (const source of layer.inputs) {
    if (source >= 0 && residency.isOutputKept[source]!) continue;
    const bits = sizes.activationBits[source < 0 ? i : source]!;
    aloneBits += deployment.batch * neededWords(network, layer, source) * bits;
  }
  return {
    operations: problem.operationCount,
    peakCycles: peakCycles(problem, chip),
    operationPj: operationsPj(chip, problem),
    weightBits,
    outputBits: sizes.activationBits[i]!,
    aloneBits,
  };
}

/** Words of a map that a layer reads when each moves once: from the first filter tap to the last, without padding. */
function neededWords({ layers, input }: Network, layer: Layer, source: number): number {
  const [channels, height, width] =
    source < 0
      ? [input.channels, input.resolution, input.resolution]
      : [layers[source]!.K, layers[source]!.P, layers[source]!.Q];
  if (layer.kind !== "conv" && layer.kind !== "depthwise" && layer.kind !== "pool") return channels * height * width;
  const { P, Q, R, S, stride, dilation } = layer;
  const rows = (P - 1) * stride[0] + (R - 1) * dilation[0] + 1;
  const columns = (Q - 1) * stride[1] + (S - 1) * dilation[1] + 1;
  return channels * Math.min(height, rows) * Math.min(width, columns);
}

function roomOf(question: GroupingQuestion, first: number, last: number): PlanningRoom {
  const { network, chip, store, deployment, objective, sizes, residency } = question;
  const { isOutputKept, keptBytes } = residency;
  const dram = chip.levels[0]!;
  return {
    batch: deployment.batch,
    halo: deployment.halo ?? "best",
    keepsWeights: store.keepsWeights,
    freeBits(layer) {
      let used = keptBytes[layer]!;
      for (let i = first; i < last; i++) {
        if (isOutputKept[i]! && i <= layer && layer <= sizes.lastUse[i]!) used -= sizes.outputBytes[i]!;
      }
      return 8 * (store.capacityBytes * RESIDENT_SHARE - used);
    },
    freeWeightBits: store.weights && 8 * (store.weights.capacityBytes * RESIDENT_SHARE - residency.keptWeightBytes),
    isKept: (layer) => layer >= 0 && isOutputKept[layer]!,
    externalBits: (source, reader) => sizes.activationBits[source < 0 ? reader : source]!,
    channelsOf: (source) => (source < 0 ? network.input.channels : network.layers[source]!.K),
    startCycles: chip.layerSetupCycles + chip.overheads.dramTileStartCycles,
    dramBitsPerCycle: 8 * Math.min(dram.sharedBytesPerCycle, dram.readBytesPerCycle + dram.writeBytesPerCycle),
    dramPjPerBit: Math.max(dram.readPjPerBit, dram.writePjPerBit),
    objective,
  };
}
