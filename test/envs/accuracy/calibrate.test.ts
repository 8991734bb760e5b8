import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fitLine, lineAt } from "../../../envs/accuracy/baselines.js";
import { calibrate } from "../../../envs/accuracy/calibrate.js";
import type { AccuracyProxy } from "../../../envs/accuracy/estimate.js";
import { imagenetSurrogate } from "../../../envs/accuracy/imagenet-surrogate.js";
import { accuracyProxy, resolveAccuracy } from "../../../envs/accuracy/proxy.js";
import { readTable } from "../../../envs/accuracy/tables/table.js";
import { defaultDeployment } from "../../../envs/deployment/deployment.js";
import { loadNetwork } from "../../../envs/network/network-file.js";

const folder = mkdtempSync(join(tmpdir(), "tables-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const slots = (item: string): string => Array.from({ length: 20 }, () => item).join(" ");

const ofa = file(
  "ofa.csv",
  `ks,e,d,top1\n${slots("3")},${slots("3")},4 4 4 4 4,74.0\n${slots("5")},${slots("4")},4 4 4 4 4,76.0\n` +
    `${slots("7")},${slots("6")},4 4 4 4 4,78.0\n33--33--33--33--33--,33--33--33--33--33--,22222,70.0\n`,
);
const CONV = "nor_conv_3x3";
const RESNET_LIKE = `|${CONV}~0|+|${CONV}~0|${CONV}~1|+|skip_connect~0|nor_conv_1x1~1|${CONV}~2|`;

describe("tables", () => {
  it("reads Once-for-all subnets, with and without separators; unused slots do not count", () => {
    const { format, rows } = readTable(ofa);
    expect(format).toBe("once-for-all");
    expect(rows.map((row) => row.accuracy)).toEqual([0.74, 0.76, 0.78, 0.7]);
    expect(rows[3]!.knobs["unit1.layer3.kernel"]).toBeUndefined();
    expect(rows[3]!.network!.macCount).toBeLessThan(rows[0]!.network!.macCount);
    // 1 fixed block and 20 searched ones
    expect(rows[0]!.network!.blocks).toHaveLength(21);
    expect(rows[3]!.network!.blocks).toHaveLength(11);
  });

  it("builds the Once-for-all subnet whose cost is published, and takes slots unit by unit, the last layers left out", () => {
    // arXiv:1908.09791, section 4.1: depth 4, expansion 3, kernel 3 everywhere at 224 pixels has 226 M multiply-adds
    const { rows } = readTable(ofa);
    expect(rows[0]!.network!.macCount / 1e6).toBeCloseTo(226, 0);
    expect(rows[0]!.network!.input.resolution).toBe(224);
    // and 74.8 % top-1 with the supernet's weights, which were distilled: the standard error is about 1.5 points
    const { network, deployment, context } = rows[0]!;
    const { estimate, standardError } = imagenetSurrogate().estimate(network!, deployment, context);
    expect(Math.abs(estimate - 0.748)).toBeLessThan(1.645 * standardError);
    // only the second unit is deep and has large kernels; its first block widens 24 channels, the others 40
    const unit = (first: string, second: string): string => `${first}--${second}${"33--".repeat(3)}`;
    const path = file(
      "unit.csv",
      `ks,e,d,top1
${unit("33", "7777")},${unit("33", "6666")},24222,0.75
`,
    );
    const [row] = readTable(path).rows;
    expect(row!.knobs).toMatchObject({ "unit2.depth": 4, "unit2.layer4.kernel": 7, "unit2.layer4.expansion": 6 });
    const depthwise = row!.network!.layers.filter((layer) => layer.kind === "depthwise");
    expect(depthwise.map((layer) => layer.R)).toEqual([3, 3, 3, 7, 7, 7, 7, 3, 3, 3, 3, 3, 3]);
    expect(depthwise.slice(3, 7).map((layer) => layer.K)).toEqual([6 * 24, 6 * 40, 6 * 40, 6 * 40]);
  });

  it("reads universal inverted bottlenecks, and counts a row whose blocks are not known without scoring it", async () => {
    const row = (name: string, type: string) => ({
      name,
      family: "new",
      top1: 74,
      recipe: "unheard of",
      arch: {
        stem: { k: 3, c: 32 },
        stages: [[type, 5, 2, 4, 64, 2, 0]],
        head: 0,
        head_after_pool: false,
      },
    });
    const path = file(
      "published.json",
      JSON.stringify([row("a", "uir"), row("b", "ir"), { ...row("c", "xyz"), macs_M: 1, params_M: 1 }]),
    );
    const { rows } = readTable(path);
    expect(rows[0]!.network!.macCount).toBe(rows[1]!.network!.macCount);
    const { rows: count, scored } = await calibrate(accuracyProxy("imagenet-surrogate"), readTable(path));
    expect([count, scored]).toEqual([3, 2]);
  });

  it("gives published networks the activation of their paper, which the stage tables leave out", () => {
    const families = ["efficientnet", "tinynet", "efficientnet_lite", "efficientnet_edgetpu", "lcnet", "mobilenet_v3"];
    const arch = { stem: { k: 3, c: 32 }, stages: [["ir", 3, 2, 4, 64, 1, 0]], head: 0, head_after_pool: false };
    const rows = families.map((family) => ({ name: family, family, top1: 70, recipe: "any", arch }));
    const found = readTable(file("activations.json", JSON.stringify(rows))).rows.map(({ network }) => {
      return network!.layers.find((layer) => layer.kind === "depthwise")!.activation;
    });
    expect(found).toEqual(["swish", "swish", "relu6", "relu", "hard-swish", "relu"]);
  });

  it("builds NAS-Bench-201 cells with the benchmark's own counts", () => {
    // arXiv:2001.00326 gives this cell 153.27 M multiply-adds and 1.073 M parameters
    const dead = `|none~0|+|none~0|none~1|+|none~0|none~1|none~2|`;
    const { format, rows } = readTable(file("cells.csv", `arch,accuracy\n${RESNET_LIKE},0.9456\n${dead},0.1\n`));
    expect(format).toBe("nas-bench-201");
    expect(rows[0]!.network!.macCount / 1e6).toBeCloseTo(153.27, 2);
    expect(rows[0]!.network!.paramCount / 1e6).toBeCloseTo(1.073, 2);
    expect(rows[0]!.knobs).toMatchObject({ edge01: CONV, edge03: "skip_connect", edge13: "nor_conv_1x1" });
    expect(rows[1]!.network).toBeUndefined();
  });

  it("builds FBNet's networks from JSON; a skip leaves a block out", () => {
    const all = Array.from({ length: 22 }, () => 3);
    const path = file(
      "fbnet.json",
      JSON.stringify([
        { ops: all, top1: 75 },
        { ops: all.with(2, 8), top1: 74 },
      ]),
    );
    const { format, rows } = readTable(path);
    expect(format).toBe("fbnet");
    expect(rows[0]!.network!.blocks).toHaveLength(22);
    expect(rows[1]!.network!.blocks).toHaveLength(21);
    expect(rows[0]!.knobs["unit2.layer1"]).toBe("k3_e6");
  });

  it("names file, row and what is wrong", () => {
    const expectBad = (text: string, message: RegExp): void =>
      expect(() => readTable(file("bad.csv", text))).toThrow(message);
    expectBad("a,b\n1,2\n", /no column of accuracy/);
    expectBad("a,top1\n1\n", /bad\.csv:2: 1 cells, but the header has 2 columns/);
    expectBad("arch,top1\n|conv~0|,70\n", /row 1: "conv~0" is no edge/);
    expectBad("knob,top1\n1,x\n", /row 1: top1: x is no accuracy/);
    expectBad("ks,e,d,top1\n3,3,2,70\n", /ks has 1 slots/);
  });
});

describe("calibrate", () => {
  const proxyOf = (estimateOf: (macs: number) => number): AccuracyProxy => ({
    name: "test",
    summary: "",
    error: undefined,
    estimate: (network) => ({ estimate: estimateOf(network.macCount), standardError: 0.01, proxy: "test" }),
  });

  it("is perfect for a proxy that knows the truth, beside MACs alone", async () => {
    const table = readTable(ofa);
    const truth = new Map(table.rows.map((row) => [row.network!.macCount, row.accuracy]));
    const result = await calibrate(
      proxyOf((macs) => truth.get(macs)!),
      table,
    );
    expect(result).toMatchObject({
      rows: 4,
      scored: 4,
      kendallTau: 1,
      spearman: 1,
      meanAbsErrorPoints: 0,
      coverage90: 1,
    });
    expect(result.macsOnly.kendallTau).toBe(1);
  });

  it("counts misses in points and the interval by 1.645 standard errors", async () => {
    // estimates 0.75 for all: misses +1, -1, -3, +5 points; ± 1.645 points holds two of four
    const result = await calibrate(
      proxyOf(() => 0.75),
      readTable(ofa),
    );
    expect(result.meanAbsErrorPoints).toBeCloseTo(2.5, 9);
    expect(result.biasPoints).toBeCloseTo(0.5, 9);
    expect(result.coverage90).toBe(0.5);
    expect(result.kendallTau).toBe(0);
  });

  it("scores the drop of quantisation pairs, not the level", async () => {
    const pairs =
      "model,family,method,fp32,int8\nmobilenet_v2_1.0,mobilenet_v2,QAT,71.9,71.0\nresnet_v1_50,resnet_v1,QAT,75.2,74.9\n";
    const result = await calibrate(accuracyProxy("imagenet-surrogate"), readTable(file("pairs.csv", pairs)));
    expect(result).toMatchObject({ quantity: "drop of top-1", scored: 2 });
    expect(result.points[0]!.measured).toBeCloseTo(0.009, 9);
    expect(result.points[0]!.estimate).toBeGreaterThan(result.points[1]!.estimate); // depthwise networks lose more
    expect(result.meanAbsErrorPoints).toBeLessThan(1);
  });
});

describe("baselines", () => {
  it("are straight lines: error halves when the count grows tenfold", () => {
    const line = fitLine([1e7, 1e8, 1e9], [0.4, 0.2, 0.1]);
    expect(line.slope).toBeCloseTo(Math.log(0.5) / Math.log(10), 12);
    expect(Math.exp(lineAt(line, 1e8))).toBeCloseTo(0.2, 12);
    expect(Math.exp(lineAt(line, 1))).toBeLessThan(1);
  });
});

describe("accuracy from a table", () => {
  const network = loadNetwork("mobilenet-v2");
  const path = file("knobs.csv", "width,kernel,top1,phoneMs\n1,3,71.0,12.5\n1,5,72.0,14\n");
  const { proxy, ...options } = resolveAccuracy({ proxy: "table", file: "knobs.csv", latencyMs: "phoneMs" }, folder);

  it("is that of the row with the candidate's knobs, with the latency that was measured", async () => {
    const bits16 = { ...defaultDeployment, weightBits: 16 as const, activationBits: 16 as const };
    const table = accuracyProxy(proxy, options);
    const answer = await table.estimate(network, bits16, { candidate: { width: 1, kernel: 5, other: 7 } });
    expect(answer.estimate).toBeCloseTo(0.72, 12);
    expect(answer.latencyMs).toBe(14);
    expect(() => table.estimate(network, bits16, { candidate: { width: 2, kernel: 5 } })).toThrow(
      /no row for kernel=5 width=2/,
    );
  });

  it("is refused when the file changed since the study was made", () => {
    const changed = file("knobs.csv", "width,kernel,top1,phoneMs\n1,3,71.5,12.5\n");
    expect(changed).toBe(path);
    expect(() =>
      accuracyProxy(proxy, options).estimate(network, defaultDeployment, { candidate: { width: 1 } }),
    ).toThrow(/has changed since/);
  });
});
