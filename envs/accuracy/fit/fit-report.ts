// Writes docs/accuracy-fit.md: what the fit reached on networks and pairs that it had not seen.
import { median } from "../../../src/core/statistics.js";
import type { ProxyError } from "../estimate.js";
import type { FittedSurrogate } from "../imagenet-surrogate.js";
import { kendallTau } from "../rank-statistics.js";
import { type LeftOut, mean, type Rival, type ScheduleScore } from "./evaluate-fit.js";
import { methodOf } from "./fit-quantization.js";
import type { QuantizationPair } from "./training-data.js";

export function fitReport(
  fitted: FittedSurrogate,
  leftOut: readonly LeftOut[],
  schedule: ScheduleScore,
  rivals: readonly Rival[],
  pairs: readonly QuantizationPair[],
  pairErrors: readonly number[],
): string {
  const { error } = fitted;
  const families = [...new Set(leftOut.map((each) => each.published.family))];
  const methods = [...new Set(pairs.map(methodOf))];
  return [
    "# How well the ImageNet surrogate fits",
    "",
    "Written by `npx tsx envs/accuracy/fit/fit-surrogate.ts --data <folder>`; do not edit. What it means: [accuracy.md](accuracy.md).",
    "",
    "## Published networks, whole families left out",
    "",
    `${error.networkCount} float results of ${error.groupCount} families; ${error.protocol}.`,
    "",
    "| predictor | Kendall tau | mean absolute error (points) | inside the 90 % interval |",
    "|---|---|---|---|",
    `| surrogate | ${error.kendallTau.toFixed(3)} | ${error.meanAbsoluteErrorPoints.toFixed(2)} | ${percent(error.coverage90)} |`,
    ...(fitted.baselines === undefined
      ? []
      : [
          baselineLine("MACs alone", fitted.baselines["macs-only"].error),
          baselineLine("parameters alone", fitted.baselines["params-only"].error),
        ]),
    "",
    "| family left out | networks | mean absolute error (points) | bias (points, + = too optimistic) | Kendall tau |",
    "|---|---|---|---|---|",
    ...families.map((family) => familyLine(family, leftOut)),
    "",
    "## MBConv networks under the short schedule, every fifth left out",
    "",
    `${schedule.networkCount} networks; only their order is scored, since the short schedule says nothing of the level.`,
    "",
    "| predictor | Kendall tau |",
    "|---|---|",
    `| surrogate | ${schedule.kendallTau.toFixed(3)} |`,
    `| MACs alone | ${schedule.macsOnlyKendallTau.toFixed(3)} |`,
    `| parameters alone | ${schedule.paramsOnlyKendallTau.toFixed(3)} |`,
    "",
    "## Other fits on the same left-out networks",
    "",
    "| fit | Kendall tau, families | mean absolute error, families (points) | Kendall tau, MBConv |",
    "|---|---|---|---|",
    `| the surrogate | ${error.kendallTau.toFixed(3)} | ${error.meanAbsoluteErrorPoints.toFixed(2)} | ${schedule.kendallTau.toFixed(3)} |`,
    ...rivals.map(
      (rival) =>
        `| ${rival.name} | ${rival.kendallTau.toFixed(3)} | ${rival.meanAbsoluteErrorPoints.toFixed(2)} | ${rival.scheduleKendallTau.toFixed(3)} |`,
    ),
    "",
    "## int8, pairs left out one at a time",
    "",
    "| method | pairs | mean absolute error of the drop (points) | median | largest |",
    "|---|---|---|---|---|",
    ...methods.map((method) => {
      const errors = pairErrors.filter((_, i) => methodOf(pairs[i]!) === method);
      return pairLine(method, errors);
    }),
    pairLine("all", pairErrors),
    "",
    "## Coefficients",
    "",
    "Change of ln(error) per unit of the feature; none may be positive, and features that would be are left out.",
    "",
    "| feature | coefficient |",
    "|---|---|",
    ...fitted.model.features.map((name, i) => `| ${name} | ${fitted.model.coefficients[i]!.toFixed(4)} |`),
    "",
  ].join("\n");
}

function pairLine(name: string, errors: readonly number[]): string {
  const figures = [mean(errors), median(errors), Math.max(0, ...errors)];
  return `| ${name} | ${errors.length} | ${figures.map((figure) => figure.toFixed(2)).join(" | ")} |`;
}

const baselineLine = (name: string, error: ProxyError): string =>
  `| ${name} | ${error.kendallTau.toFixed(3)} | ${error.meanAbsoluteErrorPoints.toFixed(2)} | ${percent(error.coverage90)} |`;

function familyLine(family: string, leftOut: readonly LeftOut[]): string {
  const own = leftOut.filter((each) => each.published.family === family);
  const misses = own.map((each) => 100 * (each.published.error - Math.exp(each.mean)));
  const tau = kendallTau(
    own.map((each) => each.mean),
    own.map((each) => each.published.error),
  );
  return `| ${family} | ${own.length} | ${mean(misses.map(Math.abs)).toFixed(2)} | ${mean(misses).toFixed(2)} | ${own.length > 2 ? tau.toFixed(3) : ""} |`;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
