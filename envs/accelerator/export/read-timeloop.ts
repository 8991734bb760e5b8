// Reads what timeloop.ts writes, and files of others that stay within that subset of Timeloop v0.4: storage components (alone
// or in parallel), containers with one mesh, a shape of our eight dimensions, directives with a factor for each dimension.
import { z } from "zod";
import { CosearchError } from "../../../src/core/errors.js";
import { parseText } from "../../../src/files/documents.js";
import type { MappingData, SpatialLoop } from "../mapping.js";
import { DIMS, type Dim, OPERANDS, type Operand, P, Q, R, S } from "../problem.js";
import { DATA_SPACES } from "./timeloop.js";

const operandOf = (space: string): Operand | undefined => OPERANDS.find((name) => DATA_SPACES[name] === space);

const component = z.object({
  name: z.string(),
  class: z.string(),
  attributes: z.looseObject({
    depth: z.number().optional(),
    width: z.number().optional(),
    datawidth: z.number(),
    read_bandwidth: z.number().optional(),
    write_bandwidth: z.number().optional(),
    shared_bandwidth: z.number().optional(),
  }),
  constraints: z.looseObject({ dataspace: z.looseObject({ keep: z.array(z.string()) }) }).optional(),
});
// strict, so that a component with a mistake is not taken for a container
const container = z.strictObject({
  name: z.string(),
  attributes: z.looseObject({}).optional(),
  constraints: z.looseObject({}).optional(),
  spatial: z.object({ meshX: z.number().optional(), meshY: z.number().optional() }).optional(),
});
const parallel = z.object({ nodes: z.array(component) });
const architectureSchema = z.object({
  architecture: z.looseObject({
    version: z.union([z.literal(0.4), z.literal("0.4")]),
    nodes: z.array(z.union([component, parallel, container])),
  }),
});

/** A level of a Timeloop architecture, with what it fans out to. */
export interface TimeloopLevel {
  readonly name: string;
  readonly class: string;
  /** undefined: as large as needed; by operand where components stand in parallel */
  readonly capacityBytes: number | Partial<Record<Operand, number>> | undefined;
  readonly keeps: readonly Operand[];
  /** bytes per cycle */
  readonly bandwidth: { readonly read?: number; readonly write?: number; readonly shared?: number };
  readonly axes: readonly { readonly name: string; readonly size: number }[];
  /** names of its components, outermost first */
  readonly components: readonly string[];
}

/** @throws CosearchError FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function readTimeloopArchitecture(text: string, file: string): readonly TimeloopLevel[] {
  const { nodes } = parseText(text, file, architectureSchema).architecture;
  const levels: (TimeloopLevel & { axes: { name: string; size: number }[] })[] = [];
  for (const node of nodes) {
    if ("nodes" in node) levels.push(merged(node.nodes));
    else if ("class" in node) {
      if (node.attributes.width !== undefined) levels.push(merged([node]));
    } else if (node.spatial !== undefined) {
      const level = levels.at(-1);
      if (level === undefined)
        throw new CosearchError("FILE_BAD_VALUE", `${file}: ${node.name} fans out from no storage`);
      const size = (node.spatial.meshX ?? 1) * (node.spatial.meshY ?? 1);
      level.axes.push({ name: node.name.replace(`${level.name}_`, ""), size });
    }
  }
  return levels;
}

function merged(
  parts: readonly z.output<typeof component>[],
): TimeloopLevel & { axes: { name: string; size: number }[] } {
  const first = parts[0]!;
  const keepsOf = (one: (typeof parts)[number]): Operand[] =>
    one.constraints === undefined
      ? [...OPERANDS]
      : one.constraints.dataspace.keep.flatMap((space) => operandOf(space) ?? []);
  const bytesOf = ({ attributes: { depth, width } }: (typeof parts)[number]): number | undefined =>
    depth === undefined ? undefined : (depth * width!) / 8;
  const single = keepsOf(first);
  const isPartition = single.length === 1 && first.name.endsWith(`_${single[0]!}`);
  const { datawidth, read_bandwidth, write_bandwidth, shared_bandwidth } = first.attributes;
  const bytes = (words: number): number => (words * datawidth) / 8;
  return {
    name: isPartition ? first.name.slice(0, -single[0]!.length - 1) : first.name,
    class: first.class,
    capacityBytes: isPartition
      ? Object.fromEntries(parts.map((one) => [keepsOf(one)[0]!, bytesOf(one)!]))
      : bytesOf(first),
    keeps: OPERANDS.filter((operand) => parts.some((one) => keepsOf(one).includes(operand))),
    bandwidth: {
      ...(read_bandwidth !== undefined && { read: bytes(read_bandwidth) }),
      ...(write_bandwidth !== undefined && { write: bytes(write_bandwidth) }),
      ...(shared_bandwidth !== undefined && { shared: bytes(shared_bandwidth) }),
    },
    axes: [],
    components: parts.map(({ name }) => name),
  };
}

const term = z.union([z.tuple([z.string()]), z.tuple([z.string(), z.string()])]);
const problemSchema = z.object({
  problem: z.looseObject({
    shape: z.looseObject({
      dimensions: z.array(z.enum(DIMS)),
      coefficients: z.array(z.object({ name: z.string(), default: z.number() })).default([]),
      data_spaces: z.array(z.looseObject({ name: z.string(), projection: z.array(z.array(term)) })),
    }),
    instance: z.record(z.string(), z.number()),
  }),
});

/** A Timeloop problem in the terms of problem.ts. */
export interface TimeloopProblem {
  readonly extents: readonly number[];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly relevance: readonly [number, number, number];
  readonly present: readonly [boolean, boolean, boolean];
}

/** @throws CosearchError FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function readTimeloopProblem(text: string, file: string): TimeloopProblem {
  const { shape, instance } = parseText(text, file, problemSchema).problem;
  const amountOf = (name: string): number =>
    instance[name] ?? shape.coefficients.find((one) => one.name === name)?.default ?? 1;
  const inputs = shape.data_spaces.find(({ name }) => name === DATA_SPACES.inputs);
  const coefficientOf = (d: number): number => {
    const found = inputs?.projection.flat().find(([dim]) => dim === DIMS[d]);
    return found?.[1] === undefined ? 1 : amountOf(found[1]);
  };
  const spaceOf = (operand: Operand) => shape.data_spaces.find(({ name }) => name === DATA_SPACES[operand]);
  const relevance = OPERANDS.map((operand) =>
    (spaceOf(operand)?.projection.flat() ?? []).reduce((mask, [dim]) => mask | (1 << DIMS.indexOf(dim as Dim)), 0),
  );
  return {
    extents: DIMS.map((dim) => instance[dim] ?? 1),
    stride: [coefficientOf(P), coefficientOf(Q)],
    dilation: [coefficientOf(R), coefficientOf(S)],
    relevance: relevance as [number, number, number],
    present: OPERANDS.map((operand) => spaceOf(operand) !== undefined) as [boolean, boolean, boolean],
  };
}

const names = z.union([z.string(), z.array(z.string())]);
const directive = z.looseObject({
  target: z.string(),
  type: z.string(),
  factors: names.optional(),
  permutation: names.optional(),
});
const mappingSchema = z.object({ mapping: z.array(directive) });

/** The mapping on an architecture that was read; loops of bound 1 are left out.
 *  @throws CosearchError FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function readTimeloopMapping(text: string, file: string, levels: readonly TimeloopLevel[]): MappingData {
  const { mapping } = parseText(text, file, mappingSchema);
  const of = (type: string, target: string) => mapping.find((one) => one.type === type && one.target === target);
  return levels.map(({ name, axes, components }) => ({
    level: name,
    temporal: components.flatMap((one) => loopsOf(of("temporal", one))),
    spatial: axes.flatMap((axis) =>
      loopsOf(of("spatial", `${name}_${axis.name}`)).map((loop): SpatialLoop => ({ ...loop, axis: axis.name })),
    ),
  }));
}

/** Outermost first; a permutation as a string or a list, factors as `C=4` or `C4`, with `,last` where imperfect. */
function loopsOf(given: z.output<typeof directive> | undefined): { dim: Dim; bound: number }[] {
  if (given === undefined) return [];
  const factors = [given.factors ?? []].flat().join(" ");
  const bounds = new Map([...factors.matchAll(/([A-Z])\s*=?\s*(\d+)/g)].map(([, dim, bound]) => [dim!, Number(bound)]));
  const order =
    typeof given.permutation === "string" ? [...given.permutation.replace(/[,\s]/g, "")] : (given.permutation ?? []);
  const outwards = [...order, ...DIMS.filter((dim) => !order.includes(dim))];
  return outwards
    .reverse()
    .filter((dim) => (bounds.get(dim) ?? 1) > 1)
    .map((dim) => ({ dim: dim as Dim, bound: bounds.get(dim)! }));
}
