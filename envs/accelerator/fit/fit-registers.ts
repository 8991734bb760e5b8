// Fits the law of register files made of flip-flops to Accelergy's reference tables in <data>/cost/energy-facts.json:
//   npx tsx envs/accelerator/fit/fit-registers.ts [--data ../shared/data]
// Energy of one access of one bit is linear in the number of words (every word hangs on the read multiplexer): least squares of
// relative errors on the 45 nm rows. The rows of other nodes are not fitted: they test the scaling. Writes registers.fitted.json.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { packageRoot, readDocument } from "../../../src/files/documents.js";
import { logicFactor } from "../components.js";
import { leastSquares } from "./least-squares.js";

const rowSchema = z.object({
  cls: z.string(),
  depth: z.number().optional(),
  width: z.number().optional(),
  technology: z.string().optional(),
  energy_pJ: z.object({ read: z.number().optional(), write: z.number().optional() }),
  area_um2_per_instance: z.number(),
});
const factsSchema = z.object({
  accelergy_points: z.object({ citation: z.string(), rows: z.array(rowSchema) }),
});

const { values } = parseArgs({ options: { data: { type: "string", default: "../shared/data" } } });
const { citation, rows } = readDocument(join(values.data, "cost/energy-facts.json"), factsSchema).accelergy_points;
const round = (value: number): number => Number(value.toPrecision(6));

/** up to 256 words, and more than the one of a pipeline register: what a register file beside a multiplier is */
const files = rows.flatMap(({ cls, depth = 0, width = 0, technology, energy_pJ, area_um2_per_instance: areaUm2 }) => {
  if (!/RF|regfile/i.test(cls) || depth < 2 || depth > 256) return [];
  // rows without a node are of the exercises at 45 nm
  const nodeNm = Number.parseFloat(technology ?? "45nm");
  return [{ nodeNm, depth, width, readPj: energy_pJ.read!, writePj: energy_pJ.write!, areaUm2 }];
});
const fitted = files.filter(({ nodeNm }) => nodeNm === 45);
type Register = (typeof files)[number];

/** pJ per bit = a + b · words, relative errors */
function linear(pick: (row: Register) => number): readonly [number, number] {
  const { coefficients } = leastSquares(
    fitted.map((row) => [row.width / pick(row), (row.width * row.depth) / pick(row)]),
    fitted.map(() => 1),
  );
  return [round(coefficients[0]!), round(coefficients[1]!)];
}
const read = linear((row) => row.readPj);
const write = linear((row) => row.writePj);
const area = leastSquares(
  fitted.map((row) => [1, Math.log(row.depth), Math.log(row.width)]),
  fitted.map((row) => Math.log(row.areaUm2)),
);

const rms = (some: readonly Register[], error: (row: Register) => number): number =>
  round(Math.sqrt(some.reduce((sum, row) => sum + error(row) ** 2, 0) / Math.max(1, some.length)));
const energyError =
  ([a, b]: readonly [number, number], pick: (row: Register) => number) =>
  (row: Register): number =>
    Math.log((row.width * (a + b * row.depth) * logicFactor("energy", row.nodeNm)) / pick(row));
const others = files.filter(({ nodeNm }) => nodeNm !== 45);

const target = join(packageRoot, "envs/accelerator/registers.fitted.json");
const result = {
  source: citation,
  nodeNm: 45,
  read,
  write,
  area: area.coefficients.map(round),
  rows: fitted.length,
  readRmsLogError: rms(
    fitted,
    energyError(read, (row) => row.readPj),
  ),
  writeRmsLogError: rms(
    fitted,
    energyError(write, (row) => row.writePj),
  ),
  areaRmsLogError: round(area.rms),
  unseenRows: others.length,
  unseenReadRmsLogError: rms(
    others,
    energyError(read, (row) => row.readPj),
  ),
};
writeFileSync(target, `${JSON.stringify(result, null, 1)}\n`);
process.stdout.write(`${JSON.stringify(result)}\n`);
