import { describe, expect, it } from "vitest";
import { type AcceleratorFile, buildAccelerator } from "../../../envs/accelerator/architecture.js";
import { schedule } from "../../../envs/accelerator/network-cost.js";
import { deploymentSchema } from "../../../envs/deployment/deployment.js";
import { explainStaying } from "../../../envs/deployment/explain-staying.js";
import { buildNetwork, type NetworkFile } from "../../../envs/network/network-file.js";

const chipOf = (inputs: number, weights = 4096) =>
  buildAccelerator({
    name: "parted",
    nodeNm: 45,
    clockMhz: 1000,
    mac: {},
    levels: [
      { name: "DRAM", type: "dram", dram: "LPDDR4", bandwidthGBps: 16 },
      {
        name: "buffer",
        type: "sram",
        capacityBytes: { weights, inputs, outputs: 4096 },
        fanout: [{ name: "lanes", size: 16 }],
      },
    ],
  } as AcceleratorFile);

/** Maps of 256, 128 and 64 bytes. */
const chain = buildNetwork({
  name: "chain",
  input: { resolution: 8, channels: 1 },
  layers: [
    { kind: "conv", name: "first", channels: 4, kernel: 3 },
    { kind: "conv", name: "second", channels: 2, kernel: 3 },
    { kind: "conv", name: "third", channels: 1, kernel: 1 },
  ],
} as unknown as NetworkFile);

const explain = (inputs: number, given: Record<string, unknown>) =>
  explainStaying(schedule(chain, chipOf(inputs), deploymentSchema.parse(given), "energy")).map(
    ({ layer, output, weights, reason }) => [layer, output, weights, reason],
  );

describe("why a map is where it is", () => {
  it("names the memory and its last reader, or what is short", () => {
    expect(explain(200, { fusion: "on", weights: "fit" })).toEqual([
      [
        "first",
        "DRAM",
        "kept",
        "256 bytes have no room in buffer (inputs) (128 of 150 bytes are taken); not in a group: fusion: on passes nothing on tile by tile",
      ],
      ["second", "on chip", "kept", "in buffer (inputs) until third has read it"],
      ["third", "DRAM", "kept", "the network's result"],
    ]);
  });

  it("names the group that passes it on, or what hinders one", () => {
    const [first] = explain(200, { fusion: "depth-first", activations: "dram" });
    expect(first).toEqual(["first", "group", "loaded", "passed on tile by tile, first to third"]);
    const [none, small] = explain(40, { fusion: "depth-first", activations: "dram" });
    // for a pixel of `second`, the first makes 3 × 3 of four channels from 5 × 5 of one; three quarters of 40 bytes are free
    expect(none).toEqual([
      "first",
      "DRAM",
      "loaded",
      "the deployment keeps no whole maps; not in a group: even tiles of one pixel need 61 bytes, and 30 are free",
    ]);
    expect(small![3]).toContain("need 38 bytes, and 30 are free"); // 3 × 3 of four channels, and two of output
  });

  it("says so where the deployment asks for nothing", () => {
    expect(explain(200, {})[0]).toEqual(["first", "DRAM", "loaded", "the deployment keeps no activations"]);
  });
});
