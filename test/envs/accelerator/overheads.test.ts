// The named overheads on a machine and mapping that a person can count: matrix multiply, 8 rows P, 8 columns K, 8 sums C,
// on a 4 × 4 array behind a buffer; DRAM moves 2 bytes a cycle.
import { describe, expect, it } from "vitest";
import { type AcceleratorFile, buildAccelerator } from "../../../envs/accelerator/architecture.js";
import { CostModel, LATENCY_PARTS } from "../../../envs/accelerator/cost.js";
import { compileMapping, type MappingData } from "../../../envs/accelerator/mapping.js";
import { partsOf } from "../../../envs/accelerator/network-cost.js";
import { makeProblem } from "../../../envs/accelerator/problem.js";

const word = { weights: 8, inputs: 8, outputs: 8, partial: 8 };
const layer = makeProblem({
  extents: [1, 1, 8, 8, 8, 1, 1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  relevance: [0b11001110, 0b11111011, 0b00110111],
  bits: word,
  operation: "mac",
  weightsAreActivations: false,
});

function chip(overheads: AcceleratorFile["overheads"], dramBytesPerCycle = 2) {
  return buildAccelerator({
    name: "array",
    nodeNm: 45,
    clockMhz: 1000,
    mac: {},
    overheads,
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: dramBytesPerCycle },
      {
        name: "buffer",
        type: "sram",
        capacityBytes: 4096,
        fanout: [
          { name: "columns", size: 4 },
          { name: "rows", size: 4 },
        ],
      },
      { name: "register", type: "regfile", keeps: ["weights"], capacityBytes: 1 },
    ],
  });
}

/** DRAM takes the rows in two halves; each half walks 2 × 2 weight blocks, 4 rows each: 4 · 4 · 2 = 32 cycles */
const mapping: MappingData = [
  { level: "DRAM", temporal: [{ dim: "P", bound: 2 }], spatial: [] },
  {
    level: "buffer",
    temporal: [
      { dim: "K", bound: 2 },
      { dim: "C", bound: 2 },
    ],
    spatial: [
      { dim: "K", bound: 4, axis: "columns" },
      { dim: "C", bound: 4, axis: "rows" },
    ],
  },
  { level: "register", temporal: [{ dim: "P", bound: 4 }], spatial: [] },
];

function cost(overheads: AcceleratorFile["overheads"], dramBytesPerCycle?: number): CostModel {
  const machine = chip(overheads, dramBytesPerCycle);
  const model = new CostModel(machine);
  model.evaluate(layer, compileMapping(mapping, machine));
  return model;
}

describe("named overheads", () => {
  it("are none by default: DRAM moves 64 weights, 64 inputs, 64 outputs at 2 bytes a cycle", () => {
    const model = cost({});
    expect(model.computeCycles).toBe(32);
    expect(partsOf(model)).toEqual({ steady: 96 });
    expect(model.latencyCycles).toBe(96);
  });

  it("expose the first load and last store, without counting their transfer twice", () => {
    // first tile: 64 weights + 32 inputs = 48 cycles; last store: 32 outputs = 16; what remains is compute or 32 of DRAM
    const model = cost({ firstLoad: true, lastStore: true });
    expect(partsOf(model)).toEqual({ firstLoad: 48, lastStore: 16, steady: 32 });
    // fast DRAM: 64 bytes a cycle
    expect(partsOf(cost({ firstLoad: true, lastStore: true }, 64))).toEqual({
      firstLoad: 1.5,
      lastStore: 0.5,
      steady: 32,
    });
  });

  it("load everything again for every DRAM tile: the 64 weights twice", () => {
    const model = cost({ reloadPerDramTile: true });
    expect([model.reads[0], model.reads[1], model.updates[2]]).toEqual([128, 64, 64]);
    expect(model.latencyCycles).toBe(128);
  });

  it("fill and drain the array once per weight residency: 2 DRAM tiles × 2 × 2 blocks", () => {
    expect(partsOf(cost({ arrayFillCycles: 4, arrayDrainCycles: 2 }, 1000))).toEqual({
      steady: 32,
      arrayFill: 32,
      arrayDrain: 16,
    });
    // hidden behind 96 cycles of DRAM: only what sticks out adds up
    expect(cost({ arrayFillCycles: 4 }).latencyCycles).toBe(96);
    expect(cost({ arrayFillCycles: 9 }).latencyCycles).toBe(32 + 8 * 9);
  });

  it("count residencies of the operand that stays: outputs change with P and K only", () => {
    const model = cost({ stationary: "outputs", arrayDrainCycles: 3 }, 1000);
    // outputs have no register: their innermost level is the buffer, whose tile changes with DRAM's loop P
    expect(partsOf(model)).toEqual({ steady: 32, arrayDrain: 6 });
  });

  it("start every DRAM tile", () => {
    expect(partsOf(cost({ dramTileStartCycles: 10 }, 1000))).toEqual({ steady: 32, tileStart: 20 });
  });

  it("add up to the latency", () => {
    const model = cost({
      firstLoad: true,
      lastStore: true,
      reloadPerDramTile: true,
      dramTileStartCycles: 7,
      arrayFillCycles: 4,
      arrayDrainCycles: 6,
    });
    const sum = LATENCY_PARTS.reduce((total, name) => total + (partsOf(model)[name] ?? 0), 0);
    expect(model.latencyCycles).toBe(Math.ceil(sum));
    expect(model.latencyCycles).toBeGreaterThanOrEqual(128 + 14);
  });
});

describe("DRAM that answers in lines of 8 bytes", () => {
  /** half of the 8 output channels in a DRAM tile: runs of 4 bytes of weights and outputs; inputs with all their channels */
  const halves = (loops: MappingData[number]["temporal"]): MappingData => [
    { level: "DRAM", temporal: loops, spatial: [] },
    { level: "buffer", temporal: [{ dim: "C", bound: 2 }], spatial: mapping[1]!.spatial },
    mapping[2]!,
  ];
  const dramCycles = (dramLineBytes: number, loops: MappingData[number]["temporal"]): number => {
    const machine = chip({ dramLineBytes });
    const model = new CostModel(machine);
    model.evaluate(layer, compileMapping(halves(loops), machine));
    return model.levelCycles[0]!;
  };
  const kOutside = [{ dim: "K", bound: 2 }, { dim: "P", bound: 2 }] as const; // biome-ignore format: one line
  const kInside = [{ dim: "P", bound: 2 }, { dim: "K", bound: 2 }] as const; // biome-ignore format: one line

  it("takes a whole line for every half line: 64 bytes of weights and of outputs as long as 128", () => {
    expect(dramCycles(0, kOutside)).toBe((64 + 128 + 64) / 2);
    expect(dramCycles(8, kOutside)).toBe((128 + 128 + 128) / 2);
    expect(dramCycles(4, kOutside)).toBe((64 + 128 + 64) / 2);
  });
  it("finds the rest of a line in place when the next tile goes on along it; writes are requests of their own", () => {
    expect(dramCycles(0, kInside)).toBe((128 + 64 + 64) / 2);
    expect(dramCycles(8, kInside)).toBe((128 + 64 + 128) / 2);
  });
  it("leaves counts and energy as they are", () => {
    const run = (dramLineBytes: number) => {
      const machine = chip({ dramLineBytes });
      const model = new CostModel(machine);
      model.evaluate(layer, compileMapping(halves(kOutside), machine));
      return [model.reads[0], model.updates[2], model.energyPj];
    };
    expect(run(8)).toEqual(run(0));
  });
});
