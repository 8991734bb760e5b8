// SCALE-Sim v2: a configuration of one systolic array, and a topology of layers. The tool derives the mapping from the dataflow
// (os, ws, is), so the mapping only chooses it. Formats after scalesim-project/scale-sim-v2; docs/export.md says what was checked.
import { CosearchError } from "../../../src/core/errors.js";
import type { DataflowName } from "../architecture.js";
import { dataflowsOf } from "../explain-mapping.js";
import { C, G, I, K, N, OPERANDS, P, Q, R, S } from "../problem.js";
import {
  comments,
  compiled,
  type ExportDesign,
  type Exported,
  plainName,
  tileSizes,
  unsupported,
  wordBitsOf,
} from "./design.js";

const TOOL = "SCALE-Sim";
const SHORT: Partial<Record<DataflowName, "ws" | "os" | "is">> = {
  "weight-stationary": "ws",
  "output-stationary": "os",
  "input-stationary": "is",
};

/** @throws CosearchError EXPORT_UNSUPPORTED for layers without weights, dilation, other arrays than rows × columns, and
 *  mappings that keep neither weights nor outputs nor inputs in place */
export function exportScalesim(design: ExportDesign): Exported {
  const { layer, problem, name } = design;
  if (problem.operation !== "mac") unsupported(TOOL, `a layer of kind ${layer.kind}`);
  if (problem.dilation[0] !== 1 || problem.dilation[1] !== 1) unsupported(TOOL, "a dilated convolution");
  const axisCount = design.chip.levels.flatMap(({ fanout }) => fanout).filter(({ size }) => size > 1).length;
  if (axisCount > 2) unsupported(TOOL, `${axisCount} fan-out axes; it has one array of rows and columns`);
  const dataflow = dataflowOf(design);
  const array = arrayOf(design, dataflow);
  const sram = sramOf(design);
  const words = wordsPerCycle(design);
  const notes = notesOf(design, sram.isShared);
  const config = [
    comments([`${name} on ${design.chip.name}, written by cosearch for SCALE-Sim v2 (docs/export.md)`]),
    comments(notes.map((note) => `note: ${note}`)),
    "[general]\n",
    `run_name = ${plainName(name)}\n\n`,
    "[architecture_presets]\n",
    `ArrayHeight: ${array.rows}\nArrayWidth: ${array.columns}\n`,
    `IfmapSramSzkB: ${sram.kilobytes[1]}\nFilterSramSzkB: ${sram.kilobytes[0]}\nOfmapSramSzkB: ${sram.kilobytes[2]}\n`,
    "IfmapOffset: 0\nFilterOffset: 10000000\nOfmapOffset: 20000000\n",
    `Dataflow: ${dataflow}\n`,
    `Bandwidth: ${words ?? 1}\nMemoryBanks: 1\n\n`,
    // asked for by versions from the end of 2024 on, passed over by older ones
    "[sparsity]\nSparsitySupport: false\n\n",
    "[layout]\nIfmapCustomLayout: False\nIfmapSRAMBankBandwidth: 10\nIfmapSRAMBankNum: 10\nIfmapSRAMBankPort: 2\n",
    "FilterCustomLayout: False\nFilterSRAMBankBandwidth: 10\nFilterSRAMBankNum: 10\nFilterSRAMBankPort: 2\n\n",
    `[run_presets]\nInterfaceBandwidth: ${words === undefined ? "CALC" : "USER"}\nUseRamulatorTrace: False\n`,
  ].join("");
  return {
    notes,
    files: [
      { name: `${plainName(name)}.cfg`, text: config },
      { name: `${plainName(name)}.csv`, text: topology(design) },
    ],
  };
}

function notesOf({ problem, chip }: ExportDesign, isShared: boolean): string[] {
  const notes = [
    "SCALE-Sim tiles the layer itself: of the mapping only the stationary operand is written, of the energies nothing",
  ];
  if (problem.extents[N]! > 1) notes.push(`one image is written, the layer has ${problem.extents[N]}`);
  const groups = problem.extents[G]!;
  if (groups > 1)
    notes.push(
      `${groups} groups are ${isDepthwise(problem.extents) ? "a depthwise (DP) row" : "one row each"}, run one after the other`,
    );
  if (problem.stride[0] !== problem.stride[1]) {
    notes.push(
      "strides that differ are two columns, which versions with a sparsity column (from the end of 2024) do not read",
    );
  }
  if (isShared) notes.push("the memory is shared here; it is divided as the mapping's tiles take it");
  const bits = OPERANDS.map((_, o) => wordBitsOf(problem, o));
  if (new Set(bits).size > 1)
    notes.push(
      `all words are one element there; here ${OPERANDS.map((name, o) => `${name} have ${bits[o]} bits`).join(", ")}`,
    );
  const inner = chip.levels
    .slice(1)
    .filter(({ type }) => type === "regfile")
    .map(({ name }) => name);
  if (inner.length > 0) notes.push(`a unit there holds one word; ${inner.join(", ")} hold more`);
  return notes;
}

function dataflowOf({ chip, mapping, problem }: ExportDesign): "ws" | "os" | "is" {
  const own = SHORT[chip.dataflow];
  if (own !== undefined) return own;
  for (const name of dataflowsOf(compiled({ mapping, chip }), problem, chip)) {
    const short = SHORT[name];
    if (short !== undefined) return short;
  }
  return unsupported(
    TOOL,
    "a mapping that leaves neither weights, outputs nor inputs in place while it uses the array",
  );
}

/** Columns take output channels (ws, os) or pixels (is); an axis that does nothing of the kind is the rows. */
function arrayOf({ chip, mapping }: ExportDesign, dataflow: "ws" | "os" | "is"): { rows: number; columns: number } {
  const axes = chip.levels.flatMap(({ name, fanout }) =>
    fanout
      .filter(({ size }) => size > 1)
      .map((axis) => ({
        size: axis.size,
        dims:
          mapping
            .find(({ level }) => level === name)
            ?.spatial.filter((loop) => loop.axis === axis.name && loop.bound > 1)
            .map(({ dim }) => dim) ?? [],
      })),
  );
  const wide = dataflow === "is" ? ["P", "Q", "N"] : ["K"];
  const position = axes.findIndex(({ dims }) => dims.some((dim) => wide.includes(dim)));
  const columns = position < 0 ? axes[1] : axes[position];
  const rows = axes.find((axis) => axis !== columns);
  return { rows: rows?.size ?? 1, columns: columns?.size ?? 1 };
}

/** kB of weights, inputs and outputs in the outermost memory on chip. */
function sramOf(design: ExportDesign): { kilobytes: readonly number[]; isShared: boolean } {
  const { chip, problem, mapping } = design;
  const l = chip.levels.findIndex(({ type }) => type === "sram");
  const level = chip.levels[l] ?? unsupported(TOOL, "a machine without memory on chip");
  const kilobytes = (bytes: number): number => Math.max(1, Math.floor(bytes / 1024));
  if (level.partitionBytes !== undefined) return { kilobytes: level.partitionBytes.map(kilobytes), isShared: false };
  const tile = tileSizes(compiled({ mapping, chip }), l).map((size, d) => Math.min(size, problem.extents[d]!));
  const needed = OPERANDS.map((_, o) => {
    if (!level.keeps[o]) return 0;
    let words = tile.reduce(
      (product, size, d) => (problem.relevance[o]! & (1 << d) && !(o === I && d >= P) ? product * size : product),
      1,
    );
    if (o === I) {
      words *= (tile[P]! - 1) * problem.stride[0] + (tile[R]! - 1) * problem.dilation[0] + 1;
      words *= (tile[Q]! - 1) * problem.stride[1] + (tile[S]! - 1) * problem.dilation[1] + 1;
    }
    return words * wordBitsOf(problem, o);
  });
  const total = needed.reduce((sum, bits) => sum + bits, 0);
  return { kilobytes: needed.map((bits) => kilobytes((level.sharedCapacityBytes! * bits) / total)), isShared: true };
}

/** Words that DRAM moves in a cycle, undefined when it is not limited. */
function wordsPerCycle({ chip, problem }: ExportDesign): number | undefined {
  const dram = chip.levels[0]!;
  const bytes = Math.min(dram.sharedBytesPerCycle, dram.readBytesPerCycle);
  return bytes === Infinity ? undefined : Math.max(1, Math.floor((bytes * 8) / problem.bits.inputs));
}

const HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,";

const isDepthwise = (extents: Int32Array): boolean => extents[C] === 1 && extents[K] === 1;

function topology({ name, problem }: ExportDesign): string {
  const { extents: e, stride } = problem;
  const rows = (e[P]! - 1) * stride[0] + e[R]!;
  const columns = (e[Q]! - 1) * stride[1] + e[S]!;
  const strides = stride[0] === stride[1] ? [stride[0]] : stride;
  const groups = e[G]!;
  const line = (label: string, channels: number, filters: number): string =>
    `${[label, rows, columns, e[R], e[S], channels, filters, ...strides].join(", ")},`;
  const label = plainName(name).replaceAll("DP", "dp"); // DP in a name means depthwise there
  if (groups > 1 && isDepthwise(e)) return `${HEADER}\n${line(`DP_${label}`, groups, 1)}\n`;
  const lines = Array.from({ length: groups }, (_, g) =>
    line(groups === 1 ? label : `${label}_g${g + 1}of${groups}`, e[C]!, e[K]!),
  );
  return `${[HEADER, ...lines].join("\n")}\n`;
}

/** A SCALE-Sim configuration. */
export interface ScalesimConfig {
  readonly runName: string;
  readonly rows: number;
  readonly columns: number;
  readonly kilobytes: { readonly weights: number; readonly inputs: number; readonly outputs: number };
  readonly dataflow: "os" | "ws" | "is";
  /** words per cycle and operand; undefined in CALC mode, which never stalls */
  readonly bandwidth: readonly number[] | undefined;
}

/** Sections, `key: value` or `key = value`, keys in any case. @throws CosearchError FILE_BAD_VALUE */
export function readScalesimConfig(text: string, file: string): ScalesimConfig {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const found = line.match(/^\s*([A-Za-z_]\w*)\s*[:=]\s*(.*?)\s*$/);
    if (found) values.set(found[1]!.toLowerCase(), found[2]!);
  }
  const value = (key: string): string => {
    const found = values.get(key.toLowerCase());
    if (found === undefined) throw new CosearchError("FILE_BAD_VALUE", `${file}: ${key} is missing`);
    return found;
  };
  const count = (key: string): number => whole(value(key), `${file}: ${key}`);
  const dataflow = value("Dataflow");
  if (dataflow !== "os" && dataflow !== "ws" && dataflow !== "is") {
    throw new CosearchError("FILE_BAD_VALUE", `${file}: Dataflow is "${dataflow}"; allowed: os, ws, is`);
  }
  return {
    runName: value("run_name"),
    rows: count("ArrayHeight"),
    columns: count("ArrayWidth"),
    kilobytes: { weights: count("FilterSramSzkB"), inputs: count("IfmapSramSzkB"), outputs: count("OfmapSramSzkB") },
    dataflow,
    bandwidth:
      value("InterfaceBandwidth") === "USER"
        ? value("Bandwidth")
            .split(",")
            .map((one) => whole(one, `${file}: Bandwidth`))
        : undefined,
  };
}

/** A layer of a topology in our letters; C and K per group. */
export interface ScalesimLayer {
  readonly name: string;
  readonly G: number;
  readonly K: number;
  readonly C: number;
  readonly P: number;
  readonly Q: number;
  readonly R: number;
  readonly S: number;
  readonly stride: readonly [number, number];
}

/** Rows of groups that topology() wrote one by one become one layer again. @throws CosearchError FILE_BAD_VALUE */
export function readScalesimTopology(text: string, file: string): readonly ScalesimLayer[] {
  const layers: ScalesimLayer[] = [];
  text
    .split("\n")
    .slice(1)
    .forEach((line, i) => {
      const cells = line
        .split(",")
        .map((cell) => cell.trim())
        .slice(0, -1);
      if (cells.length === 0) return;
      const where = `${file}:${i + 2}`;
      if (cells.length < 8)
        throw new CosearchError("FILE_BAD_VALUE", `${where}: ${cells.length} columns; 8 or 9 are needed`);
      const [label] = cells as [string];
      const [rows, columns, R, S, channels, filters, down, right = down] = cells
        .slice(1)
        .map((cell) => whole(cell, where)) as [number, number, number, number, number, number, number, number?];
      const group = label.match(/^(.*)_g(\d+)of(\d+)$/);
      if (group && group[2] !== "1") return;
      const isDepthwise = label.includes("DP");
      layers.push({
        name: group?.[1] ?? label.replace(/^DP_/, ""),
        G: group ? Number(group[3]) : isDepthwise ? channels : 1,
        K: filters,
        C: isDepthwise ? 1 : channels,
        P: Math.ceil((rows - R + down) / down),
        Q: Math.ceil((columns - S + right) / right),
        R,
        S,
        stride: [down, right],
      });
    });
  return layers;
}

function whole(text: string, where: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && text.trim() !== "") return value;
  throw new CosearchError("FILE_BAD_VALUE", `${where} is "${text}"; a whole number is needed`);
}
