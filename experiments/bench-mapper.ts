// The mapper alone, in parts:
//   quality   default budget and ten times it against a hundred times it: networks x machines x objectives
//   rate      explicit mappings evaluated per second, beside a count of the traffic alone
//   network   20 layer shapes mapped at the default budget
//   memory    heap after 1,000,000 evaluations
//   timeloop  our mapper against the mappings that Timeloop's mapper chose (--data)
//   node dist/experiments/bench-mapper.js [--part rate --part network] [--machine eyeriss] [--network vgg-16] [--objective edp]
import { OBJECTIVES, type Objective } from "../envs/accelerator/mapper.js";
import { againstTimeloop } from "./mapper-against-timeloop.js";
import { mapperQuality, QUALITY_MACHINES, QUALITY_NETWORKS } from "./mapper-quality.js";
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
const geometricMean = (all: readonly number[]): number =>
  Math.exp(all.reduce((sum, one) => sum + Math.log(one), 0) / all.length);

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
  table("evaluations | heap grown by, MiB");
  const { evaluations, grownMib } = memoryGrowth(Number(values.evaluations));
  line(evaluations, grownMib.toFixed(2));
}

function quality(): void {
  table(
    "objective | machine | network | layers | default: mean | default: worst | x 10: mean | x 10: worst | worst layer",
  );
  for (const objective of objectives) {
    for (const machine of values.machine) {
      for (const name of values.network) {
        const { layers, atDefault, atTen } = mapperQuality(name, machine, objective);
        const gaps = [atDefault.geometricMean, atDefault.worst, atTen.geometricMean, atTen.worst].map(percent);
        line(objective, machine, name, layers, ...gaps, atDefault.worstLayer);
      }
    }
  }
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
