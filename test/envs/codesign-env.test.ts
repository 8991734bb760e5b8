import { lastValueFrom, toArray } from "rxjs";
import { afterAll, describe, expect, it } from "vitest";
import { type AcceleratorFile, acceleratorSchema } from "../../envs/accelerator/architecture.js";
import { CODESIGN_METRICS, type CodesignOptions, createCodesignEnvironment } from "../../envs/codesign-env.js";
import { defaultDeployment } from "../../envs/deployment/deployment.js";
import { loadNetworkFile } from "../../envs/network/network-file.js";
import type { SpaceFile } from "../../envs/space-file.js";
import { spaceFileSchema } from "../../envs/space-file.js";
import { RandomStream } from "../../src/core/rng.js";
import type { Candidate } from "../../src/core/trial.js";
import { readDocument } from "../../src/files/documents.js";
import { workerEvaluator } from "../../src/study/worker-evaluator.js";

const edgeSpace = readDocument("envs/spaces/nahas-edge-space.yaml", spaceFileSchema);
const edgeFile = readDocument<AcceleratorFile>("envs/accelerator/presets/nahas-edge.yaml", acceleratorSchema);
const mapper = { objective: "latency", budget: 4 } as const;

/** Two knobs of a small network; `kernel` 9 without padding is too large for the map that stride 4 leaves. */
const smallSpace: SpaceFile = {
  name: "small",
  group: "network",
  knobs: [
    { name: "kernel", values: [3, 5, 9] },
    { name: "stride", values: [1, 4] },
  ],
  template: {
    name: "small",
    input: { resolution: 32, channels: 3 },
    stem: { channels: 8, stride: "$stride" },
    stages: [{ kind: "conv", kernel: "$kernel", channels: 16, padding: "valid" }],
    classes: 10,
  },
};

const joint: CodesignOptions = {
  network: { fixed: loadNetworkFile("mobilenet-v2") },
  accelerator: { space: edgeSpace },
  deployment: {
    space: {
      name: "precision",
      group: "deployment",
      knobs: [{ name: "bits", values: [4, 8, 16] }],
      template: { weightBits: "$bits", activationBits: "$bits" },
    },
  },
  proxy: "imagenet-surrogate",
  mapper,
};
const small: CodesignOptions = {
  ...joint,
  network: { space: smallSpace },
  accelerator: { fixed: edgeFile },
  deployment: { fixed: defaultDeployment },
};

const randomCandidates = (options: CodesignOptions, count: number): Candidate[] => {
  const random = RandomStream.of(1, "test");
  const { space } = createCodesignEnvironment(options);
  return Array.from({ length: count }, () => space.decode(space.sample(random)));
};

describe("the co-design environment", () => {
  it("has the knobs of what is searched, and none of what is fixed", () => {
    const names = createCodesignEnvironment(joint).space.knobs.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("network/"))).toEqual([]);
    expect(names).toContain("accelerator/peRows");
    expect(names.at(-1)).toBe("deployment/bits");
    expect(createCodesignEnvironment(small).space.knobs.map(({ name }) => name)).toEqual([
      "network/kernel",
      "network/stride",
    ]);
  });

  it("measures every metric that it names, each a finite number, as one value of a stream", async () => {
    const environment = createCodesignEnvironment(joint);
    expect(environment.metricNames).toEqual(CODESIGN_METRICS);
    for (const candidate of randomCandidates(joint, 5)) {
      const emitted = await lastValueFrom(environment.evaluate$(candidate).pipe(toArray()));
      expect(emitted.length).toBe(1);
      const [evaluation] = emitted;
      if (evaluation?.kind !== "measured") throw new Error("infeasible");
      expect(Object.keys(evaluation.metrics)).toEqual(CODESIGN_METRICS);
      for (const value of Object.values(evaluation.metrics)) expect(Number.isFinite(value)).toBe(true);
      expect(evaluation.metrics.macCount).toBe(300_774_272); // MobileNetV2, whatever the chip
    }
  });

  it("gives the figures of the breakdown, and the same ones whatever it met before", async () => {
    const environment = createCodesignEnvironment(joint);
    const candidates = randomCandidates(joint, 4);
    const first = await Promise.all(candidates.map((candidate) => environment.evaluate(candidate)));
    for (const [i, candidate] of [...candidates.entries()].reverse()) {
      expect(await createCodesignEnvironment(joint).evaluate(candidate)).toEqual(first[i]);
      expect(await environment.evaluate(candidate)).toEqual(first[i]);
      const report = await environment.breakdown(candidate);
      const evaluation = first[i]!;
      if (evaluation.kind !== "measured" || !("layers" in report)) throw new Error("infeasible");
      const { latencyMs, energyMillijoules, areaMm2, dramBytes, accuracyFraction } = evaluation.metrics;
      expect(report).toMatchObject({ latencyMs, energyMillijoules, areaMm2, dramBytes });
      expect(report.accuracy.estimate).toBe(accuracyFraction);
      expect(report.layers.reduce((sum, layer) => sum + layer.latencyCycles, 0)).toBe(report.latencyCycles);
    }
  });

  it("is faster and larger with more processing elements, and more frugal with fewer bits", async () => {
    const environment = createCodesignEnvironment(joint);
    const [base] = randomCandidates(joint, 1);
    const metrics = async (change: Candidate) => {
      const evaluation = await environment.evaluate({ ...base, "accelerator/dataflow": "flexible", ...change });
      if (evaluation.kind !== "measured") throw new Error("infeasible");
      return evaluation.metrics;
    };
    const few = await metrics({ "accelerator/peRows": 1, "accelerator/peColumns": 1, "deployment/bits": 8 });
    const many = await metrics({ "accelerator/peRows": 4, "accelerator/peColumns": 4, "deployment/bits": 8 });
    const narrow = await metrics({ "accelerator/peRows": 4, "accelerator/peColumns": 4, "deployment/bits": 4 });
    expect(many.latencyMs!).toBeLessThan(few.latencyMs!);
    expect(many.areaMm2!).toBeGreaterThan(10 * few.areaMm2!);
    expect(narrow.energyMillijoules!).toBeLessThan(many.energyMillijoules!);
    expect(narrow.accuracyFraction!).toBeLessThan(many.accuracyFraction!);
  });

  it("answers for a network whose layers do not fit together with what is too small", async () => {
    const environment = createCodesignEnvironment(small);
    const fits = await environment.evaluate({ "network/kernel": 5, "network/stride": 4 });
    expect(fits.kind).toBe("measured");
    const candidate = { "network/kernel": 9, "network/stride": 4 };
    const evaluation = await environment.evaluate(candidate);
    expect(evaluation).toMatchObject({ kind: "infeasible", infeasible: { code: "shape" } });
    if (evaluation.kind !== "infeasible") return;
    expect(evaluation.infeasible.violations).toMatchObject([{ needed: 9, available: 8 }]);
    expect(await environment.breakdown(candidate)).toEqual(evaluation.infeasible);
  });

  it("refuses a proxy that is not registered", () => {
    expect(() => createCodesignEnvironment({ ...joint, proxy: "guess" })).toThrow(
      expect.objectContaining({ code: "PROXY_UNKNOWN" }),
    );
  });
});

describe("the compiled worker module", () => {
  const evaluator = workerEvaluator({
    workers: 2,
    module: new URL("../../dist/envs/evaluation-worker.js", import.meta.url),
    options: small,
  });
  afterAll(() => evaluator.dispose());
  it("answers as the environment in this thread does, infeasible designs included", async () => {
    const environment = createCodesignEnvironment(small);
    for (const kernel of [3, 9]) {
      const candidate = { "network/kernel": kernel, "network/stride": 4 };
      expect(await evaluator.evaluate(candidate)).toEqual(await environment.evaluate(candidate));
    }
  });
});
