// `cosearch map`: one layer on one accelerator: what a mapping costs, or the best mapping, as a loop nest and as tables.
import { writeFileSync } from "node:fs";
import {
  type MapOutcome,
  type MappedLayer,
  type MapRequest,
  mapLayer,
  mappingText,
} from "../../../experiments/map-layer.js";
import { CosearchError } from "../../core/errors.js";
import { formatNumber } from "../../track/words.js";
import { EXIT } from "../exit-codes.js";
import { type Terminal, table } from "../terminal.js";

export interface MapCommandOptions extends MapRequest {
  readonly out?: string;
  readonly json?: boolean;
}

type Mapped = Extract<MapOutcome, { kind: "mapped" }>;
type Report = Mapped["report"];

/** @returns EXIT.infeasible, with everything that is broken, when the mapping cannot run or none fits */
export async function mapCommand(options: MapCommandOptions, terminal: Terminal): Promise<number> {
  const layers = mapLayer(options);
  const [first] = layers;
  if (options.out !== undefined && layers.length > 1) {
    throw new CosearchError("USAGE", `--out ${options.out}: the layer has several parts; choose one with --part`);
  }
  if (options.json) {
    const documents = layers.map(documentOf);
    terminal.out(`${JSON.stringify(documents.length === 1 ? documents[0] : { parts: documents }, null, 2)}\n`);
  } else terminal.out(layers.map((layer) => layerText(layer, options)).join("\n"));
  for (const { layer, result } of layers) {
    if (result.kind === "infeasible")
      terminal.err(`infeasible (${result.infeasible.code}): ${layer}: ${result.infeasible.reason}\n`);
  }
  if (layers.some(({ result }) => result.kind === "infeasible")) return EXIT.infeasible;
  if (options.out !== undefined && first?.result.kind === "mapped") {
    try {
      writeFileSync(options.out, mappingText(first, first.result.report.mapping));
    } catch (error) {
      throw new CosearchError("FILE_UNREADABLE", `--out ${options.out}: ${(error as Error).message}`, { cause: error });
    }
    if (!options.json) terminal.err(`${options.out} written\n`);
  }
  return EXIT.ok;
}

/** The document of `--json`. */
function documentOf({ result, ...asked }: MappedLayer): unknown {
  if (result.kind === "infeasible") return { ...asked, infeasible: result.infeasible };
  const { kind: _, report, ...rest } = result;
  return { ...asked, ...rest, ...report };
}

function layerText(mapped: MappedLayer, options: MapCommandOptions): string {
  const { layer, kind, shape, bits, accelerator, result } = mapped;
  const size = Object.entries(shape)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const head = [
    `${layer} (${kind}: ${size})`,
    `${bits.weights}-bit weights, ${bits.inputs}-bit inputs, ${bits.outputs}-bit outputs, ${bits.partial}-bit sums; on ${accelerator.name}, ${accelerator.macUnits} MAC units at ${accelerator.clockMhz} MHz`,
  ];
  if (result.kind === "infeasible") return `${[...head, "", ...refusal(result)].join("\n")}\n`;
  const { report, runnerUp, dataflows } = result;
  const found =
    options.mapping === undefined
      ? `best of ${result.evaluated} mappings for ${options.objective ?? "latency"}`
      : "as given";
  const kept = dataflows.length > 0 ? dataflows.join(", ") : "none of the fixed dataflows";
  const lines = [
    ...head,
    "",
    `mapping (${found}; allowed by ${kept}):`,
    indent(result.loopNest),
    "",
    summary(report),
    "",
    traffic(report),
  ];
  if (options.explain) lines.push(explanation(result, runnerUp ?? null));
  return `${lines.join("\n")}\n`;
}

function summary(report: Report): string {
  const waits = report.bottleneck === "compute" ? "compute" : `${report.bottleneck}'s bandwidth`;
  const parts = Object.entries(report.latencyParts).filter(([, cycles]) => cycles > 0);
  const facts: [string, string][] = [
    [
      "latency",
      `${report.latencyCycles.toLocaleString("en-US")} cycles, ${formatNumber(report.latencyMs)} ms; bound by ${waits}`,
    ],
    ["made of", parts.map(([part, cycles]) => `${part} ${formatNumber(cycles)}`).join(" + ")],
    [
      "cycles by cause",
      causes(report)
        .map(([cause, cycles]) => `${cause} ${formatNumber(cycles)}`)
        .join(", "),
    ],
    [
      "use",
      `${(100 * report.utilizationFraction).toFixed(1)} % of the peak; ${report.usedMacUnits} of ${report.macUnits} MAC units`,
    ],
    [
      "energy",
      `${formatNumber(report.energyPj / 1e6)} uJ: ${energies(report)
        .map(([place, pj]) => `${place} ${formatNumber(pj / 1e6)}`)
        .join(", ")}`,
    ],
  ];
  return facts.map(([name, text]) => `${name.padEnd(16)} ${text}`).join("\n");
}

/** What each cause alone would take; the largest of those that overlap decides. */
const causes = (report: Report): [string, number][] => [
  ["compute", report.computeCycles],
  ...report.levels.filter(({ cycles }) => cycles > 0).map(({ level, cycles }): [string, number] => [level, cycles]),
];

const energies = (report: Report): [string, number][] => [
  ["operations", report.operationEnergyPj],
  ...report.levels.map(({ level, energyPj }): [string, number] => [level, energyPj]),
  ...(report.networkEnergyPj > 0 ? [["network", report.networkEnergyPj] as [string, number]] : []),
  ...(report.leakageEnergyPj > 0 ? [["leakage", report.leakageEnergyPj] as [string, number]] : []),
];

function traffic(report: Report): string {
  const rows = report.levels.flatMap(({ level, usedInstances, instances, operands, tile }) =>
    operands.map(({ operand, reads, fills, updates, tileWords, tileBytes }, i) => [
      i === 0 ? level : "",
      i === 0 ? `${usedInstances}/${instances}` : "",
      i === 0 ? tileText(tile) : "",
      operand,
      tileWords === 0
        ? "passes by"
        : `${tileWords.toLocaleString("en-US")} (${Math.ceil(tileBytes).toLocaleString("en-US")} B)`,
      ...[reads, fills, updates].map((words) => words.toLocaleString("en-US")),
    ]),
  );
  return table(["level", "used", "one holds", "operand", "tile words", "reads", "fills", "updates"], rows, "");
}

const tileText = (tile: Readonly<Record<string, number>>): string =>
  Object.entries(tile)
    .filter(([, size]) => size > 1)
    .map(([dim, size]) => `${dim}${size}`)
    .join(" ") || "1 element";

function explanation({ report }: Mapped, other: NonNullable<Mapped["runnerUp"]> | null): string {
  if (other === null) return "no runner-up: no other dataflow can run the layer here\n";
  const pairs = (
    ours: readonly [string, number][],
    theirs: readonly [string, number][],
    unit: string,
    scale = 1,
  ): string[][] => {
    const names = [...new Set([...ours, ...theirs].map(([name]) => name))];
    const of = (list: readonly [string, number][], name: string): number =>
      (list.find(([key]) => key === name)?.[1] ?? 0) / scale;
    return names.map((name) => {
      const [mine, its] = [of(ours, name), of(theirs, name)];
      return [`${name}, ${unit}`, formatNumber(mine), formatNumber(its), mine > 0 ? `${formatNumber(its / mine)}` : ""];
    });
  };
  const total = (one: Report): [string, number][] => [["latency", one.latencyCycles]];
  const rows = [
    ...pairs(total(report), total(other.report), "cycles"),
    ...pairs(causes(report), causes(other.report), "cycles"),
    ...pairs([["energy", report.energyPj]], [["energy", other.report.energyPj]], "uJ", 1e6),
    ...pairs(energies(report), energies(other.report), "uJ", 1e6),
  ];
  return [
    `against the best other dataflow, ${other.dataflow}:`,
    indent(other.loopNest),
    "",
    table(["", "winner", "runner-up", "times"], rows, ""),
    `The winner is bound by ${report.bottleneck}, the runner-up by ${other.report.bottleneck}.`,
    "",
  ].join("\n");
}

function refusal({ infeasible }: Extract<MapOutcome, { kind: "infeasible" }>): string[] {
  const rows = infeasible.violations.map(({ subject, needed, available, unit }) => [
    subject,
    String(needed),
    String(available),
    unit,
  ]);
  const lines = [`cannot run: ${infeasible.reason}`];
  if (rows.length > 0) lines.push("", table(["what", "needed", "available", "unit"], rows).trimEnd());
  if (infeasible.remedies.length > 0) {
    lines.push("", "would fit with one of these (tried):", ...infeasible.remedies.map(({ text }) => `  ${text}`));
  }
  return lines;
}

const indent = (text: string): string =>
  text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
