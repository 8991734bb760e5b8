// What there is to choose from, in one place: the command line, the docs and the library list the same things.
import { z } from "zod";
import { agentDefinitions } from "../agents/index.js";
import { acceleratorNames, acceleratorSchema, loadAccelerator } from "../envs/accelerator/architecture.js";
import { layerFileSchema } from "../envs/accelerator/layer-file.js";
import { mappingFileSchema } from "../envs/accelerator/mapping-file.js";
import { accuracyProxyDefinitions, optionsSchemaOf } from "../envs/accuracy/proxy.js";
import { deploymentSchema } from "../envs/deployment/deployment.js";
import { loadNetwork, networkFileSchema, networkNames } from "../envs/network/network-file.js";
import { loadSpaceFile, spaceFileNames, spaceFileSchema } from "../envs/space-file.js";
import { dataNames } from "../src/files/documents.js";
import { loadStudy, STUDY_FOLDER, studyJsonSchema } from "./study-file.js";

/** One thing that a study or a command can name. */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  /** what is known about it: counts, sources, options */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Kind of thing -> what there is; computed when asked for. */
export const LISTS = {
  studies: (): Entry[] =>
    dataNames(STUDY_FOLDER).map((name) => {
      const { study } = loadStudy(name);
      return { name, summary: study.description, details: { trials: study.budget.trials, space: study.space } };
    }),
  spaces: (): Entry[] =>
    spaceFileNames().map((name) => {
      const { group, source, space } = loadSpaceFile(name);
      const details = { group, points: String(space.size()), knobs: space.length, source };
      return { name, summary: `${group} space, ${points(space.size())} points`, details };
    }),
  agents: (): Entry[] =>
    agentDefinitions.map(({ name, summary, paper, options }) => ({ name, summary, details: { paper, options } })),
  accelerators: (): Entry[] =>
    acceleratorNames().map((name) => {
      const { macUnits, clockMhz, areaMm2, origin, dataflow } = loadAccelerator(name);
      const summary = `${macUnits} MAC units at ${clockMhz} MHz, ${areaMm2.toFixed(1)} mm2, ${dataflow}`;
      return { name, summary, details: { macUnits, clockMhz, areaMm2, dataflow, origin } };
    }),
  networks: (): Entry[] =>
    networkNames().map((name) => {
      const { macCount, paramCount, layers, input } = loadNetwork(name);
      const summary = `${(macCount / 1e6).toFixed(0)} M MACs, ${(paramCount / 1e6).toFixed(2)} M parameters`;
      return { name, summary, details: { macCount, paramCount, layerCount: layers.length, input } };
    }),
  proxies: (): Entry[] =>
    accuracyProxyDefinitions().map((definition) => {
      const { name, summary } = definition;
      const { success, data } = definition.options.safeParse({});
      const details = {
        error: success ? definition.create(data).error : undefined,
        options: optionsSchemaOf(definition),
      };
      return { name, summary, details };
    }),
  metrics: (): Entry[] => Object.entries(METRICS).map(([name, summary]) => ({ name, summary, details: {} })),
} as const;

export type ListKind = keyof typeof LISTS;
export const LIST_KINDS = Object.keys(LISTS) as ListKind[];

/** What rewards and limits can name. */
export const METRICS: Readonly<Record<string, string>> = {
  latencyMs: "time for one batch, milliseconds",
  latencyCycles: "time for one batch, cycles of the accelerator",
  latencyPerImageMs: "time for one batch divided by its images",
  energyMillijoules: "energy for one batch, DRAM and leakage included",
  energyPerImageMillijoules: "energy for one batch divided by its images",
  areaMm2: "silicon area of the accelerator, DRAM excluded",
  peakOnChipBytes: "most bytes that the chip holds at once",
  dramBytes: "bytes to and from DRAM for one batch",
  accuracyFraction: "top-1 accuracy that the proxy estimates, 0 to 1",
  accuracyStandardError: "standard error of that estimate",
  macCount: "multiplications with accumulation for one image",
  paramCount: "trainable parameters",
  utilizationFraction: "MACs / (cycles × MAC units), 0 to 1",
};

export const SCHEMA_KINDS = ["study", "network", "space", "accelerator", "deployment", "layer", "mapping"] as const;

/** JSON Schema of a kind of file. */
export function fileSchema(kind: (typeof SCHEMA_KINDS)[number]): unknown {
  const options = { io: "input", target: "draft-2020-12" } as const;
  switch (kind) {
    case "study":
      return studyJsonSchema();
    case "network":
      return z.toJSONSchema(networkFileSchema, options);
    case "space":
      return z.toJSONSchema(spaceFileSchema, options);
    case "accelerator":
      return z.toJSONSchema(acceleratorSchema, options);
    case "deployment":
      return z.toJSONSchema(deploymentSchema, options);
    case "layer":
      return z.toJSONSchema(layerFileSchema, options);
    case "mapping":
      return z.toJSONSchema(mappingFileSchema, options);
  }
}

/** 846,323,188,623 as 8.46e11, exact below a million. */
function points(size: bigint): string {
  return size < 1_000_000n ? size.toLocaleString("en-US") : Number(size).toExponential(2).replace("e+", "e");
}
