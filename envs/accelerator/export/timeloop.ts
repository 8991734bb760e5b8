// Timeloop v0.4 (the YAML of its Python front end): architecture, problem, mapping, and our energies as Accelergy's reference
// table. Formats after Accelergy-Project/timeloop-accelergy-exercises and NVlabs/timeloop; docs/export.md says what was checked.
// Permutations there run from the innermost loop outwards; a fan-out axis is a container with a mesh.
import { Document } from "yaml";
import { type Level, operationEnergyPj } from "../architecture.js";
import { DIMS, OPERANDS, type Operand } from "../problem.js";
import { documentText, yamlText } from "../yaml-text.js";
import {
  comments,
  type ExportDesign,
  type Exported,
  type FlatLoop,
  flatLoops,
  isRagged,
  machineNotes,
  plainName,
  wordBitsOf,
} from "./design.js";

export const DATA_SPACES: Readonly<Record<Operand, string>> = {
  weights: "Weights",
  inputs: "Inputs",
  outputs: "Outputs",
};

/** The four files of a design. */
export function exportTimeloop(design: ExportDesign): Exported {
  const notes = notesOf(design);
  const head = comments([
    `${design.name} on ${design.chip.name}, written by cosearch for Timeloop v0.4 (docs/export.md)`,
    ...notes.map((note) => `note: ${note}`),
  ]);
  const file = (name: string, text: string) => ({ name, text: head + text });
  return {
    notes,
    files: [
      file("architecture.yaml", architecture(design)),
      file("problem.yaml", problem(design)),
      file("mapping.yaml", mapping(design)),
      file("ERT.yaml", energies(design)),
    ],
  };
}

/** A storage level as Timeloop has it: one component, or one for each partition. */
interface Component {
  readonly name: string;
  readonly keeps: readonly Operand[];
  readonly capacityBytes: number;
}

function componentsOf(level: Level, { problem: { present } }: ExportDesign): readonly Component[] {
  const keeps = OPERANDS.filter((_, o) => level.keeps[o] && present[o]);
  const { partitionBytes, sharedCapacityBytes } = level;
  const name = plainName(level.name);
  // a level that keeps nothing of this layer is still there to be passed by
  if (keeps.length === 0) return [{ name, keeps, capacityBytes: sharedCapacityBytes ?? Math.max(...partitionBytes!) }];
  if (partitionBytes === undefined) return [{ name, keeps, capacityBytes: sharedCapacityBytes! }];
  return keeps.map((operand) => ({
    name: `${name}_${operand}`,
    keeps: [operand],
    capacityBytes: partitionBytes[OPERANDS.indexOf(operand)]!,
  }));
}

const axisName = (level: Level, axis: string): string => `${plainName(level.name)}_${plainName(axis)}`;

/** Bits of a component's word: the narrowest of its operands, so that what fits here fits there. */
function wordBits({ keeps }: Component, { problem }: ExportDesign): number {
  if (keeps.length === 0) return problem.bits.inputs;
  return Math.min(...keeps.map((operand) => wordBitsOf(problem, OPERANDS.indexOf(operand))));
}

function notesOf(design: ExportDesign): string[] {
  const { chip, problem, layer } = design;
  const notes = machineNotes(chip);
  const mixed = chip.levels.filter((level) =>
    componentsOf(level, design).some(
      (one) => new Set(one.keeps.map((name) => wordBitsOf(problem, OPERANDS.indexOf(name)))).size > 1,
    ),
  );
  if (mixed.length > 0) {
    notes.push(
      `Timeloop has one word width a level; ${mixed.map(({ name }) => name).join(", ")} use the narrowest operand's, so wider words are undercounted in bits`,
    );
  }
  if (isRagged(flatLoops(design))) {
    notes.push(
      "loops that run past the layer's end are written as bound,last: Timeloop reads them as imperfect factors",
    );
  }
  const rate = chip.macRate[String(Math.max(problem.bits.weights, problem.bits.inputs))] ?? 1;
  if (rate !== 1) notes.push(`a unit does ${rate} operations a cycle at this precision; Timeloop counts one`);
  const serial = chip.levels.filter(({ doubleBuffered }) => !doubleBuffered).map(({ name }) => name);
  if (serial.length > 0)
    notes.push(`Timeloop overlaps all transfers with compute; here those of ${serial.join(", ")} add up`);
  const lossy = chip.levels.filter(
    (level) => level.fanoutSize > 1 && !(level.reduce && level.multicast.every(Boolean)),
  );
  if (lossy.length > 0)
    notes.push(
      `Timeloop multicasts and reduces everywhere; here ${lossy.map(({ name }) => name).join(", ")} do not in full`,
    );
  const lost = chip.overheads;
  const isLossy = lost.firstLoad || lost.lastStore || lost.reloadPerDramTile || lost.dramTileStartCycles > 0;
  if (isLossy || lost.arrayFillCycles + lost.arrayDrainCycles + chip.layerSetupCycles > 0) {
    notes.push("set-up, first load, fill and drain are not in Timeloop's cycles");
  }
  if (problem.operation !== "mac")
    notes.push(`a ${layer.kind} layer's operation is written as a multiply-accumulate with its own energy`);
  return notes;
}

function architecture(design: ExportDesign): string {
  const { chip } = design;
  const document = new Document({}, { aliasDuplicateObjects: false });
  const tagged = (tag: string, value: object): unknown => {
    const node = document.createNode(value);
    node.tag = tag;
    return node;
  };
  let axes = 0;
  const nodes: unknown[] = [
    tagged("!Container", {
      name: "system",
      attributes: {
        technology: `${chip.nodeNm}nm`,
        global_cycle_seconds: Number((1e-6 / chip.clockMhz).toPrecision(12)),
      },
    }),
  ];
  for (const level of chip.levels) {
    const parts = componentsOf(level, design).map((one) => tagged("!Component", componentNode(level, one, design)));
    if (parts.length > 1) nodes.push(tagged("!Parallel", { nodes: parts }));
    else nodes.push(...parts);
    for (const axis of level.fanout) {
      const mesh = axes++ % 2 === 0 ? "meshX" : "meshY";
      nodes.push(tagged("!Container", { name: axisName(level, axis.name), spatial: { [mesh]: axis.size } }));
    }
  }
  nodes.push(tagged("!Component", { name: "mac", class: "intmac", attributes: { datawidth: chip.macBits } }));
  document.contents = document.createNode({ architecture: { version: 0.4, nodes } }) as typeof document.contents;
  return documentText(document);
}

function componentNode(level: Level, component: Component, design: ExportDesign): object {
  const { problem } = design;
  const datawidth = wordBits(component, design);
  const perCycle = (bytes: number): number => (bytes * 8) / datawidth;
  const bypass = OPERANDS.filter((name, o) => problem.present[o] && !component.keeps.includes(name));
  const spaces = (names: readonly Operand[]): string[] => names.map((name) => DATA_SPACES[name]);
  const bits = component.capacityBytes * 8;
  const width = Math.min(level.wordBits, bits);
  return {
    name: component.name,
    class: level.type === "dram" ? "DRAM" : level.type === "sram" ? "SRAM" : "regfile",
    attributes: {
      ...(level.type === "dram" ? {} : { depth: Math.floor(bits / width) }),
      width,
      datawidth,
      ...(level.readBytesPerCycle !== Infinity && { read_bandwidth: perCycle(level.readBytesPerCycle) }),
      ...(level.writeBytesPerCycle !== Infinity && { write_bandwidth: perCycle(level.writeBytesPerCycle) }),
      ...(level.sharedBytesPerCycle !== Infinity && { shared_bandwidth: perCycle(level.sharedBytesPerCycle) }),
    },
    constraints: { dataspace: { keep: spaces(component.keeps), bypass: spaces(bypass) } },
  };
}

function problem({ name, problem: { extents, stride, dilation, relevance, present } }: ExportDesign): string {
  const window = new Map<string, unknown>([
    [
      "P",
      [
        ["R", "Rdilation"],
        ["P", "Pstride"],
      ],
    ],
    [
      "Q",
      [
        ["S", "Sdilation"],
        ["Q", "Qstride"],
      ],
    ],
  ]);
  const spaces = OPERANDS.flatMap((operand, o) => {
    if (!present[o]) return [];
    const dims = DIMS.filter((_, d) => relevance[o]! & (1 << d));
    const projection =
      operand === "inputs"
        ? dims.filter((dim) => dim !== "R" && dim !== "S").map((dim) => window.get(dim) ?? [[dim]])
        : dims.map((dim) => [[dim]]);
    return [{ name: DATA_SPACES[operand], projection, ...(operand === "outputs" && { read_write: true }) }];
  });
  return yamlText({
    problem: {
      version: 0.4,
      shape: {
        name: plainName(name),
        dimensions: [...DIMS],
        coefficients: ["Pstride", "Qstride", "Rdilation", "Sdilation"].map((one) => ({ name: one, default: 1 })),
        data_spaces: spaces,
      },
      instance: {
        ...Object.fromEntries(DIMS.map((dim, d) => [dim, extents[d]!])),
        Pstride: stride[0],
        Qstride: stride[1],
        Rdilation: dilation[0],
        Sdilation: dilation[1],
      },
    },
  });
}

function mapping(design: ExportDesign): string {
  const { chip } = design;
  const loops = flatLoops(design);
  const directives: object[] = [];
  chip.levels.forEach((level, l) => {
    const parts = componentsOf(level, design);
    const own = loops.filter((loop) => loop.level === l);
    for (const { name, keeps } of parts) {
      const bypass = OPERANDS.filter((operand, o) => design.problem.present[o] && !keeps.includes(operand));
      directives.push({
        target: name,
        type: "dataspace",
        keep: keeps.map((operand) => DATA_SPACES[operand]),
        bypass: bypass.map((operand) => DATA_SPACES[operand]),
      });
    }
    // partitions stand side by side: the loops are the innermost one's, so that all of them hold what the loops run over
    parts.forEach(({ name }, i) => {
      const temporal = i === parts.length - 1 ? own.filter(({ axis }) => axis === undefined) : [];
      directives.push({ target: name, type: "temporal", ...nest(temporal) });
    });
    for (const axis of level.fanout) {
      const index = chip.levels
        .slice(0, l)
        .reduce((sum, { fanout }) => sum + fanout.length, level.fanout.indexOf(axis));
      const spatial = own.filter((loop) => loop.axis === axis.name);
      // loops before the split lie along X, those behind it along Y
      const split = index % 2 === 0 ? DIMS.length : 0;
      directives.push({ target: axisName(level, axis.name), type: "spatial", ...nest(spatial), split });
    }
  });
  return yamlText({ mapping: directives });
}

/** All eight loops of a directive; the permutation runs from the innermost outwards. */
function nest(loops: readonly FlatLoop[]): { factors: string[]; permutation: string[] } {
  const factors = DIMS.map((dim) => {
    const loop = loops.find((one) => one.dim === dim);
    if (loop === undefined) return `${dim}=1`;
    return loop.last === loop.bound ? `${dim}=${loop.bound}` : `${dim}=${loop.bound},${loop.last}`;
  });
  const inner = loops.map(({ dim }) => dim).reverse();
  return { factors, permutation: [...inner, ...DIMS.filter((dim) => !inner.includes(dim))] };
}

/** Energy per action, pJ, of one access of a component's width: Accelergy's energy reference table. */
function energies(design: ExportDesign): string {
  const { chip, problem } = design;
  const action = (name: string, energy: number) => ({ name, arguments: {}, energy });
  const tables = chip.levels.flatMap((level) =>
    componentsOf(level, design).map((component) => {
      const width = Math.min(level.wordBits, component.capacityBytes * 8);
      const [read, write] = [level.readPjPerBit * width, level.writePjPerBit * width];
      return {
        name: `system_top_level.${component.name}[1..${level.instances}]`,
        actions: [action("read", read), action("write", write), action("update", write), action("leak", 0)],
      };
    }),
  );
  const { weights, inputs } = problem.bits;
  const operation = operationEnergyPj(chip, problem.operation, weights, inputs);
  tables.push({
    name: `system_top_level.mac[1..${chip.macUnits}]`,
    actions: [action("compute", operation), action("leak", 0)],
  });
  return yamlText({ ERT: { version: 0.4, tables } });
}
