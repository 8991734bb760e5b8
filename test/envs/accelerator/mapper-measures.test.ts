// The measures of the mapper (node dist/experiments/bench-mapper.js), scaled down: what they say must hold here too.
import { describe, expect, it } from "vitest";
import { buildAccelerator, loadAccelerator } from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { DEFAULT_BUDGET, mapProblem } from "../../../envs/accelerator/mapper.js";
import { distinctLayers, mapperQuality } from "../../../experiments/mapper-quality.js";
import { memoryGrowth } from "../../../experiments/mapper-speed.js";
import { problem } from "./random-cases.js";

describe("the mapper at its default budget", () => {
  it("is within 2 % of a hundred times the budget on MobileNetV2, for latency on the NAHAS edge machine", () => {
    const { atDefault, atTen, layers } = mapperQuality("mobilenet-v2", "nahas-edge", "latency");
    expect(layers).toBeGreaterThan(20);
    expect(atDefault.geometricMean).toBeLessThan(1.02);
    expect(atDefault.worst).toBeLessThan(1.1);
    expect(atTen.geometricMean).toBeLessThan(1.005);
  });

  it("is within 2 % on ResNet-50 and the Eyeriss machine, whose small scratchpads and buffer depend on one another", () => {
    const { atDefault, atTen } = mapperQuality("resnet-50", "eyeriss", "energy");
    expect(atDefault.geometricMean).toBeLessThan(1.02);
    expect(atDefault.worst).toBeLessThan(1.1);
    expect(atTen.geometricMean).toBeLessThan(1.01);
  });

  it("costs no more mappings than its budget for each dataflow", () => {
    for (const [name, dataflows] of [
      ["gemmini", 1],
      ["nahas-edge", 5],
    ] as const) {
      const chip = loadAccelerator(name);
      for (const { problem: given } of distinctLayers("vgg-16", chip)) {
        const found = mapProblem(given, new CostModel(chip), { objective: "edp", budget: DEFAULT_BUDGET });
        if (found.kind !== "mapped") throw new Error("does not map");
        // two more where a constructed mapping is divided anew
        expect(found.evaluated).toBeLessThanOrEqual(dataflows * (DEFAULT_BUDGET + 2));
      }
    }
  });

  it("pools on a row-stationary machine: a layer without weights has no filter row that must be whole", () => {
    const chip = loadAccelerator("eyeriss");
    const pool = problem("global-pool", { K: 32, C: 32, G: 32, R: 112, S: 112 });
    const found = mapProblem(pool, new CostModel(chip), { objective: "edp", budget: DEFAULT_BUDGET });
    expect(found.kind).toBe("mapped");
  });

  it("keeps a weight where a machine loses cycles for each that is replaced", () => {
    const chip = loadAccelerator("gemmini");
    const model = new CostModel(chip);
    const given = problem("conv", { K: 512, C: 512, P: 64 });
    const found = mapProblem(given, model, { objective: "latency", budget: DEFAULT_BUDGET });
    if (found.kind !== "mapped") throw new Error("does not map");
    model.evaluate(given, found.mapping);
    // 512 / 16 · 512 / 16 blocks of 16 x 16 weights, each once, for 64 rows: 65,536 cycles of work and 1,024 fills of 16
    expect(model.latencyCycles).toBeLessThan(1.25 * (65_536 + 1_024 * 16));
  });

  it("does not grow in memory: 40,000 evaluations leave less than 4 MiB", () => {
    const { evaluations, grownMib } = memoryGrowth(40_000);
    expect(evaluations).toBeGreaterThanOrEqual(40_000);
    expect(grownMib).toBeLessThan(4);
  });
});

describe("a model that has evaluated other mappings", () => {
  it("says the same as a new one, whatever changed between them", () => {
    const chip = buildAccelerator({
      name: "two levels",
      nodeNm: 45,
      clockMhz: 1000,
      mac: {},
      levels: [
        { name: "DRAM", type: "dram", dram: "LPDDR4", fanout: [{ name: "units", size: 8 }] },
        { name: "registers", type: "regfile", capacityBytes: 1024 },
      ],
    });
    const used = new CostModel(chip);
    for (const [K, P] of [
      [8, 7],
      [8, 5],
      [12, 5],
      [12, 7],
    ] as const) {
      const given = problem("conv", { K, C: 6, P, Q: 3, R: 3 });
      const found = mapProblem(given, used, { objective: "edp", budget: 12 });
      if (found.kind !== "mapped") throw new Error("does not map");
      used.evaluate(given, found.mapping);
      const fresh = new CostModel(chip);
      fresh.evaluate(given, found.mapping);
      expect([...used.reads, ...used.fills, ...used.updates, used.latencyCycles, used.energyPj]).toEqual([
        ...fresh.reads,
        ...fresh.fills,
        ...fresh.updates,
        fresh.latencyCycles,
        fresh.energyPj,
      ]);
    }
  });
});
