// Reads the data that the surrogate is fitted on: published ImageNet networks (JSON), MBConv networks under one short
// schedule (CSV), and pairs of float and int8 results (CSV).
import { join } from "node:path";
import { z } from "zod";
import { CosearchError } from "../../../src/core/errors.js";
import { parseLocated, readText } from "../../../src/files/documents.js";
import type { Activation, Network } from "../../network/ir.js";
import { buildNetwork, type NetworkFile } from "../../network/network-file.js";
import { type CsvRow, readCsv } from "../tables/csv.js";

type StageEntry = NonNullable<NetworkFile["stages"]>[number];

const stageRow = z.tuple([z.string(), z.number(), z.number(), z.number(), z.number(), z.number(), z.number()]);
const publishedSchema = z.array(
  z.object({
    name: z.string(),
    family: z.string(),
    top1: z.number(),
    params_M: z.number().nullish(),
    macs_M: z.number().nullish(),
    macs_M_computed: z.number().optional(),
    params_M_computed: z.number().optional(),
    resolution: z.number().nullish(),
    precision: z.string().nullish(),
    recipe: z.string().nullish(),
    source: z.string().optional(),
    arch: z
      .object({
        stem: z.object({ k: z.number(), c: z.number() }),
        stages: z.array(stageRow),
        head: z.number(),
        head_after_pool: z.boolean(),
      })
      .nullish(),
  }),
);
type PublishedRow = z.output<typeof publishedSchema>[number];

/** One published result. `network` is there when its stage table is. */
export interface Published {
  readonly name: string;
  readonly family: string;
  readonly recipe: string;
  readonly error: number;
  readonly precision: string;
  readonly resolution: number;
  readonly macCount: number;
  readonly paramCount: number;
  readonly network?: Network;
  readonly publishedMacCount?: number;
  readonly publishedParamCount?: number;
}

/** @throws CosearchError FILE_UNREADABLE, FILE_BAD_VALUE */
export const readPublished = (folder: string): Published[] => readPublishedFile(join(folder, "imagenet-models.json"));

/** Every network of a JSON file of published results that has MACs and parameters.
 *  @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function readPublishedFile(path: string): Published[] {
  const parsed = publishedSchema.safeParse(parseLocated(readText(path), path).value);
  if (!parsed.success) throw new CosearchError("FILE_BAD_VALUE", `${path}: ${z.prettifyError(parsed.error)}`);
  return parsed.data.flatMap((row) => publishedOf(row) ?? []);
}

function publishedOf(row: PublishedRow): Published | undefined {
  const file = row.arch == null ? undefined : networkFileOf(row);
  const network = file && buildNetwork(file);
  const macCount = network?.macCount ?? (row.macs_M == null ? undefined : row.macs_M * 1e6);
  const paramCount = network?.paramCount ?? (row.params_M == null ? undefined : row.params_M * 1e6);
  if (macCount === undefined || paramCount === undefined) return undefined;
  return {
    name: row.name,
    family: row.family,
    recipe: recipeOf(row.recipe ?? "unknown"),
    error: 1 - row.top1 / 100,
    precision: row.precision ?? "fp32",
    resolution: row.resolution ?? 224,
    macCount,
    paramCount,
    ...(network === undefined ? {} : { network }),
    ...(row.macs_M_computed === undefined ? {} : { publishedMacCount: row.macs_M_computed * 1e6 }),
    ...(row.params_M_computed === undefined ? {} : { publishedParamCount: row.params_M_computed * 1e6 }),
  };
}

/** The data name one recipe in several ways; the float and the quantised result of a network share theirs. */
export function recipeOf(name: string): string {
  if (name.startsWith("tf-slim basic")) return "tf-slim basic";
  if (name.startsWith("tf-slim (label smoothing")) return "tf-slim label smoothing";
  if (name.startsWith("EfficientNet recipe")) return "EfficientNet";
  if (name.startsWith("pycls")) return "pycls 100 epochs";
  if (name.startsWith("OFA supernet + 75")) return "OFA, 75 epochs";
  if (name.startsWith("OFA")) return "OFA, 25 epochs";
  if (name === "torchvision") return "torchvision v1 basic (~90 ep)";
  return name;
}

const KINDS: Readonly<Record<string, StageEntry["kind"]>> = {
  ds: "depthwise-separable",
  dsa: "depthwise-separable",
  ir: "inverted-residual",
  er: "fused-inverted-residual",
  cn: "conv",
  // universal inverted bottleneck (MobileNetV4, arXiv:2404.10518): the table holds one kernel, that of the depthwise layer
  uir: "inverted-residual",
};

/** Undefined for a table with a block that is not known: such a row is counted and not scored. */
function networkFileOf(row: PublishedRow): NetworkFile | undefined {
  const arch = row.arch!;
  const isV3 = /mobilenet_?v3|mbv3|hardcore/i.test(row.family);
  const stages: StageEntry[] = [];
  let channels = arch.stem.c;
  for (const [type, kernel, stride, expansion, out, blocks, ratio] of arch.stages) {
    const kind = KINDS[type];
    if (kind === undefined) return undefined;
    const entry = {
      kind,
      kernel,
      channels: out,
      activation: activationOf(row.family, out),
      // MobileNetV3 squeezes a share of the inner width in multiples of 8, the others a share of the block's input
      squeezeExcite: ratio > 0 && isV3 ? ({ ratio, of: "expanded", multipleOf: 8 } as const) : ratio,
    };
    stages.push({ ...entry, stride, ...expansionOf(kind, expansion, channels) });
    if (blocks > 1) stages.push({ ...entry, repeat: blocks - 1, ...expansionOf(kind, expansion, out) });
    channels = out;
  }
  return {
    name: row.name,
    input: { resolution: row.resolution ?? 224 },
    activation: activationOf(row.family, 1000),
    stem: { channels: arch.stem.c, kernel: arch.stem.k },
    stages,
    head: arch.head === 0 ? {} : arch.head_after_pool ? { hidden: arch.head } : { channels: arch.head },
  };
}

/** Ratios such as 2.3 or 3.67 stand for inner widths that are multiples of 8. */
function expansionOf(
  kind: StageEntry["kind"],
  expansion: number,
  channels: number,
): Pick<StageEntry, "expansion" | "expandedChannels"> {
  if (kind !== "inverted-residual" && kind !== "fused-inverted-residual") return {};
  if (Number.isInteger(expansion)) return { expansion };
  return { expandedChannels: Math.round((channels * expansion) / 8) * 8 };
}

/** The stage tables do not name activations; the papers do. MobileNetV3 and HardCoRe-NAS (arXiv:2102.11646) have ReLU in
 *  their narrow half, LCNet (arXiv:2109.15099) and FBNetV3 (arXiv:2006.02049) none; EfficientNet without Lite and EdgeTPU,
 *  TinyNet (arXiv:2010.14819), MixNet (arXiv:1907.09595) and ReXNet (arXiv:2007.00992) have swish. */
function activationOf(family: string, channels: number): Activation {
  if (/minimal/i.test(family)) return "relu";
  if (/mobilenet_?v3|mbv3|hardcore/i.test(family)) return channels >= 80 ? "hard-swish" : "relu";
  if (/lcnet|fbnet_?v3/i.test(family)) return "hard-swish";
  if (/efficientnet(?!.*(lite|edge|_e[sml]\b))|tinynet|mixnet|rexnet/i.test(family)) return "swish";
  return /mobilenet_?v2|efficientnet.?lite|proxyless/i.test(family) ? "relu6" : "relu";
}

/** One MBConv network under the short schedule. */
export interface ShortSchedule {
  readonly id: string;
  readonly network: Network;
  readonly error: number;
}

const MBCONV_CHANNELS = [16, 24, 40, 80, 112, 192, 320] as const;
const MBCONV_STRIDES = [1, 2, 2, 2, 1, 2, 1] as const;

/** @throws CosearchError FILE_UNREADABLE, FILE_BAD_VALUE */
export const readShortSchedule = (folder: string): ShortSchedule[] =>
  shortScheduleOf(readCsv(join(folder, "mbconv-imagenet-dpu.csv")));

/** Rows with columns idx, e, k, l, se (one digit per stage) and top1. */
export function shortScheduleOf(rows: readonly CsvRow[]): ShortSchedule[] {
  return rows.map((row) => {
    const [e, k, l, se] = [row.e!, row.k!, row.l!, row.se!];
    const stages = MBCONV_CHANNELS.map(
      (channels, i): StageEntry => ({
        kind: "inverted-residual",
        kernel: Number(k[i]),
        stride: MBCONV_STRIDES[i]!,
        expansion: Number(e[i]),
        channels,
        repeat: Number(l[i]),
        squeezeExcite: se[i] === "1" ? 0.25 : 0,
      }),
    );
    const file: NetworkFile = {
      name: `mbconv-${row.idx}`,
      activation: "swish",
      stem: { channels: 32 },
      stages,
      head: { channels: 1280 },
    };
    return { id: row.idx!, network: buildNetwork(file), error: 1 - Number(row.top1) / 100 };
  });
}

/** A float result beside its int8 result. */
export interface QuantizationPair {
  readonly model: string;
  readonly family: string;
  readonly method: string;
  readonly floatError: number;
  readonly int8Error: number;
}

/** @throws CosearchError FILE_UNREADABLE */
export const readQuantizationPairs = (folder: string): QuantizationPair[] =>
  quantizationPairsOf(readCsv(join(folder, "quantization-pairs.csv")));

/** Rows with columns model, family, method, fp32 and int8. */
export function quantizationPairsOf(rows: readonly CsvRow[]): QuantizationPair[] {
  return rows.map((row) => ({
    model: row.model!,
    family: row.family!,
    method: row.method!,
    floatError: 1 - Number(row.fp32) / 100,
    int8Error: 1 - Number(row.int8) / 100,
  }));
}
