import { describe, expect, it } from "vitest";
import { type AcceleratorFile, buildAccelerator, loadAccelerator } from "../../envs/accelerator/architecture.js";
import { DEFAULT_BUDGET } from "../../envs/accelerator/mapper.js";
import { type LayerCost, LayerCosts, schedule } from "../../envs/accelerator/network-cost.js";
import { I, O, W } from "../../envs/accelerator/problem.js";
import { type Deployment, defaultDeployment } from "../../envs/deployment/deployment.js";
import { evaluateHardware, type HardwareFigures, layerReports } from "../../envs/evaluate-design.js";
import type { Network } from "../../envs/network/ir.js";
import { buildNetwork, loadNetwork, type NetworkFile } from "../../envs/network/network-file.js";

const MAPPER = { objective: "edp", budget: DEFAULT_BUDGET } as const;
const edge = loadAccelerator("nahas-edge");
const mobilenet = loadNetwork("mobilenet-v2");
const fused: Deployment = { ...defaultDeployment, fusion: "on" };

/** One memory that holds everything, so that DRAM carries each word once. */
const roomy: AcceleratorFile = {
  name: "roomy",
  nodeNm: 45,
  clockMhz: 1000,
  mac: {},
  levels: [
    { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 16 },
    { name: "buffer", type: "sram", capacityBytes: 1 << 20, fanout: [{ name: "lanes", size: 16 }] },
  ],
};

/** 8 × 8 × 4 -> 8 × 8 × 8 -> 8 × 8 × 8, and the second plus the first. */
const small = buildNetwork({
  name: "small",
  input: { resolution: 8, channels: 4 },
  layers: [
    { kind: "conv", name: "first", channels: 8, kernel: 1 },
    { kind: "conv", name: "second", channels: 8, kernel: 1 },
    { kind: "add", name: "sum", inputs: ["second", "first"] },
  ],
} as NetworkFile);

function figures(network: Network, costs: LayerCosts, deployment = defaultDeployment): HardwareFigures {
  const result = evaluateHardware(network, costs, deployment);
  if (result.kind !== "measured") throw new Error(result.infeasible.reason);
  return result.figures;
}

describe("a network on a machine", () => {
  it("is the sum of its layers", () => {
    const costs = new LayerCosts(edge, MAPPER);
    const result = evaluateHardware(mobilenet, costs, defaultDeployment);
    if (result.kind !== "measured") throw new Error("infeasible");
    const costList = result.costs;
    const sum = (pick: (cost: LayerCost) => number) => costList.reduce((total, cost) => total + pick(cost), 0);
    const { latencyCycles, energyMillijoules, dramBytes, latencyMs, utilizationFraction } = result.figures;
    expect(result.costs.length).toBe(mobilenet.layers.length);
    expect(latencyCycles).toBe(sum((cost) => cost.latencyCycles));
    expect(energyMillijoules).toBeCloseTo(sum((cost) => cost.energyPj) * 1e-9, 12);
    expect(dramBytes).toBe(sum((cost) => cost.dramBytes));
    expect(latencyMs).toBeCloseTo(latencyCycles / 800_000, 12);
    expect(utilizationFraction).toBeGreaterThan(mobilenet.macCount / (latencyCycles * edge.macUnits) - 1e-12);
    expect(result.figures.areaMm2).toBe(edge.areaMm2);
    // every layer shape is searched once: a second look finds all of them
    const distinct = costs.asked - costs.remembered;
    figures(mobilenet, costs);
    expect(costs.asked - costs.remembered).toBe(distinct);
  });

  it("reports each layer with its mapping and accesses, which agree with the figures", () => {
    const costs = new LayerCosts(edge, MAPPER);
    const reports = layerReports(mobilenet, costs, defaultDeployment);
    const { latencyCycles, energyMillijoules } = figures(mobilenet, costs);
    expect(reports.reduce((sum, report) => sum + report.latencyCycles, 0)).toBe(latencyCycles);
    expect(reports.reduce((sum, report) => sum + report.energyPj, 0) * 1e-9).toBeCloseTo(energyMillijoules, 12);
    for (const report of reports)
      expect(report.mapping.map(({ level }) => level)).toEqual(edge.levels.map((l) => l.name));
    const stem = reports[0]!;
    expect(stem.shape).toMatchObject({ K: 32, C: 3, P: 112, Q: 112, R: 3, S: 3, strideRows: 2 });
    expect(stem.accesses.find((a) => a.level === "DRAM" && a.operand === "weights")!.reads).toBe(864);
  });

  it("moves 256 + 32 + 512, 512 + 64 + 512 and 3 · 512 bytes when nothing stays on chip", () => {
    const { dramBytes } = figures(small, new LayerCosts(buildAccelerator(roomy), MAPPER));
    expect(dramBytes).toBe(256 + 32 + 512 + (512 + 64 + 512) + 3 * 512);
  });

  it("costs the batch once for the weights and per image for the rest", () => {
    const { dramBytes } = figures(small, new LayerCosts(buildAccelerator(roomy), MAPPER), {
      ...defaultDeployment,
      batch: 4,
    });
    expect(dramBytes).toBe(4 * (256 + 512 + 2 * 512 + 3 * 512) + 32 + 64);
    const costs = new LayerCosts(edge, MAPPER);
    const one = figures(mobilenet, costs);
    const eight = figures(mobilenet, costs, { ...defaultDeployment, batch: 8 });
    expect(eight.latencyMs).toBeGreaterThan(one.latencyMs);
    expect(eight.latencyMs).toBeLessThan(8 * one.latencyMs);
    expect(eight.energyMillijoules).toBeLessThan(8 * one.energyMillijoules);
  });

  it("moves half the bytes at half the bits, and reads what its producer wrote", () => {
    const costs = new LayerCosts(buildAccelerator(roomy), MAPPER);
    const narrow = figures(small, costs, { ...defaultDeployment, weightBits: 4, activationBits: 4 });
    expect(narrow.dramBytes).toBe((256 + 32 + 512 + (512 + 64 + 512) + 3 * 512) / 2);
    const stages = buildNetwork({
      name: "two stages",
      input: { resolution: 8, channels: 4 },
      layers: [
        { kind: "conv", channels: 8, kernel: 1, stage: 0 },
        { kind: "conv", channels: 8, kernel: 1, stage: 1 },
      ],
    } as unknown as NetworkFile);
    const [stage0, stage1] = stages.layers.map(({ stage }) => stage);
    expect([stage0, stage1]).toEqual([0, 1]);
    const mixed = { ...defaultDeployment, weightBits: [8, 4], activationBits: [16, 8] } as Deployment;
    const { problems } = schedule(stages, buildAccelerator(roomy), mixed);
    expect(problems[0]!.bits).toMatchObject({ weights: 8, inputs: 16, outputs: 16 });
    expect(problems[1]!.bits).toMatchObject({ weights: 4, inputs: 16, outputs: 8 });
  });

  it("is used to at most 100 % at every precision: a layer that fills the array, to exactly that", () => {
    const full = buildAccelerator({
      ...roomy,
      levels: [{ name: "DRAM", type: "dram", dram: "LPDDR4" }, roomy.levels[1]!],
    });
    const one = { ...small, layers: small.layers.slice(0, 1) };
    for (const bits of [4, 8, 16] as const) {
      const deployment = { ...defaultDeployment, weightBits: bits, activationBits: bits };
      const { utilizationFraction } = figures(
        one,
        new LayerCosts(full, { ...MAPPER, objective: "latency" }),
        deployment,
      );
      expect(utilizationFraction, `${bits} bit`).toBe(1); // 8 · 4 · 64 operations on 16 units
    }
  });

  it("reads a factor a channel once, in either order, and a full second map pixel by pixel", () => {
    const gated = (inputs: string[]) =>
      buildNetwork({
        name: "gated",
        input: { resolution: 8, channels: 4 },
        layers: [
          { kind: "conv", name: "map", channels: 8, kernel: 1 },
          { kind: "conv", name: "other", inputs: ["map"], channels: 8, kernel: 1 },
          { kind: "global-pool", name: "factor", inputs: ["map"] },
          { kind: "multiply", name: "gate", inputs },
        ],
      } as NetworkFile);
    const gate = (inputs: string[]) => {
      const result = evaluateHardware(
        gated(inputs),
        new LayerCosts(buildAccelerator(roomy), MAPPER),
        defaultDeployment,
      );
      return result.kind === "measured" ? result.costs.at(-1)!.dramBytes : 0;
    };
    expect(gate(["map", "factor"])).toBe(512 + 8 + 512);
    expect(gate(["factor", "map"])).toBe(512 + 8 + 512);
    expect(gate(["map", "other"])).toBe(3 * 512);
  });

  it("names the layers that do not fit, with what they need and what there is", () => {
    const tiny = { ...roomy, levels: [roomy.levels[0]!, { ...roomy.levels[1]!, capacityBytes: 1 }] };
    const result = evaluateHardware(small, new LayerCosts(buildAccelerator(tiny), MAPPER), defaultDeployment);
    if (result.kind !== "infeasible") throw new Error("measured");
    expect(result.infeasible.code).toBe("mapping");
    expect(result.infeasible.violations.map(({ subject }) => subject)).toEqual([
      "layer first: buffer",
      "layer second: buffer",
      "layer sum: buffer",
    ]);
    expect(result.infeasible.reason).toMatch(
      /^layer first: buffer needs \d+ bytes even for the smallest tile and has 1/,
    );
  });

  it("rejects a result that beats what is physically possible", () => {
    const costs = new LayerCosts(edge, MAPPER);
    const real = costs.of.bind(costs);
    costs.of = (problem) => {
      const result = real(problem);
      return result.kind === "mapped" ? { ...result, cost: { ...result.cost, latencyCycles: 1 } } : result;
    };
    expect(evaluateHardware(mobilenet, costs, defaultDeployment)).toMatchObject({
      kind: "infeasible",
      infeasible: { code: "bound", violations: [{ subject: "latencyCycles", available: 1 }] },
    });
  });
});

describe("activations that stay on chip", () => {
  it("are neither written to DRAM nor read from it; weights, input and result still are", () => {
    const { dramBytes } = figures(small, new LayerCosts(buildAccelerator(roomy), MAPPER), fused);
    expect(dramBytes).toBe(256 + 32 + 64 + 512);
  });

  it("save exactly the bytes of what stays, layer by layer, where tiles are whole either way", () => {
    const chip = buildAccelerator(roomy);
    const { problems } = schedule(small, chip, fused);
    expect(problems.map(({ resident }) => [resident[W], resident[I], resident[O]])).toEqual([
      [false, false, true],
      [false, true, true],
      [true, true, false],
    ]);
    const costs = new LayerCosts(chip, MAPPER);
    const bytes = (deployment: Deployment) => {
      const result = evaluateHardware(small, costs, deployment);
      return result.kind === "measured" ? result.costs.map((cost) => cost.dramBytes) : [];
    };
    const [off, on] = [bytes(defaultDeployment), bytes(fused)];
    expect(off.map((value, i) => value - on[i]!)).toEqual([512, 512 + 512, 512 + 512]);
  });

  it("take room while they live: the first until the sum, at most three quarters of the level", () => {
    const chip = buildAccelerator(roomy);
    expect(schedule(small, chip, fused).residentBytes).toEqual([512, 1024, 1024]);
    const half = { ...roomy.levels[1]!, capacityBytes: 1024 };
    const { residentBytes, problems } = schedule(
      small,
      buildAccelerator({ ...roomy, levels: [roomy.levels[0]!, half] }),
      fused,
    );
    expect(residentBytes).toEqual([512, 512, 512]);
    expect(problems.map(({ resident }) => resident[O])).toEqual([true, false, false]);
    expect(problems[1]!.reservedBits).toBe(512 * 8);
  });

  it("never cost DRAM bytes on published networks, and save some on the edge machine", () => {
    for (const name of ["mobilenet-v2", "resnet-50", "mobilenet-v3-large"]) {
      const network = loadNetwork(name);
      const costs = new LayerCosts(edge, MAPPER);
      const off = figures(network, costs);
      const on = figures(network, costs, fused);
      expect(on.dramBytes).toBeLessThan(off.dramBytes);
      expect(on.dramBytes).toBeGreaterThanOrEqual(network.layers.reduce((sum, layer) => sum + layer.weightCount, 0));
      expect(on.energyMillijoules).toBeLessThan(off.energyMillijoules);
      expect(on.peakOnChipBytes).toBeLessThanOrEqual(16 * (2097152 + 4 * 32768));
    }
  });

  it("go to DRAM when they are joined to one operand, which is read as a whole", () => {
    const joined = buildNetwork({
      name: "joined",
      input: { resolution: 8, channels: 4 },
      layers: [
        { kind: "conv", name: "first", channels: 8, kernel: 1 },
        { kind: "conv", name: "second", channels: 8, kernel: 1 },
        { kind: "conv", name: "both", inputs: ["first", "second"], channels: 8, kernel: 1 },
        { kind: "conv", name: "last", channels: 8, kernel: 1 },
      ],
    } as NetworkFile);
    const { problems } = schedule(joined, buildAccelerator(roomy), fused);
    expect(problems.map(({ resident }) => [resident[I], resident[O]])).toEqual([
      [false, false],
      [false, false],
      [false, true],
      [true, false],
    ]);
  });

  it("stay in the partition of the inputs, and nowhere on a machine that keeps no inputs", () => {
    const only = (given: object) =>
      buildAccelerator({ ...roomy, levels: [roomy.levels[0]!, { ...roomy.levels[1]!, ...given }] });
    const parts = only({ capacityBytes: { weights: 4096, inputs: 4096, outputs: 4096 } });
    expect(schedule(small, parts, fused).problems.map(({ resident }) => resident[O])).toEqual([true, true, false]);
    const none = only({ keeps: ["weights", "outputs"] });
    expect(none.residentLevel).toBe(-1);
    expect(schedule(small, none, fused).problems.some(({ resident }) => resident.includes(true))).toBe(false);
  });
});
