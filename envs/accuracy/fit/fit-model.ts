// The fit itself: ridge regression of ln(error) with family and recipe effects beside the features, under sign constraints.
// A family effect says how much better a family is than its features explain; an unseen family has none, so its spread is
// part of the standard error. Mixed-model reading of ridge: penalty = noise variance / variance of the effect.

import { describe } from "../descriptors.js";
import { constrainedRidge, normalEquations, symmetricInverse } from "../linear-algebra.js";
import { FEATURE_COUNT, FEATURES, featuresOf, leverage, type SurrogateCoefficients } from "../surrogate-model.js";
import type { Published } from "./training-data.js";

export interface FitSettings {
  /** ridge penalty of a feature, of a recipe offset and of a family effect */
  readonly featurePenalty: number;
  readonly recipePenalty: number;
  readonly familyPenalty: number;
  /** weight of a network without stage table, against 1 */
  readonly totalsOnlyWeight: number;
}

export const FIT_SETTINGS: FitSettings = {
  featurePenalty: 0.05,
  recipePenalty: 1,
  familyPenalty: 0.5,
  totalsOnlyWeight: 0.5,
};

/** A result that search estimates should mean: what authors publish for their own network. */
export const DEFAULT_RECIPE = "paper/author release";

export interface FitRow {
  readonly published: Published;
  readonly features: Float64Array;
}

/** Float results as regression rows; quantised ones teach the drop, not the level. */
export function fitRows(published: readonly Published[]): FitRow[] {
  return published.filter((p) => p.precision === "fp32").map((p) => ({ published: p, features: rowFeatures(p) }));
}

export function rowFeatures(p: Published): Float64Array {
  if (p.network !== undefined) return featuresOf(describe(p.network));
  const totals = {
    logMacs: Math.log(p.macCount),
    logParams: Math.log(p.paramCount),
    logMapWeights: 0,
    logResolution: Math.log(p.resolution / 224),
    depth: 1,
    kernel: 0,
    squeezeExcite: 0,
    depthwise: 0,
    smoothActivation: 0,
    sections: [],
  };
  return featuresOf(totals, true);
}

export function fitModel(rows: readonly FitRow[], settings: FitSettings = FIT_SETTINGS): SurrogateCoefficients {
  const recipes = [...new Set(rows.map((row) => row.published.recipe))].sort();
  const families = [...new Set(rows.map((row) => row.published.family))].sort();
  const size = FEATURE_COUNT + 1 + recipes.length + families.length;
  const design = rows.map(({ published, features }) => {
    const row = new Float64Array(size);
    row.set(features);
    row[FEATURE_COUNT] = 1;
    row[FEATURE_COUNT + 1 + recipes.indexOf(published.recipe)] = 1;
    row[FEATURE_COUNT + 1 + recipes.length + families.indexOf(published.family)] = 1;
    return row;
  });
  const penalties = new Float64Array(size).fill(settings.familyPenalty);
  penalties.fill(settings.featurePenalty, 0, FEATURE_COUNT);
  penalties[FEATURE_COUNT] = 1e-6;
  penalties.fill(settings.recipePenalty, FEATURE_COUNT + 1, FEATURE_COUNT + 1 + recipes.length);
  const problem = {
    rows: design,
    targets: rows.map((row) => Math.log(row.published.error)),
    weights: rows.map((row) => (row.published.network === undefined ? settings.totalsOnlyWeight : 1)),
    penalties,
  };
  const isAtMostZero = Array.from({ length: size }, (_, i) => FEATURES[i]?.isCapacity === true);
  const solution = constrainedRidge(problem, isAtMostZero);
  const inverse = symmetricInverse(normalEquations(problem).matrix, size);
  const covariance: number[] = [];
  for (let i = 0; i <= FEATURE_COUNT; i++) for (let j = 0; j <= i; j++) covariance.push(inverse[i * size + j]!);
  const offsets = recipes.map((_, i) => solution[FEATURE_COUNT + 1 + i]!);
  const defaultOffset = offsets[recipes.indexOf(DEFAULT_RECIPE)] ?? 0;
  const withStages = rows.filter((row) => row.published.network !== undefined);
  return {
    features: FEATURES.map((feature) => feature.name),
    coefficients: [...solution.subarray(0, FEATURE_COUNT)],
    intercept: solution[FEATURE_COUNT]! + defaultOffset,
    recipes: Object.fromEntries(recipes.map((name, i) => [name, offsets[i]! - defaultOffset])),
    defaultRecipe: DEFAULT_RECIPE,
    covariance,
    noiseVariance: 1,
    highestLeverage: Math.max(...withStages.map((row) => leverage(covariance, row.features))),
  };
}
