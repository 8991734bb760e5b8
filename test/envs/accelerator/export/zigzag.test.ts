import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { ExportDesign } from "../../../../envs/accelerator/export/design.js";
import { exportZigzag } from "../../../../envs/accelerator/export/zigzag.js";
import type { Layer, LayerKind } from "../../../../envs/network/ir.js";
import { layer, problem } from "../random-cases.js";
import { arrayChip, convDesign } from "./designs.js";

// the forms that ZigZag's own validators accept
const EQUATION = /^O(\[\w+\])+\+?=\w(\[\w+\])+[*+]\w(\[(?:\w+)?\])+$/;
const RELATION = /^(\w+)\s*=\s*(?:(\w+)\s*\*\s*)?(\w+)\s*\+\s*(?:(\w+)\s*\*\s*)?(\w+)$/;
const UNROLLING = /^[A-Z]+, [0-9]+$/;
const ALLOCATION = /^(I[12]|O), (fh|tl|fl|th)$/;

interface Files {
  accelerator: {
    memories: Record<
      string,
      {
        size: number;
        operands: string[];
        served_dimensions: string[];
        ports: { type: string; bandwidth_min: number; bandwidth_max: number; allocation: string[] }[];
      }
    >;
    operational_array: { dimensions: string[]; sizes: number[] };
  };
  workload: {
    equation: string;
    dimension_relations?: string[];
    loop_dims: string[];
    loop_sizes: number[];
    operand_precision: object;
  }[];
  mapping: { name: string; spatial_mapping: Record<string, string[]>; temporal_ordering: [string, number][] }[];
}
const written = (design: ExportDesign): Files & { texts: string[] } => {
  const { files } = exportZigzag(design);
  const read = Object.fromEntries(
    files.map(({ name, text }) => [name.replace(".yaml", ""), parse(text)]),
  ) as unknown as Files;
  return { ...read, texts: files.map(({ text }) => text) };
};

const withLayer = (kind: LayerKind, fields: Partial<Layer>): ExportDesign => {
  const mapping = [{ level: "DRAM", temporal: [], spatial: [] }];
  return { ...convDesign(), name: kind, layer: layer(kind, fields), problem: problem(kind, fields), mapping };
};

describe("ZigZag", () => {
  it("writes memories from the inside out, with the array's dimensions that each serves", () => {
    const { accelerator } = written(convDesign());
    expect(accelerator.operational_array).toMatchObject({ dimensions: ["D1", "D2"], sizes: [16, 12] });
    expect(
      Object.entries(accelerator.memories).map(([name, one]) => [name, one.size, one.operands, one.served_dimensions]),
    ).toEqual([
      ["registers", 4096, ["I2", "I1", "O"], []],
      ["buffer_outputs", 32768, ["O"], ["D1", "D2"]],
      ["buffer_inputs", 65536, ["I1"], ["D1", "D2"]],
      ["buffer_weights", 131072, ["I2"], ["D1", "D2"]],
      ["DRAM", 2 ** 43, ["I2", "I1", "O"], ["D1", "D2"]],
    ]);
    for (const { ports } of Object.values(accelerator.memories)) {
      for (const port of ports) {
        expect(port.bandwidth_min).toBeLessThanOrEqual(port.bandwidth_max);
        for (const allocation of port.allocation) expect(allocation).toMatch(ALLOCATION);
      }
    }
    // 16 bytes a cycle, both ways together
    expect(accelerator.memories.DRAM!.ports).toMatchObject([{ type: "read_write", bandwidth_max: 128 }]);
  });

  it("writes the mapping: unrolling by dimension, temporal loops innermost first; their product is the layer", () => {
    const { mapping, workload } = written(convDesign());
    expect(mapping.map(({ name }) => name)).toEqual(["conv", "default"]);
    const [{ spatial_mapping, temporal_ordering }] = mapping as [Files["mapping"][number]];
    expect(spatial_mapping).toEqual({ D1: ["K, 16"], D2: ["C, 12"] });
    for (const one of Object.values(spatial_mapping).flat()) expect(one).toMatch(UNROLLING);
    expect(temporal_ordering).toEqual([
      ["FX", 3],
      ["FY", 3],
      ["OX", 14],
      ["OY", 14],
      ["C", 2],
      ["K", 2],
    ]);
    const [{ loop_dims, loop_sizes }] = workload as [Files["workload"][number]];
    loop_dims.forEach((dim, i) => {
      const spatial = Object.values(spatial_mapping)
        .flat()
        .map((text) => text.split(", "))
        .filter(([name]) => name === dim);
      const bounds = [
        ...spatial.map(([, bound]) => Number(bound)),
        ...temporal_ordering.filter(([name]) => name === dim).map(([, bound]) => bound),
      ];
      expect(bounds.reduce((product, bound) => product * bound, 1)).toBe(loop_sizes[i]);
    });
  });

  it.each<[LayerKind, Partial<Layer>, string]>([
    [
      "conv",
      { K: 8, C: 4, P: 6, Q: 6, R: 3, S: 3, stride: [2, 1], dilation: [1, 2] },
      "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]",
    ],
    ["conv", { G: 2, K: 8, C: 4, P: 6, Q: 6, R: 3, S: 3 }, "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]"],
    ["matmul", { G: 2, K: 8, C: 4, P: 6 }, "O[b][g][k][oy][ox]+=W[b][g][k][c][fy][fx]*I[b][g][c][iy][ix]"],
    ["pool", { K: 8, C: 8, P: 6, Q: 6, R: 2, S: 2 }, "O[b][g][oy][ox]+=W[fy][fx]*I[b][g][iy][ix]"],
    ["add", { K: 8, C: 8, P: 6, Q: 6 }, "O[b][g][oy][ox]=W[b][g][oy][ox]+I[b][g][oy][ox]"],
    ["multiply", { K: 8, C: 8, P: 6, Q: 6 }, "O[b][g][oy][ox]=W[b][g]*I[b][g][oy][ox]"],
  ])("writes %s %j as an equation that its validator takes", (kind, fields, equation) => {
    const [entry] = written(withLayer(kind, fields)).workload as [Files["workload"][number]];
    expect(entry.equation).toBe(equation);
    expect(entry.equation).toMatch(EQUATION);
    for (const relation of entry.dimension_relations ?? []) expect(relation).toMatch(RELATION);
    expect(entry.loop_dims).toHaveLength(entry.loop_sizes.length);
  });

  it("joins the axes of a level when there are more than four, and says so; ZigZag has no more", () => {
    const chip = arrayChip();
    const axis = (name: string) => ({ name, size: 2, dimMask: 255 });
    const five = {
      ...chip,
      levels: chip.levels.map((level, l) =>
        l === 0 ? { ...level, fanout: [axis("x"), axis("y"), axis("z")], fanoutSize: 8 } : level,
      ),
    };
    const { files, notes } = exportZigzag({ ...convDesign(), chip: five });
    expect(parse(files[0]!.text).operational_array).toMatchObject({ dimensions: ["D1", "D2"], sizes: [8, 192] });
    expect(notes.join()).toContain("only four");
    for (const { text } of files) expect(text).toContain("# note: ");
  });
});
