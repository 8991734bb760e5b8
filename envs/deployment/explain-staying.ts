// Where each layer's map and weights are between layers and batches, and why: for reports, never in the loop of a search.
import { whyNotPassedOn } from "./choose-groups.js";
import { activationStore } from "./deployment.js";
import { RESIDENT_SHARE } from "./residency.js";
import type { Schedule } from "./schedule.js";

export interface StayReport {
  readonly layer: string;
  readonly outputBytes: number;
  /** on chip: whole, from producer to last reader; group: tile by tile; DRAM */
  readonly output: "on chip" | "group" | "DRAM";
  readonly weightBytes: number;
  /** kept: from one batch to the next */
  readonly weights: "none" | "kept" | "loaded";
  /** why the output is where it is */
  readonly reason: string;
}

/** One report a layer. */
export function explainStaying({ decided, groups, areWeightsKept }: Schedule): StayReport[] {
  const { question, joined } = decided;
  const { network, store, deployment, sizes, residency } = question;
  const { isOutputKept, keptBytes } = residency;
  const share = Math.floor(store.capacityBytes * RESIDENT_SHARE);
  const inDram = (i: number): string => {
    const last = sizes.lastUse[i]!;
    if (last === i) return i === network.layers.length - 1 ? "the network's result" : "read by no layer";
    if (activationStore(deployment) === "dram" && deployment.fusion === "off")
      return "the deployment keeps no activations";
    if (joined.has(i)) return "joined with others to one operand, which is read as a whole";
    const most = Math.max(...keptBytes.slice(i, last + 1));
    const whole =
      activationStore(deployment) === "dram"
        ? "the deployment keeps no whole maps"
        : `${sizes.outputBytes[i]} bytes have no room in ${store.name || "any level"} (${most} of ${share} bytes are taken)`;
    return `${whole}; not in a group: ${whyNotPassedOn(question, i)}`;
  };
  return network.layers.map((layer, i): StayReport => {
    const group = groups.find(({ plan: { shape } }) => shape.first <= i && i < shape.last)?.plan.shape;
    const [output, reason]: [StayReport["output"], string] =
      group !== undefined
        ? ["group", `passed on tile by tile, ${network.layers[group.first]!.id} to ${network.layers[group.last]!.id}`]
        : isOutputKept[i]!
          ? ["on chip", `in ${store.name} until ${network.layers[sizes.lastUse[i]!]!.id} has read it`]
          : ["DRAM", inDram(i)];
    const weights = sizes.weightBytes[i] === 0 ? "none" : areWeightsKept[i]! ? "kept" : "loaded";
    return {
      layer: layer.id,
      outputBytes: sizes.outputBytes[i]!,
      output,
      weightBytes: sizes.weightBytes[i]!,
      weights,
      reason,
    };
  });
}
