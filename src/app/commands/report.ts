// `cosearch report`: one look at finished or running runs, as text, Markdown, JSON or an HTML page.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadReport } from "../../../experiments/report-data.js";
import { CosearchError } from "../../core/errors.js";
import { isFeasible } from "../../core/trial.js";
import { reportCsv } from "../../track/report-csv.js";
import { figuresOf, frontOfRuns } from "../../track/report-data.js";
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
  if (data.winner === undefined)
    terminal.out(
      `${data.runs.some((run) => run.trials.some(isFeasible)) ? "No design to show." : "No trial is feasible."}\n\n`,
    );
  else
    terminal.out(
      `${winnerText(data.winner.trial, { winner: data.winner.design, reference: data.winner.reference }, terminal.paint)}\n`,
    );
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
