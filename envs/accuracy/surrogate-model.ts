// The surrogate's formula: ln(error) = intercept + recipe + Σ coefficient · feature(descriptors), clipped to a sane range.
// Every feature grows with what it is named for, and coefficients of capacity may not be positive, so a wider, deeper or
// sharper-eyed network is never predicted worse, also far from the data. Hinges bend the lines: a feature that is capped
// from above lets small networks gain faster than large ones.
import type { Descriptors } from "./descriptors.js";

interface Feature {
  readonly name: string;
  /** true when more of it cannot make a network worse: its coefficient is at most zero */
  readonly isCapacity: boolean;
  /** true when MACs, parameters and resolution alone give it, so networks without a stage table can help to fit it */
  readonly isTotal: boolean;
  readonly of: (d: Descriptors) => number;
}

/** min(x, cap), smoothed over about ±1. */
export const capped = (x: number, cap: number): number => cap - Math.log1p(Math.exp(cap - x));

const capacity = (name: string, of: Feature["of"], isTotal = false): Feature => ({
  name,
  isCapacity: true,
  isTotal,
  of,
});

/** ln of MobileNetV2's MACs, parameters and map weights at 224 pixels, so that features are near 0 where the data are. */
const REFERENCE = { macs: 19.5, params: 15, weights: 14.6, depth: Math.log(18) } as const;

export const FEATURES: readonly Feature[] = [
  capacity("ln MACs", (d) => d.logMacs - REFERENCE.macs, true),
  ...[-2, -1, 0, 1].map((cap) =>
    capacity(`ln MACs up to ${cap}`, (d) => capped(d.logMacs - REFERENCE.macs, cap), true),
  ),
  capacity("ln parameters", (d) => d.logParams - REFERENCE.params, true),
  ...[-1, 0, 1, 2].map((cap) =>
    capacity(`ln parameters up to ${cap}`, (d) => capped(d.logParams - REFERENCE.params, cap), true),
  ),
  capacity("ln resolution", (d) => d.logResolution, true),
  capacity("ln resolution up to 0", (d) => capped(4 * d.logResolution, 0) / 4, true),
  capacity("ln depth", (d) => Math.log(d.depth) - REFERENCE.depth),
  capacity("kernel", (d) => d.kernel),
  capacity("squeeze-and-excite", (d) => d.squeezeExcite),
  capacity("smooth activation", (d) => d.smoothActivation),
];

export const FEATURE_COUNT: number = FEATURES.length;

/** @returns shape [FEATURE_COUNT]; features that need the layers are 0, the reference's value, when `totalsOnly` */
export function featuresOf(descriptors: Descriptors, totalsOnly = false): Float64Array {
  const values = new Float64Array(FEATURE_COUNT);
  for (let i = 0; i < FEATURE_COUNT; i++) {
    const feature = FEATURES[i]!;
    if (!totalsOnly || feature.isTotal) values[i] = feature.of(descriptors);
  }
  return values;
}

/** What a fit leaves behind, as it is written to the coefficient file. */
export interface SurrogateCoefficients {
  readonly features: readonly string[];
  readonly coefficients: readonly number[];
  /** of the default recipe */
  readonly intercept: number;
  /** added for a named training recipe, relative to the default one */
  readonly recipes: Readonly<Record<string, number>>;
  readonly defaultRecipe: string;
  /** covariance of the coefficients and the intercept (last), up to the noise variance; lower triangle by rows */
  readonly covariance: readonly number[];
  /** variance of ln(error) around the formula for a network of an unseen family */
  readonly noiseVariance: number;
  /** highest leverage among the networks of the fit; beyond it the answer says that it is guessing */
  readonly highestLeverage: number;
}

export interface LogErrorPrediction {
  /** ln(top-1 error) */
  readonly mean: number;
  readonly variance: number;
}

/** @param recipe a name in `recipes`; unknown names and none mean the default recipe */
export function predictLogError(
  model: SurrogateCoefficients,
  features: Float64Array,
  recipe?: string,
): LogErrorPrediction {
  let mean = model.intercept + (recipe === undefined ? 0 : (model.recipes[recipe] ?? 0));
  for (let i = 0; i < features.length; i++) mean += model.coefficients[i]! * features[i]!;
  return { mean, variance: model.noiseVariance * (1 + leverage(model.covariance, features)) };
}

/** xᵀ C x with x the features and a final 1, C given by its lower triangle. */
export function leverage(triangle: ArrayLike<number>, features: Float64Array): number {
  const n = features.length + 1;
  let sum = 0;
  for (let i = 0, at = 0; i < n; i++) {
    const xi = i < features.length ? features[i]! : 1;
    let row = 0;
    for (let j = 0; j < i; j++) row += triangle[at++]! * features[j]!;
    sum += xi * (2 * row + triangle[at++]! * xi);
  }
  return sum;
}
