// Fits what int8 costs to pairs of float and int8 results. There are few pairs and one is an outlier (a MobileNetV1 that
// lost 14 points), so each method's terms are pulled towards priors from the literature, and far pairs count less (Huber).
import { cholesky, choleskySolve, normalEquations } from "../linear-algebra.js";
import { type FamilyTerms, familyRise, type QuantizationMethod, type QuantizationTerms } from "../quantization.js";
import type { QuantizationPair } from "./training-data.js";

type Traits = Parameters<typeof familyRise>[1];

const DENSE: Traits = { depthwise: 0, squeezeExcite: 0, smoothActivation: 0 };
const DEPTHWISE: Traits = { depthwise: 1, squeezeExcite: 0, smoothActivation: 0 };
/** Traits of the families in the pairs; those not named are dense (VGG, ResNet, Inception). */
const FAMILY_TRAITS: Readonly<Record<string, Traits>> = {
  mobilenet_v1: DEPTHWISE,
  tf2_mobilenet_v1: DEPTHWISE,
  mobilenet_v2: DEPTHWISE,
  mobilenet_v3_minimal: DEPTHWISE,
  efficientnet_lite: DEPTHWISE,
  mobilenet_v3: { depthwise: 1, squeezeExcite: 0.6, smoothActivation: 0.5 },
};

/** What a method costs before any pair is seen: base, depthwise, squeeze-excite and smooth activation. */
const PRIORS: Readonly<Record<QuantizationMethod, FamilyTerms>> = {
  "quantization-aware": { base: 0.02, depthwise: 0.015, squeezeExciteSmooth: 0.03 },
  "post-training": { base: 0.02, depthwise: 0.025, squeezeExciteSmooth: 0.4 },
  "post-training-per-tensor": { base: 0.05, depthwise: 0.04, squeezeExciteSmooth: 0.8 },
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
const HUBER_SCALE = 0.03;

export const traitsOf = (family: string): Traits => FAMILY_TRAITS[family] ?? DENSE;

export function methodOf(pair: Pick<QuantizationPair, "method">): QuantizationMethod {
  if (pair.method.startsWith("QAT")) return "quantization-aware";
  return pair.method.includes("per-tensor") ? "post-training-per-tensor" : "post-training";
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
  const rows = pairs.map((pair) => {
    const traits = traitsOf(pair.family);
    return [1, traits.depthwise, (traits.squeezeExcite + traits.smoothActivation) / 2];
  });
  const targets = pairs.map(observedRise);
  const centres = [prior.base, prior.depthwise, prior.squeezeExciteSmooth];
  for (let round = 0; round < 30; round++) {
    const weights = pairs.map((pair, i) => {
      const residual = Math.abs(targets[i]! - familyRise(terms, traitsOf(pair.family)));
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
