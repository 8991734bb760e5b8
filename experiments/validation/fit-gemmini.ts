// Fits two of Gemmini's overheads, cycles per weight residency and per DRAM tile, on RTL rows, and measures the fit's error on
// layers that it has not seen (each layer left out in turn):
//   npx tsx experiments/validation/fit-gemmini.ts [--data ../shared/data/cost/rtl-gemmini.json]
// Writes gemmini.fitted.json. The gemmini preset and `cosearch validate` do not use it: their overheads are the published ones.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { spearman } from "../../envs/accuracy/rank-statistics.js";
import { packageRoot, readDocument } from "../../src/files/documents.js";
import { scriptOptions } from "../script-options.js";
import { type GemminiRow, gemminiModel, gemminiRow } from "./gemmini.js";

interface Overheads {
  readonly arrayFillCycles: number;
  readonly dramTileStartCycles: number;
}

/** The error on unseen layers is measured on both grids: a fit that holds does not depend on the steps. */
const GRIDS = {
  coarse: { fills: [0, 4, 8, 12, 16, 20, 24], starts: [0, 32, 64, 128, 192, 256, 384, 512, 768] },
  fine: { fills: steps(0, 24, 1), starts: steps(0, 768, 16) },
};

const values = scriptOptions(
  { command: "npx tsx experiments/validation/fit-gemmini.ts", about: "Fits the overheads of the Gemmini machines." },
  { data: { type: "string", default: "../shared/data/cost/rtl-gemmini.json" } },
  { data: "measured rows" },
);
const file = readDocument(values.data, z.object({ rows: z.array(gemminiRow) }));
const rows = file.rows.filter(({ dataflow }) => dataflow.levels !== undefined);
const cyclesOf = (row: GemminiRow, overheads?: Overheads): number => gemminiModel(row, overheads)?.latencyCycles ?? NaN;
const layerOf = ({ layer }: GemminiRow): string => JSON.stringify(layer);
const layers = [...new Set(rows.map(layerOf))].sort();
const measured = rows.map(({ results }) => results.rtl_cycles);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const round = (value: number): number => Number(value.toPrecision(5));
const all = rows.map((_, row) => row);
const foldOf = (row: number): number => layers.indexOf(layerOf(rows[row]!));

/** The best overheads of a grid on all rows, and its error on each row when the row's layer is left out of the fit. */
function fitOn({ fills, starts }: { readonly fills: readonly number[]; readonly starts: readonly number[] }) {
  const candidates = fills.flatMap((arrayFillCycles) =>
    starts.map((dramTileStartCycles): Overheads => ({ arrayFillCycles, dramTileStartCycles })),
  );
  const ours = candidates.map((candidate) => rows.map((row) => cyclesOf(row, candidate)));
  const errors = ours.map((row) => row.map((cycles, i) => Math.abs(cycles - measured[i]!) / measured[i]!));
  const best = (indices: readonly number[]): number => {
    const means = errors.map((row) => mean(indices.map((i) => row[i]!)));
    return means.indexOf(Math.min(...means));
  };
  const chosen = best(all);
  const unseenOf = layers.map((_, fold) => best(all.filter((row) => foldOf(row) !== fold)));
  const unseen = all.map((row) => unseenOf[foldOf(row)]!);
  return {
    ...candidates[chosen]!,
    meanAbsErrorFraction: round(mean(errors[chosen]!)),
    unseenMeanAbsErrorFraction: round(mean(all.map((row) => errors[unseen[row]!]![row]!))),
    unseenSpearman: round(
      spearman(
        all.map((row) => ours[unseen[row]!]![row]!),
        measured,
      ),
    ),
  };
}

const { unseenMeanAbsErrorFraction: fineUnseenMeanAbsErrorFraction } = fitOn(GRIDS.fine);
const result = {
  source: "published RTL simulations of Gemmini (DOSA's FireSim set); fitted by experiments/validation/fit-gemmini.ts",
  rows: rows.length,
  layers: layers.length,
  leftOut: "one layer at a time",
  unfittedMeanAbsErrorFraction: round(
    mean(rows.map((row, i) => Math.abs(cyclesOf(row) - measured[i]!) / measured[i]!)),
  ),
  ...fitOn(GRIDS.coarse),
  fineUnseenMeanAbsErrorFraction,
};
writeFileSync(join(packageRoot, "experiments/validation/gemmini.fitted.json"), `${JSON.stringify(result, null, 2)}\n`);
process.stdout.write(`${JSON.stringify(result)}\n`);

function steps(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);
}
