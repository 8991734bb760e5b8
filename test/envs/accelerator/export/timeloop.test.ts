import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { buildAccelerator } from "../../../../envs/accelerator/architecture.js";
import { CostModel } from "../../../../envs/accelerator/cost.js";
import type { ExportDesign } from "../../../../envs/accelerator/export/design.js";
import {
  readTimeloopArchitecture,
  readTimeloopMapping,
  readTimeloopProblem,
} from "../../../../envs/accelerator/export/read-timeloop.js";
import { exportTimeloop } from "../../../../envs/accelerator/export/timeloop.js";
import { compileMapping } from "../../../../envs/accelerator/mapping.js";
import { OPERANDS } from "../../../../envs/accelerator/problem.js";
import { anyDesign, arrayChip, convDesign } from "./designs.js";

const written = (design: ExportDesign): Record<string, string> =>
  Object.fromEntries(exportTimeloop(design).files.map(({ name, text }) => [name, text]));

describe("Timeloop v0.4", () => {
  it("reads back as the same problem, levels and mapping (any layer, machine and mapping)", () => {
    fc.assert(
      fc.property(fc.constantFrom("perfect", "ragged" as const).chain(anyDesign), (design) => {
        const files = written(design);
        const { problem, chip, mapping } = design;
        const back = readTimeloopProblem(files["problem.yaml"]!, "problem.yaml");
        expect(back.extents).toEqual([...problem.extents]);
        expect([back.stride, back.dilation, back.present]).toEqual([problem.stride, problem.dilation, problem.present]);
        back.relevance.forEach((mask, o) => {
          if (problem.present[o]) expect(mask).toBe(problem.relevance[o]);
        });
        const levels = readTimeloopArchitecture(files["architecture.yaml"]!, "architecture.yaml");
        expect(levels.map(({ name }) => name)).toEqual(chip.levels.map(({ name }) => name));
        levels.forEach((level, l) => {
          const own = chip.levels[l]!;
          expect(level.keeps).toEqual(OPERANDS.filter((_, o) => own.keeps[o] && problem.present[o]));
          expect(level.axes).toEqual(own.fanout.map(({ name, size }) => ({ name, size })));
          if (own.readBytesPerCycle !== Infinity) expect(level.bandwidth.read).toBeCloseTo(own.readBytesPerCycle, 9);
        });
        const compiled = compileMapping(readTimeloopMapping(files["mapping.yaml"]!, "mapping.yaml", levels), chip);
        const original = compileMapping(mapping, chip);
        expect([compiled.temporal, compiled.spatial]).toEqual([original.temporal, original.spatial]);
        const [ours, theirs] = [new CostModel(chip), new CostModel(chip)];
        ours.evaluate(problem, original);
        theirs.evaluate(problem, compiled);
        expect([...theirs.reads, ...theirs.fills, ...theirs.updates]).toEqual([
          ...ours.reads,
          ...ours.fills,
          ...ours.updates,
        ]);
      }),
      { numRuns: 80 },
    );
  });

  it("writes a partition as components side by side, whose loops belong to the last", () => {
    const files = written(convDesign());
    const levels = readTimeloopArchitecture(files["architecture.yaml"]!, "architecture.yaml");
    expect(levels[1]).toMatchObject({
      name: "buffer",
      capacityBytes: { weights: 16384, inputs: 8192, outputs: 4096 },
      axes: [
        { name: "columns", size: 16 },
        { name: "rows", size: 12 },
      ],
      components: ["buffer_weights", "buffer_inputs", "buffer_outputs"],
    });
    expect(levels[2]).toMatchObject({ capacityBytes: 512, class: "regfile" });
    const mapping = files["mapping.yaml"]!;
    expect(mapping).toMatch(/target: buffer_outputs\n +type: temporal\n +factors: \[ N=1, G=1, K=1, C=2, P=14/);
    // innermost first: P, then C
    expect(mapping).toMatch(/permutation: \[ P, C, /);
    expect(mapping).toMatch(/target: buffer_columns\n +type: spatial\n.*K=16.*\n.*\n +split: 8/);
    expect(readTimeloopMapping(mapping, "mapping.yaml", levels)).toEqual(convDesign().mapping);
  });

  it("has the tags of the front end, and energies of one access of the component's width", () => {
    const files = written(convDesign({}, arrayChip(true)));
    const nodes = parseDocument(files["architecture.yaml"]!).getIn(["architecture", "nodes"]) as {
      items: { tag: string }[];
    };
    expect(nodes.items.map(({ tag }) => tag)).toEqual([
      ...["!Container", "!Component", "!Component", "!Container", "!Container", "!Component", "!Component"],
    ]);
    const table = parseDocument(files["ERT.yaml"]!).toJS() as {
      ERT: { tables: { name: string; actions: { name: string; energy: number }[] }[] };
    };
    const buffer = table.ERT.tables.find(({ name }) => name === "system_top_level.buffer[1..1]");
    const level = arrayChip(true).levels[1]!;
    expect(buffer?.actions.find(({ name }) => name === "read")?.energy).toBeCloseTo(level.readPjPerBit * 64, 12);
    expect(table.ERT.tables.at(-1)).toMatchObject({ name: "system_top_level.mac[1..192]" });
  });

  it("says that ports by operand, hops and DRAM lines stay behind", () => {
    const chip = buildAccelerator({
      name: "ported",
      nodeNm: 45,
      clockMhz: 500,
      mac: {},
      overheads: { dramLineBytes: 64 },
      levels: [
        { name: "DRAM", type: "dram", dram: "LPDDR4" },
        {
          name: "buffer",
          type: "sram",
          capacityBytes: 65536,
          readBytesPerCycle: { weights: 4 },
          hopPjPerBit: 0.1,
          fanout: [
            { name: "columns", size: 16 },
            { name: "rows", size: 12 },
          ],
        },
        { name: "registers", type: "regfile", capacityBytes: 512, wordBits: 16 },
      ],
    });
    const { notes } = exportTimeloop(convDesign({}, chip));
    expect(notes).toContain("ports that operands of buffer have to themselves are written as unlimited");
    expect(notes).toContain("the energy of hops below buffer is not written");
    expect(notes).toContain("DRAM answers in lines of 64 bytes here, there by the byte");
  });
  it("says what Timeloop counts otherwise: word widths, ragged loops, set-up", () => {
    const ragged = convDesign({ P: 13 });
    const { notes, files } = exportTimeloop({ ...ragged, chip: { ...ragged.chip, layerSetupCycles: 100 } });
    expect(notes.map((note) => note.slice(0, 18))).toEqual([
      "Timeloop has one w",
      "loops that run pas",
      "set-up, first load",
    ]);
    for (const { text } of files) for (const note of notes) expect(text).toContain(`# note: ${note}`);
    // 14 iterations of which the last pass has 13
    expect(files.find(({ name }) => name === "mapping.yaml")?.text).toContain("P=14,13");
  });
});
