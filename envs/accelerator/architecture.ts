// An accelerator as data: storage levels from DRAM to the registers at the multipliers, what each keeps, how fast and at
// what energy it answers, and how it fans out to the level below. The YAML schema is here, and the step that completes a
// description with energies and areas from the tables. Meaning: docs/accelerator-model.md.
import { z } from "zod";
import { CosearchError } from "../../src/core/errors.js";
import { gigabytesPerSecondToBytesPerCycle } from "../../src/core/units.js";
import { withDefaults } from "../../src/files/defaults.js";
import { dataNames, parseValue, readDocument, resolveDocument } from "../../src/files/documents.js";
import {
  type Access,
  addEnergyPj,
  dramAccess,
  hopPjPerBit,
  macAreaMm2,
  macEnergyPj,
  registerAccess,
  registerAreaMm2,
  sramAccess,
  sramAreaMm2,
  sramLeakageMw,
} from "./energy.js";
import { C, DIMS, type Dim, I, O, OPERANDS, type Operand, type Problem, W } from "./problem.js";
import { type ZeroShares, type Zeros, zeroShares, zerosSchema } from "./zeros.js";

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
  /** bytes per cycle of each operand's own port, where it has one (Infinity where not) */
  readonly readPorts: readonly [number, number, number] | undefined;
  readonly writePorts: readonly [number, number, number] | undefined;
  /** pJ per bit moved */
  readonly readPjPerBit: number;
  readonly writePjPerBit: number;
  /** between this level and one instance of the next level in */
  readonly hopPjPerBit: number;
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
  /** number format by bits of the wider operand; whole numbers where none stands */
  readonly macFormats: Readonly<Record<string, string>>;
  readonly macEnergyPj: number | undefined;
  readonly addEnergyPj: number;
  readonly macAreaMm2: number;
  readonly zeros: Zeros;
  readonly partialBits: number;
  readonly leakageMw: number;
  readonly layerSetupCycles: number;
  readonly overheads: Overheads;
  readonly areaMm2: number;
  /** level at which activations can stay between layers: the outermost on chip that keeps inputs, for there they are read;
   *  -1 when there is none */
  readonly residentLevel: number;
  /** outputs that stay have to be copied there: the level does not keep outputs, or gives them a partition of their own */
  readonly copiesOutputs: boolean;
  /** level at which weights can stay from batch to batch: the outermost on chip that keeps them; -1 when there is none */
  readonly weightLevel: number;
  /** equal for two accelerators exactly when they cost the same */
  readonly key: string;
}

/** Checks a description and completes it from the energy and area tables.
 *  @throws CosearchError FILE_BAD_VALUE naming key, value and what is allowed; ACCELERATOR_BAD, ENERGY_UNKNOWN_COMPONENT */
export function buildAccelerator(file: AcceleratorFile): Accelerator {
  const name = (file as Partial<AcceleratorFile> | undefined)?.name;
  const source = typeof name === "string" ? `accelerator ${name}` : "accelerator";
  return completeAccelerator(parseValue(file, source, acceleratorSchema as unknown as z.ZodType<Description>));
}

/** The same for a description whose values were checked before, as a search space's are: without the schema's checks. */
export const buildCheckedAccelerator = (file: AcceleratorFile): Accelerator =>
  completeAccelerator(withDefaults(acceleratorSchema as unknown as z.ZodType<Description>, file));

export function completeAccelerator(chip: Description): Accelerator {
  let instances = 1;
  let leakageMw = 0;
  const levels = chip.levels.map((level, l): Level => {
    const own = instances;
    const fanoutSize = level.fanout.reduce((product, axis) => product * axis.size, 1);
    instances *= fanoutSize;
    return within(`${chip.name}: levels[${l}] (${level.name})`, () => {
      if (chip.leakageMw === "table") leakageMw += own * leakageOf(level, chip.nodeNm);
      return completeLevel(level, chip, own, fanoutSize);
    });
  });
  const macUnits = instances;
  const { bits, formats, energyPj, addPj, areaMm2: unitMm2 } = chip.mac;
  const [macMm2, addEnergy] = within(`${chip.name}: mac`, () => {
    for (const [width, format] of Object.entries(formats)) checkFormat(format, width, chip.nodeNm);
    return [
      unitMm2 ?? macAreaMm2(chip.nodeNm, bits, formats[String(bits)]),
      addPj ?? addEnergyPj(chip.nodeNm, formats[String(bits)]),
    ] as const;
  });
  const areaMm2 =
    chip.otherAreaMm2 + levels.reduce((sum, level) => sum + level.areaMm2 * level.instances, 0) + macUnits * macMm2;
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
    macFormats: formats,
    macEnergyPj: energyPj,
    addEnergyPj: addEnergy,
    macAreaMm2: macMm2,
    zeros: chip.zeros,
    partialBits: chip.partialBits,
    leakageMw: chip.leakageMw === "table" ? leakageMw : chip.leakageMw,
    layerSetupCycles: chip.layerSetupCycles,
    overheads: chip.overheads,
    areaMm2,
    ...residenceOf(levels),
    key: JSON.stringify({ ...chip, name: "", origin: "" }),
  };
}

/** Where activations and weights can stay. */
function residenceOf(levels: readonly Level[]): Pick<Accelerator, "residentLevel" | "copiesOutputs" | "weightLevel"> {
  const outermost = (operand: number): number =>
    levels.findIndex(({ type, keeps }) => type !== "dram" && keeps[operand]!);
  const residentLevel = outermost(I);
  const level = levels[residentLevel];
  return {
    residentLevel,
    copiesOutputs: level !== undefined && (level.partitionBytes !== undefined || !level.keeps[O]),
    weightLevel: residentLevel < 0 ? -1 : outermost(W),
  };
}

/** Bits of one instance of a level that what stays on chip takes from the tiles of an operand; from all of them, where the
 *  level shares its room. */
export function reservedBitsAt(
  chip: Pick<Accelerator, "levels" | "residentLevel" | "weightLevel">,
  { reservedBits, reservedWeightBits }: Pick<Problem, "reservedBits" | "reservedWeightBits">,
  level: number,
  operand: number,
): number {
  const isShared = chip.levels[level]!.partitionBytes === undefined;
  let bits = 0;
  if (level === chip.residentLevel && (isShared || operand === I)) bits += reservedBits;
  if (level === chip.weightLevel && (isShared || operand === W)) bits += reservedWeightBits;
  return bits;
}

/** Level where the words of an operand that stays are: its own for weights, that of the activations for all others. */
export const homeOf = (
  chip: Pick<Accelerator, "residentLevel" | "weightLevel">,
  { weightsAreActivations }: Pick<Problem, "weightsAreActivations">,
  operand: number,
): number => (operand === W && !weightsAreActivations ? chip.weightLevel : chip.residentLevel);

/** What is missing in a table, with the part of the machine that asked for it. */
function within<T>(part: string, complete: () => T): T {
  try {
    return complete();
  } catch (error) {
    if (!(error instanceof CosearchError) || error.code !== "ENERGY_UNKNOWN_COMPONENT") throw error;
    throw new CosearchError(error.code, `${part}: ${error.message}; or state the figure`, { cause: error });
  }
}

function checkFormat(format: string, width: string, nodeNm: number): void {
  const digits = format.match(/\d+$/)?.[0];
  macEnergyPj(nodeNm, Number(width), Number(width), format);
  if (digits === width) return;
  throw new CosearchError("ACCELERATOR_BAD", `mac.formats."${width}" is "${format}", which has ${digits} bits`);
}

type LevelDescription = Description["levels"][number];

/** Bytes of the memories that one instance of a level is made of. */
function memoryBytes({ capacityBytes }: LevelDescription): number[] {
  if (typeof capacityBytes === "number") return [capacityBytes];
  return OPERANDS.map((name) => capacityBytes?.[name] ?? 0).filter((size) => size > 0);
}

/** Energy per access of the largest memory of a level, from the tables. */
function tableAccess(level: LevelDescription, nodeNm: number): Access {
  if (level.type === "dram") return dramAccess(level.dram ?? "", level.wordBits);
  const access = level.cells === "registers" ? registerAccess : sramAccess;
  return access(nodeNm, Math.max(...memoryBytes(level)), level.wordBits);
}

function tableAreaMm2(level: LevelDescription, nodeNm: number): number {
  if (level.type === "dram") return 0;
  const areaOf = (bytes: number): number =>
    level.cells === "registers" ? registerAreaMm2(nodeNm, bytes, level.wordBits) : sramAreaMm2(nodeNm, bytes);
  return memoryBytes(level).reduce((sum, bytes) => sum + areaOf(bytes), 0);
}

/** Only memories of SRAM cells leak in the table. */
function leakageOf(level: LevelDescription, nodeNm: number): number {
  if (level.type === "dram" || level.cells === "registers") return 0;
  return memoryBytes(level).reduce((sum, bytes) => sum + sramLeakageMw(nodeNm, bytes), 0);
}

const portsOf = (given: LevelDescription["readBytesPerCycle"]): [number, number, number] | undefined =>
  typeof given === "object" ? (OPERANDS.map((name) => given[name] ?? Infinity) as [number, number, number]) : undefined;

const sharedPort = (given: LevelDescription["readBytesPerCycle"]): number =>
  typeof given === "number" ? given : Infinity;

function completeLevel(level: LevelDescription, chip: Description, instances: number, fanoutSize: number): Level {
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
  const access =
    level.readPj !== undefined && level.writePj !== undefined ? undefined : tableAccess(level, chip.nodeNm);
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
    readBytesPerCycle: sharedPort(level.readBytesPerCycle),
    writeBytesPerCycle: sharedPort(level.writeBytesPerCycle),
    readPorts: portsOf(level.readBytesPerCycle),
    writePorts: portsOf(level.writeBytesPerCycle),
    readPjPerBit: (level.readPj ?? access!.readPj) / level.wordBits,
    writePjPerBit: (level.writePj ?? access!.writePj) / level.wordBits,
    hopPjPerBit: level.hopPjPerBit === "table" ? hopPjPerBit(chip.nodeNm) : level.hopPjPerBit,
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
    areaMm2: level.areaMm2 ?? tableAreaMm2(level, chip.nodeNm),
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
  if (chip.macEnergyPj !== undefined) return chip.macEnergyPj;
  const key = weightBits * 1024 + activationBits;
  const known = macEnergies.get(chip)?.get(key);
  if (known !== undefined) return known;
  const format = chip.macFormats[String(Math.max(weightBits, activationBits))];
  const energyPj = macEnergyPj(chip.nodeNm, weightBits, activationBits, format);
  macEnergies.set(chip, (macEnergies.get(chip) ?? new Map<number, number>()).set(key, energyPj));
  return energyPj;
}

/** Energies of multiply-accumulates that were looked up in the tables, by machine and precision: every layer of every trial
 *  asks for one several times. */
const macEnergies = new WeakMap<Accelerator, Map<number, number>>();

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

/** What remains of a problem's work on a machine that notices zeros. */
export const zeroSharesOf = (chip: Accelerator, { density, operation, extents }: Problem): ZeroShares =>
  zeroShares(chip.zeros, density, operation, extents[C]!);

/** Energy of all operations of a problem, less what is saved on zeros. @throws CosearchError ENERGY_UNKNOWN_COMPONENT */
export function operationsPj(chip: Accelerator, problem: Problem): number {
  const { operation, operationCount, multiplierBits } = problem;
  const each = operationEnergyPj(chip, operation, multiplierBits.weights, multiplierBits.inputs);
  return operationCount * each * zeroSharesOf(chip, problem).operations;
}

const FOLDER = "envs/accelerator/presets";

export const acceleratorNames = (): string[] => dataNames(FOLDER);

/** A built-in accelerator or a file. @throws CosearchError ACCELERATOR_UNKNOWN, FILE_BAD_VALUE, ... */
export function loadAccelerator(nameOrPath: string): Accelerator {
  const path = resolveDocument(nameOrPath, FOLDER, "ACCELERATOR_UNKNOWN", "accelerator");
  return completeAccelerator(readDocument(path, acceleratorSchema as unknown as z.ZodType<Description>));
}
