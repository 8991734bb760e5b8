// The built-in machines: their published size, and that a network runs on each within what its multipliers can do.
import { describe, expect, it } from "vitest";
import { acceleratorNames, loadAccelerator } from "../../../envs/accelerator/architecture.js";
import { LayerCosts } from "../../../envs/accelerator/network-cost.js";
import { problem } from "./random-cases.js";

/** multipliers and clock as published; products a person can check: 12 · 14, 16 · 16, 3 · 8 · 16 · 16, 256 · 256, ... */
const PUBLISHED: Readonly<Record<string, readonly [macUnits: number, clockMhz: number]>> = {
  "cortex-a53": [4, 1200],
  "cortex-a72": [8, 1500],
  "cortex-a76": [32, 2400],
  eyeriss: [168, 200],
  gemmini: [256, 1000],
  "nahas-edge": [16384, 800],
  "nvdla-like": [64, 1000],
  "shidiannao-like": [64, 1000],
  "tpu-like": [65536, 700],
  "xilinx-dpu-zcu102": [6144, 281],
};

describe("built-in accelerators", () => {
  for (const [name, [macUnits, clockMhz]] of Object.entries(PUBLISHED)) {
    it(`${name}: ${macUnits} multipliers at ${clockMhz} MHz, and a convolution runs on it`, () => {
      expect(acceleratorNames()).toContain(name);
      const chip = loadAccelerator(name);
      expect([chip.macUnits, chip.clockMhz]).toEqual([macUnits, clockMhz]);
      const layer = problem("conv", { K: 64, C: 64, P: 14, Q: 14, R: 3, S: 3 });
      const result = new LayerCosts(chip, { objective: "latency", budget: 12 }).of(layer);
      expect(result.kind).toBe("mapped");
      if (result.kind !== "mapped") return;
      expect(result.cost.latencyCycles).toBeGreaterThanOrEqual(layer.operationCount / macUnits);
      expect(result.cost.utilizationFraction).toBeLessThanOrEqual(1);
      const parts = Object.values(result.cost.latencyParts).reduce((sum, cycles) => sum + cycles, 0);
      expect(result.cost.latencyCycles).toBe(Math.ceil(parts - 1e-6));
    });
  }
});
