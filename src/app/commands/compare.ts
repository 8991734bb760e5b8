// `cosearch compare`: runs side by side, grouped by study and agent over their seeds.
import { writeFileSync } from "node:fs";
import { loadComparedRun } from "../../../experiments/compare-runs.js";
import { CosearchError } from "../../core/errors.js";
import { type Comparison, compareRuns } from "../../track/compare-data.js";
import { comparisonMarkdown, comparisonTables } from "../../track/compare-text.js";
import { EXIT } from "../exit-codes.js";
import { type Terminal, table } from "../terminal.js";

export interface CompareCommandOptions {
  readonly out?: string;
  readonly json?: boolean;
  readonly markdown?: boolean;
}

/** @throws CosearchError RUN_NOT_FOUND, RUN_DAMAGED, RUN_VERSION, USAGE, FILE_UNREADABLE */
export async function compareCommand(
  runFolders: readonly string[],
  { out, json, markdown }: CompareCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const runs = runFolders.map(loadComparedRun);
  const empty = runs.find(({ trials }) => trials.length === 0);
  if (empty !== undefined) throw new CosearchError("USAGE", `compare: ${empty.runFolder} has no trials yet`);
  const comparison = compareRuns(runs);
  if (json) terminal.out(`${JSON.stringify(documentOf(comparison), null, 2)}\n`);
  else if (markdown) terminal.out(comparisonMarkdown(comparison));
  else terminal.out(textOf(comparison, terminal));
  if (out !== undefined) {
    const { comparisonHtml } = await import("../../track/compare-html.js");
    try {
      writeFileSync(out, comparisonHtml(comparison));
    } catch (error) {
      throw new CosearchError("FILE_UNREADABLE", `--out ${out}: ${(error as Error).message}`, { cause: error });
    }
    terminal.err(`HTML comparison  ${out}\n`);
  }
  return EXIT.ok;
}

function textOf(comparison: Comparison, terminal: Terminal): string {
  const tables = comparisonTables(comparison).map(
    ({ title, header, rows }) => `${terminal.paint.bold(title)}\n${table(header, rows)}`,
  );
  return [...tables, ...comparison.notes.map((note) => `Note: ${note}.\n`)].join("\n");
}

/** The comparison for machines: without the curves, and what is not known is null. */
const documentOf = ({ groups, ...rest }: Comparison): unknown => ({
  ...rest,
  groups: groups.map(({ band, question, ...group }) => ({ ...group, hypervolume: group.hypervolume ?? null })),
});
