import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DIAGNOSTICS, RUN_DIAGNOSTICS } from "../../agents/diagnostics.js";
import { agentDefinition, agentDefinitions } from "../../agents/index.js";
import { Space } from "../../src/core/space.js";
import { initBackend } from "../../src/tensors/backend.js";
import { conditionalSpace, evaluateConditional } from "../contracts/agent-contract.js";

afterEach(() => {
  vi.doUnmock("@tensorflow/tfjs");
  vi.resetModules();
});

describe("the registry", () => {
  it("finds an agent by name and suggests the near miss", () => {
    expect(agentDefinition("ppo").name).toBe("ppo");
    expect(() => agentDefinition("pop")).toThrow(
      expect.objectContaining({ code: "AGENT_UNKNOWN", message: '"pop" is no agent; did you mean "ppo"?' }),
    );
  });

  it("builds the default agent without loading tfjs", async () => {
    vi.resetModules();
    vi.doMock("@tensorflow/tfjs", () => {
      throw new Error("loaded");
    });
    const { agentDefinition: named } = await import("../../agents/index.js");
    const { Space } = await import("../../src/core/space.js");
    const definition = named("ppo");
    const space = new Space({ name: "tiny", knobs: [{ name: "x", values: [1, 2] }] });
    const agent = await definition.create(space, definition.resolveOptions({}), 1);
    expect(await agent.propose(2)).toHaveLength(2);
    expect(definition.usesTensors).toBe(false);
  });

  it("lists agents and checks options without loading tfjs", async () => {
    vi.resetModules();
    let loaded = 0;
    vi.doMock("@tensorflow/tfjs", () => {
      loaded++;
      return {};
    });
    const { agentDefinitions: listed } = await import("../../agents/index.js");
    for (const definition of listed) definition.batchSize(definition.resolveOptions({}));
    expect(listed.length).toBe(agentDefinitions.length);
    expect(loaded).toBe(0);
  });
});

describe.each(
  agentDefinitions.map((definition) => [definition.name, definition] as const),
)("options of %s", (name, definition) => {
  it("are complete: each with a meaning, a default and what is allowed", () => {
    const defaults = definition.resolveOptions({});
    expect(Object.keys(defaults).sort()).toEqual(definition.options.map((option) => option.name).sort());
    for (const option of definition.options) {
      expect(option.description.length, option.name).toBeGreaterThan(10);
      expect(option.allowed.length, option.name).toBeGreaterThan(2);
      expect(defaults[option.name]).toEqual(option.default);
    }
  });

  it("refuse an unknown name with the near miss, and a value with what is allowed", () => {
    const attempt = (given: Record<string, unknown>) => () => definition.resolveOptions(given);
    expect(attempt({ batchSzie: 3 })).toThrow(
      expect.objectContaining({
        code: "AGENT_BAD_OPTION",
        message: `agent ${name}: "batchSzie" is no option; did you mean "batchSize"?`,
      }),
    );
    expect(attempt({ batchSize: 0 })).toThrow(`agent ${name}: batchSize is 0; allowed: whole number >= 1, <= 4096`);
    expect(attempt({ batchSize: "many" })).toThrow('batchSize is "many"');
  });

  it("set the number of proposals per update", () => {
    expect(definition.batchSize(definition.resolveOptions({ batchSize: 24 }))).toBe(24);
  });
});

describe("option texts", () => {
  it("name choices and bounds", () => {
    const allowed = Object.fromEntries(agentDefinition("ppo").options.map((option) => [option.name, option.allowed]));
    expect(allowed).toMatchObject({
      advantage: "rank | normalized",
      clipRange: "number > 0, < 1",
      imitationCoefficient: "number >= 0, <= 100",
    });
  });
});

describe("a space without a decision", () => {
  it("is refused by agents that learn", async () => {
    await initBackend("wasm");
    const space = new Space({ name: "fixed", knobs: [{ name: "x", values: [1] }] });
    const ppo = agentDefinition("ppo");
    await expect(ppo.create(space, ppo.resolveOptions({}), 1)).rejects.toMatchObject({ code: "SPACE_EMPTY" });
  });
});

describe("agents/README.md", () => {
  const readme = readFileSync(new URL("../../agents/README.md", import.meta.url), "utf8");

  it("has a row for every agent with its paper", () => {
    for (const { name, paper } of agentDefinitions) {
      expect(readme, name).toMatch(
        new RegExp(`^\\| \`${name}\` \\|.*${paper.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`, "m"),
      );
    }
  });

  it("has a row for every hyper-parameter, with its default and what is allowed", () => {
    for (const { name, options } of agentDefinitions) {
      const section = readme.split(/^### /m).find((part) => part.startsWith(`\`${name}\``)) ?? "";
      const rows = section.match(/^\| `\w+` \|.*$/gm) ?? [];
      expect(rows, name).toEqual(
        options.map(
          (option) =>
            `| \`${option.name}\` | ${String(option.default)} | ${option.allowed.replaceAll("|", "\\|")} | ${option.description} |`,
        ),
      );
    }
  });

  it("explains every diagnostic, and agents report no other", async () => {
    const rows = [...readme.matchAll(/^\| `((?:rollout|train)\/[\w*]+)` \| (.*) \|$/gm)].map((row) => [row[1], row[2]]);
    expect(rows).toEqual(Object.entries(DIAGNOSTICS));
    for (const [name, meaning] of Object.entries(RUN_DIAGNOSTICS))
      expect(readme).toContain(`| \`${name}\` | ${meaning} |`);
    await initBackend("wasm");
    const known = (name: string) => name in DIAGNOSTICS || name.startsWith("train/entropy_");
    const seen = new Set<string>();
    const variants = [
      ...agentDefinitions.map((definition) => ({ definition, options: {} })),
      { definition: agentDefinition("ppo"), options: { baseline: "value" } },
    ];
    for (const { definition, options } of variants) {
      const agent = await definition.create(conditionalSpace, definition.resolveOptions(options), 1);
      const trials = (await agent.propose(16)).map(evaluateConditional);
      for (const reported of Object.keys(await agent.observe(trials))) {
        expect(known(reported), reported).toBe(true);
        seen.add(reported);
      }
      agent.dispose();
    }
    const always = Object.keys(DIAGNOSTICS).filter((name) => !name.includes("*"));
    expect(always.filter((name) => !seen.has(name))).toEqual([]);
  });
});
