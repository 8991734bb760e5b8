// What stays on chip from one layer to the next, and from one batch to the next. Activations come first, in the order of the
// layers: a byte of room serves all of them one after the other, while a weight holds its room for good. `fit` leaves a quarter
// of the store to tiles; `on-chip` takes what it needs, and says what is short.
import type { Infeasible } from "../../src/core/trial.js";
import type { Accelerator } from "../accelerator/architecture.js";
import { I, OPERANDS, W } from "../accelerator/problem.js";
import type { Network } from "../network/ir.js";
import { activationStore, bitsOf, type Deployment } from "./deployment.js";
import { storedWeightBits } from "./pruning.js";

/** At most this share of the store may hold what stays; the rest is left to tiles. */
export const RESIDENT_SHARE = 0.75;

/** Memory where things stay: all instances of a level together, or of its partition for one operand. */
export interface Room {
  readonly name: string;
  readonly capacityBytes: number;
  readonly instances: number;
}

/** The memory where activations stay, and where weights do. */
export interface ChipStore extends Room {
  /** whether the chip keeps weights at all */
  readonly keepsWeights: boolean;
  /** the room of weights, where it is not that of the activations */
  readonly weights?: Room;
}

/** The store of a machine: the memory that inputs are read from. It has no room where no level on chip keeps inputs. */
export function storeOf(chip: Accelerator): ChipStore {
  const { residentLevel, weightLevel } = chip;
  if (residentLevel < 0) return { name: "", capacityBytes: 0, instances: 1, keepsWeights: false };
  const activations = roomOf(chip, residentLevel, I);
  if (weightLevel < 0) return { ...activations, keepsWeights: false };
  const isOneRoom = weightLevel === residentLevel && chip.levels[residentLevel]!.partitionBytes === undefined;
  if (isOneRoom) return { ...activations, keepsWeights: true };
  return { ...activations, keepsWeights: true, weights: roomOf(chip, weightLevel, W) };
}

function roomOf({ levels }: Accelerator, l: number, operand: number): Room {
  const { name, instances, partitionBytes, sharedCapacityBytes } = levels[l]!;
  if (partitionBytes === undefined) return { name, instances, capacityBytes: sharedCapacityBytes! * instances };
  return { name: `${name} (${OPERANDS[operand]})`, instances, capacityBytes: partitionBytes[operand]! * instances };
}

/** Sizes of a network under a deployment, by layer. */
export interface Sizes {
  /** as they are stored: pruned weights take fewer, their index included */
  readonly weightBits: readonly number[];
  /** as they are multiplied */
  readonly multiplierWeightBits: readonly number[];
  readonly activationBits: readonly number[];
  /** bytes of the weights that a layer loads */
  readonly weightBytes: readonly number[];
  /** bytes of the output, for a batch */
  readonly outputBytes: readonly number[];
  /** position of the last layer that reads the output; its own when none does */
  readonly lastUse: readonly number[];
}

export function sizesOf({ layers }: Network, deployment: Deployment): Sizes {
  const lastUse = layers.map((_, i) => i);
  layers.forEach((layer, i) => {
    for (const producer of layer.inputs) if (producer >= 0) lastUse[producer] = Math.max(lastUse[producer]!, i);
  });
  const bits = layers.map((layer) => bitsOf(deployment, layer));
  const stored = bits.map(({ weightBits }) => storedWeightBits(weightBits, deployment.pruning));
  return {
    weightBits: stored,
    multiplierWeightBits: bits.map(({ weightBits }) => weightBits),
    activationBits: bits.map(({ activationBits }) => activationBits),
    weightBytes: layers.map(({ weightCount }, i) => Math.ceil((weightCount * stored[i]!) / 8)),
    outputBytes: layers.map(({ K, P, Q }, i) =>
      Math.ceil((deployment.batch * K * P * Q * bits[i]!.activationBits) / 8),
    ),
    lastUse,
  };
}

/** What stays. `keptBytes` is by layer: what is kept while it runs, weights included unless they have a room of their own. */
export interface Residency {
  readonly isOutputKept: boolean[];
  readonly areWeightsKept: boolean[];
  readonly keptBytes: number[];
  /** what of a room of their own the weights take */
  readonly keptWeightBytes: number;
  /** what `on-chip` asks for in vain */
  readonly shortage?: Infeasible;
}

/** Decides what stays, but for weights that stay where they fit: those come last (`keepWeights`).
 *  @param joined layers whose output is put together with others to one operand, which is read from DRAM as a whole */
export function residencyOf(
  sizes: Sizes,
  store: ChipStore,
  deployment: Deployment,
  joined: ReadonlySet<number>,
): Residency {
  const { outputBytes, lastUse, weightBytes } = sizes;
  const count = outputBytes.length;
  const activations = activationStore(deployment);
  const isOutputKept = outputBytes.map(() => false);
  const areWeightsKept = weightBytes.map((bytes) => deployment.weights === "on-chip" && bytes > 0);
  const weights = deployment.weights === "on-chip" ? sum(weightBytes) : 0;
  const keptWeightBytes = store.weights === undefined ? 0 : weights;
  const keptBytes = outputBytes.map(() => weights - keptWeightBytes);
  if (activations !== "dram") {
    const isAsked = activations === "on-chip";
    const room = isAsked ? Infinity : store.capacityBytes * RESIDENT_SHARE;
    for (let i = 0; i < count - 1; i++) {
      let fits = lastUse[i]! > i && (isAsked || !joined.has(i));
      for (let j = i; fits && j <= lastUse[i]!; j++) fits = keptBytes[j]! + outputBytes[i]! <= room;
      if (!fits) continue;
      isOutputKept[i] = true;
      for (let j = i; j <= lastUse[i]!; j++) keptBytes[j]! += outputBytes[i]!;
    }
  }
  const kept = { isOutputKept, areWeightsKept, keptBytes, keptWeightBytes };
  const shortage = shortageOf(kept, weights, store, deployment);
  return shortage === undefined ? kept : { ...kept, shortage };
}

/** Keeps the weights that there is room for, those with the fewest operations per byte first: the layers that wait for them.
 *  @param usedBytes what else the room of the weights holds while each layer runs */
export function keepWeights(
  sizes: Sizes,
  store: ChipStore,
  usedBytes: readonly number[],
  operations: (layer: number) => number,
): boolean[] {
  const kept = sizes.weightBytes.map(() => false);
  if (!store.keepsWeights) return kept;
  const { capacityBytes } = store.weights ?? store;
  let room = capacityBytes * RESIDENT_SHARE - usedBytes.reduce((most, bytes) => Math.max(most, bytes), 0);
  const order = sizes.weightBytes
    .flatMap((bytes, layer) => (bytes > 0 ? [{ layer, bytes, perByte: operations(layer) / bytes }] : []))
    .sort((a, b) => a.perByte - b.perByte || a.layer - b.layer);
  for (const { layer, bytes } of order) {
    if (bytes > room) continue;
    kept[layer] = true;
    room -= bytes;
  }
  return kept;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Why what must stay on chip cannot, with the changes nearest to the design that would do. */
function shortageOf(
  { keptBytes, keptWeightBytes }: Residency,
  allWeightBytes: number,
  store: ChipStore,
  deployment: Deployment,
): Infeasible | undefined {
  const activations = deployment.activations === "on-chip" ? ["activations"] : [];
  const weights = deployment.weights === "on-chip" ? ["weights"] : [];
  const most = keptBytes.reduce((found, bytes) => Math.max(found, bytes), 0);
  if (store.weights === undefined) {
    return shortOf(store, [...activations, ...weights], most, allWeightBytes, store.keepsWeights, deployment);
  }
  return (
    shortOf(store, activations, most, 0, true, deployment) ??
    shortOf(store.weights, weights, keptWeightBytes, keptWeightBytes, true, deployment)
  );
}

/** What one room lacks, if anything. */
function shortOf(
  store: Room,
  what: readonly string[],
  needed: number,
  weightBytes: number,
  keepsWeights: boolean,
  deployment: Deployment,
): Infeasible | undefined {
  if (what.length === 0) return undefined;
  const hasLevel = store.capacityBytes > 0 && (weightBytes === 0 || keepsWeights);
  const available = hasLevel ? store.capacityBytes : 0;
  if (needed <= available) return undefined;
  const subject = `${what.join(" and ")} on chip`;
  const violation = { subject, needed, available, unit: "bytes" };
  if (!hasLevel) {
    const holds = store.capacityBytes > 0 ? "weights" : "inputs";
    const reason = `${subject} need ${needed} bytes, and no level on chip keeps ${holds}`;
    return { code: "capacity", reason, violations: [violation] };
  }
  const changes = [`${store.name} of ${Math.ceil(needed / store.instances)} bytes`];
  const rest = available - weightBytes;
  if (what.includes("activations") && rest >= 0) {
    const perImage = (needed - weightBytes) / deployment.batch;
    const batch = Math.floor(rest / perImage);
    if (batch >= 1) changes.push(`batch ${batch}`);
  }
  for (const name of what) changes.push(`\`${name}: fit\``);
  const reason = `${subject} need ${needed} bytes and ${store.name} has ${available}; what would fit: ${changes.join(", or ")}`;
  return { code: "capacity", reason, violations: [violation] };
}
