// The fit itself: one ridge regression of ln(error) under sign constraints on three kinds of rows at once.
//   published network with a stage table:  ln(error) = features + recipe + family
//   published network without one:         ln(error) = totals, with slopes of their own + recipe + family
//   MBConv network, short schedule:        scale · ln(error) = features + schedule
// The short schedule so teaches slopes and not the level. A family effect is what a family is better than its features say;
// an unseen family has none. Mixed-model reading of ridge: penalty = noise variance / variance of the effect.

import type { Network } from "../../network/ir.js";
import { describe } from "../descriptors.js";
import { constrainedRidge, normalEquations, symmetricInverse } from "../linear-algebra.js";
import { FEATURES, RECIPE_CLASSES, recipeClassOf, SEEN, type SurrogateCoefficients } from "../surrogate-model.js";
import type { Published, ShortSchedule } from "./training-data.js";

export interface FitSettings {
  /** part of a difference of ln(error) under the short schedule that is left after full training */
  readonly scheduleScale: number;
  /** weight of a row, against 1 for a published network with a stage table */
  readonly scheduleWeight: number;
  readonly totalsOnlyWeight: number;
  readonly featurePenalty: number;
  readonly ownSlopePenalty: number;
  readonly recipePenalty: number;
  readonly familyPenalty: number;
  /** coefficients of features may not be positive */
  readonly isMonotone: boolean;
  /** no feature but the totals: MACs, parameters and resolution */
  readonly isTotalsOnly: boolean;
}

/** Chosen among a few by the error on left-out families and left-out MBConv networks. */
export const FIT_SETTINGS: FitSettings = {
  scheduleScale: 0.85,
  scheduleWeight: 0.2,
  totalsOnlyWeight: 0.5,
  featurePenalty: 0.02,
  ownSlopePenalty: 0.03,
  recipePenalty: 1,
  familyPenalty: 0.1,
  isMonotone: true,
  isTotalsOnly: false,
};

/** A result that search estimates should mean: what authors publish for their own network. */
export const DEFAULT_RECIPE = "paper/author release";
const FREE = 1e-6;
const HELD = 1e9;
/** Part of the coefficients' covariance that is passed on. The ridge's own covariance counts the differences between
 *  families, which the noise variance measures again on left-out families; with this part both sizes of interval fit best. */
const COVARIANCE_SHARE = 0.1;

/** A result with its features, shape [FEATURES.length]; those that need a stage table are NaN without one. */
export interface FitRow<Result> {
  readonly result: Result;
  readonly features: Float64Array;
}

/** Float results as regression rows; quantised ones teach the drop, not the level. */
export function publishedRows(published: readonly Published[]): FitRow<Published>[] {
  return published
    .filter((result) => result.precision === "fp32")
    .map((result) => ({
      result,
      features: result.network === undefined ? totalFeatures(result) : featuresOf(result.network),
    }));
}

export const scheduleRows = (results: readonly ShortSchedule[]): FitRow<ShortSchedule>[] =>
  results.map((result) => ({ result, features: featuresOf(result.network) }));

function featuresOf(network: Network): Float64Array {
  const descriptors = describe(network);
  return Float64Array.from(FEATURES, (feature) => feature.of(descriptors));
}

function totalFeatures(result: Published): Float64Array {
  const totals = {
    logMacs: Math.log(result.macCount),
    logParams: Math.log(result.paramCount),
    logResolution: Math.log(result.resolution / 224),
  } as ReturnType<typeof describe>; // features that are totals read nothing else
  return Float64Array.from(FEATURES, (feature) => (feature.isTotal ? feature.of(totals) : Number.NaN));
}

/** The range of each of SEEN over the networks that have stage tables. */
function seenBy(rows: readonly FitRow<{ readonly network?: Network }>[]): SurrogateCoefficients["seen"] {
  const described = rows.flatMap(({ result }) => (result.network === undefined ? [] : describe(result.network)));
  return SEEN.map((of) => {
    const values = described.map(of);
    return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))] as const;
  });
}

/** Where each group of coefficients stands in a row of the design. */
interface Layout {
  readonly recipes: readonly string[];
  readonly families: readonly string[];
  readonly ownSlopes: number;
  readonly intercept: number;
  readonly recipe: number;
  readonly recipeClass: number;
  readonly family: number;
  readonly schedule: number;
  readonly size: number;
}

const TOTALS = FEATURES.flatMap((feature, i) => (feature.isTotal ? [i] : []));

function layoutOf(published: readonly FitRow<Published>[]): Layout {
  const recipes = [...new Set(published.map((row) => row.result.recipe))].sort();
  const families = [...new Set(published.map((row) => row.result.family))].sort();
  const ownSlopes = FEATURES.length;
  const intercept = ownSlopes + TOTALS.length;
  const recipe = intercept + 1;
  const recipeClass = recipe + recipes.length;
  const family = recipeClass + RECIPE_CLASSES.length;
  const schedule = family + families.length;
  return { recipes, families, ownSlopes, intercept, recipe, recipeClass, family, schedule, size: schedule + 1 };
}

/** @throws RangeError when a penalty is so small that the problem has no single solution */
export function fitModel(
  published: readonly FitRow<Published>[],
  schedule: readonly FitRow<ShortSchedule>[],
  settings: FitSettings = FIT_SETTINGS,
): Omit<SurrogateCoefficients, "noiseVariance"> {
  const layout = layoutOf(published);
  const centres = centresOf(
    schedule.length > 0 ? schedule : published.filter((row) => row.result.network !== undefined),
  );
  const penalties = new Float64Array(layout.size).fill(settings.familyPenalty);
  penalties.fill(settings.featurePenalty, 0, layout.ownSlopes);
  if (settings.isTotalsOnly) for (const [i, feature] of FEATURES.entries()) if (!feature.isTotal) penalties[i] = HELD;
  penalties.fill(settings.ownSlopePenalty, layout.ownSlopes, layout.intercept);
  penalties.fill(settings.recipePenalty, layout.recipe, layout.family);
  penalties[layout.intercept] = FREE;
  penalties[layout.schedule] = FREE;
  const problem = {
    rows: [
      ...published.map((row) => publishedDesign(row, layout, centres)),
      ...schedule.map((row) => scheduleDesign(row, layout, centres)),
    ],
    targets: [
      ...published.map((row) => Math.log(row.result.error)),
      ...schedule.map((row) => settings.scheduleScale * Math.log(row.result.error)),
    ],
    weights: [
      ...published.map((row) => (row.result.network === undefined ? settings.totalsOnlyWeight : 1)),
      ...schedule.map(() => settings.scheduleWeight),
    ],
    penalties,
  };
  const isAtMostZero = Array.from({ length: layout.size }, (_, i) => settings.isMonotone && i < FEATURES.length);
  const solution = constrainedRidge(problem, isAtMostZero);
  const seen = seenBy([...published, ...schedule]);
  return { ...coefficientsOf(solution, normalEquations(problem).matrix, layout, centres), seen };
}

/** Features are measured from the mean of the MBConv networks, so that 0 means a usual mobile network. */
function centresOf(rows: readonly FitRow<unknown>[]): Float64Array {
  return Float64Array.from(FEATURES, (feature, i) =>
    feature.isTotal ? 0 : rows.reduce((sum, row) => sum + row.features[i]!, 0) / rows.length,
  );
}

function publishedDesign({ result, features }: FitRow<Published>, layout: Layout, centres: Float64Array): Float64Array {
  const row = new Float64Array(layout.size);
  const isTotalsOnly = result.network === undefined;
  for (let i = 0; i < FEATURES.length; i++) {
    if (FEATURES[i]!.isTotal || !isTotalsOnly) row[i] = features[i]! - centres[i]!;
  }
  if (isTotalsOnly) for (const [k, i] of TOTALS.entries()) row[layout.ownSlopes + k] = features[i]!;
  row[layout.intercept] = 1;
  row[layout.recipe + layout.recipes.indexOf(result.recipe)] = 1;
  row[layout.recipeClass + RECIPE_CLASSES.indexOf(recipeClassOf(result.recipe))] = 1;
  row[layout.family + layout.families.indexOf(result.family)] = 1;
  return row;
}

function scheduleDesign({ features }: FitRow<ShortSchedule>, layout: Layout, centres: Float64Array): Float64Array {
  const row = new Float64Array(layout.size);
  for (let i = 0; i < FEATURES.length; i++) row[i] = features[i]! - centres[i]!;
  row[layout.schedule] = 1;
  return row;
}

function coefficientsOf(
  solution: Float64Array,
  matrix: Float64Array,
  layout: Layout,
  centres: Float64Array,
): Omit<SurrogateCoefficients, "noiseVariance" | "seen"> {
  const active = FEATURES.flatMap((_, i) => (Math.abs(solution[i]!) > 1e-6 ? [i] : []));
  const classOffset = (name: string): number =>
    solution[layout.recipeClass + RECIPE_CLASSES.indexOf(recipeClassOf(name))]!;
  const offset = (name: string): number => {
    const at = layout.recipes.indexOf(name);
    return classOffset(name) + (at < 0 ? 0 : solution[layout.recipe + at]!);
  };
  const base = offset(DEFAULT_RECIPE);
  return {
    features: active.map((i) => FEATURES[i]!.name),
    centres: active.map((i) => centres[i]!),
    coefficients: active.map((i) => solution[i]!),
    intercept: solution[layout.intercept]! + base,
    recipes: Object.fromEntries(layout.recipes.map((name) => [name, offset(name) - base])),
    recipeClasses: {
      basic: solution[layout.recipeClass]! - base,
      standard: solution[layout.recipeClass + 1]! - base,
      strong: solution[layout.recipeClass + 2]! - base,
    },
    defaultRecipe: DEFAULT_RECIPE,
    covariance: covarianceOf(matrix, layout, active),
  };
}

/** Covariance of the active coefficients and the intercept, those held at zero being known. */
function covarianceOf(matrix: Float64Array, layout: Layout, active: readonly number[]): number[] {
  const kept = [...active, layout.intercept];
  for (let i = layout.ownSlopes; i < layout.size; i++) if (i !== layout.intercept) kept.push(i);
  const n = kept.length;
  const reduced = new Float64Array(n * n);
  kept.forEach((i, a) => {
    kept.forEach((j, b) => {
      reduced[a * n + b] = matrix[i * layout.size + j]!;
    });
  });
  const inverse = symmetricInverse(reduced, n);
  const triangle: number[] = [];
  for (let i = 0; i <= active.length; i++)
    for (let j = 0; j <= i; j++) triangle.push(COVARIANCE_SHARE * inverse[i * n + j]!);
  return triangle;
}
