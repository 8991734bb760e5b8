// How a network is put on a chip: precision of each stage, batch, which activations and weights stay on chip, and which layers
// run as a group, tile by tile. What the words mean for the cost stands in docs/accelerator-model.md.
import { z } from "zod";
import type { Layer } from "../network/ir.js";
import { pruningSchema } from "./pruning.js";

export const BITS = [16, 8, 4] as const;
const bits = z.union([z.literal(16), z.literal(8), z.literal(4)]).describe("bits per word");
const perStage = z.union([bits, z.array(bits).min(1)]).describe("one number for all stages, or one per stage");

/** What is fused, each with what stands before it. */
export const FUSIONS = ["off", "on", "elementwise", "block", "depth-first"] as const;
export type Fusion = (typeof FUSIONS)[number];
export const STORES = ["dram", "fit", "on-chip"] as const;
export type Store = (typeof STORES)[number];
export const HALOS = ["best", "cached", "recomputed"] as const;
export type Halo = (typeof HALOS)[number];

const density = z.number().gt(0).max(1);

export const deploymentSchema = z.strictObject({
  weightBits: perStage.default(8),
  activationBits: perStage.default(8),
  batch: z.int().min(1).max(1024).default(1).describe("images that are processed together"),
  fusion: z
    .enum(FUSIONS)
    .default("off")
    .describe(
      "off: layer by layer through DRAM; on: an activation that fits on chip beside its consumer's tiles is not sent to DRAM and back; elementwise, block, depth-first: as on, and what does not fit is passed on tile by tile inside groups of layers: an operation with the additions and multiplications behind it, the layers of a block, any chain",
    ),
  activations: z
    .enum(STORES)
    .optional()
    .describe(
      "between layers: dram, fit (on chip where there is room), on-chip (all of them, or the design is infeasible); dram unless fusion is on in some form, then fit",
    ),
  weights: z
    .enum(STORES)
    .optional()
    .describe(
      "dram: loaded for every batch; fit: those that there is room for stay on chip from one batch to the next; on-chip: all of them, or the design is infeasible; dram unless stated",
    ),
  activationDensity: z
    .union([density, z.array(density).min(1)])
    .optional()
    .describe(
      "share of the activations that are not zero, after ReLU: one number, or by the stage that made them; 1 unless stated. Counts on machines that notice zeros",
    ),
  pruning: pruningSchema.optional().describe("weights or channels that are left out; none unless stated"),
  halo: z
    .enum(HALOS)
    .optional()
    .describe(
      "overlap of the tiles of a group: cached (in line buffers), recomputed, or best: whichever moves fewer DRAM bytes and then computes less; best unless stated",
    ),
});

export type Deployment = z.output<typeof deploymentSchema>;
export const defaultDeployment: Deployment = deploymentSchema.parse({});

/** Where activations are between layers, as the deployment says or as its fusion implies. */
export const activationStore = ({ activations, fusion }: Deployment): Store =>
  activations ?? (fusion === "off" ? "dram" : "fit");

/** Bits of a layer's weights and activations; networks with more stages than the list has use the last entry. */
export function bitsOf(
  deployment: Deployment,
  layer: Pick<Layer, "stage">,
): { weightBits: number; activationBits: number } {
  return {
    weightBits: pick(deployment.weightBits, layer.stage),
    activationBits: pick(deployment.activationBits, layer.stage),
  };
}

/** Share of a stage's activations that are not zero; of the network's input, all. */
export const activationDensityOf = ({ activationDensity = 1 }: Deployment, stage: number): number =>
  pick(activationDensity, stage);

function pick(value: number | readonly number[], stage: number): number {
  return typeof value === "number" ? value : value[Math.min(stage, value.length - 1)]!;
}
