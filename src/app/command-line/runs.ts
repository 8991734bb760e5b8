// Commands about runs: make one, go on with it, look at it, compare, take it elsewhere.
import { Option } from "commander";
import type { AddCommand } from "./add-command.js";
import { atLeastZero, collect, folderName, wholeNumber } from "./arguments.js";

export function runsCommands({ add, exit, terminal }: AddCommand): void {
  add(
    "run <study>",
    "Run a study: a built-in one by name, or a YAML file.",
    "cosearch run edge-joint",
    "cosearch run edge-joint --trials 500 --seed 2 --agent reinforce",
    "cosearch run my-study.yaml --set limits.areaMm2.max=80 --set mapper.objective=energy",
    "cosearch run quick --json > result.json",
  )
    .option("--trials <count>", "candidates to evaluate, instead of the study's budget.trials", wholeNumber(1))
    .option("--seed <number>", "instead of the study's seed", wholeNumber(0))
    .option("--agent <name>", "instead of the study's agent, with that agent's default options")
    .option(
      "--workers <count>",
      "worker threads that evaluate; 0: none; the results do not depend on it",
      wholeNumber(0),
    )
    .option("--init-from <folder>", "start the agent from what an earlier run learnt; its limits and space may differ")
    .option("--out <folder>", "where run folders are made", "runs")
    .addOption(
      new Option("--id <name>", "name of the run's folder, instead of study, agent, seed and time").argParser(
        folderName,
      ),
    )
    .option(
      "--set <key=value>",
      "any other value of the study, e.g. --set fix.accelerator/dataflow=flexible",
      collect,
      [],
    )
    .option("--json", "print one JSON document at the end instead of text")
    .option("--serve [port]", "show the dashboard of --out while it runs, on loopback", wholeNumber(0))
    .option("--quiet", "no progress")
    .option("--plain", "progress as lines, every ten seconds, also where it is no terminal")
    .option("--no-tensorboard", "write no event file for TensorBoard")
    .option("--mlflow <url>", "log to this MLflow server, too, e.g. http://127.0.0.1:5000")
    .option("--tracker <module>", "log to a tracker of your own, too: a module that exports one", collect, [])
    .action(async (study: string, options) => {
      const { runCommand } = await import("../commands/run.js");
      exit(await runCommand(study, options, terminal));
    });

  add(
    "resume <folder>",
    "Continue a run where it stopped; its trials equal those of a run that never stopped.",
    "cosearch resume runs/<id>",
    "cosearch resume runs/<id> --trials 4000",
  )
    .option("--trials <count>", "a larger budget, trials already made included", wholeNumber(1))
    .option("--workers <count>", "worker threads that evaluate", wholeNumber(0))
    .option("--json", "print one JSON document at the end instead of text")
    .option("--quiet", "no progress")
    .option("--plain", "progress as lines, every ten seconds, also where it is no terminal")
    .option("--no-tensorboard", "write no event file for TensorBoard")
    .option("--mlflow <url>", "log to this MLflow server, too, e.g. http://127.0.0.1:5000")
    .option("--tracker <module>", "log to a tracker of your own, too: a module that exports one", collect, [])
    .action(async (folder: string, options) => {
      const { resumeCommand } = await import("../commands/resume.js");
      exit(await resumeCommand(folder, options, terminal));
    });

  add(
    "watch <folder>",
    "Follow a run that was started elsewhere, live; Ctrl-C ends the watching, not the run.",
    "cosearch watch runs/<id>",
    "cosearch watch runs/<id> --plain",
  )
    .option("--plain", "lines, every ten seconds, instead of the picture")
    .action(async (folder: string, options) => {
      const { watchCommand } = await import("../commands/watch.js");
      exit(await watchCommand(folder, options, terminal));
    });

  add(
    "serve [runs-folder]",
    "The dashboard: runs, curves, policy, front and designs in a browser, live.",
    "cosearch serve",
    "cosearch serve runs --port 8080 --open",
    "COSEARCH_TOKEN=$(openssl rand -hex 16) cosearch serve --host 0.0.0.0",
  )
    .option("--port <number>", "where to listen; 0: any free port", wholeNumber(0), 7007)
    .option("--host <address>", "another address than loopback needs a token", "127.0.0.1")
    .option("--token-file <file>", "a file with the token, instead of the variable COSEARCH_TOKEN")
    .option("--study <file>", "a study that ask / tell clients may start by its name (docs/ask-tell.md)", collect, [])
    .option("--open", "open it in a browser")
    .action(async (folder: string | undefined, options) => {
      const { serveCommand } = await import("../commands/serve.js");
      exit(await serveCommand(folder ?? "runs", options, terminal));
    });

  add(
    "report <folders...>",
    "Report on one or more runs: a summary here, and one HTML file with curves, front, winner and layers.",
    "cosearch report runs/<id>",
    "cosearch report runs/<id> runs/<id2> --out comparison.html",
    "cosearch report runs/<id> --markdown > report.md",
  )
    .option("--out <file>", "the HTML file; default: report.html in the first run folder")
    .addOption(new Option("--json", "print one JSON document, write no HTML").conflicts(["markdown", "csv"]))
    .addOption(new Option("--markdown", "print Markdown, write no HTML").conflicts("csv"))
    .option("--csv", "print the designs of the front with all knobs and metrics as CSV, write no HTML")
    .action(async (folders: string[], options) => {
      const { reportCommand } = await import("../commands/report.js");
      exit(await reportCommand(folders, options, terminal));
    });

  add(
    "propose",
    "Designs from the logs of earlier runs alone, with what is expected of them and how far that can be trusted.",
    "cosearch propose --from runs/<id>",
    "cosearch propose --from 'runs/*' --count 8 --evaluate",
    "cosearch propose --from 'runs/*' --study edge-joint --set limits.areaMm2.max=20 --json",
  )
    .requiredOption("--from <folders...>", "run folders of any agents; a * in the last part stands for all that match")
    .option("--study <name>", "whose space, limits and reward are asked about; default: those of the first run")
    .option("--set <key=value>", "another value of that study", collect, [])
    .option("--count <number>", "designs to propose", wholeNumber(1), 5)
    .option("--caution <deviations>", "by how many standard deviations things may come out worse", atLeastZero, 1)
    .option("--seed <number>", "of the search inside the model", wholeNumber(0), 1)
    .option("--evaluate", "evaluate the designs and say what came true")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { proposeCommand } = await import("../commands/propose.js");
      exit(await proposeCommand(options, terminal));
    });

  add(
    "compare <folders...>",
    "Runs side by side, grouped by study and agent over their seeds: medians, quartiles, bootstrap intervals.",
    "cosearch compare runs/*",
    "cosearch compare runs/<id> runs/<id2> runs/<id3> --out comparison.html",
    "cosearch compare runs/* --markdown > comparison.md",
  )
    .option("--out <file>", "write an HTML page with the curves, too")
    .addOption(new Option("--json", "print one JSON document").conflicts("markdown"))
    .option("--markdown", "print Markdown")
    .action(async (folders: string[], options) => {
      const { compareCommand } = await import("../commands/compare.js");
      exit(await compareCommand(folders, options, terminal));
    });

  add(
    "export-trials <folder>",
    "All trials of a run as a table: CSV, JSON lines or Parquet; one column for each knob and metric.",
    "cosearch export-trials runs/<id> --out trials.csv",
    "cosearch export-trials runs/<id> --format jsonl | head",
    "cosearch export-trials runs/<id> --out trials.parquet",
  )
    .addOption(
      new Option("--format <name>", "default: what the file's name says, else csv").choices([
        "csv",
        "jsonl",
        "parquet",
      ]),
    )
    .option("--out <file>", "the file; default: print it (not Parquet)")
    .action(async (folder: string, options) => {
      const { exportTrialsCommand } = await import("../commands/export-trials.js");
      exit(await exportTrialsCommand(folder, options, terminal));
    });
}
