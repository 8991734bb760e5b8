// How published benchmarks write an architecture in one row, and the network that it stands for:
//   nas-bench-201  `arch`: |op~0|+|op~0|op~1|+|op~0|op~1|op~2|            (Dong and Yang 2020, arXiv:2001.00326)
//   fbnet          `ops`: 22 block types, 0 to 8 or their names           (Wu et al. 2019, arXiv:1812.03443, tables 1 and 2)
//   once-for-all   `ks`, `e` (20 slots, - where unused), `d` (5 depths)   (Cai et al. 2020, arXiv:1908.09791)
// Each gives knob values too, so that a search space with those knobs can look its candidates up.
import { CosearchError } from "../../../src/core/errors.js";
import { fillTemplate } from "../../../src/core/template.js";
import type { Candidate, KnobValue } from "../../../src/core/trial.js";
import type { Network } from "../../network/ir.js";
import { buildNetwork, type NetworkFile } from "../../network/network-file.js";
import { loadSpaceFile } from "../../space-file.js";
import type { CsvRow } from "./csv.js";
import { cellNetwork, parseCell } from "./nas-bench-201.js";

export interface Encoded {
  /** knob name -> value, without a group prefix */
  readonly knobs: Candidate;
  /** undefined when no image reaches the output (a cell without a path) */
  readonly network: Network | undefined;
}

export interface Encoding {
  readonly name: string;
  /** columns that must be there */
  readonly columns: readonly string[];
  /** how the networks of such tables were trained, where that is always the same */
  readonly recipe?: string;
  /** @throws CosearchError FILE_BAD_VALUE for a row that is not written so */
  decode(row: CsvRow, where: string): Encoded;
}

const FBNET_OPS = ["k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip"] as const;
/** channels, layers, stride of the searched units of FBNet, table 1 */
const FBNET_UNITS = [
  [16, 1, 1],
  [24, 4, 2],
  [32, 4, 2],
  [64, 4, 2],
  [112, 4, 1],
  [184, 4, 2],
  [352, 1, 1],
] as const;
const OFA_UNITS = 5;
const OFA_SLOTS = 4;

export const ENCODINGS: readonly Encoding[] = [
  {
    name: "nas-bench-201",
    columns: ["arch"],
    decode(row, where) {
      const cell = parseCell(row.arch!, where);
      const knobs = Object.fromEntries(cell.map(({ from, to, operation }) => [`edge${from}${to}`, operation]));
      return { knobs, network: cellNetwork(cell) };
    },
  },
  { name: "fbnet", columns: ["ops"], decode: (row, where) => fbnetOf(listOf(row.ops!), where) },
  {
    name: "once-for-all",
    columns: ["ks", "e", "d"],
    recipe: "Once-for-all supernet, distilled",
    decode: (row, where) =>
      onceForAllOf(listOf(row.ks!), listOf(row.e!), listOf(row.d!), Number(row.resolution ?? row.r ?? 224), where),
  },
];

/** `3-5`, `3 5 7`, `[3, 5, 7]` or `k3_e1;skip` as its items; a text without separators is one item per character. */
export function listOf(text: string): string[] {
  const inner = text.trim().replace(/^[[(]|[\])]$/g, "");
  const items = /[\s,;:|]/.test(inner) ? inner.split(/[\s,;:|]+/) : [...inner];
  return items.filter((item) => item !== "");
}

function fbnetOf(items: readonly string[], where: string): Encoded {
  const layerCount = FBNET_UNITS.reduce((sum, [, layers]) => sum + layers, 0);
  if (items.length !== layerCount) throw bad(where, `ops has ${items.length} block types; ${layerCount} are needed`);
  const knobs: Record<string, KnobValue> = {};
  const stages: NonNullable<NetworkFile["stages"]> = [];
  let at = 0;
  let inChannels = 16;
  for (const [unit, [channels, layers, stride]] of FBNET_UNITS.entries()) {
    for (let layer = 0; layer < layers; layer++) {
      const item = items[at++]!;
      const op = FBNET_OPS.find((name, i) => name === item || String(i) === item);
      if (op === undefined)
        throw bad(where, `ops: ${item} is no FBNet block; allowed: 0 to 8 or ${FBNET_OPS.join(", ")}`);
      knobs[`unit${unit + 1}.layer${layer + 1}`] = op;
      const step = layer === 0 ? stride : 1;
      if (op === "skip") {
        // nothing to do where the shape stays; where it changes a 1 × 1 convolution takes its place
        if (step > 1 || inChannels !== channels)
          stages.push({ stage: unit + 1, kind: "conv", kernel: 1, stride: step, channels });
      } else {
        const [, kernel, expansion, groups] = /^k(\d)_e(\d)(?:_g(\d))?$/.exec(op)!;
        stages.push({
          stage: unit + 1,
          kind: "inverted-residual",
          kernel: Number(kernel),
          expandedChannels: inChannels * Number(expansion),
          channels,
          stride: step,
          ...(groups !== undefined && { groups: Number(groups) }),
        });
      }
      inChannels = channels;
    }
  }
  const file: NetworkFile = {
    name: "fbnet",
    activation: "relu",
    stem: { channels: 16 },
    stages,
    head: { channels: 1984 },
  };
  return { knobs, network: buildNetwork(file) };
}

let onceForAllTemplate: ReturnType<typeof loadSpaceFile>["template"] | undefined;

function onceForAllOf(
  kernels: readonly string[],
  expansions: readonly string[],
  depths: readonly string[],
  resolution: number,
  where: string,
): Encoded {
  const slots = OFA_UNITS * OFA_SLOTS;
  if (kernels.length !== slots || expansions.length !== slots || depths.length !== OFA_UNITS) {
    const counts = `ks has ${kernels.length} slots, e ${expansions.length}, d ${depths.length}`;
    throw bad(where, `${counts}; ${slots}, ${slots} and ${OFA_UNITS} are needed`);
  }
  const knobs: Record<string, KnobValue> = { resolution };
  for (let unit = 0; unit < OFA_UNITS; unit++) {
    const depth = numberIn(depths[unit]!, [2, 3, 4], `${where}: d`);
    knobs[`unit${unit + 1}.depth`] = depth;
    for (let layer = 0; layer < depth; layer++) {
      const slot = unit * OFA_SLOTS + layer;
      const name = `unit${unit + 1}.layer${layer + 1}`;
      knobs[`${name}.kernel`] = numberIn(kernels[slot]!, [3, 5, 7], `${where}: ks slot ${slot + 1}`);
      knobs[`${name}.expansion`] = numberIn(expansions[slot]!, [3, 4, 6], `${where}: e slot ${slot + 1}`);
    }
  }
  onceForAllTemplate ??= loadSpaceFile("ofa-mobilenet-v3").template;
  return { knobs, network: buildNetwork(fillTemplate(onceForAllTemplate, knobs) as NetworkFile) };
}

function numberIn(text: string, allowed: readonly number[], where: string): number {
  const value = Number(text);
  if (!allowed.includes(value)) throw bad(where, `${text} is not among ${allowed.join(", ")}`);
  return value;
}

const bad = (where: string, why: string): CosearchError => new CosearchError("FILE_BAD_VALUE", `${where}: ${why}`);
