import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { batchIndices, fairPath, pathsOf, uniformPath } from "../../../../envs/accuracy/supernet/paths.js";
import { SharedWeights } from "../../../../envs/accuracy/supernet/shared-weights.js";
import {
  extremeOf,
  largestWeights,
  networkOf,
  weightKey,
  weightsOf,
} from "../../../../envs/accuracy/supernet/subnets.js";
import { runNetwork, type WeightSource } from "../../../../envs/accuracy/training/run-network.js";
import { buildNetwork } from "../../../../envs/network/network-file.js";
import { loadSpaceFile } from "../../../../envs/space-file.js";
import { Space } from "../../../../src/core/space.js";
import { initBackend } from "../../../../src/tensors/backend.js";
import { tinySpace } from "./tiny-space.js";

beforeAll(async () => {
  await initBackend("wasm");
});

describe("the networks of a space", () => {
  it("the largest and the smallest are those that counting all 192 finds", () => {
    const space = loadSpaceFile("tiny-mbv2");
    const size = (codes: Int32Array): number => {
      const network = networkOf(space, space.space.decode(codes))!;
      return network.macCount + network.paramCount;
    };
    const all = [...space.space.enumerate()].map(size);
    expect(size(extremeOf(space, 1))).toBe(Math.max(...all));
    expect(size(extremeOf(space, -1))).toBe(Math.min(...all));
  });

  it("ask for the weights that a run of the network asks for", () => {
    const network = buildNetwork({
      name: "mixed",
      input: { resolution: 8 },
      classes: 1000,
      stem: { channels: 8, stride: 2 },
      stages: [
        { kind: "inverted-residual", kernel: 5, expansion: 2, channels: 8, squeezeExcite: 0.25, activation: "swish" },
        { kind: "conv", kernel: 3, channels: 16, groups: 2 },
      ],
      head: { channels: 12 },
    });
    const asked: string[] = [];
    const source: WeightSource = {
      get(layer, role, shape) {
        asked.push(`${weightKey(layer, role)} ${shape.join()}`);
        return tf.zeros([...shape]);
      },
    };
    tf.tidy(() => {
      runNetwork(network, source, tf.zeros([2, 8, 8, 3]), { classes: 10, normalization: { mode: "batch" } });
    });
    const listed = weightsOf(network, 10).map(({ layer, role, shape }) => `${weightKey(layer, role)} ${shape.join()}`);
    expect(listed.toSorted()).toEqual(asked.toSorted());
  });

  it("share weights as large as the largest of them, per name", () => {
    const largest = largestWeights(tinySpace(), 10);
    // width 8, expansion 2: 16 channels inside; kernel 5; the second block reads the first one's 8 channels
    expect(largest.get("stage1.block1.depthwise/depthwise/filter")?.shape).toEqual([5, 5, 16, 1]);
    expect(largest.get("stage1.block2.expand/conv/filter")?.shape).toEqual([1, 1, 8, 16]);
    expect(largest.get("stage1.block1.project/conv/shift")?.shape).toEqual([8]);
  });
});

describe("shared weights", () => {
  const space = tinySpace();
  const small = networkOf(space, { width: 4, kernel: 3, depth: 1 })!;
  const depthwise = small.layers.find((layer) => layer.kind === "depthwise")!;
  const key = weightKey(depthwise, "filter");

  it("give a smaller network the centre of the kernel and the first channels", () => {
    const shared = new SharedWeights(largestWeights(space, 10), 1);
    const whole = shared.variables[shared.keys.indexOf(key)]!;
    whole.assign(tf.range(0, 5 * 5 * 16).reshape([5, 5, 16, 1]));
    const part = shared.get(depthwise, "filter", [3, 3, 8, 1]);
    expect(part.shape).toEqual([3, 3, 8, 1]);
    const values = part.dataSync();
    expect(values[0]).toBe((1 * 5 + 1) * 16); // row 1, column 1, channel 0
    expect(values[7]).toBe((1 * 5 + 1) * 16 + 7);
    expect(values.at(-1)).toBe((3 * 5 + 3) * 16 + 7); // row 3, column 3, channel 7
    expect(shared.get(depthwise, "filter", [5, 5, 16, 1])).toBe(whole);
    shared.dispose();
  });

  it("get gradients where a network took them, and nowhere else", () => {
    const shared = new SharedWeights(largestWeights(space, 10), 1);
    const whole = shared.variables[shared.keys.indexOf(key)]!;
    const { grads } = tf.variableGrads(
      () => tf.sum(shared.get(depthwise, "filter", [3, 3, 8, 1])) as tf.Scalar,
      [whole],
    );
    const gradient = grads[whole.name]!.arraySync() as number[][][][];
    for (let r = 0; r < 5; r++) {
      for (let c = 0; c < 16; c++) {
        const isTaken = r >= 1 && r <= 3 && c < 8;
        expect(gradient[r]![2]![c]![0]).toBe(isTaken ? 1 : 0);
      }
    }
    shared.dispose();
  });

  it("have no answer for a layer that no network of the space has", () => {
    const shared = new SharedWeights(largestWeights(space, 10), 1);
    expect(() => shared.get(depthwise, "filter", [7, 7, 8, 1])).toThrow(/the supernet has at most 5 × 5 × 16 × 1/);
    expect(() => shared.get({ ...depthwise, id: "stage9" }, "filter", [3, 3, 8, 1])).toThrow(/no such layer/);
    shared.dispose();
  });
});

describe("the networks of a step", () => {
  const { space } = tinySpace();
  const mixed = new Space({
    name: "mixed",
    knobs: [
      { name: "two", values: [0, 1] },
      { name: "three", values: [0, 1, 2] },
      { name: "child", values: [0, 1], when: { two: [1] } },
    ],
  });

  it("fair: of six in a row, each of two values is taken three times and each of three twice", () => {
    const codes = Array.from({ length: 6 }, (_, i) => fairPath(mixed, 7, 12 + i));
    for (const value of [0, 1]) expect(codes.filter(([two]) => two === value)).toHaveLength(3);
    for (const value of [0, 1, 2]) expect(codes.filter(([, three]) => three === value)).toHaveLength(2);
    for (const [two, , child] of codes) expect(child === -1).toBe(two === 0);
    expect(new Set(Array.from({ length: 60 }, (_, i) => mixed.key(fairPath(mixed, 7, i)))).size).toBe(9); // all points
  });

  it("fair: keeps to the rules of a space", () => {
    const ruled = new Space({
      name: "ruled",
      knobs: [
        { name: "a", values: [0, 1] },
        { name: "b", values: [0, 1] },
      ],
      rules: [{ forbid: { a: [1], b: [1] } }],
    });
    for (let i = 0; i < 20; i++) expect(ruled.contains(ruled.decode(fairPath(ruled, 1, i)))).toBe(true);
  });

  it("are a function of seed and number: uniform draws differ, and come again", () => {
    expect(uniformPath(space, 1, 5)).toEqual(uniformPath(space, 1, 5));
    const different = new Set(Array.from({ length: 100 }, (_, i) => space.key(uniformPath(space, 1, i))));
    expect(different.size).toBe(8); // 100 draws of 8 points miss one with a chance of 1 in 100,000
  });

  it("sandwich: the largest first, the smallest, and two others that differ from step to step", () => {
    const extremes = { largest: Int32Array.of(1, 1, 1), smallest: Int32Array.of(0, 0, 0) };
    const steps = Array.from({ length: 4 }, (_, step) => pathsOf(step, "sandwich", space, 1, extremes));
    for (const paths of steps) {
      expect(paths).toHaveLength(4);
      expect(paths.slice(0, 2)).toEqual([extremes.largest, extremes.smallest]);
    }
    // eight fair ones in a row: each value of each knob four times
    const filling = steps.flatMap((paths) => paths.slice(2));
    for (let knob = 0; knob < 3; knob++) expect(filling.filter((codes) => codes[knob] === 1)).toHaveLength(4);
  });

  it("see every image once before any twice", () => {
    const pass = Array.from({ length: 5 }, (_, step) => batchIndices(step, 3, 10, 2)).flat();
    expect(pass.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const next = Array.from({ length: 5 }, (_, step) => batchIndices(5 + step, 3, 10, 2)).flat();
    expect(next).not.toEqual(pass);
    expect(new Set(next).size).toBe(10);
  });
});
