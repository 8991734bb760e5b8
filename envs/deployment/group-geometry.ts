// A group of layers, executed depth-first: for each tile of the last layer's output, what every layer of the group computes and
// holds. Alwani et al. 2016 (MICRO, fused-layer CNN accelerators) and Mei et al. 2023 (HPCA, DeFiNES): a tile needs a halo of
// its producers' outputs, which is kept from the tile before (line buffers) or computed again. Rows and columns are independent
// of each other, so that one axis is worked out at a time. Exact at the borders of the feature map: padding is neither loaded,
// computed nor held; what an uneven padding adds stands behind the map, as in TensorFlow's `SAME`.
import type { Layer, Network } from "../network/ir.js";

/** How a tensor is read along one axis. */
interface Window {
  readonly stride: number;
  /** from the first to the last filter tap */
  readonly span: number;
  /** rows (or columns) of padding before the map */
  readonly before: number;
}

interface Read {
  /** position in `tensors` */
  readonly tensor: number;
  /** rows, columns */
  readonly windows: readonly [Window, Window];
}

/** A feature map that the group reads, makes, or both. */
export interface GroupTensor {
  /** position of the layer that makes it, -1 for the network's input */
  readonly source: number;
  readonly channels: number;
  /** rows, columns */
  readonly size: readonly [number, number];
  /** made outside of the group */
  readonly isExternal: boolean;
  /** positions in the group of the first and the last layer that has it in hand; -1: there when a tile starts */
  readonly firstUse: number;
  readonly lastUse: number;
}

/** Consecutive layers whose outputs, but for the last one's, are read inside the group alone. */
export interface GroupShape {
  /** positions in the network */
  readonly first: number;
  readonly last: number;
  /** external ones first, then the outputs in the order of the layers */
  readonly tensors: readonly GroupTensor[];
  /** of the first layer's output */
  readonly outputsFrom: number;
  /** by layer of the group */
  readonly reads: readonly (readonly Read[])[];
  /** positions of outside layers whose 1 × 1 maps a layer of the group spreads, by layer of the group */
  readonly factors: readonly (number | undefined)[];
}

const IDENTITY: Window = { stride: 1, span: 1, before: 0 };

/** Whether a layer's output can be computed tile by tile from a tile of its input: it needs no pixel of all of the map. */
export function isTileable({ kind, inputs }: Layer): boolean {
  switch (kind) {
    case "conv":
    case "depthwise":
    case "pool":
      return inputs.length === 1;
    case "add":
    case "multiply":
      return inputs.length === 2;
    default:
      return false;
  }
}

/** The layers from `first` to `last` as a group; undefined where they do not form one.
 *  @param lastUse position of the last layer that reads each layer's output */
export function groupShape(
  network: Network,
  lastUse: readonly number[],
  first: number,
  last: number,
): GroupShape | undefined {
  const { layers, input } = network;
  const sizeOf = (position: number): [number, number] =>
    position < 0 ? [input.resolution, input.resolution] : [layers[position]!.P, layers[position]!.Q];
  const externals: number[] = [];
  const factors: (number | undefined)[] = [];
  for (let i = first; i <= last; i++) {
    const layer = layers[i]!;
    if (!isTileable(layer)) return undefined;
    if (i < last && (lastUse[i]! <= i || lastUse[i]! > last)) return undefined;
    const { map, factor } = operands(layer, sizeOf);
    if (factor !== undefined && factor >= first) return undefined; // made tile by tile, but needed whole
    factors.push(factor);
    for (const source of map) if (source < first && !externals.includes(source)) externals.push(source);
  }
  const indexOf = (source: number): number =>
    source < first ? externals.indexOf(source) : externals.length + source - first;
  const reads = layers.slice(first, last + 1).map((layer): Read[] =>
    operands(layer, sizeOf).map.map((source) => ({
      tensor: indexOf(source),
      windows: [windowOf(layer, 0, sizeOf(source)[0]), windowOf(layer, 1, sizeOf(source)[1])],
    })),
  );
  const tensors = [...externals, ...layers.slice(first, last + 1).map((_, i) => first + i)].map(
    (source, tensor): GroupTensor => {
      const isExternal = source < first;
      const readers = reads.flatMap((list, i) => (list.some((read) => read.tensor === tensor) ? [i] : []));
      return {
        source,
        channels: source < 0 ? input.channels : layers[source]!.K,
        size: sizeOf(source),
        isExternal,
        firstUse: isExternal ? -1 : source - first,
        lastUse: Math.max(source - first, ...readers),
      };
    },
  );
  return { first, last, tensors, outputsFrom: externals.length, reads, factors };
}

/** The maps that a layer reads pixel by pixel, and the 1 × 1 map that an addition or multiplication spreads. */
function operands(
  { kind, inputs, P, Q }: Layer,
  sizeOf: (position: number) => readonly [number, number],
): { readonly map: readonly number[]; readonly factor?: number } {
  if (kind !== "add" && kind !== "multiply") return { map: inputs };
  const spread = inputs.find((source) => sizeOf(source)[0] * sizeOf(source)[1] < P * Q);
  return spread === undefined ? { map: inputs } : { map: inputs.filter((source) => source !== spread), factor: spread };
}

function windowOf(layer: Layer, axis: 0 | 1, size: number): Window {
  if (layer.kind === "add" || layer.kind === "multiply") return IDENTITY;
  const stride = layer.stride[axis];
  const span = ((axis === 0 ? layer.R : layer.S) - 1) * layer.dilation[axis] + 1;
  const reach = ((axis === 0 ? layer.P : layer.Q) - 1) * stride + span;
  return { stride, span, before: Math.floor(Math.max(0, reach - size) / 2) };
}

/** Tiles along one axis: rows or columns. Lists are by tensor. */
export interface AxisTiles {
  /** of the last layer's output */
  readonly tileSize: number;
  readonly tiles: number;
  readonly isCached: boolean;
  /** tiles that compute and load the same amounts: how many, and how much of each tensor is new in them; in the order in which
   *  they are met, so that the first is the first tile's */
  readonly classes: readonly { readonly count: number; readonly fresh: readonly number[] }[];
  /** computed or loaded in all tiles together */
  readonly total: readonly number[];
  /** most that a tile has in hand */
  readonly window: readonly number[];
  /** most that stays for the next tile; 0 where it is computed again */
  readonly overlap: readonly number[];
  /** part of the map that the group needs at all */
  readonly extent: readonly number[];
}

/** Cuts the last output into tiles of `tileSize` along an axis (0 rows, 1 columns) and follows their halos inwards. */
export function axisTiles(shape: GroupShape, axis: 0 | 1, tileSize: number, isCached: boolean): AxisTiles {
  const { tensors, reads, outputsFrom } = shape;
  const count = tensors.length;
  const zeros = (): number[] => new Array<number>(count).fill(0);
  const [window, overlap, total, reached] = [zeros(), zeros(), zeros(), zeros()]; // reached: end of what is made or loaded
  const lowest = new Array<number>(count).fill(Infinity);
  const [low, high, fresh, lowBefore, highBefore] = [zeros(), zeros(), zeros(), zeros(), zeros()];
  const shifts = shiftsOf(shape, axis, tileSize);
  const classes: { count: number; readonly fresh: readonly number[] }[] = [];
  const end = tensors[count - 1]!.size[axis];
  let tiles = 0;
  for (let start = 0; start < end; start += tileSize) {
    low.fill(Infinity);
    high.fill(0);
    fresh.fill(0);
    low[count - 1] = start;
    high[count - 1] = Math.min(end, start + tileSize);
    for (let t = count - 1; t >= 0; t--) {
      if (high[t]! <= low[t]!) continue; // nothing of it is needed
      const from = isCached ? Math.max(low[t]!, reached[t]!) : low[t]!;
      fresh[t] = Math.max(0, high[t]! - from);
      if (t < outputsFrom || fresh[t] === 0) continue;
      for (const { tensor, windows } of reads[t - outputsFrom]!) {
        const { stride, span, before } = windows[axis];
        low[tensor] = Math.min(low[tensor]!, Math.max(0, from * stride - before));
        const needed = (high[t]! - 1) * stride - before + span;
        high[tensor] = Math.max(high[tensor]!, Math.min(tensors[tensor]!.size[axis], needed));
      }
    }
    const alike = classes.find((known) => known.fresh.every((amount, t) => amount === fresh[t]!));
    const isSteady =
      alike !== undefined &&
      shifts.every((shift, t) => {
        return low[t]! - lowBefore[t]! === shift && high[t]! - highBefore[t]! === shift;
      });
    // inside the map every tile is the one before, moved on: they need not be walked one by one
    const more = isSteady
      ? shifts.reduce((least, shift, t) => {
          return Math.min(least, Math.max(0, Math.floor((tensors[t]!.size[axis] - 1 - high[t]!) / shift)));
        }, Infinity)
      : 0;
    if (alike === undefined) classes.push({ count: 1, fresh: [...fresh] });
    else alike.count += 1 + more;
    for (let t = 0; t < count; t++) {
      lowBefore[t] = low[t]! + more * shifts[t]!;
      highBefore[t] = high[t]! + more * shifts[t]!;
      if (high[t]! <= low[t]!) continue;
      window[t] = Math.max(window[t]!, high[t]! - low[t]!);
      if (isCached) overlap[t] = Math.max(overlap[t]!, reached[t]! - low[t]!);
      total[t]! += (1 + more) * fresh[t]!;
      lowest[t] = Math.min(lowest[t]!, low[t]!);
      reached[t] = Math.max(reached[t]!, highBefore[t]!);
    }
    tiles += 1 + more;
    start += more * tileSize;
  }
  return {
    tileSize,
    tiles,
    isCached,
    classes,
    total,
    window,
    overlap,
    extent: reached.map((reach, t) => Math.max(0, reach - lowest[t]!)),
  };
}

/** How far what a tile needs of each tensor lies from what the tile before needs, away from the borders. */
function shiftsOf({ tensors, reads, outputsFrom }: GroupShape, axis: 0 | 1, tileSize: number): number[] {
  const shifts = tensors.map(() => tileSize);
  for (let i = reads.length - 1; i >= 0; i--) {
    for (const { tensor, windows } of reads[i]!) shifts[tensor] = shifts[outputsFrom + i]! * windows[axis].stride;
  }
  return shifts;
}

/** Pixels of a tensor that stay on chip from one tile to the next: whole rows where rows are cached, and beside them columns. */
export function cachedPixels(tensor: number, rows: AxisTiles, columns: AxisTiles): number {
  const line = rows.overlap[tensor]! * columns.extent[tensor]!;
  const beside = rows.window[tensor]! - rows.overlap[tensor]!;
  return line + beside * columns.overlap[tensor]!;
}

/** Pixels of a tensor that are on chip while a tile works on it, its line buffers among them. */
export function heldPixels(tensor: number, rows: AxisTiles, columns: AxisTiles): number {
  const line = rows.overlap[tensor]! * (columns.extent[tensor]! - columns.window[tensor]!);
  return line + rows.window[tensor]! * columns.window[tensor]!;
}
