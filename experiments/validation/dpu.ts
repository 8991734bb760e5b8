// Networks measured on a ZCU102 board's DPU: each row's seven stages become a network, its layers run one after the other on
// our xilinx-dpu-zcu102 preset. One factor scales all of a file's latencies (the board's time beside the DPU); nothing else
// is fitted. Maps stay on the chip, except around squeeze-excite, which needs a whole map before it can scale it.
import { z } from "zod";
import { buildAccelerator } from "../../envs/accelerator/architecture.js";
import { CostModel } from "../../envs/accelerator/cost.js";
import { emptyMapping, type Mapping } from "../../envs/accelerator/mapping.js";
import { C, DIM_COUNT, G, K, type Problem, problemKey, problemOf, Q } from "../../envs/accelerator/problem.js";
import type { Layer, Network } from "../../envs/network/ir.js";
import { buildNetwork } from "../../envs/network/network-file.js";
import { presetFile } from "./machines.js";
import type { Adapter, RowScore } from "./reference.js";

const digits = z.string().regex(/^\d{7}$/);
const schema = z.object({
  idx: z.string().default(""),
  e: digits,
  k: digits,
  l: digits,
  se: digits,
  zcu102_ms: z.string(),
});
type Row = z.output<typeof schema>;

const CHANNELS = [16, 24, 40, 80, 112, 192, 320];
const STRIDES = [1, 2, 2, 2, 1, 2, 1];
const SQUEEZE_RATIO = 0.25;
const PRECISION = { weightBits: 8, inputBits: 8, outputBits: 8 };

export const dpu: Adapter = {
  format: "mbconv-dpu",
  about:
    "latency measured on a ZCU102 DPU, one scale factor over the file (the median of measured / ours without squeeze-excite). Squeeze-excite is mostly data movement and small instructions on the board, of which we count the movement",
  toleranceFraction: 0.5,
  rowSchema: schema,
  recognises: (row) => schema.safeParse(row).success,
  score: (rows) => scoreRows(rows.map((row) => schema.parse(row))),
};

function scoreRows(rows: readonly Row[]): RowScore[] {
  const machine = new Dpu();
  const known = rows.map((row) => {
    const measured = Number(row.zcu102_ms);
    return { row, measured, ours: machine.latencyMs(networkOf(row)) };
  });
  const isMeasured = ({ row, measured }: (typeof known)[number]): boolean => row.zcu102_ms !== "" && measured > 0;
  const plain = known.filter((one) => isMeasured(one) && !hasSqueeze(one.row));
  const scale = median((plain.length > 0 ? plain : known.filter(isMeasured)).map((one) => one.measured / one.ours));
  return known.map((one): RowScore => {
    const group = hasSqueeze(one.row) ? "with squeeze-excite" : "without squeeze-excite";
    if (!isMeasured(one)) return { id: one.row.idx, comparisons: [], group, unscored: "no measured latency" };
    const comparison = { quantity: "latency ms, scaled", reference: one.measured, ours: one.ours * scale };
    return { id: one.row.idx, comparisons: [comparison], group };
  });
}

const hasSqueeze = ({ se }: Row): boolean => /[^0]/.test(se);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 1;
}

/** The MBConv network of a row: a digit per stage for expansion, kernel, blocks and squeeze-excite. */
export function networkOf({ idx, e, k, l, se }: Row): Network {
  return buildNetwork({
    name: `mbconv-${idx}`,
    input: { resolution: 224, channels: 3 },
    stem: { channels: 32, kernel: 3, stride: 2 },
    stages: CHANNELS.map((channels, i) => ({
      kind: "inverted-residual" as const,
      kernel: Number(k[i]),
      stride: STRIDES[i]!,
      expansion: Number(e[i]),
      channels,
      repeat: Number(l[i]),
      ...(se[i] === "0" ? {} : { squeezeExcite: SQUEEZE_RATIO }),
    })),
    head: { channels: 1280 },
    classes: 1000,
  });
}

/** Layers on one core of the DPU, remembered by shape. */
class Dpu {
  readonly #chip = buildAccelerator(presetFile("xilinx-dpu-zcu102"));
  readonly #model = new CostModel(this.#chip);
  readonly #known = new Map<string, number>();

  latencyMs({ layers }: Network): number {
    let cycles = 0;
    const stored = layers.map((_, i) => isStored(layers, i));
    layers.forEach((layer, i) => {
      const [first, second] = layer.inputs;
      const isHere = (producer: number | undefined): boolean =>
        producer !== undefined && producer >= 0 && !stored[producer]!;
      const resident = [isHere(second), isHere(first), !stored[i]!] as const;
      cycles += this.#cycles(problemOf(layer, 1, PRECISION, { resident, reservedBits: 0 }));
    });
    return cycles / this.#chip.clockMhz / 1000;
  }

  #cycles(problem: Problem): number {
    const key = problemKey(problem);
    let cycles = this.#known.get(key);
    if (cycles === undefined) {
      this.#model.evaluate(problem, dpuMapping(problem));
      cycles = this.#model.latencyCycles;
      this.#known.set(key, cycles);
    }
    return cycles;
  }
}

/** A map goes through DRAM when a global pool or a squeeze-excite multiplication reads or makes it, and at the network's end. */
function isStored(layers: readonly Layer[], position: number): boolean {
  const reads = (layer: Layer): boolean =>
    layer.inputs.includes(position) && (layer.kind === "global-pool" || layer.kind === "multiply");
  if (position === layers.length - 1 || layers[position]!.kind === "multiply") return true;
  const scales = layers.some((layer) => layer.kind === "multiply" && layer.inputs.includes(position));
  return scales && layers.some(reads);
}

/** 8 pixels of a row, 16 input and 16 output channels at once; everything else in time, from one tile. */
function dpuMapping(problem: Problem): Mapping {
  const mapping = emptyMapping(2);
  const buffer = DIM_COUNT;
  const unroll = (dim: number, size: number): void => {
    const bound = Math.min(size, problem.extents[dim]!);
    mapping.spatial[buffer + dim] = bound;
  };
  unroll(Q, 8);
  unroll(C, 16);
  unroll(problem.extents[K]! > 1 ? K : G, 16);
  for (let d = 0; d < DIM_COUNT; d++) {
    mapping.temporal[buffer + d] = Math.ceil(problem.extents[d]! / mapping.spatial[buffer + d]!);
  }
  return mapping;
}
