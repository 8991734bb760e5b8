// SCALE-Sim's stall-free cycles. A layer is lowered to a matrix product (im2col), the array folds two of its three extents,
// the third streams. Our model makes the folds and the streaming from the mapping; what a fold loses is the machine's
// fill and drain: the skew of rows and columns, and the shifting-in of a stationary operand through the rows.
import { z } from "zod";
import { type AcceleratorFile, buildAccelerator } from "../../envs/accelerator/architecture.js";
import { CostModel } from "../../envs/accelerator/cost.js";
import { compileMapping } from "../../envs/accelerator/mapping.js";
import type { Dim, Operand } from "../../envs/accelerator/problem.js";
import { convProblem } from "./machines.js";
import { type Adapter, type Comparison, EXACT_FRACTION, type RowScore } from "./reference.js";

const stallFree = (results: {
  readonly stall_free_cycles?: number | undefined;
  readonly total_cycles?: number | undefined;
  readonly stall_cycles?: number | undefined;
}): number | undefined => {
  const { stall_free_cycles, total_cycles, stall_cycles } = results;
  if (stall_free_cycles !== undefined) return stall_free_cycles;
  return total_cycles === undefined || stall_cycles === undefined ? undefined : total_cycles - stall_cycles;
};

const schema = z.object({
  id: z.string(),
  layer: z.object({
    N: z.number().default(1),
    K: z.number(),
    C: z.number(),
    P: z.number(),
    Q: z.number(),
    R: z.number(),
    S: z.number(),
  }),
  hardware: z.object({ array: z.tuple([z.number(), z.number()]) }),
  dataflow: z.object({ style: z.enum(["os", "ws", "is"]) }),
  results: z
    .object({
      stall_free_cycles: z.number().optional(),
      total_cycles: z.number().optional(),
      stall_cycles: z.number().optional(),
    })
    .refine(
      (found) => stallFree(found) !== undefined,
      "stall_free_cycles, or total_cycles and stall_cycles, must be there",
    ),
});

/** Which extent of the product lies on rows, which on columns, which streams; what stays, and whether it shifts in first.
 *  P: output pixels, K: output channels, C: the window C · R · S. */
const DATAFLOWS = {
  os: { stationary: "outputs", rows: "P", columns: "K", streams: "C", shiftsIn: false },
  ws: { stationary: "weights", rows: "C", columns: "K", streams: "P", shiftsIn: true },
  is: { stationary: "inputs", rows: "C", columns: "P", streams: "K", shiftsIn: true },
} as const satisfies Record<string, { stationary: Operand; rows: Dim; columns: Dim; streams: Dim; shiftsIn: boolean }>;

export const scalesim: Adapter = {
  format: "scalesim",
  about:
    "SCALE-Sim v2, output-, weight- and input-stationary arrays: stall-free cycles. Its figure is the index of the last cycle, ours a count, so one is taken off. Stalls depend on its prefetch order and are not compared",
  toleranceFraction: EXACT_FRACTION,
  rowSchema: schema,
  recognises: (row) => schema.safeParse(row).success,
  score: (rows) => rows.map((row) => score(schema.parse(row))),
};

function score({ id, layer, hardware, dataflow, results }: z.output<typeof schema>): RowScore {
  const model = systolicModel(layer, hardware.array, dataflow.style);
  const comparisons: Comparison[] = [
    { quantity: "stall-free cycles", reference: stallFree(results)!, ours: model.latencyCycles - 1 },
  ];
  return { id, comparisons };
}

/** A layer on a rows × columns array of one dataflow, as many folds as it needs; unlimited bandwidth. */
export function systolicModel(
  layer: { N: number; K: number; C: number; P: number; Q: number; R: number; S: number },
  [rows, columns]: readonly [number, number],
  style: keyof typeof DATAFLOWS,
): CostModel {
  const flow = DATAFLOWS[style];
  const chip = buildAccelerator(systolicArray(rows, columns, flow.stationary, flow.shiftsIn));
  const extents: Partial<Record<Dim, number>> = {
    P: layer.N * layer.P * layer.Q,
    K: layer.K,
    C: layer.C * layer.R * layer.S,
  };
  const of = (dim: Dim): number => extents[dim] ?? 1;
  const word = { weights: 8, inputs: 8, outputs: 8, partial: 8 };
  const problem = convProblem({ K: of("K"), C: of("C"), P: of("P"), Q: 1, R: 1, S: 1 }, [1, 1], word);
  const mapping = compileMapping(
    [
      {
        level: "memory",
        temporal: [
          { dim: flow.rows, bound: Math.ceil(of(flow.rows) / rows) },
          { dim: flow.columns, bound: Math.ceil(of(flow.columns) / columns) },
        ],
        spatial: [
          { dim: flow.rows, bound: rows, axis: "rows" },
          { dim: flow.columns, bound: columns, axis: "columns" },
        ],
      },
      { level: "register", temporal: [{ dim: flow.streams, bound: of(flow.streams) }], spatial: [] },
    ],
    chip,
  );
  const model = new CostModel(chip);
  model.evaluate(problem, mapping);
  return model;
}

/** A systolic array: operands enter at two edges and move one unit a cycle, so the far corner starts rows + columns − 2 later. */
function systolicArray(rows: number, columns: number, stationary: Operand, shiftsIn: boolean): AcceleratorFile {
  return {
    name: "systolic",
    nodeNm: 45,
    clockMhz: 1000,
    mac: { rate: { "8": 1 } },
    partialBits: 8,
    overheads: { stationary, arrayFillCycles: shiftsIn ? rows : 0, arrayDrainCycles: rows + columns - 2 },
    levels: [
      {
        name: "memory",
        type: "dram",
        dram: "LPDDR4",
        fanout: [
          { name: "rows", size: rows },
          { name: "columns", size: columns },
        ],
      },
      { name: "register", type: "regfile", keeps: [stationary], capacityBytes: 1 },
    ],
  };
}
