// MAESTRO: a network file with data-centric directives (one map a dimension and cluster), and a hardware file. Every parallel
// loop of ours is a cluster level of its own: temporal maps, one spatial map, then Cluster(n) for the next. A temporal loop over
// the parallel dimension is the folding of the spatial map. Formats after maestro-project/maestro; docs/export.md says more.
import { C, DIMS, type Dim, G, K, N, P, Q, R, S, W } from "../problem.js";
import {
  comments,
  compiled,
  type ExportDesign,
  type Exported,
  type FlatLoop,
  flatLoops,
  plainName,
  tileSizes,
  unsupported,
  wordBitsOf,
} from "./design.js";

const TOOL = "MAESTRO";

export interface Directive {
  readonly kind: "temporal" | "spatial";
  /** MAESTRO's name: Y' and X' are output rows and columns */
  readonly dim: string;
  readonly size: number;
  readonly offset: number;
}

/** A layer in MAESTRO's terms. */
export interface MaestroLayer {
  readonly name: string;
  readonly type: string;
  readonly stride: readonly [number, number];
  readonly dimensions: Readonly<Record<string, number>>;
  /** outermost cluster level first */
  readonly clusters: readonly (readonly Directive[])[];
  /** sub-clusters of each level but the outermost */
  readonly sizes: readonly number[];
}

export interface MaestroHardware {
  readonly pes: number;
  /** words */
  readonly l1Words: number;
  readonly l2Words: number;
  /** words per cycle; undefined: unlimited */
  readonly nocWords: number | undefined;
  readonly offchipWords: number | undefined;
}

/** @throws CosearchError EXPORT_UNSUPPORTED for kinds, groups and dilations that MAESTRO does not have, and for mappings that
 *  do nothing in parallel */
export function exportMaestro(design: ExportDesign): Exported {
  const notes: string[] = [
    "MAESTRO has two memories, L2 and L1: loops of DRAM and of the memories on chip are one nest; its energies are its own",
    "the order of the loops inside one unit's tile is not in its language",
  ];
  const layer = maestroLayer(design, notes);
  const hardware = hardwareOf(design, layer);
  const head = comments(
    [
      `${design.name} on ${design.chip.name}, written by cosearch for MAESTRO (docs/export.md)`,
      ...notes.map((note) => `note: ${note}`),
    ],
    "//",
  );
  return {
    notes,
    files: [
      { name: `${plainName(design.name)}.m`, text: head + layerText(layer) },
      { name: "hardware.m", text: head + hardwareText(hardware) },
    ],
  };
}

/** Our dimensions by MAESTRO's names; a depthwise layer's channels are C there. */
function dimNames(isDepthwise: boolean): Readonly<Partial<Record<Dim, string>>> {
  return {
    N: "N",
    [isDepthwise ? "G" : "C"]: "C",
    ...(isDepthwise ? {} : { K: "K" }),
    P: "Y'",
    Q: "X'",
    R: "R",
    S: "S",
  };
}

/** @param notes takes what cannot be said  @throws CosearchError EXPORT_UNSUPPORTED */
export function maestroLayer(design: ExportDesign, notes: string[] = []): MaestroLayer {
  const { problem, layer, name } = design;
  const { extents: e, stride, dilation } = problem;
  if (problem.operation !== "mac") unsupported(TOOL, `a layer of kind ${layer.kind}`);
  if (dilation[0] !== 1 || dilation[1] !== 1) unsupported(TOOL, "a dilated convolution");
  if (e[N]! > 1 && problem.relevance[W] & (1 << N)) unsupported(TOOL, "a batch of products of matrices");
  const isDepthwise = e[G]! > 1 && e[C] === 1 && e[K] === 1;
  if (e[G]! > 1 && !isDepthwise)
    unsupported(TOOL, "groups of several channels (its grouped convolution is not this one)");
  const names = dimNames(isDepthwise);
  const loops = flatLoops(design);
  if (!loops.some(({ axis }) => axis !== undefined)) unsupported(TOOL, "a mapping without parallel loops");
  const bits = problem.bits;
  if (bits.weights !== bits.inputs || bits.inputs !== bits.outputs)
    notes.push("all words are one element there, whatever their bits");
  const { clusters, sizes } = clustersOf(loops, names, e, notes);
  return {
    name: plainName(name),
    type: isDepthwise ? "DSCONV" : "CONV",
    stride,
    dimensions: {
      ...(e[N]! > 1 && { N: e[N]! }),
      K: isDepthwise ? 1 : e[K]!,
      C: isDepthwise ? e[G]! : e[C]!,
      R: e[R]!,
      S: e[S]!,
      Y: (e[P]! - 1) * stride[0] + e[R]!,
      X: (e[Q]! - 1) * stride[1] + e[S]!,
    },
    clusters,
    sizes,
  };
}

function clustersOf(
  loops: readonly FlatLoop[],
  names: Readonly<Partial<Record<Dim, string>>>,
  extents: Int32Array,
  notes: string[],
): Pick<MaestroLayer, "clusters" | "sizes"> {
  const current = new Map(DIMS.map((dim, d) => [dim, extents[d]!]));
  const clusters: Directive[][] = [];
  const bounds: number[] = [];
  let pending: FlatLoop[] = [];
  for (const loop of loops) {
    if (loop.axis === undefined) {
      pending.push(loop);
      continue;
    }
    const all = [...pending, loop];
    // of loops over one dimension the innermost says the size; a fold of the spatial map stands where the outer loop stands
    const order: FlatLoop[] = [];
    for (const one of all) {
      const before = order.findIndex(({ dim }) => dim === one.dim);
      if (before < 0) order.push(one);
      else if (one.axis !== undefined) order[before] = one;
      else {
        order.splice(before, 1);
        order.push(one);
        notes.push(
          `${one.dim} is tiled at two levels outside a cluster; MAESTRO has one map a dimension: the inner one is written`,
        );
      }
    }
    const looped = new Set(order.map(({ dim }) => dim));
    const still = DIMS.filter(
      (dim) => names[dim] !== undefined && !looped.has(dim) && (current.get(dim)! > 1 || dim !== "N"),
    );
    const directive = (kind: Directive["kind"], dim: Dim, size: number): Directive => ({
      kind,
      dim: names[dim]!,
      size,
      offset: size,
    });
    const maps = still.map((dim) => directive("temporal", dim, current.get(dim)!));
    for (const { dim, step, axis } of order) {
      const size = Math.min(step, current.get(dim)!);
      maps.push(directive(axis === undefined ? "temporal" : "spatial", dim, size));
      current.set(dim, size);
    }
    clusters.push(maps);
    bounds.push(loop.bound);
    pending = [];
  }
  return { clusters, sizes: bounds.slice(1) };
}

function hardwareOf(design: ExportDesign, layer: MaestroLayer): MaestroHardware {
  const { chip, problem } = design;
  const pes = flatLoops(design).reduce(
    (product, { axis, bound }) => (axis === undefined ? product : product * bound),
    1,
  );
  const word = Math.min(...[0, 1, 2].map((o) => wordBitsOf(problem, o)));
  const onChip = chip.levels.filter(({ type }) => type !== "dram");
  const wordsOf = (level: (typeof onChip)[number] | undefined): number => {
    if (level === undefined) return 0;
    const bytes = level.sharedCapacityBytes ?? level.partitionBytes!.reduce((sum, size) => sum + size, 0);
    return Math.floor((bytes * 8) / word);
  };
  const perCycle = (bytes: number): number | undefined =>
    bytes === Infinity ? undefined : Math.max(1, Math.floor((bytes * 8) / word));
  const dram = chip.levels[0]!;
  const outer = onChip[0] ?? unsupported(TOOL, "a machine without memory on chip");
  if (layer.clusters.length === 0) unsupported(TOOL, "a mapping without parallel loops");
  return {
    pes,
    l1Words: wordsOf(onChip.at(-1)),
    l2Words: wordsOf(outer) * outer.instances,
    nocWords: perCycle(Math.min(outer.readBytesPerCycle, outer.sharedBytesPerCycle) * outer.instances),
    offchipWords: perCycle(Math.min(dram.readBytesPerCycle, dram.sharedBytesPerCycle)),
  };
}

function layerText({ name, type, stride, dimensions, clusters, sizes }: MaestroLayer): string {
  const sized = Object.entries(dimensions)
    .map(([dim, size]) => `${dim}: ${size}`)
    .join(", ");
  const maps = clusters.map((directives) =>
    directives
      .map(
        ({ kind, dim, size, offset }) =>
          `      ${kind === "spatial" ? "SpatialMap" : "TemporalMap"}(${size},${offset}) ${dim};\n`,
      )
      .join(""),
  );
  const flow = maps.map((text, i) => (i === 0 ? text : `      Cluster(${sizes[i - 1]}, P);\n${text}`)).join("");
  return `Network ${name} {
  Layer ${name} {
    Type: ${type}
    Stride { X: ${stride[1]}, Y: ${stride[0]} }
    Dimensions { ${sized} }
    Dataflow {
${flow}    }
  }
}
`;
}

/** What an unlimited bandwidth is written as: the largest number that the tool's integers hold. */
const UNLIMITED = 2 ** 31 - 1;

function hardwareText({ pes, l1Words, l2Words, nocWords, offchipWords }: MaestroHardware): string {
  return [
    `num_pes: ${pes}`,
    `l1_size_cstr: ${l1Words}`,
    `l2_size_cstr: ${l2Words}`,
    `noc_bw_cstr: ${nocWords ?? UNLIMITED}`,
    `offchip_bw_cstr: ${offchipWords ?? UNLIMITED}`,
    "",
  ].join("\n");
}

/** The tile of one unit, by our dimensions: what the innermost directives leave. */
export function unitTile(design: ExportDesign): Readonly<Record<Dim, number>> {
  const loops = flatLoops(design);
  const last = loops.findLastIndex(({ axis }) => axis !== undefined);
  const inside = tileSizes(compiled(design), 0).map(() => 1);
  for (const { dim, bound } of loops.slice(last + 1)) inside[DIMS.indexOf(dim)]! *= bound;
  return Object.fromEntries(DIMS.map((dim, d) => [dim, Math.min(inside[d]!, design.problem.extents[d]!)])) as Record<
    Dim,
    number
  >;
}
