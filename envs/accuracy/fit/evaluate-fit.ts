// Measures a fit on what it has not seen: whole families, MBConv networks and quantisation pairs left out.
import { describe } from "../descriptors.js";
import type { ProxyError } from "../estimate.js";
import { raisedError } from "../quantization.js";
import { kendallTau } from "../rank-statistics.js";
import { surrogateModel } from "../surrogate-model.js";
import { FIT_SETTINGS, type FitRow, type FitSettings, fitModel } from "./fit-model.js";
import { expectedRise, fitInt8 } from "./fit-quantization.js";
import type { Published, QuantizationPair, ShortSchedule } from "./training-data.js";

export interface LeftOut {
  readonly published: Published;
  /** ln(error) as a fit says that never saw the family */
  readonly mean: number;
  /** variance of ln(error), up to the noise variance */
  readonly varianceFactor: number;
}

/** Every network with a stage table, predicted by a fit without its family, under its published recipe. */
export function leaveFamiliesOut(
  published: readonly FitRow<Published>[],
  schedule: readonly FitRow<ShortSchedule>[],
  settings: FitSettings = FIT_SETTINGS,
): LeftOut[] {
  const scored = published.filter((row) => row.result.network !== undefined);
  const families = [...new Set(scored.map((row) => row.result.family))].sort();
  return families.flatMap((family) => {
    const others = published.filter((row) => row.result.family !== family);
    const predict = surrogateModel({ ...fitModel(others, schedule, settings), noiseVariance: 1 });
    return scored
      .filter((row) => row.result.family === family)
      .map(({ result }) => {
        const { mean, variance } = predict(describe(result.network!), result.recipe);
        return { published: result, mean, varianceFactor: variance };
      });
  });
}

/** A 90 % interval is set so wide that it holds this share of the networks that set it: families differ from each other by
 *  more than the networks of one, so the next family's networks are caught a little less often. */
const CALIBRATION_SHARE = 0.93;

/** The noise variance with which that share of the networks lies inside ± 1.645 standard deviations. */
export function calibratedVariance(leftOut: readonly LeftOut[]): number {
  const scaled = leftOut
    .map((each) => (Math.log(each.published.error) - each.mean) ** 2 / each.varianceFactor)
    .sort((a, b) => a - b);
  return scaled[Math.ceil(CALIBRATION_SHARE * scaled.length) - 1]! / 1.645 ** 2;
}

/** The share of networks inside their 90 % interval, the width of which was set without the network's family. */
export function coverage(leftOut: readonly LeftOut[]): number {
  const inside = leftOut.filter((each) => {
    const others = leftOut.filter((other) => other.published.family !== each.published.family);
    const deviation = Math.sqrt(calibratedVariance(others) * each.varianceFactor);
    return Math.abs(Math.log(each.published.error) - each.mean) <= 1.645 * deviation;
  });
  return inside.length / leftOut.length;
}

export function summarize(leftOut: readonly LeftOut[]): Omit<ProxyError, "protocol"> {
  const errors = leftOut.map((each) => each.published.error);
  const predicted = leftOut.map((each) => Math.exp(each.mean));
  return {
    meanAbsoluteErrorPoints: mean(errors.map((error, i) => 100 * Math.abs(error - predicted[i]!))),
    kendallTau: kendallTau(predicted, errors),
    macsOnlyKendallTau: -kendallTau(
      leftOut.map((each) => each.published.macCount),
      errors,
    ),
    paramsOnlyKendallTau: -kendallTau(
      leftOut.map((each) => each.published.paramCount),
      errors,
    ),
    coverage90: coverage(leftOut),
    networkCount: leftOut.length,
    groupCount: new Set(leftOut.map((each) => each.published.family)).size,
  };
}

export interface ScheduleScore {
  readonly networkCount: number;
  readonly kendallTau: number;
  readonly macsOnlyKendallTau: number;
  readonly paramsOnlyKendallTau: number;
}

/** Ranking of every fifth MBConv network by a fit on the other four fifths (or none) and all published networks. */
export function leaveScheduleRowsOut(
  published: readonly FitRow<Published>[],
  schedule: readonly FitRow<ShortSchedule>[],
  settings: FitSettings = FIT_SETTINGS,
  usesSchedule = true,
): ScheduleScore {
  if (schedule.length === 0) return { networkCount: 0, kendallTau: 0, macsOnlyKendallTau: 0, paramsOnlyKendallTau: 0 };
  const predict = surrogateModel({
    ...fitModel(
      published,
      schedule.filter((_, i) => usesSchedule && i % 5 !== 0),
      settings,
    ),
    noiseVariance: 1,
  });
  const scored = schedule.filter((_, i) => i % 5 === 0).map((row) => row.result);
  const errors = scored.map((each) => each.error);
  return {
    networkCount: scored.length,
    kendallTau: kendallTau(
      scored.map((each) => predict(describe(each.network)).mean),
      errors,
    ),
    macsOnlyKendallTau: -kendallTau(
      scored.map((each) => each.network.macCount),
      errors,
    ),
    paramsOnlyKendallTau: -kendallTau(
      scored.map((each) => each.network.paramCount),
      errors,
    ),
  };
}

/** A kind of fit that was not chosen, on the same left-out networks. */
export interface Rival {
  readonly name: string;
  readonly kendallTau: number;
  readonly meanAbsoluteErrorPoints: number;
  readonly scheduleKendallTau: number;
}

const RIVALS: readonly {
  readonly name: string;
  readonly usesSchedule: boolean;
  readonly change: Partial<FitSettings>;
}[] = [
  { name: "the same without the sign constraint", usesSchedule: true, change: { isMonotone: false } },
  { name: "without the MBConv networks", usesSchedule: false, change: {} },
  { name: "MACs, parameters and resolution only", usesSchedule: false, change: { isTotalsOnly: true } },
  {
    name: "the last without the sign constraint",
    usesSchedule: false,
    change: { isTotalsOnly: true, isMonotone: false },
  },
];

export function compareRivals(
  published: readonly FitRow<Published>[],
  schedule: readonly FitRow<ShortSchedule>[],
): Rival[] {
  return RIVALS.map(({ name, usesSchedule, change }) => {
    const settings = { ...FIT_SETTINGS, ...change };
    const { kendallTau: tau, meanAbsoluteErrorPoints } = summarize(
      leaveFamiliesOut(published, usesSchedule ? schedule : [], settings),
    );
    const scheduleScore = leaveScheduleRowsOut(published, schedule, settings, usesSchedule);
    return { name, kendallTau: tau, meanAbsoluteErrorPoints, scheduleKendallTau: scheduleScore.kendallTau };
  });
}

/** Absolute errors of the int8 drop in points, each pair predicted by a fit without it. */
export function leavePairsOut(pairs: readonly QuantizationPair[]): number[] {
  return pairs.map((pair, i) => {
    const terms = fitInt8(pairs.filter((_, j) => j !== i));
    const predicted = raisedError(pair.floatError, expectedRise(terms, pair));
    return 100 * Math.abs(predicted - pair.int8Error);
  });
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
