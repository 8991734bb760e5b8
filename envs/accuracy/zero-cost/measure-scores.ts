// Trains networks of different width, depth, kernel and kind on the embedded set with several seeds, and holds every zero-cost
// score against what came out:   npx tsx envs/accuracy/zero-cost/measure-scores.ts --networks 40 --steps 200
// It also tells how well the set ranks: how far two trainings of the same networks agree on their order.
// Writes docs/accuracy-zero-cost.md, the lines that turn scores into accuracies (zero-cost.fitted.json) and what two trainings
// of a network differ by (short-training.fitted.json). A stop loses one network: --notes keeps the results.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RandomStream } from "../../../src/core/rng.js";
import { packageRoot } from "../../../src/files/package-root.js";
import { initBackend } from "../../../src/tensors/backend.js";
import type { Network } from "../../network/ir.js";
import { buildNetwork } from "../../network/network-file.js";
import { embeddedSet } from "../training/image-set.js";
import { meanAccuracies, rankRow, rankTable, reliabilityText, type TrainedNetwork } from "../training/rank-study.js";
import { seedFit } from "../training/seed-fit.js";
import { trainNetwork } from "../training/train.js";
import { ZERO_COST_SCORES, zeroCostScores } from "./scores.js";
import { zeroCostFit } from "./zero-cost-fit.js";

const { values } = parseArgs({
  options: {
    networks: { type: "string", default: "40" },
    steps: { type: "string", default: "200" },
    notes: { type: "string" },
  },
});
const RESOLUTION = 16;
const [networkCount, steps] = [Number(values.networks), Number(values.steps)];

/** Every other network dense, every other one of inverted residuals; each is a function of its number alone. */
function randomNetwork(index: number): Network {
  const random = RandomStream.of(1, `zero-cost/network/${index}`);
  const pick = <T>(items: readonly T[]): T => items[random.integer(items.length)]!;
  const width = pick([4, 8, 12, 16]);
  const kind = index % 2 === 0 ? pick(["conv", "residual-basic"] as const) : ("inverted-residual" as const);
  const kernels = kind === "inverted-residual" ? [3, 5] : [1, 3, 3, 5];
  const stage = (channels: number) => ({
    kind,
    kernel: pick(kernels),
    channels,
    stride: 2,
    repeat: pick([1, 2]),
    ...(kind === "inverted-residual" && { expansion: pick([2, 4]) }),
  });
  return buildNetwork({
    name: `${kind}-${index}`,
    input: { resolution: RESOLUTION },
    classes: 10,
    stem: { channels: width, stride: pick([1, 2]) },
    stages: [stage(width), stage(2 * width)],
    head: {},
  });
}

/** Results of an earlier run with the same steps. */
function notesOf(file: string | undefined): Map<string, TrainedNetwork> {
  if (file === undefined || !existsSync(file)) return new Map();
  const lines = readFileSync(file, "utf8").trim().split("\n");
  const notes = lines.map((line) => JSON.parse(line) as { steps: number; row: TrainedNetwork });
  return new Map(notes.filter((note) => note.steps === steps).map(({ row }) => [row.name, row]));
}

await initBackend("wasm");
const data = embeddedSet(1, 3000, 1000, RESOLUTION);
const known = notesOf(values.notes);
const rows: TrainedNetwork[] = [];
for (let i = 0; i < networkCount; i++) {
  const network = randomNetwork(i);
  const accuracies: number[] = [];
  const noted = known.get(network.name);
  for (const seed of noted === undefined ? [1, 2] : []) {
    accuracies.push((await trainNetwork(network, data, { steps, batch: 64, learningRate: 0.1, seed })).accuracy);
  }
  const row = noted ?? { name: network.name, accuracies, scores: zeroCostScores(network, data.train, 1) };
  rows.push(row);
  if (noted !== undefined) continue;
  if (values.notes !== undefined) appendFileSync(values.notes, `${JSON.stringify({ steps, row })}\n`);
  process.stderr.write(`${row.name} ${row.accuracies.join(" ")}\n`);
}
const accuracies = meanAccuracies(rows);
const command = `measure-scores.ts --networks ${rows.length} --steps ${steps}`;
const protocol = `${rows.length} networks of random width, depth, kernel and kind, each trained ${steps} steps with two seeds`;
const fit = zeroCostFit(
  rows.map((row) => row.scores),
  accuracies,
  `${protocol}; each predicted by the line through the others`,
);
const predictors = (chosen: readonly TrainedNetwork[]): string[] =>
  rankTable([
    ...ZERO_COST_SCORES.map((name) =>
      rankRow(
        name,
        chosen.map((row) => row.scores[name]),
        meanAccuracies(chosen),
      ),
    ),
    rankRow(
      "aggregate",
      chosen.map((row) => fit.aggregate(row.scores)),
      meanAccuracies(chosen),
    ),
  ]);
const inverted = rows.filter((row) => row.name.startsWith("inverted"));
const dense = rows.filter((row) => !row.name.startsWith("inverted"));
const report = [
  "# Zero-cost scores against short training",
  "",
  `Written by \`npx tsx envs/accuracy/zero-cost/${command}\`; do not edit. What it means: [accuracy.md](accuracy.md).`,
  "",
  `${protocol}: ${dense.length} dense and residual ones, ${inverted.length} of inverted residuals, on images of ${RESOLUTION} pixels ` +
    "(chance 10 %). Intervals: 95 %, from networks drawn again.",
  "",
  "## Does the embedded set rank networks?",
  "",
  `All: ${reliabilityText(rows)}`,
  "",
  `Dense and residual: ${reliabilityText(dense)}`,
  "",
  `Inverted residuals: ${reliabilityText(inverted)}`,
  "",
  "## Scores at initialisation",
  "",
  "Against the mean accuracy of the two trainings; `macs` and `params` are the honest baselines, `aggregate` the mean standard",
  "score of synflow, naswot and zico.",
  "",
  ...predictors(rows),
  "",
  "Inverted residuals alone:",
  "",
  ...predictors(inverted),
  "",
].join("\n");
const write = (file: string, fitted: unknown): void => {
  const rounded = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);
  writeFileSync(join(packageRoot, "envs/accuracy", file), `${JSON.stringify(fitted, rounded, 1)}\n`);
};
writeFileSync(join(packageRoot, "docs/accuracy-zero-cost.md"), report);
write("zero-cost.fitted.json", fit.fitted);
write("short-training.fitted.json", seedFit(rows, `${protocol}; one training as the estimate of the other`));
process.stdout.write(report);
