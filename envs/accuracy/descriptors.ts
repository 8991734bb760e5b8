// What the surrogate knows of a network: numbers read from its layers alone, so that a stage table, a layer list and an
// imported model are described alike. Layers are grouped by how far the picture has been downsampled (stride 2, 4, ..., 32);
// strides 16 and 32, where most of the work is done, are split in two: the narrower blocks and the wider ones that follow.
import type { Activation, Layer, Network } from "../network/ir.js";

/** Sections in order: stride 2, 4, 8, 16 narrow, 16 wide, 32 narrow, 32 wide. */
export const SECTION_COUNT = 7;

/** The spatial layers (filters larger than 1 × 1) of one section. A block may count in part, see `lateShare`. */
export interface Section {
  /** spatial layers */
  readonly depth: number;
  /** mean of ln(channels that the spatial layer makes), 0 when there is none */
  readonly logWidth: number;
  /** mean of ln(filter rows), 0 when there is none */
  readonly logKernel: number;
  /** spatial layers whose output passes squeeze-and-excite */
  readonly squeezeExciteCount: number;
}

export interface Descriptors {
  readonly logMacs: number;
  /** ln of the parameters, classifier included */
  readonly logParams: number;
  /** ln of the weights of convolutions that see a feature map larger than 1 × 1 */
  readonly logMapWeights: number;
  /** ln(resolution / 224) */
  readonly logResolution: number;
  /** spatial layers */
  readonly depth: number;
  /** convolutions that see a feature map larger than 1 × 1, depthwise ones included */
  readonly convolutions: number;
  /** mean ln(filter rows / 3) over the spatial layers */
  readonly kernel: number;
  /** share of spatial layers with squeeze-and-excite */
  readonly squeezeExcite: number;
  /** share of spatial layers that are depthwise */
  readonly depthwise: number;
  /** share of activated layers whose activation is smooth and unbounded (swish, hard-swish, gelu) */
  readonly smoothActivation: number;
  /** shape [SECTION_COUNT] */
  readonly sections: readonly Section[];
  /** sums over the sections before each one, shape [SECTION_COUNT + 1]: depth times width, depth, squeeze-and-excite */
  readonly channelsBefore: Float64Array;
  readonly depthBefore: Float64Array;
  readonly squeezeExciteBefore: Float64Array;
}

const SMOOTH: ReadonlySet<Activation> = new Set(["swish", "hard-swish", "gelu"]);

/** @returns descriptors that are finite for every network with at least one layer */
export function describe(network: Network): Descriptors {
  const blocks = spatialBlocks(network);
  const sections = intoSections(blocks);
  let mapWeights = 1;
  let convolutions = 0;
  let activated = 0;
  let smooth = 0;
  for (const layer of network.layers) {
    if (layer.P * layer.Q > 1 && (layer.kind === "conv" || layer.kind === "depthwise")) {
      mapWeights += layer.weightCount;
      convolutions++;
    }
    if (layer.activation === "none" || layer.P * layer.Q === 1) continue;
    activated++;
    if (SMOOTH.has(layer.activation)) smooth++;
  }
  const depth = Math.max(1, blocks.length);
  let kernel = 0;
  let squeezed = 0;
  let depthwise = 0;
  for (const block of blocks) {
    kernel += Math.log(block.kernel / 3);
    if (block.hasSqueezeExcite) squeezed++;
    if (block.isDepthwise) depthwise++;
  }
  return {
    logMacs: Math.log(Math.max(1, network.macCount)),
    logParams: Math.log(Math.max(1, network.paramCount)),
    logMapWeights: Math.log(mapWeights),
    logResolution: Math.log(network.input.resolution / 224),
    depth,
    convolutions,
    kernel: kernel / depth,
    squeezeExcite: squeezed / depth,
    depthwise: depthwise / depth,
    smoothActivation: activated === 0 ? 0 : smooth / activated,
    sections,
    channelsBefore: runningSums(sections, (section) => section.depth * Math.exp(section.logWidth)),
    depthBefore: runningSums(sections, (section) => section.depth),
    squeezeExciteBefore: runningSums(sections, (section) => section.squeezeExciteCount),
  };
}

function runningSums(sections: readonly Section[], of: (section: Section) => number): Float64Array {
  const sums = new Float64Array(SECTION_COUNT + 1);
  for (let s = 0; s < SECTION_COUNT; s++) sums[s + 1] = sums[s]! + of(sections[s]!);
  return sums;
}

/** A spatial layer with what follows it until the next one. */
interface SpatialBlock {
  /** log2 of the downsampling, 1 to 5 */
  readonly octave: number;
  readonly width: number;
  readonly kernel: number;
  readonly isDepthwise: boolean;
  /** channels of the last convolution before the next spatial layer that does not widen the map again */
  trunk: number;
  hasSqueezeExcite: boolean;
}

function spatialBlocks(network: Network): SpatialBlock[] {
  const blocks: SpatialBlock[] = [];
  let current: SpatialBlock | undefined;
  let isTrunkKnown = false;
  for (const layer of network.layers) {
    if (isSpatial(layer)) {
      current = {
        octave: octaveOf(network.input.resolution, layer.P),
        width: layer.K,
        kernel: layer.R,
        isDepthwise: layer.kind === "depthwise",
        trunk: layer.K,
        hasSqueezeExcite: false,
      };
      isTrunkKnown = false;
      blocks.push(current);
    } else if (current === undefined) {
    } else if (layer.kind === "multiply") {
      current.hasSqueezeExcite = true;
    } else if (layer.kind === "conv" && !isTrunkKnown && layer.P * layer.Q > 1) {
      current.trunk = layer.K;
      isTrunkKnown = true;
    }
  }
  return blocks;
}

const isSpatial = (layer: Layer): boolean =>
  (layer.kind === "conv" || layer.kind === "depthwise") && layer.R * layer.S > 1 && layer.P * layer.Q > 1;

function octaveOf(resolution: number, rows: number): number {
  return Math.min(5, Math.max(1, Math.round(Math.log2(resolution / rows))));
}

const FIRST_SECTION = [0, 0, 1, 2, 3, 5] as const;

function intoSections(blocks: readonly SpatialBlock[]): Section[] {
  const sums = Array.from({ length: SECTION_COUNT }, () => ({ depth: 0, width: 0, kernel: 0, squeezeExciteCount: 0 }));
  const narrowest = [0, 0, 0, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const widest = [0, 0, 0, 0, 0, 0];
  for (const { octave, trunk } of blocks) {
    narrowest[octave] = Math.min(narrowest[octave]!, trunk);
    widest[octave] = Math.max(widest[octave]!, trunk);
  }
  for (const block of blocks) {
    const { octave, trunk } = block;
    const late = octave < 4 ? 0 : lateShare(trunk, narrowest[octave]!, widest[octave]!);
    for (const [section, share] of [
      [FIRST_SECTION[octave]!, 1 - late] as const,
      [FIRST_SECTION[octave]! + 1, late] as const,
    ]) {
      if (share === 0) continue;
      const sum = sums[section]!;
      sum.depth += share;
      sum.width += share * Math.log(block.width);
      sum.kernel += share * Math.log(block.kernel);
      if (block.hasSqueezeExcite) sum.squeezeExciteCount += share;
    }
  }
  return sums.map(({ depth, width, kernel, squeezeExciteCount }) => ({
    depth,
    logWidth: depth === 0 ? 0 : width / depth,
    logKernel: depth === 0 ? 0 : kernel / depth,
    squeezeExciteCount,
  }));
}

/** How much of a block counts as wide, 0 to 1: by its width between the narrowest and the widest of the octave. Where the
 *  two are nearly alike (below 1.25), half of every block counts as wide, so that small changes of width change little. */
function lateShare(trunk: number, narrowest: number, widest: number): number {
  const span = Math.log(widest / narrowest);
  if (span === 0) return 0.5;
  const certainty = Math.min(1, span / Math.log(1.25));
  return 0.5 * (1 - certainty) + certainty * (Math.log(trunk / narrowest) / span);
}
