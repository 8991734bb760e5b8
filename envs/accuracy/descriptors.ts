// What the surrogate knows of a network: numbers read from its layers alone, so that a stage table, a layer list and an
// imported model are described alike. Layers are grouped by how far the picture has been downsampled (stride 2, 4, ..., 32);
// strides 16 and 32, where most of the work is done, are split in two: the narrower blocks and the wider ones that follow.
import type { Activation, Layer, Network } from "../network/ir.js";

/** Sections in order: stride 2, 4, 8, 16 (first width), 16 (later widths), 32 (first width), 32 (later widths). */
export const SECTION_COUNT = 7;

/** Sums over the spatial layers (filters larger than 1 × 1, strides included) of one section; all grow with depth. */
export interface Section {
  /** spatial layers */
  depth: number;
  /** sum of ln(channels that the spatial layer makes) */
  logWidthSum: number;
  /** sum of ln(filter rows) */
  logKernelSum: number;
  /** spatial layers whose output passes squeeze-and-excite */
  squeezeExciteCount: number;
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
  /** mean ln(filter rows / 3) over the spatial layers */
  readonly kernel: number;
  /** share of spatial layers with squeeze-and-excite */
  readonly squeezeExcite: number;
  /** share of spatial layers that are depthwise */
  readonly depthwise: number;
  /** share of activated layers whose activation is smooth and unbounded (swish, hard-swish, gelu) */
  readonly smoothActivation: number;
  readonly sections: readonly Section[];
}

const SMOOTH: ReadonlySet<Activation> = new Set(["swish", "hard-swish", "gelu"]);

/** @returns descriptors that are finite for every network with at least one layer */
export function describe(network: Network): Descriptors {
  const blocks = spatialBlocks(network);
  const sections = intoSections(blocks);
  let mapWeights = 1;
  let activated = 0;
  let smooth = 0;
  for (const layer of network.layers) {
    if (layer.P * layer.Q > 1 && (layer.kind === "conv" || layer.kind === "depthwise")) mapWeights += layer.weightCount;
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
    kernel: kernel / depth,
    squeezeExcite: squeezed / depth,
    depthwise: depthwise / depth,
    smoothActivation: activated === 0 ? 0 : smooth / activated,
    sections,
  };
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
  const sections = Array.from(
    { length: SECTION_COUNT },
    (): Section => ({ depth: 0, logWidthSum: 0, logKernelSum: 0, squeezeExciteCount: 0 }),
  );
  for (let octave = 1; octave <= 5; octave++) {
    const inOctave = blocks.filter((block) => block.octave === octave);
    const first = FIRST_SECTION[octave]!;
    const firstTrunk = inOctave[0]?.trunk;
    const isOneWidth = inOctave.every((block) => block.trunk === firstTrunk);
    for (const block of inOctave) {
      if (octave < 4) put(sections[first]!, block, 1);
      else if (!isOneWidth) put(sections[first + (block.trunk === firstTrunk ? 0 : 1)]!, block, 1);
      else {
        put(sections[first]!, block, 0.5); // one width throughout: half of it counts as early, half as late
        put(sections[first + 1]!, block, 0.5);
      }
    }
  }
  return sections;
}

function put(section: Section, block: SpatialBlock, share: number): void {
  section.depth += share;
  section.logWidthSum += share * Math.log(block.width);
  section.logKernelSum += share * Math.log(block.kernel);
  if (block.hasSqueezeExcite) section.squeezeExciteCount += share;
}
