import { describe, expect, it } from "vitest";
import { z } from "zod";
import { acceleratorNames, acceleratorSchema } from "../../envs/accelerator/architecture.js";
import { deploymentSchema } from "../../envs/deployment/deployment.js";
import { loadSpaceFile, spaceFileNames } from "../../envs/space-file.js";
import { RandomStream } from "../../src/core/rng.js";
import { fillTemplate } from "../../src/core/template.js";
import { withDefaults } from "../../src/files/defaults.js";
import { readDocument, resolveDocument } from "../../src/files/documents.js";

const anything = z.unknown();

describe("defaults without checks", () => {
  it("are those of a parse, at every depth, and of lists", () => {
    const schema = z.strictObject({
      a: z.number().default(1),
      b: z.strictObject({ c: z.string().default("x"), d: z.number().optional() }).prefault({}),
      list: z.array(z.strictObject({ e: z.number().default(2), f: z.boolean() })).default([]),
    });
    for (const given of [{}, { a: 3, b: { d: 4 } }, { list: [{ f: true }, { e: 5, f: false }] }]) {
      expect(withDefaults(schema, given)).toEqual(schema.parse(given));
    }
    // nothing is checked
    expect(withDefaults(schema, { a: "no number" }).a).toBe("no number");
  });

  it("make the machines of the presets", () => {
    for (const name of acceleratorNames()) {
      const path = resolveDocument(name, "envs/accelerator/presets", "ACCELERATOR_UNKNOWN", "accelerator");
      const file = readDocument(path, anything);
      expect(withDefaults(acceleratorSchema, file), name).toEqual(acceleratorSchema.parse(file));
    }
  });

  it("make the machines and deployments of every built-in space", () => {
    const random = RandomStream.of(1, "defaults");
    for (const name of spaceFileNames()) {
      const { group, space, template } = loadSpaceFile(name);
      if (group === "network") continue;
      const schema: z.ZodType = group === "accelerator" ? acceleratorSchema : deploymentSchema;
      for (let i = 0; i < 20; i++) {
        const document = fillTemplate(template, space.decode(space.sample(random)));
        expect(withDefaults(schema, document), name).toEqual(schema.parse(document));
      }
    }
  });
});
