// Commands about designs without a run: what there is, what a network or a layer costs on a chip, and how right that is.
import { Option } from "commander";
import type { AddCommand } from "./add-command.js";
import { collect, wholeNumber } from "./arguments.js";

export function designsCommands({ add, exit, terminal }: AddCommand): void {
  /** A command about a mapping of one layer, given or searched. */
  const onOneLayer: AddCommand["add"] = (...what) =>
    add(...what)
      .requiredOption("--layer <file>", "a layer file")
      .requiredOption("--accelerator <name>", "a built-in accelerator or a file")
      .option("--mapping <file>", "this mapping instead of the best one")
      .option("--dataflow <name>", "whose constraints hold, instead of the accelerator's own")
      .addOption(objective("what the mapping is best at"))
      .option("--budget <count>", "mappings counted exactly per dataflow", wholeNumber(1))
      .option("--part <name>", "one part of a layer that has several (squeeze-excite)");

  add(
    "list [kind]",
    "What there is: studies, spaces, agents, accelerators, networks, accuracy proxies (proxies), metrics.",
    "cosearch list",
    "cosearch list networks",
    "cosearch list agents --json",
  )
    .option("--json", "print one JSON document")
    .action(async (kind: string | undefined, options) => {
      const { listCommand } = await import("../commands/list.js");
      exit(await listCommand(kind, options, terminal));
    });

  add(
    "evaluate",
    "Cost and proxy accuracy of one network on one accelerator, layer by layer.",
    "cosearch evaluate --network mobilenet-v2 --accelerator nahas-edge",
    "cosearch evaluate --network my-net.yaml --accelerator eyeriss --objective energy --json",
    "cosearch evaluate --network subnet.yaml --accelerator nahas-edge --proxy supernet --option checkpoint=mine.supernet",
    "cosearch evaluate --network resnet-50 --accelerator nahas-edge --deployment int4.yaml --dataflow weight-stationary",
  )
    .requiredOption("--network <name>", "a built-in network or a file")
    .requiredOption("--accelerator <name>", "a built-in accelerator or a file")
    .option("--deployment <file>", "precision, batch and fusion; default: 8 bits, batch 1, no fusion")
    .option("--dataflow <name>", "instead of the accelerator's own")
    .addOption(objective("what each layer's mapping is best at"))
    .option("--proxy <name>", "accuracy proxy; see `cosearch list proxies`")
    .option("--option <key=value>", "an option of the proxy; may be given several times", collect, [])
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { evaluateCommand } = await import("../commands/evaluate.js");
      exit(await evaluateCommand(options, terminal));
    });

  onOneLayer(
    "map",
    "One layer on one accelerator: the exact cost of a mapping, or the best mapping as a loop nest.",
    "cosearch map --layer conv.yaml --accelerator nahas-edge",
    "cosearch map --layer conv.yaml --accelerator nahas-edge --objective edp --explain --out best.yaml",
    "cosearch map --layer conv.yaml --accelerator chip.yaml --mapping best.yaml --json",
  )
    .option("--explain", "compare with the best mapping of another dataflow")
    .option("--out <file>", "write the mapping as a file that --mapping reads")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { mapCommand } = await import("../commands/map.js");
      exit(await mapCommand(options, terminal));
    });

  onOneLayer(
    "export",
    "A layer, an accelerator and a mapping as the files of another tool, to check our answer there.",
    "cosearch export --layer conv.yaml --accelerator nahas-edge --format timeloop --out conv-timeloop",
    "cosearch export --layer conv.yaml --accelerator chip.yaml --mapping best.yaml --format zigzag --out conv-zigzag",
  )
    .requiredOption("--format <name>", "timeloop, maestro, scalesim or zigzag")
    .requiredOption("--out <folder>", "where the files are written")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { exportCommand } = await import("../commands/export.js");
      exit(await exportCommand(options, terminal));
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
      const { validateCommand } = await import("../commands/validate.js");
      exit(await validateCommand(options, terminal));
    });

  add(
    "schema [kind]",
    "JSON Schema of study files (study), network files (network), space files (space), deployments, accelerators, layers, mappings.",
    "cosearch schema study > study.schema.json",
  ).action(async (kind: string | undefined) => {
    const { schemaCommand } = await import("../commands/schema.js");
    exit(await schemaCommand(kind, terminal));
  });
}

function objective(what: string): Option {
  return new Option("--objective <name>", what).choices(["latency", "energy", "edp"]).default("latency");
}
