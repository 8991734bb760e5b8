// A comparison as tables of text, which the terminal, Markdown and HTML show alike.
import type { ComparedGroup, Comparison, Difference } from "./compare-data.js";
import { MILESTONES } from "./compare-data.js";
import type { Spread } from "./seed-bands.js";

export interface TextTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables: best so far at milestones, the end, differences. */
export function comparisonTables({ groups, commonTrials, axes, differences }: Comparison): TextTable[] {
  const reached = MILESTONES.filter((count) => groups.some(({ trialCount }) => trialCount >= count));
  const columns = [...reached.filter((count) => count !== commonTrials).map(String), `${commonTrials} (all)`];
  const best: TextTable = {
    title: "Best feasible reward after so many trials: median [quartiles] over seeds",
    header: ["group", "seeds", ...columns],
    rows: groups.map((group) => [
      group.name,
      String(group.seeds.length),
      ...reached.filter((count) => count !== commonTrials).map((count) => milestone(group, count)),
      spreadText(group.atCommon),
    ]),
  };
  const front: TextTable = {
    title: `After ${commonTrials} trials: seeds with a feasible design, and hypervolume (${axes.map(({ metric }) => metric).join(", ")}; share of the box around all fronts)`,
    header: ["group", "feasible", "hypervolume"],
    rows: groups.map((group) => [
      group.name,
      `${group.solvedSeeds} of ${group.seeds.length}`,
      group.hypervolume === undefined ? "–" : spreadText(group.hypervolume),
    ]),
  };
  if (differences.length === 0) return [best, front];
  const pairs: TextTable = {
    title: `Difference of the best reward after ${commonTrials} trials: mean over shared seeds, 95 % paired bootstrap interval`,
    header: ["better", "than", "seeds", "by", "interval", "verdict"],
    rows: differences.map((difference) => [
      difference.better,
      difference.worse,
      String(difference.seeds),
      difference.reward.estimate.toFixed(4),
      `${difference.reward.low.toFixed(4)} to ${difference.reward.high.toFixed(4)}`,
      verdictOf(difference),
    ]),
  };
  return [best, front, pairs];
}

const verdictOf = ({ clear, seeds }: Difference): string => (clear ? "clear" : `too close to call with ${seeds} seeds`);

function milestone({ milestones }: ComparedGroup, count: number): string {
  const found = milestones.find(({ trialCount }) => trialCount === count);
  return found === undefined ? "–" : spreadText(found);
}

/** "0.7312 [0.7201, 0.7404]"; "–" while most seeds have nothing feasible. */
export function spreadText({ median, lowQuartile, highQuartile }: Spread): string {
  const show = (value: number | undefined): string => value?.toFixed(4) ?? "–";
  return median === undefined ? "–" : `${show(median)} [${show(lowQuartile)}, ${show(highQuartile)}]`;
}

/** All of it as Markdown. */
export function comparisonMarkdown(comparison: Comparison): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replace(/\|/g, "\\|")).join(" | ")} |`;
  const tables = comparisonTables(comparison).map(({ title, header, rows }) =>
    [`## ${title}\n`, line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n"),
  );
  return `${["# Comparison", ...tables, ...comparison.notes.map((note) => `Note: ${note}.`)].join("\n\n")}\n`;
}
