// An accelerator as data: storage levels from DRAM to the registers at the multipliers, what each keeps, how fast and at
// what energy it answers, and how it fans out to the level below. The YAML schema is here, and the step that completes a
// description with energies and areas from the tables. Meaning: docs/accelerator-model.md.
import { z } from "zod";
import { CosearchError } from "../../src/core/errors.js";
import { gigabytesPerSecondToBytesPerCycle } from "../../src/core/units.js";
import { dataNames, readDocument, resolveDocument } from "../../src/files/documents.js";
import { addEnergyPj, dramAccess, macAreaMm2, macEnergyPj, sramAccess, sramAreaMm2 } from "./energy.js";
import { DIMS, type Dim, OPERANDS, type Operand } from "./problem.js";

const operand = z.enum(OPERANDS);
const dim = z.enum(DIMS);
const positive = z.number().positive();

const axisSchema = z.strictObject({
  name: z.string().min(1),
  size: z.int().min(1).max(65536),
  dims: z.array(dim).min(1).optional().describe("dimensions that may unroll on this axis; all unless stated"),
});

const levelSchema = z
  .strictObject({
    name: z.string().min(1),
    type: z.enum(["dram", "sram", "regfile"]),
    dram: z.string().optional().describe("type of DRAM, as in the energy table: LPDDR4, DDR3, DDR4, HBM2"),
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
    readBytesPerCycle: positive.optional().describe("per instance; unlimited unless stated"),
    writeBytesPerCycle: positive.optional().describe("per instance; unlimited unless stated"),
    readPj: z.number().min(0).optional().describe("per access of wordBits; from the table unless stated"),
    writePj: z.number().min(0).optional().describe("per access of wordBits; from the table unless stated"),
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
      energyPj: z.number().min(0).optional().describe("per operation at any precision; from the table unless stated"),
    }),
    partialBits: z.int().min(1).max(64).default(32).describe("bits of a partial sum"),
    leakageMw: z.number().min(0).default(0),
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
type Description = z.output<typeof acceleratorSchema>;

export interface Axis {
  readonly name: string;
  readonly size: number;
  /** bit d is set when dimension d may unroll here */
  readonly dimMask: number;
}

export interface Level {
  readonly name: string;
  readonly type: "dram" | "sram" | "regfile";
  /** bytes per instance: shared, or by operand (Infinity for DRAM) */
  readonly sharedCapacityBytes: number | undefined;
  readonly partitionBytes: readonly [number, number, number] | undefined;
  readonly keeps: readonly [boolean, boolean, boolean];
  readonly wordBits: number;
  /** bytes per cycle and instance; Infinity when unlimited */
  readonly sharedBytesPerCycle: number;
  readonly readBytesPerCycle: number;
  readonly writeBytesPerCycle: number;
  /** pJ per bit moved */
  readonly readPjPerBit: number;
  readonly writePjPerBit: number;
  readonly doubleBuffered: boolean;
  readonly fanout: readonly Axis[];
  /** product of the axes' sizes */
  readonly fanoutSize: number;
  readonly multicast: readonly [boolean, boolean, boolean];
  readonly reduce: boolean;
  /** how many of it the chip has */
  readonly instances: number;
  readonly areaMm2: number;
}

/** A complete accelerator: every energy, bandwidth and area is known. */
export interface Accelerator {
  readonly name: string;
  readonly origin: string;
  readonly nodeNm: number;
  readonly clockMhz: number;
  readonly dataflow: DataflowName;
  readonly levels: readonly Level[];
  readonly macUnits: number;
  readonly macBits: number;
  readonly macRate: Readonly<Record<string, number>>;
  readonly macEnergyPj: number | undefined;
  readonly addEnergyPj: number;
  readonly partialBits: number;
  readonly leakageMw: number;
  readonly layerSetupCycles: number;
  readonly overheads: Overheads;
  readonly areaMm2: number;
  /** level at which activations can stay between layers: the outermost on chip that shares its room among all that it keeps
   *  and keeps inputs and outputs; -1 when there is none */
  readonly residentLevel: number;
  /** equal for two accelerators exactly when they cost the same */
  readonly key: string;
}

/** Completes a parsed description from the energy and area tables. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function buildAccelerator(file: AcceleratorFile): Accelerator {
  return completeAccelerator(acceleratorSchema.parse(file));
}

export function completeAccelerator(chip: Description): Accelerator {
  let instances = 1;
  const levels = chip.levels.map((level): Level => {
    const own = instances;
    const fanoutSize = level.fanout.reduce((product, axis) => product * axis.size, 1);
    instances *= fanoutSize;
    return completeLevel(level, chip, own, fanoutSize);
  });
  const macUnits = instances;
  const areaMm2 =
    chip.otherAreaMm2 +
    levels.reduce((sum, level) => sum + level.areaMm2 * level.instances, 0) +
    macUnits * macAreaMm2(chip.nodeNm, chip.mac.bits);
  return {
    name: chip.name,
    origin: chip.origin,
    nodeNm: chip.nodeNm,
    clockMhz: chip.clockMhz,
    dataflow: chip.dataflow,
    levels,
    macUnits,
    macBits: chip.mac.bits,
    macRate: chip.mac.rate,
    macEnergyPj: chip.mac.energyPj,
    addEnergyPj: addEnergyPj(chip.nodeNm),
    partialBits: chip.partialBits,
    leakageMw: chip.leakageMw,
    layerSetupCycles: chip.layerSetupCycles,
    overheads: chip.overheads,
    areaMm2,
    residentLevel: levels.findIndex(
      ({ type, keeps, partitionBytes }) => type !== "dram" && partitionBytes === undefined && keeps[1] && keeps[2],
    ),
    key: JSON.stringify({ ...chip, name: "", origin: "" }),
  };
}

function completeLevel(
  level: Description["levels"][number],
  chip: Description,
  instances: number,
  fanoutSize: number,
): Level {
  const capacity = level.capacityBytes;
  const partitions =
    typeof capacity === "object"
      ? (OPERANDS.map((name) => capacity[name] ?? 0) as [number, number, number])
      : undefined;
  if (partitions !== undefined) {
    const missing = level.keeps.filter((name) => (capacity as Partial<Record<Operand, number>>)[name] === undefined);
    if (missing.length > 0) {
      throw new CosearchError(
        "ACCELERATOR_BAD",
        `${chip.name}: level ${level.name} keeps ${missing.join(", ")} without a partition`,
      );
    }
  }
  const bytes = typeof capacity === "number" ? [capacity] : (partitions ?? []).filter((size) => size > 0);
  const table = (): { readPj: number; writePj: number } =>
    level.type === "dram"
      ? dramAccess(level.dram ?? "LPDDR4", level.wordBits)
      : sramAccess(chip.nodeNm, Math.max(...bytes), level.wordBits);
  const access = level.readPj !== undefined && level.writePj !== undefined ? undefined : table();
  const flags = (names: readonly Operand[]) =>
    OPERANDS.map((name) => names.includes(name)) as [boolean, boolean, boolean];
  return {
    name: level.name,
    type: level.type,
    sharedCapacityBytes: level.type === "dram" ? Infinity : typeof capacity === "number" ? capacity : undefined,
    partitionBytes: partitions,
    keeps: flags(level.keeps),
    wordBits: level.wordBits,
    sharedBytesPerCycle:
      level.bandwidthGBps === undefined
        ? Infinity
        : gigabytesPerSecondToBytesPerCycle(level.bandwidthGBps, chip.clockMhz),
    readBytesPerCycle: level.readBytesPerCycle ?? Infinity,
    writeBytesPerCycle: level.writeBytesPerCycle ?? Infinity,
    readPjPerBit: (level.readPj ?? access!.readPj) / level.wordBits,
    writePjPerBit: (level.writePj ?? access!.writePj) / level.wordBits,
    doubleBuffered: level.doubleBuffered,
    fanout: level.fanout.map((axis) => ({
      name: axis.name,
      size: axis.size,
      dimMask: dimMask(axis.dims ?? DIMS),
    })),
    fanoutSize,
    multicast: flags(level.multicast),
    reduce: level.reduce,
    instances,
    areaMm2: level.type === "dram" ? 0 : bytes.reduce((sum, size) => sum + sramAreaMm2(chip.nodeNm, size), 0),
  };
}

function dimMask(names: readonly Dim[]): number {
  let mask = 0;
  for (const name of names) mask |= 1 << DIMS.indexOf(name);
  return mask;
}

/** Energy of one operation of the given precision. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function operationEnergyPj(
  chip: Accelerator,
  operation: string,
  weightBits: number,
  activationBits: number,
): number {
  if (operation === "accumulate") return chip.addEnergyPj;
  return chip.macEnergyPj ?? macEnergyPj(chip.nodeNm, weightBits, activationBits);
}

/** Operations per unit and cycle. @throws CosearchError ENERGY_UNKNOWN_COMPONENT when the machine cannot do the precision */
export function operationRate(chip: Accelerator, weightBits: number, activationBits: number): number {
  const bits = Math.max(weightBits, activationBits);
  const rate = chip.macRate[String(bits)];
  if (rate === undefined) {
    throw new CosearchError(
      "ENERGY_UNKNOWN_COMPONENT",
      `${chip.name} states no rate for ${bits}-bit operations; it has ${Object.keys(chip.macRate).join(", ")}`,
    );
  }
  return rate;
}

const FOLDER = "envs/accelerator/presets";

export const acceleratorNames = (): string[] => dataNames(FOLDER);

/** A built-in accelerator or a file. @throws CosearchError ACCELERATOR_UNKNOWN, FILE_BAD_VALUE, ... */
export function loadAccelerator(nameOrPath: string): Accelerator {
  const path = resolveDocument(nameOrPath, FOLDER, "ACCELERATOR_UNKNOWN", "accelerator");
  return completeAccelerator(readDocument(path, acceleratorSchema as unknown as z.ZodType<Description>));
}
