import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultDeployment } from "../../../envs/deployment/deployment.js";
import {
  type AxisTiles,
  axisTiles,
  cachedPixels,
  type GroupShape,
  groupShape,
  heldPixels,
} from "../../../envs/deployment/group-geometry.js";
import { sizesOf } from "../../../envs/deployment/residency.js";
import type { Network } from "../../../envs/network/ir.js";
import { buildNetwork, type NetworkFile } from "../../../envs/network/network-file.js";

const network = (resolution: number, channels: number, layers: readonly Record<string, unknown>[]): Network =>
  buildNetwork({ name: "chain", input: { resolution, channels }, layers } as unknown as NetworkFile);

const shapeOf = (net: Network, first = 0, last = net.layers.length - 1): GroupShape => {
  const shape = groupShape(net, sizesOf(net, defaultDeployment).lastUse, first, last);
  if (shape === undefined) throw new Error("no group");
  return shape;
};

/** 8 × 8 × 1 -> 8 × 8 × 4 -> 8 × 8 × 2, both 3 × 3: tensors are input, middle, output. */
const twoConvs = shapeOf(
  network(8, 1, [
    { kind: "conv", name: "first", channels: 4, kernel: 3 },
    { kind: "conv", name: "second", channels: 2, kernel: 3 },
  ]),
);

describe("two 3 x 3 layers in strips of two rows", () => {
  it("need 3, 4, 4 and 3 rows of the middle and 4, 6, 6 and 4 of the input, when the halo is computed again", () => {
    const rows = axisTiles(twoConvs, 0, 2, false);
    expect(rows.tiles).toBe(4);
    expect(rows.total).toEqual([4 + 6 + 6 + 4, 3 + 4 + 4 + 3, 8]);
    expect(rows.window).toEqual([6, 4, 2]);
    expect(rows.overlap).toEqual([0, 0, 0]);
    expect(rows.classes).toEqual([
      { count: 2, fresh: [4, 3, 2] },
      { count: 2, fresh: [6, 4, 2] },
    ]);
  });

  it("make each row once and hold two of each map for the next strip, when the halo is kept", () => {
    const rows = axisTiles(twoConvs, 0, 2, true);
    expect(rows.total).toEqual([8, 8, 8]);
    expect(rows.window).toEqual([4, 4, 2]);
    expect(rows.overlap).toEqual([2, 2, 0]);
    expect(rows.classes).toEqual([
      { count: 1, fresh: [4, 3, 2] },
      { count: 2, fresh: [2, 2, 2] },
      { count: 1, fresh: [0, 1, 2] },
    ]);
    const whole = axisTiles(twoConvs, 1, 8, false);
    expect([0, 1, 2].map((t) => cachedPixels(t, rows, whole))).toEqual([2 * 8, 2 * 8, 0]);
    expect([0, 1, 2].map((t) => heldPixels(t, rows, whole))).toEqual([4 * 8, 4 * 8, 2 * 8]);
  });

  it("hold two whole rows and, beside them, two columns of the strip, when columns are cut too", () => {
    const rows = axisTiles(twoConvs, 0, 2, true);
    const columns = axisTiles(twoConvs, 1, 4, true);
    expect(columns.total).toEqual([8, 8, 8]);
    expect(columns.window).toEqual([6, 5, 4]); // of tiles 0 to 4 and 4 to 8 the first reaches to 6 of the input
    expect(columns.overlap).toEqual([2, 2, 0]);
    expect(cachedPixels(1, rows, columns)).toBe(2 * 8 + (4 - 2) * 2);
    expect(heldPixels(1, rows, columns)).toBe(2 * (8 - 5) + 4 * 5);
  });
});

describe("other groups", () => {
  it("follow strides: two rows behind a 3 x 3 of stride 2 need five rows, then four new ones", () => {
    const shape = shapeOf(
      network(16, 4, [
        { kind: "conv", name: "expand", channels: 24, kernel: 1 },
        { kind: "depthwise", name: "depthwise", kernel: 3, stride: 2 },
        { kind: "conv", name: "project", channels: 8, kernel: 1 },
      ]),
    );
    // 8 rows out; TensorFlow's SAME puts the one row of padding behind: rows 0 to 4 for the first two rows
    const rows = axisTiles(shape, 0, 2, true);
    expect(rows.classes).toEqual([
      { count: 1, fresh: [5, 5, 2, 2] },
      { count: 2, fresh: [4, 4, 2, 2] },
      { count: 1, fresh: [3, 3, 2, 2] },
    ]);
    expect(rows.overlap).toEqual([0, 1, 0, 0]);
  });

  it("keep a residual's input until it is added", () => {
    const net = network(8, 4, [
      { kind: "conv", name: "stem", channels: 4, kernel: 1 },
      { kind: "conv", name: "expand", channels: 8, kernel: 1 },
      { kind: "depthwise", name: "depthwise", kernel: 3 },
      { kind: "conv", name: "project", channels: 4, kernel: 1 },
      { kind: "add", name: "add", inputs: ["project", "stem"] },
    ]);
    const shape = shapeOf(net, 1, 4);
    expect(
      shape.tensors.map(({ source, isExternal, firstUse, lastUse }) => [source, isExternal, firstUse, lastUse]),
    ).toEqual([
      [0, true, -1, 3],
      [1, false, 0, 1],
      [2, false, 1, 2],
      [3, false, 2, 3],
      [4, false, 3, 3],
    ]);
    // the expansion is one row ahead, so that the row before waits for its addition
    const rows = axisTiles(shape, 0, 2, true);
    expect(rows.overlap).toEqual([1, 2, 0, 0, 0]);
    expect(rows.window).toEqual([3, 4, 2, 2, 2]);
  });

  it("end where an output is needed outside, or a layer needs all pixels", () => {
    const net = network(8, 4, [
      { kind: "conv", name: "a", channels: 4, kernel: 3 },
      { kind: "conv", name: "b", channels: 4, kernel: 3 },
      { kind: "global-pool", name: "pool" },
      { kind: "multiply", name: "gate", inputs: ["b", "pool"] },
      { kind: "conv", name: "c", channels: 4, kernel: 3 },
    ]);
    const { lastUse } = sizesOf(net, defaultDeployment);
    const group = (first: number, last: number) => groupShape(net, lastUse, first, last);
    expect(group(0, 1)).toBeDefined();
    expect(group(0, 3)).toBeUndefined();
    expect(group(1, 2)).toBeUndefined();
    const gated = group(3, 4)!;
    expect(gated.tensors.map(({ source }) => source)).toEqual([1, 3, 4]);
    expect(gated.factors).toEqual([2, undefined]);
  });
});

/** Rows that are needed of each tensor, tile by tile, as sets; knows nothing of ranges. */
function walked(
  shape: GroupShape,
  axis: 0 | 1,
  tileSize: number,
  isCached: boolean,
): Pick<AxisTiles, "total" | "window"> {
  const { tensors, reads, outputsFrom } = shape;
  const made = tensors.map(() => new Set<number>());
  const total = tensors.map(() => 0);
  const window = tensors.map(() => 0);
  const last = tensors.length - 1;
  for (let start = 0; start < tensors[last]!.size[axis]; start += tileSize) {
    const needed = tensors.map(() => new Set<number>());
    for (let row = start; row < Math.min(start + tileSize, tensors[last]!.size[axis]); row++) needed[last]!.add(row);
    for (let t = last; t >= 0; t--) {
      const fresh = [...needed[t]!].filter((row) => !isCached || !made[t]!.has(row));
      for (const row of fresh) made[t]!.add(row);
      total[t]! += fresh.length;
      window[t] = Math.max(window[t]!, needed[t]!.size);
      for (const { tensor, windows } of t < outputsFrom ? [] : reads[t - outputsFrom]!) {
        const { stride, span, before } = windows[axis];
        for (const row of fresh) {
          for (let tap = 0; tap < span; tap++) {
            const at = row * stride - before + tap;
            if (at >= 0 && at < tensors[tensor]!.size[axis]) needed[tensor]!.add(at);
          }
        }
      }
    }
  }
  return { total, window };
}

describe("any chain", () => {
  const layers = fc.array(
    fc
      .record({ kernel: fc.constantFrom(1, 2, 3, 5), stride: fc.constantFrom(1, 2, 3) })
      .filter((l) => l.stride <= l.kernel),
    { minLength: 1, maxLength: 5 },
  );

  it("needs what walking it row by row needs, in all tiles", () => {
    fc.assert(
      fc.property(
        layers,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        (chain, size, tile, isCached) => {
          const net = network(
            size,
            1,
            chain.map(({ kernel, stride }, i) => ({ kind: "conv", name: `l${i}`, channels: 1, kernel, stride })),
          );
          const shape = shapeOf(net);
          const { total, window, tiles, classes, extent } = axisTiles(shape, 0, tile, isCached);
          const expected = walked(shape, 0, tile, isCached);
          expect(total).toEqual(expected.total);
          expect(window).toEqual(expected.window);
          expect(classes.reduce((sum, { count }) => sum + count, 0)).toBe(tiles);
          expect(
            shape.tensors.map((_, t) => classes.reduce((sum, { count, fresh }) => sum + count * fresh[t]!, 0)),
          ).toEqual(total);
          if (isCached) expect(total).toEqual(extent); // no pixel twice
        },
      ),
      { numRuns: 300, seed: 5 },
    );
  });
});
