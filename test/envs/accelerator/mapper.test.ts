import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Accelerator,
  type AcceleratorFile,
  acceleratorSchema,
  buildAccelerator,
  DATAFLOWS,
  type DataflowName,
  loadAccelerator,
  operationEnergyPj,
  operationRate,
} from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { DATAFLOW_CONSTRAINTS } from "../../../envs/accelerator/dataflow.js";
import { mapProblem, OBJECTIVES, type Objective } from "../../../envs/accelerator/mapper.js";
import { covers, type Mapping, mappingData } from "../../../envs/accelerator/mapping.js";
import { boundsOf } from "../../../envs/accelerator/network-cost.js";
import { C, DIM_COUNT, DIMS, K, N, O, P, type Problem, Q, S, W } from "../../../envs/accelerator/problem.js";
import { loadNetwork } from "../../../envs/network/network-file.js";
import { loadSpaceFile } from "../../../envs/space-file.js";
import { distinctLayers } from "../../../experiments/mapper-quality.js";
import { fillTemplate } from "../../../src/core/template.js";
import { machine, mappingOf, problem, smallProblem } from "./random-cases.js";

const FIXED = DATAFLOWS.filter((name) => name !== "flexible");
const edge = loadSpaceFile("nahas-edge-space", acceleratorSchema);

/** A machine of the NAHAS edge space, flexible. */
const edgeMachine: fc.Arbitrary<Accelerator> = fc
  .tuple(...edge.space.knobs.map((knob) => fc.constantFrom(...knob.values)))
  .map((values) => {
    const candidate = Object.fromEntries(edge.space.knobs.map((knob, i) => [knob.name, values[i]!]));
    return buildAccelerator(fillTemplate(edge.template, { ...candidate, dataflow: "flexible" }) as AcceleratorFile);
  });

/** Layers that networks have, of every kind. */
const networkLayer: fc.Arbitrary<Problem> = fc
  .tuple(fc.constantFrom("mobilenet-v2", "resnet-50", "mobilenet-v3-large"), fc.nat(), fc.constantFrom(1, 4))
  .map(([name, index, batch]) => {
    const { layers } = loadNetwork(name);
    const chosen = layers[index % layers.length]!;
    return problem(chosen.kind, chosen, batch);
  });

const objective = fc.constantFrom<Objective[]>(...OBJECTIVES);

function mapped(given: Problem, model: CostModel, wanted: Objective, budget: number, dataflow?: DataflowName): Mapping {
  const result = mapProblem(given, model, { objective: wanted, budget, ...(dataflow && { dataflow }) });
  if (result.kind !== "mapped") throw new Error(JSON.stringify(result));
  model.evaluate(given, result.mapping);
  return result.mapping;
}

const value = (model: CostModel, wanted: Objective): number =>
  wanted === "latency"
    ? model.latencyCycles
    : wanted === "energy"
      ? model.energyPj
      : model.energyPj * model.latencyCycles;

/** Whether each axis carries at most its size, and only dimensions that may unroll there. */
function respectsFanout(mapping: Mapping, chip: Accelerator, allowed: number): boolean {
  return mappingData(mapping, chip).every(({ spatial }, l) =>
    chip.levels[l]!.fanout.every((axis) => {
      const here = spatial.filter((loop) => loop.axis === axis.name);
      const bits = here.map(({ dim }) => 1 << DIMS.indexOf(dim));
      const used = here.reduce((product, { bound }) => product * bound, 1);
      return used <= axis.size && bits.every((bit) => (axis.dimMask & allowed & bit) !== 0);
    }),
  );
}

describe("every mapping that the mapper finds", () => {
  const nahas = loadAccelerator("nahas-edge");

  it("covers the layer, fits every level and fan-out, and beats no bound", () => {
    fc.assert(
      fc.property(networkLayer, edgeMachine, objective, fc.constantFrom(...DATAFLOWS), (given, chip, wanted, flow) => {
        const model = new CostModel(chip);
        const mapping = mapped(given, model, wanted, 12, flow);
        expect(covers(mapping, given, chip.levels.length)).toBe(true);
        expect(model.fits()).toBe(true);
        expect(respectsFanout(mapping, chip, DATAFLOW_CONSTRAINTS[flow].spatialMask)).toBe(true);
        const { weights, inputs } = given.bits;
        const bounds = boundsOf(given, chip, operationEnergyPj(chip, given.operation, weights, inputs));
        const peak = chip.macUnits * operationRate(chip, weights, inputs);
        expect(model.latencyCycles).toBeGreaterThanOrEqual(given.operationCount / peak);
        expect(model.latencyCycles).toBeGreaterThanOrEqual(bounds.cycles * (1 - 1e-12));
        expect(model.energyPj).toBeGreaterThanOrEqual(bounds.energyPj);
        expect(model.reads[W]).toBeGreaterThanOrEqual(given.words[W]);
        expect(model.updates[O]).toBeGreaterThanOrEqual(given.words[O]);
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  it("also on random machines with levels that pass operands by", () => {
    fc.assert(
      fc.property(smallProblem, machine, objective, (given, chip, wanted) => {
        const model = new CostModel(chip);
        const mapping = mapped(given, model, wanted, 12);
        expect(covers(mapping, given, chip.levels.length)).toBe(true);
        expect(respectsFanout(mapping, chip, 255)).toBe(true);
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  it("is at least as good, on a flexible machine, as that of every fixed dataflow", () => {
    fc.assert(
      fc.property(networkLayer, edgeMachine, objective, (given, chip, wanted) => {
        const model = new CostModel(chip);
        mapped(given, model, wanted, 12);
        const flexible = value(model, wanted);
        for (const flow of FIXED) {
          mapped(given, model, wanted, 12, flow);
          expect(flexible, flow).toBeLessThanOrEqual(value(model, wanted) * (1 + 1e-12));
        }
      }),
      { numRuns: 150, seed: 6 },
    );
  });

  it("so also for every layer of MobileNetV2 and ResNet-50 on the NAHAS edge machine", () => {
    const model = new CostModel(nahas);
    for (const name of ["mobilenet-v2", "resnet-50"]) {
      for (const one of loadNetwork(name).layers) {
        const given = problem(one.kind, one);
        mapped(given, model, "edp", 12);
        const flexible = value(model, "edp");
        for (const flow of FIXED) {
          mapped(given, model, "edp", 12, flow);
          expect(flexible, `${name} ${one.id} ${flow}`).toBeLessThanOrEqual(value(model, "edp") * (1 + 1e-12));
        }
      }
    }
  });

  it("is the same when it is searched again, and is found with the smallest budget too", () => {
    fc.assert(
      fc.property(networkLayer, edgeMachine, objective, (given, chip, wanted) => {
        const model = new CostModel(chip);
        const first = mapped(given, model, wanted, 12);
        expect(mapped(given, new CostModel(chip), wanted, 12)).toEqual(first);
        const quick = mapProblem(given, model, { objective: wanted, budget: 1, dataflow: "weight-stationary" });
        expect(quick).toMatchObject({ kind: "mapped", evaluated: 1 });
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

describe("what a search knows of a machine", () => {
  it.each(["gemmini", "tpu-like", "nahas-edge"])("does not carry over from layer to layer (%s)", (name) => {
    const chip = loadAccelerator(name);
    const used = new CostModel(chip);
    for (const { problem } of distinctLayers("mobilenet-v2", chip).slice(0, 14)) {
      for (const wanted of OBJECTIVES) {
        expect(mapped(problem, used, wanted, 20)).toEqual(mapped(problem, new CostModel(chip), wanted, 20));
      }
    }
  });
});

describe("a machine on which nothing fits", () => {
  const tiny = (capacityBytes: number) =>
    buildAccelerator({
      name: "tiny",
      nodeNm: 45,
      clockMhz: 1000,
      mac: {},
      levels: [
        { name: "DRAM", type: "dram", dram: "LPDDR4" },
        { name: "registers", type: "regfile", capacityBytes },
      ],
    });
  const conv = problem("conv", { K: 4, C: 4, P: 4, Q: 4 });
  it("says what the smallest tile needs and what there is: 1 + 1 + 4 bytes of 1", () => {
    const result = mapProblem(conv, new CostModel(tiny(1)), { objective: "edp", budget: 12 });
    const violations = [{ subject: "registers", needed: 6, available: 1, unit: "bytes" }];
    expect(result).toEqual({ kind: "unmappable", violations });
  });
  it("has a mapping as soon as that much is there", () => {
    expect(mapProblem(conv, new CostModel(tiny(6)), { objective: "edp", budget: 1 }).kind).toBe("mapped");
  });
});

describe("a dataflow keeps in place what its name says", () => {
  const chip = buildAccelerator({
    name: "one array",
    nodeNm: 45,
    clockMhz: 1000,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4" },
      { name: "GLB", type: "sram", capacityBytes: 1 << 20, fanout: [{ name: "PEs", size: 64 }] },
      { name: "RF", type: "regfile", capacityBytes: 48 },
    ],
  });
  const model = new CostModel(chip);
  const conv = problem("conv", { K: 32, C: 16, P: 14, Q: 14, R: 3, S: 3 });
  const at = (counts: Float64Array, level: number, operand: number) => counts[level * 3 + operand];
  /** bounds of the loops at the GLB, outer to inner, without those that run once */
  const loops = (mapping: Mapping) =>
    [...Array(DIM_COUNT).keys()]
      .sort((a, b) => mapping.order[DIM_COUNT + a]! - mapping.order[DIM_COUNT + b]!)
      .filter((d) => mapping.temporal[DIM_COUNT + d]! > 1);
  const trailing = (order: number[], dims: number[]) => order.slice(order.findLastIndex((d) => !dims.includes(d)) + 1);

  it("weight-stationary: each weight is loaded into registers once, all pixels pass by it", () => {
    const order = loops(mapped(conv, model, "edp", 12, "weight-stationary"));
    expect(at(model.fills, 2, W)).toBe(conv.words[W]);
    expect(trailing(order, [N, P, Q]).length).toBe(order.filter((d) => [N, P, Q].includes(d)).length);
  });
  it("output-stationary: each output leaves the registers once, finished", () => {
    mapped(conv, model, "edp", 12, "output-stationary");
    expect([at(model.updates, 1, O), at(model.reads, 1, O), at(model.fills, 2, O)]).toEqual([conv.words[O], 0, 0]);
  });
  it("input-stationary: all output channels pass by an input before it is replaced", () => {
    const order = loops(mapped(conv, model, "edp", 12, "input-stationary"));
    expect(trailing(order, [K])).toEqual(order.filter((d) => d === K));
    // so 4 times the output channels ask for no more input loads by the registers
    const loads = at(model.fills, 2, 1)!;
    const more = { ...conv, extents: conv.extents.slice() };
    more.extents[K] = 128;
    model.evaluate(more, scaled(mapped(conv, model, "edp", 12, "input-stationary"), K, 4));
    expect(at(model.fills, 2, 1)).toBe(loads);
  });
  it("row-stationary: a whole filter row is in the registers, and stays", () => {
    const mapping = mapped(conv, model, "edp", 12, "row-stationary");
    expect(mapping.temporal[2 * DIM_COUNT + S]! * mapping.spatial[2 * DIM_COUNT + S]!).toBe(3);
    expect(at(model.fills, 2, W)! / conv.words[W]).toBe(copies(mapping, [P]));
  });
  it("flexible: the array is full, 32 · 16 · 14 · 14 · 3 · 3 operations in a 64th of the cycles", () => {
    mapped(conv, model, "latency", 12);
    expect(model.latencyCycles).toBe((32 * 16 * 14 * 14 * 9) / 64);
  });
  it("unrolls only the dimensions that its array spreads", () => {
    for (const flow of FIXED) {
      const { spatial } = mapped(conv, model, "latency", 12, flow);
      const allowed = DATAFLOW_CONSTRAINTS[flow].spatialMask;
      for (const [i, bound] of spatial.entries()) if (bound > 1) expect(allowed & (1 << (i % DIM_COUNT))).not.toBe(0);
    }
    expect(DATAFLOW_CONSTRAINTS["output-stationary"].spatialMask & (1 << C)).toBe(0);
    expect(DATAFLOW_CONSTRAINTS["weight-stationary"].spatialMask & (1 << P)).toBe(0);
  });

  /** The mapping with `factor` times the iterations of a dimension's loop at the GLB. */
  function scaled(mapping: Mapping, d: number, factor: number): Mapping {
    const temporal = mapping.temporal.slice();
    temporal[DIM_COUNT + d]! *= factor;
    return { ...mapping, temporal };
  }
  const copies = (mapping: Mapping, dims: number[]) =>
    dims.reduce((product, d) => product * mapping.spatial[DIM_COUNT + d]!, 1);
});

describe("loops of extent 1", () => {
  it("do not matter, wherever they stand", () => {
    const cases = fc
      .tuple(smallProblem, machine)
      .chain(([given, chip]) =>
        fc.tuple(fc.constant(given), fc.constant(chip), mappingOf(given, chip, "ragged"), fc.nat(7)),
      );
    fc.assert(
      fc.property(cases, ([given, chip, mapping, shift]) => {
        const model = new CostModel(chip);
        model.evaluate(given, mapping);
        const before = [...model.reads, ...model.fills, ...model.updates, model.energyPj, model.latencyCycles];
        const order = mapping.order.slice();
        for (let l = 0; l < chip.levels.length; l++) {
          const dims = [...Array(DIM_COUNT).keys()].sort(
            (a, b) => mapping.order[l * DIM_COUNT + a]! - mapping.order[l * DIM_COUNT + b]!,
          );
          const busy = dims.filter((d) => mapping.temporal[l * DIM_COUNT + d]! > 1);
          const idle = dims.filter((d) => mapping.temporal[l * DIM_COUNT + d] === 1);
          const moved = [...busy.slice(0, shift), ...idle, ...busy.slice(shift)];
          for (const [position, d] of moved.entries()) order[l * DIM_COUNT + d] = position;
        }
        model.evaluate(given, { ...mapping, order });
        expect([...model.reads, ...model.fills, ...model.updates, model.energyPj, model.latencyCycles]).toEqual(before);
      }),
      { numRuns: 200, seed: 8 },
    );
  });
});
