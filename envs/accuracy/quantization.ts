// What fewer bits cost in accuracy. Rounding adds noise; the loss grows with the noise power that reaches the output
// (second-order argument, e.g. HAWQ, arXiv:1905.03696), so contributions of layers add up inside the logarithm of the error:
//   ln(error with bits) = ln(error) + sum over layers of share · (weight term(bits) + activation term(bits)) · weakness(family)
// A layer's share is half its part of the layers and half its part of the MACs. 16 bits add nothing.
import { bitsOf, type Deployment } from "../deployment/deployment.js";
import type { Network } from "../network/ir.js";
import type { Descriptors } from "./descriptors.js";

/** How the network is brought to its bits. Deployments do not say: quantisation-aware is the default, because a design that
 *  is going to be built is trained for its chip. */
export const QUANTIZATION_METHODS = ["quantization-aware", "post-training", "post-training-per-tensor"] as const;
export type QuantizationMethod = (typeof QUANTIZATION_METHODS)[number];
export const DEFAULT_QUANTIZATION_METHOD: QuantizationMethod = "quantization-aware";

/** Rise of ln(error) when every weight and every activation has that many bits, by method. */
export interface QuantizationTerms {
  readonly int8: Readonly<Record<QuantizationMethod, FamilyTerms>>;
  /** 4 bits, on top of 8 */
  readonly int4: Readonly<Record<QuantizationMethod, FamilyTerms>>;
  /** part of a rise that comes from the weights; the rest from the activations */
  readonly weightShare: number;
  /** standard deviation of the rise, relative to the rise */
  readonly relativeError: number;
}

export interface FamilyTerms {
  /** for every network; of 8 bits after training, times `depthFactor` */
  readonly base: number;
  /** for a network whose spatial layers are all depthwise */
  readonly depthwise: number;
  /** for a network with squeeze-and-excite in every block and smooth activations everywhere, half each */
  readonly squeezeExciteSmooth: number;
}

/** What a network's rise depends on, beside its bits. */
export type QuantizationTraits = Pick<Descriptors, "depthwise" | "squeezeExcite" | "smoothActivation" | "convolutions">;

/** The convolutions of a network whose `base` counts once: about those of ResNet-50 and MobileNetV2. */
const REFERENCE_CONVOLUTIONS = 50;

/** Without training the roundings of independent layers add up, amplitudes by the square root of their number; training
 *  makes up for it. */
export const depthFactor = (method: QuantizationMethod, { convolutions }: QuantizationTraits): number =>
  method === "quantization-aware" ? 1 : Math.sqrt(convolutions / REFERENCE_CONVOLUTIONS);

/** Rise of ln(error) of a family at its full bits. @param depth factor of `base` */
export function familyRise(terms: FamilyTerms, traits: Omit<QuantizationTraits, "convolutions">, depth = 1): number {
  const weakness = (traits.squeezeExcite + traits.smoothActivation) / 2;
  return terms.base * depth + terms.depthwise * traits.depthwise + terms.squeezeExciteSmooth * weakness;
}

/** Rise of ln(error) that a deployment causes; 0 at 16 bits throughout. */
export function quantizationRise(
  network: Network,
  descriptors: Descriptors,
  deployment: Deployment,
  terms: QuantizationTerms,
  method: QuantizationMethod = DEFAULT_QUANTIZATION_METHOD,
): number {
  const rise8 = familyRise(terms.int8[method], descriptors, depthFactor(method, descriptors));
  const rise4 = rise8 + familyRise(terms.int4[method], descriptors);
  const riseOf = (bits: number): number => (bits >= 16 ? 0 : bits >= 8 ? rise8 : rise4);
  let layerCount = 0;
  let byLayers = 0;
  let byMacs = 0;
  for (const layer of network.layers) {
    if (layer.macCount === 0) continue;
    const { weightBits, activationBits } = bitsOf(deployment, layer);
    const rise = terms.weightShare * riseOf(weightBits) + (1 - terms.weightShare) * riseOf(activationBits);
    layerCount++;
    byLayers += rise;
    byMacs += rise * layer.macCount;
  }
  if (layerCount === 0) return 0;
  return 0.5 * (byLayers / layerCount) + 0.5 * (byMacs / network.macCount);
}

/** Error after a rise of its logarithm: err·exp(rise) while that is small, and never 1.
 *  The odds form ln(err / (1 − err)) + rise / (1 − err) has the same slope at rise 0. */
export function raisedError(error: number, rise: number): number {
  const odds = (error / (1 - error)) * Math.exp(rise / (1 - error));
  return odds / (1 + odds);
}
