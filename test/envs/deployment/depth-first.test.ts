import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Accelerator,
  type AcceleratorFile,
  buildAccelerator,
  loadAccelerator,
} from "../../../envs/accelerator/architecture.js";
import type { MapperOptions } from "../../../envs/accelerator/mapper.js";
import { LayerCosts, networkCost, type Schedule, schedule } from "../../../envs/accelerator/network-cost.js";
import { type Deployment, deploymentSchema } from "../../../envs/deployment/deployment.js";
import { designDetails, evaluateHardware } from "../../../envs/evaluate-design.js";
import type { Network } from "../../../envs/network/ir.js";
import { buildNetwork, loadNetwork, type NetworkFile } from "../../../envs/network/network-file.js";

const MAPPER: MapperOptions = { objective: "energy", budget: 24 };
const deploy = (given: Record<string, unknown>): Deployment => deploymentSchema.parse(given);

/** One shared buffer; three quarters of it may hold what stays. */
const chipOf = (bufferBytes: number, more: Partial<AcceleratorFile> = {}): Accelerator =>
  buildAccelerator({
    name: "one buffer",
    nodeNm: 45,
    clockMhz: 1000,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 16 },
      { name: "buffer", type: "sram", capacityBytes: bufferBytes, fanout: [{ name: "lanes", size: 16 }] },
    ],
    ...more,
  });

const network = (resolution: number, channels: number, layers: readonly Record<string, unknown>[]): Network =>
  buildNetwork({ name: "chain", input: { resolution, channels }, layers } as unknown as NetworkFile);

/** 8 × 8 × 1 -> 8 × 8 × 4 -> 8 × 8 × 2, both 3 × 3: 36 and 72 bytes of weights, 256 bytes in between. */
const twoConvs = network(8, 1, [
  { kind: "conv", name: "first", channels: 4, kernel: 3 },
  { kind: "conv", name: "second", channels: 2, kernel: 3 },
]);
const MACS = 64 * (36 + 72);

const measured = (net: Network, chip: Accelerator, deployment: Deployment, mapper = MAPPER) => {
  const costs = new LayerCosts(chip, mapper);
  const result = evaluateHardware(net, costs, deployment);
  if (result.kind !== "measured") throw new Error(result.infeasible.reason);
  return { figures: result.figures, costs: result.costs, ...designDetails(net, costs, deployment) };
};

describe("two layers whose map does not fit", () => {
  const chip = chipOf(336); // 252 bytes of it for what stays

  it("move input, weights and output once, and nothing in between, with two rows of each map in line buffers", () => {
    const { figures, groups } = measured(
      twoConvs,
      chip,
      deploy({ fusion: "depth-first", activations: "dram", halo: "cached" }),
    );
    expect(groups.length).toBe(1);
    expect(groups[0]).toMatchObject({
      layers: ["first", "second"],
      tileRows: 1, // two rows would need 284 bytes: see the geometry's test
      tileColumns: 8,
      tiles: 8,
      rowHalo: "cached",
      columnHalo: "none",
      weights: "loaded once",
      lineBufferBytes: 2 * 8 * 1 + 2 * 8 * 4,
      // at the second layer: two rows of input, three of the middle, one of output, all weights
      storeBytes: 2 * 8 + 3 * 8 * 4 + 8 * 2 + 108,
      dramBytes: 64 + 108 + 128,
      dramBytesAlone: 64 + 36 + 256 + (256 + 72 + 128),
      operations: MACS,
      recomputedOperations: 0,
    });
    expect(figures.dramBytes).toBe(300);
    expect(figures.peakOnChipBytes).toBeLessThanOrEqual(336);
  });

  it("compute the overlap of the first layer's tiles again when its halo is not kept", () => {
    const { groups } = measured(
      twoConvs,
      chip,
      deploy({ fusion: "depth-first", activations: "dram", halo: "recomputed" }),
    );
    // four tiles of 4 × 4 need 5 rows of the middle each and 6 of the input, columns alike; two rows of all columns, which
    // compute less than this twice, do not fit beside the weights
    expect(groups[0]).toMatchObject({
      tileRows: 4,
      tileColumns: 4,
      tiles: 4,
      rowHalo: "recomputed",
      columnHalo: "recomputed",
      weights: "loaded once",
      lineBufferBytes: 0,
      storeBytes: 6 * 6 + 5 * 5 * 4 + 108,
      dramBytes: 12 * 12 + 108 + 128,
      operations: 10 * 10 * 36 + 64 * 72,
      recomputedOperations: (100 - 64) * 36,
    });
  });

  it("cost what their tiles cost, and the transfers of the group", () => {
    const deployment = deploy({ fusion: "depth-first", activations: "dram", halo: "cached" });
    const costs = new LayerCosts(chip, MAPPER);
    const plan = schedule(twoConvs, chip, deployment, "energy");
    const [group] = plan.groups;
    // the first layer makes two rows for the first tile, then one at a time, and none for the last; the second one each time
    expect(
      group!.steps.map((steps) => steps.map(({ problem, count }) => [problem.extents[4], problem.extents[5], count])),
    ).toEqual([
      [
        [2, 8, 1],
        [1, 8, 6],
      ],
      [[1, 8, 8]],
    ]);
    const result = networkCost(plan, costs, ["first", "second"]);
    if (result.kind !== "measured") throw new Error("infeasible");
    let cycles = 0;
    let energyPj = 0;
    for (const steps of group!.steps) {
      const tiles = costs.ofTiles(steps.map(({ problem }) => problem));
      if (tiles.kind !== "mapped") throw new Error("unmappable");
      tiles.costs.forEach((cost, i) => {
        expect(cost.dramBytes).toBe(0);
        cycles += cost.latencyCycles * steps[i]!.count;
        energyPj += cost.energyPj * steps[i]!.count;
      });
    }
    const [dram, buffer] = chip.levels as [Accelerator["levels"][number], Accelerator["levels"][number]];
    const loads = 8 * (64 + 108) * (dram.readPjPerBit + buffer.writePjPerBit);
    const stores = 8 * 128 * (dram.writePjPerBit + buffer.readPjPerBit);
    // 300 bytes at 16 a cycle take 19 cycles, which the work of the layers hides
    expect(result.groups[0]).toMatchObject({ latencyCycles: cycles, waitCycles: 0, dramBytes: 300 });
    expect(result.groups[0]!.energyPj).toBeCloseTo(energyPj + loads + stores, 6);
    expect(result.costs.reduce((sum, cost) => sum + cost.latencyCycles, 0)).toBe(cycles);
    expect(result.costs.reduce((sum, cost) => sum + cost.energyPj, 0)).toBeCloseTo(energyPj + loads + stores, 6);
  });

  it("wait for DRAM where it is slow, and share the waiting by what they move", () => {
    const slow = chipOf(336, {
      levels: [
        { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 0.1 },
        { name: "buffer", type: "sram", capacityBytes: 336, fanout: [{ name: "lanes", size: 16 }] },
      ],
    });
    const { figures, costs, groups } = measured(
      twoConvs,
      slow,
      deploy({ fusion: "depth-first", activations: "dram", halo: "cached" }),
    );
    expect(figures.latencyCycles).toBe(300 / 0.1);
    expect(groups[0]!.latencyCycles).toBe(3000);
    expect(costs.map(({ latencyCycles }) => latencyCycles).reduce((a, b) => a + b)).toBe(3000);
    expect(costs.map(({ bottleneck }) => bottleneck)).toEqual(["DRAM", "DRAM"]);
    for (const { latencyCycles, latencyParts } of costs) expect(latencyParts.steady).toBeCloseTo(latencyCycles, 6);
  });

  it("add what nothing hides: the first tile's load, the last one's store, or all of it on a machine that does not overlap", () => {
    const deployment = deploy({ fusion: "depth-first", activations: "dram", halo: "cached" });
    const latency = (more: Partial<AcceleratorFile>) => {
      const { groups, figures, costs } = measured(twoConvs, chipOf(336, more), deployment);
      expect(groups[0]!.latencyCycles).toBe(figures.latencyCycles);
      for (const { latencyCycles, latencyParts } of costs) {
        const parts = Object.values(latencyParts).reduce((sum, part) => sum + part, 0);
        expect(Math.abs(parts - latencyCycles)).toBeLessThanOrEqual(8); // eight tiles, each rounded up
      }
      overhead = [costs[0]!.latencyParts.firstLoad, costs[1]!.latencyParts.lastStore];
      return figures.latencyCycles;
    };
    let overhead: (number | undefined)[] = [];
    const steps = latency({});
    expect(overhead).toEqual([undefined, undefined]);
    // three rows of input and the first layer's weights; a row of output
    const first = (3 * 8 + 36) / 16;
    const last = (8 * 2) / 16;
    expect(latency({ overheads: { firstLoad: true } })).toBe(Math.ceil(steps + first));
    expect(latency({ overheads: { firstLoad: true, lastStore: true } })).toBe(Math.ceil(steps + first + last));
    expect(overhead).toEqual([3, 1]); // in whole cycles
    const levels: AcceleratorFile["levels"] = [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 16, doubleBuffered: false },
      { name: "buffer", type: "sram", capacityBytes: 336, fanout: [{ name: "lanes", size: 16 }] },
    ];
    expect(latency({ levels })).toBe(Math.ceil(steps + 300 / 16));
    // two layers, the first in seven tiles and the second in eight, are set up fifteen times
    expect(latency({ layerSetupCycles: 1 })).toBe(steps + 15);
  });

  it("say in words what each layer moves: the accesses add up to the DRAM bytes", () => {
    const { layers } = measured(twoConvs, chip, deploy({ fusion: "depth-first", activations: "dram", halo: "cached" }));
    const dram = layers.map(({ accesses }) =>
      accesses.filter(({ level }) => level === "DRAM").map((a) => [a.operand, a.reads + a.updates]),
    );
    expect(dram).toEqual([
      [
        ["weights", 36],
        ["inputs", 64],
      ],
      [
        ["weights", 72],
        ["outputs", 128],
      ],
    ]);
    expect(layers.map(({ group }) => group)).toEqual([0, 0]);
  });
});

describe("a group", () => {
  it("with room for everything moves no activation in between, and computes nothing twice", () => {
    const { figures, groups, costs } = measured(
      twoConvs,
      chipOf(1 << 20),
      deploy({ fusion: "depth-first", activations: "dram" }),
    );
    expect(groups[0]).toMatchObject({ tiles: 1, rowHalo: "none", recomputedOperations: 0, operations: MACS });
    expect(figures.dramBytes).toBe(64 + 108 + 128);
    const alone = measured(twoConvs, chipOf(1 << 20), deploy({}));
    expect(costs.map(({ computeCycles }) => computeCycles)).toEqual(
      alone.costs.map(({ computeCycles }) => computeCycles),
    );
    // the map in between was written once and read with its padding, and so was the input
    expect(figures.dramBytes).toBe(alone.figures.dramBytes - 256 - 10 * 10 * 4 - (100 - 64));
  });

  it("computes each image of a batch with the weights that are there", () => {
    const four = { activations: "dram", halo: "cached", batch: 4 };
    const { groups, figures } = measured(twoConvs, chipOf(336), deploy({ fusion: "depth-first", ...four }));
    expect(groups[0]).toMatchObject({ imagesPerTile: 1, tiles: 4 * 8, weights: "loaded once", operations: 4 * MACS });
    expect(figures.dramBytes).toBe(4 * (64 + 128) + 108);
  });

  it("passes kept maps on where they are: a kept input and output cost no DRAM bytes", () => {
    const net = network(16, 1, [
      { kind: "conv", name: "stem", channels: 1, kernel: 3, stride: 2 },
      { kind: "conv", name: "expand", channels: 16, kernel: 1 },
      { kind: "depthwise", name: "depthwise", kernel: 3 },
      { kind: "conv", name: "project", channels: 2, kernel: 1 },
      { kind: "conv", name: "head", channels: 1, kernel: 1 },
    ]);
    // 64 and 128 bytes are kept, 1,024 in between are not
    const { groups, figures } = measured(net, chipOf(1200), deploy({ fusion: "depth-first" }));
    expect(groups.map(({ layers }) => layers)).toEqual([["expand", "depthwise", "project"]]);
    expect(groups[0]!.dramBytes).toBe(16 + 144 + 32);
    expect(figures.dramBytes).toBeGreaterThanOrEqual(256 + 9 + (16 + 144 + 32) + 2 + 64);
  });

  it("is the operation and its addition with elementwise, the block with block, any chain with depth-first", () => {
    const file = {
      name: "blocks",
      input: { resolution: 32, channels: 3 },
      stem: { channels: 8 },
      stages: [{ kind: "inverted-residual", channels: 8, expansion: 4, repeat: 2, stride: 1 }],
      classes: 10,
    } as unknown as NetworkFile;
    const net = buildNetwork(file);
    const of = (fusion: string) =>
      schedule(net, chipOf(8192), deploy({ fusion, activations: "dram" }), "energy").groups.map(({ plan: { shape } }) =>
        net.layers.slice(shape.first, shape.last + 1).map(({ id }) => id.split(".").at(-1)),
      );
    expect(of("off")).toEqual([]);
    expect(of("on")).toEqual([]);
    expect(of("elementwise")).toEqual([
      ["project", "add"],
      ["project", "add"],
    ]);
    for (const group of of("block")) expect(group).toEqual(["expand", "depthwise", "project", "add"]);
    expect(of("block").length).toBe(2);
    expect(of("depth-first").flat().length).toBeGreaterThan(of("block").flat().length);
  });
});

describe("any chain on any store", () => {
  const layer = fc.record({
    kind: fc.constantFrom("conv", "depthwise", "conv"),
    channels: fc.integer({ min: 1, max: 12 }),
    kernel: fc.constantFrom(1, 3, 5),
    stride: fc.constantFrom(1, 1, 2),
  });
  const chain = fc
    .record({ size: fc.integer({ min: 6, max: 24 }), layers: fc.array(layer, { minLength: 2, maxLength: 5 }) })
    .map(({ size, layers }) =>
      network(
        size,
        2,
        layers.map(({ kind, channels, kernel, stride }, i) => ({
          kind,
          name: `l${i}`,
          kernel,
          stride,
          ...(kind === "conv" && { channels }),
        })),
      ),
    );
  const planBits = (plan: Schedule, net: Network): number => {
    const grouped = plan.groups.reduce((sum, { plan: { dramBits } }) => sum + dramBits, 0);
    const inGroups = new Set(
      plan.groups.flatMap(({ plan: { shape } }) =>
        Array.from({ length: shape.last - shape.first + 1 }, (_, i) => shape.first + i),
      ),
    );
    return net.layers.reduce((sum, _, i) => (inGroups.has(i) ? sum : sum + aloneBits(net, i)), grouped);
  };
  /** Each word once, padding left out. */
  const aloneBits = (net: Network, i: number): number => {
    const { K, C, P, Q, R, stride, weightCount } = net.layers[i]!;
    const size = i === 0 ? net.input.resolution : net.layers[i - 1]!.P;
    const rows = Math.min(size, (P - 1) * stride[0] + R);
    return 8 * (weightCount + C * rows * rows + K * P * Q);
  };

  it("moves no more when fused, and never less when the store shrinks", () => {
    fc.assert(
      fc.property(
        chain,
        fc.array(fc.integer({ min: 64, max: 6000 }), { minLength: 2, maxLength: 4 }),
        fc.constantFrom("energy", "latency", "edp"),
        fc.constantFrom("best", "cached", "recomputed"),
        (net, stores, objective, halo) => {
          let before = Infinity;
          const deployment = deploy({ fusion: "depth-first", activations: "dram", halo });
          for (const bytes of [...stores].sort((a, b) => a - b)) {
            const chip = chipOf(bytes);
            const plan = schedule(net, chip, deployment, objective as "energy");
            const moved = planBits(plan, net);
            expect(moved).toBeLessThanOrEqual(before);
            before = moved;
            for (const { plan: group, steps } of plan.groups) {
              expect(group.dramBits).toBeLessThan(group.aloneBits);
              expect(Math.max(...group.storeBits)).toBeLessThanOrEqual(0.75 * 8 * bytes);
              // the tiles of each layer are all of its operations
              const operations = steps
                .flat()
                .reduce((sum, { problem, count }) => sum + problem.operationCount * count, 0);
              expect(operations).toBe(group.operations);
              expect(group.recomputedOperations).toBeGreaterThanOrEqual(0);
              if (halo === "cached") expect(group.recomputedOperations).toBe(0);
            }
          }
        },
      ),
      { numRuns: 60, seed: 3 },
    );
  });

  it("runs, at no more DRAM bytes than layer by layer on published networks, with sums that agree", () => {
    const chip = loadAccelerator("eyeriss");
    for (const name of ["mobilenet-v2", "resnet-18"]) {
      const net = loadNetwork(name);
      const bytes = ["on", "elementwise", "block", "depth-first"].map((fusion) => {
        const { figures, costs } = measured(net, chip, deploy({ fusion }), { ...MAPPER, budget: 4 });
        expect(costs.reduce((sum, cost) => sum + cost.latencyCycles, 0)).toBe(figures.latencyCycles);
        expect(figures.utilizationFraction).toBeLessThanOrEqual(1);
        return figures.dramBytes;
      });
      for (let i = 1; i < bytes.length; i++) expect(bytes[i]!, name).toBeLessThanOrEqual(bytes[i - 1]!);
      expect(bytes.at(-1)!).toBeLessThan(0.8 * bytes[0]!);
    }
  });
});
