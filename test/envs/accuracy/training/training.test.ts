import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCifar } from "../../../../envs/accuracy/training/cifar.js";
import { batchNormalize, conv2d, depthwiseConv2d, matMul } from "../../../../envs/accuracy/training/gradient-ops.js";
import { embeddedSet } from "../../../../envs/accuracy/training/image-set.js";
import { simdLoops } from "../../../../envs/accuracy/training/simd/channel-loops-wasm.js";
import { BatchOrder, learningRateAt, trainNetwork } from "../../../../envs/accuracy/training/train.js";
import { buildNetwork } from "../../../../envs/network/network-file.js";
import { RandomStream } from "../../../../src/core/rng.js";
import { initBackend } from "../../../../src/tensors/backend.js";

beforeAll(async () => {
  await initBackend("wasm");
});

type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

/** Largest difference between the op's gradients and finite differences, relative to 1 + |gradient|. */
function gradientError(op: Op, shapes: readonly number[][]): number {
  const random = RandomStream.of(1, "gradients");
  const draw = (shape: readonly number[]) =>
    tf.tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      [...shape],
    );
  const inputs = shapes.map(draw);
  const weights = draw(op(...inputs).shape);
  const loss = (...given: tf.Tensor[]): tf.Scalar => tf.sum(tf.mul(op(...given), weights));
  const gradients = tf.grads(loss)(inputs);
  let worst = 0;
  inputs.forEach((input, i) => {
    const values = input.dataSync();
    const found = gradients[i]!.dataSync();
    expect(gradients[i]!.shape).toEqual(input.shape);
    for (let n = 0; n < 12; n++) {
      const at = Math.floor((values.length * (n + 0.5)) / 12);
      const moved = (by: number): number => {
        const changed = Float32Array.from(values);
        changed[at]! += by;
        return loss(...inputs.map((each, j) => (j === i ? tf.tensor(changed, each.shape) : each))).dataSync()[0]!;
      };
      const difference = (moved(0.02) - moved(-0.02)) / 0.04;
      worst = Math.max(worst, Math.abs(difference - found[at]!) / (1 + Math.abs(difference)));
    }
  });
  return worst;
}

describe("gradients on WebAssembly, against finite differences", () => {
  const cases: readonly (readonly [string, Op, readonly number[][]])[] = [
    [
      "matrix product",
      matMul as Op,
      [
        [5, 3],
        [3, 4],
      ],
    ],
    [
      "3 × 3 convolution",
      (x, w) => conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1),
      [
        [2, 6, 6, 3],
        [3, 3, 3, 4],
      ],
    ],
    [
      "3 × 3, stride 2, a row left over",
      (x, w) => conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2),
      [
        [2, 8, 8, 3],
        [3, 3, 3, 4],
      ],
    ],
    [
      "1 × 1, stride 2",
      (x, w) => conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2),
      [
        [2, 6, 6, 3],
        [1, 1, 3, 4],
      ],
    ],
    [
      "depthwise 3 × 3",
      (x, w) => depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1),
      [
        [2, 6, 6, 3],
        [3, 3, 3, 1],
      ],
    ],
    [
      "depthwise 3 × 3, eight channels: compiled",
      (x, w) => depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1),
      [
        [2, 6, 6, 8],
        [3, 3, 8, 1],
      ],
    ],
    [
      "depthwise 5 × 5, stride 2, four channels: compiled",
      (x, w) => depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2),
      [
        [2, 10, 10, 4],
        [5, 5, 4, 1],
      ],
    ],
    [
      "depthwise 5 × 5, stride 2",
      (x, w) => depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2),
      [
        [2, 10, 10, 3],
        [5, 5, 3, 1],
      ],
    ],
    [
      "depthwise 7 × 7: a triple of taps, twice, and a single one",
      (x, w) => depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1),
      [
        [1, 9, 9, 2],
        [7, 7, 2, 1],
      ],
    ],
    ["batch normalisation", (x, g, o) => batchNormalize(x!, g!, o!, "none"), [[12, 3], [3], [3]]],
    [
      "batch normalisation of eight channels in more than one block of rows: compiled",
      (x, g, o) => batchNormalize(x!, g!, o!, "none"),
      [[70, 8], [8], [8]],
    ],
  ];
  it.each(cases)("%s", (_, op, shapes) => {
    expect(gradientError(op, shapes)).toBeLessThan(5e-3);
  });
});

describe("an activation that is computed with the normalisation", () => {
  it.each(["relu", "relu6"] as const)("%s: values and gradients as when it is computed after it", (activation) => {
    const random = RandomStream.of(2, "fused");
    const x = tf.tensor2d(
      Float32Array.from({ length: 120 }, () => random.normal()),
      [40, 3],
    );
    const [scale, shift] = [tf.tensor1d([4, 1, 0.5]), tf.tensor1d([3, 0, -1])];
    const after = activation === "relu" ? tf.relu : (map: tf.Tensor) => tf.clipByValue(map, 0, 6);
    const run = (op: Op) => {
      const weights = tf.range(0, 120).reshape([40, 3]).sin();
      return [op(x, scale, shift), ...tf.grads((...given) => tf.sum(tf.mul(op(...given), weights)))([x, scale, shift])];
    };
    const fused = run((a, b, c) => batchNormalize(a!, b!, c!, activation));
    const apart = run((a, b, c) => after(batchNormalize(a!, b!, c!, "none")));
    const cut = [...fused[0]!.dataSync()].filter((value) => value === 0 || value === 6).length;
    expect(cut).toBeGreaterThan(10); // the bounds are at work
    expect(cut).toBeLessThan(110);
    fused.forEach((tensor, i) => {
      const expected = apart[i]!.dataSync();
      tensor.dataSync().forEach((value, at) => {
        expect(value).toBeCloseTo(expected[at]!, 4);
      });
    });
  });

  it("lets a value that is no number through, so that divergence shows", () => {
    const x = tf.tensor2d([1, Number.NaN, 2, 3], [2, 2]);
    const y = batchNormalize(x, tf.tensor1d([1, 1]), tf.tensor1d([0, 0]), "relu6").dataSync();
    expect([...y].map(Number.isNaN)).toEqual([false, true, false, true]);
  });
});

describe("the loops over WebAssembly's memory, compiled for channels by fours and plain for others", () => {
  const sines = (shape: readonly number[]) =>
    tf
      .range(
        0,
        shape.reduce((a, b) => a * b, 1),
      )
      .sin()
      .reshape([...shape]);
  const results = (channels: number): number[] => {
    const x = sines([2, 7, 7, channels]) as tf.Tensor4D;
    const filter = sines([3, 3, channels, 1]).add(0.5) as tf.Tensor4D;
    const [scale, shift] = [sines([channels]).add(2), sines([channels])];
    const loss = (...[a, w, g, o]: tf.Tensor[]): tf.Scalar => {
      const map = depthwiseConv2d(a as tf.Tensor4D, w as tf.Tensor4D, 2);
      return tf.sum(tf.square(batchNormalize(map.reshape([-1, channels]), g!, o!, "relu6").sub(0.3)));
    };
    return tf
      .grads(loss)([x, filter, scale, shift])
      .flatMap((gradient) => [...gradient.dataSync()]);
  };

  it.each([3, 8, 12])("give the same numbers on the copies that other backends get, %i channels", async (channels) => {
    const shared = results(channels);
    await initBackend("cpu");
    const copied = results(channels);
    await initBackend("wasm");
    expect(shared).toHaveLength(copied.length);
    shared.forEach((value, i) => {
      expect(value).toBeCloseTo(copied[i]!, 3);
    });
  });

  it("are compiled on this machine", () => {
    expect(simdLoops(new (globalThis as unknown as Wasm).WebAssembly.Memory({ initial: 1 }))).toBeDefined();
    expect(simdLoops(undefined)).toBeUndefined();
  });
});

interface Wasm {
  readonly WebAssembly: { readonly Memory: new (size: { readonly initial: number }) => object };
}

const tiny = buildNetwork({
  name: "tiny",
  input: { resolution: 8 },
  classes: 1000,
  stem: { channels: 8, stride: 2 },
  stages: [{ kind: "conv", channels: 16, stride: 2 }],
});
const options = { steps: 120, batch: 32, learningRate: 0.1, seed: 1 };

describe("a short training", () => {
  const data = embeddedSet(1, 1000, 300, 16);

  it("learns something, and gives the same bits again", async () => {
    const first = await trainNetwork(tiny, data, options);
    expect(first).toMatchObject({ diverged: false, stepsDone: 120 });
    expect(first.accuracy).toBeGreaterThan(0.2); // chance is 0.1
    expect(await trainNetwork(tiny, data, options)).toEqual(first);
  });

  it("calls divergence a result: chance, not a crash", async () => {
    const result = await trainNetwork(tiny, data, { ...options, learningRate: 1e20 });
    expect(result).toMatchObject({ diverged: true, accuracy: 0.1 });
    expect(result.stepsDone).toBeLessThan(120);
  });

  it("leaves no tensors behind", async () => {
    const before = tf.memory().numTensors;
    await trainNetwork(tiny, data, { ...options, steps: 2 });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses layers that it cannot train, by name", async () => {
    const layers = [{ kind: "conv" as const, name: "wide", channels: 4, kernel: 3, dilation: 2 }];
    const network = buildNetwork({ name: "dilated", input: { resolution: 8 }, layers });
    await expect(trainNetwork(network, data, options)).rejects.toMatchObject({
      code: "NETWORK_BAD_SHAPE",
      message: expect.stringContaining("wide: dilation"),
    });
  });

  it("warms up in a line and comes down half a cosine", () => {
    const rates = Array.from({ length: 20 }, (_, step) => learningRateAt(step, { steps: 20, learningRate: 1 }));
    expect(rates[0]).toBe(0.5);
    expect(rates[1]).toBe(1);
    expect(rates[2]).toBe(1);
    expect(rates[11]).toBeCloseTo(0.5, 12); // half way: cos(π/2) = 0
  });

  it("shows every image once before any twice", () => {
    const order = new BatchOrder(data.train, { seed: 1, batch: 100 });
    const seen = Array.from({ length: 10 }, () => order.next()).flat();
    expect(new Set(seen).size).toBe(1000);
  });
});

describe("the embedded set", () => {
  it("has as many images of each class and depends on the seed alone", () => {
    const { train, heldOut } = embeddedSet(7, 200, 50, 12);
    for (let label = 0; label < 10; label++) expect(train.labels.filter((each) => each === label)).toHaveLength(20);
    expect(embeddedSet(7, 200, 50, 12).train.images).toEqual(train.images);
    expect(embeddedSet(8, 200, 50, 12).train.images).not.toEqual(train.images);
    expect(heldOut.images.slice(0, 100)).not.toEqual(train.images.slice(0, 100));
    for (const value of train.images) expect(Number.isFinite(value)).toBe(true);
  });
});

describe("CIFAR-10 in its binary form", () => {
  const folder = mkdtempSync(join(tmpdir(), "cifar-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const record = (label: number, red: number, green: number, blue: number): Buffer =>
    Buffer.concat([Buffer.from([label]), ...[red, green, blue].map((value) => Buffer.alloc(1024, value))]);

  it("reads labels and colour planes", () => {
    const first = record(3, 255, 0, 0);
    first[1 + 1] = 0; // red of the second pixel of the first row
    writeFileSync(join(folder, "data_batch_1.bin"), Buffer.concat([first, record(9, 0, 255, 51)]));
    writeFileSync(join(folder, "test_batch.bin"), record(0, 0, 0, 0));
    const { train, heldOut } = readCifar(folder, 100, 100);
    expect([...train.labels]).toEqual([3, 9]);
    expect(train.images[0]).toBeCloseTo((1 - 0.4914) / 0.247, 5);
    expect(train.images[1]).toBeCloseTo(-0.4822 / 0.2435, 5);
    expect(train.images[3]).toBeCloseTo(-0.4914 / 0.247, 5);
    expect(train.images[3072 + 2]).toBeCloseTo((0.2 - 0.4465) / 0.2616, 5);
    expect(heldOut.labels).toHaveLength(1);
    expect(readCifar(folder, 1, 1).train.labels).toHaveLength(1);
  });

  it("says what is wrong with a folder or a file", () => {
    expect(() => readCifar(join(folder, "none"), 1, 1)).toThrow(/data_batch_1\.bin/);
    writeFileSync(join(folder, "test_batch.bin"), Buffer.alloc(3000));
    expect(() => readCifar(folder, 1, 1)).toThrow(/3000 bytes are no whole number of records/);
    writeFileSync(join(folder, "test_batch.bin"), record(10, 0, 0, 0));
    expect(() => readCifar(folder, 1, 1)).toThrow(/image 0 has label 10/);
  });
});
