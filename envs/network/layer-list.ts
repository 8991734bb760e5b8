// An explicit layer list becomes layers. A layer is sized by its producers (friendly keys: channels, kernel, units, ...) or
// states its shape in letters (C, P, Q, R, S, K). Stated shapes of layers that name their inputs are checked against them;
// where the inputs are not named and the shape does not follow from the layer before, the layer reads from off chip, like
// the network's input: so a plain list of layer shapes, as simulators take them, is a network too.
import type { Block } from "./ir.js";
import { type LayerBuilder, NETWORK_INPUT, type Pair, type Shape } from "./layer-builder.js";
import type { LayerEntry, Padding } from "./network-schema.js";

type EntryOf<K extends LayerEntry["kind"]> = Extract<LayerEntry, { kind: K }>;
type WindowEntry = EntryOf<"conv" | "depthwise" | "pool">;

/** Appends every layer of the list. @returns no blocks: a layer list has none
 *  @throws NetworkShapeError naming the layer, also for an unknown input or an unstated size */
export function addLayerList(builder: LayerBuilder, entries: readonly LayerEntry[]): Block[] {
  const positions = new Map<string, number>([["input", NETWORK_INPUT]]);
  let previousLabel: string | number | undefined;
  for (const [index, entry] of entries.entries()) {
    if (index > 0 && entry.stage !== undefined && entry.stage !== previousLabel) builder.stage++;
    previousLabel = entry.stage ?? previousLabel;
    const id = entry.name ?? `${entry.kind}${index + 1}`;
    if (positions.has(id)) throw builder.bad(id, "name", 2, 1, "layers", "the name is taken");
    positions.set(id, addLayer(builder, id, entry, inputsOf(builder, id, entry, positions)));
  }
  return [];
}

function inputsOf(
  builder: LayerBuilder,
  id: string,
  entry: LayerEntry,
  positions: ReadonlyMap<string, number>,
): readonly number[] {
  if (entry.inputs === undefined) return [builder.layers.length - 1];
  return entry.inputs.map((name) => {
    const position = positions.get(name);
    if (position === undefined) {
      throw builder.bad(id, `input ${name}`, 1, 0, "layers of that name", `no layer before it is called "${name}"`);
    }
    return position;
  });
}

function addLayer(builder: LayerBuilder, id: string, entry: LayerEntry, inputs: readonly number[]): number {
  const activation = "activation" in entry ? (entry.activation ?? "none") : "none";
  switch (entry.kind) {
    case "conv":
    case "depthwise":
    case "pool":
      return addWindow(builder, id, entry, inputs);
    case "global-pool": {
      if (entry.C === undefined) return builder.globalPool(id, inputs, activation);
      const kernel: Pair = [entry.R ?? 1, entry.S ?? entry.R ?? 1];
      const input = { channels: entry.C, rows: kernel[0], columns: kernel[1] };
      const output = { channels: entry.C, rows: 1, columns: 1 };
      const sources = linked(builder, id, entry, inputs, input);
      return builder.stated(id, "global-pool", sources, output, entry.C, kernel, entry.C, { activation });
    }
    case "fully-connected": {
      const units = required(builder, id, "units (or K)", entry.units ?? entry.K);
      if (entry.C === undefined) return builder.fullyConnected(id, inputs, units, activation);
      const sources = linkedElements(builder, id, entry, inputs, entry.C);
      const output = { channels: units, rows: 1, columns: 1 };
      return builder.stated(id, "fully-connected", sources, output, entry.C, [1, 1], 1, { activation });
    }
    case "matmul": {
      const groups = (entry.heads ?? 1) * (entry.batch ?? 1);
      const { rows, inner, columns } = entry;
      const first = inputs[0]!;
      const second = inputs[1] ?? first;
      holds(builder, id, first, rows * inner * groups, "first operand");
      holds(builder, id, second, inner * columns * groups, "second operand");
      return builder.matmul(id, [first, second], { rows, inner, columns, groups }, activation);
    }
    case "add":
    case "multiply": {
      if (entry.C === undefined) {
        if (inputs.length < 2)
          throw builder.bad(id, "inputs", 2, inputs.length, "inputs", `${entry.kind} joins two layers`);
        return builder.elementwise(id, entry.kind, inputs, activation);
      }
      const output = { channels: entry.C, rows: entry.P ?? 1, columns: entry.Q ?? entry.P ?? 1 };
      const sources = linked(builder, id, entry, inputs, output);
      return builder.stated(id, entry.kind, sources, output, entry.C, [1, 1], entry.C, { activation });
    }
    case "squeeze-excite": {
      const { channels } = builder.shapeOf(inputs[0]!);
      const width = entry.channels ?? Math.max(1, Math.floor(channels * (entry.ratio ?? 0.25)));
      return builder.squeezeExcite(id, inputs[0]!, width, entry.squeezeActivation ?? "relu", entry.gate ?? "sigmoid");
    }
  }
}

/** Convolution or pooling, from its producers or from letters. */
function addWindow(builder: LayerBuilder, id: string, entry: WindowEntry, inputs: readonly number[]): number {
  const kernel = kernelOf(builder, id, entry);
  const stride = toPair(entry.stride ?? (entry.kind === "pool" && entry.P === undefined ? kernel : 1));
  const dilation = toPair(entry.dilation ?? 1);
  const activation = entry.activation ?? "none";
  const padding: Padding = entry.padding ?? "same";
  if (entry.C === undefined && entry.P === undefined && entry.Q === undefined) {
    const options = { kernel, stride, dilation, padding, activation };
    if (entry.kind === "depthwise") return builder.depthwise(id, inputs, options);
    if (entry.kind === "pool") return builder.pool(id, inputs, options);
    const channels = required(builder, id, "channels (or K)", entry.channels ?? entry.K);
    return builder.conv(id, inputs, { ...options, channels, groups: entry.groups ?? 1 });
  }
  const stated = entry.kind === "conv" ? (entry.channels ?? entry.K) : (entry.K ?? entry.C);
  const K = required(builder, id, "K", stated);
  const C = required(builder, id, "C", entry.C ?? (entry.kind === "conv" ? undefined : entry.K));
  const P = required(builder, id, "P", entry.P);
  const output = { channels: K, rows: P, columns: entry.Q ?? P };
  const groups = entry.kind === "conv" ? (entry.groups ?? 1) : C;
  if (entry.kind !== "conv" && K !== C)
    throw builder.bad(id, "K", K, C, "channels", `${entry.kind} keeps its channels`);
  const sources = linkedWindow(builder, id, entry, inputs, C, output, stride);
  return builder.stated(id, entry.kind, sources, output, C, kernel, groups, { stride, dilation, activation });
}

function kernelOf(builder: LayerBuilder, id: string, entry: WindowEntry): Pair {
  if (entry.R !== undefined || entry.S !== undefined) {
    const rows = required(builder, id, "R", entry.R ?? entry.S);
    return [rows, entry.S ?? rows];
  }
  if (entry.kernel !== undefined) return toPair(entry.kernel);
  return entry.kind === "pool" ? [2, 2] : entry.P === undefined ? [3, 3] : [1, 1];
}

/** The producers of a layer with stated input channels and output size: each input row makes at most one output row per
 *  stride, so the producer must have between (P − 1) · stride + 1 and P · stride + (R − 1) · dilation rows. */
function linkedWindow(
  builder: LayerBuilder,
  id: string,
  entry: WindowEntry,
  inputs: readonly number[],
  C: number,
  output: Shape,
  stride: Pair,
): readonly number[] {
  const { channels, rows, columns } = totalShape(builder, inputs);
  const kernel = kernelOf(builder, id, entry);
  const dilation = toPair(entry.dilation ?? 1);
  const rowsFit = spans(rows, output.rows, kernel[0], stride[0], dilation[0]);
  const columnsFit = spans(columns, output.columns, kernel[1], stride[1], dilation[1]);
  if (channels === C && rowsFit && columnsFit) return inputs;
  if (entry.inputs === undefined) return [NETWORK_INPUT];
  if (channels !== C) throw builder.bad(id, "C", C, channels, "channels", "the inputs have other channels");
  const [side, needed, available] = rowsFit
    ? (["Q", output.columns, columns] as const)
    : (["P", output.rows, rows] as const);
  throw builder.bad(
    id,
    side,
    needed,
    available,
    side === "P" ? "rows" : "columns",
    "does not follow from the inputs' size",
  );
}

/** Whether some padding (up to a full filter) turns `size` pixels into `out`. */
function spans(size: number, out: number, kernel: number, stride: number, dilation: number): boolean {
  const reach = (kernel - 1) * dilation;
  return (out - 1) * stride + 1 <= size + reach && size <= out * stride + reach;
}

/** The producers of a layer whose input shape is stated. */
function linked(
  builder: LayerBuilder,
  id: string,
  entry: LayerEntry,
  inputs: readonly number[],
  input: Shape,
): readonly number[] {
  const fits = inputs.every((position) => {
    const shape = builder.shapeOf(position);
    const pixels = shape.rows * shape.columns;
    return shape.channels === input.channels && (pixels === 1 || pixels === input.rows * input.columns);
  });
  if (fits) return inputs;
  if (entry.inputs === undefined) return [NETWORK_INPUT];
  const shape = totalShape(builder, inputs);
  throw builder.bad(id, "C", input.channels, shape.channels, "channels", "the inputs have another shape");
}

function linkedElements(
  builder: LayerBuilder,
  id: string,
  entry: LayerEntry,
  inputs: readonly number[],
  elements: number,
): readonly number[] {
  const available = inputs.reduce((sum, position) => sum + elementsOf(builder, position), 0);
  if (available === elements) return inputs;
  if (entry.inputs === undefined) return [NETWORK_INPUT];
  throw builder.bad(id, "C", elements, available, "elements", "the inputs have another size");
}

/** A product may read a part of its producer (queries, keys and values often come from one layer), never more. */
function holds(builder: LayerBuilder, id: string, position: number, needed: number, what: string): void {
  const available = elementsOf(builder, position);
  if (needed > available) throw builder.bad(id, what, needed, available, "elements", `the ${what} is too small`);
}

function elementsOf(builder: LayerBuilder, position: number): number {
  const { channels, rows, columns } = builder.shapeOf(position);
  return channels * rows * columns;
}

function totalShape(builder: LayerBuilder, inputs: readonly number[]): Shape {
  const first = builder.shapeOf(inputs[0]!);
  const channels = inputs.reduce((sum, position) => sum + builder.shapeOf(position).channels, 0);
  return { channels, rows: first.rows, columns: first.columns };
}

function required(builder: LayerBuilder, id: string, key: string, value: number | undefined): number {
  if (value !== undefined) return value;
  throw builder.bad(id, key, 1, 0, "values", `${key} is missing`);
}

const toPair = (value: number | readonly [number, number]): Pair =>
  typeof value === "number" ? [value, value] : value;
