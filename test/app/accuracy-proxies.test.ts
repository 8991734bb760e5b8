// Every accuracy proxy in a study from the command line, in a folder where there was nothing before; trainings that diverge,
// and images that are not there.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Trial } from "../../src/core/trial.js";
import { cosearch } from "./in-process.js";

const folder = mkdtempSync(join(tmpdir(), "accuracy-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));
const runs = join(folder, "runs");
const write = (name: string, value: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
};

/** Four networks that train in milliseconds; two of them have no normalisation. */
write("space.json", {
  name: "tiny",
  group: "network",
  knobs: [
    { name: "width", values: [4, 8] },
    { name: "normalization", values: ["batch", "none"] },
  ],
  template: {
    name: "tiny",
    input: { resolution: 8, channels: 3 },
    activation: "relu",
    normalization: "$normalization",
    stem: { channels: 8, stride: 2 },
    stages: [{ kind: "conv", kernel: 3, channels: "$width", repeat: 2 }],
    head: {},
    classes: 10,
  },
});
/** 45 held-out images are 4 or 5 of each class, so that a network that answers one class alone is not at chance. */
const images = { resolution: 8, trainImages: 100, heldOutImages: 45 };

async function run(id: string, accuracy: unknown, trials = 8) {
  const study = write(`${id}.json`, {
    name: id,
    space: { network: "space.json", accelerator: "nahas-edge", deployment: { weightBits: 16, activationBits: 16 } },
    accuracy,
    agent: "random",
    budget: { trials },
  });
  return cosearch("run", study, "--out", runs, "--id", id, "--quiet", "--json");
}

/** Accuracies by what the network is, of all trials. */
function accuracies(id: string): Map<string, number | undefined> {
  const lines = readFileSync(join(runs, id, "trials.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return new Map(
    lines.map((line) => {
      const { candidate, metrics } = JSON.parse(line) as Trial & { metrics?: Record<string, number> };
      return [`${candidate["network/width"]} ${candidate["network/normalization"]}`, metrics?.accuracyFraction];
    }),
  );
}

describe("a study in a fresh folder", () => {
  it("takes the surrogate, the baselines, zero-cost scores, a table and a short training as its accuracy", async () => {
    write("table.csv", "width,normalization,top1\n4,batch,60\n8,batch,62\n4,none,50\n8,none,52\n");
    const proxies = [
      { proxy: "imagenet-surrogate" },
      { proxy: "macs-only" },
      { proxy: "params-only" },
      { proxy: "zero-cost", score: "naswot", resolution: 8 },
      { proxy: "table", file: "table.csv" },
      { proxy: "short-training", steps: 4, batch: 16, ...images },
    ];
    for (const [i, accuracy] of proxies.entries()) {
      const { code, out, err } = await run(`proxy-${i}`, accuracy);
      expect([code, err]).toEqual([0, ""]);
      const { best } = JSON.parse(out) as { best: { metrics: Record<string, number> } };
      expect(best.metrics.accuracyFraction).toBeGreaterThan(0);
      expect(best.metrics.accuracyFraction).toBeLessThan(1);
    }
    // 16 bits cost nothing, so the table's own numbers come through
    expect(accuracies("proxy-4").get("8 batch")).toBeCloseTo(0.62, 9);
  });

  it("takes a supernet that was trained there", async () => {
    const checkpoint = join(folder, "tiny.supernet");
    const settings = "--steps 3 --batch 8 --resolution 8 --train-images 80 --held-out-images 20 --quiet".split(" ");
    const trained = await cosearch("supernet", "train", join(folder, "space.json"), "--out", checkpoint, ...settings);
    expect([trained.code, trained.err]).toEqual([0, ""]);
    expect(await run("supernet", { proxy: "supernet", checkpoint: "tiny.supernet" })).toMatchObject({ code: 0 });
    for (const accuracy of accuracies("supernet").values()) expect(accuracy).toBeGreaterThan(0);
  });
});

describe("short training", () => {
  it("ends after its steps, and one that diverges is a result of the run: chance", async () => {
    // at this rate the weights grow without bound; normalisation undoes that, and without it the loss overflows
    const training = { proxy: "short-training", steps: 12, batch: 16, learningRate: 1e6, ...images };
    const { code, out } = await run("diverges", training, 16);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ status: "finished", feasibleCount: 16 });
    const found = accuracies("diverges");
    expect(found.size).toBe(4);
    const chance = (0.1 * 45 + 0.5) / 46; // of 10 classes; one image more, half right, so that logarithms exist
    for (const width of [4, 8]) {
      expect(found.get(`${width} none`)).toBeCloseTo(chance, 9);
      expect(Math.abs(found.get(`${width} batch`)! - chance)).toBeGreaterThan(0.005);
    }
  });

  it("says which images are missing before anything is written", async () => {
    const cifar = { proxy: "short-training", data: "cifar" };
    const missing = /error FILE_UNREADABLE: .*cifar holds no data_batch_1\.bin: is it the folder of CIFAR-10/;
    const nowhere = await run("nowhere", cifar);
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringMatching(missing)]);
    mkdirSync(join(folder, "cifar"));
    write("cifar/data_batch_1.bin", "");
    const half = await run("half", cifar);
    expect([half.code, half.err]).toEqual([2, expect.stringMatching(/cifar holds no test_batch\.bin/)]);
    expect([existsSync(join(runs, "nowhere")), existsSync(join(runs, "half"))]).toEqual([false, false]);
  });

  it("says that one row has no order, and what a proxy could score", async () => {
    const six = "[3,3,-,-,3,3,-,-,3,3,-,-,3,3,-,-,3,3,-,-]";
    const table = write("one.csv", `ks,e,d,top1\n"${six}","${six}","[2,2,2,2,2]",67\n`);
    const { code, err } = await cosearch("calibrate", "--proxy", "macs-only", "--data", table);
    expect([code, err]).toEqual([
      2,
      expect.stringContaining("1 of 1 rows can be scored by macs-only; an order needs at least 2"),
    ]);
  });
});
