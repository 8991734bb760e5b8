import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Accelerator,
  type AcceleratorFile,
  buildAccelerator,
  loadAccelerator,
} from "../../../envs/accelerator/architecture.js";
import { checkMapping } from "../../../envs/accelerator/check-mapping.js";
import { LayerCosts, schedule } from "../../../envs/accelerator/network-cost.js";
import { I, O, W } from "../../../envs/accelerator/problem.js";
import { type Deployment, deploymentSchema } from "../../../envs/deployment/deployment.js";
import { designDetails, evaluateHardware } from "../../../envs/evaluate-design.js";
import type { Network } from "../../../envs/network/ir.js";
import { buildNetwork, type NetworkFile } from "../../../envs/network/network-file.js";
import { two } from "./two-convolutions.js";

const deploy = (given: Record<string, unknown>): Deployment => deploymentSchema.parse(given);

/** One level with a partition for each operand, as in ShiDianNao; DRAM moves a byte a cycle. */
const parted = (weights: number, inputs: number, outputs: number, more: object = {}): Accelerator =>
  buildAccelerator({
    name: "parted",
    nodeNm: 45,
    clockMhz: 1000,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 1 },
      {
        name: "buffer",
        type: "sram",
        capacityBytes: { weights, inputs, outputs },
        readPj: 64,
        writePj: 128,
        ...more,
        fanout: [{ name: "lanes", size: 16 }],
      },
    ],
  } as AcceleratorFile);

/** A memory of weights and inputs, and another of outputs further in, as in Gemmini and NVDLA; a hop costs 0.5 pJ a bit. */
const apart = (scratchpad: number, accumulator: number): Accelerator =>
  buildAccelerator({
    name: "apart",
    nodeNm: 45,
    clockMhz: 1000,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 1 },
      {
        name: "scratchpad",
        type: "sram",
        keeps: ["weights", "inputs"],
        capacityBytes: scratchpad,
        readPj: 64,
        writePj: 128,
        hopPjPerBit: 0.5,
      },
      {
        name: "accumulator",
        type: "sram",
        keeps: ["outputs"],
        capacityBytes: accumulator,
        readPj: 32,
        writePj: 32,
        fanout: [{ name: "lanes", size: 16 }],
      },
    ],
  } as AcceleratorFile);

const measured = (
  network: Network,
  chip: Accelerator,
  given: Record<string, unknown>,
  objective = "energy" as const,
) => {
  const costs = new LayerCosts(chip, { objective, budget: 24 });
  const result = evaluateHardware(network, costs, deploy(given));
  if (result.kind !== "measured") throw new Error(result.infeasible.reason);
  return { ...result.figures, costs: result.costs, ...designDetails(network, costs, deploy(given)) };
};

describe("what stays in partitions", () => {
  const roomy = parted(4096, 8192, 8192);

  it("is an activation in the partition of the inputs and weights in their own, each with its room", () => {
    expect([roomy.residentLevel, roomy.weightLevel, roomy.copiesOutputs]).toEqual([1, 1, true]);
    const plan = schedule(two, roomy, deploy({ activations: "on-chip", weights: "on-chip" }));
    expect(plan.residentBytes).toEqual([512, 512]);
    expect(plan.residentWeightBytes).toEqual([160, 160]);
    expect(plan.problems.map(({ resident }) => [resident[W], resident[I], resident[O]])).toEqual([
      [true, false, true],
      [true, true, false],
    ]);
    expect(plan.problems.map(({ reservedBits, reservedWeightBits }) => [reservedBits, reservedWeightBits])).toEqual([
      [8 * 512, 8 * 160],
      [8 * 512, 8 * 160],
    ]);
  });

  it("saves exactly its DRAM bytes, and their time where DRAM decides", () => {
    const off = measured(two, roomy, {});
    expect(off.dramBytes).toBe(256 + 32 + 512 + (512 + 128 + 1024));
    for (const [given, saved] of [
      [{ weights: "on-chip" }, 160],
      [{ activations: "on-chip" }, 1024],
      [{ activations: "fit", weights: "fit" }, 1184],
    ] as const) {
      const kept = measured(two, roomy, given);
      expect(kept.dramBytes).toBe(off.dramBytes - saved);
      expect(kept.latencyCycles).toBe(kept.dramBytes); // one byte a cycle
    }
  });

  it("costs a copy: read where outputs are made, written where inputs are read, and read there by the next layer", () => {
    const [dram] = roomy.levels;
    const off = measured(two, roomy, {});
    const kept = measured(two, roomy, { activations: "on-chip" });
    const buffer = { read: 1, write: 2 }; // pJ per bit: 64 and 128 pJ for words of 64 bits
    const bits = 8 * 512;
    const stored = bits * (dram!.writePjPerBit - (buffer.read + buffer.write)); // by the first layer
    const loaded = bits * (dram!.readPjPerBit - buffer.read); // by the second; its tile is filled either way
    expect(off.energyMillijoules - kept.energyMillijoules).toBeCloseTo((stored + loaded) * 1e-9, 14);
    const at = (layer: number, operand: string) =>
      kept.layers[layer]!.accesses.find((a) => a.level === "buffer" && a.operand === operand)!;
    const without = (layer: number, operand: string) =>
      off.layers[layer]!.accesses.find((a) => a.level === "buffer" && a.operand === operand)!;
    expect(at(0, "outputs").reads - without(0, "outputs").reads).toBe(512);
    expect(at(0, "inputs").updates).toBe(512);
    expect(at(1, "inputs").reads - without(1, "inputs").reads).toBe(512);
  });

  it("goes over the network between two memories that are apart", () => {
    const chip = apart(8192, 8192);
    expect([chip.residentLevel, chip.weightLevel, chip.copiesOutputs]).toEqual([1, 1, true]);
    const plan = schedule(two, chip, deploy({ activations: "on-chip", weights: "on-chip" }));
    expect(plan.residentBytes).toEqual([160 + 512, 160 + 512]); // one room for both
    expect(plan.residentWeightBytes).toEqual([0, 0]);
    const off = measured(two, chip, {});
    const kept = measured(two, chip, { activations: "on-chip" });
    expect(kept.dramBytes).toBe(off.dramBytes - 1024);
    const [dram] = chip.levels;
    const bits = 8 * 512;
    // the accumulator is read at 0.5 pJ a bit, and what it sends passes the scratchpad's hop either way
    const stored = bits * (dram!.writePjPerBit - (0.5 + 2));
    const loaded = bits * (dram!.readPjPerBit - 1);
    expect(off.energyMillijoules - kept.energyMillijoules).toBeCloseTo((stored + loaded) * 1e-9, 14);
  });

  it("is the second operand of an addition where it was made an input, too", () => {
    const residual = buildNetwork({
      name: "residual",
      input: { resolution: 8, channels: 4 },
      layers: [
        { kind: "conv", name: "first", channels: 8, kernel: 1 },
        { kind: "conv", name: "second", channels: 8, kernel: 1 },
        { kind: "add", name: "sum", inputs: ["first", "second"] },
      ],
    } as unknown as NetworkFile);
    const off = measured(residual, roomy, {});
    const kept = measured(residual, roomy, { activations: "on-chip" });
    // written twice, read three times
    expect(off.dramBytes - kept.dramBytes).toBe(5 * 512);
    const reads = kept.layers[2]!.accesses.find((a) => a.level === "buffer" && a.operand === "inputs")!.reads;
    expect(reads).toBeGreaterThanOrEqual(2 * 512);
  });

  it("says which partition is short, and of what", () => {
    const refuse = (chip: Accelerator, given: Record<string, unknown>) => {
      const result = evaluateHardware(two, new LayerCosts(chip, { objective: "latency", budget: 4 }), deploy(given));
      if (result.kind !== "infeasible") throw new Error("measured");
      return result.infeasible.reason;
    };
    expect(refuse(parted(4096, 400, 8192), { activations: "on-chip" })).toBe(
      "activations on chip need 512 bytes and buffer (inputs) has 400; what would fit: buffer (inputs) of 512 bytes, or `activations: fit`",
    );
    expect(refuse(parted(100, 8192, 8192), { activations: "on-chip", weights: "on-chip" })).toBe(
      "weights on chip need 160 bytes and buffer (weights) has 100; what would fit: buffer (weights) of 160 bytes, or `weights: fit`",
    );
  });

  it("leaves three quarters of a partition at most to what stays, and tiles the rest", () => {
    // 682 · 0.75 = 511.5 bytes are not enough for the map of 512, 683 are
    const isKept = (inputs: number) =>
      schedule(two, parted(4096, inputs, 8192), deploy({ activations: "fit" })).problems[0]!.resident[O];
    expect([isKept(682), isKept(683)]).toEqual([false, true]);
    // 127 · 0.75 < 128 - 32: the first layer's weights alone
    expect(schedule(two, parted(127, 8192, 8192), deploy({ weights: "fit" })).areWeightsKept).toEqual([true, false]);
  });

  it("needs its maps for every image of a batch, and its weights once", () => {
    const plan = schedule(two, roomy, deploy({ activations: "on-chip", weights: "on-chip", batch: 4 }));
    expect(plan.residentBytes).toEqual([4 * 512, 4 * 512]);
    expect(plan.residentWeightBytes).toEqual([160, 160]);
    const batch = (given: object) => measured(two, roomy, { batch: 4, ...given }).dramBytes;
    expect(batch({})).toBe(4 * (256 + 512 + 512 + 1024) + 160);
    expect(batch({ activations: "on-chip" })).toBe(4 * (256 + 1024) + 160);
  });
});

describe("a group on partitions", () => {
  const twoConvs = buildNetwork({
    name: "chain",
    input: { resolution: 8, channels: 1 },
    layers: [
      { kind: "conv", name: "first", channels: 4, kernel: 3 },
      { kind: "conv", name: "second", channels: 2, kernel: 3 },
    ],
  } as unknown as NetworkFile);
  const given = { fusion: "depth-first", activations: "dram", halo: "cached" };

  it("holds its tiles where inputs are and its weights in their own: the same tiles fit in less of the one", () => {
    // two rows of input, three of the middle, one of output, as in a shared store; three quarters of 176 bytes hold them
    const held = 2 * 8 + 3 * 8 * 4 + 8 * 2;
    const weightless = Math.ceil(held / 0.75);
    const { groups, dramBytes, layers } = measured(twoConvs, parted(256, weightless, 256), given);
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({ tileRows: 1, tiles: 8, weights: "loaded once", storeBytes: held });
    expect(dramBytes).toBe(64 + 108 + 128);
    const dram = layers.flatMap(({ accesses }) => accesses.filter(({ level }) => level === "DRAM"));
    expect(dram.reduce((sum, a) => sum + a.reads + a.updates, 0)).toBe(300);
  });

  it("loads its weights for each tile where their partition is too small for them", () => {
    const { groups } = measured(twoConvs, parted(80, 400, 256), given);
    expect(groups.every(({ weights }) => weights !== "loaded once")).toBe(true);
  });
});

describe("any chain on any partitions", () => {
  const layer = fc.record({
    kind: fc.constantFrom("conv", "depthwise", "conv"),
    channels: fc.integer({ min: 1, max: 12 }),
    kernel: fc.constantFrom(1, 3),
    stride: fc.constantFrom(1, 1, 2),
  });
  const chain = fc
    .record({ size: fc.integer({ min: 6, max: 16 }), layers: fc.array(layer, { minLength: 2, maxLength: 4 }) })
    .map(({ size, layers }) =>
      buildNetwork({
        name: "chain",
        input: { resolution: size, channels: 2 },
        layers: layers.map(({ kind, channels, kernel, stride }, i) => ({
          kind,
          name: `l${i}`,
          kernel,
          stride,
          ...(kind === "conv" && { channels }),
        })),
      } as unknown as NetworkFile),
    );
  const bytes = fc.integer({ min: 300, max: 6000 });

  it("asks for no more DRAM bytes when something stays, and exceeds no partition", () => {
    fc.assert(
      fc.property(
        chain,
        fc.oneof(
          fc.tuple(bytes, bytes, bytes).map((sizes) => parted(...sizes)),
          fc.tuple(bytes, bytes).map((sizes) => apart(...sizes)),
        ),
        fc.constantFrom("off", "depth-first"),
        fc.integer({ min: 1, max: 3 }),
        (network, chip, fusion, batch) => {
          const costs = new LayerCosts(chip, { objective: "energy", budget: 40 });
          const given = deploy({ fusion, batch, activations: "fit", weights: "fit" });
          const plan = schedule(network, chip, given, "energy");
          const off = evaluateHardware(network, costs, deploy({ batch }));
          const on = evaluateHardware(network, costs, given);
          if (off.kind !== "measured" || on.kind !== "measured") return;
          plan.problems.forEach((problem, i) => {
            const roomA = chip.levels[chip.residentLevel]!;
            const roomBytes = roomA.partitionBytes?.[I] ?? roomA.sharedCapacityBytes!;
            expect(plan.residentBytes[i]).toBeLessThanOrEqual(0.75 * roomBytes + plan.problems.length);
            if (plan.groups.some(({ plan: { shape } }) => shape.first <= i && i <= shape.last)) return;
            const mapping = costs.mapping(problem)!;
            expect(checkMapping(problem, chip, mapping)).toEqual([]);
          });
          // what stays takes room from tiles, which may move a little more than before, but not more than is saved by far
          expect(on.figures.dramBytes).toBeLessThanOrEqual(off.figures.dramBytes * 1.05);
          const compulsory = (p: (typeof plan.problems)[number]) =>
            [W, I, O].reduce((sum, o) => sum + (p.resident[o] || !p.present[o] ? 0 : p.words[o]!), 0);
          const all = schedule(network, chip, deploy({ batch }), "energy").problems;
          plan.problems.forEach((problem, i) => {
            expect(compulsory(problem)).toBeLessThanOrEqual(compulsory(all[i]!));
          });
        },
      ),
      { numRuns: 40, seed: 5 },
    );
  });
});

describe("the presets with partitions", () => {
  it.each([
    ["gemmini", "Scratchpad", true],
    ["nvdla-like", "buffer", true],
    ["shidiannao-like", "buffer", true],
    ["eyeriss", "buffer", false],
    ["nahas-edge", undefined, false],
    ["tpu-like", "buffer", false],
  ])("%s keeps activations in %s", (name, level, copies) => {
    const chip = loadAccelerator(name);
    if (level !== undefined) expect(chip.levels[chip.residentLevel]!.name).toBe(level);
    expect(chip.copiesOutputs).toBe(copies);
  });
});
