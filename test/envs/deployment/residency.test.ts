import { describe, expect, it } from "vitest";
import { type AcceleratorFile, buildAccelerator, loadAccelerator } from "../../../envs/accelerator/architecture.js";
import { LayerCosts, schedule } from "../../../envs/accelerator/network-cost.js";
import { O, W } from "../../../envs/accelerator/problem.js";
import { type Deployment, deploymentSchema } from "../../../envs/deployment/deployment.js";
import { evaluateHardware } from "../../../envs/evaluate-design.js";
import type { Network } from "../../../envs/network/ir.js";
import { loadNetwork } from "../../../envs/network/network-file.js";
import { two } from "./two-convolutions.js";

const deploy = (given: Record<string, unknown>): Deployment => deploymentSchema.parse(given);

/** One memory, and a DRAM so slow (one byte a cycle) that it decides the latency. */
const chipOf = (bufferBytes: number) =>
  buildAccelerator({
    name: "one buffer",
    nodeNm: 45,
    clockMhz: 1000,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 1 },
      {
        name: "buffer",
        type: "sram",
        capacityBytes: bufferBytes,
        fanout: [{ name: "lanes", size: 16 }],
      },
      { name: "registers", type: "regfile", capacityBytes: 64 },
    ],
  } as AcceleratorFile);

const figures = (network: Network, chip: ReturnType<typeof chipOf>, given: Record<string, unknown>) => {
  const costs = new LayerCosts(chip, { objective: "latency", budget: 24 });
  const result = evaluateHardware(network, costs, deploy(given));
  if (result.kind !== "measured") throw new Error(result.infeasible.reason);
  return { ...result.figures, costs: result.costs };
};
const refusal = (network: Network, chip: ReturnType<typeof chipOf>, given: Record<string, unknown>) => {
  const result = evaluateHardware(network, new LayerCosts(chip, { objective: "latency", budget: 4 }), deploy(given));
  if (result.kind !== "infeasible") throw new Error("measured");
  return result.infeasible;
};

describe("what stays on chip", () => {
  const roomy = chipOf(1 << 20);
  const [dram, buffer] = roomy.levels;
  const off = figures(two, roomy, {});

  it("saves exactly its DRAM bytes: weights are loaded no more, the map in between neither written nor read", () => {
    expect(off.dramBytes).toBe(256 + 32 + 512 + (512 + 128 + 1024));
    expect(figures(two, roomy, { weights: "on-chip" }).dramBytes).toBe(off.dramBytes - (32 + 128));
    expect(figures(two, roomy, { activations: "on-chip" }).dramBytes).toBe(off.dramBytes - 2 * 512);
    const both = { activations: "on-chip", weights: "on-chip" };
    expect(figures(two, roomy, both).dramBytes).toBe(256 + 1024);
  });

  it("saves the time of those bytes where DRAM decides", () => {
    expect(off.latencyCycles).toBe(off.dramBytes); // one byte a cycle
    for (const given of [
      { weights: "on-chip" },
      { activations: "on-chip" },
      { activations: "on-chip", weights: "on-chip" },
    ]) {
      const { latencyCycles, dramBytes } = figures(two, roomy, given);
      expect(latencyCycles).toBe(dramBytes);
    }
  });

  it("saves the energy of those bytes in DRAM and pays for them in the buffer", () => {
    const kept = figures(two, roomy, { weights: "on-chip" });
    const saved = 8 * (32 + 128) * (dram!.readPjPerBit - buffer!.readPjPerBit);
    expect(off.energyMillijoules - kept.energyMillijoules).toBeCloseTo(saved * 1e-9, 15);
  });

  it("takes its room from the tiles of every layer: weights of the whole network, maps while they live", () => {
    const { residentBytes, problems } = schedule(two, roomy, deploy({ activations: "on-chip", weights: "on-chip" }));
    expect(residentBytes).toEqual([160 + 512, 160 + 512]);
    expect(problems.map(({ reservedBits }) => reservedBits)).toEqual([8 * 672, 8 * 672]);
    expect(problems.map(({ resident }) => [resident[W], resident[O]])).toEqual([
      [true, true],
      [true, false],
    ]);
  });

  it("is what there is room for with `fit`: maps first, then the weights that wait longest", () => {
    // three quarters of 840 bytes: the map of 512 and no more than 118 bytes of weights
    const { areWeightsKept, problems } = schedule(two, chipOf(840), deploy({ activations: "fit", weights: "fit" }));
    expect(areWeightsKept).toEqual([true, false]);
    expect(problems.map(({ resident }) => [resident[W], resident[O]])).toEqual([
      [true, true],
      [false, false],
    ]);
    // both layers do 64 operations a weight; of a pool of layers the head waits longest: one operation a weight
    const net = loadNetwork("mobilenet-v2");
    const kept = schedule(net, loadAccelerator("tpu-like"), deploy({ weights: "fit" })).areWeightsKept;
    expect(kept.at(-1)).toBe(true);
  });

  it("is never more DRAM traffic, latency or energy on published networks, and less with room", () => {
    const edge = loadAccelerator("nahas-edge");
    for (const name of ["mobilenet-v2", "resnet-18"]) {
      const network = loadNetwork(name);
      const streamed = figures(network, edge, { fusion: "on" });
      const kept = figures(network, edge, { fusion: "on", weights: "on-chip" });
      const weights = network.layers.reduce((sum, { weightCount }) => sum + weightCount, 0);
      expect(streamed.dramBytes - kept.dramBytes).toBeGreaterThanOrEqual(weights);
      expect(kept.latencyCycles).toBeLessThan(streamed.latencyCycles);
      expect(kept.energyMillijoules).toBeLessThan(streamed.energyMillijoules);
    }
  });
});

describe("what must stay on chip and cannot", () => {
  it("is infeasible with the bytes, and with the changes that would do", () => {
    expect(refusal(two, chipOf(600), { activations: "on-chip", batch: 2 })).toEqual({
      code: "capacity",
      reason:
        "activations on chip need 1024 bytes and buffer has 600; what would fit: buffer of 1024 bytes, or batch 1, or `activations: fit`",
      violations: [{ subject: "activations on chip", needed: 1024, available: 600, unit: "bytes" }],
    });
    expect(refusal(two, chipOf(100), { weights: "on-chip" })).toMatchObject({
      reason:
        "weights on chip need 160 bytes and buffer has 100; what would fit: buffer of 160 bytes, or `weights: fit`",
      violations: [{ needed: 160, available: 100 }],
    });
    expect(refusal(two, chipOf(600), { activations: "on-chip", weights: "on-chip" }).violations).toEqual([
      { subject: "activations and weights on chip", needed: 672, available: 600, unit: "bytes" },
    ]);
    // what the reason offers does fit
    expect(figures(two, chipOf(600), { activations: "on-chip" }).dramBytes).toBeGreaterThan(0);
  });

  it("names what no level of the machine is for", () => {
    const passing = buildAccelerator({
      name: "no weights",
      nodeNm: 45,
      clockMhz: 1000,
      mac: {},
      levels: [
        { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 1 },
        { name: "buffer", type: "sram", capacityBytes: 4096, keeps: ["inputs", "outputs"] },
      ],
    });
    expect(refusal(two, passing, { weights: "on-chip" })).toMatchObject({
      reason: "weights on chip need 160 bytes, and no level on chip keeps weights",
      violations: [{ needed: 160, available: 0 }],
    });
    expect(schedule(two, passing, deploy({ weights: "fit" })).areWeightsKept).toEqual([false, false]);
  });

  it("names the layers whose smallest tile does not fit beside it", () => {
    const { code, reason } = refusal(two, chipOf(673), { activations: "on-chip", weights: "on-chip" });
    expect(code).toBe("mapping");
    expect(reason).toMatch(/^layer first: buffer needs \d+ bytes even for the smallest tile and has 673/);
  });
});

describe("a batch", () => {
  it("loads weights once and everything else per image, as long as its tiles fit", () => {
    const roomy = chipOf(1 << 20);
    const perImage = 256 + 512 + 512 + 1024;
    for (const batch of [1, 2, 8]) {
      const { dramBytes, latencyMs } = figures(two, roomy, { batch });
      expect(dramBytes).toBe(batch * perImage + 32 + 128);
      expect(latencyMs).toBeCloseTo((batch * perImage + 160) / 1e6, 12);
    }
  });

  it("needs its maps whole on chip for every image", () => {
    const { residentBytes } = schedule(two, chipOf(1 << 20), deploy({ fusion: "on", batch: 4 }));
    expect(residentBytes).toEqual([4 * 512, 4 * 512]);
  });
});
