// The surrogate's formula: ln(error) = intercept + recipe + Σ coefficient · (feature − centre), clipped to a sane range.
// Every feature grows with what it is named for, and no coefficient is positive, so a wider, deeper or sharper-eyed network
// is not predicted worse, also far from the data. Logarithms and caps bend the lines: small networks gain faster than large
// ones, and capacity in one section partly replaces capacity in the next (the features over several sections together).
import type { Descriptors } from "./descriptors.js";

export interface Feature {
  readonly name: string;
  /** true when MACs, parameters and resolution alone give it, so networks without a stage table can help to fit it */
  readonly isTotal: boolean;
  readonly of: (d: Descriptors) => number;
}

/** min(x, cap), smoothed over about ±1. */
export const capped = (x: number, cap: number): number => cap - Math.log1p(Math.exp(cap - x));

/** ln of about MobileNetV2's MACs and parameters at 224 pixels, so that features are near 0 where the data are. */
const REFERENCE = { logMacs: 19.5, logParams: 15 } as const;
const MACS_CAPS = [-2, -1, 0, 1] as const;
const PARAMS_CAPS = [-1, 0, 1, 2] as const;
const SECTION_NAMES = ["/2", "/4", "/8", "/16 narrow", "/16 wide", "/32 narrow", "/32 wide"] as const;

export const FEATURES: readonly Feature[] = [
  ...totals("ln MACs", (d) => d.logMacs - REFERENCE.logMacs, MACS_CAPS),
  ...totals("ln parameters", (d) => d.logParams - REFERENCE.logParams, PARAMS_CAPS),
  { name: "ln resolution", isTotal: true, of: (d) => d.logResolution },
  { name: "ln resolution up to 224", isTotal: true, of: (d) => capped(4 * d.logResolution, 0) / 4 },
  structure("ln map weights", (d) => d.logMapWeights),
  structure("ln depth", (d) => Math.log(d.depth)),
  structure("kernel", (d) => d.kernel),
  structure("squeeze-and-excite", (d) => d.squeezeExcite),
  structure("smooth activation", (d) => d.smoothActivation),
  ...SECTION_NAMES.flatMap((where, s) => sectionFeatures(where, s)),
  ...SECTION_NAMES.flatMap((_, from) =>
    SECTION_NAMES.slice(from + 1).flatMap((_, offset) => jointFeatures(from, from + 1 + offset)),
  ),
];

function totals(name: string, of: Feature["of"], caps: readonly number[]): Feature[] {
  return [
    { name, isTotal: true, of },
    ...caps.map((cap) => ({ name: `${name} up to ${cap}`, isTotal: true, of: (d: Descriptors) => capped(of(d), cap) })),
  ];
}

function structure(name: string, of: Feature["of"]): Feature {
  return { name, isTotal: false, of };
}

function sectionFeatures(where: string, s: number): Feature[] {
  return [
    structure(`ln width at ${where}`, (d) => d.sections[s]!.logWidth),
    structure(
      `depth times ln width at ${where}`,
      (d) => d.sections[s]!.depth * (d.sections[s]!.logWidth - Math.log(16)),
    ),
    structure(`ln depth at ${where}`, (d) => Math.log1p(d.sections[s]!.depth)),
    structure(`kernel at ${where}`, (d) => d.sections[s]!.logKernel),
    structure(`squeeze-and-excite at ${where}`, (d) => {
      const { depth, squeezeExciteCount } = d.sections[s]!;
      return depth === 0 ? 0 : squeezeExciteCount / depth;
    }),
  ];
}

/** Features of neighbouring sections taken together. */
function jointFeatures(from: number, to: number): Feature[] {
  const where = `${SECTION_NAMES[from]} to ${SECTION_NAMES[to]}`;
  const between = (sums: Float64Array): number => Math.log1p(sums[to + 1]! - sums[from]!);
  return [
    structure(`ln channels from ${where}`, (d) => between(d.channelsBefore)),
    structure(`ln depth from ${where}`, (d) => between(d.depthBefore)),
    structure(`ln squeeze-and-excite from ${where}`, (d) => between(d.squeezeExciteBefore)),
  ];
}

/** What a fit leaves behind, as it is written to the coefficient file. */
export interface SurrogateCoefficients {
  /** features whose coefficient is not zero */
  readonly features: readonly string[];
  readonly centres: readonly number[];
  /** change of ln(error) per unit, none positive */
  readonly coefficients: readonly number[];
  /** ln(error) at the centres under the default recipe */
  readonly intercept: number;
  /** added for a named training recipe, relative to the default one */
  readonly recipes: Readonly<Record<string, number>>;
  /** added for a recipe that has no name here, by its class */
  readonly recipeClasses: Readonly<Record<RecipeClass, number>>;
  readonly defaultRecipe: string;
  /** covariance of the coefficients and the intercept (last) that widens the answer away from the data, in units of the
   *  noise variance; lower triangle by rows */
  readonly covariance: readonly number[];
  /** smallest and largest value of each of SEEN among the networks of the fit that have stage tables */
  readonly seen: readonly (readonly [number, number])[];
  /** variance of ln(error) around the formula for a network of an unseen family, before the covariance */
  readonly noiseVariance: number;
}

/** What tells whether a network is of a kind that the fit has seen; one unit is a factor e, or from none to all. */
export const SEEN: readonly ((d: Descriptors) => number)[] = [
  (d) => d.logMacs,
  (d) => d.logParams,
  (d) => d.logResolution,
  (d) => Math.log(d.depth),
  (d) => d.kernel,
  (d) => d.depthwise,
  (d) => d.squeezeExcite,
  (d) => d.smoothActivation,
];

/** Squared distance from the box of what the fit has seen; 0 inside. */
export function novelty(seen: SurrogateCoefficients["seen"], descriptors: Descriptors): number {
  let sum = 0;
  for (let i = 0; i < SEEN.length; i++) {
    const value = SEEN[i]!(descriptors);
    const [low, high] = seen[i]!;
    const outside = value < low ? low - value : value > high ? value - high : 0;
    sum += outside * outside;
  }
  return sum;
}

/** Variance that one unit outside adds, in units of the noise variance: the answer's spread is then 1.7 times as wide.
 *  With it the published ResNet, VGG and AlexNet lie within two standard errors though no dense network was fitted. */
const NOVELTY_WEIGHT = 2;

export const RECIPE_CLASSES = ["basic", "standard", "strong"] as const;
export type RecipeClass = (typeof RECIPE_CLASSES)[number];

/** basic: about 100 epochs without strong augmentation; strong: 300 epochs and more with it, or distilled from a larger
 *  network; standard: everything between, which is what most papers do. */
export function recipeClassOf(name: string): RecipeClass {
  if (/basic|no strong aug|pycls|torchvision v1|100 ep|RSB C3/i.test(name)) return "basic";
  return /RSB|torchvision v2|very long|OFA|distill/i.test(name) ? "strong" : "standard";
}

export interface LogErrorPrediction {
  /** ln(top-1 error) */
  readonly mean: number;
  readonly variance: number;
}

/** Makes a function of the coefficients. @throws RangeError when the file names a feature that this version does not have */
export function surrogateModel(
  model: SurrogateCoefficients,
): (descriptors: Descriptors, recipe?: string) => LogErrorPrediction {
  const byName = new Map(FEATURES.map((feature) => [feature.name, feature]));
  const features = model.features.map((name) => {
    const feature = byName.get(name);
    if (feature === undefined) throw new RangeError(`the surrogate's coefficients name an unknown feature "${name}"`);
    return feature;
  });
  const triangle = Float64Array.from(model.covariance);
  const values = new Float64Array(features.length);
  return (descriptors, recipe) => {
    let mean = model.intercept + recipeOffset(model, recipe);
    for (let i = 0; i < features.length; i++) {
      values[i] = features[i]!.of(descriptors) - model.centres[i]!;
      mean += model.coefficients[i]! * values[i]!;
    }
    const widening = leverage(triangle, values) + NOVELTY_WEIGHT * novelty(model.seen, descriptors);
    return { mean, variance: model.noiseVariance * (1 + widening) };
  };
}

/** Offset of a recipe; one that the fit has not seen gets that of its class, none that of the default recipe. */
export function recipeOffset(model: SurrogateCoefficients, recipe: string | undefined): number {
  if (recipe === undefined) return 0;
  return model.recipes[recipe] ?? model.recipeClasses[recipeClassOf(recipe)];
}

/** xᵀ C x with x the centred features and a final 1, C given by its lower triangle. */
function leverage(triangle: Float64Array, features: Float64Array): number {
  const n = features.length;
  let sum = 0;
  let at = 0;
  for (let i = 0; i <= n; i++) {
    const xi = i < n ? features[i]! : 1;
    let row = 0;
    for (let j = 0; j < i; j++) row += triangle[at++]! * features[j]!;
    sum += xi * (2 * row + triangle[at++]! * xi);
  }
  return sum;
}
