import { describe, expect, it } from "vitest";
import type { SpaceData } from "../../src/core/space.js";
import type { Trial } from "../../src/core/trial.js";
import { csvCell, csvLines, jsonLines, metricNamesOf, trialColumns } from "../../src/track/trial-table.js";

const space: SpaceData = {
  name: "s",
  knobs: [
    { name: "network/width", values: [8, 16] },
    { name: "accelerator/kind", values: ["a", "b"] },
    { name: "deployment/fuse", values: [true, false] },
    { name: "deployment/bits", values: [8, "mixed"] },
  ],
};
const trials: Trial[] = [
  {
    trial: 0,
    candidate: { "network/width": 16, "accelerator/kind": "b", "deployment/fuse": true, "deployment/bits": 8 },
    metrics: { latencyMs: 1.5 },
    reward: 0.25,
  },
  {
    trial: 1,
    candidate: { "network/width": 8, "accelerator/kind": "a" },
    infeasible: { code: "capacity", reason: 'needs 3, has "2"', violations: [] },
    reward: -1,
  },
];
const columns = trialColumns(space, metricNamesOf(trials));

describe("the table of trials", () => {
  it("as CSV has one column for each knob and metric, quotes what it must, and leaves empty what is not there", () => {
    expect([...csvLines(columns, trials)].join("")).toBe(
      "trial,reward,feasible,infeasible_code,infeasible_reason,network/width,accelerator/kind,deployment/fuse,deployment/bits,latencyMs\n" +
        "0,0.25,true,,,16,b,true,8,1.5\n" +
        '1,-1,false,capacity,"needs 3, has ""2""",8,a,,,\n',
    );
    expect(csvCell("two\nlines")).toBe('"two\nlines"');
  });

  it("as JSON lines has nulls, and values of different kinds as text", () => {
    const rows = [...jsonLines(columns, trials)].map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows[0]).toMatchObject({ trial: 0, feasible: true, "deployment/fuse": true, "deployment/bits": "8" });
    expect(rows[1]).toMatchObject({ infeasible_code: "capacity", "deployment/fuse": null, latencyMs: null });
    expect(Object.keys(rows[0] ?? {})).toEqual(columns.map(({ name }) => name));
  });
});
