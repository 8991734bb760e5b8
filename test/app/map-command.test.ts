import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cosearch } from "./in-process.js";

const folder = mkdtempSync(join(tmpdir(), "cosearch-map-"));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const layer = file("conv.yaml", "{ kind: conv, name: conv3, K: 64, C: 32, P: 28, Q: 28, R: 3, S: 3 }");
const small = (registerBytes: number, dataflow = "flexible"): string => `
name: small
nodeNm: 45
clockMhz: 1000
dataflow: ${dataflow}
mac: {}
levels:
  - { name: DRAM, type: dram, dram: LPDDR4, bandwidthGBps: 16 }
  - { name: buffer, type: sram, capacityBytes: 65536, fanout: [{ name: columns, size: 16 }, { name: rows, size: 8 }] }
  - { name: registers, type: regfile, capacityBytes: ${registerBytes}, wordBits: 16 }
`;
const chip = file("small.yaml", small(256));

const json = async (...argv: string[]) => {
  const { code, out } = await cosearch(...argv, "--json");
  return { code, document: JSON.parse(out) as Record<string, never> & Document };
};
interface Document {
  latencyCycles: number;
  energyPj: number;
  levels: { level: string; energyPj: number; operands: { operand: string; reads: number }[] }[];
  infeasible: {
    code: string;
    reason: string;
    violations: { subject: string; needed: number; available: number }[];
    remedies: { change: { to?: number }; text: string }[];
  };
  runnerUp: { dataflow: string; report: { energyPj: number; latencyCycles: number } };
  dataflows: string[];
  parts: { layer: string }[];
}

it("shows the energy of hops where the machine states what one costs, and names a DRAM that is in no table", async () => {
  const hops = small(256).replace("capacityBytes: 65536,", "capacityBytes: 65536, hopPjPerBit: table,");
  const args = ["map", "--layer", layer, "--budget", "8", "--accelerator"];
  const { out } = await cosearch(...args, file("hops.yaml", hops));
  expect(out).toMatch(/energy .*registers [\d.]+, network [\d.]+/);
  expect((await cosearch(...args, chip)).out).not.toContain("network");
  const { code, err } = await cosearch(...args, file("odd.yaml", small(256).replace("LPDDR4", "LPDDR4Z")));
  expect(code).toBe(2);
  expect(err).toContain('small: levels[0] (DRAM): DRAM type "LPDDR4Z" is in no table; allowed: LPDDR2');
});

it.each(["map", "export"])("%s --help has examples", async (command) => {
  const { code, out } = await cosearch(command, "--help");
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`Examples:\\n +\\$ cosearch ${command} --layer`));
});

it.each(["layer", "mapping"])("schema %s is a JSON Schema", async (kind) => {
  const { code, out } = await cosearch("schema", kind);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ $schema: expect.stringContaining("2020-12") });
});

describe("cosearch map", () => {
  it("finds a mapping, writes it, and costs what it wrote the same", async () => {
    const out = join(folder, "best.yaml");
    const found = await json("map", "--layer", layer, "--accelerator", chip, "--objective", "edp", "--out", out);
    expect(found.code).toBe(0);
    const again = await json("map", "--layer", layer, "--accelerator", chip, "--mapping", out);
    expect(again.code).toBe(0);
    for (const key of ["latencyCycles", "energyPj", "levels", "latencyParts", "loopNest"] as const) {
      expect(again.document[key as keyof Document], key).toEqual(found.document[key as keyof Document]);
    }
    // 128 units at one operation a cycle
    expect(found.document.latencyCycles).toBeGreaterThanOrEqual((64 * 32 * 28 * 28 * 9) / 128);
  });

  it("prints the loop nest, what each level holds, cycles and energy by place", async () => {
    const { code, out } = await cosearch("map", "--layer", layer, "--accelerator", chip);
    expect(code).toBe(0);
    expect(out).toMatch(/\[DRAM\][\s\S]*\[buffer\][\s\S]*parallel for [\s\S]*\[registers\][\s\S]*multiply-accumulate/);
    expect(out).toMatch(/cycles by cause +compute [\d,.e+]+, DRAM /);
    expect(out).toMatch(/energy +[\d.]+ uJ: operations [\d.]+, DRAM /);
    expect(out).toMatch(/level +used +one holds +operand +tile words +reads +fills +updates/);
  });

  it("explains: the runner-up has another dataflow and is no better", async () => {
    const { document } = await json(
      "map",
      "--layer",
      layer,
      "--accelerator",
      chip,
      "--objective",
      "energy",
      "--explain",
    );
    expect(document.dataflows).not.toContain(document.runnerUp.dataflow);
    expect(document.runnerUp.report.energyPj).toBeGreaterThanOrEqual(document.energyPj);
    const { out } = await cosearch(
      "map",
      "--layer",
      layer,
      "--accelerator",
      chip,
      "--objective",
      "energy",
      "--explain",
    );
    expect(out).toContain(`against the best other dataflow, ${document.runnerUp.dataflow}:`);
    expect(out).toMatch(/winner +runner-up +times/);
  });

  it("refuses a mapping with everything that it breaks and exit code 4; bad keys with 2", async () => {
    const bad = file(
      "bad.yaml",
      "- { level: bufer }\n- { level: registers, temporal: [{ dim: Q, bound: 28 }, { dim: K, bound: 64 }] }\n",
    );
    const { code, document } = await json("map", "--layer", layer, "--accelerator", chip, "--mapping", bad);
    expect(code).toBe(4);
    const subjects = document.infeasible.violations.map(({ subject, needed, available }) => [
      subject,
      needed,
      available,
    ]);
    expect(subjects).toEqual([
      ['level "bufer" is no level of small; did you mean "buffer"?', 1, 0],
      ["loops of C end before the layer does", 32, 1],
      ["loops of P end before the layer does", 28, 1],
      ["loops of R end before the layer does", 3, 1],
      ["loops of S end before the layer does", 3, 1],
      // per word: weights 64, inputs 28, sums 28 · 64 · 4
      ["level registers (weights 64, inputs 28, outputs 7168)", 7260, 256],
    ]);
    const wrong = file("wrong.yaml", "levels:\n  - { level: DRAM, temporl: [] }\n");
    const refused = await cosearch("map", "--layer", layer, "--accelerator", chip, "--mapping", wrong);
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringMatching(/FILE_BAD_VALUE.*:2:\d+: levels\[0\]\.temporl is not a key here; did you mean "temporal"/),
    ]);
  });

  it("says what is in the way when nothing fits, and the change that it names works", async () => {
    // one weight row of 3 words, the 3 inputs it needs, one sum of 4 bytes: 10 bytes
    const tight = file("tight.yaml", small(9, "row-stationary"));
    const { code, document } = await json("map", "--layer", layer, "--accelerator", tight);
    expect(code).toBe(4);
    expect(document.infeasible.reason).toBe("no mapping fits: registers needs 10 bytes, has 9");
    expect(document.infeasible.remedies[0]).toMatchObject({ change: { level: "registers", from: 9, to: 10 } });
    expect(document.infeasible.remedies.map(({ text }) => text)).toContain("dataflow weight-stationary would do");
    const wider = file("wider.yaml", small(document.infeasible.remedies[0]!.change.to!, "row-stationary"));
    expect((await cosearch("map", "--layer", layer, "--accelerator", wider)).code).toBe(0);
    expect(
      (await cosearch("map", "--layer", layer, "--accelerator", tight, "--dataflow", "weight-stationary")).code,
    ).toBe(0);
  });

  it("takes a layer of several parts one by one, or one of them by name", async () => {
    const squeeze = file("se.yaml", "{ kind: squeeze-excite, name: se, input: { channels: 32, rows: 14 } }");
    const { document } = await json("map", "--layer", squeeze, "--accelerator", chip);
    expect(document.parts.map(({ layer: id }) => id)).toEqual(["se.pool", "se.reduce", "se.expand", "se.scale"]);
    const one = await json("map", "--layer", squeeze, "--accelerator", chip, "--part", "se.expand");
    expect(one.document).toMatchObject({ layer: "se.expand", kind: "fully-connected" });
    expect((await cosearch("map", "--layer", squeeze, "--accelerator", chip, "--out", "x.yaml")).code).toBe(2);
  });
});

describe("cosearch export", () => {
  it.each([
    ["timeloop", ["ERT.yaml", "architecture.yaml", "mapping.yaml", "problem.yaml"]],
    ["maestro", ["conv3.m", "hardware.m"]],
    ["scalesim", ["conv3.cfg", "conv3.csv"]],
    ["zigzag", ["accelerator.yaml", "mapping.yaml", "workload.yaml"]],
  ])("writes %s files, each with its notes", async (format, names) => {
    const out = join(folder, format);
    const { code, err } = await cosearch(
      ...[
        "export",
        "--layer",
        layer,
        "--accelerator",
        chip,
        "--dataflow",
        "weight-stationary",
        "--format",
        format,
        "--out",
        out,
      ],
    );
    expect(code).toBe(0);
    expect(readdirSync(out).sort()).toEqual(names);
    const texts = names.map((name) => readFileSync(join(out, name), "utf8")).join("");
    for (const note of err.trim().split("\n")) expect(texts).toContain(note);
  });

  it("refuses an unknown format, what a format cannot say, and a mapping that cannot run", async () => {
    const given = ["export", "--layer", layer, "--accelerator", chip, "--out", join(folder, "none")];
    expect(await cosearch(...given, "--format", "timelop")).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean "timeloop"'),
    });
    const dilated = file("dilated.yaml", "{ kind: conv, K: 8, C: 8, P: 8, R: 3, dilation: 2 }");
    const refused = await cosearch(
      "export",
      "--layer",
      dilated,
      "--accelerator",
      chip,
      "--format",
      "maestro",
      "--out",
      join(folder, "none"),
    );
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringContaining("EXPORT_UNSUPPORTED: MAESTRO cannot express a dilated convolution"),
    });
    const short = file("short.yaml", "levels: [{ level: DRAM }]\n");
    expect((await cosearch(...given, "--format", "zigzag", "--mapping", short)).code).toBe(4);
    expect(readdirSync(folder)).not.toContain("none");
  });
});
