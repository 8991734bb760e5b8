import { describe, expect, it } from "vitest";
import { type AcceleratorFile, buildAccelerator } from "../../../envs/accelerator/architecture.js";
import {
  addEnergyPj,
  dramAccess,
  macAreaMm2,
  macEnergyPj,
  sramAccess,
  sramAreaMm2,
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
    const energies = nodes.map(addEnergyPj);
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
    expect(() => sramAccess(28, 1024, 64)).toThrow(unknown);
    expect(() => sramAreaMm2(28, 1024)).toThrow("SRAM at 28 nm is in no table; allowed: 22, 32, 45, 65 nm");
    expect(() => dramAccess("DDR9", 64)).toThrow(unknown);
    expect(() => dramAccess("DDR9", 64)).toThrow("allowed: LPDDR4, DDR3, DDR4, HBM2");
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
      { name: "DRAM", type: "dram", bandwidthGBps: 4, fanout: [{ name: "units", size: 2 }] },
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
    expect(chip.residentLevel).toBe(-1);
    expect(() => parts({ weights: 32768 })).toThrow(expect.objectContaining({ code: "ACCELERATOR_BAD" }));
  });
  it("takes stated energies as they are, at any node", () => {
    const stated = { readPj: 64, writePj: 32, wordBits: 64 };
    const chip = buildAccelerator({ ...file, levels: [{ name: "DRAM", type: "dram", ...stated }, file.levels[1]!] });
    expect([chip.levels[0]!.readPjPerBit, chip.levels[0]!.writePjPerBit]).toEqual([1, 0.5]);
  });
});
