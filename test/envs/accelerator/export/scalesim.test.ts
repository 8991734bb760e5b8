import { describe, expect, it } from "vitest";
import {
  exportScalesim,
  readScalesimConfig,
  readScalesimTopology,
} from "../../../../envs/accelerator/export/scalesim.js";
import { layer, problem } from "../random-cases.js";
import { arrayChip, convDesign } from "./designs.js";

const written = (design: ReturnType<typeof convDesign>) => {
  const { files, notes } = exportScalesim(design);
  const [config, topology] = files.map(({ text }) => text) as [string, string];
  return {
    config: readScalesimConfig(config, "a.cfg"),
    layers: readScalesimTopology(topology, "a.csv"),
    notes,
    topology,
  };
};

describe("SCALE-Sim v2", () => {
  it("reads back as the same array, memories, dataflow and layer", () => {
    const { config, layers } = written(convDesign({ stride: [2, 2] }));
    expect(config).toEqual({
      runName: "conv",
      rows: 12,
      columns: 16, // K unrolls over the 16
      kilobytes: { weights: 16, inputs: 8, outputs: 4 },
      dataflow: "ws",
      bandwidth: [16], // 8 GB/s at 500 MHz
    });
    expect(layers).toEqual([{ name: "conv", G: 1, K: 32, C: 24, P: 14, Q: 14, R: 3, S: 3, stride: [2, 2] }]);
  });

  it("writes the input with its halo, and strides apart where they differ", () => {
    const { topology, layers } = written(convDesign({ stride: [2, 1] }));
    // rows (14 − 1) · 2 + 3 = 29, columns 13 + 3 = 16
    expect(topology.split("\n")[1]).toBe("conv, 29, 16, 3, 3, 24, 32, 2, 1,");
    expect(layers[0]).toMatchObject({ P: 14, Q: 14, stride: [2, 1] });
  });

  it("writes groups as rows and depthwise as DP, and reads both back", () => {
    const grouped = written(convDesign({ G: 4, K: 128, C: 96 }));
    expect(grouped.topology.trim().split("\n")).toHaveLength(5);
    expect(grouped.layers).toEqual([{ name: "conv", G: 4, K: 32, C: 24, P: 14, Q: 14, R: 3, S: 3, stride: [1, 1] }]);
    const shape = { G: 16, K: 16, C: 16, P: 14, Q: 14, R: 3, S: 3 };
    const depthwise = { ...convDesign(), problem: problem("depthwise", shape), layer: layer("depthwise", shape) };
    expect(written(depthwise).topology).toContain("DP_conv, 16, 16, 3, 3, 16, 1, 1,");
    expect(written(depthwise).layers[0]).toMatchObject({ G: 16, K: 1, C: 1 });
  });

  it("takes a shared memory apart as the tiles need it, and says so", () => {
    const { config, notes } = written(convDesign({}, arrayChip(true)));
    const total = config.kilobytes.weights + config.kilobytes.inputs + config.kilobytes.outputs;
    expect(total).toBeGreaterThan(60);
    expect(total).toBeLessThanOrEqual(64);
    expect(notes.join()).toContain("the memory is shared");
  });

  it("refuses what it cannot say", () => {
    const pool = {
      ...convDesign(),
      problem: problem("pool", { K: 8, C: 8, P: 4, Q: 4, R: 2, S: 2 }),
      layer: layer("pool", {}),
    };
    expect(() => exportScalesim(pool)).toThrow("SCALE-Sim cannot express a layer of kind pool");
    expect(() => exportScalesim(convDesign({ dilation: [2, 2] }))).toThrow("a dilated convolution");
    const design = convDesign();
    const levels = design.chip.levels.map((level, l) =>
      l === 2 ? { ...level, fanout: [{ name: "simd", size: 4, dimMask: 255 }] } : level,
    );
    expect(() => exportScalesim({ ...design, chip: { ...design.chip, levels } })).toThrow("3 fan-out axes");
  });

  it("reads a file of the tool's own, keys in any case, strides once", () => {
    const config =
      "[general]\nrun_name = r\n[architecture_presets]\nArrayHeight:    32\nArrayWidth: 16\nifmapsramszkB: 64\nfiltersramszkB: 64\nofmapsramszkB: 32\nDataflow : os\n[run_presets]\nInterfaceBandwidth: CALC\n";
    expect(readScalesimConfig(config, "a.cfg")).toMatchObject({
      rows: 32,
      columns: 16,
      dataflow: "os",
      bandwidth: undefined,
    });
    expect(() => readScalesimConfig(config.replace("os", "rs"), "a.cfg")).toThrow('Dataflow is "rs"');
    const topology = "Layer name, ...,\nConv1 ,227 ,227 ,11 ,11 ,3 ,96 ,4 ,\n\n";
    expect(readScalesimTopology(topology, "a.csv")).toEqual([
      { name: "Conv1", G: 1, K: 96, C: 3, P: 55, Q: 55, R: 11, S: 11, stride: [4, 4] },
    ]);
    expect(() => readScalesimTopology("h,\nConv1, 2, x, 1, 1, 1, 1, 1,\n", "a.csv")).toThrow('a.csv:2 is "x"');
  });
});
