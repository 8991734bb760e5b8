// NVDLA nv_small RTL: DRAM bytes and cycles. The data layout decides the bytes: activations in atoms of 8 channels, kernels
// padded to whole 128-byte lines. Cycles: the atomic operations of our model on the nvdla-like array, after a ramp in which
// the input and the first two kernel groups arrive (one works, the other waits in the MAC cells' shadow registers); the
// output stage passes one value a cycle (nv_small.spec, SDP throughput 1).
import { z } from "zod";
import { buildAccelerator } from "../../envs/accelerator/architecture.js";
import { CostModel } from "../../envs/accelerator/cost.js";
import { compileMapping } from "../../envs/accelerator/mapping.js";
import { convProblem, presetFile } from "./machines.js";
import type { Adapter, Comparison, RowScore } from "./reference.js";

const schema = z.object({
  id: z.string(),
  layer: z.object({
    input_W: z.number(),
    input_H: z.number(),
    C: z.number(),
    kernel: z.tuple([z.number(), z.number()]),
    K: z.number(),
    PQ_product_from_output_bytes: z.number(),
  }),
  // nv_small unless stated
  hardware: z
    .object({
      atomic_C: z.number().default(8),
      atomic_K: z.number().default(8),
      dram_bus_bits: z.number().default(64),
    })
    .prefault({}),
  results: z.object({
    rtl_cycles: z.number(),
    dram_input_bytes: z.number().optional(),
    dram_weight_bytes: z.number().optional(),
    dram_output_bytes: z.number().optional(),
  }),
});

const WEIGHT_LINE_BYTES = 128;
/** Kernel groups that are there before the first operation: the one at work and the one in the shadow registers. */
const KERNEL_GROUPS_AHEAD = 2;
/** The read path takes an atom from the bus every other cycle; read off the ramp of the RTL, the bus itself could do one. */
const CYCLES_PER_BEAT = 2;
const BITS = { weights: 8, inputs: 8, outputs: 8, partial: 32 };

export const nvdla: Adapter = {
  format: "rtl-nvdla-small",
  about:
    "cycle-exact RTL of NVDLA nv_small: cycles, and DRAM bytes exact. The stride is not recorded: rows with fewer outputs than a stride of 1 without padding would make are strided, and their cycles are not held to the tolerance (reading with a stride from the buffer stalls the array, which we do not model)",
  toleranceFraction: 0.1,
  rowSchema: schema,
  recognises: (row) => schema.safeParse(row).success,
  score: (rows) => rows.map((row) => score(schema.parse(row))),
};

function score({ id, layer, hardware, results }: z.output<typeof schema>): RowScore {
  const { input_W, input_H, C, kernel, K, PQ_product_from_output_bytes: pixels } = layer;
  const { atomic_C, atomic_K, dram_bus_bits } = hardware;
  const [columns, rows] = kernel;
  const padded = (channels: number, atom: number): number => Math.ceil(channels / atom) * atom;
  const inputBytes = input_W * input_H * padded(C, atomic_C);
  const kernelBytes = columns * rows * C;
  const weightBytes = padded(kernelBytes * K, WEIGHT_LINE_BYTES);
  const outputBytes = pixels * padded(K, atomic_K);
  const beats = (bytes: number): number => (bytes / (dram_bus_bits / 8)) * CYCLES_PER_BEAT;
  const ahead = Math.min(weightBytes, kernelBytes * atomic_K * KERNEL_GROUPS_AHEAD);
  const ramp = beats(inputBytes + ahead);
  const atomic = atomicOperations(layer, atomic_C, atomic_K);
  const cycles = ramp + Math.max(atomic, beats(weightBytes - ahead), outputBytes);
  const isStrided = pixels < Math.max(1, input_W - columns + 1) * Math.max(1, input_H - rows + 1);
  return {
    id,
    group: isStrided ? "strided" : "stride 1",
    comparisons: [
      {
        quantity: "cycles",
        reference: results.rtl_cycles,
        ours: cycles,
        ...(isStrided ? { toleranceFraction: Infinity } : {}),
      },
      ...exactly("DRAM input bytes", results.dram_input_bytes, inputBytes),
      ...exactly("DRAM weight bytes", results.dram_weight_bytes, weightBytes),
      ...exactly("DRAM output bytes", results.dram_output_bytes, outputBytes),
    ],
  };
}

/** A figure that must be met exactly, where the row has it. */
const exactly = (quantity: string, reference: number | undefined, ours: number): Comparison[] =>
  reference === undefined ? [] : [{ quantity, reference, ours, toleranceFraction: 0 }];

/** Steps of the array: output pixels × kernel positions × blocks of channels, ragged blocks as long as full ones. */
function atomicOperations(layer: z.output<typeof schema>["layer"], atomicC: number, atomicK: number): number {
  const chip = buildAccelerator(presetFile("nvdla-like"));
  const { C, K, kernel, PQ_product_from_output_bytes: P } = layer;
  const [S, R] = kernel;
  const mapping = compileMapping(
    [
      { level: "DRAM", temporal: [{ dim: "K", bound: Math.ceil(K / atomicK) }], spatial: [] },
      {
        level: "buffer",
        temporal: [
          { dim: "C", bound: Math.ceil(C / atomicC) },
          { dim: "R", bound: R },
          { dim: "S", bound: S },
        ],
        spatial: [],
      },
      {
        level: "accumulators",
        temporal: [{ dim: "P", bound: P }],
        spatial: [
          { dim: "K", bound: atomicK, axis: "atomicK" },
          { dim: "C", bound: atomicC, axis: "atomicC" },
        ],
      },
    ],
    chip,
  );
  const model = new CostModel(chip);
  model.evaluate(convProblem({ K, C, P, Q: 1, R, S }, [1, 1], BITS), mapping);
  return model.computeCycles;
}
