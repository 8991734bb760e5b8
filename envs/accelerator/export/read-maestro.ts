// Reads MAESTRO's network and hardware files (layers with stride, dimensions and directives; numbers, constants and Sz(D)), and
// turns the directives back into loops.
import { CosearchError } from "../../../src/core/errors.js";
import type { Dim } from "../problem.js";
import type { Directive, MaestroHardware, MaestroLayer } from "./maestro.js";

/** @throws CosearchError FILE_BAD_VALUE naming what is not understood */
export function readMaestro(text: string, file: string): readonly MaestroLayer[] {
  const plain = text.replace(/\/\/[^\n]*/g, "");
  const constants = new Map(
    [...plain.matchAll(/Constant\s+(\w+)\s+(\d+)/g)].map(([, name, value]) => [name!, Number(value)]),
  );
  const layers = [...plain.matchAll(/Layer\s+([\w.-]+)\s*\{/g)].map((found) => {
    const body = block(plain, found.index + found[0].length, file);
    return layerOf(found[1]!, body, constants, file);
  });
  if (layers.length === 0) throw new CosearchError("FILE_BAD_VALUE", `${file}: there is no Layer`);
  return layers;
}

/** The text up to the brace that closes the one before `start`. */
function block(text: string, start: number, file: string): string {
  let depth = 1;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return text.slice(start, i);
  }
  throw new CosearchError("FILE_BAD_VALUE", `${file}: a { is not closed`);
}

function layerOf(name: string, body: string, constants: ReadonlyMap<string, number>, file: string): MaestroLayer {
  const section = (title: string): string | undefined => {
    const found = new RegExp(`\\b${title}:?\\s*\\{`).exec(body);
    return found === null ? undefined : block(body, found.index + found[0].length, file);
  };
  const entries = (inside: string): Map<string, number> =>
    new Map(
      [...inside.matchAll(/([A-Z]'?)\s*:\s*(\w+)/g)].map(([, key, value]) => [
        key!,
        constants.get(value!) ?? Number(value),
      ]),
    );
  const dimensions = Object.fromEntries(entries(section("Dimensions") ?? bad(file, `layer ${name} has no Dimensions`)));
  const stride = entries(section("Stride") ?? "");
  const number = (value: string): number => {
    const sized = value.match(/^Sz\((\w'?)\)$/);
    const found = sized ? dimensions[sized[1]!] : (constants.get(value) ?? Number(value));
    return found !== undefined && Number.isInteger(found) ? found : bad(file, `layer ${name}: ${value} is no number`);
  };
  const clusters: Directive[][] = [[]];
  const sizes: number[] = [];
  const value = "(Sz\\(\\w'?\\)|\\w+)";
  const line = new RegExp(
    `(TemporalMap|SpatialMap|Cluster)\\s*\\(\\s*${value}\\s*,\\s*${value}\\s*\\)\\s*(\\w'?)?`,
    "g",
  );
  for (const [, kind, first, second, dim] of (section("Dataflow") ?? "").matchAll(line)) {
    if (kind === "Cluster") {
      sizes.push(number(first!));
      clusters.push([]);
    } else {
      const map = {
        size: number(first!),
        offset: number(second!),
        dim: dim ?? bad(file, `layer ${name}: a map without a dimension`),
      };
      clusters.at(-1)!.push({ kind: kind === "SpatialMap" ? "spatial" : "temporal", ...map });
    }
  }
  const type = body.match(/Type:\s*(\w+)/)?.[1] ?? bad(file, `layer ${name} has no Type`);
  return { name, type, stride: [stride.get("Y") ?? 1, stride.get("X") ?? 1], dimensions, clusters, sizes };
}

/** @throws CosearchError FILE_BAD_VALUE */
export function readMaestroHardware(text: string, file: string): MaestroHardware {
  const of = (key: string): number => {
    const found = text.replace(/\/\/[^\n]*/g, "").match(new RegExp(`${key}\\s*:\\s*(\\d+)`));
    return found ? Number(found[1]) : bad(file, `${key} is missing`);
  };
  const limited = (words: number): number | undefined => (words >= 2 ** 31 - 1 ? undefined : words);
  return {
    pes: of("num_pes"),
    l1Words: of("l1_size_cstr"),
    l2Words: of("l2_size_cstr"),
    nocWords: limited(of("noc_bw_cstr")),
    offchipWords: limited(of("offchip_bw_cstr")),
  };
}

/** A loop of the nest that directives stand for. */
export interface DirectiveLoop {
  readonly dim: Dim;
  readonly bound: number;
  readonly parallel: boolean;
}

/** Extents by our letters; C and K per group, as in problem.ts. */
export function maestroExtents({ type, dimensions, stride }: MaestroLayer): Readonly<Record<Dim, number>> {
  const { K = 1, C = 1, R = 1, S = 1, N = 1, Y = R, X = S } = dimensions;
  const isDepthwise = type === "DSCONV";
  const P = Math.floor((Y - R) / stride[0]) + 1;
  const Q = Math.floor((X - S) / stride[1]) + 1;
  return { N, G: isDepthwise ? C : 1, K: isDepthwise ? 1 : K, C: isDepthwise ? 1 : C, P, Q, R, S };
}

/** The nest outside one unit, outermost first, and the unit's tile.
 *  @param pes units in all, for the size of the outermost cluster */
export function directiveLoops(
  layer: MaestroLayer,
  pes: number,
): { readonly loops: readonly DirectiveLoop[]; readonly tile: Readonly<Record<Dim, number>> } {
  const current: Record<Dim, number> = { ...maestroExtents(layer) };
  const ours = (dim: string): Dim =>
    dim === "Y'" ? "P" : dim === "X'" ? "Q" : dim === "C" && layer.type === "DSCONV" ? "G" : (dim as Dim);
  const top = pes / layer.sizes.reduce((product, size) => product * size, 1);
  const loops: DirectiveLoop[] = [];
  layer.clusters.forEach((directives, level) => {
    const units = level === 0 ? top : layer.sizes[level - 1]!;
    const parallel: DirectiveLoop[] = [];
    for (const { kind, dim: name, size } of directives) {
      const dim = ours(name);
      const chunks = Math.ceil(current[dim] / size);
      current[dim] = Math.min(size, current[dim]);
      const folds = kind === "temporal" ? chunks : Math.ceil(chunks / units);
      if (folds > 1) loops.push({ dim, bound: folds, parallel: false });
      if (kind === "spatial") parallel.push({ dim, bound: Math.min(chunks, units), parallel: true });
    }
    loops.push(...parallel.filter(({ bound }) => bound > 1));
  });
  return { loops, tile: current };
}

function bad(file: string, what: string): never {
  throw new CosearchError("FILE_BAD_VALUE", `${file}: ${what}`);
}
