// An accelerator as the cost model takes it: a description (accelerator-schema.ts) completed with energies and areas from the
// tables, so that every energy, bandwidth and area is known. What is in no table is an error that names the part.
import type { z } from "zod";
import { CosearchError } from "../../src/core/errors.js";
import { gigabytesPerSecondToBytesPerCycle } from "../../src/core/units.js";
import { withDefaults } from "../../src/files/defaults.js";
import { dataNames, parseValue, readDocument, resolveDocument } from "../../src/files/documents.js";
import {
  type AcceleratorFile,
  acceleratorSchema,
  type DataflowName,
  type Description,
  type Overheads,
} from "./accelerator-schema.js";
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
import { DIMS, type Dim, I, O, OPERANDS, type Operand, W } from "./problem.js";
import type { Zeros } from "./zeros.js";

export {
  type AcceleratorFile,
  acceleratorSchema,
  DATAFLOWS,
  type DataflowName,
  type Overheads,
} from "./accelerator-schema.js";
export {
  homeOf,
  operationEnergyPj,
  operationRate,
  operationsPj,
  reservedBitsAt,
  zeroSharesOf,
} from "./machine-facts.js";

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

const FOLDER = "envs/accelerator/presets";

export const acceleratorNames = (): string[] => dataNames(FOLDER);

/** A built-in accelerator or a file. @throws CosearchError ACCELERATOR_UNKNOWN, FILE_BAD_VALUE, ... */
export function loadAccelerator(nameOrPath: string): Accelerator {
  const path = resolveDocument(nameOrPath, FOLDER, "ACCELERATOR_UNKNOWN", "accelerator");
  return completeAccelerator(readDocument(path, acceleratorSchema as unknown as z.ZodType<Description>));
}
