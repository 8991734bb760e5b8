// An accelerator as a person writes it, in YAML: storage levels from DRAM to the registers at the multipliers, what each keeps,
// how fast it answers, and how it fans out to the level below; energies and areas that are not stated come from the tables.
// Meaning: docs/accelerator-model.md; every key: docs/formats-accelerator.md.
import { z } from "zod";
import { DIMS, OPERANDS } from "./problem.js";
import { zerosSchema } from "./zeros.js";

const operand = z.enum(OPERANDS);
const dim = z.enum(DIMS);
const positive = z.number().positive();

const axisSchema = z.strictObject({
  name: z.string().min(1),
  size: z.int().min(1).max(65536),
  dims: z.array(dim).min(1).optional().describe("dimensions that may unroll on this axis; all unless stated"),
});

/** bytes per cycle of one port for all operands, or of a port for each operand that is named */
const ports = z.union([positive, z.partialRecord(operand, positive)]);

const levelSchema = z
  .strictObject({
    name: z.string().min(1),
    type: z.enum(["dram", "sram", "regfile"]),
    dram: z.string().optional().describe("type of DRAM, as in components.yaml: LPDDR4, DDR3, HBM2, ...; dram only"),
    cells: z
      .enum(["sram", "registers"])
      .optional()
      .describe("what an sram or regfile is made of, for its energy and area; registers are flip-flops; default sram"),
    capacityBytes: z
      .union([positive, z.partialRecord(operand, positive)])
      .optional()
      .describe("per instance; one number shared by all operands, or a partition per operand; DRAM has none"),
    keeps: z
      .array(operand)
      .default([...OPERANDS])
      .describe("operands that are stored here; others pass by; none: a fan-out alone"),
    wordBits: z.int().min(1).default(64).describe("bits per access, for the energy of one access"),
    bandwidthGBps: positive.optional().describe("read and write traffic together, in 10^9 bytes per second"),
    readBytesPerCycle: ports.optional().describe("per instance, or by operand; unlimited unless stated"),
    writeBytesPerCycle: ports.optional().describe("per instance, or by operand; unlimited unless stated"),
    readPj: z.number().min(0).optional().describe("per access of wordBits; from the table unless stated"),
    writePj: z.number().min(0).optional().describe("per access of wordBits; from the table unless stated"),
    areaMm2: z.number().min(0).optional().describe("of one instance; from the table unless stated"),
    hopPjPerBit: z
      .union([z.number().min(0), z.literal("table")])
      .default(0)
      .describe("moving a bit between this level and one instance below; table: one hop between neighbours"),
    doubleBuffered: z.boolean().default(true).describe("false: its transfers do not overlap with compute, and add up"),
    fanout: z.array(axisSchema).default([]).describe("axes along which the next level is replicated"),
    multicast: z
      .array(operand)
      .default([...OPERANDS])
      .describe("operands of which one read can serve many instances below"),
    reduce: z
      .boolean()
      .default(true)
      .describe("partial sums of the instances below are added before they are written here"),
  })
  .refine((level) => level.type === "dram" || level.capacityBytes !== undefined, {
    path: ["capacityBytes"],
    error: "an sram or regfile needs a capacityBytes",
  })
  .refine(
    ({ type, dram, readPj, writePj }) =>
      type !== "dram" || dram !== undefined || (readPj !== undefined && writePj !== undefined),
    { path: ["dram"], error: 'state the type of DRAM ("LPDDR4", ...), or readPj and writePj' },
  )
  .refine(({ type, dram, cells }) => (type === "dram" ? cells === undefined : dram === undefined), {
    path: ["type"],
    error: "dram belongs to a level of type dram, cells to the others",
  });

const dataflowNames = [
  "weight-stationary",
  "output-stationary",
  "input-stationary",
  "row-stationary",
  "flexible",
] as const;
export type DataflowName = (typeof dataflowNames)[number];
export const DATAFLOWS: readonly DataflowName[] = dataflowNames;

/** What a machine loses beside its steady state. All off unless stated: the steady state alone is what Timeloop counts. */
const overheadsSchema = z.strictObject({
  firstLoad: z.boolean().default(false).describe("nothing hides the load of the first tile from DRAM"),
  lastStore: z.boolean().default(false).describe("nothing hides the store of the last tile to DRAM"),
  reloadPerDramTile: z
    .boolean()
    .default(false)
    .describe("weights and inputs are loaded again for every DRAM tile, also where they did not change"),
  overlapSurvivesReuse: z
    .boolean()
    .default(true)
    .describe("a tile that slides on after it was used several times still brings only its new words"),
  dramLineBytes: z
    .number()
    .min(0)
    .default(0)
    .describe("DRAM answers in lines: a shorter run of channels takes as long as a whole line"),
  dramTileStartCycles: z.number().min(0).default(0).describe("start-up of every DRAM tile"),
  stationary: operand.default("weights").describe("operand whose residencies fill and drain the array"),
  arrayFillCycles: z.number().min(0).default(0).describe("before each residency of the stationary operand"),
  arrayDrainCycles: z.number().min(0).default(0).describe("after each residency of the stationary operand"),
});
export type Overheads = z.output<typeof overheadsSchema>;

export const acceleratorSchema = z
  .strictObject({
    name: z.string().min(1),
    origin: z.string().default("").describe("where the figures come from"),
    nodeNm: positive.describe("technology node; sets energies and areas that are not stated"),
    clockMhz: positive,
    dataflow: z.enum(dataflowNames).default("flexible").describe("which mappings the machine can run"),
    mac: z.strictObject({
      bits: z.int().min(1).max(64).default(8).describe("operand width of the multiplier, for its area"),
      rate: z
        .record(z.string(), positive)
        .default({ "16": 0.5, "8": 1, "4": 2 })
        .describe("operations per unit and cycle by bits of the wider operand"),
      formats: z
        .record(z.string().regex(/^[1-9]\d*$/, "bits: a whole number"), z.string())
        .default({})
        .describe(
          "number format by bits, as in components.yaml: int4 int8 int16 int32 fp16 bf16 fp32; whole numbers unless stated",
        ),
      energyPj: z.number().min(0).optional().describe("per operation at any precision; from the table unless stated"),
      addPj: z.number().min(0).optional().describe("per addition alone; from the table unless stated"),
      areaMm2: z.number().min(0).optional().describe("of one unit; from the table unless stated"),
    }),
    zeros: zerosSchema.describe("what the machine saves on zeros; nothing unless stated"),
    partialBits: z.int().min(1).max(64).default(32).describe("bits of a partial sum"),
    leakageMw: z
      .union([z.number().min(0), z.literal("table")])
      .default(0)
      .describe("of the whole chip; table: the sum of CACTI's figures for its memories, at 360 K"),
    layerSetupCycles: z.number().min(0).default(0).describe("cycles before each layer that nothing hides"),
    overheads: overheadsSchema.prefault({}),
    levels: z.array(levelSchema).min(2),
    otherAreaMm2: z.number().min(0).default(0).describe("control, network and I/O"),
  })
  .refine((chip) => chip.levels[0]!.type === "dram", {
    path: ["levels", 0, "type"],
    error: "the outermost level must be dram",
  })
  .refine((chip) => chip.levels[0]!.keeps.length === 3, {
    path: ["levels", 0, "keeps"],
    error: "dram must keep all operands",
  })
  .refine((chip) => new Set(chip.levels.map((level) => level.name)).size === chip.levels.length, {
    path: ["levels"],
    error: "two levels have the same name",
  });

export type AcceleratorFile = z.input<typeof acceleratorSchema>;
/** A description with its defaults. */
export type Description = z.output<typeof acceleratorSchema>;
