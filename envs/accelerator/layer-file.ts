// A layer by itself, as `cosearch map` and `cosearch export` take it: one entry of a network's layer list (loop letters, or
// friendly keys with the size of the input), a batch and the bits of each operand. A squeeze-excite is its four parts.
import { z } from "zod";
import { CosearchError, suggestion } from "../../src/core/errors.js";
import { readDocument } from "../../src/files/documents.js";
import { buildNetwork } from "../network/build-network.js";
import type { Layer } from "../network/ir.js";
import { type LayerEntry, networkFileSchema } from "../network/network-schema.js";
import { ACCUMULATOR_BITS, NOTHING_RESIDENT, type Problem, problemOf, type SecondOperand } from "./problem.js";

const width = (what: string) => z.int().min(1).max(64).describe(`bits of a word of the ${what}`);

const density = z.number().gt(0).max(1);

const bitsSchema = z.strictObject({
  weights: width("weights").default(8),
  inputs: width("input activations").default(8),
  outputs: width("finished outputs").default(8),
  partial: width("sums under way").optional().describe("default: the accelerator's partialBits"),
});

/** Keys that stand beside those of the layer itself. */
const added = {
  batch: z.int().min(1).max(65536).default(1).describe("images; the loop N"),
  bits: bitsSchema.default({ weights: 8, inputs: 8, outputs: 8 }),
  input: z
    .strictObject({
      channels: z.int().min(1).max(1_000_000),
      rows: z.int().min(1).max(8192),
      columns: z.int().min(1).max(8192).optional().describe("default: rows"),
    })
    .optional()
    .describe("the activation that the layer reads, where loop letters do not say it"),
  density: z
    .strictObject({
      weights: density.default(1),
      inputs: density.default(1),
      pattern: z.boolean().default(false).describe("the weights' zeros keep to a pattern of N in every M"),
    })
    .optional()
    .describe("shares that are not zero, for machines that notice zeros; dense unless stated"),
  second: z
    .enum(["map", "per-channel"])
    .optional()
    .describe("add, multiply: whether the second operand has every pixel or one value a channel"),
};

const entries = networkFileSchema.shape.layers.unwrap().element.options;
type Entry = (typeof entries)[number];
// one layer reads off chip: it names no producers and belongs to no stage
const alone = (entry: Entry) => (entry as z.ZodObject).omit({ inputs: true, stage: true }).extend(added).strict();

export const layerFileSchema = z.discriminatedUnion(
  "kind",
  entries.map(alone) as unknown as [ReturnType<typeof alone>, ...ReturnType<typeof alone>[]],
);

/** A layer file after its schema: the entry's own keys beside ours. */
export type LayerFile = DistributiveOmit<LayerEntry, "inputs" | "stage" | "batch"> & {
  readonly batch?: number;
  readonly bits?: z.input<typeof bitsSchema>;
  readonly input?: z.output<typeof added.input>;
  readonly second?: SecondOperand;
  readonly density?: { readonly weights?: number; readonly inputs?: number; readonly pattern?: boolean };
};
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A layer as the cost model takes it; a squeeze-excite has several. */
export interface LayerPart {
  readonly id: string;
  readonly layer: Layer;
  readonly problem: Problem;
}

/** @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function readLayerFile(path: string): LayerFile {
  return readDocument<unknown>(path, layerFileSchema) as LayerFile;
}

/** The loop nests that a layer file stands for, in order of execution.
 *  @param partialBits bits of a partial sum where the file states none  @throws CosearchError NETWORK_BAD_SHAPE */
export function layerParts(file: LayerFile, partialBits = ACCUMULATOR_BITS): readonly LayerPart[] {
  const { batch = 1, bits = {}, input, second, density, ...entry } = file;
  const name = entry.name ?? entry.kind;
  const stated = input === undefined ? sizedBySelf(entry as LayerEntry) : sizedByInput(entry as LayerEntry, input);
  const network = buildNetwork({
    name,
    input: { resolution: 1, channels: stated.channels },
    normalization: "none",
    layers: [...stated.before, { ...stated.entry, name }],
  });
  const precision = {
    weightBits: bits.weights ?? 8,
    inputBits: bits.inputs ?? 8,
    outputBits: bits.outputs ?? 8,
    partialBits: bits.partial ?? partialBits,
    ...(density !== undefined && {
      density: {
        weights: density.weights ?? 1,
        inputs: density.inputs ?? 1,
        hasPattern: density.pattern ?? false,
      },
    }),
  };
  return network.layers.slice(stated.before.length).map((layer) => ({
    id: layer.id,
    layer,
    problem: problemOf(layer, batch, precision, NOTHING_RESIDENT, ...(second === undefined ? [] : [second])),
  }));
}

/** The part with a name, or the only one. @throws CosearchError USAGE naming the parts */
export function onlyPart(parts: readonly LayerPart[], name: string | undefined): LayerPart {
  const ids = parts.map(({ id }) => id);
  const found = name === undefined ? (parts.length === 1 ? parts[0] : undefined) : parts.find(({ id }) => id === name);
  if (found !== undefined) return found;
  const problem =
    name === undefined ? "the layer has several parts; choose one with --part" : `--part ${name}: no such part`;
  throw new CosearchError("USAGE", `${problem}${name === undefined ? `: ${ids.join(", ")}` : suggestion(name, ids)}`);
}

interface Sized {
  readonly entry: LayerEntry;
  /** stands in for the producer where the parts need its rows and columns; left out of the result */
  readonly before: readonly LayerEntry[];
  /** of the 1 × 1 stand-in that the layer reads: what only its element count matters for */
  readonly channels: number;
}

/** Letters say everything; a product of matrices brings its operands along. */
function sizedBySelf(entry: LayerEntry): Sized {
  if (entry.kind === "matmul") {
    const groups = (entry.heads ?? 1) * (entry.batch ?? 1);
    return { entry, before: [], channels: groups * entry.inner * Math.max(entry.rows, entry.columns) };
  }
  const needs = missingLetters(entry);
  if (needs.length > 0) {
    throw new CosearchError(
      "NETWORK_BAD_SHAPE",
      `layer ${entry.name ?? entry.kind}: state ${needs.join(", ")}, or the size of what it reads as input: {channels, rows}`,
    );
  }
  return { entry, before: [], channels: 1 };
}

function missingLetters(entry: LayerEntry): string[] {
  const given = entry as unknown as Readonly<Record<string, unknown>>;
  const letters: Partial<Record<LayerEntry["kind"], readonly string[]>> = {
    conv: ["C", "P"],
    depthwise: ["C", "P"],
    pool: ["C", "P"],
    "global-pool": ["C", "R"],
    "fully-connected": ["C"],
    add: ["C", "P"],
    multiply: ["C", "P"],
    "squeeze-excite": ["input"],
  };
  return (letters[entry.kind] ?? []).filter((letter) => given[letter] === undefined);
}

/** Turns the size of the input into letters, for maps that are not square too. */
function sizedByInput(entry: LayerEntry, input: NonNullable<LayerFile["input"]>): Sized {
  const { channels, rows, columns = rows } = input;
  switch (entry.kind) {
    case "conv":
    case "depthwise":
    case "pool": {
      const kernel = pair(
        entry.kernel ?? (entry.R === undefined ? (entry.kind === "pool" ? 2 : 3) : [entry.R, entry.S ?? entry.R]),
      );
      const stride = pair(entry.stride ?? (entry.kind === "pool" ? kernel : 1));
      const dilation = pair(entry.dilation ?? 1);
      const out = (size: number, axis: 0 | 1): number => {
        const padding = entry.padding ?? "same";
        const reach = (kernel[axis] - 1) * dilation[axis];
        if (padding === "same") return Math.ceil(size / stride[axis]);
        return Math.floor((size + (padding === "valid" ? 0 : 2 * padding) - reach - 1) / stride[axis]) + 1;
      };
      const [P, Q] = [out(rows, 0), out(columns, 1)];
      if (P < 1 || Q < 1)
        throw new CosearchError(
          "NETWORK_BAD_SHAPE",
          `layer ${entry.name ?? entry.kind}: the window is larger than the input`,
        );
      const { kernel: _kernel, ...rest } = entry;
      const letters = { C: channels, P, Q, R: kernel[0], S: kernel[1] };
      return { entry: { ...rest, ...letters, stride: [...stride] } as LayerEntry, before: [], channels };
    }
    case "global-pool":
      return { entry: { ...entry, C: channels, R: rows, S: columns }, before: [], channels };
    case "fully-connected":
      return { entry: { ...entry, C: channels * rows * columns }, before: [], channels };
    case "add":
    case "multiply":
      return { entry: { ...entry, C: channels, P: rows, Q: columns }, before: [], channels };
    case "matmul":
      return { entry, before: [], channels: channels * rows * columns };
    case "squeeze-excite":
      return {
        entry,
        before: [{ kind: "conv", name: "producer", K: channels, C: channels, P: rows, Q: columns, R: 1, S: 1 }],
        channels,
      };
  }
}

const pair = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === "number" ? [value, value] : value;
