// ZigZag: accelerator (memories from the inside out, an operational array), workload (one layer as an equation) and mapping
// (spatial unrolling, temporal order from the inside out). ZigZag divides the temporal loops among the memories itself. Formats
// after KULeuven-MICAS/zigzag; docs/export.md says what was checked.
import { type Level, operationEnergyPj } from "../architecture.js";
import { C, DIMS, type Dim, G, O, OPERANDS, type Operand, R, S } from "../problem.js";
import { yamlText } from "../yaml-text.js";
import {
  comments,
  type ExportDesign,
  type Exported,
  flatLoops,
  isRagged,
  machineNotes,
  plainName,
  unsupported,
} from "./design.js";

const TOOL = "ZigZag";
const LOOPS: Readonly<Record<Dim, string>> = { N: "B", G: "G", K: "K", C: "C", P: "OY", Q: "OX", R: "FY", S: "FX" };
const MEMORY_OPERANDS: Readonly<Record<Operand, string>> = { weights: "I2", inputs: "I1", outputs: "O" };
const MAX_ARRAY_DIMENSIONS = 4;
/** bits per cycle that stand for an unlimited bandwidth, and bits for unlimited room */
const UNLIMITED_BITS_PER_CYCLE = 2 ** 24;
const UNLIMITED_BITS = 2 ** 43;

/** @throws CosearchError EXPORT_UNSUPPORTED when more levels fan out than ZigZag's array has dimensions */
export function exportZigzag(design: ExportDesign): Exported {
  const notes = [
    "ZigZag gives the temporal loops to memories itself, as far inside as they fit: the order is written, the levels are not",
    `an unlimited bandwidth is written as ${UNLIMITED_BITS_PER_CYCLE} bits per cycle`,
    ...machineNotes(design.chip),
  ];
  if (isRagged(flatLoops(design)))
    notes.push("loops run past the layer's end here; ZigZag takes the product of their bounds as the size");
  if (design.chip.layerSetupCycles > 0) notes.push("set-up is not in ZigZag's cycles");
  const array = arrayOf(design, notes);
  const head = comments([
    `${design.name} on ${design.chip.name}, written by cosearch for ZigZag (docs/export.md)`,
    ...notes.map((note) => `note: ${note}`),
  ]);
  const file = (name: string, value: unknown) => ({ name, text: head + yamlText(value) });
  return {
    notes,
    files: [
      file("accelerator.yaml", accelerator(design, array)),
      file("workload.yaml", [workload(design)]),
      file("mapping.yaml", mappings(design, array)),
    ],
  };
}

/** A dimension of ZigZag's array: one axis, or all axes of a level. */
interface ArrayDimension {
  readonly name: string;
  readonly level: number;
  readonly axes: readonly string[];
  readonly size: number;
}

function arrayOf({ chip }: ExportDesign, notes: string[]): readonly ArrayDimension[] {
  const axes = chip.levels.flatMap(({ fanout }, level) =>
    fanout.filter(({ size }) => size > 1).map(({ name, size }) => ({ level, axes: [name], size })),
  );
  const named = (list: readonly Omit<ArrayDimension, "name">[]): ArrayDimension[] =>
    list.map((one, i) => ({ name: `D${i + 1}`, ...one }));
  if (axes.length <= MAX_ARRAY_DIMENSIONS) return named(axes);
  const joined = chip.levels.flatMap(({ fanout, fanoutSize }, level) =>
    fanoutSize > 1 ? [{ level, axes: fanout.map(({ name }) => name), size: fanoutSize }] : [],
  );
  if (joined.length > MAX_ARRAY_DIMENSIONS)
    unsupported(TOOL, `${joined.length} levels that fan out; its array has ${MAX_ARRAY_DIMENSIONS} dimensions`);
  notes.push("the fan-out axes of a level are one dimension of the array, as ZigZag has only four");
  return named(joined);
}

function accelerator(design: ExportDesign, array: readonly ArrayDimension[]): unknown {
  const { chip, problem } = design;
  const memories = chip.levels.flatMap((level, l) => memoriesOf(level, l, design, array)).reverse();
  const { weights, inputs } = problem.bits;
  return {
    name: plainName(chip.name),
    memories: Object.fromEntries(memories),
    operational_array: {
      is_imc: false,
      input_precision: [inputs, weights],
      unit_energy: operationEnergyPj(chip, problem.operation, weights, inputs),
      unit_area: chip.macAreaMm2,
      dimensions: array.length > 0 ? array.map(({ name }) => name) : ["D1"],
      sizes: array.length > 0 ? array.map(({ size }) => size) : [1],
    },
  };
}

function memoriesOf(
  level: Level,
  l: number,
  { problem }: ExportDesign,
  array: readonly ArrayDimension[],
): [string, unknown][] {
  const keeps = OPERANDS.filter((_, o) => level.keeps[o] && problem.present[o]);
  const { partitionBytes, sharedCapacityBytes } = level;
  // a memory serves the array's dimensions that fan out at its level or further in
  const served = array.filter((dimension) => dimension.level >= l).map(({ name }) => name);
  const memory = (operands: readonly Operand[], bytes: number): unknown => ({
    size: bytes === Infinity ? UNLIMITED_BITS : Math.floor(bytes * 8),
    r_cost: level.readPjPerBit * level.wordBits,
    w_cost: level.writePjPerBit * level.wordBits,
    area: level.areaMm2,
    latency: 1,
    operands: operands.map((name) => MEMORY_OPERANDS[name]),
    ports: portsOf(level, operands),
    served_dimensions: served,
  });
  const name = plainName(level.name);
  if (partitionBytes === undefined) return [[name, memory(keeps, sharedCapacityBytes!)]];
  return keeps.map((one) => [`${name}_${one}`, memory([one], partitionBytes[OPERANDS.indexOf(one)]!)]);
}

/** One port for both directions where the bandwidth is shared, else one for each. Cost is for one access of bandwidth_min. */
function portsOf(level: Level, operands: readonly Operand[]): unknown[] {
  const port = (name: string, type: string, bytesPerCycle: number, allocation: string[]) => {
    const most = bytesPerCycle === Infinity ? UNLIMITED_BITS_PER_CYCLE : Math.max(1, Math.floor(bytesPerCycle * 8));
    return { name, type, bandwidth_min: Math.min(level.wordBits, most), bandwidth_max: most, allocation };
  };
  const reads = operands.flatMap((name) =>
    name === "outputs" ? ["O, tl", "O, th"] : [`${MEMORY_OPERANDS[name]}, tl`],
  );
  const writes = operands.flatMap((name) =>
    name === "outputs" ? ["O, fh", "O, fl"] : [`${MEMORY_OPERANDS[name]}, fh`],
  );
  if (level.sharedBytesPerCycle !== Infinity) {
    return [port("rw_port_1", "read_write", level.sharedBytesPerCycle, [...reads, ...writes])];
  }
  return [
    port("r_port_1", "read", level.readBytesPerCycle, reads),
    port("w_port_1", "write", level.writeBytesPerCycle, writes),
  ];
}

/** The layer as ZigZag's equation; dimensions that a kind does not have are left out. */
function workload({ name, layer, problem }: ExportDesign): unknown {
  const { extents, relevance, stride, dilation, bits } = problem;
  const index = (dim: Dim): string => `[${LOOPS[dim].toLowerCase()}]`;
  const usesGroups = extents[G]! > 1 || problem.operation !== "mac";
  const hasWindow = problem.operation === "mac" || layer.kind === "pool" || layer.kind === "global-pool";
  const usedDims = DIMS.filter((dim, d) => {
    if (dim === "G") return usesGroups;
    if (dim === "K" || dim === "C") return problem.operation === "mac";
    return d === R || d === S ? hasWindow : true;
  });
  const indices = (o: number): string =>
    usedDims
      .filter((dim) => relevance[o]! & (1 << DIMS.indexOf(dim)))
      .map(index)
      .join("");
  const channels = usedDims
    .filter((dim) => ["N", "G", "C"].includes(dim))
    .map(index)
    .join("");
  const inputs = `${channels}${hasWindow ? "[iy][ix]" : "[oy][ox]"}`;
  const isPool = !problem.present[0];
  const weights = isPool ? "[fy][fx]" : indices(0);
  const accumulates = hasWindow ? "+=" : "=";
  const operator = layer.kind === "add" ? "+" : "*";
  return {
    id: 0,
    name: plainName(name),
    operator_type: isPool ? "Pooling" : layer.kind === "add" ? "Add" : "Conv",
    equation: `O${indices(O)}${accumulates}W${weights}${operator}I${inputs}`,
    ...(hasWindow && {
      dimension_relations: [`ix=${stride[1]}*ox+${dilation[1]}*fx`, `iy=${stride[0]}*oy+${dilation[0]}*fy`],
    }),
    loop_dims: usedDims.map((dim) => LOOPS[dim]),
    loop_sizes: usedDims.map((dim) => extents[DIMS.indexOf(dim)]!),
    operand_precision: {
      W: isPool ? 0 : bits.weights,
      I: bits.inputs,
      O: extents[C]! * extents[R]! * extents[S]! > 1 ? bits.partial : bits.outputs,
      O_final: bits.outputs,
    },
    operand_source: { I: 0, W: 0 },
  };
}

/** The same entry under the layer's name and as the default that ZigZag asks for. */
function mappings(design: ExportDesign, array: readonly ArrayDimension[]): unknown[] {
  const loops = flatLoops(design);
  const spatial = array.map(({ name, level, axes }) => {
    const own = loops.filter((loop) => loop.level === level && loop.axis !== undefined && axes.includes(loop.axis));
    const product = new Map<Dim, number>();
    for (const { dim, bound } of own) product.set(dim, (product.get(dim) ?? 1) * bound);
    return [name, [...product].map(([dim, bound]) => `${LOOPS[dim]}, ${bound}`)] as const;
  });
  const entry = (name: string): unknown => ({
    name,
    spatial_mapping: Object.fromEntries(spatial.filter(([, unrolled]) => unrolled.length > 0)),
    temporal_ordering: loops
      .filter(({ axis }) => axis === undefined)
      .reverse()
      .map(({ dim, bound }) => [LOOPS[dim], bound]),
    memory_operand_links: { O: "O", W: "I2", I: "I1" },
  });
  return [entry(plainName(design.name)), entry("default")];
}
