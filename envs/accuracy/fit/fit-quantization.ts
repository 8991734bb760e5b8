// Fits what int8 costs to pairs of float and int8 results. There are few pairs and one is an outlier (a MobileNetV1 that
// lost 14 points), so each method's terms are pulled towards priors from the literature, and beyond a small distance a pair
// counts by its distance, not its square (Huber): the answer is nearly a median, which is best for the mean absolute error.
import { describe } from "../descriptors.js";
import { cholesky, choleskySolve, normalEquations } from "../linear-algebra.js";
import {
  depthFactor,
  type FamilyTerms,
  familyRise,
  type QuantizationMethod,
  type QuantizationTerms,
  type QuantizationTraits,
} from "../quantization.js";
import { familyNetwork } from "../tables/families.js";
import type { QuantizationPair } from "./training-data.js";

/** What a method costs before any pair is seen: base, depthwise, squeeze-excite and smooth activation. One scale for a whole
 *  tensor hurts depthwise layers most, whose channels differ most in range (Krishnamoorthi 2018, arXiv:1806.08342; Nagel et
 *  al. 2019, arXiv:1906.04721). */
const PRIORS: Readonly<Record<QuantizationMethod, FamilyTerms>> = {
  "quantization-aware": { base: 0.02, depthwise: 0.015, squeezeExciteSmooth: 0.03 },
  "post-training": { base: 0.02, depthwise: 0.025, squeezeExciteSmooth: 0.4 },
  "post-training-per-tensor": { base: 0.05, depthwise: 0.08, squeezeExciteSmooth: 0.8 },
};
const POST_TRAINING_INT4: FamilyTerms = { base: 0.05, depthwise: 0.4, squeezeExciteSmooth: 0.4 };
/** 4 bits on top of 8, from published results (docs/accuracy.md, "Four bits", has each with its source). */
export const PUBLISHED_INT4: QuantizationTerms["int4"] = {
  "quantization-aware": { base: 0.01, depthwise: 0.055, squeezeExciteSmooth: 0.03 },
  "post-training": POST_TRAINING_INT4,
  "post-training-per-tensor": POST_TRAINING_INT4,
};
/** pairs that a prior is worth */
const PRIOR_WEIGHT = 2;
const HUBER_SCALE = 0.01;

/** Of the network that stands for the pair's family. */
const traitsOf = ({ family, model }: QuantizationPair): QuantizationTraits => describe(familyNetwork(family, model));

/** Rise of ln(error) by int8 that terms expect of a pair. */
export function expectedRise(terms: QuantizationTerms["int8"], pair: QuantizationPair): number {
  const method = methodOf(pair);
  return riseOf(terms[method], pair, traitsOf(pair));
}

const riseOf = (terms: FamilyTerms, pair: QuantizationPair, traits: QuantizationTraits): number =>
  familyRise(terms, traits, depthFactor(methodOf(pair), traits));

export function methodOf(pair: Pick<QuantizationPair, "method">): QuantizationMethod {
  if (/qat|aware/i.test(pair.method)) return "quantization-aware";
  return /per.?(tensor|layer)|power.of.two/i.test(pair.method) ? "post-training-per-tensor" : "post-training";
}

/** The rise that turns the float error into the int8 error; the inverse of `raisedError`. */
export function observedRise(pair: QuantizationPair): number {
  const logit = (error: number): number => Math.log(error / (1 - error));
  return (logit(pair.int8Error) - logit(pair.floatError)) * (1 - pair.floatError);
}

export function fitInt8(pairs: readonly QuantizationPair[]): QuantizationTerms["int8"] {
  const fitted = (method: QuantizationMethod): FamilyTerms =>
    fitMethod(
      pairs.filter((pair) => methodOf(pair) === method),
      PRIORS[method],
    );
  return {
    "quantization-aware": fitted("quantization-aware"),
    "post-training": fitted("post-training"),
    "post-training-per-tensor": fitted("post-training-per-tensor"),
  };
}

function fitMethod(pairs: readonly QuantizationPair[], prior: FamilyTerms): FamilyTerms {
  let terms = prior;
  const traits = pairs.map(traitsOf);
  const rows = pairs.map((pair, i) => {
    const { depthwise, squeezeExcite, smoothActivation } = traits[i]!;
    return [depthFactor(methodOf(pair), traits[i]!), depthwise, (squeezeExcite + smoothActivation) / 2];
  });
  const targets = pairs.map(observedRise);
  const centres = [prior.base, prior.depthwise, prior.squeezeExciteSmooth];
  for (let round = 0; round < 30; round++) {
    const weights = pairs.map((pair, i) => {
      const residual = Math.abs(targets[i]! - riseOf(terms, pair, traits[i]!));
      return residual <= HUBER_SCALE ? 1 : HUBER_SCALE / residual;
    });
    const penalties = [PRIOR_WEIGHT, PRIOR_WEIGHT, PRIOR_WEIGHT];
    const { matrix, vector } = normalEquations({ rows, targets, weights, penalties, centres });
    const [base, depthwise, squeezeExciteSmooth] = choleskySolve(cholesky(matrix, 3), 3, vector);
    terms = {
      base: Math.max(0, base!),
      depthwise: Math.max(0, depthwise!),
      squeezeExciteSmooth: Math.max(0, squeezeExciteSmooth!),
    };
  }
  return terms;
}
