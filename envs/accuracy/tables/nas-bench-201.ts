// The cell space of NAS-Bench-201 (Dong and Yang 2020, arXiv:2001.00326): four nodes, six edges, five operations; the cell is
// stacked five times in three stages of 16, 32 and 64 channels with a residual block between two stages, on 32 × 32 images.
import { CosearchError } from "../../../src/core/errors.js";
import type { Network } from "../../network/ir.js";
import { buildNetwork, type NetworkFile } from "../../network/network-file.js";

export const CELL_OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"] as const;
export type CellOperation = (typeof CELL_OPERATIONS)[number];

export interface CellEdge {
  readonly from: number;
  readonly to: number;
  readonly operation: CellOperation;
}

const STAGE_CHANNELS = [16, 32, 64] as const;
const CELLS_PER_STAGE = 5;
const LAST_NODE = 3;

/** The six edges of `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`. @throws CosearchError FILE_BAD_VALUE */
export function parseCell(text: string, where = "arch"): CellEdge[] {
  const nodes = text.trim().split("+");
  const edges = nodes.flatMap((node, i) =>
    node
      .split("|")
      .filter((part) => part !== "")
      .map((part, from): CellEdge => {
        const [name, source] = part.split("~");
        const operation = CELL_OPERATIONS.find((known) => known === name);
        if (operation === undefined || Number(source) !== from) {
          const why = `"${part}" is no edge from node ${from}; operations: ${CELL_OPERATIONS.join(", ")}`;
          throw new CosearchError("FILE_BAD_VALUE", `${where}: ${why}`);
        }
        return { from, to: i + 1, operation };
      }),
  );
  if (nodes.length !== LAST_NODE || edges.length !== 6) {
    throw new CosearchError(
      "FILE_BAD_VALUE",
      `${where}: ${edges.length} edges; |op~0|+|op~0|op~1|+|op~0|op~1|op~2| is needed`,
    );
  }
  return edges;
}

type Layers = NonNullable<NetworkFile["layers"]>;

/** The whole network around a cell for ten classes; undefined when no path leads through the cell. The activation stands
 *  before a convolution in the benchmark and after it here: the same work, the same parameters. */
export function cellNetwork(edges: readonly CellEdge[]): Network | undefined {
  const layers: Layers = [{ kind: "conv", name: "stem", channels: 16, kernel: 3, inputs: ["input"], stage: "stem" }];
  let source = "stem";
  for (const [s, channels] of STAGE_CHANNELS.entries()) {
    if (s > 0) source = addReduction(layers, `reduce${s}`, source, channels);
    for (let c = 0; c < CELLS_PER_STAGE; c++) {
      const output = addCell(layers, `stage${s + 1}.cell${c + 1}`, source, channels, edges, `stage${s + 1}`);
      if (output === undefined) return undefined;
      source = output;
    }
  }
  layers.push(
    { kind: "global-pool", name: "pool", inputs: [source], activation: "none" },
    { kind: "fully-connected", name: "classifier", inputs: ["pool"], units: 10 },
  );
  return buildNetwork({ name: "nas-bench-201", input: { resolution: 32, channels: 3 }, classes: 10, layers });
}

/** @returns the name of the cell's output, undefined when nothing reaches it */
function addCell(
  layers: Layers,
  id: string,
  input: string,
  channels: number,
  edges: readonly CellEdge[],
  stage: string,
): string | undefined {
  const nodes: (string | undefined)[] = [input];
  for (let to = 1; to <= LAST_NODE; to++) {
    const arrivals = edges.flatMap((edge) => {
      const from = nodes[edge.from];
      if (edge.to !== to || from === undefined || edge.operation === "none") return [];
      if (edge.operation === "skip_connect") return [from];
      const name = `${id}.edge${edge.from}${to}`;
      if (edge.operation === "avg_pool_3x3")
        layers.push({ kind: "pool", name, inputs: [from], kernel: 3, stride: 1, stage });
      else {
        const kernel = edge.operation === "nor_conv_3x3" ? 3 : 1;
        layers.push({ kind: "conv", name, inputs: [from], channels, kernel, activation: "relu", stage });
      }
      return [name];
    });
    if (arrivals.length > 1) {
      layers.push({ kind: "add", name: `${id}.node${to}`, inputs: arrivals, stage });
      nodes.push(`${id}.node${to}`);
    } else nodes.push(arrivals[0]);
  }
  return nodes[LAST_NODE];
}

/** The residual block between two stages: 3 × 3 stride 2, 3 × 3, and an average pool with a 1 × 1 convolution beside. */
function addReduction(layers: Layers, id: string, input: string, channels: number): string {
  layers.push(
    {
      kind: "conv",
      name: `${id}.conv1`,
      inputs: [input],
      channels,
      kernel: 3,
      stride: 2,
      activation: "relu",
      stage: id,
    },
    { kind: "conv", name: `${id}.conv2`, inputs: [`${id}.conv1`], channels, kernel: 3, stage: id },
    { kind: "pool", name: `${id}.pool`, inputs: [input], kernel: 2, stride: 2, stage: id },
    { kind: "conv", name: `${id}.shortcut`, inputs: [`${id}.pool`], channels, kernel: 1, stage: id },
    { kind: "add", name: `${id}.add`, inputs: [`${id}.conv2`, `${id}.shortcut`], stage: id },
  );
  return `${id}.add`;
}
