// How a network is put on a chip: precision of each stage, batch, and whether activations stay on chip between layers.
import { z } from "zod";
import type { Layer } from "../network/ir.js";

export const BITS = [16, 8, 4] as const;
const bits = z.union([z.literal(16), z.literal(8), z.literal(4)]).describe("bits per word");
const perStage = z.union([bits, z.array(bits).min(1)]).describe("one number for all stages, or one per stage");

export const deploymentSchema = z.strictObject({
  weightBits: perStage.default(8),
  activationBits: perStage.default(8),
  batch: z.int().min(1).max(1024).default(1).describe("images that are processed together"),
  fusion: z
    .enum(["off", "on"])
    .default("off")
    .describe("on: an activation that fits on chip beside its consumer's tiles is not sent to DRAM and back"),
});

export type Deployment = z.output<typeof deploymentSchema>;
export const defaultDeployment: Deployment = deploymentSchema.parse({});

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

function pick(value: number | readonly number[], stage: number): number {
  return typeof value === "number" ? value : value[Math.min(stage, value.length - 1)]!;
}
