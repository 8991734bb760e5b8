// How far a supernet's scores can be trusted: networks of its space are trained by themselves, and what they inherit is held
// against what they reach. A straight line in ln-odds of the error turns one into the other; its error is that on each network
// when the line was drawn through the others.
import { RandomStream } from "../../../src/core/rng.js";
import type { Candidate } from "../../../src/core/trial.js";
import type { Network } from "../../network/ir.js";
import { kendallTau } from "../rank-statistics.js";
import {
  meanAccuracies,
  type RankRow,
  rankRow,
  rankTable,
  reliabilityText,
  type TrainedNetwork,
} from "../training/rank-study.js";
import { trainNetwork } from "../training/train.js";
import { ZERO_COST_SCORES, zeroCostScores } from "../zero-cost/scores.js";
import { AGGREGATED, zeroCostFit } from "../zero-cost/zero-cost-fit.js";
import type { SupernetFit } from "./checkpoint.js";
import type { Supernet } from "./supernet.js";

export interface SeparateTraining {
  /** networks of the space that are trained by themselves */
  readonly subnets: number;
  /** trainings of each */
  readonly seeds: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
}

export interface SubnetResult extends TrainedNetwork {
  readonly candidate: Candidate;
  readonly macCount: number;
  readonly paramCount: number;
  readonly inherited: number;
}

/** Results in the order of the networks. @param known results of an earlier call with the same supernet and training
 *  @param onResult after each new one */
export async function measureSubnets(
  supernet: Supernet,
  training: SeparateTraining,
  known: ReadonlyMap<string, SubnetResult>,
  onResult: (result: SubnetResult, count: number) => void,
): Promise<SubnetResult[]> {
  const results: SubnetResult[] = [];
  for (const { candidate, network } of drawSubnets(supernet, training.subnets)) {
    const name = Object.values(candidate).join(" ");
    const result = known.get(name) ?? (await measure(supernet, training, candidate, network, name));
    results.push(result);
    if (!known.has(name)) onResult(result, results.length);
  }
  return results;
}

async function measure(
  supernet: Supernet,
  { seeds, steps, batch, learningRate }: SeparateTraining,
  candidate: Candidate,
  network: Network,
  name: string,
): Promise<SubnetResult> {
  const accuracies: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const { accuracy } = await trainNetwork(network, supernet.data, { steps, batch, learningRate, seed });
    accuracies.push(accuracy);
  }
  return {
    name,
    candidate,
    macCount: network.macCount,
    paramCount: network.paramCount,
    inherited: supernet.inheritedAccuracy(network),
    accuracies,
    scores: zeroCostScores(network, supernet.data.train, 1),
  };
}

/** Different networks of the space, drawn uniformly by its knobs; fewer when the space has no more. */
function drawSubnets(supernet: Supernet, count: number): { candidate: Candidate; network: Network }[] {
  const { space } = supernet.space;
  const random = RandomStream.of(supernet.options.seed, "supernet/calibration");
  const found = new Map<string, { candidate: Candidate; network: Network }>();
  for (let tries = 0; tries < 100 * count && found.size < count; tries++) {
    const codes = space.sample(random);
    const network = supernet.networkAt(codes);
    if (network !== undefined) found.set(space.key(codes), { candidate: space.decode(codes), network });
  }
  return [...found.values()];
}

/** @param results at least 4 networks @param protocol one sentence: how they were trained */
export function fitOf(results: readonly SubnetResult[], images: number, protocol: string): SupernetFit {
  const logOdds = (accuracy: number): number => {
    const inside = (accuracy * images + 0.5) / (images + 1);
    return Math.log((1 - inside) / inside);
  };
  const accuracies = meanAccuracies(results);
  const inherited = results.map((result) => result.inherited);
  const x = inherited.map(logOdds);
  const y = accuracies.map(logOdds);
  const { centre, intercept, slope, leftOut } = lineThrough(x, y);
  const variance = leftOut.reduce((sum, residual) => sum + residual ** 2, 0) / leftOut.length;
  const misses = leftOut.map((residual, i) => Math.abs(1 / (1 + Math.exp(y[i]! - residual)) - accuracies[i]!));
  const inside = leftOut.filter((residual) => Math.abs(residual) <= 1.645 * Math.sqrt(variance)).length;
  const tauOf = (values: readonly number[]): number => kendallTau(values, accuracies);
  return {
    centre,
    intercept,
    slope,
    variance,
    error: {
      meanAbsoluteErrorPoints: (100 * misses.reduce((sum, miss) => sum + miss, 0)) / misses.length,
      kendallTau: tauOf(inherited),
      macsOnlyKendallTau: tauOf(results.map((result) => result.macCount)),
      paramsOnlyKendallTau: tauOf(results.map((result) => result.paramCount)),
      coverage90: inside / leftOut.length,
      networkCount: results.length,
      groupCount: results.length,
      protocol,
    },
  };
}

/** Least squares, y = intercept + slope · (x − centre).
 *  @returns leftOut: y minus what the line through all others says, by residual / (1 − leverage) */
export function lineThrough(x: readonly number[], y: readonly number[]) {
  const n = x.length;
  const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / n;
  const centre = average(x);
  const intercept = average(y);
  const squares = x.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  const slope = squares === 0 ? 0 : x.reduce((sum, value, i) => sum + (value - centre) * y[i]!, 0) / squares;
  const leftOut = x.map((value, i) => {
    const leverage = 1 / n + (squares === 0 ? 0 : (value - centre) ** 2 / squares);
    return (y[i]! - intercept - slope * (value - centre)) / (1 - leverage);
  });
  return { centre, intercept, slope, leftOut };
}

/** Everything that orders the networks, best known first: what they inherit, then the scores at initialisation. */
export function predictorRows(results: readonly SubnetResult[]): RankRow[] {
  const accuracies = meanAccuracies(results);
  const { aggregate } = zeroCostFit(
    results.map((result) => result.scores),
    accuracies.map((accuracy) => Math.min(0.999, Math.max(0.001, accuracy))),
    "",
  );
  const inherited = results.map((result) => result.inherited);
  return [
    rankRow("inherited accuracy", inherited, accuracies),
    ...ZERO_COST_SCORES.map((name) =>
      rankRow(
        name,
        results.map((result) => result.scores[name]),
        accuracies,
      ),
    ),
    rankRow(
      "aggregate",
      results.map((result) => aggregate(result.scores)),
      accuracies,
    ),
  ];
}

/** The page that `cosearch supernet calibrate --report` writes. @param command how it was made */
export function calibrationPage(
  results: readonly SubnetResult[],
  fit: SupernetFit,
  supernet: Supernet,
  command: readonly string[],
): string {
  const { settings, error } = { settings: supernet.options, error: fit.error };
  const { data } = supernet;
  return [
    `# Supernet of ${supernet.space.space.name}: inherited against separate training`,
    "",
    "Written by these commands; do not edit. What it means: [accuracy.md](accuracy.md).",
    "",
    ...command.map((line) => `    ${line}`),
    "",
    `Supernet: ${supernet.stepsDone} steps of ${settings.batch} images, ${settings.sampling}${settings.distil ? " with distillation" : ""}; ` +
      `${supernet.weightCount} weights. Images: ${data.train.name}, ${data.train.size} pixels, ${data.train.labels.length} to train on, ` +
      `${data.heldOut.labels.length} held out.`,
    "",
    `${error.protocol}.`,
    "",
    "## Do these trainings rank networks?",
    "",
    reliabilityText(results),
    "",
    "## What orders them",
    "",
    "Against the mean accuracy of each network's trainings. `inherited accuracy` is the supernet's; the others look at the untrained",
    `network; \`macs\` and \`params\` are the honest baselines, \`aggregate\` is the mean standard score of ${AGGREGATED.join(", ")}.`,
    "",
    ...rankTable(predictorRows(results)),
    "",
    `From inherited to separate accuracy by a line, each network left out in turn: mean error ${error.meanAbsoluteErrorPoints.toFixed(2)} points, ` +
      `90 % interval holds ${(100 * error.coverage90).toFixed(0)} %.`,
    "",
    "## The networks",
    "",
    `| ${Object.keys(results[0]!.candidate).join(" | ")} | MACs (k) | inherited | trained alone |`,
    `|${"---|".repeat(Object.keys(results[0]!.candidate).length + 3)}`,
    ...results.map((result) => {
      const cells = [
        ...Object.values(result.candidate),
        Math.round(result.macCount / 1000),
        (100 * result.inherited).toFixed(1),
        result.accuracies.map((accuracy) => (100 * accuracy).toFixed(1)).join(", "),
      ];
      return `| ${cells.join(" | ")} |`;
    }),
    "",
  ].join("\n");
}
