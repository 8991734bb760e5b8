// Fits the SRAM power laws of energy.ts to the CACTI 7 runs in <data>/cost/energy-facts.json, per technology node:
//   npx tsx envs/accelerator/fit/fit-sram.ts [--data ../shared/data]
// Ordinary least squares on logarithms; writes envs/accelerator/sram.fitted.json with each fit's own error.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { packageRoot, readDocument } from "../../../src/files/documents.js";
import { leastSquares } from "./least-squares.js";

const factsSchema = z.object({
  cacti7_runs: z.object({
    tool: z.string(),
    settings: z.string(),
    rows: z.array(
      z.object({
        tech_nm: z.number(),
        size_bytes: z.number(),
        width_bits: z.number(),
        read_pJ: z.number(),
        write_pJ: z.number(),
        leak_mW: z.number(),
        area_mm2: z.number(),
      }),
    ),
  }),
});

const { values } = parseArgs({ options: { data: { type: "string", default: "../shared/data" } } });
const facts = readDocument(join(values.data, "cost/energy-facts.json"), factsSchema).cacti7_runs;
const round = (value: number): number => Number(value.toPrecision(6));

const nodes = [...new Set(facts.rows.map((row) => row.tech_nm))].map((nodeNm) => {
  const rows = facts.rows.filter((row) => row.tech_nm === nodeNm);
  const features = rows.map((row) => [1, Math.log(row.size_bytes), Math.log(row.width_bits / 64)]);
  const solve = (pick: (row: (typeof rows)[number]) => number, terms: number) =>
    leastSquares(
      features.map((row) => row.slice(0, terms)),
      rows.map((row) => Math.log(pick(row))),
    );
  const read = solve((row) => row.read_pJ, 3);
  const write = solve((row) => row.write_pJ, 3);
  const area = solve((row) => row.area_mm2, 2);
  const leakage = solve((row) => row.leak_mW, 2);
  return {
    nodeNm,
    read: read.coefficients.map(round),
    write: write.coefficients.map(round),
    area: area.coefficients.map(round),
    leakage: leakage.coefficients.map(round),
    rows: rows.length,
    readRmsLogError: round(read.rms),
    writeRmsLogError: round(write.rms),
    areaRmsLogError: round(area.rms),
    leakageRmsLogError: round(leakage.rms),
  };
});

const target = join(packageRoot, "envs/accelerator/sram.fitted.json");
writeFileSync(target, `${JSON.stringify({ source: `${facts.tool}; ${facts.settings}`, nodes }, null, 1)}\n`);
process.stdout.write(`${target}: ${nodes.length} nodes, ${facts.rows.length} rows\n`);
