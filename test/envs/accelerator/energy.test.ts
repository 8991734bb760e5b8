import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AcceleratorFile, buildAccelerator, operationEnergyPj } from "../../../envs/accelerator/architecture.js";
import { components } from "../../../envs/accelerator/components.js";
import {
  addEnergyPj,
  dramAccess,
  hopPjPerBit,
  macAreaMm2,
  macEnergyPj,
  registerAccess,
  registerAreaMm2,
  sramAccess,
  sramAreaMm2,
  sramLeakageMw,
} from "../../../envs/accelerator/energy.js";

describe("logic", () => {
  it("spends 0.315 pJ and 417 µm² on an 8-bit MAC at 45 nm (Accelergy's Aladdin table)", () => {
    expect(macEnergyPj(45, 8, 8)).toBeCloseTo(0.315, 12);
    expect(macAreaMm2(45, 8)).toBeCloseTo(417e-6, 12);
  });
  it("grows the multiplier with the product of the widths: 4 × 0.215 + 0.1 pJ at 16 bit", () => {
    expect(macEnergyPj(45, 16, 16)).toBeCloseTo(0.96, 12);
    expect(macEnergyPj(45, 4, 8)).toBeCloseTo(0.2075, 12);
    // Horowitz 2014: a 32-bit multiply 3.1 pJ; the law gives 3.44
    expect(macEnergyPj(45, 32, 32) - 0.1).toBeGreaterThan(3.1 * 0.85);
    expect(macEnergyPj(45, 32, 32) - 0.1).toBeLessThan(3.1 * 1.15);
  });
  it("is within a tenth of Accelergy's 0.2077 pJ for the same MAC at 32 nm (scaled by 0.601)", () => {
    expect(Math.abs(macEnergyPj(32, 8, 8) / 0.207692 - 1)).toBeLessThan(0.1);
    expect(macAreaMm2(32, 8)).toBeCloseTo(417e-6 * 0.46, 12); // 191.82 µm² there
    expect(macAreaMm2(32, 8) * 1e6).toBeCloseTo(191.82, 2);
  });
  it("lies between the nodes of the table, and shrinks with them", () => {
    const nodes = [65, 45, 32, 28, 22, 16, 12, 7];
    const energies = nodes.map((node) => addEnergyPj(node));
    expect([...energies].sort((a, b) => b - a)).toEqual(energies);
    expect(addEnergyPj(65)).toBeCloseTo(0.16516, 10);
  });
  it("does not reach outside its nodes", () => {
    for (const node of [90, 5]) {
      expect(() => macEnergyPj(node, 8, 8)).toThrow(expect.objectContaining({ code: "ENERGY_UNKNOWN_COMPONENT" }));
      expect(() => macAreaMm2(node, 8)).toThrow(`${node} nm is in no table; allowed: 7 to 65 nm`);
    }
  });
});

describe("memories", () => {
  /** CACTI 7 runs, three fits' own errors wide (root mean square of the logarithms 0.18 reading, 0.1 writing, 0.08 area) */
  const RUNS = [
    { nodeNm: 22, bytes: 2048, bits: 64, readPj: 0.4059, writePj: 0.5292, areaMm2: 0.001801 },
    { nodeNm: 22, bytes: 32768, bits: 64, readPj: 2.1191, writePj: 1.7487, areaMm2: 0.031654 },
    { nodeNm: 32, bytes: 65536, bits: 256, readPj: 12.1559, writePj: 11.7735, areaMm2: 0.137781 },
    { nodeNm: 45, bytes: 65536, bits: 64, readPj: 13.069, writePj: 8.0627, areaMm2: 0.209084 },
    { nodeNm: 65, bytes: 131072, bits: 64, readPj: 29.958, writePj: 21.6835, areaMm2: 0.896359 },
  ];
  for (const { nodeNm, bytes, bits, readPj, writePj, areaMm2 } of RUNS) {
    it(`of ${bytes} bytes at ${nodeNm} nm, ${bits} bits wide, cost what CACTI says, within the fit's error`, () => {
      const access = sramAccess(nodeNm, bytes, bits);
      expect(Math.abs(Math.log(access.readPj / readPj))).toBeLessThan(3 * 0.18);
      expect(Math.abs(Math.log(access.writePj / writePj))).toBeLessThan(3 * 0.1);
      expect(Math.abs(Math.log(sramAreaMm2(nodeNm, bytes) / areaMm2))).toBeLessThan(3 * 0.08);
    });
  }
  it("cost more per access the larger they are: about the square root of the size", () => {
    const ratio = sramAccess(45, 4 * 65536, 64).readPj / sramAccess(45, 65536, 64).readPj;
    expect(ratio).toBeGreaterThan(1.9);
    expect(ratio).toBeLessThan(2.3);
  });
  it("cost 512 pJ per 64 bits of LPDDR4, 56.53 pJ per byte of DDR3", () => {
    expect(dramAccess("LPDDR4", 64)).toEqual({ readPj: 512, writePj: 512 });
    expect(dramAccess("DDR3", 8).readPj).toBeCloseTo(56.53, 1);
  });
  it("of an unknown node or type are an error that names what is known", () => {
    const unknown = expect.objectContaining({ code: "ENERGY_UNKNOWN_COMPONENT" });
    expect(() => sramAccess(16, 1024, 64)).toThrow(unknown);
    expect(() => sramAreaMm2(16, 1024)).toThrow("SRAM at 16 nm is in no table; allowed: 22 to 65 nm");
    expect(() => dramAccess("DDR9", 64)).toThrow(unknown);
    expect(() => dramAccess("DDR9", 64)).toThrow(
      'DRAM type "DDR9" is in no table; allowed: LPDDR2, LPDDR3, LPDDR4, LPDDR4X, LPDDR5, DDR3, DDR4, GDDR5, HBM2',
    );
  });
});

describe("a whole chip", () => {
  const file: AcceleratorFile = {
    name: "two by four",
    nodeNm: 45,
    clockMhz: 500,
    mac: { bits: 8 },
    otherAreaMm2: 0.5,
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 4, fanout: [{ name: "units", size: 2 }] },
      { name: "local", type: "sram", capacityBytes: 65536, fanout: [{ name: "lanes", size: 4 }] },
    ],
  };
  it("has the area of its parts: 2 memories, 8 multipliers, and what is stated", () => {
    const chip = buildAccelerator(file);
    expect(chip.macUnits).toBe(8);
    expect(chip.levels[1]!.instances).toBe(2);
    expect(chip.areaMm2).toBeCloseTo(0.5 + 2 * sramAreaMm2(45, 65536) + 8 * 417e-6, 12);
  });
  it("turns 4 GB/s at 500 MHz into 8 bytes a cycle", () => {
    expect(buildAccelerator(file).levels[0]!.sharedBytesPerCycle).toBe(8);
  });
  it("adds the area of partitions one by one, and asks for one per operand kept", () => {
    const parts = (capacityBytes: object) =>
      buildAccelerator({ ...file, levels: [file.levels[0]!, { name: "local", type: "sram", capacityBytes }] });
    const chip = parts({ weights: 32768, inputs: 16384, outputs: 16384 });
    expect(chip.levels[1]!.areaMm2).toBeCloseTo(sramAreaMm2(45, 32768) + 2 * sramAreaMm2(45, 16384), 12);
    expect(() => parts({ weights: 32768 })).toThrow(expect.objectContaining({ code: "ACCELERATOR_BAD" }));
  });
  it("takes stated energies as they are, at any node", () => {
    const stated = { readPj: 64, writePj: 32, wordBits: 64 };
    const chip = buildAccelerator({
      ...file,
      levels: [{ name: "DRAM", type: "dram", dram: "LPDDR4", ...stated }, file.levels[1]!],
    });
    expect([chip.levels[0]!.readPjPerBit, chip.levels[0]!.writePjPerBit]).toEqual([1, 0.5]);
  });
});

describe("the table of components", () => {
  it("has a source, and a row in the docs, for everything", () => {
    const doc = readFileSync(join(import.meta.dirname, "../../../docs/accelerator-model.md"), "utf8");
    const { arithmetic, dram, network, logicScaling } = components();
    for (const row of arithmetic.rows) {
      expect(doc).toContain(
        `| \`${row.format}\` | ${row.multiplyPj} | ${row.addPj} | ${row.multiplyUm2} | ${row.addUm2} | ${row.basis} | ${row.checked} | ${row.source} |`,
      );
    }
    for (const row of dram) {
      expect(doc).toContain(
        `| \`${row.type}\` | ${row.readPjPerBit} | ${row.writePjPerBit} | ${row.basis} | ${row.checked} | ${row.source} |`,
      );
    }
    for (const row of logicScaling.rows) expect(doc).toContain(`| ${row.nodeNm} nm | ${row.energy} | ${row.area} |`);
    expect(doc).toContain(`${network.rows[0]!.pjPerBit} pJ per bit`);
  });
  it("costs floating point more than whole numbers, at 45 nm: 3.7 + 0.9 and 1.1 + 0.4 pJ as published", () => {
    expect(macEnergyPj(45, 32, 32, "fp32")).toBeCloseTo(4.6, 12);
    expect(macEnergyPj(45, 16, 16, "fp16")).toBeCloseTo(1.5, 12);
    expect(macEnergyPj(45, 16, 16, "bf16")).toBeCloseTo(0.982, 12);
    expect(macAreaMm2(45, 16, "fp16")).toBeCloseTo(3000e-6, 12);
    expect(addEnergyPj(45, "fp32")).toBeCloseTo(0.9, 12);
  });
  it("prices a named whole-number format like its width", () => {
    for (const bits of [4, 8, 16, 32]) {
      expect(macEnergyPj(45, bits, bits, `int${bits}`)).toBeCloseTo(macEnergyPj(45, bits, bits), 12);
      expect(macAreaMm2(45, bits, `int${bits}`)).toBeCloseTo(macAreaMm2(45, bits), 12);
    }
    expect(() => macEnergyPj(45, 64, 64)).toThrow(
      "arithmetic of 64-bit whole numbers is in no table; allowed: 1 to 32 bits",
    );
    expect(() => macEnergyPj(45, 8, 8, "posit8")).toThrow('number format "posit8" is in no table; allowed: int4, int8');
  });
  it("moves a 16-bit word to a neighbour for two 16-bit multiply-accumulates, at every node", () => {
    for (const node of [65, 45, 28, 7]) expect((16 * hopPjPerBit(node)) / macEnergyPj(node, 16, 16)).toBeCloseTo(2, 2);
  });
  it("takes the type of DRAM in any case", () => {
    expect(dramAccess("lpddr4x", 64)).toEqual({ readPj: 6.4 * 64, writePj: 6.4 * 64 });
    expect(dramAccess("ddr4", 8).writePj).toBeCloseTo(45.07, 1);
  });
  it("puts SRAM of 28 nm between 22 and 32, on the straight line of the logarithms", () => {
    const at = (node: number): number => sramAccess(node, 65536, 64).readPj;
    const weight = Math.log(32 / 28) / Math.log(32 / 22);
    expect(at(28)).toBeCloseTo(at(32) ** (1 - weight) * at(22) ** weight, 10);
    expect(sramAreaMm2(28, 65536)).toBeLessThan(sramAreaMm2(32, 65536));
  });
  it("has Accelergy's register files: 12 and 192 words of 16 bits read for 0.31 and 3.0 pJ at 45 nm", () => {
    const relative = (ours: number, theirs: number): number => Math.abs(ours / theirs - 1);
    expect(relative(registerAccess(45, 24, 16).readPj, 0.310924)).toBeLessThan(0.05);
    expect(relative(registerAccess(45, 384, 16).readPj, 3.005554)).toBeLessThan(0.05);
    expect(relative(registerAccess(45, 384, 16).writePj, 2.861554)).toBeLessThan(0.05);
    expect(relative(registerAccess(32, 384, 16).readPj, 1.976602)).toBeLessThan(0.15);
    expect(relative(registerAreaMm2(45, 384, 16), 12639.8e-6)).toBeLessThan(0.25);
    expect(() => registerAccess(45, 32768, 16)).toThrow("register file of 16384 words is in no table");
  });
  it("leaks 24.4 mW in 64 KiB at 22 nm and 360 K, as CACTI says", () => {
    expect(Math.abs(Math.log(sramLeakageMw(22, 65536) / 24.42))).toBeLessThan(0.15);
  });
});

describe("a machine that asks for what is in no table", () => {
  const dram = { name: "DRAM", type: "dram", dram: "LPDDR4" } as const;
  const local = { name: "local", type: "sram", capacityBytes: 1024 } as const;
  const base: AcceleratorFile = { name: "odd", nodeNm: 45, clockMhz: 100, mac: {}, levels: [dram, local] };
  const build = (change: object): (() => unknown) => {
    return () => buildAccelerator({ ...base, ...change });
  };
  it("is told which part, which value and what is allowed", () => {
    expect(build({ levels: [{ ...dram, dram: "LPDDR9" }, local] })).toThrow(
      'odd: levels[0] (DRAM): DRAM type "LPDDR9" is in no table; allowed: LPDDR2',
    );
    expect(build({ nodeNm: 10 })).toThrow("odd: levels[1] (local): SRAM at 10 nm is in no table; allowed: 22 to 65 nm");
    expect(build({ mac: { formats: { "16": "fp17" } } })).toThrow('odd: mac: number format "fp17" is in no table');
    expect(build({ mac: { formats: { "16": "fp32" } } })).toThrow('mac.formats."16" is "fp32", which has 32 bits');
  });
  it("gets no DRAM that it did not name", () => {
    const { dram: _type, ...nameless } = dram;
    expect(build({ levels: [nameless, local] })).toThrow(
      'accelerator odd: levels[0].dram is missing; state the type of DRAM ("LPDDR4", ...), or readPj and writePj',
    );
    expect(build({ levels: [{ ...nameless, readPj: 1, writePj: 1 }, local] })).not.toThrow();
  });
  it("names the key of every mistake, without a stack of the schema", () => {
    const wrong = build({ clockMhz: -1, levels: [dram, { ...local, capacityBites: 3 }] });
    expect(wrong).toThrow(expect.objectContaining({ code: "FILE_BAD_VALUE" }));
    expect(wrong).toThrow("accelerator odd: clockMhz is -1");
    expect(wrong).toThrow("levels[1].capacityBites is not a key here; did you mean");
  });
  it("can be built at any node when it states its figures", () => {
    const figures = { readPj: 1, writePj: 1, areaMm2: 0.01 };
    const chip = buildAccelerator({
      ...base,
      nodeNm: 5,
      mac: { energyPj: 0.05, addPj: 0.01, areaMm2: 1e-5 },
      levels: [dram, { ...local, ...figures, fanout: [{ name: "units", size: 10 }] }],
    });
    expect(chip.areaMm2).toBeCloseTo(0.01 + 10e-5, 12);
    expect(chip.addEnergyPj).toBe(0.01);
  });
  it("has the leakage of its memories when it says `table`", () => {
    const chip = buildAccelerator({ ...base, leakageMw: "table" });
    expect(chip.leakageMw).toBeCloseTo(sramLeakageMw(45, 1024), 12);
  });
  it("prices floating point by the format that it states for the precision", () => {
    const chip = buildAccelerator({ ...base, mac: { bits: 16, formats: { "16": "bf16" } } });
    expect(operationEnergyPj(chip, "mac", 16, 16)).toBeCloseTo(0.982, 12);
    expect(operationEnergyPj(chip, "mac", 8, 8)).toBeCloseTo(0.315, 12);
    expect(chip.addEnergyPj).toBeCloseTo(0.4, 12);
  });
});
