// A network under a deployment on a machine, as work for the mapper: which layers run by themselves and which in groups, what
// stays on chip, and the room that this takes from the tiles of each layer.
import type { Infeasible } from "../../src/core/trial.js";
import type { Accelerator } from "../accelerator/architecture.js";
import type { Objective } from "../accelerator/objective.js";
import { type Precision, type Problem, problemOf, type SecondOperand } from "../accelerator/problem.js";
import { DENSE, type Density } from "../accelerator/zeros.js";
import type { Layer, Network } from "../network/ir.js";
import { chooseGroups, type GroupingQuestion } from "./choose-groups.js";
import { activationDensityOf, type Deployment } from "./deployment.js";
import type { GroupPlan } from "./plan-group.js";
import { weightDensity } from "./pruning.js";
import {
  type ChipStore,
  keepWeights,
  type Residency,
  type Room,
  residencyOf,
  type Sizes,
  sizesOf,
  storeOf,
} from "./residency.js";

/** The layers as problems, with what stays on chip between them. */
export interface Schedule {
  /** every layer whole; those of a group are not run so, but count so many useful operations */
  readonly problems: readonly Problem[];
  /** bytes of what is kept on chip while each layer runs, all instances */
  readonly residentBytes: readonly number[];
  /** the same of what weights keep of a room of their own */
  readonly residentWeightBytes: readonly number[];
  readonly areWeightsKept: readonly boolean[];
  readonly groups: readonly ScheduledGroup[];
  /** what was decided, for explaining it */
  readonly decided: { readonly question: GroupingQuestion; readonly joined: ReadonlySet<number> };
  /** why there is no such deployment */
  readonly shortage?: Infeasible;
}

/** Tiles of one layer that are alike. */
export interface Step {
  readonly problem: Problem;
  /** how often it runs for a batch */
  readonly count: number;
}

/** Bits that move between DRAM and the store beside the steps of a layer; for a batch. */
export interface Transfers {
  readonly inputBits: number;
  readonly weightBits: number;
  readonly outputBits: number;
}

/** A group of layers that runs tile by tile. Lists are by layer of the group. */
export interface ScheduledGroup {
  readonly plan: GroupPlan;
  /** the largest tile first; none is larger on any side */
  readonly steps: readonly (readonly Step[])[];
  readonly transfers: readonly Transfers[];
  /** of the first tile, and of the last tile's output */
  readonly firstLoadBits: number;
  readonly lastStoreBits: number;
}

/** Decides what stays on chip and what is fused, and turns layers into problems. */
export function schedule(
  network: Network,
  chip: Accelerator,
  deployment: Deployment,
  objective: Objective = "latency",
): Schedule {
  const { layers } = network;
  const { batch } = deployment;
  const sizes = sizesOf(network, deployment);
  const store = storeOf(chip);
  // an operand that is put together from several activations is read from DRAM as a whole, so they all go there
  const joined = new Set(layers.flatMap((layer) => (layer.inputs.length > operandsOf(layer) ? layer.inputs : [])));
  const residency = residencyOf(sizes, store, deployment, joined);
  const { isOutputKept, keptBytes } = residency;
  const pruned = weightDensity(deployment.pruning);
  const densityFrom = (producer: number | undefined): number =>
    producer === undefined || producer < 0 ? 1 : activationDensityOf(deployment, layers[producer]!.stage);
  const densityOf = (i: number, [first, second]: readonly [number?, number?]): Density => {
    const inputs = densityFrom(first);
    if (layers[i]!.weightCount > 0) return pruned.weights === 1 && inputs === 1 ? DENSE : { ...pruned, inputs };
    const weights = densityFrom(second);
    return weights === 1 && inputs === 1 ? DENSE : { weights, inputs, hasPattern: false };
  };
  const precisionOf = (i: number): Precision => {
    const { order } = operandOrder(layers[i]!, network);
    const [first] = order;
    return {
      density: densityOf(i, order),
      weightBits: sizes.multiplierWeightBits[i]!,
      storedWeightBits: sizes.weightBits[i]!,
      inputBits: sizes.activationBits[first !== undefined && first >= 0 ? first : i]!,
      outputBits: sizes.activationBits[i]!,
      partialBits: chip.partialBits,
    };
  };
  const question = { network, chip, store, deployment, objective, sizes, residency, precisionOf };
  const plans = chooseGroups(question);
  const residentBytes = residentBytesOf(keptBytes, plans);
  const residentWeightBytes = residentWeightBytesOf(residency, plans, store);
  const besideWeights = store.weights === undefined ? residentBytes : residentWeightBytes;
  const areWeightsKept =
    deployment.weights === "fit"
      ? keepWeights(sizes, store, besideWeights, (i) => batch * layers[i]!.macCount)
      : residency.areWeightsKept;
  if (deployment.weights === "fit") addWeights(besideWeights, sizes, areWeightsKept, plans);

  const isKept = (position: number | undefined): boolean =>
    position !== undefined && position >= 0 && isOutputKept[position]!;
  const reservedIn = (bytes: number, room: Room | undefined): number =>
    room === undefined ? 0 : Math.ceil((bytes * 8) / room.instances);
  const reserved = (i: number): { readonly reservedBits: number; readonly reservedWeightBits: number } => ({
    reservedBits: reservedIn(residentBytes[i]!, store),
    reservedWeightBits: reservedIn(residentWeightBytes[i]!, store.weights),
  });
  const problems = layers.map((layer, i) => {
    const { order, second } = operandOrder(layer, network);
    const isJoined = layer.inputs.length > operandsOf(layer);
    const resident = [
      layer.weightCount > 0 ? areWeightsKept[i]! : isKept(order[1]),
      isJoined ? layer.inputs.every(isKept) : isKept(order[0]),
      isOutputKept[i]!,
    ] as const;
    return problemOf(layer, batch, precisionOf(i), { resident, ...reserved(i) }, second);
  });
  const groups = plans.map((plan): ScheduledGroup => {
    const members = layers.slice(plan.shape.first, plan.shape.last + 1);
    const stays = members.map((_, i) => areWeightsKept[plan.shape.first + i]!);
    return {
      plan,
      steps: members.map((layer, i) => {
        const position = plan.shape.first + i;
        const isResident = layer.weightCount === 0 || plan.weightsStay || stays[i]!;
        return stepsOf(plan, i, (P, Q) =>
          problemOf(
            { ...layer, P, Q },
            plan.images,
            precisionOf(position),
            { resident: [isResident, true, true], ...reserved(position) },
            operandOrder(layer, network).second,
          ),
        ).map(({ problem, count }) => ({ problem, count: count * (batch / plan.images) }));
      }),
      ...transfersOf(plan, sizes, stays, batch, isKept, layers),
    };
  });
  const { shortage } = residency;
  return {
    problems,
    residentBytes,
    residentWeightBytes,
    areWeightsKept,
    groups,
    decided: { question, joined },
    ...(shortage !== undefined && { shortage }),
  };
}

/** The producers of a layer's two operands; of an addition or multiplication the 1 × 1 map that is spread comes second. */
function operandOrder(
  layer: Layer,
  { layers, input }: Network,
): { readonly order: readonly [number?, number?]; readonly second: SecondOperand } {
  const [first, second] = layer.inputs as [number, number?];
  if (second === undefined) return { order: [first], second: "map" };
  const pixels = (position: number): number =>
    position < 0 ? input.resolution ** 2 : layers[position]!.P * layers[position]!.Q;
  const isSpread = (position: number): boolean =>
    (layer.kind === "add" || layer.kind === "multiply") && pixels(position) < layer.P * layer.Q;
  if (isSpread(first)) return { order: [second, first], second: "per-channel" };
  return { order: [first, second], second: isSpread(second) ? "per-channel" : "map" };
}

/** How many activations a layer can take as operands of their own. */
function operandsOf({ kind }: Layer): number {
  return kind === "add" || kind === "multiply" || kind === "matmul" ? 2 : 1;
}

/** What is kept, and what the groups hold beside it while their layers run. */
function residentBytesOf(keptBytes: readonly number[], plans: readonly GroupPlan[]): number[] {
  const bytes = [...keptBytes];
  for (const { shape, storeBits } of plans) {
    storeBits.forEach((bits, i) => {
      bytes[shape.first + i]! += Math.ceil(bits / 8);
    });
  }
  return bytes;
}

/** The same of the room that weights have to themselves: those that stay for good, and a group's own while it runs. */
function residentWeightBytesOf(
  { isOutputKept, keptWeightBytes }: Residency,
  plans: readonly GroupPlan[],
  { weights }: ChipStore,
): number[] {
  const bytes = isOutputKept.map(() => keptWeightBytes);
  if (weights === undefined) return bytes;
  for (const { shape, weightsStay, weightBits } of plans) {
    if (!weightsStay) continue;
    for (let i = shape.first; i <= shape.last; i++) bytes[i]! += Math.ceil(weightBits / 8);
  }
  return bytes;
}

/** Room for weights that stay; a group that holds its weights anyway has it for its own. */
function addWeights(
  residentBytes: number[],
  sizes: Sizes,
  areKept: readonly boolean[],
  plans: readonly GroupPlan[],
): void {
  const all = sizes.weightBytes.reduce((sum, bytes, i) => sum + (areKept[i]! ? bytes : 0), 0);
  for (let i = 0; i < residentBytes.length; i++) residentBytes[i]! += all;
  for (const { shape, weightsStay } of plans) {
    if (!weightsStay) continue;
    let own = 0;
    for (let i = shape.first; i <= shape.last; i++) if (areKept[i]!) own += sizes.weightBytes[i]!;
    for (let i = shape.first; i <= shape.last; i++) residentBytes[i]! -= own;
  }
}

/** The different tiles of a layer, how often each runs for the images of one tile, the largest first. */
function stepsOf(plan: GroupPlan, member: number, problem: (rows: number, columns: number) => Problem): Step[] {
  const t = plan.shape.outputsFrom + member;
  const sizesAlong = (classes: GroupPlan["rows"]["classes"]): [size: number, count: number][] => {
    const counts = new Map<number, number>();
    for (const { count, fresh } of classes) counts.set(fresh[t]!, (counts.get(fresh[t]!) ?? 0) + count);
    return [...counts].filter(([size]) => size > 0).sort((a, b) => b[0] - a[0]);
  };
  const columns = sizesAlong(plan.columns.classes);
  return sizesAlong(plan.rows.classes).flatMap(([rows, down]) =>
    columns.map(([width, across]) => ({ problem: problem(rows, width), count: down * across })),
  );
}

/** What each layer of a group moves between DRAM and the store for a batch. */
function transfersOf(
  plan: GroupPlan,
  sizes: Sizes,
  areWeightsKept: readonly boolean[],
  batch: number,
  isKept: (position: number) => boolean,
  layers: readonly Layer[],
): Pick<ScheduledGroup, "transfers" | "firstLoadBits" | "lastStoreBits"> {
  const { shape, rows, columns, images, weightsStay } = plan;
  const { tensors, reads, first, last, factors } = shape;
  const output = tensors[tensors.length - 1]!;
  const word = output.channels * sizes.activationBits[last]!;
  let firstLoadBits = 0;
  const seen = new Set<number>();
  const transfers = reads.map((list, i): Transfers => {
    const position = first + i;
    const loaded = weightsStay && !areWeightsKept[i]! ? layers[position]!.weightCount * sizes.weightBits[position]! : 0;
    if (i === 0) firstLoadBits += loaded;
    let inputBits = 0;
    for (const { tensor } of list) {
      const { source, channels, isExternal } = tensors[tensor]!;
      if (!isExternal || seen.has(tensor) || isKept(source)) continue;
      seen.add(tensor);
      const bits = channels * sizes.activationBits[source < 0 ? position : source]!;
      inputBits += batch * bits * rows.total[tensor]! * columns.total[tensor]!;
      firstLoadBits += images * bits * rows.classes[0]!.fresh[tensor]! * columns.classes[0]!.fresh[tensor]!;
    }
    const factor = factors[i];
    if (factor !== undefined && !isKept(factor)) {
      inputBits += batch * layers[factor]!.K * sizes.activationBits[factor]!;
    }
    const isLast = position === last && !isKept(last);
    return {
      inputBits,
      weightBits: loaded,
      outputBits: isLast ? batch * word * output.size[0] * output.size[1] : 0,
    };
  });
  const lastStoreBits = isKept(last) ? 0 : images * word * rows.tileSize * columns.tileSize;
  return { transfers, firstLoadBits, lastStoreBits };
}
