// The command line: what there is to do, with help and examples. Each command's work is loaded when it runs, so that
// `cosearch --help` loads neither tensors nor streams. Exit codes: exit-codes.ts.
import { Command, CommanderError } from "commander";
import { packageVersion } from "../../experiments/package-version.js";
import { CosearchError } from "../core/errors.js";
import { accuracyCommands } from "./command-line/accuracy.js";
import { designsCommands } from "./command-line/designs.js";
import { runsCommands } from "./command-line/runs.js";
import { supernetCommands } from "./command-line/supernet.js";
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

  const group = { add, exit, terminal };
  program.commandsGroup("Runs:");
  runsCommands(group);
  program.commandsGroup("Designs and layers:");
  designsCommands(group);
  program.commandsGroup("Accuracy proxies:");
  accuracyCommands(group);
  supernetCommands(group);
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
