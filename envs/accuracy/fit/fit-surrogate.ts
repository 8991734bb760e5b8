// Fits the default accuracy proxy and writes its coefficients and its report:
//   npx tsx envs/accuracy/fit/fit-surrogate.ts --data ../shared/data
// Deterministic: the same data give the same files.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../../src/files/documents.js";
import type { FittedSurrogate } from "../imagenet-surrogate.js";
import { calibratedVariance, leaveFamiliesOut, leavePairsOut, summarize } from "./evaluate-fit.js";
import { fitModel, fitRows } from "./fit-model.js";
import { fitInt8 } from "./fit-quantization.js";
import { fitReport } from "./fit-report.js";
import { readPublished, readQuantizationPairs } from "./training-data.js";

const { values } = parseArgs({ options: { data: { type: "string", default: "../shared/data" } } });

const published = readPublished(values.data);
const pairs = readQuantizationPairs(values.data);
const rows = fitRows(published);

const leftOut = leaveFamiliesOut(rows);
const noiseVariance = calibratedVariance(leftOut);
const pairsLeftOut = leavePairsOut(pairs);

const fitted: FittedSurrogate = {
  model: { ...fitModel(rows), noiseVariance },
  quantization: {
    int8: fitInt8(pairs),
    // Published 4-bit results, see docs/accuracy.md, "Four bits".
    int4: { base: 0.03, depthwise: 0.11, squeezeExciteSmooth: 0.04 },
    weightShare: { 8: 0.5, 4: 0.6 },
    relativeError: 0.6,
  },
  error: {
    ...summarize(leftOut, noiseVariance),
    protocol: "networks with stage tables, each predicted by a fit without its family, under its published recipe",
  },
};

const rounded = JSON.stringify(
  fitted,
  (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value),
  1,
);
writeFileSync(join(packageRoot, "envs/accuracy/imagenet-surrogate.fitted.json"), `${rounded}\n`);
writeFileSync(join(packageRoot, "docs/accuracy-fit.md"), fitReport(fitted, leftOut, pairs, pairsLeftOut.points));
process.stdout.write(
  `tau ${fitted.error.kendallTau.toFixed(3)}, error ${fitted.error.meanAbsoluteErrorPoints.toFixed(2)} points, ` +
    `coverage ${fitted.error.coverage90.toFixed(3)}, int8 drop ${pairsLeftOut.mean.toFixed(2)} points\n`,
);
