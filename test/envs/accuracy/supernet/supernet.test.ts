import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trustOf } from "../../../../envs/accuracy/estimate.js";
import { accuracyProxy, resolveAccuracy } from "../../../../envs/accuracy/proxy.js";
import {
  fitOf,
  lineThrough,
  measureSubnets,
  predictorRows,
} from "../../../../envs/accuracy/supernet/calibrate-supernet.js";
import {
  checkSameSpace,
  readCheckpoint,
  type SupernetCheckpoint,
  supernetSettingsSchema,
  writeCheckpoint,
} from "../../../../envs/accuracy/supernet/checkpoint.js";
import { SAMPLINGS, type Sampling } from "../../../../envs/accuracy/supernet/paths.js";
import { restoreSupernet } from "../../../../envs/accuracy/supernet/restore.js";
import { Supernet } from "../../../../envs/accuracy/supernet/supernet.js";
import { embeddedSet } from "../../../../envs/accuracy/training/image-set.js";
import { reliabilityOf, type TrainedNetwork, tauInterval } from "../../../../envs/accuracy/training/rank-study.js";
import { deploymentSchema } from "../../../../envs/deployment/deployment.js";
import { buildNetwork } from "../../../../envs/network/network-file.js";
import { spaceFileSchema } from "../../../../envs/space-file.js";
import { resolveStudy } from "../../../../experiments/resolve-study.js";
import { parseStudy } from "../../../../experiments/study-file.js";
import { initBackend } from "../../../../src/tensors/backend.js";
import { TINY_SPACE, tinySpace } from "./tiny-space.js";

const folder = mkdtempSync(join(tmpdir(), "supernet-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await initBackend("wasm");
});

const settings = supernetSettingsSchema.parse({
  steps: 8,
  batch: 16,
  resolution: 8,
  trainImages: 160,
  heldOutImages: 60,
});
const space = spaceFileSchema.parse(TINY_SPACE);
const data = embeddedSet(settings.seed, settings.trainImages, settings.heldOutImages, settings.resolution);
const newSupernet = (given: Partial<typeof settings> = {}): Supernet =>
  new Supernet(tinySpace(), { ...settings, ...given }, data);
const checkpointOf = (supernet: Supernet): SupernetCheckpoint => ({
  space,
  settings: { ...settings, ...supernet.options },
  backend: "wasm",
  state: supernet.state(),
});

describe("training a supernet", () => {
  const cases: readonly [Sampling, boolean][] = [
    ...SAMPLINGS.map((name): [Sampling, boolean] => [name, false]),
    ["sandwich", true],
  ];
  it.each(
    cases,
  )("%s (distil: %s): goes on after a checkpoint with the bits of a training that never stopped", (sampling, distil) => {
    const whole = newSupernet({ sampling, distil });
    for (let step = 0; step < 6; step++) whole.step();
    const first = newSupernet({ sampling, distil });
    for (let step = 0; step < 3; step++) first.step();
    const file = join(folder, `${sampling}-${distil}.supernet`);
    writeCheckpoint(file, checkpointOf(first));
    first.dispose();
    const second = restoreSupernet(readCheckpoint(file), file);
    expect(second.stepsDone).toBe(3);
    for (let step = 3; step < 6; step++) second.step();
    expect(second.state()).toEqual(whole.state());
    whole.dispose();
    second.dispose();
  });

  it("learns: the largest and the smallest network inherit more than chance, and leave no tensors behind", () => {
    const before = tf.memory().numTensors;
    const data = embeddedSet(1, 600, 300, 12);
    const supernet = new Supernet(tinySpace(), { ...settings, steps: 80, batch: 32 }, data);
    const losses = Array.from({ length: 80 }, () => supernet.step());
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.1);
    for (const depth of [1, 2]) {
      const network = supernet.networkAt(Int32Array.of(depth - 1, 0, depth - 1))!;
      expect(supernet.inheritedAccuracy(network)).toBeGreaterThan(0.14);
      expect(supernet.inheritedAccuracy(network)).toBe(supernet.inheritedAccuracy(network));
    }
    supernet.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("says so when it diverges, and keeps its weights", () => {
    const supernet = newSupernet({ learningRate: 1e30, sampling: "fair" });
    let before = supernet.state();
    let loss = 0;
    for (let step = 0; step < 8 && Number.isFinite(loss); step++) {
      before = supernet.state();
      loss = supernet.step();
    }
    expect(loss).toBeNaN();
    expect(supernet.state()).toEqual(before);
    supernet.dispose();
  });
});

describe("a checkpoint", () => {
  const file = join(folder, "good.supernet");
  beforeAll(() => {
    const supernet = newSupernet();
    supernet.step();
    writeCheckpoint(file, checkpointOf(supernet));
    supernet.dispose();
  });

  it("that is cut off, damaged, or something else is refused by name", () => {
    const bytes = readFileSync(file);
    const bad = join(folder, "bad.supernet");
    const message = (content: Buffer): string => {
      writeFileSync(bad, content);
      try {
        readCheckpoint(bad);
        return "";
      } catch (error) {
        expect(error).toMatchObject({ code: "CHECKPOINT_BAD" });
        return (error as Error).message;
      }
    };
    expect(message(bytes.subarray(0, bytes.length - 4))).toMatch(/damaged or cut off/);
    const changed = Buffer.from(bytes);
    changed[bytes.length - 2]! ^= 1;
    expect(message(changed)).toMatch(/damaged/);
    expect(message(Buffer.from("name: study\n"))).toMatch(/no supernet checkpoint/);
    expect(message(Buffer.from(bytes.toString("latin1").replace('"version":1', '"version":9'), "latin1"))).toMatch(
      /this version \(version/,
    );
    expect(() => readCheckpoint(join(folder, "none"))).toThrow(/none/);
  });

  it("answers for its space and for parts of it, and names what another has", () => {
    const checkpoint = readCheckpoint(file);
    const check = (change: object) => () => checkSameSpace(checkpoint, { ...space, ...change }, file);
    const [width, kernel, depth] = TINY_SPACE.knobs as [(typeof TINY_SPACE.knobs)[0], object, object];
    expect(check({ name: "renamed", knobs: [{ ...width, values: [8] }, kernel, depth] })).not.toThrow();
    expect(check({ knobs: [{ ...width, values: [8, 16] }, kernel, depth] })).toThrow(/"width" was never 16/);
    expect(check({ knobs: [width, kernel, depth, { name: "more", values: [1] }] })).toThrow(/knob "more"/);
    expect(check({ knobs: [width, kernel] })).toThrow(/no knob "depth"/);
    expect(check({ template: { ...TINY_SPACE.template, classes: 100 } })).toThrow(/the template/);
  });

  it("serves a study of its space, not one of another", () => {
    writeFileSync(join(folder, "space.yaml"), JSON.stringify(TINY_SPACE));
    const study = (network: string): string =>
      `name: inherits\nspace: { network: ${network}, accelerator: nahas-edge, deployment: default }\n` +
      `accuracy: { proxy: supernet, checkpoint: ${file} }\n`;
    const resolved = resolveStudy(parseStudy(study(join(folder, "space.yaml")), "study.yaml"));
    expect(resolved.accuracy).toMatchObject({
      proxy: "supernet",
      checkpoint: file,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(() => resolveStudy(parseStudy(study("tiny-mbv2"), "study.yaml"))).toThrow(
      /study\.yaml:3:\d+: accuracy: .*trained on space tiny-supernet, and space tiny-mbv2 has a knob/,
    );
  });

  it("answers as the proxy, and refuses to when it has changed since", async () => {
    const { proxy: name, ...options } = resolveAccuracy({ proxy: "supernet", checkpoint: "good.supernet" }, folder);
    const proxy = accuracyProxy(name, options);
    const network = restoreSupernet(readCheckpoint(file), file).networkAt(Int32Array.of(1, 0, 1))!;
    const answer = await proxy.estimate(network, deploymentSchema.parse({}));
    expect(answer).toEqual(await accuracyProxy(name, options).estimate(network, deploymentSchema.parse({})));
    expect(answer.standardError).toBeGreaterThan(0);
    expect(proxy.error).toBeUndefined();
    const other = buildNetwork({ name: "other", input: { resolution: 8 }, stages: [{ kind: "conv", channels: 64 }] });
    await expect(proxy.estimate(other, deploymentSchema.parse({}))).rejects.toThrow(/the supernet has/);
    expect(() => accuracyProxy(name, { ...options, sha256: "0".repeat(64) }).error).toThrow(/has changed/);
  });
});

describe("how far its scores can be trusted", () => {
  it("a line and what it misses when each point is left out, as drawing it again says", () => {
    const [x, y] = [
      [1, 2, 4, 7],
      [2, 1, 5, 6],
    ] as const;
    const { centre, intercept, slope, leftOut } = lineThrough(x, y);
    expect(slope).toBeCloseTo(17 / 21, 12); // Σ(x − 3.5)(y − 3.5) / Σ(x − 3.5)², by hand
    expect(intercept - slope * centre).toBeCloseTo(3.5 - 3.5 * (17 / 21), 12);
    x.forEach((value, i) => {
      const rest = lineThrough(
        x.filter((_, j) => j !== i),
        y.filter((_, j) => j !== i),
      );
      expect(leftOut[i]).toBeCloseTo(y[i]! - (rest.intercept + rest.slope * (value - rest.centre)), 10);
    });
  });

  it("is measured on networks trained by themselves, kept in the checkpoint and shown by the proxy", async () => {
    const supernet = newSupernet({ steps: 2 });
    supernet.step();
    supernet.step();
    const training = { subnets: 5, seeds: 2, steps: 2, batch: 16, learningRate: 0.05 };
    const seen: number[] = [];
    const results = await measureSubnets(supernet, training, new Map(), (_, count) => seen.push(count));
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(results.map((result) => result.name)).size).toBe(5);
    const known = new Map(results.slice(0, 3).map((result) => [result.name, result]));
    const again: number[] = [];
    expect(await measureSubnets(supernet, training, known, (_, count) => again.push(count))).toEqual(results);
    expect(again).toEqual([4, 5]);
    expect(predictorRows(results).map(({ name }) => name)).toEqual([
      "inherited accuracy",
      ...["synflow", "naswot", "zico", "grad-norm", "macs", "params", "aggregate"],
    ]);
    const file = join(folder, "fitted.supernet");
    writeCheckpoint(file, {
      ...checkpointOf(supernet),
      fit: fitOf(results, data.heldOut.labels.length, "as a test does"),
    });
    const proxy = accuracyProxy("supernet", { checkpoint: file });
    expect(trustOf(proxy)).toMatch(/mean error \d+\.\d points, Kendall tau .* on 5 left-out networks/);
    supernet.dispose();
  });
});

describe("what a study of trained networks says", () => {
  const scores = { synflow: 0, naswot: 0, zico: 0, "grad-norm": 0, macs: 0, params: 0 };
  const row = (name: string, ...accuracies: number[]): TrainedNetwork => ({ name, accuracies, scores });

  it("splits the variance between networks and seeds", () => {
    // seeds: variances 0.02² / 2 each; means 0.2, 0.4, 0.6: variance 0.04, less half of the seeds' variance
    const { betweenPoints, seedPoints, ownShare, kendallTau } = reliabilityOf([
      row("a", 0.19, 0.21),
      row("b", 0.41, 0.39),
      row("c", 0.59, 0.61),
    ]);
    expect(seedPoints).toBeCloseTo(100 * Math.sqrt(0.0002), 10);
    expect(betweenPoints).toBeCloseTo(100 * Math.sqrt(0.04 - 0.0001), 10);
    expect(ownShare).toBeCloseTo(0.0399 / 0.0401, 10);
    expect(kendallTau.estimate).toBe(1);
  });

  it("gives tau an interval that widens as networks get fewer", () => {
    const noisy = (n: number) => Array.from({ length: n }, (_, i) => i + 3 * Math.sin(17 * i));
    const width = (n: number): number => {
      const { low, high, estimate } = tauInterval(
        Array.from({ length: n }, (_, i) => i),
        noisy(n),
      );
      expect(low).toBeLessThan(estimate);
      expect(high).toBeGreaterThan(estimate);
      return high - low;
    };
    expect(width(10)).toBeGreaterThan(width(40));
  });
});
