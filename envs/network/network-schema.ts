// What a network file may say, as a schema that is also exported as JSON Schema: a stage table, or an explicit layer list.
// Every default stands here once; the builder fills them in itself, because a search builds a network for every trial
// and must not pay for the schema each time.
import { z } from "zod";
import { ACTIVATIONS, BLOCK_KINDS } from "./ir.js";

/** What a network file leaves unsaid. */
export const NETWORK_DEFAULTS = {
  resolution: 224,
  inputChannels: 3,
  classes: 1000,
  kernel: 3,
  stride: 1,
  repeat: 1,
  groups: 1,
  stemStride: 2,
  activation: "relu",
  normalization: "batch",
  padding: "same",
  /** by block kind; 1 where the kind has no inner width */
  expansion: {
    conv: 1,
    "depthwise-separable": 1,
    "inverted-residual": 6,
    "fused-inverted-residual": 6,
    "residual-basic": 1,
    "residual-bottleneck": 4,
  },
} as const;

const count = (what: string) => z.int().min(1).max(1_000_000).describe(what);
const extent = z.int().min(1).max(4096);
const pair = (what: string) =>
  z.union([extent, z.tuple([extent, extent])]).describe(`${what}; one number or [rows, columns]`);
const activation = z.enum(ACTIVATIONS).describe("applied to the output, fused into the layer that makes it");
const padding = z
  .union([z.enum(["same", "valid"]), z.int().min(0).max(512)])
  .describe("same: output = ceil(input / stride); valid: none; a number: that many pixels on every side");
const label = z.union([z.string().min(1), z.int()]);

const poolSchema = z.strictObject({
  kernel: extent.default(2),
  stride: extent.optional().describe("default: the kernel, so windows do not overlap"),
  padding: padding.default(NETWORK_DEFAULTS.padding),
});

const squeezeExciteSchema = z.union([
  z.number().min(0).max(4),
  z.strictObject({
    ratio: z.number().gt(0).max(4).optional(),
    of: z
      .enum(["input", "expanded"])
      .default("input")
      .describe("channels that the ratio multiplies: the block's input or what is squeezed"),
    multipleOf: z
      .int()
      .min(1)
      .max(256)
      .default(1)
      .describe("rounded to a multiple, and never below 90 % of the exact value"),
    channels: count("width of the squeeze, instead of a ratio").optional(),
    activation: activation.optional().describe("after the first layer; default: the stage's"),
    gate: activation.default("sigmoid").describe("after the second layer"),
  }),
]);

const stageSchema = z.strictObject({
  kind: z.enum(BLOCK_KINDS),
  channels: count("output channels of each block"),
  kernel: extent.default(NETWORK_DEFAULTS.kernel),
  stride: extent.default(NETWORK_DEFAULTS.stride).describe("of the first block; the others have 1"),
  expansion: z
    .number()
    .gt(0)
    .max(64)
    .optional()
    .describe(
      "inner width: input channels times this (inverted-residual, fused-inverted-residual; default 6), output channels divided by this (residual-bottleneck; default 4)",
    ),
  expandedChannels: count("inner width itself, where a ratio is not enough").optional(),
  repeat: z.int().min(1).max(256).default(NETWORK_DEFAULTS.repeat).describe("blocks in a row"),
  squeezeExcite: squeezeExciteSchema
    .default(0)
    .describe("squeeze width as a share of the block's input channels, or in full; 0: none"),
  groups: count("of the dense convolutions; a depthwise convolution is not affected").default(NETWORK_DEFAULTS.groups),
  activation: activation.optional().describe("default: the file's"),
  padding: padding.default(NETWORK_DEFAULTS.padding),
  pool: poolSchema.optional().describe("pooling after the last block"),
  stage: label.optional().describe("entries in a row with the same label count as one stage, for per-stage precision"),
});

const stemSchema = z.strictObject({
  channels: count("output channels"),
  kernel: extent.default(NETWORK_DEFAULTS.kernel),
  stride: extent.default(NETWORK_DEFAULTS.stemStride),
  activation: activation.optional(),
  padding: padding.default(NETWORK_DEFAULTS.padding),
  pool: poolSchema.optional(),
});

const headSchema = z.strictObject({
  channels: count("output channels of a 1 × 1 convolution before the pooling; default: no such layer").optional(),
  pool: z.enum(["global", "none"]).default("global").describe("none: the feature map is flattened"),
  hidden: z
    .union([count("units"), z.array(count("units")).max(16)])
    .optional()
    .describe("units of the fully connected layers before the classifier"),
  activation: activation.optional(),
});

const layerNames = z
  .array(z.string().min(1))
  .min(1)
  .max(64)
  .describe("producers by name, `input` is the network's input; default: the layer before");
const placed = {
  name: z.string().min(1).max(200).optional().describe("default: kind and position"),
  inputs: layerNames.optional(),
  stage: label.optional().describe("default: that of the layer before"),
};
const common = { ...placed, activation: activation.default("none") };
const letters = {
  C: count("input channels").optional(),
  P: count("output rows").optional(),
  Q: count("output columns").optional(),
  R: extent.optional().describe("filter rows"),
  S: extent.optional().describe("filter columns"),
};
const K = count("output channels").optional();
const window = {
  kernel: pair("filter size").optional(),
  stride: pair("step of the window").optional(),
  dilation: pair("step inside the window").optional(),
  padding: padding.optional(),
};

const layerSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("conv"),
    ...common,
    ...window,
    ...letters,
    K,
    channels: count("output channels").optional(),
    groups: count("groups").default(1),
  }),
  z.strictObject({ kind: z.literal("depthwise"), ...common, ...window, ...letters, K }),
  z.strictObject({ kind: z.literal("pool"), ...common, ...window, ...letters, K }),
  z.strictObject({ kind: z.literal("global-pool"), ...common, C: letters.C, R: letters.R, S: letters.S }),
  z.strictObject({
    kind: z.literal("fully-connected"),
    ...common,
    units: count("output units").optional(),
    K,
    C: letters.C,
  }),
  z.strictObject({
    kind: z.literal("matmul"),
    ...common,
    rows: count("rows of the first operand, per head"),
    inner: count("columns of the first and rows of the second operand, per head"),
    columns: count("columns of the second operand, per head"),
    heads: count("independent products").default(1),
    batch: count("independent products beside the heads, for example windows").default(1),
  }),
  z.strictObject({ kind: z.literal("add"), ...common, C: letters.C, P: letters.P, Q: letters.Q }),
  z.strictObject({ kind: z.literal("multiply"), ...common, C: letters.C, P: letters.P, Q: letters.Q }),
  z.strictObject({
    kind: z.literal("squeeze-excite"),
    ...placed,
    ratio: z.number().gt(0).max(4).optional().describe("squeeze width as a share of the channels; default 0.25"),
    channels: count("squeeze width, instead of a ratio").optional(),
    squeezeActivation: activation.default("relu"),
    gate: activation.default("sigmoid"),
  }),
]);

export const networkFileSchema = z
  .strictObject({
    name: z.string().min(1).max(200),
    source: z.string().optional().describe("where the network is described"),
    input: z
      .strictObject({
        resolution: z
          .int()
          .min(1)
          .max(8192)
          .default(NETWORK_DEFAULTS.resolution)
          .describe("rows and columns, in pixels"),
        channels: count("colours").default(NETWORK_DEFAULTS.inputChannels),
      })
      .optional(),
    activation: activation.optional().describe("of every stage that states none; default relu"),
    normalization: z
      .enum(["batch", "none"])
      .default(NETWORK_DEFAULTS.normalization)
      .describe("batch: each convolution has a scale and a shift per channel; none: a bias per channel"),
    stem: stemSchema.optional(),
    stages: z.array(stageSchema).min(1).max(1000).optional(),
    head: headSchema.optional(),
    classes: count("outputs of the classifier").default(NETWORK_DEFAULTS.classes),
    layers: z.array(layerSchema).min(1).max(20_000).optional(),
  })
  .refine((file) => (file.stages === undefined) !== (file.layers === undefined), {
    message: "a network has either stages or layers",
  })
  .refine((file) => file.layers === undefined || (file.stem === undefined && file.head === undefined), {
    message: "a network with a layer list has no stem and no head",
  });

/** A network as a file or a filled-in template writes it; what is unsaid takes NETWORK_DEFAULTS. */
export type NetworkFile = z.input<typeof networkFileSchema>;
export type StageEntry = NonNullable<NetworkFile["stages"]>[number];
export type LayerEntry = NonNullable<NetworkFile["layers"]>[number];
export type PoolEntry = z.input<typeof poolSchema>;
export type SqueezeExciteEntry = z.input<typeof squeezeExciteSchema>;
export type Padding = z.input<typeof padding>;
