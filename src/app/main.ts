// The command line: what there is to do, with help and examples. Each command's work is loaded when it runs, so that
// `cosearch --help` loads neither tensors nor streams. Exit codes: exit-codes.ts.
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { packageVersion } from "../../experiments/package-version.js";
import { CosearchError } from "../core/errors.js";
import { EXIT, exitCodeOf } from "./exit-codes.js";
import { processTerminal, type Terminal } from "./terminal.js";

/** Runs one command line. @returns the exit code */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = commands(terminal, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    return reportError(error, terminal);
  }
}

function commands(terminal: Terminal, exit: (code: number) => void): Command {
  const program = new Command("cosearch")
    .description("Searches a neural network, the accelerator that runs it and how it is deployed, together.")
    .version(packageVersion(), "-V, --version")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text) => terminal.err(text.replace(/^error: /, "error USAGE: ")),
    })
    .addHelpText(
      "after",
      examples(
        "cosearch list",
        "cosearch run edge-joint --trials 2000 --seed 1",
        "cosearch run my-study.yaml --out runs",
        "cosearch resume runs/<id> --trials 4000",
        "cosearch report runs/<id>",
        "cosearch evaluate --network mobilenet-v2 --accelerator nahas-edge --json",
        "cosearch map --layer conv.yaml --accelerator nahas-edge --explain",
      ) + exitCodes(),
    );

  const add = (usage: string, summary: string, ...lines: string[]): Command =>
    program
      .command(usage)
      .description(summary)
      .exitOverride()
      .configureOutput(program.configureOutput())
      .showSuggestionAfterError()
      .addHelpText("after", examples(...lines));

  add(
    "list [kind]",
    "What there is: studies, spaces, agents, accelerators, networks, accuracy proxies (proxies), metrics.",
    "cosearch list",
    "cosearch list networks",
    "cosearch list agents --json",
  )
    .option("--json", "print one JSON document")
    .action(async (kind: string | undefined, options) => {
      const { listCommand } = await import("./commands/list.js");
      exit(await listCommand(kind, options, terminal));
    });

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
      const { runCommand } = await import("./commands/run.js");
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
      const { resumeCommand } = await import("./commands/resume.js");
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
      const { watchCommand } = await import("./commands/watch.js");
      exit(await watchCommand(folder, options, terminal));
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
      const { exportTrialsCommand } = await import("./commands/export-trials.js");
      exit(await exportTrialsCommand(folder, options, terminal));
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
      const { reportCommand } = await import("./commands/report.js");
      exit(await reportCommand(folders, options, terminal));
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
    .option("--open", "open it in a browser")
    .action(async (folder: string | undefined, options) => {
      const { serveCommand } = await import("./commands/serve.js");
      exit(await serveCommand(folder ?? "runs", options, terminal));
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
      const { compareCommand } = await import("./commands/compare.js");
      exit(await compareCommand(folders, options, terminal));
    });

  add(
    "evaluate",
    "Cost and proxy accuracy of one network on one accelerator, layer by layer.",
    "cosearch evaluate --network mobilenet-v2 --accelerator nahas-edge",
    "cosearch evaluate --network my-net.yaml --accelerator eyeriss --objective energy --json",
    "cosearch evaluate --network resnet-50 --accelerator nahas-edge --deployment int4.yaml --dataflow weight-stationary",
  )
    .requiredOption("--network <name>", "a built-in network or a file")
    .requiredOption("--accelerator <name>", "a built-in accelerator or a file")
    .option("--deployment <file>", "precision, batch and fusion; default: 8 bits, batch 1, no fusion")
    .option("--dataflow <name>", "instead of the accelerator's own")
    .addOption(
      new Option("--objective <name>", "what each layer's mapping is best at")
        .choices(["latency", "energy", "edp"])
        .default("latency"),
    )
    .option("--proxy <name>", "accuracy proxy; see `cosearch list proxies`")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { evaluateCommand } = await import("./commands/evaluate.js");
      exit(await evaluateCommand(options, terminal));
    });

  add(
    "map",
    "One layer on one accelerator: the exact cost of a mapping, or the best mapping as a loop nest.",
    "cosearch map --layer conv.yaml --accelerator nahas-edge",
    "cosearch map --layer conv.yaml --accelerator nahas-edge --objective edp --explain --out best.yaml",
    "cosearch map --layer conv.yaml --accelerator chip.yaml --mapping best.yaml --json",
  )
    .requiredOption("--layer <file>", "a layer file")
    .requiredOption("--accelerator <name>", "a built-in accelerator or a file")
    .option("--mapping <file>", "cost this mapping instead of searching one")
    .option("--dataflow <name>", "whose constraints hold, instead of the accelerator's own")
    .addOption(
      new Option("--objective <name>", "what the mapping is best at")
        .choices(["latency", "energy", "edp"])
        .default("latency"),
    )
    .option("--budget <count>", "mappings counted exactly per dataflow", wholeNumber(1))
    .option("--part <name>", "one part of a layer that has several (squeeze-excite)")
    .option("--explain", "compare with the best mapping of another dataflow")
    .option("--out <file>", "write the mapping as a file that --mapping reads")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { mapCommand } = await import("./commands/map.js");
      exit(await mapCommand(options, terminal));
    });

  add(
    "validate",
    "The accelerator model against others' tools, RTL and silicon: a folder with reference rows, each file scored.",
    "cosearch validate --data ../shared/data/cost",
    "cosearch validate --data my-measurements more/board.csv --json",
  )
    .requiredOption("--data <paths...>", "folders or files with rows in the formats of docs/validation.md")
    .addOption(new Option("--json", "print one JSON document").conflicts("markdown"))
    .option("--markdown", "print the page of the docs")
    .action(async (options) => {
      const { validateCommand } = await import("./commands/validate.js");
      exit(await validateCommand(options, terminal));
    });

  add(
    "calibrate",
    "How far an accuracy proxy can be trusted on a table of measured networks, beside MACs and parameters alone.",
    "cosearch calibrate --proxy imagenet-surrogate --data imagenet-models.json",
    "cosearch calibrate --proxy macs-only --data ofa-subnets.csv --json",
    "cosearch calibrate --proxy imagenet-surrogate --option fitted=mine.json --data mine.csv --out scatter.svg",
  )
    .requiredOption("--proxy <name>", "see `cosearch list proxies`")
    .requiredOption(
      "--data <file>",
      "table: published networks (JSON), MBConv, Once-for-all, NAS-Bench-201, FBNet, int8 pairs",
    )
    .option("--option <key=value>", "an option of the proxy; may be given several times", collect, [])
    .option("--out <file>", "the scatter plot (SVG); default calibration.svg, none with --json")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { calibrateCommand } = await import("./commands/calibrate.js");
      exit(await calibrateCommand(options, terminal));
    });

  add(
    "fit-accuracy",
    "Fit the accuracy surrogate again, to your own results; a study names the file as accuracy.fitted.",
    "cosearch fit-accuracy --data my-results --out mine.fitted.json",
  )
    .requiredOption(
      "--data <folder>",
      "imagenet-models.json, and if there are any mbconv-imagenet-dpu.csv, quantization-pairs.csv",
    )
    .requiredOption("--out <file>", "where the coefficients go")
    .option("--report <file>", "where the report on left-out networks goes (Markdown)")
    .action(async (options) => {
      const { fitAccuracyCommand } = await import("./commands/fit-accuracy.js");
      exit(await fitAccuracyCommand(options, terminal));
    });

  add(
    "export",
    "A layer, an accelerator and a mapping as the files of another tool, to check our answer there.",
    "cosearch export --layer conv.yaml --accelerator nahas-edge --format timeloop --out conv-timeloop",
    "cosearch export --layer conv.yaml --accelerator chip.yaml --mapping best.yaml --format zigzag --out conv-zigzag",
  )
    .requiredOption("--layer <file>", "a layer file")
    .requiredOption("--accelerator <name>", "a built-in accelerator or a file")
    .option("--mapping <file>", "this mapping instead of the best one")
    .requiredOption("--format <name>", "timeloop, maestro, scalesim or zigzag")
    .requiredOption("--out <folder>", "where the files are written")
    .option("--dataflow <name>", "whose constraints hold, instead of the accelerator's own")
    .addOption(
      new Option("--objective <name>", "what the mapping is best at")
        .choices(["latency", "energy", "edp"])
        .default("latency"),
    )
    .option("--budget <count>", "mappings counted exactly per dataflow", wholeNumber(1))
    .option("--part <name>", "one part of a layer that has several (squeeze-excite)")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { exportCommand } = await import("./commands/export.js");
      exit(await exportCommand(options, terminal));
    });

  add(
    "schema [kind]",
    "JSON Schema of study files (study), network files (network), space files (space), deployments, accelerators, layers, mappings.",
    "cosearch schema study > study.schema.json",
  ).action(async (kind: string | undefined) => {
    const { schemaCommand } = await import("./commands/schema.js");
    exit(await schemaCommand(kind, terminal));
  });

  return program;
}

/** Says what went wrong, on stderr. @returns the exit code */
export function reportError(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    // commander has written its message already; help and version are no errors
    return error.exitCode === 0 ? EXIT.ok : EXIT.input;
  }
  if (error instanceof CosearchError) {
    terminal.err(`${terminal.paint.red("error")} ${error.code}: ${error.message}\n`);
    return exitCodeOf(error.code);
  }
  const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.err(`${terminal.paint.red("internal error")}: ${shown}\n`);
  terminal.err("This is a defect of cosearch, not of your input. Please report it with the lines above.\n");
  return EXIT.internal;
}

const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;

const exitCodes = (): string => `
Exit codes: 0 it worked, 1 defect of cosearch, 2 bad input (nothing written), 3 the run failed,
            4 the design that was to be evaluated cannot be built, 130 interrupted (resume continues).
Progress goes to stderr, results to stdout; NO_COLOR is respected.
`;

const collect = (value: string, before: string[]): string[] => [...before, value];

/** One folder name: nothing that leads elsewhere. */
function folderName(text: string): string {
  if (!/^[A-Za-z0-9][\w.-]{0,99}$/.test(text)) {
    throw new InvalidArgumentError("Letters, digits, dots, dashes and underscores are allowed, at most 100.");
  }
  return text;
}

function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < minimum || text.trim() === "") {
      throw new InvalidArgumentError(`A whole number of at least ${minimum} is needed.`);
    }
    return value;
  };
}
