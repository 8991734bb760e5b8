// What pruning costs in accuracy: a rise of ln(error) that grows with the square of the logarithm of what is left,
//   rise = factor · ln(1 / (1 − sparsity))²
// Networks give up their first half of weights nearly for nothing and their last tenth dearly. Factors are set from published
// results after training with the pruning (docs/accuracy.md, "What pruning costs", has each with its source).
import { NO_PRUNING, type Pruning, type PruningKind } from "../deployment/pruning.js";

export const PRUNING_FACTORS: Readonly<Record<PruningKind, number>> = {
  none: 0,
  unstructured: 0.02,
  pattern: 0.03,
  // sparsity s of the channels leaves (1 − s)² of the MACs
  channel: 0.24,
};

/** Rise of ln(error) that pruning causes; 0 for none. */
export function pruningRise({ kind, sparsity }: Pruning = NO_PRUNING): number {
  return PRUNING_FACTORS[kind] * Math.log(1 - sparsity) ** 2;
}
