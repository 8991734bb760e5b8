// What the tools' own parsers ask for, as read in their sources (docs/export.md names the versions): keys that must be there, keys
// that are allowed, types. No tool is run here.
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { exportMaestro } from "../../../../envs/accelerator/export/maestro.js";
import { exportScalesim } from "../../../../envs/accelerator/export/scalesim.js";
import { exportTimeloop } from "../../../../envs/accelerator/export/timeloop.js";
import { exportZigzag } from "../../../../envs/accelerator/export/zigzag.js";
import { arrayChip, convDesign } from "./designs.js";

const designs = [convDesign(), convDesign({ stride: [2, 2] }, arrayChip(true)), convDesign({ G: 4, K: 128, C: 96 })];

/** A schema as ZigZag states its own: required keys, allowed ones, and what each holds. */
type Rule = readonly ["required" | "optional", (value: unknown) => boolean];
const whole = (value: unknown): boolean => Number.isInteger(value);
const number = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);
const text = (value: unknown): boolean => typeof value === "string";
const list =
  (of: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(of);
const like =
  (form: RegExp) =>
  (value: unknown): boolean =>
    typeof value === "string" && form.test(value);
const holds =
  (rules: Readonly<Record<string, Rule>>) =>
  (value: unknown): boolean => {
    const given = value as Readonly<Record<string, unknown>>;
    for (const [key, [need]] of Object.entries(rules)) if (need === "required" && !(key in given)) return false;
    return Object.entries(given).every(([key, held]) => rules[key]?.[1](held) === true);
  };
const dims = list(like(/^D\d$/));
const unrolled = holds(
  Object.fromEntries(["D1", "D2", "D3", "D4"].map((name) => [name, ["optional", list(like(/^[A-Z]+, [0-9]+$/))]])),
);

describe("ZigZag's validators", () => {
  const port = holds({
    name: ["required", like(/^[r]?[w]?_port_\d+$/)],
    type: ["required", (value) => ["read", "write", "read_write"].includes(value as string)],
    bandwidth_min: ["required", whole],
    bandwidth_max: ["required", whole],
    allocation: ["required", list(like(/^(I[12]|O), (fh|tl|fl|th)$/))],
  });
  const memory = holds({
    size: ["required", whole],
    r_cost: ["required", number],
    w_cost: ["required", number],
    area: ["required", number], // costs are not taken from CACTI
    latency: ["required", whole],
    operands: ["required", list(like(/^I[12]$|^O$/))],
    ports: ["required", list(port)],
    served_dimensions: ["required", dims],
  });
  const accelerator = holds({
    name: ["required", text],
    memories: ["required", (value) => Object.values(value as object).every(memory)],
    operational_array: [
      "required",
      holds({
        is_imc: ["optional", (value) => value === false],
        input_precision: ["optional", (value) => list(whole)(value) && (value as unknown[]).length === 2],
        unit_energy: ["optional", number],
        unit_area: ["optional", number],
        dimensions: ["required", dims],
        sizes: ["required", list(whole)],
      }),
    ],
  });
  const layer = holds({
    id: ["required", whole],
    name: ["optional", text],
    operator_type: ["required", (value) => ["Conv", "Pooling", "Add"].includes(value as string)],
    equation: ["required", like(/^O(\[\w+\])+\+?=\w(\[\w+\])+[*+]\w(\[(?:\w+)?\])+$/)],
    dimension_relations: [
      "optional",
      list(like(/^(\w+)\s*=\s*(?:(\w+)\s*\*\s*)?(\w+)\s*\+\s*(?:(\w+)\s*\*\s*)?(\w+)$/)),
    ],
    loop_dims: ["required", list(text)],
    loop_sizes: ["required", list(whole)],
    operand_precision: [
      "required",
      holds({ I: ["optional", whole], W: ["optional", whole], O: ["required", whole], O_final: ["optional", whole] }),
    ],
    operand_source: ["optional", holds({ W: ["optional", whole], I: ["optional", whole] })],
  });
  const mapping = holds({
    name: ["required", text],
    spatial_mapping: ["optional", unrolled],
    temporal_ordering: ["optional", list((value) => text((value as unknown[])[0]) && whole((value as unknown[])[1]))],
    memory_operand_links: ["optional", holds({ O: ["required", text], W: ["required", text], I: ["required", text] })],
  });

  it.each(designs.map((design, i) => [i, design] as const))("take the files of design %i", (_, design) => {
    const [machine, workload, mappings] = exportZigzag(design).files.map(({ text: written }) => parse(written));
    expect(accelerator(machine)).toBe(true);
    expect(list(layer)(workload)).toBe(true);
    expect(list(mapping)(mappings)).toBe(true);
    expect((mappings as { name: string }[]).map(({ name }) => name)).toContain("default");
    const array = (machine as { operational_array: { dimensions: string[]; sizes: number[] } }).operational_array;
    expect(array.sizes).toHaveLength(array.dimensions.length);
    // a port that reads has no direction that writes
    const memories = Object.values((machine as { memories: Record<string, { ports: PortText[] }> }).memories);
    for (const { type, allocation, bandwidth_min, bandwidth_max } of memories.flatMap(({ ports }) => ports)) {
      expect(bandwidth_min).toBeLessThanOrEqual(bandwidth_max);
      if (type === "read") expect(allocation.join()).not.toMatch(/, f/);
      if (type === "write") expect(allocation.join()).not.toMatch(/, t/);
    }
  });
  interface PortText {
    readonly type: string;
    readonly allocation: readonly string[];
    readonly bandwidth_min: number;
    readonly bandwidth_max: number;
  }

  it("would refuse a file with a key too many or too few", () => {
    const [machine] = exportZigzag(designs[0]!).files.map(({ text: written }) => parse(written));
    const { name: _name, ...nameless } = machine as Record<string, unknown>;
    expect(accelerator(nameless)).toBe(false);
    expect(accelerator({ ...(machine as object), dataflow: "ws" })).toBe(false);
  });
});

describe("SCALE-Sim's readers", () => {
  it.each(
    designs.map((design, i) => [i, design] as const),
  )("find every section, key and column in design %i", (_, design) => {
    const [config, topology] = exportScalesim(design).files.map(({ text: written }) => written) as [string, string];
    const sections = new Map<string, Map<string, string>>();
    let section = new Map<string, string>();
    for (const line of config.split("\n").filter((one) => one.trim() !== "" && !/^\s*[#;]/.test(one))) {
      const head = line.match(/^\[(\w+)\]$/);
      if (head) {
        section = new Map();
        sections.set(head[1]!, section);
        continue;
      }
      const [, key, value] = line.match(/^(\w+)\s*[:=]\s*(.*)$/) as [string, string, string];
      section.set(key.toLowerCase(), value); // configparser's keys have no case
    }
    const value = (name: string, key: string): string => sections.get(name)?.get(key.toLowerCase()) ?? "missing";
    expect(value("general", "run_name")).toMatch(/^\w/);
    const numbers = ["ArrayHeight", "ArrayWidth", "IfmapSramSzkB", "FilterSramSzkB", "OfmapSramSzkB"];
    for (const key of [...numbers, "IfmapOffset", "FilterOffset", "OfmapOffset", "MemoryBanks"]) {
      expect(value("architecture_presets", key), key).toMatch(/^\d+$/);
    }
    expect(value("architecture_presets", "Dataflow")).toMatch(/^(os|ws|is)$/);
    expect(value("run_presets", "InterfaceBandwidth")).toMatch(/^(USER|CALC)$/);
    // one bandwidth for each memory bank
    const bandwidths = value("architecture_presets", "Bandwidth").split(",");
    expect(bandwidths).toHaveLength(Number(value("architecture_presets", "MemoryBanks")));
    for (const one of bandwidths) expect(one).toMatch(/^[1-9]\d*$/);
    // later versions
    expect(value("sparsity", "SparsitySupport")).toBe("false");
    for (const key of ["IfmapCustomLayout", "FilterCustomLayout"]) expect(value("layout", key)).toBe("False");
    for (const operand of ["Ifmap", "Filter"]) {
      for (const what of ["Bandwidth", "Num", "Port"]) {
        expect(value("layout", `${operand}SRAMBank${what}`)).toMatch(/^[1-9]\d*$/);
      }
    }
    // the first line is a header; what follows the last comma is cut off; eight columns, of which the filter fits the input
    for (const line of topology.trim().split("\n").slice(1)) {
      const cells = line.split(",").slice(0, -1);
      expect(cells).toHaveLength(8);
      const [rows, columns, R, S] = cells.slice(1).map(Number) as [number, number, number, number];
      expect(cells.slice(1).every((cell) => /^\s*[1-9]\d*$/.test(cell))).toBe(true);
      expect(R).toBeLessThanOrEqual(rows);
      expect(S).toBeLessThanOrEqual(columns);
    }
  });

  it("are warned of strides that differ, which only older ones read", () => {
    const { notes, files } = exportScalesim(convDesign({ stride: [2, 1] }));
    expect(notes.join()).toContain("sparsity column");
    expect(files[1]!.text.trim().split("\n")[1]!.split(",").slice(0, -1)).toHaveLength(9);
  });
});

describe("MAESTRO's parser", () => {
  it.each(
    [designs[0]!, designs[1]!].map((design, i) => [i, design] as const),
  )("has a token for every word of design %i", (_, design) => {
    const files = exportMaestro(design).files.map(({ name, text: written }) => [name, written] as const);
    const layer = files.find(([name]) => name !== "hardware.m")![1].replaceAll(/\/\/.*$/gm, "");
    const hardware = files.find(([name]) => name === "hardware.m")![1].replaceAll(/\/\/.*$/gm, "");
    for (const word of ["Network", "Layer", "Type:", "Stride {", "Dimensions {", "Dataflow {"])
      expect(layer).toContain(word);
    expect(layer).toMatch(/Type: (CONV|DSCONV|GEMM|FC|TRCONV|LSTM)\b/);
    for (const dim of ["K:", "C:", "R:", "S:", "Y:", "X:"]) expect(layer).toContain(dim);
    const flow = layer.slice(layer.indexOf("Dataflow"));
    for (const line of flow
      .split("\n")
      .slice(1)
      .map((one) => one.trim())
      .filter((one) => one !== "" && one !== "}")) {
      expect(line).toMatch(/^((Spatial|Temporal)Map\(\d+,\d+\) [NKCRSYX]'?;|Cluster\(\d+, P\);)$/);
    }
    // at most one spatial map in a cluster
    for (const cluster of flow.split("Cluster")) expect((cluster.match(/SpatialMap/g) ?? []).length).toBe(1);
    const keys = hardware
      .trim()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split(":")[0]);
    expect(keys).toEqual(["num_pes", "l1_size_cstr", "l2_size_cstr", "noc_bw_cstr", "offchip_bw_cstr"]);
  });
});

describe("Timeloop's front end, v0.4", () => {
  it.each(
    designs.map((design, i) => [i, design] as const),
  )("finds version, nodes, shape, instance and mapping in design %i", (_, design) => {
    const files = Object.fromEntries(exportTimeloop(design).files.map(({ name, text: written }) => [name, written]));
    const architecture = parse(files["architecture.yaml"]!, { logLevel: "silent" }).architecture;
    expect(String(architecture.version)).toBe("0.4");
    expect(files["architecture.yaml"]).toMatch(/!Component|!Container/);
    const { problem } = parse(files["problem.yaml"]!, { logLevel: "silent" });
    expect(String(problem.version)).toBe("0.4");
    const dimensions = problem.shape.dimensions as string[];
    const spaces = problem.shape.data_spaces as { name: string; projection: unknown[]; read_write?: boolean }[];
    expect(spaces.filter(({ read_write }) => read_write === true)).toHaveLength(1);
    for (const { name, projection } of spaces) {
      expect(name).toMatch(/^\w+$/);
      expect(Array.isArray(projection)).toBe(true);
    }
    for (const dim of dimensions) expect(problem.instance[dim]).toBeGreaterThanOrEqual(1);
    const mapping = parse(files["mapping.yaml"]!, { logLevel: "silent" }).mapping as Record<string, unknown>[];
    for (const entry of mapping) {
      expect(["temporal", "spatial", "datatype", "dataspace", "bypass"]).toContain(entry.type);
      expect(typeof entry.target).toBe("string");
      if (entry.type !== "temporal" && entry.type !== "spatial") continue;
      expect(entry.factors).toBeDefined();
      expect(entry.permutation).toBeDefined();
    }
  });
});
