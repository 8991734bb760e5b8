// Trains networks of different width, depth, kernel and kind on the embedded set with two seeds, and holds every zero-cost
// score against what came out:   npx tsx envs/accuracy/zero-cost/measure-scores.ts --networks 30 --steps 150
// It also tells how well the set ranks: how far two trainings of the same networks agree on their order.
// Writes docs/accuracy-zero-cost.md and the lines that turn scores into accuracies (zero-cost.fitted.json).
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RandomStream } from "../../../src/core/rng.js";
import { packageRoot } from "../../../src/files/package-root.js";
import { initBackend } from "../../../src/tensors/backend.js";
import type { Network } from "../../network/ir.js";
import { buildNetwork } from "../../network/network-file.js";
import { kendallTau, spearman } from "../rank-statistics.js";
import { embeddedSet } from "../training/image-set.js";
import { trainNetwork } from "../training/train.js";
import { ZERO_COST_SCORES, zeroCostScores } from "./scores.js";
import { zeroCostFit } from "./zero-cost-fit.js";

const { values } = parseArgs({
  options: { networks: { type: "string", default: "30" }, steps: { type: "string", default: "150" } },
});
const RESOLUTION = 16;
const random = RandomStream.of(1, "zero-cost/networks");
const pick = <T>(items: readonly T[]): T => items[random.integer(items.length)]!;

function randomNetwork(index: number): Network {
  const width = pick([4, 6, 8, 12]);
  const kind = pick(["conv", "conv", "residual-basic"] as const);
  const kernel = pick([1, 3, 3, 5]);
  const [first, second] = [pick([1, 2]), pick([1, 2])];
  return buildNetwork({
    name: `${kind}-${index}`,
    input: { resolution: RESOLUTION },
    classes: 10,
    stem: { channels: width, stride: pick([1, 2]) },
    stages: [
      { kind, kernel, channels: width, stride: 2, repeat: first },
      { kind, kernel: pick([1, 3, 3, 5]), channels: 2 * width, stride: 2, repeat: second },
    ],
    head: {},
  });
}

await initBackend("wasm");
const steps = Number(values.steps);
const data = embeddedSet(1, 3000, 1000, RESOLUTION);
const rows: { network: Network; accuracies: number[]; scores: ReturnType<typeof zeroCostScores> }[] = [];
for (let i = 0; i < Number(values.networks); i++) {
  const network = randomNetwork(i);
  const accuracies: number[] = [];
  for (const seed of [1, 2]) {
    accuracies.push((await trainNetwork(network, data, { steps, batch: 64, learningRate: 0.1, seed })).accuracy);
  }
  rows.push({ network, accuracies, scores: zeroCostScores(network, data.train, 1) });
  process.stderr.write(`${network.name} ${accuracies.join(" ")}\n`);
}
const accuracies = rows.map((row) => (row.accuracies[0]! + row.accuracies[1]!) / 2);
const ofSeed = (seed: number): number[] => rows.map((row) => row.accuracies[seed]!);
const fit = zeroCostFit(
  rows.map((row) => row.scores),
  accuracies,
);
const line = (name: string, scores: readonly number[]): string =>
  `| ${name} | ${kendallTau(scores, accuracies).toFixed(3)} | ${spearman(scores, accuracies).toFixed(3)} |`;
const differences = rows.map((row) => 100 * Math.abs(row.accuracies[0]! - row.accuracies[1]!));
const report = [
  "# Zero-cost scores against short training",
  "",
  `Written by \`npx tsx envs/accuracy/zero-cost/measure-scores.ts --networks ${rows.length} --steps ${steps}\`; do not edit. What it means: [accuracy.md](accuracy.md).`,
  "",
  `${rows.length} networks of random width, depth, kernel and kind at ${RESOLUTION} pixels, each trained ${steps} steps of 64 images with two seeds; ` +
    `held-out accuracy ${(100 * Math.min(...accuracies)).toFixed(1)} to ${(100 * Math.max(...accuracies)).toFixed(1)} % (chance 10 %).`,
  "",
  "## Does the embedded set rank networks?",
  "",
  `Two trainings with different seeds agree on the order with Kendall tau ${kendallTau(ofSeed(0), ofSeed(1)).toFixed(3)}; ` +
    `they differ by ${(differences.reduce((a, b) => a + b, 0) / rows.length).toFixed(1)} points on average.`,
  "",
  "## Scores at initialisation",
  "",
  "Against the mean accuracy of the two trainings; `macs` and `params` are the honest baselines, `aggregate` the mean rank of",
  "synflow, naswot and zico (as standard scores).",
  "",
  "| score | Kendall tau | Spearman |",
  "|---|---|---|",
  ...ZERO_COST_SCORES.map((name) =>
    line(
      name,
      rows.map((row) => row.scores[name]),
    ),
  ),
  line(
    "aggregate",
    rows.map((row) => fit.aggregate(row.scores)),
  ),
  "",
].join("\n");
writeFileSync(join(packageRoot, "docs/accuracy-zero-cost.md"), report);
writeFileSync(
  join(packageRoot, "envs/accuracy/zero-cost.fitted.json"),
  `${JSON.stringify(fit.fitted, (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value), 1)}\n`,
);
process.stdout.write(report);
