import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  loadNetwork,
  loadNetworkFile,
  networkFileSchema,
  networkNames,
  parseNetwork,
} from "../../../envs/network/network-file.js";

const folder = mkdtempSync(join(tmpdir(), "cosearch-network-"));
const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("loadNetwork", () => {
  it("reads YAML and JSON files, with defaults for what is unsaid", () => {
    const yaml = write("n.yaml", "name: mine\nstages:\n  - { kind: conv, channels: 8 }\n");
    const json = write("n.json", JSON.stringify({ name: "mine", stages: [{ kind: "conv", channels: 8 }] }));
    const network = loadNetwork(yaml);
    expect(network).toEqual(loadNetwork(json));
    expect(network.input).toEqual({ resolution: 224, channels: 3 });
    expect(network.layers[0]).toMatchObject({ K: 8, C: 3, R: 3, P: 224, activation: "relu", stride: [1, 1] });
  });

  it("names the near miss of an unknown network", () => {
    expect(() => loadNetwork("mobilenet-v4")).toThrow(
      expect.objectContaining({
        code: "NETWORK_UNKNOWN",
        message: '"mobilenet-v4" is no built-in network and no file; did you mean "mobilenet-v1"?',
      }),
    );
    expect(() => loadNetwork("./nowhere.yaml")).toThrow(expect.objectContaining({ code: "FILE_UNREADABLE" }));
  });

  it.each([
    [
      "a wrong kind",
      "{ kind: inverted-residul, channels: 8 }",
      ':3:13: stages[0].kind is "inverted-residul"',
      "inverted-residual",
    ],
    ["an unknown key", "{ kind: conv, channels: 8, kernl: 3 }", ":3:39: stages[0].kernl is not a key here", '"kernel"'],
    ["a negative number", "{ kind: conv, channels: -8 }", ":3:29: stages[0].channels is -8", ">=1"],
    ["a missing key", "{ kind: conv }", ":3:5: stages[0].channels is missing", "number"],
  ])("names file, line, key and what is allowed for %s", (_, entry, where, allowed) => {
    const path = write("bad.yaml", `name: bad\nstages:\n  - ${entry}\n`);
    expect(() => loadNetwork(path)).toThrow(expect.objectContaining({ code: "FILE_BAD_VALUE" }));
    expect(() => loadNetwork(path)).toThrow(`${path}${where}`);
    expect(() => loadNetwork(path)).toThrow(allowed);
  });

  it("wants stages or layers, not both and not neither", () => {
    const stages = [{ kind: "conv", channels: 8 }];
    const layers = [{ kind: "conv", channels: 8 }];
    expect(() => parseNetwork({ name: "x" }, "here")).toThrow("here: the document is");
    expect(() => parseNetwork({ name: "x", stages, layers }, "here")).toThrow("either stages or layers");
    expect(() => parseNetwork({ name: "x", layers, head: {} }, "here")).toThrow("no stem and no head");
  });
});

describe("network files", () => {
  it("are all checked by the schema and say their source", () => {
    for (const name of networkNames()) {
      const file = loadNetworkFile(name);
      expect(file.name).toBe(name);
      expect(file.source).toBeTruthy();
    }
  });

  it("have a JSON Schema for editors", () => {
    const schema = z.toJSONSchema(networkFileSchema, { io: "input", target: "draft-2020-12" });
    expect(schema.required).toEqual(["name"]);
    const stages = schema.properties!.stages as { items: { properties: Record<string, { default?: unknown }> } };
    expect(stages.items.properties.kernel!.default).toBe(3);
    expect(Object.keys(stages.items.properties)).toEqual(
      expect.arrayContaining([
        "kind",
        "kernel",
        "stride",
        "expansion",
        "channels",
        "repeat",
        "squeezeExcite",
        "groups",
        "activation",
      ]),
    );
  });
});
