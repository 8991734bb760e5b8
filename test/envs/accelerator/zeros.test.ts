import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AcceleratorFile, buildAccelerator, loadAccelerator } from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { layerParts } from "../../../envs/accelerator/layer-file.js";
import { mapProblem } from "../../../envs/accelerator/mapper.js";
import { compileMapping } from "../../../envs/accelerator/mapping.js";
import { LayerCosts, peakCycles, schedule } from "../../../envs/accelerator/network-cost.js";
import { C, I, K, makeProblem, N, O, P, Q, W } from "../../../envs/accelerator/problem.js";
import { type Zeros, zeroShares, zerosSchema } from "../../../envs/accelerator/zeros.js";
import { deploymentSchema } from "../../../envs/deployment/deployment.js";
import { evaluateHardware } from "../../../envs/evaluate-design.js";
import { buildNetwork, loadNetwork, type NetworkFile } from "../../../envs/network/network-file.js";

const zeros = (given: object): Zeros => zerosSchema.parse(given);
const sparse = (weights: number, inputs: number, hasPattern = false) => ({ weights, inputs, hasPattern });
const of = (given: object, density: ReturnType<typeof sparse>, channels = 64) => {
  const { cycles, operations, accesses } = zeroShares(zeros(given), density, "mac", channels);
  return [cycles, operations, ...accesses];
};

/** cycles, operations, reads of weights, reads of inputs, updates of sums */
describe("what remains of the work", () => {
  it("is all of it on a machine that notices no zeros", () => {
    expect(of({}, sparse(0.5, 0.25))).toEqual([1, 1, 1, 1, 1]);
    expect(of({ pattern: { keeps: 2, of: 4 } }, sparse(0.5, 0.25))).toEqual([1, 1, 1, 1, 1]);
  });

  it("takes as long where zeros are gated: inputs are looked at first, then weights", () => {
    expect(of({ gate: ["inputs"] }, sparse(0.5, 0.25))).toEqual([1, 0.25, 0.25, 1, 0.25]);
    expect(of({ gate: ["weights"] }, sparse(0.5, 0.25))).toEqual([1, 0.5, 1, 0.5, 0.5]);
    expect(of({ gate: ["weights", "inputs"] }, sparse(0.5, 0.25))).toEqual([1, 0.125, 0.25, 1, 0.125]);
  });

  it("takes its share of the time where zeros are skipped", () => {
    expect(of({ skip: ["inputs"] }, sparse(0.5, 0.25))).toEqual([0.25, 0.25, 0.25, 0.25, 0.25]);
    expect(of({ skip: ["weights", "inputs"] }, sparse(0.5, 0.25))).toEqual([0.125, 0.125, 0.125, 0.125, 0.125]);
    // what is issued and still has a zero is gated
    expect(of({ skip: ["weights"], gate: ["inputs"] }, sparse(0.5, 0.25))).toEqual([0.5, 0.125, 0.125, 0.5, 0.125]);
  });

  it("is half of the cycles for weights pruned 2 of 4, and for nothing else", () => {
    const machine = { pattern: { keeps: 2, of: 4 } };
    expect(of(machine, sparse(0.5, 1, true))).toEqual([0.5, 0.5, 0.5, 0.5, 0.5]);
    expect(of(machine, sparse(0.25, 1, true))).toEqual([0.5, 0.5, 0.5, 0.5, 0.5]);
    expect(of(machine, sparse(0.6, 1, true))).toEqual([1, 1, 1, 1, 1]);
    expect(of(machine, sparse(0.5, 1, false))).toEqual([1, 1, 1, 1, 1]);
    expect(of(machine, sparse(0.5, 1, true), 3)).toEqual([1, 1, 1, 1, 1]); // a pattern spans four channels
    expect(of({ ...machine, gate: ["weights"] }, sparse(0.25, 1, true))[1]).toBe(0.25);
  });

  it("is all of it where no zero makes the result: additions and products of maps", () => {
    expect(zeroShares(zeros({ skip: ["inputs"] }), sparse(1, 0.5), "accumulate", 64).cycles).toBe(1);
  });
});

/** One unit, DRAM and a buffer; 1 pJ to read and 2 to write a byte, 3 pJ an operation. */
const unit = (given: object) =>
  buildAccelerator({
    name: "unit",
    nodeNm: 45,
    clockMhz: 1000,
    mac: { rate: { "8": 1 }, energyPj: 3 },
    partialBits: 16,
    zeros: given,
    levels: [
      { name: "DRAM", type: "dram", readPj: 10, writePj: 10, wordBits: 8 },
      { name: "buffer", type: "sram", capacityBytes: 4096, readPj: 1, writePj: 2, wordBits: 8 },
    ],
  } as AcceleratorFile);

describe("a layer of 2 × 4 weights on one unit", () => {
  const layer = makeProblem({
    extents: [1, 1, 2, 4, 1, 1, 1, 1],
    stride: [1, 1],
    dilation: [1, 1],
    relevance: [(1 << K) | (1 << C), (1 << N) | (1 << C) | (1 << P), (1 << N) | (1 << K) | (1 << P) | (1 << Q)],
    bits: { weights: 8, inputs: 8, outputs: 8, partial: 16 },
    operation: "mac",
    density: { weights: 1, inputs: 0.5, hasPattern: false },
    weightsAreActivations: false,
  });
  const costOn = (given: object) => {
    const chip = unit(given);
    const mapping = compileMapping(
      [
        { level: "DRAM", temporal: [], spatial: [] },
        {
          level: "buffer",
          temporal: [
            { dim: "K", bound: 2 },
            { dim: "C", bound: 4 },
          ],
          spatial: [],
        },
      ],
      chip,
    );
    const model = new CostModel(chip);
    model.evaluate(layer, mapping);
    return model;
  };

  it("reads half of the weights and touches half of the sums where zero inputs are gated, in the same time", () => {
    const [plain, gated] = [costOn({}), costOn({ gate: ["inputs"] })];
    expect(gated.latencyCycles).toBe(8);
    expect(plain.latencyCycles).toBe(8);
    const at = (model: CostModel, operand: number) => [model.reads[3 + operand], model.updates[3 + operand]];
    expect([at(plain, W), at(plain, I), at(plain, O)]).toEqual([
      [8, 0],
      [8, 0],
      [6, 8],
    ]);
    expect([at(gated, W), at(gated, I), at(gated, O)]).toEqual([
      [4, 0],
      [8, 0],
      [3, 5], // two first writes, and half of the six that follow
    ]);
    // 4 operations of 3 pJ; 4 weights of 1 pJ; 3 sums of two bytes less to read (1 pJ) and to write (2 pJ)
    expect(plain.energyPj - gated.energyPj).toBeCloseTo(4 * 3 + 4 * 1 + 3 * 2 * (1 + 2), 9);
  });

  it("takes half of the cycles where they are skipped, and moves what it moved over the DRAM", () => {
    const [plain, skipping] = [costOn({}), costOn({ skip: ["inputs"] })];
    expect(skipping.computeCycles).toBe(4);
    expect(skipping.reads[3 + I]).toBe(4);
    for (const operand of [W, I, O]) {
      expect(skipping.reads[operand]).toBe(plain.reads[operand]);
      expect(skipping.updates[operand]).toBe(plain.updates[operand]);
    }
    expect(peakCycles(layer, skipping.chip)).toBe(4);
  });
});

describe("any layer on any machine", () => {
  const shares = fc.constantFrom(1, 0.75, 0.5, 0.3);
  const given = fc.record({
    gate: fc.subarray(["weights", "inputs"]),
    skip: fc.subarray(["weights", "inputs"]),
    pattern: fc.constantFrom(undefined, { keeps: 2, of: 4 }),
  });
  const chipWith = (zeroAbility: object) => buildAccelerator({ ...small, zeros: zeroAbility });
  const small: AcceleratorFile = {
    name: "small",
    nodeNm: 45,
    clockMhz: 500,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 4 },
      { name: "buffer", type: "sram", capacityBytes: 16384, fanout: [{ name: "lanes", size: 16 }] },
      { name: "registers", type: "regfile", capacityBytes: 64 },
    ],
  };

  it("saves no more than its zeros, never costs more than without the ability, and stays flexible", () => {
    fc.assert(
      fc.property(
        given,
        shares,
        shares,
        fc.boolean(),
        fc.integer({ min: 1, max: 24 }),
        fc.integer({ min: 1, max: 24 }),
        (ability, weights, inputs, pattern, channels, filters) => {
          const [part] = layerParts({
            kind: "conv",
            K: filters,
            C: channels,
            P: 7,
            Q: 7,
            R: 3,
            S: 3,
            density: { weights, inputs, pattern },
          } as never);
          const { pattern: p, ...rest } = ability;
          const costOf = (chip: ReturnType<typeof chipWith>, objective: "latency" | "energy", dataflow?: string) => {
            const own = dataflow === undefined ? chip : { ...chip, dataflow: dataflow as "weight-stationary" };
            const model = new CostModel(own);
            const result = mapProblem(part!.problem, model, { objective, budget: 40 });
            if (result.kind !== "mapped") throw new Error("unmappable");
            model.evaluate(part!.problem, result.mapping);
            return { latency: model.latencyCycles, energy: model.energyPj, mapping: result.mapping };
          };
          const able = chipWith(p === undefined ? rest : { ...rest, pattern: p });
          const plain = chipWith({});
          for (const objective of ["latency", "energy"] as const) {
            const [on, off] = [costOf(able, objective), costOf(plain, objective)];
            // the same mapping is never worse on the machine that notices zeros
            const model = new CostModel(able);
            model.evaluate(part!.problem, off.mapping);
            expect(model.latencyCycles).toBeLessThanOrEqual(off.latency);
            expect(model.energyPj).toBeLessThanOrEqual(off.energy * (1 + 1e-12));
            expect(model.computeCycles).toBeGreaterThanOrEqual(
              (part!.problem.operationCount * weights * inputs) / able.macUnits - 1e-9,
            );
            expect(on[objective]).toBeLessThanOrEqual(costOf(able, objective, "weight-stationary")[objective] + 1e-6);
          }
        },
      ),
      { numRuns: 15, seed: 3 },
    );
  });
});

describe("a network", () => {
  const MAPPER = { objective: "energy", budget: 24 } as const;
  const deploy = (given: object) => deploymentSchema.parse(given);

  it("has the zeros that its deployment says, by the stage that made them; its input has none", () => {
    const net = buildNetwork({
      name: "stages",
      input: { resolution: 8, channels: 4 },
      layers: [
        { kind: "conv", name: "a", channels: 8, kernel: 1, stage: 0 },
        { kind: "conv", name: "b", channels: 8, kernel: 1, stage: 1 },
        { kind: "matmul", name: "c", inputs: ["a", "b"], rows: 64, inner: 8, columns: 64, stage: 2 },
      ],
    } as unknown as NetworkFile);
    const given = { activationDensity: [0.5, 0.25], pruning: { kind: "pattern", sparsity: 0.5 } };
    const { problems } = schedule(net, loadAccelerator("nahas-edge"), deploy(given));
    expect(problems.map(({ density }) => density)).toEqual([
      { weights: 0.5, inputs: 1, hasPattern: true },
      { weights: 0.5, inputs: 0.5, hasPattern: true },
      { weights: 0.25, inputs: 0.5, hasPattern: false },
    ]);
  });

  it("gains nothing from zeros on a machine that does not notice them, energy alone on Eyeriss, which gates", () => {
    const net = loadNetwork("mobilenet-v2");
    const costs = (name: string, given: object) => {
      const result = evaluateHardware(net, new LayerCosts(loadAccelerator(name), MAPPER), deploy(given));
      if (result.kind !== "measured") throw new Error("infeasible");
      return result.figures;
    };
    expect(costs("nahas-edge", { activationDensity: 0.5 })).toEqual(costs("nahas-edge", {}));
    const [dense, half] = [costs("eyeriss", {}), costs("eyeriss", { activationDensity: 0.5 })];
    expect(half.energyMillijoules).toBeLessThan(dense.energyMillijoules);
  });
});
