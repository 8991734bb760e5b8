// docs/validation.md: what our model says beside silicon, RTL and other tools, file by file.
import { join } from "node:path";
import { z } from "zod";
import { packageRoot, readDocument } from "../../src/files/documents.js";
import type { FileScore, GroupScore } from "./reference.js";
import { ADAPTERS } from "./validate-folder.js";

/** The page as Markdown. */
export function validationMarkdown(scores: readonly FileScore[]): string {
  const rows = scores.flatMap((score) => [
    line(score.file, score.quantity, score),
    ...Object.entries(score.groups).map(([name, group]) => line(`… ${name}`, score.quantity, group)),
  ]);
  const used = ADAPTERS.filter(({ format }) => scores.some((score) => score.format === format));
  return `${HEAD}
| file | figure | rows | scored | within 0.1 % | mean error | median | worst | rank correlation |
|---|---|---|---|---|---|---|---|---|
${rows.join("\n")}

## What each is compared with, and what differs

${used.map(({ format, about }) => `- **${format}**: ${about}`).join("\n")}
`;
}

function line(name: string, quantity: string, score: GroupScore): string {
  const rank = score.spearman === null ? "" : score.spearman.toFixed(4);
  return `| ${name} | ${quantity} | ${score.rows} | ${score.scored} | ${percent(score.exactShare)} | ${percent(score.meanAbsErrorFraction)} | ${percent(score.medianAbsErrorFraction)} | ${percent(score.worstAbsErrorFraction)} | ${rank} |`;
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;

const gemminiFit = readDocument(
  join(packageRoot, "experiments/validation/gemmini.fitted.json"),
  z.object({
    rows: z.number(),
    arrayFillCycles: z.number(),
    unfittedMeanAbsErrorFraction: z.number(),
    unseenMeanAbsErrorFraction: z.number(),
    unseenSpearman: z.number(),
    fineUnseenMeanAbsErrorFraction: z.number(),
  }),
);

const HEAD = `# Validation

Our accelerator model against published silicon, RTL simulation and other cost models: the same layer, machine and mapping,
and the error of our figure. Made by \`npm run --silent validate -- --markdown > docs/validation.md\`; \`cosearch validate --data FOLDER\`
scores any folder with files in these formats. The error is of the main figure; "within 0.1 %" asks it of every figure of the row,
access counts and energy included.

Gemmini's overheads are the published ones. Fitted instead (cycles per weight residency and per DRAM tile; \`gemmini.fitted.json\`,
made by \`npx tsx experiments/validation/fit-gemmini.ts\`), the mean error on layers left out of the fit is ${percent(gemminiFit.unseenMeanAbsErrorFraction)}, rank correlation
${gemminiFit.unseenSpearman.toFixed(3)}, over the ${gemminiFit.rows} rows with recorded loops (${percent(gemminiFit.fineUnseenMeanAbsErrorFraction)} with a finer grid of values, ${percent(gemminiFit.unfittedMeanAbsErrorFraction)} without a fit). The fit finds the published
${gemminiFit.arrayFillCycles} cycles per weight residency again.
`;
