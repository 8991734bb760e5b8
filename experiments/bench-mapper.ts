// The mapper alone, in parts:
//   quality   default budget, ten and a hundred times it, against the best of the three: networks x machines x objectives
//   rate      explicit mappings evaluated per second, beside a count of the traffic alone
//   network   20 layer shapes mapped at the default budget
//   memory    heap, arrays and resident memory that 1,000,000 evaluations add
//   timeloop  our mapper against the mappings that Timeloop's mapper chose (--data)
//   node dist/experiments/bench-mapper.js [--part rate --part network] [--machine eyeriss] [--network vgg-16] [--objective edp]
import { OBJECTIVES, type Objective } from "../envs/accelerator/mapper.js";
import { againstTimeloop } from "./mapper-against-timeloop.js";
import {
  type Gap,
  geometricMean,
  mapperQuality,
  QUALITY_MACHINES,
  QUALITY_NETWORKS,
  together,
} from "./mapper-quality.js";
import { evaluationRate, memoryGrowth, networkMapping } from "./mapper-speed.js";
import { scriptOptions } from "./script-options.js";

const values = scriptOptions(
  {
    command: "node dist/experiments/bench-mapper.js",
    about: "The mapper alone, in parts: rate, network, memory, quality, timeloop.",
  },
  {
    part: { type: "string", multiple: true, default: ["rate", "network", "memory", "quality"] },
    machine: { type: "string", multiple: true, default: [...QUALITY_MACHINES] },
    network: { type: "string", multiple: true, default: [...QUALITY_NETWORKS] },
    objective: { type: "string", multiple: true, default: [...OBJECTIVES] },
    repeat: { type: "string", default: "9" },
    evaluations: { type: "string", default: "1000000" },
    data: { type: "string", default: "../shared/data/cost" },
  },
  {
    part: "rate, network, memory, quality or timeloop; repeatable",
    machine: "accelerator of the part quality; repeatable",
    network: "network of the part quality; repeatable",
    objective: "what the mapper minimises; repeatable",
    repeat: "measurements of which the median counts",
    evaluations: "of the part memory",
    data: "folder with the mappings of Timeloop",
  },
);
const objectives = values.objective as Objective[];
const repeat = Number(values.repeat);
const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(2)} %`;
const thousands = (value: number): string => `${Math.round(value / 1000)},000`;

const PARTS: Readonly<Record<string, () => void>> = { quality, rate, network, memory, timeloop };
for (const part of values.part) {
  const show = PARTS[part];
  if (show === undefined) throw new Error(`no part "${part}"; there are ${Object.keys(PARTS).join(", ")}`);
  show();
}

function rate(): void {
  table("machine | levels | evaluations/s (goal >= 100,000) | traffic alone, same run");
  for (const machine of values.machine) {
    const { levels, perSecond, referencePerSecond } = evaluationRate(machine, repeat);
    line(machine, levels, thousands(perSecond), thousands(referencePerSecond));
  }
}

function network(): void {
  table("machine | objective | shapes | ms for all (goal <= 15 on nahas-edge)");
  for (const machine of values.machine) {
    for (const objective of objectives) {
      const { shapes, milliseconds } = networkMapping(machine, objective, repeat);
      line(machine, objective, shapes, milliseconds.toFixed(1));
    }
  }
}

function memory(): void {
  table("evaluations | heap and arrays grown by, MiB | resident memory");
  const { evaluations, grownMib, residentGrownMib } = memoryGrowth(Number(values.evaluations));
  line(evaluations, grownMib.toFixed(2), residentGrownMib.toFixed(2));
}

function quality(): void {
  table(
    "objective | machine | network | layers | default: mean | worst | x 10: mean | worst | x 100: mean | worst | worst layer at the default",
  );
  for (const objective of objectives) {
    for (const machine of values.machine) {
      const cells = values.network.map((name) => mapperQuality(name, machine, objective));
      const budgets = (["atDefault", "atTen", "atHundred"] as const).map((at) =>
        together(cells.map((cell) => cell[at])),
      );
      for (const { network: name, layers, atDefault, atTen, atHundred } of cells) {
        line(objective, machine, name, layers, ...gaps([atDefault, atTen, atHundred]), atDefault.worstLayer);
      }
      const layers = cells.reduce((sum, cell) => sum + cell.layers, 0);
      line(objective, machine, "all", layers, ...gaps(budgets), budgets[0]!.worstLayer);
    }
  }
}

function gaps(budgets: readonly Gap[]): string[] {
  return budgets.flatMap(({ geometricMean: mean, worst }) => [percent(mean), percent(worst)]);
}

function timeloop(): void {
  table("row | layer | style | EDP, row's axes | EDP, free | mappings");
  const rows = againstTimeloop(values.data);
  for (const { id, layer, style, sameAxes, free, evaluated } of rows) {
    line(id, layer, style, sameAxes.toFixed(4), free.toFixed(4), evaluated);
  }
  const summary = (ratios: readonly number[]): string =>
    `${geometricMean(ratios).toFixed(4)}, worst ${Math.max(...ratios).toFixed(4)}`;
  line("mean", "", "", summary(rows.map(({ sameAxes }) => sameAxes)), summary(rows.map(({ free }) => free)), "");
}

function table(heads: string): void {
  process.stdout.write(`\n| ${heads} |\n|${heads.replace(/[^|]+/g, "---")}|\n`);
}

function line(...cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}
