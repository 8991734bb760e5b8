import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  acceleratorNames,
  buildAccelerator,
  DATAFLOWS,
  loadAccelerator,
} from "../../../envs/accelerator/architecture.js";
import { checkMapping } from "../../../envs/accelerator/check-mapping.js";
import { CostModel } from "../../../envs/accelerator/cost.js";
import { mapProblem } from "../../../envs/accelerator/mapper.js";
import { covers, mappingData } from "../../../envs/accelerator/mapping.js";
import type { LooseMapping } from "../../../envs/accelerator/mapping-file.js";
import { machine, mappingOf, problem, smallProblem } from "./random-cases.js";

// 4 × 2 units; 64 bytes of registers each, shared; a buffer with a partition for each operand
const file = {
  name: "two-axes",
  nodeNm: 45,
  clockMhz: 1000,
  mac: {},
  levels: [
    { name: "DRAM", type: "dram" as const, dram: "LPDDR4" },
    {
      name: "buffer",
      type: "sram" as const,
      capacityBytes: { weights: 100, inputs: 200, outputs: 400 },
      fanout: [
        { name: "columns", size: 4, dims: ["K" as const] },
        { name: "rows", size: 2 },
      ],
    },
    { name: "registers", type: "regfile" as const, capacityBytes: 64 },
  ],
};
const chip = buildAccelerator(file);
const conv = problem("conv", { K: 8, C: 4, P: 6, R: 3 }); // K8 C4 P6 R3

const good: LooseMapping = [
  { level: "DRAM", temporal: [{ dim: "P", bound: 3 }], spatial: [] },
  {
    level: "buffer",
    temporal: [
      { dim: "K", bound: 2 },
      { dim: "C", bound: 2 },
    ],
    spatial: [
      { dim: "K", bound: 4, axis: "columns" },
      { dim: "C", bound: 2, axis: "rows" },
    ],
  },
  {
    level: "registers",
    temporal: [
      { dim: "P", bound: 2 },
      { dim: "R", bound: 3 },
    ],
    spatial: [],
  },
];
const changed = (level: string, change: Partial<LooseMapping[number]>): LooseMapping =>
  good.map((entry) => (entry.level === level ? { ...entry, ...change } : entry));
const found = (mapping: LooseMapping, dataflow?: Parameters<typeof checkMapping>[3]) =>
  checkMapping(conv, chip, mapping, dataflow).map(({ subject, needed, available }) => [subject, needed, available]);

describe("checkMapping", () => {
  it("finds nothing in a mapping that runs", () => expect(found(good)).toEqual([]));

  it("names loops that end before the layer does", () => {
    expect(found(changed("DRAM", { temporal: [{ dim: "P", bound: 2 }] }))).toEqual([
      ["loops of P end before the layer does", 6, 4],
    ]);
  });

  it("names a partition and a shared level that overflow, with bytes", () => {
    // R into the buffer's loops, K into the registers: 8 · 2 · 3 words of weights, and K8 P2 sums of 4 bytes
    const wide = changed("registers", {
      temporal: [
        { dim: "K", bound: 8 },
        { dim: "P", bound: 2 },
        { dim: "R", bound: 3 },
      ],
    });
    const [partition, ...rest] = found(wide);
    // per buffer: K64 is clipped to 8, C4, R3: 96 bytes of weights fit; outputs 8 · 2 · 4 = 64 fit; registers do not
    expect(rest).toEqual([]);
    // weights 8 · 3 = 24, inputs (2 − 1) + 3 = 4, sums 16 · 4 = 64
    expect(partition).toEqual(["level registers (weights 24, inputs 4, outputs 64)", 92, 64]);
    const bigBuffer = found(
      changed("DRAM", { temporal: [] }).map((entry) =>
        entry.level === "registers"
          ? {
              ...entry,
              temporal: [
                { dim: "P", bound: 6 },
                { dim: "R", bound: 3 },
              ],
            }
          : entry,
      ),
    );
    expect(bigBuffer).toEqual([]); // sums 8 · 6 · 4 = 192 of 400, registers 3 + 8 + 24 = 35 of 64
  });

  it("names an overfull axis and a dimension that may not unroll there", () => {
    const mapping = changed("buffer", {
      spatial: [
        { dim: "K", bound: 8, axis: "columns" },
        { dim: "C", bound: 4, axis: "columns" },
      ],
    });
    expect(found(mapping)).toEqual([
      ["level buffer, axis columns", 32, 4],
      ["level buffer, axis columns: C may not unroll here, only K", 4, 1],
    ]);
  });

  it("lists everything at once, unknown names with the nearest one", () => {
    const mapping: LooseMapping = [
      { level: "bufer", temporal: [], spatial: [] },
      {
        level: "DRAM",
        temporal: [
          { dim: "Z", bound: 2 },
          { dim: "P", bound: 0 },
        ],
        spatial: [],
      },
      { level: "buffer", temporal: [], spatial: [{ dim: "K", bound: 8, axis: "column" }] },
    ];
    const subjects = found(mapping).map(([subject]) => subject);
    expect(subjects[0]).toBe('level "bufer" is no level of two-axes; did you mean "buffer"?');
    expect(subjects[1]).toContain('level DRAM: "Z" is no dimension');
    expect(subjects[2]).toBe("level DRAM: bound of P is no whole number from 1");
    expect(subjects[3]).toBe('level buffer: "column" is no fan-out axis; did you mean "columns"?');
    expect(subjects.slice(4).map((text) => String(text).slice(0, 10))).toEqual([
      "loops of K",
      "loops of C",
      "loops of P",
      "loops of R",
    ]);
  });

  it("holds a dataflow's constraint", () => {
    // the buffer's loops K outside C: C leaves the outputs in place, K moves them
    expect(found(good, "output-stationary")).toEqual([
      ["dataflow output-stationary: C does not unroll in space (level buffer)", 2, 1],
    ]);
    const spaceFree = changed("buffer", {
      temporal: [
        { dim: "C", bound: 4 },
        { dim: "K", bound: 2 },
      ],
      spatial: [{ dim: "K", bound: 4, axis: "columns" }],
    });
    expect(found(spaceFree, "output-stationary")).toEqual([
      [
        "dataflow output-stationary: loop K of buffer moves the outputs inside loop C, which leaves them in place",
        2,
        1,
      ],
    ]);
    expect(found(spaceFree, "weight-stationary")).toEqual([]);
    const stride = problem("conv", { K: 8, C: 4, P: 6, S: 3 });
    const split = good.map((entry) =>
      entry.level === "registers" ? { ...entry, temporal: [{ dim: "P", bound: 2 }] } : entry,
    );
    const outer = split.map((entry) =>
      entry.level === "DRAM"
        ? {
            ...entry,
            temporal: [
              { dim: "S", bound: 3 },
              { dim: "P", bound: 3 },
            ],
          }
        : entry,
    );
    expect(checkMapping(stride, chip, outer, "row-stationary").map(({ subject }) => subject)).toEqual([
      "dataflow row-stationary: the tile of registers holds all of S",
    ]);
  });

  it("agrees with the cost model on what fits and what covers the layer (any mapping of any layer on any machine)", () => {
    fc.assert(
      fc.property(
        fc
          .tuple(smallProblem, machine)
          .chain(([layer, any]) =>
            fc.record({ layer: fc.constant(layer), any: fc.constant(any), mapping: mappingOf(layer, any, "overlong") }),
          ),
        fc.integer({ min: 1, max: 3000 }),
        ({ layer, any, mapping }, capacity) => {
          const small = {
            ...any,
            levels: any.levels.map((level, l) => (l === 0 ? level : { ...level, sharedCapacityBytes: capacity })),
          };
          const model = new CostModel(small);
          model.prepare(layer, mapping);
          const runs = model.fits() && covers(mapping, layer, any.levels.length);
          expect(checkMapping(layer, small, mapping, "flexible").length === 0).toBe(runs);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("finds nothing in what the mapper returns, for every dataflow, also after writing and reading the mapping", () => {
    fc.assert(
      fc.property(
        smallProblem,
        fc.constantFrom(...DATAFLOWS),
        fc.integer({ min: 16, max: 400 }),
        (layer, dataflow, bytes) => {
          const any = buildAccelerator({
            ...file,
            levels: [
              file.levels[0]!,
              { ...file.levels[1]!, capacityBytes: 8 * bytes },
              { ...file.levels[2]!, capacityBytes: bytes },
            ],
          });
          const result = mapProblem(layer, new CostModel(any), { objective: "edp", budget: 12, dataflow });
          if (result.kind !== "mapped") return;
          expect(checkMapping(layer, any, result.mapping, dataflow)).toEqual([]);
          expect(checkMapping(layer, any, mappingData(result.mapping, any), dataflow)).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("finds nothing in what the mapper returns on the built-in machines, under every dataflow that can run", () => {
    const layers = [
      problem("conv", { K: 64, C: 32, P: 28, Q: 28, R: 3, S: 3, stride: [2, 2] }),
      problem("depthwise", { K: 96, C: 96, G: 96, P: 14, Q: 14, R: 5, S: 5 }),
      problem("fully-connected", { K: 1000, C: 512 }),
    ];
    let mapped = 0;
    for (const name of acceleratorNames()) {
      const any = loadAccelerator(name);
      for (const layer of layers) {
        for (const dataflow of DATAFLOWS) {
          const result = mapProblem(layer, new CostModel(any), { objective: "edp", budget: 12, dataflow });
          if (result.kind !== "mapped") continue;
          mapped++;
          expect(checkMapping(layer, any, result.mapping, dataflow), `${name} ${dataflow}`).toEqual([]);
        }
      }
    }
    expect(mapped).toBeGreaterThan(4 * acceleratorNames().length);
  });
});
