// `cosearch report`: one look at finished or running runs, as text, Markdown, JSON or an HTML page.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadReport } from "../../../experiments/report-data.js";
import { CosearchError } from "../../core/errors.js";
import { reportCsv } from "../../track/report-csv.js";
import { bestOfRuns, factsOf, figuresOf, frontOfRuns } from "../../track/report-data.js";
import { reportMarkdown } from "../../track/report-markdown.js";
import { EXIT } from "../exit-codes.js";
import { type Terminal, table } from "../terminal.js";
import { frontText, winnerText } from "../verdict.js";

export interface ReportCommandOptions {
  readonly out?: string;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly csv?: boolean;
}

export async function reportCommand(
  runFolders: readonly string[],
  options: ReportCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const data = await loadReport(runFolders);
  if (options.json) {
    terminal.out(`${JSON.stringify(documentOf(data), null, 2)}\n`);
    return EXIT.ok;
  }
  if (options.csv) {
    terminal.out(reportCsv(data));
    return EXIT.ok;
  }
  if (options.markdown) {
    terminal.out(reportMarkdown(data));
    return EXIT.ok;
  }
  terminal.out(`${terminal.paint.bold(data.studyName)}  ${data.description}\n\n${runTable(data)}\n`);
  terminal.out(winnerPart(data, terminal));
  terminal.out(
    frontText(
      data.runs.flatMap((run) => run.trials),
      data.axes,
      terminal.paint,
    ),
  );
  const file = options.out ?? join(runFolders[0] ?? ".", "report.html");
  const { reportHtml } = await import("../../track/report-html.js");
  write(file, reportHtml(data));
  terminal.out(`\nHTML report  ${file}\n`);
  return EXIT.ok;
}

type Data = Awaited<ReturnType<typeof loadReport>>;

function winnerPart({ winner, runs }: Data, terminal: Terminal): string {
  if (winner !== undefined) {
    const { trial, design, reference } = winner;
    return `${winnerText(trial, { winner: design, reference }, terminal.paint)}\n`;
  }
  const best = bestOfRuns(runs);
  if (best === undefined) return "No trial is feasible.\n\n";
  const { trial, run } = best;
  const rows = factsOf(trial);
  const heading = `trial ${trial.trial} of ${run.runId}, reward ${trial.reward.toFixed(4)}`;
  return `${terminal.paint.bold("Winner")}  ${heading}\n${table(["", "value"], rows)}\n`;
}

function runTable(data: Data): string {
  const rows = data.runs.map((run) => {
    const { trialCount, feasibleCount, bestReward, frontSize } = figuresOf(run, data.axes);
    const best = bestReward?.toFixed(4) ?? "–";
    return [run.runId, `${trialCount}/${run.budgetTrials}`, String(feasibleCount), best, String(frontSize)];
  });
  return table(["run", "trials", "feasible", "best reward", "front"], rows);
}

/** The report for machines. */
function documentOf(data: Data): unknown {
  return {
    study: data.studyName,
    runs: data.runs.map((run) => {
      const { runId, runFolder, agentName: agent, seed, backend, versions } = run;
      return { runId, runFolder, agent, seed, backend, versions, ...figuresOf(run, data.axes) };
    }),
    axes: data.axes,
    front: frontOfRuns(data),
    best: bestOfRuns(data.runs)?.trial ?? null,
    winner: data.winner && {
      runId: data.winner.run.runId,
      trial: data.winner.trial,
      design: data.winner.design,
      reference: data.winner.reference,
    },
    reproduce: data.reproduce.split("\n"),
  };
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `--out ${file}: ${(error as Error).message}`, { cause: error });
  }
}
