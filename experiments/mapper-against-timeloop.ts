// Our mapper against the mappings that Timeloop's mapper chose, on the machines of a folder's timeloop-generic rows: energy and
// cycles of both counted by Timeloop's rules, which our cost model follows exactly (`cosearch validate`). The rows do not say
// how many mappings Timeloop tried, and each row fixes which dimensions its array spreads (`style`): so the comparison is made
// twice, with the row's own dimensions on each axis, and free.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { buildAccelerator } from "../envs/accelerator/architecture.js";
import { CostModel } from "../envs/accelerator/cost.js";
import { DEFAULT_BUDGET, mapProblem } from "../envs/accelerator/mapper.js";
import { DIMS, type Dim, makeProblem, type Problem } from "../envs/accelerator/problem.js";

const bandwidth = z.number().nullable();
const rowSchema = z.object({
  id: z.string(),
  layer: z.object({
    name: z.string(),
    N: z.number(),
    K: z.number(),
    C: z.number(),
    P: z.number(),
    Q: z.number(),
    R: z.number(),
    S: z.number(),
    stride: z.number(),
    depthwise: z.boolean(),
  }),
  hardware: z.object({
    pe_array: z.tuple([z.number(), z.number()]),
    rf_words_per_pe: z.number(),
    glb_words: z.number(),
    glb_read_bw: bandwidth,
    glb_write_bw: bandwidth,
    dram_read_bw: bandwidth,
    dram_write_bw: bandwidth,
    energy_per_access: z.object({ MAC: z.number(), RF: z.number(), GLB: z.number(), DRAM: z.number() }),
  }),
  dataflow: z.object({
    style: z.string(),
    levels: z.array(z.object({ loops_outer_to_inner: z.array(z.object({ dim: z.string(), kind: z.string() })) })),
  }),
  results: z.object({ cycles: z.number(), energy_units_total: z.number() }),
});
type Row = z.output<typeof rowSchema>;

export interface AgainstTimeloop {
  readonly id: string;
  readonly layer: string;
  readonly style: string;
  /** energy-delay product, ours over Timeloop's, with the row's dimensions on each axis and with any */
  readonly sameAxes: number;
  readonly free: number;
  /** mappings that we counted for either */
  readonly evaluated: number;
}

/** @param folder with timeloop-generic-runs.json */
export function againstTimeloop(folder: string, budget = DEFAULT_BUDGET): AgainstTimeloop[] {
  const text = readFileSync(join(folder, "timeloop-generic-runs.json"), "utf8");
  const { rows } = z.object({ rows: z.array(rowSchema) }).parse(JSON.parse(text));
  return rows.map((row) => {
    const theirs = row.results.cycles * row.results.energy_units_total;
    const same = ours(row, budget, true);
    const free = ours(row, budget, false);
    const { id, layer, dataflow } = row;
    return {
      id,
      layer: layer.name,
      style: dataflow.style,
      sameAxes: same.product / theirs,
      free: free.product / theirs,
      evaluated: Math.max(same.evaluated, free.evaluated),
    };
  });
}

function ours(row: Row, budget: number, sameAxes: boolean): { product: number; evaluated: number } {
  const model = new CostModel(machineOf(row, sameAxes));
  const problem = problemOf(row);
  const found = mapProblem(problem, model, { objective: "edp", budget });
  if (found.kind !== "mapped") throw new Error(`${row.id}: no mapping fits`);
  model.evaluate(problem, found.mapping);
  return { product: model.energyPj * model.latencyCycles, evaluated: found.evaluated };
}

const BITS = 8;

function machineOf({ hardware, dataflow, layer }: Row, sameAxes: boolean) {
  const { energy_per_access: energy, pe_array } = hardware;
  const axis = (name: "spatialX" | "spatialY", size: number) => {
    const loops = dataflow.levels.flatMap(({ loops_outer_to_inner: all }) => all).filter(({ kind }) => kind === name);
    const dims = [...new Set(loops.map(({ dim }) => dimOf(dim, layer.depthwise)))];
    return { name, size, ...(sameAxes && dims.length > 0 && { dims }) };
  };
  const rates = (read: number | null, write: number | null) => ({
    ...(read !== null && { readBytesPerCycle: read }),
    ...(write !== null && { writeBytesPerCycle: write }),
  });
  const level = (pj: number) => ({ wordBits: BITS, readPj: pj, writePj: pj });
  const dram = rates(hardware.dram_read_bw, hardware.dram_write_bw);
  const buffer = rates(hardware.glb_read_bw, hardware.glb_write_bw);
  return buildAccelerator({
    name: "generic",
    nodeNm: 45,
    clockMhz: 1000,
    mac: { energyPj: energy.MAC, rate: { [BITS]: 1 } },
    partialBits: BITS,
    levels: [
      { name: "DRAM", type: "dram", ...level(energy.DRAM), ...dram },
      {
        name: "GLB",
        type: "sram",
        capacityBytes: hardware.glb_words,
        ...level(energy.GLB),
        ...buffer,
        fanout: [axis("spatialX", pe_array[0]), axis("spatialY", pe_array[1])],
      },
      { name: "RF", type: "sram", capacityBytes: hardware.rf_words_per_pe, ...level(energy.RF) },
    ],
  });
}

/** Timeloop's M is our K; depthwise rows index channels by C, which is our G. */
function dimOf(dim: string, depthwise: boolean): Dim {
  return dim === "M" ? "K" : dim === "C" && depthwise ? "G" : (dim as Dim);
}

function problemOf({ layer }: Row): Problem {
  const { N, K, C, P, Q, R, S, stride, depthwise } = layer;
  const mask = (...dims: Dim[]): number => dims.reduce((bits, dim) => bits | (1 << DIMS.indexOf(dim)), 0);
  return makeProblem({
    extents: depthwise ? [N, C, 1, 1, P, Q, R, S] : [N, 1, K, C, P, Q, R, S],
    stride: [stride, stride],
    dilation: [1, 1],
    relevance: [mask("G", "K", "C", "R", "S"), mask("N", "G", "C", "P", "Q", "R", "S"), mask("N", "G", "K", "P", "Q")],
    bits: { weights: BITS, inputs: BITS, outputs: BITS, partial: BITS },
    operation: "mac",
    weightsAreActivations: false,
  });
}
