// Designs for the tests of the exports: random layers on random machines, mapped at random.
import fc from "fast-check";
import { buildAccelerator } from "../../../../envs/accelerator/architecture.js";
import type { ExportDesign } from "../../../../envs/accelerator/export/design.js";
import { mappingData } from "../../../../envs/accelerator/mapping.js";
import type { Layer, LayerKind } from "../../../../envs/network/ir.js";
import { layer, machine, mappingOf, problem, type Raggedness, smallProblem } from "../random-cases.js";

/** The layer that a problem of the random cases stands for, as far as exports look at it. */
const kindOf = (made: ExportDesign["problem"]): LayerKind => {
  const hasWindow = made.extents[6]! * made.extents[7]! > 1;
  if (made.operation === "mac") return "conv";
  if (!made.present[0]) return hasWindow ? "pool" : "global-pool";
  return made.operation === "accumulate" ? "add" : "multiply";
};

export const anyDesign = (raggedness: Raggedness): fc.Arbitrary<ExportDesign> =>
  fc.tuple(smallProblem, machine).chain(([made, chip]) =>
    mappingOf(made, chip, raggedness).map((mapping) => ({
      name: "any",
      layer: layer(kindOf(made), {}),
      problem: made,
      chip,
      mapping: mappingData(mapping, chip),
    })),
  );

/** A 16 × 12 array with a buffer that has partitions, or shares its room. */
export const arrayChip = (shared = false) =>
  buildAccelerator({
    name: "array",
    nodeNm: 45,
    clockMhz: 500,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 8 },
      {
        name: "buffer",
        type: "sram",
        capacityBytes: shared ? 65536 : { weights: 16384, inputs: 8192, outputs: 4096 },
        readBytesPerCycle: 64,
        fanout: [
          { name: "columns", size: 16 },
          { name: "rows", size: 12 },
        ],
      },
      { name: "registers", type: "regfile", capacityBytes: 512, wordBits: 16 },
    ],
  });

/** K 32, C 24, 14 × 14, 3 × 3: K over the columns, C over the rows, a weight tile in place while pixels pass. */
export function convDesign(fields: Partial<Layer> = {}, chip = arrayChip()): ExportDesign {
  const shape = { K: 32, C: 24, P: 14, Q: 14, R: 3, S: 3, ...fields };
  return {
    name: "conv",
    layer: layer("conv", shape),
    problem: problem("conv", shape),
    chip,
    mapping: [
      { level: "DRAM", temporal: [{ dim: "K", bound: 2 }], spatial: [] },
      {
        level: "buffer",
        temporal: [
          { dim: "C", bound: 2 },
          { dim: "P", bound: 14 },
        ],
        spatial: [
          { dim: "K", bound: 16, axis: "columns" },
          { dim: "C", bound: 12, axis: "rows" },
        ],
      },
      {
        level: "registers",
        temporal: [
          { dim: "Q", bound: 14 },
          { dim: "R", bound: 3 },
          { dim: "S", bound: 3 },
        ],
        spatial: [],
      },
    ],
  };
}
