// One layer as the loop nest sees it: eight extents and, for each operand, which of them it depends on.
// Follows the seven-loop convolution of Parashar et al. 2019 (Timeloop, ISPASS) with groups G as an eighth loop;
// what differs between layer kinds (depthwise, matrix multiply, pooling, element-wise) is data here, not code elsewhere.
import type { Layer } from "../network/ir.js";
import { DENSE, type Density } from "./zeros.js";

/** Loop dimensions, in the order of every array that is indexed by dimension. */
export const DIMS = ["N", "G", "K", "C", "P", "Q", "R", "S"] as const;
export type Dim = (typeof DIMS)[number];
export const N = 0;
export const G = 1;
export const K = 2;
export const C = 3;
export const P = 4;
export const Q = 5;
export const R = 6;
export const S = 7;
export const DIM_COUNT = 8;

/** Operands, in the order of every array that is indexed by operand. */
export const OPERANDS = ["weights", "inputs", "outputs"] as const;
export type Operand = (typeof OPERANDS)[number];
export const W = 0;
export const I = 1;
export const O = 2;

/** Bits of a word of each operand; `partial` while outputs still accumulate. */
export interface WordBits {
  readonly weights: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly partial: number;
}

/** What one MAC slot does each cycle: a multiply-accumulate, or a cheaper operation of a layer without weights. */
export type Operation = "mac" | "accumulate" | "multiply";

export interface Problem {
  /** extents by dimension; C and K are per group */
  readonly extents: Int32Array;
  /** rows, columns */
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** relevance by operand: bit d is set when the operand's index depends on dimension d */
  readonly relevance: readonly [number, number, number];
  /** false: the operand does not exist (weights of a pooling layer) and costs nothing */
  readonly present: readonly [boolean, boolean, boolean];
  /** words of each operand, halo included */
  readonly words: readonly [number, number, number];
  readonly bits: WordBits;
  /** what is multiplied; weights that are stored compressed take fewer bits than these */
  readonly multiplierBits: { readonly weights: number; readonly inputs: number };
  readonly operation: Operation;
  /** shares of the operands that are not zero */
  readonly density: Density;
  /** operations in all: product of the extents */
  readonly operationCount: number;
  /** true when the weights operand is an activation too (matmul, add, multiply) */
  readonly weightsAreActivations: boolean;
  /** operands that stay on chip between layers: neither read from DRAM nor written to it */
  readonly resident: readonly [boolean, boolean, boolean];
  /** bits per instance of the level where activations stay that what is kept for this and later layers takes */
  readonly reservedBits: number;
  /** the same where weights stay, if they have room of their own */
  readonly reservedWeightBits: number;
}

const bit = (...dims: number[]): number => dims.reduce((mask, d) => mask | (1 << d), 0);
const CONV_WEIGHTS = bit(G, K, C, R, S);
const INPUTS = bit(N, G, C, P, Q, R, S);
const OUTPUTS = bit(N, G, K, P, Q);
const ELEMENTWISE = bit(N, G, P, Q);

/** Bits of accumulators: wide enough for a long sum of products (32 for 8-bit and below, as in NVDLA and Gemmini; 32 for 16 too). */
export const ACCUMULATOR_BITS = 32;

export interface Precision {
  /** as the multiplier takes them */
  readonly weightBits: number;
  /** as they are stored, index included; default: as they are */
  readonly storedWeightBits?: number;
  /** of the activations that the layer reads and writes */
  readonly inputBits: number;
  readonly outputBits: number;
  readonly partialBits?: number;
  /** shares of what is not zero; dense unless stated */
  readonly density?: Density;
}

/** What stays on chip before and after a layer, and how much room that takes. */
export interface Residency {
  readonly resident: readonly [boolean, boolean, boolean];
  readonly reservedBits: number;
  /** where weights have a room of their own */
  readonly reservedWeightBits?: number;
}

export const NOTHING_RESIDENT: Residency = { resident: [false, false, false], reservedBits: 0 };

/** Whether the second operand of an addition or multiplication has every pixel, or one value a channel (1 × 1, spread). */
export type SecondOperand = "map" | "per-channel";

/** The loop nest of a layer at a batch size and precision. Squeeze-excite multiplies by one factor a channel: the default. */
export function problemOf(
  layer: Layer,
  batch: number,
  precision: Precision,
  residency = NOTHING_RESIDENT,
  second: SecondOperand = layer.kind === "multiply" ? "per-channel" : "map",
): Problem {
  const {
    weightBits,
    storedWeightBits = weightBits,
    inputBits,
    outputBits,
    partialBits = ACCUMULATOR_BITS,
    density = DENSE,
  } = precision;
  const activations: WordBits = { weights: inputBits, inputs: inputBits, outputs: outputBits, partial: partialBits };
  const { G: groups, P, Q, R, S, stride, dilation } = layer;
  const { resident, reservedBits, reservedWeightBits = 0 } = residency;
  // fields one by one: this runs for every layer of every trial, and copying objects into others took half of the time
  switch (layer.kind) {
    case "conv":
    case "depthwise":
    case "fully-connected":
      return makeProblem({
        stride,
        dilation,
        resident,
        reservedBits,
        reservedWeightBits,
        extents: [batch, groups, layer.K / groups, layer.C / groups, P, Q, R, S],
        relevance: [CONV_WEIGHTS, INPUTS, OUTPUTS],
        bits: { weights: storedWeightBits, inputs: inputBits, outputs: outputBits, partial: partialBits },
        multiplierBits: { weights: weightBits, inputs: inputBits },
        operation: "mac",
        density,
        weightsAreActivations: false,
      });
    case "matmul":
      // rows P of one operand times columns K of the other, for each head G and image N: both are activations
      return makeProblem({
        stride,
        dilation,
        resident,
        reservedBits,
        reservedWeightBits,
        extents: [batch, groups, layer.K / groups, layer.C / groups, P, Q, 1, 1],
        relevance: [CONV_WEIGHTS | bit(N), INPUTS, OUTPUTS],
        bits: activations,
        operation: "mac",
        density,
        weightsAreActivations: true,
      });
    case "pool":
    case "global-pool":
      return makeProblem({
        stride,
        dilation,
        resident,
        reservedBits,
        reservedWeightBits,
        extents: [batch, layer.C, 1, 1, P, Q, R, S],
        relevance: [0, INPUTS, OUTPUTS],
        bits: activations,
        operation: "accumulate",
        weightsAreActivations: false,
        present: [false, true, true],
      });
    case "add":
    case "multiply":
      // three and more maps are summed like the taps of a pooling window: C counts the maps
      if (layer.kind === "add" && layer.inputs.length > 2) {
        return makeProblem({
          stride,
          dilation,
          resident,
          reservedBits,
          reservedWeightBits,
          extents: [batch, layer.C, 1, layer.inputs.length, P, Q, 1, 1],
          relevance: [0, INPUTS, OUTPUTS],
          bits: activations,
          operation: "accumulate",
          weightsAreActivations: false,
          present: [false, true, true],
        });
      }
      return makeProblem({
        stride,
        dilation,
        resident,
        reservedBits,
        reservedWeightBits,
        extents: [batch, layer.C, 1, 1, P, Q, 1, 1],
        relevance: [second === "per-channel" ? bit(N, G) : ELEMENTWISE, INPUTS, OUTPUTS],
        bits: activations,
        operation: layer.kind === "add" ? "accumulate" : "multiply",
        weightsAreActivations: true,
      });
  }
}

export function makeProblem(given: {
  extents: readonly number[];
  stride: readonly [number, number];
  dilation: readonly [number, number];
  relevance: readonly [number, number, number];
  bits: WordBits;
  /** default: those of the words */
  multiplierBits?: Problem["multiplierBits"];
  operation: Operation;
  density?: Density;
  weightsAreActivations: boolean;
  present?: readonly [boolean, boolean, boolean];
  resident?: readonly [boolean, boolean, boolean];
  reservedBits?: number;
  reservedWeightBits?: number;
}): Problem {
  const { stride, dilation, relevance, bits } = given;
  const extents = new Int32Array(given.extents);
  const at = (d: number): number => extents[d]!;
  const present = given.present ?? EVERYTHING;
  const rows = (at(P) - 1) * stride[0] + (at(R) - 1) * dilation[0] + 1;
  const columns = (at(Q) - 1) * stride[1] + (at(S) - 1) * dilation[1] + 1;
  // every problem has the same fields in the same order: the cost model reads them in its innermost loops
  return {
    extents,
    stride,
    dilation,
    relevance,
    present,
    words: [
      present[0] ? product(extents, relevance[0]) : 0,
      at(N) * at(G) * at(C) * rows * columns,
      product(extents, relevance[2]),
    ],
    bits,
    multiplierBits: given.multiplierBits ?? bits,
    operation: given.operation,
    density: given.density ?? DENSE,
    operationCount: product(extents, 255),
    weightsAreActivations: given.weightsAreActivations,
    resident: given.resident ?? NOTHING_RESIDENT.resident,
    reservedBits: given.reservedBits ?? 0,
    reservedWeightBits: given.reservedWeightBits ?? 0,
  };
}

const EVERYTHING: Problem["present"] = [true, true, true];

/** Product of the extents of a set of dimensions. */
function product(extents: Int32Array, mask: number): number {
  let total = 1;
  for (let d = 0; d < DIM_COUNT; d++) if (mask & (1 << d)) total *= extents[d]!;
  return total;
}

/** A text that is equal for two problems exactly when every mapping costs the same for both. */
export function problemKey(problem: Problem): string {
  const { extents: e, stride, dilation, relevance, bits, multiplierBits, operation, present } = problem;
  const { resident, reservedBits, reservedWeightBits, density } = problem;
  const zeros = density === DENSE ? "" : `|${density.weights},${density.inputs},${density.hasPattern}`;
  // written out: this runs for every layer of every trial, and joining takes three times as long
  const shape = `${e[0]},${e[1]},${e[2]},${e[3]},${e[4]},${e[5]},${e[6]},${e[7]}|${stride[0]},${stride[1]}|${dilation[0]},${dilation[1]}`;
  return `${shape}|${relevance[0]},${relevance[1]},${relevance[2]}|${bits.weights},${bits.inputs},${bits.outputs},${bits.partial},${multiplierBits.weights}|${operation}|${present[0]}|${resident[0]},${resident[1]},${resident[2]}|${reservedBits}|${reservedWeightBits}${zeros}`;
}
