// Measures a fit on what it has not seen: whole families left out, and quantisation pairs left out one at a time.

import type { ProxyError } from "../proxy.js";
import { familyRise, type QuantizationTerms, raisedError } from "../quantization.js";
import { kendallTau } from "../rank-statistics.js";
import { leverage, predictLogError } from "../surrogate-model.js";
import { FIT_SETTINGS, type FitRow, type FitSettings, fitModel } from "./fit-model.js";
import { fitInt8, methodOf, traitsOf } from "./fit-quantization.js";
import type { Published, QuantizationPair } from "./training-data.js";

export interface LeftOut {
  readonly published: Published;
  /** predicted ln(error) by a fit that never saw the family */
  readonly mean: number;
  /** 1 + leverage: variance up to the noise variance */
  readonly varianceFactor: number;
}

/** Every network with a stage table, predicted by a fit without its family. */
export function leaveFamiliesOut(rows: readonly FitRow[], settings: FitSettings = FIT_SETTINGS): LeftOut[] {
  const isScored = (row: FitRow): boolean => row.published.network !== undefined;
  const families = [...new Set(rows.filter(isScored).map((row) => row.published.family))].sort();
  return families.flatMap((family) => {
    const model = fitModel(
      rows.filter((row) => row.published.family !== family),
      settings,
    );
    return rows
      .filter((row) => isScored(row) && row.published.family === family)
      .map(({ published, features }) => ({
        published,
        mean: predictLogError(model, features, published.recipe).mean,
        varianceFactor: 1 + leverage(model.covariance, features),
      }));
  });
}

/** The noise variance with which 90 % of the left-out networks lie inside ± 1.645 standard deviations. */
export function calibratedVariance(leftOut: readonly LeftOut[]): number {
  const scaled = leftOut
    .map((each) => (Math.log(each.published.error) - each.mean) ** 2 / each.varianceFactor)
    .sort((a, b) => a - b);
  return scaled[Math.ceil(0.9 * scaled.length) - 1]! / 1.645 ** 2;
}

export function summarize(leftOut: readonly LeftOut[], noiseVariance: number): Omit<ProxyError, "protocol"> {
  const errors = leftOut.map((each) => each.published.error);
  const predicted = leftOut.map((each) => Math.exp(each.mean));
  const inside = leftOut.filter(
    (each) =>
      Math.abs(Math.log(each.published.error) - each.mean) <= 1.645 * Math.sqrt(noiseVariance * each.varianceFactor),
  );
  const worse = (values: readonly number[]): number[] => values.map((value) => -value);
  return {
    meanAbsoluteErrorPoints: mean(errors.map((error, i) => 100 * Math.abs(error - predicted[i]!))),
    kendallTau: kendallTau(predicted, errors),
    macsOnlyKendallTau: kendallTau(worse(leftOut.map((each) => each.published.macCount)), errors),
    paramsOnlyKendallTau: kendallTau(worse(leftOut.map((each) => each.published.paramCount)), errors),
    coverage90: inside.length / leftOut.length,
    networkCount: leftOut.length,
    groupCount: new Set(leftOut.map((each) => each.published.family)).size,
  };
}

/** Mean absolute error of the int8 drop in points, each pair predicted by a fit without it. */
export function leavePairsOut(pairs: readonly QuantizationPair[]): {
  readonly points: number[];
  readonly mean: number;
} {
  const points = pairs.map((pair, i) => {
    const terms: QuantizationTerms["int8"] = fitInt8(pairs.filter((_, j) => j !== i));
    const predicted = raisedError(pair.floatError, familyRise(terms[methodOf(pair)], traitsOf(pair.family)));
    return 100 * Math.abs(predicted - pair.int8Error);
  });
  return { points, mean: mean(points) };
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
