// The environment of `table-sizing`: a table with the measured cost of every layer at every PE count and buffer level (the
// sizing task, see sizing-task.ts). Its two figures are ratios: cycles over the known optimum, and area over the limit.

import { z } from "zod";
import type { Environment } from "../src/core/environment.js";
import { readDocument } from "../src/files/documents.js";
import { type SizingData, sizingTask } from "./sizing-task.js";

/** What a study says about the table; JSON. */
export interface TableSizing {
  /** absolute path */
  readonly table: string;
  readonly areaFraction: number;
  readonly grid: "coarse" | "fine";
}

export const TABLE_METRICS = ["cyclesOverOptimum", "areaOverLimit", "latencyCycles"] as const;

const cell = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const tableSchema = z.looseObject({
  pe: z.array(z.number()).min(1),
  buf: z.array(z.number()).min(1),
  index: z.array(z.int().min(0)).min(1),
  cells: z.array(z.array(cell)).min(1),
});

/** @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function createTableEnvironment({ table, areaFraction, grid }: TableSizing): Environment {
  const data: SizingData = readDocument(table, tableSchema);
  const task = sizingTask(data, areaFraction, grid);
  return {
    name: "table-sizing",
    space: task.space,
    metricNames: TABLE_METRICS,
    evaluate(candidate) {
      const { cycles, area, isValid } = task.cost(candidate);
      if (!isValid) {
        const reason = "the table has no cycles for one of the layers, a defect of the simulator that made it";
        return { kind: "infeasible", infeasible: { code: "shape", reason, violations: [] } };
      }
      const metrics = {
        cyclesOverOptimum: cycles / task.optimumCycles,
        areaOverLimit: area / task.areaLimit,
        latencyCycles: cycles,
      };
      return { kind: "measured", metrics };
    },
  };
}
