import { describe, expect, it } from "vitest";
import { type AcceleratorFile, buildAccelerator } from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { compileMapping, loopNest, type MappingData, mappingData } from "../../../envs/accelerator/mapping.js";
import { bottleneckOf } from "../../../envs/accelerator/network-cost.js";
import { I, O, type Problem, problemOf, W } from "../../../envs/accelerator/problem.js";
import type { Layer } from "../../../envs/network/ir.js";
import { layer, problem } from "./random-cases.js";

function costOf(file: Partial<AcceleratorFile>, given: Problem, mapping: MappingData): CostModel {
  const base = { name: "by hand", nodeNm: 45, clockMhz: 1000, mac: {}, levels: [] };
  const chip = buildAccelerator({ ...base, ...file } as AcceleratorFile);
  const model = new CostModel(chip);
  model.evaluate(given, compileMapping(mapping, chip));
  return model;
}

const at = (counts: Float64Array, level: number) => [
  counts[level * 3 + W],
  counts[level * 3 + I],
  counts[level * 3 + O],
];

describe("a 3 × 3 convolution on a 16 × 16 array, weights stationary", () => {
  const array = (multicast: ("weights" | "inputs" | "outputs")[], reduce: boolean): Partial<AcceleratorFile> => ({
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4" },
      {
        name: "GLB",
        type: "sram",
        capacityBytes: 65536,
        fanout: [
          { name: "columns", size: 16 },
          { name: "rows", size: 16 },
        ],
        multicast,
        reduce,
      },
      { name: "RF", type: "regfile", capacityBytes: 16 },
    ],
  });
  const loops = (text: string) => text.split(" ").map((one) => ({ dim: one[0] as "K", bound: Number(one.slice(1)) }));
  const mapping: MappingData = [
    {
      level: "GLB",
      temporal: loops("K2 R3 S3 P14 Q14"),
      spatial: [
        { dim: "K", bound: 16, axis: "columns" },
        { dim: "C", bound: 16, axis: "rows" },
      ],
    },
  ];
  const conv = problem("conv", { K: 32, C: 16, P: 14, Q: 14, R: 3, S: 3 });
  const model = costOf(array(["weights", "inputs", "outputs"], true), conv, mapping);

  it("takes 14 · 14 · 3 · 3 · 2 cycles: two folds of K, every PE busy", () => {
    expect(model.computeCycles).toBe(14 * 14 * 3 * 3 * 2);
    expect(conv.operationCount / (model.computeCycles * 256)).toBe(1);
    expect(bottleneckOf(model)).toBe("compute");
  });

  it("moves every operand over DRAM once: 4,608 weights, 16 · 16 · 16 inputs with their halo, 6,272 outputs", () => {
    expect(at(model.reads, 0)).toEqual([32 * 16 * 9, 16 * 16 * 16, 0]);
    expect(at(model.updates, 0)).toEqual([0, 0, 32 * 14 * 14]);
    expect(at(model.fills, 1)).toEqual([4608, 4096, 0]);
  });

  it("loads each weight once, and each input once for the 16 columns that share it", () => {
    expect(at(model.reads, 1).slice(0, 2)).toEqual([4608, 3528 * 16]);
    expect(at(model.fills, 2).slice(0, 2)).toEqual([4608, 3528 * 256]);
  });

  it("adds 16 rows before they are written, and reads back all but the first of 9 partial sums", () => {
    expect(model.updates[3 + O]).toBe(6272 * 9);
    expect(model.reads[3 + O]).toBe(6272 * 8);
  });

  it("reads every operand at the multipliers in every step", () => {
    expect(at(model.reads, 2)).toEqual([903168, 903168, at(model.updates, 2)[O]! - 6272 * 16]);
    expect(at(model.updates, 2)).toEqual([0, 0, 903168]);
  });

  it("without multicast reads one word per receiver, without reduction writes one sum per sender", () => {
    const plain = costOf(array([], false), conv, mapping);
    expect(at(plain.reads, 1).slice(0, 2)).toEqual([4608, 3528 * 256]);
    expect(plain.updates[3 + O]).toBe(6272 * 9 * 16);
    expect(plain.reads[3 + O]).toBe(6272 * (9 * 16 - 1));
  });
});

describe("a fully connected layer of 3 inputs and 2 outputs, all of it in one register file", () => {
  const registers = (fields: Partial<AcceleratorFile> = {}, dram = {}): Partial<AcceleratorFile> => ({
    mac: { energyPj: 0.5 },
    partialBits: 8,
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", wordBits: 8, readPj: 100, writePj: 200, ...dram },
      { name: "RF", type: "regfile", capacityBytes: 64, wordBits: 8, readPj: 1, writePj: 2 },
    ],
    ...fields,
  });
  const mapping: MappingData = [{ level: "RF", temporal: [{ dim: "K", bound: 2 }, { dim: "C", bound: 3 }], spatial: [] }]; // biome-ignore format: one line
  const layerOf = (weightBits: number, bits: number, partialBits = bits) =>
    problemOf(layer("fully-connected", { K: 2, C: 3 }), 1, {
      weightBits,
      inputBits: bits,
      outputBits: bits,
      partialBits,
    });
  const small = layerOf(8, 8);

  it("costs 9 reads and 2 writes of DRAM, 15 writes and 16 reads of registers, 6 MACs: 1349 pJ", () => {
    const dram = 9 * 100 + 2 * 200;
    const writes = (6 + 3 + 6) * 2; // weights, inputs, and an update of an output per MAC
    const reads = (6 + 6 + 4) * 1; // the first of 3 accumulations of an output reads nothing
    expect(costOf(registers(), small, mapping).energyPj).toBe(dram + writes + reads + 6 * 0.5);
  });

  it("counts partial sums at their own width: 4 of 6 writes and all 4 reads are four times as wide", () => {
    const wide = costOf(registers({ partialBits: 32 }), layerOf(8, 8, 32), mapping);
    expect(wide.energyPj).toBe(1349 + 4 * 3 * 2 + 4 * 3 * 1);
  });

  it("waits for DRAM at half a byte a cycle: 9 bytes in 18 cycles, against 6 of compute", () => {
    const model = costOf(registers({}, { readBytesPerCycle: 0.5 }), small, mapping);
    expect([model.computeCycles, model.latencyCycles, bottleneckOf(model)]).toEqual([6, 18, "DRAM"]);
  });

  it("shares one bandwidth between reads and writes where it is given as such: 11 bytes at 1 GB/s and 1 GHz", () => {
    expect(costOf(registers({}, { bandwidthGBps: 1 }), small, mapping).latencyCycles).toBe(11);
  });

  it("adds what is not double-buffered, and the set-up of a layer", () => {
    const serial = { readBytesPerCycle: 0.5, doubleBuffered: false };
    expect(costOf(registers({}, serial), small, mapping).latencyCycles).toBe(6 + 18);
    expect(costOf(registers({ layerSetupCycles: 10 }, serial), small, mapping).latencyCycles).toBe(6 + 18 + 10);
  });

  it("adds leakage: 2 mW over 6 ns are 12 pJ", () => {
    expect(costOf(registers({ leakageMw: 2 }), small, mapping).energyPj).toBe(1349 + 12);
  });

  it("runs as fast as the wider operand allows: 4 bit twice a cycle, 16 bit every other", () => {
    expect(costOf(registers(), layerOf(4, 4), mapping).computeCycles).toBe(3);
    expect(costOf(registers(), layerOf(4, 8), mapping).computeCycles).toBe(6);
    expect(costOf(registers(), layerOf(16, 8), mapping).computeCycles).toBe(12);
    expect(() => costOf(registers(), layerOf(32, 32), mapping)).toThrow(
      expect.objectContaining({ code: "ENERGY_UNKNOWN_COMPONENT" }),
    );
  });
});

describe("what an operand is, by layer kind", () => {
  const words = (kind: Layer["kind"], fields: Partial<Layer>) => problem(kind, fields).words;
  it("counts a depthwise layer as one filter per channel, a grouped one as its groups", () => {
    expect(words("depthwise", { K: 32, C: 32, G: 32, P: 7, Q: 7, R: 3, S: 3 })).toEqual([288, 32 * 81, 32 * 49]);
    expect(words("conv", { K: 32, C: 32, G: 4, P: 7, Q: 7, R: 3, S: 3 })).toEqual([32 * 8 * 9, 32 * 81, 32 * 49]);
  });
  it("spans stride and dilation: (7 − 1) · 2 + (3 − 1) · 3 + 1 = 19 rows", () => {
    expect(words("conv", { P: 7, R: 3, stride: [2, 2], dilation: [3, 3] })[I]).toBe(19);
  });
  it("has no weights in a pooling layer, a factor per channel in a multiply, a full second operand in an add", () => {
    expect(words("global-pool", { K: 8, C: 8, R: 7, S: 7 })).toEqual([0, 8 * 49, 8]);
    expect(words("multiply", { K: 8, C: 8, P: 7, Q: 7 })).toEqual([8, 8 * 49, 8 * 49]);
    expect(words("add", { K: 8, C: 8, P: 7, Q: 7 })).toEqual([8 * 49, 8 * 49, 8 * 49]);
  });
  it("multiplies matrices per head and image: 3 heads of 196 × 64 × 196", () => {
    const scores = problem("matmul", { G: 3, P: 196, C: 3 * 64, K: 3 * 196 }, 2);
    expect(scores.words).toEqual([2 * 3 * 64 * 196, 2 * 3 * 196 * 64, 2 * 3 * 196 * 196]);
    expect(scores.operationCount).toBe(2 * 3 * 196 * 64 * 196);
  });
});

describe("partial sums that several units share", () => {
  it("are wide in each unit, and one final word in DRAM after they are added", () => {
    const split: MappingData = [
      { level: "DRAM", temporal: [], spatial: [{ dim: "C", bound: 2, axis: "units" }] },
      { level: "local", temporal: [{ dim: "K", bound: 5 }], spatial: [] },
    ];
    const model = costOf(
      {
        levels: [
          { name: "DRAM", type: "dram", dram: "LPDDR4", fanout: [{ name: "units", size: 2 }] },
          { name: "local", type: "sram", capacityBytes: 1024 },
        ],
      },
      problem("fully-connected", { K: 5, C: 2 }),
      split,
    );
    expect(model.writeBits[3 + O]).toBe(2 * 5 * 32);
    expect(model.writeBits[O]).toBe(5 * 8);
  });
});

describe("mappings as data", () => {
  const chip = buildAccelerator({
    name: "two levels",
    nodeNm: 45,
    clockMhz: 1000,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4" },
      { name: "PE", type: "sram", capacityBytes: 1024, fanout: [{ name: "lanes", size: 4 }] },
    ],
  });
  const data: MappingData = [
    { level: "DRAM", temporal: [{ dim: "P", bound: 3 }, { dim: "C", bound: 2 }], spatial: [] }, // biome-ignore format: one line
    { level: "PE", temporal: [], spatial: [{ dim: "K", bound: 4, axis: "lanes" }] },
  ];
  it("come back as they were written, and print as a loop nest", () => {
    const mapping = compileMapping(data, chip);
    expect(mappingData(mapping, chip)).toEqual(data);
    expect(loopNest(mapping, chip).split("\n")).toEqual([
      "[DRAM]",
      "for P in 0..3",
      "  for C in 0..2",
      "    [PE]",
      "    parallel for K in 0..4 on lanes",
      "      multiply-accumulate",
    ]);
  });
  it("name what is wrong with them", () => {
    const bad = (entry: object) => () => compileMapping([{ level: "PE", temporal: [], spatial: [], ...entry }], chip);
    expect(bad({ level: "PEs" })).toThrow('"PEs" is no level; did you mean "PE"?');
    expect(bad({ spatial: [{ dim: "K", bound: 2, axis: "lane" }] })).toThrow('did you mean "lanes"');
    expect(bad({ temporal: [{ dim: "K", bound: 1.5 }] })).toThrow("bound of K is 1.5");
    const twice = [{ dim: "K", bound: 2 }, { dim: "K", bound: 2 }]; // biome-ignore format: one line
    expect(bad({ temporal: twice })).toThrow("K stands twice");
  });
});

describe("a product of 4 × 2 weights on two units, each with two columns", () => {
  const mapping: MappingData = [
    { level: "DRAM", temporal: [], spatial: [{ dim: "K", bound: 2, axis: "units" }] },
    { level: "local", temporal: [{ dim: "K", bound: 2 }, { dim: "C", bound: 2 }], spatial: [] }, // biome-ignore format: one line
  ];
  const run = (dram: object, local: object) =>
    costOf(
      {
        levels: [
          { name: "DRAM", type: "dram", dram: "LPDDR4", fanout: [{ name: "units", size: 2 }], ...dram },
          { name: "local", type: "sram", capacityBytes: 1024, ...local },
        ],
      },
      problem("fully-connected", { K: 4, C: 2 }),
      mapping,
    );

  it("moves 8 weights, 2 inputs to both units and 4 outputs over the network: 16 bytes at 1 pJ a bit", () => {
    const still = run({}, {});
    const moving = run({ hopPjPerBit: 1 }, {});
    expect(still.networkEnergyPj).toBe(0);
    expect(moving.networkEnergyPj).toBe((8 + 2 * 2 + 4) * 8);
    expect(moving.energyPj).toBeCloseTo(still.energyPj + 128, 9);
  });
  it("moves 8 weights, 8 inputs and sums there and back between the memories and the multipliers", () => {
    // of each unit's 2 outputs: 2 visits go up (the first as a wide sum), 1 comes back; 32 bits, 8 when finished
    const sums = 4 * (32 + 32 + 8);
    expect(run({}, { hopPjPerBit: 1 }).networkEnergyPj).toBe((8 + 8) * 8 + sums);
  });
  it("waits for the port of one operand: a unit's 4 weights at half a byte a cycle take 8 cycles", () => {
    expect(run({}, {}).latencyCycles).toBe(4);
    expect(run({}, { readBytesPerCycle: { weights: 0.5 } }).latencyCycles).toBe(8);
    expect(run({}, { readBytesPerCycle: { inputs: 0.5, weights: 1 } }).latencyCycles).toBe(8);
    // 4 outputs at a quarter of a byte
    expect(run({ writeBytesPerCycle: { outputs: 0.25 } }, {}).latencyCycles).toBe(16);
  });
  it("lets operands share a port only where the port is shared", () => {
    // a unit reads 4 weights, 4 inputs and 2 sums of 4 bytes: 16 bytes
    expect(run({}, { readBytesPerCycle: 1 }).latencyCycles).toBe(16);
    expect(run({}, { readBytesPerCycle: { weights: 1, inputs: 1, outputs: 1 } }).latencyCycles).toBe(8);
  });
});
