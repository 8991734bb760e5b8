// What adapters share: preset files as data, and a convolution as a problem.
import { join } from "node:path";
import { type AcceleratorFile, acceleratorSchema } from "../../envs/accelerator/architecture.js";
import { DIMS, type Dim, makeProblem, type Problem, type WordBits } from "../../envs/accelerator/problem.js";
import { packageRoot, readDocument } from "../../src/files/documents.js";

/** A built-in machine before it is completed, so that an adapter can give it the sizes of a row. */
export function presetFile(name: string): AcceleratorFile {
  return readDocument(join(packageRoot, `envs/accelerator/presets/${name}.yaml`), acceleratorSchema);
}

export const dimBits = (...dims: Dim[]): number => dims.reduce((mask, dim) => mask | (1 << DIMS.indexOf(dim)), 0);

export interface ConvShape {
  readonly N?: number;
  /** groups; K and C are per group */
  readonly G?: number;
  readonly K: number;
  readonly C: number;
  readonly P: number;
  readonly Q: number;
  readonly R: number;
  readonly S: number;
}

/** A convolution with exact extents; inputs are as large as the outputs need. */
export function convProblem(
  shape: ConvShape,
  stride: readonly [number, number],
  bits: WordBits,
  dilation: readonly [number, number] = [1, 1],
): Problem {
  const { N = 1, G = 1, K, C, P, Q, R, S } = shape;
  return makeProblem({
    extents: [N, G, K, C, P, Q, R, S],
    stride,
    dilation,
    relevance: [
      dimBits("G", "K", "C", "R", "S"),
      dimBits("N", "G", "C", "P", "Q", "R", "S"),
      dimBits("N", "G", "K", "P", "Q"),
    ],
    bits,
    operation: "mac",
    weightsAreActivations: false,
  });
}
