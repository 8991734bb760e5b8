// `cosearch evaluate`: one network on one accelerator, as a table or as a document.
import { evaluateNamed } from "../../../experiments/evaluate-named.js";
import type { DesignDocument, DesignGroup, DesignStay } from "../../track/design-document.js";
import { formatBytes, formatCount, formatNumber } from "../../track/words.js";
import { EXIT } from "../exit-codes.js";
import { type Terminal, table } from "../terminal.js";
import { optionsOf } from "./calibrate.js";

export interface EvaluateCommandOptions {
  readonly network: string;
  readonly accelerator: string;
  readonly deployment?: string;
  readonly dataflow?: string;
  readonly objective: "latency" | "energy" | "edp";
  readonly proxy?: string;
  /** `key=value` pairs for the proxy */
  readonly option: readonly string[];
  readonly json?: boolean;
}

/** @returns EXIT.infeasible, with the reason, when the network cannot run on the accelerator */
export async function evaluateCommand(options: EvaluateCommandOptions, terminal: Terminal): Promise<number> {
  const design = await evaluateNamed({ ...options, proxyOptions: optionsOf(options.option) });
  if (!("layers" in design)) {
    if (options.json) terminal.out(`${JSON.stringify({ infeasible: design }, null, 2)}\n`);
    terminal.err(`infeasible (${design.code}): ${design.reason}\n`);
    return EXIT.infeasible;
  }
  if (options.json) terminal.out(`${JSON.stringify(design, null, 2)}\n`);
  else terminal.out(designText(design));
  return EXIT.ok;
}

function designText(design: DesignDocument): string {
  const { network, accuracy, layers, accelerator, groups = [], staying = [] } = design;
  const error = (100 * accuracy.standardError).toFixed(1);
  const facts: [string, string][] = [
    [
      "network",
      `${network.name}: ${formatCount(network.macCount)} MACs, ${formatCount(network.paramCount)} parameters`,
    ],
    ["accelerator", `${accelerator.name}: ${accelerator.macUnits} MAC units at ${accelerator.clockMhz} MHz`],
    ["latency", `${formatNumber(design.latencyMs)} ms, ${formatCount(design.latencyCycles)} cycles`],
    ["energy", `${formatNumber(design.energyMillijoules)} mJ`],
    ...perImage(design),
    ["area", `${formatNumber(design.areaMm2)} mm2`],
    ["on chip", `${formatBytes(design.peakOnChipBytes)} at most`],
    ["DRAM", `${formatBytes(design.dramBytes)} moved`],
    ["utilization", `${(100 * design.utilizationFraction).toFixed(1)} %`],
    ["accuracy", `${(100 * accuracy.estimate).toFixed(1)} % ± ${error} (${accuracy.proxy}, standard error)`],
    ...(accuracy.trust === undefined ? [] : [["", accuracy.trust] as [string, string]]),
  ];
  const rows = layers.map((layer) => [
    layer.id,
    layer.kind,
    formatCount(layer.macCount),
    formatCount(layer.latencyCycles),
    formatNumber(layer.energyPj / 1e6),
    (100 * layer.utilizationFraction).toFixed(1),
    layer.bottleneck,
  ]);
  const head = facts.map(([name, text]) => `${name.padEnd(12)} ${text}`).join("\n");
  const list = table(["layer", "kind", "MACs", "cycles", "energy uJ", "use %", "bound by"], rows, "");
  const parts = [head, list, ...(groups.length === 0 ? [] : [groupsText(groups)]), ...stayingText(design, staying)];
  return parts.join("\n\n").replaceAll("\n\n\n", "\n\n");
}

/** What one image of a batch takes; nothing to add for a batch of one. */
function perImage({ deployment, latencyMs, energyMillijoules }: DesignDocument): [string, string][] {
  const { batch } = deployment;
  if (batch === 1) return [];
  const latency = `${formatNumber(latencyMs / batch)} ms`;
  return [["per image", `${latency}, ${formatNumber(energyMillijoules / batch)} mJ (batch ${batch})`]];
}

/** What stays on chip and what does not, and why, where the deployment asks for it. */
function stayingText({ deployment }: DesignDocument, staying: readonly DesignStay[]): string[] {
  const { fusion, activations = "dram", weights = "dram" } = deployment;
  if (fusion === "off" && activations === "dram" && weights === "dram") return [];
  const rows = staying.map((one) => [
    one.layer,
    formatBytes(one.outputBytes),
    one.output,
    one.weights === "none" ? "" : one.weights,
    one.reason,
  ]);
  return [table(["map of", "size", "is in", "weights", "because"], rows, "")];
}

function groupsText(groups: readonly DesignGroup[]): string {
  const rows = groups.map((group) => [
    `${group.layers[0]} .. ${group.layers.at(-1)}`,
    `${group.tiles} x ${group.tileRows} x ${group.tileColumns}`,
    haloText(group),
    group.weights,
    formatBytes(group.storeBytes),
    formatBytes(group.dramBytes),
    formatBytes(group.dramBytesAlone),
    (100 * (group.recomputedOperations / (group.operations - group.recomputedOperations))).toFixed(1),
  ]);
  const head = ["run together", "tiles", "halo", "weights", "on chip", "DRAM", "DRAM alone", "again %"];
  return table(head, rows, "");
}

/** What becomes of the overlap of tiles: rows, then columns where they are cut too. */
function haloText({ rowHalo, columnHalo }: DesignGroup): string {
  if (columnHalo === "none" || columnHalo === rowHalo) return rowHalo;
  return rowHalo === "none" ? columnHalo : `rows ${rowHalo}, columns ${columnHalo}`;
}
