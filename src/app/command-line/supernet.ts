// `cosearch supernet ...`: a weight-sharing supernet of a space of networks.
import { InvalidArgumentError, Option } from "commander";
import type { AddCommand } from "./add-command.js";
import { wholeNumber } from "./arguments.js";

const EXAMPLES = {
  train: [
    "cosearch supernet train mbconv-32 --steps 2000 --out mbconv-32.supernet",
    "cosearch supernet train my-study.yaml --sampling fair --data cifar-10-batches-bin --out mine.supernet",
    "cosearch supernet train --resume --out mine.supernet",
  ],
  calibrate: ["cosearch supernet calibrate mbconv-32.supernet --subnets 32 --report supernet.md"],
};

export function supernetCommands({ add, exit, terminal }: AddCommand): void {
  const group = add(
    "supernet",
    "One set of weights for every network of a space, trained once; the proxy `supernet` scores with it.",
    ...EXAMPLES.train,
    ...EXAMPLES.calibrate,
  );

  group
    .command("train [space]")
    .description(
      "Train a supernet of a space of networks (a built-in one, a file, or that of a study), or go on with one.",
    )
    .requiredOption("--out <file>", "the checkpoint")
    .option(
      "--resume",
      "go on where the checkpoint stopped; the weights will be those of a training that never stopped",
    )
    .option("--steps <count>", "training steps; default 2000", wholeNumber(1))
    .addOption(
      new Option(
        "--sampling <name>",
        "networks of a step: one drawn uniformly, one with every choice equally often, or the largest, the smallest and two; default sandwich",
      ).choices(["single-path", "fair", "sandwich"]),
    )
    .option("--distil", "with the sandwich: smaller networks learn from the largest one's answers")
    .option("--batch <count>", "images of a step; default 64", wholeNumber(2))
    .option("--learning-rate <number>", "at its highest; default 0.1", positive)
    .option("--data <folder>", "of CIFAR-10's binary form; default: the embedded images")
    .option("--resolution <pixels>", "of the embedded images; default 16", wholeNumber(8))
    .option("--train-images <count>", "default 3000", wholeNumber(10))
    .option("--held-out-images <count>", "default 1000", wholeNumber(10))
    .option("--seed <number>", "of weights, order, networks and embedded images; default 1", wholeNumber(0))
    .option("--checkpoint-every <count>", "steps between two checkpoints", wholeNumber(1), 100)
    .option("--quiet", "no progress")
    .option("--json", "print one JSON document")
    .addHelpText("after", examples(EXAMPLES.train))
    .action(async (space: string | undefined, options) => {
      const { trainSupernetCommand } = await import("../commands/supernet.js");
      exit(await trainSupernetCommand(space, options, terminal));
    });

  group
    .command("calibrate <checkpoint>")
    .description(
      "Train some networks of the space by themselves, and hold what they inherit and their zero-cost scores against it; " +
        "the checkpoint keeps the error.",
    )
    .option("--subnets <count>", "networks, drawn at random", wholeNumber(4), 32)
    .option("--seeds <count>", "trainings of each", wholeNumber(2), 2)
    .option("--steps <count>", "of each training", wholeNumber(1), 300)
    .option("--batch <count>", "images of a step", wholeNumber(2), 64)
    .option("--learning-rate <number>", "at its highest", positive, 0.1)
    .option("--report <file>", "write the page (Markdown), too")
    .option("--quiet", "no progress")
    .option("--json", "print one JSON document")
    .addHelpText("after", examples(EXAMPLES.calibrate))
    .action(async (checkpoint: string, options) => {
      const { calibrateSupernetCommand } = await import("../commands/supernet.js");
      exit(await calibrateSupernetCommand(checkpoint, options, terminal));
    });
}

const examples = (lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("A number above 0 is needed.");
}
