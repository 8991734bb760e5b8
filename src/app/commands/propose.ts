// `cosearch propose`: designs from logs alone, with what is expected of them, how far that can be trusted, and what came true.
import { type Proposal, type ProposeResult, proposeFromLogs } from "../../../experiments/propose.js";
import type { Quality } from "../../../experiments/propose-quality.js";
import { formatMetric } from "../../track/words.js";
import { EXIT } from "../exit-codes.js";
import { type Terminal, table } from "../terminal.js";

export interface ProposeCommandOptions {
  readonly from: readonly string[];
  readonly study?: string;
  readonly set: readonly string[];
  readonly count: number;
  readonly caution: number;
  readonly seed: number;
  readonly evaluate?: boolean;
  readonly json?: boolean;
}

/** Changes that are printed of a proposal; the rest is counted. */
const SHOWN_CHANGES = 6;

/** @throws CosearchError RUN_NOT_FOUND, USAGE, REWARD_BAD, and what a study can be wrong with */
export async function proposeCommand(options: ProposeCommandOptions, terminal: Terminal): Promise<number> {
  const result = await proposeFromLogs({ ...options, evaluate: options.evaluate === true });
  for (const { runFolder, reason } of result.leftOut)
    terminal.err(`left out: ${reason.includes(runFolder) ? "" : `${runFolder}: `}${reason}\n`);
  terminal.out(options.json ? `${JSON.stringify(result, null, 2)}\n` : textOf(result));
  return EXIT.ok;
}

function textOf({ study, runs, designs, feasible, quality, best, proposals }: ProposeResult): string {
  const learnt = `${study}: learnt from ${designs} designs of ${runs.length === 1 ? "1 run" : `${runs.length} runs`}`;
  const parts = [`${learnt}, ${feasible} of them within the limits\n`, qualityText(quality)];
  const logged =
    best === null ? "no logged design keeps the limits" : `best logged design: reward ${best.reward.toFixed(4)}`;
  parts.push(`${logged}\n`);
  proposals.forEach((proposal, i) => {
    parts.push(proposalText(proposal, i + 1));
  });
  if (proposals.length === 0) parts.push("nothing is proposed: the model found no design that was not logged\n");
  if (proposals.some(({ outcome }) => outcome !== undefined)) parts.push(outcomeText(proposals, best?.reward));
  return parts.join("\n");
}

function qualityText(quality: readonly Quality[]): string {
  const rows = quality.map(({ name, trials, rankCorrelation, rankCorrelationBetterHalf, coverage90 }) => [
    name,
    String(trials),
    rankCorrelation.toFixed(3),
    rankCorrelationBetterHalf.toFixed(3),
    `${(100 * coverage90).toFixed(0)} %`,
  ]);
  const header = ["left out", "trials", "rank correlation", "in the better half", "inside 90 %"];
  return `how well it predicts trials that it was not given:\n${table(header, rows)}`;
}

function proposalText({ metrics, reward, feasibleChance, changes, outcome }: Proposal, number: number): string {
  const came = (value: number | undefined, format: (value: number) => string): string[] =>
    outcome === undefined ? [] : [value === undefined ? "-" : format(value)];
  const decimals = (value: number): string => value.toFixed(4);
  const rows = [
    [
      "reward",
      decimals(reward.mean),
      `${decimals(reward.low)} to ${decimals(reward.high)}`,
      ...came(outcome?.reward, decimals),
    ],
    ...Object.entries(metrics).map(([name, { mean, low, high }]) => [
      name,
      formatMetric(name, mean),
      `${formatMetric(name, low)} to ${formatMetric(name, high)}`,
      ...came(outcome?.metrics?.[name], (value) => formatMetric(name, value)),
    ]),
  ];
  const shown = changes
    .slice(0, SHOWN_CHANGES)
    .map(([name, there, here]) => `${name} ${there ?? "-"} -> ${here ?? "-"}`);
  const more = changes.length > SHOWN_CHANGES ? `, and ${changes.length - SHOWN_CHANGES} more` : "";
  const differs = changes.length === 0 ? "" : `  differs from the best logged design: ${shown.join(", ")}${more}\n`;
  const broken = outcome?.infeasible === undefined ? "" : `  infeasible: ${outcome.infeasible.reason}\n`;
  const title = `proposal ${number}: within the limits with ${(100 * feasibleChance).toFixed(0)} %\n`;
  const header = ["", "expected", "90 % interval", ...(outcome === undefined ? [] : ["came true"])];
  return `${title}${table(header, rows)}${differs}${broken}`;
}

function outcomeText(proposals: readonly Proposal[], logged: number | undefined): string {
  const outcomes = proposals.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome]));
  const within = outcomes.filter(({ infeasible }) => infeasible === undefined);
  const inside = proposals.flatMap(({ metrics, outcome }) =>
    Object.entries(metrics).flatMap(([name, { low, high }]) => {
      const value = outcome?.metrics?.[name];
      return value === undefined ? [] : [value >= low && value <= high];
    }),
  );
  const best = within.reduce((most, { reward }) => Math.max(most, reward), Number.NEGATIVE_INFINITY);
  const against =
    logged === undefined
      ? ""
      : `; the best logged design had ${logged.toFixed(4)}, ${best > logged ? "so better" : "so not better"}`;
  const reached = within.length === 0 ? "" : `, best reward ${best.toFixed(4)}${against}`;
  return (
    `evaluated: ${within.length} of ${outcomes.length} keep the limits${reached}\n` +
    `${inside.filter((value) => value).length} of ${inside.length} metrics came out inside their interval\n`
  );
}
