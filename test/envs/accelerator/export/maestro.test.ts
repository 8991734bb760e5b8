import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ExportDesign, flatLoops } from "../../../../envs/accelerator/export/design.js";
import { exportMaestro, maestroLayer, unitTile } from "../../../../envs/accelerator/export/maestro.js";
import {
  directiveLoops,
  maestroExtents,
  readMaestro,
  readMaestroHardware,
} from "../../../../envs/accelerator/export/read-maestro.js";
import { DIMS } from "../../../../envs/accelerator/problem.js";
import { layer, problem } from "../random-cases.js";
import { anyDesign, convDesign } from "./designs.js";

const written = (design: ExportDesign) => {
  const { files, notes } = exportMaestro(design);
  const [network, hardware] = files.map(({ text }) => text) as [string, string];
  return {
    layer: readMaestro(network, "a.m")[0]!,
    hardware: readMaestroHardware(hardware, "hardware.m"),
    notes,
    network,
  };
};

/** The nest outside one unit, with loops over a parallel dimension folded next to it as MAESTRO does. */
const nestOf = (design: ExportDesign) => {
  const loops = flatLoops(design);
  const last = loops.findLastIndex(({ axis }) => axis !== undefined);
  return loops.slice(0, last + 1).map(({ dim, bound, axis }) => ({ dim, bound, parallel: axis !== undefined }));
};

describe("MAESTRO", () => {
  it("writes one cluster for each parallel loop, sizes by dimension", () => {
    const { network, hardware } = written(convDesign());
    expect(hardware).toEqual({ pes: 192, l1Words: 512, l2Words: 28672, nocWords: 64, offchipWords: 16 });
    expect(network).toContain("Dimensions { K: 32, C: 24, R: 3, S: 3, Y: 16, X: 16 }");
    const flow = network.slice(network.indexOf("Dataflow")).replace(/\s+/g, " ");
    // K folds twice over 16 columns where DRAM's loop K stands; then C in halves, then a row of pixels
    expect(flow).toContain("SpatialMap(1,1) K; TemporalMap(12,12) C; TemporalMap(1,1) Y'; Cluster(12, P);");
    expect(flow).toMatch(/Cluster\(12, P\); .* SpatialMap\(1,1\) C; }/);
  });

  it("reads back as the same extents, nest and unit tile", () => {
    const design = convDesign({ stride: [2, 2] });
    const { layer: back, hardware } = written(design);
    expect(back).toEqual(maestroLayer(design));
    expect(maestroExtents(back)).toEqual(Object.fromEntries(DIMS.map((dim, d) => [dim, design.problem.extents[d]])));
    const { loops, tile } = directiveLoops(back, hardware.pes);
    expect(loops).toEqual(nestOf(design));
    expect(tile).toEqual(unitTile(design));
  });

  it("reads back as the same nest wherever each dimension is tiled once a cluster (any convolution, machine and mapping)", () => {
    let compared = 0;
    fc.assert(
      fc.property(anyDesign("perfect"), (design) => {
        const { problem: made } = design;
        const groups = made.extents[1]! > 1 && (made.extents[2]! > 1 || made.extents[3]! > 1);
        const dilated = made.dilation[0] !== 1 || made.dilation[1] !== 1;
        const isParallel = flatLoops(design).some(({ axis }) => axis !== undefined);
        if (made.operation !== "mac" || groups || dilated || !isParallel || made.relevance[0] & 1) {
          return;
        }
        const { layer: back, hardware, notes } = written(design);
        expect(back).toEqual(maestroLayer(design));
        const extents = maestroExtents(back);
        DIMS.forEach((dim, d) => {
          expect(extents[dim]).toBe(made.extents[d]);
        });
        const { loops, tile } = directiveLoops(back, hardware.pes);
        expect(tile).toEqual(unitTile(design));
        if (notes.some((note) => note.includes("tiled at two levels"))) return;
        compared++;
        expect(loops).toEqual(nestOf(design));
      }),
      { numRuns: 400 },
    );
    expect(compared).toBeGreaterThan(20);
  });

  it("names a dimension that is tiled twice outside a cluster", () => {
    const design = convDesign();
    const twice = design.mapping.map((entry) =>
      entry.level === "DRAM" ? { ...entry, temporal: [{ dim: "P" as const, bound: 2 }, ...entry.temporal] } : entry,
    );
    const seven = twice.map((entry) =>
      entry.level === "buffer"
        ? {
            ...entry,
            temporal: [
              { dim: "C" as const, bound: 2 },
              { dim: "P" as const, bound: 7 },
            ],
          }
        : entry,
    );
    const { notes, network } = written({ ...design, mapping: seven });
    expect(notes.join()).toContain("P is tiled at two levels outside a cluster");
    expect(network).toContain("// note: P is tiled at two levels");
  });

  it("refuses what it cannot say", () => {
    const pool = {
      ...convDesign(),
      problem: problem("pool", { K: 8, C: 8, P: 4, Q: 4, R: 2, S: 2 }),
      layer: layer("pool", {}),
    };
    expect(() => exportMaestro(pool)).toThrow("MAESTRO cannot express a layer of kind pool");
    expect(() => exportMaestro(convDesign({ G: 2, K: 64, C: 48 }))).toThrow("groups of several channels");
    const serial = convDesign();
    const mapping = serial.mapping.map((entry) => ({ ...entry, spatial: [] }));
    expect(() => exportMaestro({ ...serial, mapping })).toThrow("a mapping without parallel loops");
  });

  it("reads a dataflow as people write it, with Sz() and constants", () => {
    const text = `Constant Tile 8;
Network n { // a comment with { braces
 Layer L1 { Type: CONV
  Stride { X: 1, Y: 1 }
  Dimensions { K: 64, C: 32, R: 3, S: 3, Y: 16, X: 16 }
  Dataflow { SpatialMap(1,1) K; TemporalMap(Tile,Tile) C; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S), 1) Y;
   Cluster(Tile, P); SpatialMap(1,1) C; } } }`;
    const [read] = readMaestro(text, "a.m");
    expect(read).toMatchObject({ name: "L1", type: "CONV", stride: [1, 1], sizes: [8] });
    expect(read!.clusters[0]).toEqual([
      { kind: "spatial", dim: "K", size: 1, offset: 1 },
      { kind: "temporal", dim: "C", size: 8, offset: 8 },
      { kind: "temporal", dim: "R", size: 3, offset: 3 },
      { kind: "temporal", dim: "Y", size: 3, offset: 1 },
    ]);
    expect(() => readMaestro("Network n { Layer a { Type: CONV }", "a.m")).toThrow(/a\.m: /);
  });
});
