// A dataflow is a set of constraints on mappings, as data: which operand stays at the level next to the multipliers while
// the loops just outside it run, which dimensions may unroll in space, which must be whole in the innermost tile.
// Taxonomy and definitions: Chen, Emer, Sze 2016 (Eyeriss, ISCA), table II, and Sze et al. 2017 (Proc. IEEE 105-12), section V.
import type { DataflowName } from "./architecture.js";
import { C, G, I, K, N, O, P, type Problem, Q, R, S, W } from "./problem.js";

export interface DataflowConstraint {
  /** operand whose innermost tile the loops just outside leave in place; undefined: any */
  readonly stationary: number | undefined;
  /** bit d: dimension d may unroll in space */
  readonly spatialMask: number;
  /** bit d: the innermost tile holds all of dimension d */
  readonly wholeMask: number;
}

const mask = (...dims: number[]): number => dims.reduce((bits, d) => bits | (1 << d), 0);
const ALL = 255;

export const DATAFLOW_CONSTRAINTS: Readonly<Record<DataflowName, DataflowConstraint>> = {
  /** filter weights stay in the registers, inputs and partial sums stream past (as in the TPU and NVDLA) */
  "weight-stationary": { stationary: W, spatialMask: mask(G, K, C, R, S), wholeMask: 0 },
  /** each partial sum stays where it accumulates (as in ShiDianNao) */
  "output-stationary": { stationary: O, spatialMask: mask(N, G, K, P, Q), wholeMask: 0 },
  /** input activations stay, weights stream past (as in SCNN) */
  "input-stationary": { stationary: I, spatialMask: mask(N, G, C, P, Q), wholeMask: 0 },
  /** a filter row stays in a PE and slides along an input row; rows and output rows span the array (Eyeriss) */
  "row-stationary": { stationary: W, spatialMask: mask(N, G, K, C, P, R), wholeMask: mask(S) },
  flexible: { stationary: undefined, spatialMask: ALL, wholeMask: 0 },
};

/** A named dataflow's constraint on a layer: a layer without weights (pooling) has no filter row that must be whole. */
export function constraintOn(problem: Problem, constraint: DataflowConstraint): DataflowConstraint {
  return problem.present[W] || constraint.wholeMask === 0 ? constraint : { ...constraint, wholeMask: 0 };
}

/** The constraints that a machine's dataflow allows: its own, or none and all of them; the freest first. */
export function constraintsOf(dataflow: DataflowName): readonly DataflowConstraint[] {
  return dataflow === "flexible" ? FREEST_FIRST : [DATAFLOW_CONSTRAINTS[dataflow]];
}
const FREEST_FIRST = [
  DATAFLOW_CONSTRAINTS.flexible,
  ...Object.values(DATAFLOW_CONSTRAINTS).filter((c) => c.spatialMask !== ALL),
];
