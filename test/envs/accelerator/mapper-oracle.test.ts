// On 240 random small (layer, machine) pairs the mapper finds the optimum that an exhaustive search finds, which knows nothing of
// the mapper's shortcuts: every whole-number bound at every level and fan-out, every permutation of every level's loops.
import { describe, expect, it } from "vitest";
import {
  type Accelerator,
  buildAccelerator,
  DATAFLOWS,
  type DataflowName,
} from "../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { DATAFLOW_CONSTRAINTS } from "../../../envs/accelerator/dataflow.js";
import { mapProblem, type Objective } from "../../../envs/accelerator/mapper.js";
import { emptyMapping, type Mapping } from "../../../envs/accelerator/mapping.js";
import { DIM_COUNT, type Problem } from "../../../envs/accelerator/problem.js";
import { RandomStream } from "../../../src/core/rng.js";
import { problem } from "./random-cases.js";

const PAIRS = 240;
const scoreOf = (model: CostModel, objective: Objective): number =>
  objective === "latency"
    ? model.latencyCycles
    : objective === "energy"
      ? model.energyPj
      : model.energyPj * model.latencyCycles;

/** The least score over all mappings, Infinity when none fits. */
function exhaustive(given: Problem, chip: Accelerator, objective: Objective, flow: DataflowName): number {
  const model = new CostModel(chip);
  const levels = chip.levels.length;
  const { stationary, spatialMask, wholeMask } = DATAFLOW_CONSTRAINTS[flow];
  const dims = [...given.extents.keys()].filter((d) => given.extents[d]! > 1);
  const mapping = emptyMapping(levels);
  let best = Infinity;

  const permute = (level: number): void => {
    if (level === levels - 1) {
      model.prepare(given, mapping);
      if (!model.fits()) return;
      model.evaluate(given, mapping);
      best = Math.min(best, scoreOf(model, objective));
      return;
    }
    const moving = dims.filter((d) => mapping.temporal[level * DIM_COUNT + d]! > 1);
    for (const order of permutations(moving)) {
      if (level === levels - 2 && stationary !== undefined && !leavesInPlace(given, order, stationary)) continue;
      const rest = [...Array(DIM_COUNT).keys()].filter((d) => !order.includes(d));
      [...rest, ...order].forEach((d, position) => {
        mapping.order[level * DIM_COUNT + d] = position;
      });
      permute(level + 1);
    }
  };
  const bounds = (dimension: number, level: number, left: number): void => {
    if (dimension === dims.length) {
      permute(0);
      return;
    }
    const d = dims[dimension]!;
    if (level < 0) {
      if (left === 1) bounds(dimension + 1, levels - 1, given.extents[dims[dimension + 1] ?? 0]!);
      return;
    }
    const index = level * DIM_COUNT + d;
    const room = roomLeft(mapping, chip, level, d, spatialMask);
    for (let spatial = 1; spatial <= Math.min(left, room); spatial++) {
      mapping.spatial[index] = spatial;
      const after = Math.ceil(left / spatial);
      for (let temporal = 1; temporal <= after; temporal++) {
        if (level === levels - 1 && wholeMask & (1 << d) && temporal < after) continue;
        mapping.temporal[index] = temporal;
        bounds(dimension, level - 1, Math.ceil(after / temporal));
      }
    }
    mapping.spatial[index] = 1;
    mapping.temporal[index] = 1;
  };
  bounds(0, levels - 1, given.extents[dims[0] ?? 0]!);
  return best;
}

/** One axis a level here, so what is left of it is its size over the bounds of the dimensions that are chosen already. */
function roomLeft(mapping: Mapping, chip: Accelerator, level: number, d: number, spatialMask: number): number {
  const [axis] = chip.levels[level]!.fanout;
  if (axis === undefined || (axis.dimMask & spatialMask & (1 << d)) === 0) return 1;
  let used = 1;
  for (let other = 0; other < DIM_COUNT; other++) if (other !== d) used *= mapping.spatial[level * DIM_COUNT + other]!;
  return Math.floor(axis.size / used);
}

/** Whether the loops that an operand ignores run inside all that it needs, as the order of a stationary operand demands. */
function leavesInPlace(given: Problem, order: readonly number[], stationary: number): boolean {
  const ignores = order.map((d) => given.present[stationary]! && (given.relevance[stationary]! & (1 << d)) === 0);
  return ignores.lastIndexOf(false) < (ignores.indexOf(true) < 0 ? order.length : ignores.indexOf(true));
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

function randomPair(random: RandomStream): { given: Problem; chip: Accelerator } {
  const deep = random.integer(2) === 1;
  const size = (): number => 2 + random.integer(deep ? 3 : 4);
  const names = ["K", "C", "P", "Q", "R", "S"] as const;
  const chosen = random.shuffle([...names]).slice(0, deep ? 2 : 3);
  const fields = Object.fromEntries(chosen.map((name) => [name, size()]));
  const stride = [1 + random.integer(2), 1 + random.integer(2)] as const;
  const registers = {
    name: "registers",
    type: "regfile" as const,
    wordBits: 64,
    capacityBytes: 8 + random.integer(60),
  };
  const buffer = { name: "buffer", type: "sram" as const, wordBits: 64, capacityBytes: 30 + random.integer(200) };
  const fanout = [{ name: "pes", size: 1 + random.integer(4) }];
  const dram = {
    name: "DRAM",
    type: "dram" as const,
    dram: "LPDDR4",
    wordBits: 64,
    readBytesPerCycle: 1 + random.integer(4),
  };
  const levels = deep ? [dram, { ...buffer, fanout }, registers] : [{ ...dram, fanout }, registers];
  const chip = buildAccelerator({ name: "small", nodeNm: 45, clockMhz: 100, mac: {}, partialBits: 16, levels });
  return { given: problem("conv", { ...fields, stride }), chip };
}

describe("the mapper on small cases", () => {
  it(`finds the optimum of ${PAIRS} random pairs when its budget covers the mapspace`, () => {
    const random = RandomStream.of(1, "oracle");
    let mapped = 0;
    for (let pair = 0; pair < PAIRS; pair++) {
      const { given, chip } = randomPair(random);
      const objective = (["latency", "energy", "edp"] as const)[random.integer(3)]!;
      const flow = DATAFLOWS[random.integer(DATAFLOWS.length)]!;
      const optimum = exhaustive(given, chip, objective, flow);
      const model = new CostModel(chip);
      const found = mapProblem(given, model, { objective, budget: 5_000_000, dataflow: flow });
      const label = `pair ${pair}: ${given.extents.join()} ${objective} ${flow}`;
      expect(found.kind, label).toBe(optimum === Infinity ? "unmappable" : "mapped");
      if (found.kind !== "mapped") continue;
      model.evaluate(given, found.mapping);
      expect(scoreOf(model, objective) / optimum, label).toBeCloseTo(1, 9);
      mapped++;
    }
    expect(mapped).toBeGreaterThan(PAIRS * 0.8);
  }, 300_000);
});
