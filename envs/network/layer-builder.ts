// Puts one layer after another: infers sizes, counts MACs and parameters, and refuses what cannot be built, naming the layer.
// Used by the stage builder and by the layer list, so that both count the same way.
import { CosearchError } from "../../src/core/errors.js";
import type { Violation } from "../../src/core/trial.js";
import type { Activation, Layer, LayerKind } from "./ir.js";
import type { Padding } from "./network-schema.js";

/** A feature map: channels, rows, columns. */
export interface Shape {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

/** A network that cannot be built, with the numbers that an infeasible design reports. */
export class NetworkShapeError extends CosearchError {
  readonly violation: Violation;

  constructor(message: string, violation: Violation) {
    super("NETWORK_BAD_SHAPE", message);
    this.violation = violation;
  }
}

export type Pair = readonly [number, number];
const ONE: Pair = [1, 1];

/** Position of the network's input in `inputs`. */
export const NETWORK_INPUT = -1;

export interface WindowOptions {
  readonly kernel: Pair;
  readonly stride?: Pair;
  readonly dilation?: Pair;
  readonly padding?: Padding;
  readonly activation?: Activation;
}

export interface ConvOptions extends WindowOptions {
  readonly channels: number;
  readonly groups?: number;
}

/** Layers so far, and the methods that append one and return its position. */
export class LayerBuilder {
  readonly layers: Layer[] = [];
  /** stage of the layers that come next */
  stage = 0;
  readonly #shapes: Shape[] = [];
  readonly #network: string;
  readonly #input: Shape;
  readonly #paramsPerChannel: number;

  constructor(network: string, input: Shape, normalization: "batch" | "none") {
    this.#network = network;
    this.#input = input;
    this.#paramsPerChannel = normalization === "batch" ? 2 : 1; // scale and shift, or a bias
  }

  /** What the layer at `position` returns. */
  shapeOf(position: number): Shape {
    return position === NETWORK_INPUT ? this.#input : this.#shapes[position]!;
  }

  /** Convolution, dense or in groups. Several producers are joined along their channels. @throws NetworkShapeError */
  conv(id: string, inputs: readonly number[], options: ConvOptions): number {
    const input = this.#joined(id, inputs);
    const groups = options.groups ?? 1;
    this.#divides(id, groups, input.channels, "input");
    this.#divides(id, groups, options.channels, "output");
    return this.#window(id, "conv", inputs, input, options.channels, groups, options);
  }

  /** Each channel with its own filter. @throws NetworkShapeError */
  depthwise(id: string, inputs: readonly number[], options: WindowOptions): number {
    const input = this.#joined(id, inputs);
    return this.#window(id, "depthwise", inputs, input, input.channels, input.channels, options);
  }

  /** Maximum or average over a window; no weights. @throws NetworkShapeError */
  pool(id: string, inputs: readonly number[], options: WindowOptions): number {
    const input = this.#joined(id, inputs);
    return this.#window(id, "pool", inputs, input, input.channels, input.channels, options);
  }

  /** Average over all rows and columns. */
  globalPool(id: string, inputs: readonly number[], activation: Activation = "none"): number {
    const { channels, rows, columns } = this.#joined(id, inputs);
    return this.#push(id, "global-pool", inputs, { channels, rows: 1, columns: 1 }, channels, rows, columns, channels, {
      activation,
    });
  }

  /** Every unit reads every channel and pixel. */
  fullyConnected(id: string, inputs: readonly number[], units: number, activation: Activation = "none"): number {
    let flat = 0;
    for (const position of inputs) {
      const { channels, rows, columns } = this.shapeOf(position);
      flat += channels * rows * columns;
    }
    const output = { channels: units, rows: 1, columns: 1 };
    return this.#push(id, "fully-connected", inputs, output, flat, 1, 1, 1, { activation });
  }

  /** `groups` products of a rows × inner with an inner × columns matrix. */
  matmul(
    id: string,
    inputs: readonly number[],
    size: { readonly rows: number; readonly inner: number; readonly columns: number; readonly groups: number },
    activation: Activation = "none",
  ): number {
    const output = { channels: size.columns * size.groups, rows: size.rows, columns: 1 };
    return this.#push(id, "matmul", inputs, output, size.inner * size.groups, 1, 1, size.groups, { activation });
  }

  /** Element by element; a 1 × 1 map is spread over the others' pixels. @throws NetworkShapeError */
  elementwise(
    id: string,
    kind: "add" | "multiply",
    inputs: readonly number[],
    activation: Activation = "none",
  ): number {
    let output = this.shapeOf(inputs[0]!);
    for (const position of inputs) {
      const shape = this.shapeOf(position);
      if (shape.channels !== output.channels) {
        throw this.bad(id, "channels", shape.channels, output.channels, "channels", `${kind} of different widths`);
      }
      const pixels = shape.rows * shape.columns;
      const known = output.rows * output.columns;
      if (pixels !== known && pixels !== 1 && known !== 1) {
        throw this.bad(id, "pixels", pixels, known, "pixels", `${kind} of different sizes`);
      }
      if (pixels > known) output = shape;
    }
    return this.#push(id, kind, inputs, output, output.channels, 1, 1, output.channels, { activation });
  }

  /** Hu et al. 2018 (arXiv:1709.01507): pool, two fully connected layers, and a gate on every channel.
   *  @returns the position of the multiplication */
  squeezeExcite(id: string, input: number, channels: number, activation: Activation, gate: Activation): number {
    const pooled = this.globalPool(`${id}.pool`, [input]);
    const reduced = this.fullyConnected(`${id}.reduce`, [pooled], channels, activation);
    const gates = this.fullyConnected(`${id}.expand`, [reduced], this.shapeOf(input).channels, gate);
    return this.elementwise(`${id}.scale`, "multiply", [input, gates]);
  }

  /** A layer whose extents the caller knows. */
  stated(
    id: string,
    kind: LayerKind,
    inputs: readonly number[],
    output: Shape,
    C: number,
    kernel: Pair,
    groups: number,
    options: { readonly stride?: Pair; readonly dilation?: Pair; readonly activation?: Activation },
  ): number {
    this.#divides(id, groups, C, "input");
    this.#divides(id, groups, output.channels, "output");
    return this.#push(id, kind, inputs, output, C, kernel[0], kernel[1], groups, options);
  }

  bad(id: string, subject: string, needed: number, available: number, unit: string, why: string): NetworkShapeError {
    return new NetworkShapeError(
      `network ${this.#network}, layer ${id}: ${why}: ${needed} against ${available} ${unit}`,
      { subject: `layer ${id}: ${subject}`, needed, available, unit },
    );
  }

  #joined(id: string, inputs: readonly number[]): Shape {
    const first = this.shapeOf(inputs[0]!);
    if (inputs.length === 1) return first;
    let channels = 0;
    for (const position of inputs) {
      const shape = this.shapeOf(position);
      if (shape.rows !== first.rows || shape.columns !== first.columns) {
        throw this.bad(
          id,
          "pixels",
          shape.rows * shape.columns,
          first.rows * first.columns,
          "pixels",
          "inputs of different sizes",
        );
      }
      channels += shape.channels;
    }
    return { channels, rows: first.rows, columns: first.columns };
  }

  #divides(id: string, groups: number, channels: number, side: string): void {
    if (channels % groups === 0) return;
    throw this.bad(
      id,
      `groups of the ${side} channels`,
      groups,
      channels,
      `${side} channels`,
      "groups do not divide the channels",
    );
  }

  #window(
    id: string,
    kind: LayerKind,
    inputs: readonly number[],
    input: Shape,
    channels: number,
    groups: number,
    options: WindowOptions,
  ): number {
    const stride = options.stride ?? ONE;
    const dilation = options.dilation ?? ONE;
    const rows = this.#extent(id, "rows", input.rows, options.kernel[0], stride[0], dilation[0], options.padding);
    const columns = this.#extent(
      id,
      "columns",
      input.columns,
      options.kernel[1],
      stride[1],
      dilation[1],
      options.padding,
    );
    const output = { channels, rows, columns };
    return this.#push(id, kind, inputs, output, input.channels, options.kernel[0], options.kernel[1], groups, options);
  }

  #extent(
    id: string,
    side: string,
    size: number,
    kernel: number,
    stride: number,
    dilation: number,
    padding: Padding = "same",
  ): number {
    if (padding === "same") return Math.ceil(size / stride);
    const span = (kernel - 1) * dilation + 1;
    const padded = size + 2 * (padding === "valid" ? 0 : padding);
    if (padded < span) throw this.bad(id, side, span, padded, side, "the filter is larger than the padded feature map");
    return Math.floor((padded - span) / stride) + 1;
  }

  #push(
    id: string,
    kind: LayerKind,
    inputs: readonly number[],
    output: Shape,
    C: number,
    R: number,
    S: number,
    G: number,
    options: { readonly stride?: Pair; readonly dilation?: Pair; readonly activation?: Activation },
  ): number {
    const K = output.channels;
    const isWeighted = kind === "conv" || kind === "depthwise" || kind === "fully-connected";
    const weightCount = isWeighted ? K * (C / G) * R * S : 0;
    const perPixel = isWeighted ? weightCount : kind === "matmul" ? K * (C / G) : 0;
    const extraPerChannel = !isWeighted ? 0 : kind === "fully-connected" ? 1 : this.#paramsPerChannel;
    this.layers.push({
      id,
      kind,
      K,
      C,
      P: output.rows,
      Q: output.columns,
      R,
      S,
      G,
      stride: options.stride ?? ONE,
      dilation: options.dilation ?? ONE,
      activation: options.activation ?? "none",
      inputs,
      stage: this.stage,
      macCount: perPixel * output.rows * output.columns,
      weightCount,
      paramCount: weightCount + extraPerChannel * K,
    });
    this.#shapes.push(output);
    return this.layers.length - 1;
  }
}
