// Fits the default accuracy proxy and writes its coefficients and its report:
//   npx tsx envs/accuracy/fit/fit-surrogate.ts --data ../shared/data
// Deterministic: the same data give the same files.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../../src/files/documents.js";
import type { FittedSurrogate } from "../imagenet-surrogate.js";
import {
  calibratedVariance,
  compareRivals,
  leaveFamiliesOut,
  leavePairsOut,
  leaveScheduleRowsOut,
  mean,
  summarize,
} from "./evaluate-fit.js";
import { fitModel, publishedRows, scheduleRows } from "./fit-model.js";
import { fitInt8, PUBLISHED_INT4 } from "./fit-quantization.js";
import { fitReport } from "./fit-report.js";
import { readPublished, readQuantizationPairs, readShortSchedule } from "./training-data.js";

const { values } = parseArgs({ options: { data: { type: "string", default: "../shared/data" } } });

const published = readPublished(values.data);
const pairs = readQuantizationPairs(values.data);
const rows = publishedRows(published);
const schedule = scheduleRows(readShortSchedule(values.data));

const leftOut = leaveFamiliesOut(rows, schedule);
const noiseVariance = calibratedVariance(leftOut);
const scheduleScore = leaveScheduleRowsOut(rows, schedule);
const rivals = compareRivals(rows, schedule);
const pairErrors = leavePairsOut(pairs);

const fitted: FittedSurrogate = {
  model: { ...fitModel(rows, schedule), noiseVariance },
  quantization: {
    int8: fitInt8(pairs),
    int4: PUBLISHED_INT4,
    weightShare: 0.5,
    relativeError: 0.6,
  },
  error: {
    ...summarize(leftOut),
    protocol: "networks with stage tables, each predicted by a fit without its family, under its published recipe",
  },
};

const rounded = JSON.stringify(
  fitted,
  (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value),
  1,
);
writeFileSync(join(packageRoot, "envs/accuracy/imagenet-surrogate.fitted.json"), `${rounded}\n`);
writeFileSync(
  join(packageRoot, "docs/accuracy-fit.md"),
  fitReport(fitted, leftOut, scheduleScore, rivals, pairs, pairErrors),
);
process.stdout.write(
  `tau ${fitted.error.kendallTau.toFixed(3)}, error ${fitted.error.meanAbsoluteErrorPoints.toFixed(2)} points, ` +
    `coverage ${fitted.error.coverage90.toFixed(3)}, MBConv tau ${scheduleScore.kendallTau.toFixed(3)}, int8 drop ${mean(pairErrors).toFixed(2)} points\n`,
);
