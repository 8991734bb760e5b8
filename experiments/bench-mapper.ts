// The mapper alone: how good its default budget is, how fast it and the cost model are.
//   node dist/experiments/bench-mapper.js [--part quality] [--machine nahas-edge] [--network vgg-16] [--objective edp] [--json]
import { parseArgs } from "node:util";
import { OBJECTIVES, type Objective } from "../envs/accelerator/mapper.js";
import { mapperQuality, QUALITY_MACHINES, QUALITY_NETWORKS, type Quality } from "./mapper-quality.js";

const { values } = parseArgs({
  options: {
    part: { type: "string", default: "quality" },
    machine: { type: "string", multiple: true },
    network: { type: "string", multiple: true },
    objective: { type: "string", multiple: true },
    json: { type: "boolean", default: false },
  },
});

const rows: Quality[] = [];
for (const objective of (values.objective as Objective[] | undefined) ?? OBJECTIVES) {
  for (const machine of values.machine ?? QUALITY_MACHINES) {
    for (const network of values.network ?? QUALITY_NETWORKS) {
      const row = mapperQuality(network, machine, objective);
      rows.push(row);
      const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(2)} %`;
      process.stdout.write(
        `${objective} | ${machine} | ${network} | ${row.layers} | ${percent(row.atDefault.geometricMean)} | ${percent(row.atDefault.worst)} ${row.atDefault.worstLayer} | ${percent(row.atTen.geometricMean)} | ${percent(row.atTen.worst)} | ${row.defaultMs.toFixed(1)} ms\n`,
      );
    }
  }
}
