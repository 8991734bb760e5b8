// The whole fit from a folder of data: coefficients, baselines, what left-out networks say, and the report.
// Published networks are needed; MBConv networks and quantisation pairs are used where the folder holds them, else the
// slopes come from the published networks alone and the bits from the priors of the literature.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CosearchError } from "../../../src/core/errors.js";
import { type Baseline, countOf, type FittedLine, fitLine, lineAt } from "../baselines.js";
import type { FittedSurrogate } from "../imagenet-surrogate.js";
import {
  calibratedVariance,
  compareRivals,
  type LeftOut,
  leaveFamiliesOut,
  leavePairsOut,
  leaveScheduleRowsOut,
  mean,
  summarize,
} from "./evaluate-fit.js";
import { fitModel, publishedRows, scheduleRows } from "./fit-model.js";
import { fitInt8, PUBLISHED_INT4 } from "./fit-quantization.js";
import { fitReport } from "./fit-report.js";
import { type Published, readPublished, readQuantizationPairs, readShortSchedule } from "./training-data.js";

export interface Fit {
  readonly fitted: FittedSurrogate;
  /** text of the coefficient file */
  readonly json: string;
  /** Markdown */
  readonly report: string;
  /** one line of figures */
  readonly summary: string;
}

const LEAST_NETWORKS = 12;

/** @param isCompared also fit the rivals that were not chosen, for the report; takes four times as long
 *  @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function fitAll(folder: string, isCompared = true): Fit {
  const has = (file: string): boolean => existsSync(join(folder, file));
  const published = readPublished(folder);
  const rows = publishedRows(published);
  const withNetworks = rows.filter((row) => row.result.network !== undefined);
  if (withNetworks.length < LEAST_NETWORKS || new Set(withNetworks.map((row) => row.result.family)).size < 2) {
    const why = `${withNetworks.length} float networks with stage tables; at least ${LEAST_NETWORKS} of two families are needed`;
    throw new CosearchError("FILE_BAD_VALUE", `${join(folder, "imagenet-models.json")}: ${why}`);
  }
  const schedule = has("mbconv-imagenet-dpu.csv") ? scheduleRows(readShortSchedule(folder)) : [];
  const pairs = has("quantization-pairs.csv") ? readQuantizationPairs(folder) : [];
  const leftOut = leaveFamiliesOut(rows, schedule);
  const noiseVariance = calibratedVariance(leftOut);
  const scheduleScore = leaveScheduleRowsOut(rows, schedule);
  const pairErrors = leavePairsOut(pairs);
  const fitted: FittedSurrogate = {
    model: { ...fitModel(rows, schedule), noiseVariance },
    quantization: { int8: fitInt8(pairs), int4: PUBLISHED_INT4, weightShare: 0.5, relativeError: 0.6 },
    error: {
      ...summarize(leftOut),
      protocol: "networks with stage tables, each predicted by a fit without its family, under its published recipe",
    },
    baselines: {
      "macs-only": fitBaseline("macs-only", leftOut),
      "params-only": fitBaseline("params-only", leftOut),
    },
  };
  const rivals = isCompared ? compareRivals(rows, schedule) : [];
  const json = JSON.stringify(
    fitted,
    (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value),
    1,
  );
  const { kendallTau, meanAbsoluteErrorPoints, coverage90 } = fitted.error;
  const summary =
    `tau ${kendallTau.toFixed(3)} (MACs alone ${fitted.error.macsOnlyKendallTau.toFixed(3)}), ` +
    `error ${meanAbsoluteErrorPoints.toFixed(2)} points, coverage ${coverage90.toFixed(3)}` +
    (schedule.length === 0 ? "" : `, MBConv tau ${scheduleScore.kendallTau.toFixed(3)}`) +
    (pairs.length === 0 ? "" : `, int8 drop ${mean(pairErrors).toFixed(2)} points`);
  return {
    fitted,
    json: `${json}\n`,
    report: fitReport(fitted, leftOut, scheduleScore, rivals, pairs, pairErrors),
    summary,
  };
}

/** The line through all networks, and its error on families left out of it. */
function fitBaseline(baseline: Baseline, scored: readonly LeftOut[]): FittedLine {
  const lineOf = (networks: readonly Published[]): ReturnType<typeof fitLine> =>
    fitLine(
      networks.map((network) => countOf(baseline, network)),
      networks.map((network) => network.error),
    );
  const leftOut = scored.map(({ published }): LeftOut => {
    const others = scored.filter((each) => each.published.family !== published.family);
    return {
      published,
      mean: lineAt(lineOf(others.map((each) => each.published)), countOf(baseline, published)),
      varianceFactor: 1,
    };
  });
  const summarized = summarize(leftOut);
  return {
    ...lineOf(scored.map((each) => each.published)),
    variance: calibratedVariance(leftOut),
    error: {
      ...summarized,
      // the line rises, so it ranks as its count does; the lines of several folds would not
      kendallTau: baseline === "macs-only" ? summarized.macsOnlyKendallTau : summarized.paramsOnlyKendallTau,
      protocol: "the surrogate's networks, each predicted by a line without its family",
    },
  };
}
