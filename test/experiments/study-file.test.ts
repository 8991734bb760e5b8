import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileSchema, LISTS } from "../../experiments/registry.js";
import { resolveStudy } from "../../experiments/resolve-study.js";
import { loadStudy, parseOverride, parseStudy, studySchema } from "../../experiments/study-file.js";
import { CosearchError } from "../../src/core/errors.js";
import { packageRoot } from "../../src/files/documents.js";

const resolveText = (text: string, sets: readonly string[] = []) =>
  resolveStudy(parseStudy(text, "my.yaml", sets.map(parseOverride)));

/** `CODE: message` of what resolving the text throws. */
function complaint(text: string, ...sets: string[]): string {
  try {
    resolveText(text, sets);
  } catch (error) {
    if (error instanceof CosearchError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no complaint";
}

const quick = `space:
  network: tiny-mbv2
  accelerator: nahas-edge
  deployment: uniform
`;

describe("a study file", () => {
  it("of three lines works: every other key has a default, and the name is the file's", () => {
    const study = resolveText("reward:\n  form: weighted-product\n  targets: { latencyMs: { target: 1 } }\n");
    expect(study.name).toBe("my");
    expect(study.agent.name).toBe("ppo");
    expect(study.budget.trials).toBe(2000);
    expect("space" in study.space.network && study.space.network.space.name).toBe("nahas-s1");
  });

  it("resolves to JSON that needs no file any more", () => {
    const study = resolveText(quick);
    expect(JSON.parse(JSON.stringify(study))).toEqual(study);
    expect("fixed" in study.space.accelerator && study.space.accelerator.fixed.clockMhz).toBe(800);
  });

  it("takes parts by path, relative to itself, and inline", () => {
    const folder = mkdtempSync(join(tmpdir(), "cosearch-study-"));
    const source = readFileSync(join(packageRoot, "envs/network/presets/mobilenet-v2.yaml"), "utf8");
    writeFileSync(join(folder, "net.yaml"), source);
    const text = `space:
  network: ./net.yaml
  accelerator: nahas-edge
  deployment:
    name: bits
    knobs: [{ name: b, values: [4, 8] }]
    template: { weightBits: $b }
`;
    writeFileSync(join(folder, "s.yaml"), text);
    const study = resolveStudy(loadStudy(join(folder, "s.yaml")));
    expect("fixed" in study.space.network && study.space.network.fixed.name).toBe("mobilenet-v2");
    expect("space" in study.space.deployment && study.space.deployment.space.knobs).toHaveLength(1);
  });

  it("every built-in study resolves; table-sizing needs a table, see table-sizing.test.ts", () => {
    const studies = LISTS.studies().filter(({ name }) => name !== "table-sizing");
    expect(studies.length).toBeGreaterThan(2);
    for (const { name } of studies) expect(resolveStudy(loadStudy(name)).name).toBe(name);
  });

  it("has a JSON Schema in docs/ that is up to date", () => {
    const written = JSON.parse(readFileSync(join(packageRoot, "docs/study.schema.json"), "utf8")) as unknown;
    expect(written).toEqual(JSON.parse(JSON.stringify(fileSchema("study"))));
  });
});

describe("overrides", () => {
  it("lie over the file, nested, with knob names as they are", () => {
    const sets = ["mapper.objective=energy", "fix.deployment/batch=4", "limits.areaMm2.max=40", "agent.batchSize=8"];
    const { study } = parseStudy(`agent: random\n${quick}`, "my.yaml", sets.map(parseOverride));
    expect(study.mapper.objective).toBe("energy");
    expect(study.fix).toEqual({ "deployment/batch": 4 });
    expect(study.limits).toEqual({ areaMm2: { max: 40 } });
    expect(study.agent).toEqual({ name: "random", batchSize: 8 });
  });
});

describe("bad input names file, line, key, value and what is allowed", () => {
  it.each([
    [
      "unknown knob",
      `${quick}fix: { deployment/bach: 4 }\n`,
      /^SPACE_UNKNOWN_KNOB: my\.yaml:5:\d+: fix\."deployment\/bach": .*did you mean "deployment\/batch"\?$/,
    ],
    [
      "value not in the list",
      `${quick}fix:\n  deployment/batch: 3\n`,
      /^SPACE_BAD_VALUE: my\.yaml:6:\d+: .*cannot be 3; allowed: 1, 2, 4, 8$/,
    ],
    [
      "negative budget",
      `${quick}budget: { trials: -5 }\n`,
      /^FILE_BAD_VALUE: my\.yaml:5:\d+: budget\.trials is -5; .*>=1$/,
    ],
    [
      "unknown key",
      `${quick}bugdet: { trials: 5 }\n`,
      /^FILE_BAD_VALUE: my\.yaml:5:\d+: bugdet is not a key here; did you mean "budget"\?$/,
    ],
    [
      "limits that exclude everything",
      `${quick}limits: { areaMm2: { min: 9, max: 3 } }\n`,
      /^STUDY_BAD: my\.yaml:5:\d+: limits\.areaMm2 excludes every design: min 9 is above max 3$/,
    ],
    [
      "unknown metric",
      `${quick}limits: { areaMM2: { max: 3 } }\n`,
      /^REWARD_BAD: my\.yaml:5:\d+: .*did you mean "areaMm2"\?$/,
    ],
    [
      "weight that is no number",
      `${quick}reward: { form: weighted-product, targets: { latencyMs: { target: 1, exponents: { inside: x, outside: 0 } } } }\n`,
      /^FILE_BAD_VALUE: my\.yaml:5:\d+: reward\.targets\.latencyMs\.exponents/,
    ],
    [
      "weight that is not a number at all",
      `${quick}reward: { form: absolute, targets: { latencyMs: { target: 1, beta: .nan } } }\n`,
      /^FILE_BAD_VALUE: my\.yaml:5:\d+: reward\.targets\.latencyMs\.beta/,
    ],
    [
      "unknown agent",
      `${quick}agent: pp\n`,
      /^AGENT_UNKNOWN: my\.yaml:5:\d+: agent: "pp" is no agent; did you mean "ppo"\?$/,
    ],
    [
      "unknown agent option",
      `${quick}agent: { name: ppo, clipRang: 0.1 }\n`,
      /^AGENT_BAD_OPTION: my\.yaml:5:\d+: agent: .*"clipRang" is no option; did you mean "clipRange"\?$/,
    ],
    ["unknown proxy", `${quick}accuracy: { proxy: imagenet }\n`, /^PROXY_UNKNOWN: my\.yaml:5:\d+: accuracy\.proxy: /],
    [
      "unknown network",
      "space: { network: mobilenet-v22 }\n",
      /^NETWORK_UNKNOWN: my\.yaml:1:\d+: space\.network: .*did you mean "mobilenet-v2"\?$/,
    ],
    [
      "space of another group",
      "space: { network: uniform }\n",
      /^FILE_BAD_VALUE: my\.yaml:1:\d+: space\.network: uniform is a search space of deployments, not of networks$/,
    ],
    ["missing file", "space: { network: ./none.yaml }\n", /^FILE_UNREADABLE: .*none\.yaml/],
    [
      "empty space",
      "space: { network: mobilenet-v2, accelerator: nahas-edge, deployment: default }\n",
      /^SPACE_EMPTY: my\.yaml:1:\d+: space: /,
    ],
    ["no YAML", "space: [", /^FILE_BAD_SYNTAX: my\.yaml: /],
  ])("%s", (_, text, expected) => {
    expect(complaint(text)).toMatch(expected);
  });

  it("names the option instead of the file when the value came from the command line", () => {
    expect(complaint(quick, "budget.trials=-5")).toMatch(
      /^FILE_BAD_VALUE: --set budget\.trials=-5: budget\.trials is -5; /,
    );
    expect(complaint(quick, "fix.deployment/batch=3")).toMatch(/^SPACE_BAD_VALUE: --set fix\.deployment\/batch=3: /);
    expect(() => parseOverride("trials")).toThrow(/USAGE|key=value is needed/);
  });

  it("an unknown study names the built-in ones", () => {
    expect(() => loadStudy("edge-jont")).toThrow(
      /"edge-jont" is no built-in study and no file; did you mean "edge-joint"\?/,
    );
  });
});

it("the schema's defaults are a valid study themselves", () => {
  const defaults = studySchema.parse({ name: "x" });
  expect(studySchema.parse(defaults)).toEqual(defaults);
});
