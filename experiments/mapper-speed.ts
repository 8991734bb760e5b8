// How fast a mapping is evaluated and a network is mapped, and whether memory stays bounded. Every figure is of one core, a
// median of repeats; the reference of the rate (a count of the traffic alone, without checks) runs in the same process.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Accelerator, loadAccelerator } from "../envs/accelerator/architecture.js";
import { CostModel } from "../envs/accelerator/cost.js";
import { DEFAULT_BUDGET, mapProblem, type Objective } from "../envs/accelerator/mapper.js";
import type { Mapping } from "../envs/accelerator/mapping.js";
import { DIM_COUNT, type Problem } from "../envs/accelerator/problem.js";
import { median } from "../src/core/statistics.js";
import { type DistinctLayer, distinctLayers } from "./mapper-quality.js";

interface Case {
  readonly problem: Problem;
  readonly mapping: Mapping;
}

export interface EvaluationRate {
  readonly machine: string;
  readonly levels: number;
  /** checks that the tiles fit and counts everything, every time for another layer */
  readonly perSecond: number;
  /** the count of the traffic alone */
  readonly referencePerSecond: number;
}

/** Explicit mappings of MobileNetV2's layers on a machine, evaluated in turn. */
export function evaluationRate(machine: string, repeats: number, rounds = 200): EvaluationRate {
  const chip = loadAccelerator(machine);
  const model = new CostModel(chip);
  const cases = mappedLayers(chip, model);
  let sink = 0;
  const ours: number[] = [];
  const reference: number[] = [];
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const rate = (evaluate: (one: Case) => number): number => {
      const began = process.cpuUsage().user;
      for (let round = 0; round < rounds; round++) for (const one of cases) sink += evaluate(one);
      return (rounds * cases.length) / ((process.cpuUsage().user - began) / 1e6);
    };
    const full = rate(({ problem, mapping }) => evaluateChecked(model, problem, mapping));
    const bare = rate(({ problem, mapping }) => trafficAlone(problem, mapping, chip.levels.length));
    if (repeat === 0) continue; // compiles
    ours.push(full);
    reference.push(bare);
  }
  if (!Number.isFinite(sink)) throw new Error("a mapping costs no finite amount");
  return { machine, levels: chip.levels.length, perSecond: median(ours), referencePerSecond: median(reference) };
}

function evaluateChecked(model: CostModel, problem: Problem, mapping: Mapping): number {
  model.prepare(problem, mapping);
  if (!model.fits()) throw new Error("a mapping of the mapper's does not fit");
  model.evaluatePrepared();
  return model.energyPj + model.latencyCycles;
}

/** Words into each level by operand: extents times the loops that the operand ignores, outside the innermost that it needs. */
function trafficAlone({ extents, relevance }: Problem, { temporal, order }: Mapping, levels: number): number {
  let words = 0;
  for (let operand = 0; operand < 3; operand++) {
    const mask = relevance[operand]!;
    let own = 1;
    for (let d = 0; d < DIM_COUNT; d++) if (mask & (1 << d)) own *= extents[d]!;
    for (let child = 1; child <= levels; child++) {
      let visits = 1;
      let moving = false;
      for (let l = child - 1; l >= 0; l--) {
        for (let position = DIM_COUNT - 1; position >= 0; position--) {
          for (let d = 0; d < DIM_COUNT; d++) {
            const index = l * DIM_COUNT + d;
            if (order[index] !== position || temporal[index] === 1) continue;
            if (mask & (1 << d)) moving = true;
            else if (moving) visits *= temporal[index]!;
          }
        }
      }
      words += own * visits;
    }
  }
  return words;
}

function mappedLayers(chip: Accelerator, model: CostModel): Case[] {
  return distinctLayers("mobilenet-v2", chip).flatMap(({ problem }) => {
    const found = mapProblem(problem, model, { objective: "edp", budget: DEFAULT_BUDGET });
    return found.kind === "mapped" ? [{ problem, mapping: found.mapping }] : [];
  });
}

export interface NetworkMapping {
  readonly machine: string;
  readonly objective: Objective;
  readonly shapes: number;
  readonly milliseconds: number;
}

const SHAPES = 20;
/** Runs until the compiler has seen the search; a co-search maps thousands of chips. */
const WARM_UP_RUNS = 15;

/** Maps 20 different layers of MobileNetV2, nothing remembered, dataflow as the machine has it, default budget. */
export function networkMapping(machine: string, objective: Objective, repeats: number): NetworkMapping {
  const chip = loadAccelerator(machine);
  const layers = distinctLayers("mobilenet-v2", chip)
    .filter(({ problem }) => problem.operation === "mac")
    .slice(0, SHAPES);
  const once = (): number => {
    const began = process.cpuUsage().user;
    mapAll(layers, new CostModel(chip), objective);
    return (process.cpuUsage().user - began) / 1000;
  };
  for (let warmUp = 0; warmUp < WARM_UP_RUNS; warmUp++) once();
  const milliseconds = median(Array.from({ length: repeats }, once));
  return { machine, objective, shapes: layers.length, milliseconds };
}

function mapAll(layers: readonly DistinctLayer[], model: CostModel, objective: Objective): void {
  for (const { problem } of layers) mapProblem(problem, model, { objective, budget: DEFAULT_BUDGET });
}

export interface MemoryGrowth {
  readonly evaluations: number;
  /** in use at the end less that after the first tenth, garbage collected: of the heap, and of the arrays beside it */
  readonly grownMib: number;
  /** the same of the memory that the process holds */
  readonly residentGrownMib: number;
}

/** Searches and evaluates until the count is reached, always with the same model. */
export function memoryGrowth(evaluations: number): MemoryGrowth {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const memory = (): readonly [inUse: number, resident: number] => {
    collect();
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    return [(heapUsed + arrayBuffers) / 2 ** 20, rss / 2 ** 20];
  };
  const chip = loadAccelerator("nahas-edge");
  const model = new CostModel(chip);
  const layers = distinctLayers("mobilenet-v2", chip);
  let count = 0;
  let early: ReturnType<typeof memory> | undefined;
  while (count < evaluations) {
    for (const { problem } of layers) {
      const found = mapProblem(problem, model, { objective: "edp", budget: DEFAULT_BUDGET });
      if (found.kind === "mapped") count += found.evaluated;
    }
    if (early === undefined && count >= evaluations / 10) early = memory();
  }
  const late = memory();
  const [inUse, resident] = early ?? late;
  return { evaluations: count, grownMib: late[0] - inUse, residentGrownMib: late[1] - resident };
}
