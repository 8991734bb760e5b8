// A network file becomes layers. Called for every trial of a search, so no schema is involved: `networkFileSchema` checks
// files when they are loaded. Blocks follow their papers: MobileNetV1 (arXiv:1704.04861), MobileNetV2 (arXiv:1801.04381),
// EdgeTPU and EfficientNetV2 for the fused form (arXiv:2104.00298), ResNet (arXiv:1512.03385).
import type { Activation, Block, BlockKind, Network } from "./ir.js";
import { LayerBuilder, NETWORK_INPUT, type Pair } from "./layer-builder.js";
import { addLayerList } from "./layer-list.js";
import {
  NETWORK_DEFAULTS,
  type NetworkFile,
  type PoolEntry,
  type SqueezeExciteEntry,
  type StageEntry,
} from "./network-schema.js";

/** The layers that a network file stands for.
 *  @throws NetworkShapeError (code NETWORK_BAD_SHAPE) naming the layer that cannot be built, and the numbers */
export function buildNetwork(file: NetworkFile): Network {
  const resolution = file.input?.resolution ?? NETWORK_DEFAULTS.resolution;
  const channels = file.input?.channels ?? NETWORK_DEFAULTS.inputChannels;
  const classes = file.classes ?? NETWORK_DEFAULTS.classes;
  const input = { channels, rows: resolution, columns: resolution };
  const builder = new LayerBuilder(file.name, input, file.normalization ?? NETWORK_DEFAULTS.normalization);
  const blocks = file.layers === undefined ? addStages(builder, file, classes) : addLayerList(builder, file.layers);
  let macCount = 0;
  let paramCount = 0;
  for (const layer of builder.layers) {
    macCount += layer.macCount;
    paramCount += layer.paramCount;
  }
  return {
    name: file.name,
    input: { resolution, channels },
    classes,
    layers: builder.layers,
    blocks,
    stageCount: builder.stage + 1,
    macCount,
    paramCount,
  };
}

/** What one block needs to know. */
interface BlockPlan {
  readonly id: string;
  readonly input: number;
  readonly inChannels: number;
  readonly channels: number;
  readonly kernel: Pair;
  readonly stride: number;
  /** inner width; the block's output channels where the kind has none */
  readonly expanded: number;
  readonly groups: number;
  readonly activation: Activation;
  readonly entry: StageEntry;
}

function addStages(builder: LayerBuilder, file: NetworkFile, classes: number): Block[] {
  const fallback: Activation = file.activation ?? NETWORK_DEFAULTS.activation;
  const blocks: Block[] = [];
  let position = addStem(builder, file, fallback);
  let previousLabel: string | number | undefined;
  for (const [index, entry] of file.stages!.entries()) {
    if (index > 0 && (entry.stage === undefined || entry.stage !== previousLabel)) builder.stage++;
    previousLabel = entry.stage;
    const repeat = entry.repeat ?? NETWORK_DEFAULTS.repeat;
    const kernel = entry.kernel ?? NETWORK_DEFAULTS.kernel;
    for (let number = 0; number < repeat; number++) {
      const inChannels = builder.shapeOf(position).channels;
      const expansion = entry.expansion ?? NETWORK_DEFAULTS.expansion[entry.kind];
      const plan: BlockPlan = {
        id: `stage${index + 1}.block${number + 1}`,
        input: position,
        inChannels,
        channels: entry.channels,
        kernel: [kernel, kernel],
        stride: number === 0 ? (entry.stride ?? NETWORK_DEFAULTS.stride) : 1,
        expanded: entry.expandedChannels ?? innerWidth(entry.kind, expansion, inChannels, entry.channels),
        groups: entry.groups ?? NETWORK_DEFAULTS.groups,
        activation: entry.activation ?? fallback,
        entry,
      };
      position = BLOCK_BUILDERS[entry.kind](builder, plan);
      blocks.push(blockOf(plan, builder.shapeOf(position).rows, builder.stage));
    }
    if (entry.pool !== undefined) position = addPool(builder, `stage${index + 1}.pool`, position, entry.pool);
  }
  addHead(builder, file, position, fallback, classes);
  return blocks;
}

function addStem(builder: LayerBuilder, file: NetworkFile, fallback: Activation): number {
  const { stem } = file;
  if (stem === undefined) return NETWORK_INPUT;
  const kernel = stem.kernel ?? NETWORK_DEFAULTS.kernel;
  const stride = stem.stride ?? NETWORK_DEFAULTS.stemStride;
  const position = builder.conv("stem", [NETWORK_INPUT], {
    channels: stem.channels,
    kernel: [kernel, kernel],
    stride: [stride, stride],
    padding: stem.padding ?? NETWORK_DEFAULTS.padding,
    activation: stem.activation ?? fallback,
  });
  return stem.pool === undefined ? position : addPool(builder, "stem.pool", position, stem.pool);
}

function addHead(builder: LayerBuilder, file: NetworkFile, last: number, fallback: Activation, classes: number): void {
  const head = file.head ?? {};
  const activation = head.activation ?? fallback;
  let position = last;
  if (head.channels !== undefined) {
    position = builder.conv("head.conv", [position], { channels: head.channels, kernel: POINT, activation });
  }
  if (head.pool !== "none") position = builder.globalPool("head.pool", [position]);
  const hidden = head.hidden === undefined ? [] : typeof head.hidden === "number" ? [head.hidden] : head.hidden;
  for (const [i, units] of hidden.entries()) {
    position = builder.fullyConnected(`head.hidden${i + 1}`, [position], units, activation);
  }
  builder.fullyConnected("head.classifier", [position], classes);
}

function addPool(builder: LayerBuilder, id: string, input: number, pool: PoolEntry): number {
  const kernel = pool.kernel ?? 2;
  const stride = pool.stride ?? kernel;
  return builder.pool(id, [input], {
    kernel: [kernel, kernel],
    stride: [stride, stride],
    padding: pool.padding ?? NETWORK_DEFAULTS.padding,
  });
}

const POINT: Pair = [1, 1];

function innerWidth(kind: BlockKind, expansion: number, inChannels: number, channels: number): number {
  if (kind === "residual-bottleneck") return Math.max(1, Math.round(channels / expansion));
  if (kind === "inverted-residual" || kind === "fused-inverted-residual") {
    return Math.max(1, Math.round(inChannels * expansion));
  }
  return channels;
}

/** How each kind of block becomes layers; each returns the position of its last one. */
const BLOCK_BUILDERS: Readonly<Record<BlockKind, (builder: LayerBuilder, plan: BlockPlan) => number>> = {
  conv(builder, plan) {
    const position = spatial(builder, plan, "conv", plan.input, plan.channels, plan.activation);
    return addSqueezeExcite(builder, plan, position);
  },

  "depthwise-separable"(builder, plan) {
    let position = depthwise(builder, plan, plan.input);
    position = addSqueezeExcite(builder, plan, position);
    return point(builder, plan, "point", position, plan.channels, plan.activation);
  },

  // Without expansion (inner width = input width) there is no first convolution, as in MobileNetV2's first block.
  "inverted-residual"(builder, plan) {
    let position = plan.input;
    if (plan.expanded !== plan.inChannels) {
      position = point(builder, plan, "expand", position, plan.expanded, plan.activation);
    }
    position = depthwise(builder, plan, position);
    position = addSqueezeExcite(builder, plan, position);
    position = point(builder, plan, "project", position, plan.channels, "none");
    return addIdentity(builder, plan, position);
  },

  // Without expansion the two convolutions are one, as in EfficientNetV2's first stage.
  "fused-inverted-residual"(builder, plan) {
    if (plan.expanded === plan.inChannels) {
      let only = spatial(builder, plan, "fused", plan.input, plan.channels, plan.activation);
      only = addSqueezeExcite(builder, plan, only);
      return addIdentity(builder, plan, only);
    }
    let position = spatial(builder, plan, "fused", plan.input, plan.expanded, plan.activation);
    position = addSqueezeExcite(builder, plan, position);
    position = builder.conv(`${plan.id}.project`, [position], { channels: plan.channels, kernel: POINT });
    return addIdentity(builder, plan, position);
  },

  "residual-basic"(builder, plan) {
    let position = spatial(builder, plan, "conv1", plan.input, plan.channels, plan.activation);
    position = builder.conv(`${plan.id}.conv2`, [position], {
      channels: plan.channels,
      kernel: plan.kernel,
      groups: plan.groups,
    });
    position = addSqueezeExcite(builder, plan, position);
    return addShortcut(builder, plan, position);
  },

  // The stride is in the 3 × 3 convolution, as in today's implementations (ResNet v1.5), not in the first 1 × 1.
  "residual-bottleneck"(builder, plan) {
    const { id, expanded, activation } = plan;
    let position = builder.conv(`${id}.reduce`, [plan.input], { channels: expanded, kernel: POINT, activation });
    position = spatial(builder, plan, "conv", position, expanded, activation);
    position = builder.conv(`${id}.expand`, [position], { channels: plan.channels, kernel: POINT });
    position = addSqueezeExcite(builder, plan, position);
    return addShortcut(builder, plan, position);
  },
};

function spatial(
  builder: LayerBuilder,
  plan: BlockPlan,
  name: string,
  input: number,
  channels: number,
  activation: Activation,
): number {
  return builder.conv(`${plan.id}.${name}`, [input], {
    channels,
    kernel: plan.kernel,
    stride: [plan.stride, plan.stride],
    groups: plan.groups,
    padding: plan.entry.padding ?? NETWORK_DEFAULTS.padding,
    activation,
  });
}

function point(
  builder: LayerBuilder,
  plan: BlockPlan,
  name: string,
  input: number,
  channels: number,
  activation: Activation,
): number {
  const { groups } = plan;
  return builder.conv(`${plan.id}.${name}`, [input], { channels, kernel: POINT, groups, activation });
}

function depthwise(builder: LayerBuilder, plan: BlockPlan, input: number): number {
  return builder.depthwise(`${plan.id}.depthwise`, [input], {
    kernel: plan.kernel,
    stride: [plan.stride, plan.stride],
    padding: plan.entry.padding ?? NETWORK_DEFAULTS.padding,
    activation: plan.activation,
  });
}

/** The input is added where nothing changed its shape. */
function addIdentity(builder: LayerBuilder, plan: BlockPlan, position: number): number {
  const before = builder.shapeOf(plan.input);
  const after = builder.shapeOf(position);
  const isSame = plan.stride === 1 && before.channels === after.channels && before.rows === after.rows;
  return isSame ? builder.elementwise(`${plan.id}.add`, "add", [position, plan.input]) : position;
}

/** The input is added, through a strided 1 × 1 convolution where the shape changed. */
function addShortcut(builder: LayerBuilder, plan: BlockPlan, position: number): number {
  const { id, stride, channels, activation } = plan;
  let shortcut = plan.input;
  if (stride !== 1 || plan.inChannels !== channels) {
    shortcut = builder.conv(`${id}.shortcut`, [shortcut], { channels, kernel: POINT, stride: [stride, stride] });
  }
  return builder.elementwise(`${id}.add`, "add", [position, shortcut], activation);
}

function addSqueezeExcite(builder: LayerBuilder, plan: BlockPlan, position: number): number {
  const width = squeezeWidth(plan.entry.squeezeExcite, plan.inChannels, builder.shapeOf(position).channels);
  if (width === 0) return position;
  const options = typeof plan.entry.squeezeExcite === "object" ? plan.entry.squeezeExcite : {};
  const activation = options.activation ?? plan.activation;
  return builder.squeezeExcite(`${plan.id}.squeeze`, position, width, activation, options.gate ?? "sigmoid");
}

/** Channels of the squeeze, 0 when there is none. A plain ratio is truncated, as in EfficientNet's code; one with
 *  `multipleOf` is rounded but not below 90 % of the exact value, as in MobileNetV3's. */
function squeezeWidth(entry: SqueezeExciteEntry | undefined, inChannels: number, squeezed: number): number {
  if (entry === undefined || entry === 0) return 0;
  if (typeof entry === "number") return Math.max(1, Math.floor(inChannels * entry));
  if (entry.channels !== undefined) return entry.channels;
  const exact = (entry.ratio ?? 0.25) * (entry.of === "expanded" ? squeezed : inChannels);
  const multiple = entry.multipleOf ?? 1;
  if (multiple === 1) return Math.max(1, Math.floor(exact));
  const rounded = Math.max(multiple, Math.floor(exact / multiple + 0.5) * multiple);
  return rounded < 0.9 * exact ? rounded + multiple : rounded;
}

function blockOf(plan: BlockPlan, outResolution: number, stage: number): Block {
  const { kind } = plan.entry;
  const isBottleneck = kind === "residual-bottleneck";
  const squeezed = kind === "conv" || kind.startsWith("residual") ? plan.channels : plan.expanded;
  return {
    kind,
    kernel: plan.kernel[0],
    stride: plan.stride,
    expansion: isBottleneck ? plan.channels / plan.expanded : hasInnerWidth(kind) ? plan.expanded / plan.inChannels : 1,
    inChannels: plan.inChannels,
    outChannels: plan.channels,
    squeezeExcite: squeezeWidth(plan.entry.squeezeExcite, plan.inChannels, squeezed) / plan.inChannels,
    groups: plan.groups,
    activation: plan.activation,
    outResolution,
    stage,
  };
}

const hasInnerWidth = (kind: BlockKind): boolean => kind === "inverted-residual" || kind === "fused-inverted-residual";
