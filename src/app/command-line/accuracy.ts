// Commands about the accuracy proxies: how far each can be trusted, and fitting one to other results.
import type { AddCommand } from "./add-command.js";
import { collect } from "./arguments.js";

export function accuracyCommands({ add, exit, terminal }: AddCommand): void {
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
      const { calibrateCommand } = await import("../commands/calibrate.js");
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
      const { fitAccuracyCommand } = await import("../commands/fit-accuracy.js");
      exit(await fitAccuracyCommand(options, terminal));
    });
}
