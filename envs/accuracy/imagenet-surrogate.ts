// The default proxy: ImageNet top-1 after full training, from a formula fitted to published networks (docs/accuracy.md).
// Network -> descriptors -> ln(error) of the float network -> raised by the deployment's bits -> estimate and standard error.
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { packageRoot, parseText, readText } from "../../src/files/documents.js";
import type { FittedLine } from "./baselines.js";
import { deploymentRise } from "./deployment-effects.js";
import { describe } from "./descriptors.js";
import type { AccuracyEstimate, ImmediateProxy, ProxyError } from "./estimate.js";
import { defineProxy } from "./proxy-definition.js";
import { QUANTIZATION_METHODS, type QuantizationMethod, type QuantizationTerms, raisedError } from "./quantization.js";
import { type SurrogateCoefficients, surrogateModel } from "./surrogate-model.js";

export const SURROGATE_NAME = "imagenet-surrogate";

/** The coefficient file that `fit/fit-surrogate.ts` writes. */
export interface FittedSurrogate {
  readonly model: SurrogateCoefficients;
  readonly quantization: QuantizationTerms;
  readonly error: ProxyError;
  /** the formulas that know one number alone, on the same networks */
  readonly baselines?: Readonly<Record<"macs-only" | "params-only", FittedLine>>;
}

const fittedSchema = z.looseObject({
  model: z.looseObject({ features: z.array(z.string()), coefficients: z.array(z.number()), intercept: z.number() }),
  quantization: z.looseObject({ weightShare: z.number() }),
  error: z.looseObject({ kendallTau: z.number() }),
});

/** A coefficient file that `cosearch fit-accuracy` wrote. @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export const readFitted = (path: string): FittedSurrogate =>
  parseText(readText(path), path, fittedSchema) as unknown as FittedSurrogate;

/** What a result was obtained with, where that is known; a search does not know and takes the defaults. */
export interface SurrogateOptions {
  /** a training recipe of the coefficient file, or any name whose class can be told; default: the authors' own */
  readonly recipe?: string;
  readonly quantizationMethod?: QuantizationMethod;
}

const FITTED_FILE = "envs/accuracy/imagenet-surrogate.fitted.json";
/** ln(error) stays between 3 % (no network of this kind is better) and 99.9 % (chance over 1,000 classes). */
const LOWEST_LOG_ERROR = Math.log(0.03);
const HIGHEST_LOG_ERROR = Math.log(0.999);

let shipped: FittedSurrogate | undefined;

/** The coefficients of the package, read once. */
export function shippedSurrogate(): FittedSurrogate {
  shipped ??= JSON.parse(readText(join(packageRoot, FITTED_FILE))) as FittedSurrogate;
  return shipped;
}

/** The default accuracy proxy; options say what is known of the training.
 *  @throws CosearchError FILE_UNREADABLE when the package is incomplete */
export function imagenetSurrogate(
  options: SurrogateOptions = {},
  fitted: FittedSurrogate = shippedSurrogate(),
): ImmediateProxy {
  const predict = surrogateModel(fitted.model);
  return {
    name: SURROGATE_NAME,
    summary: SUMMARY,
    error: fitted.error,
    estimate(network, deployment, context = {}) {
      const descriptors = describe(network);
      const { mean, variance } = predict(descriptors, context.recipe ?? options.recipe);
      const floatError = Math.exp(Math.min(HIGHEST_LOG_ERROR, Math.max(LOWEST_LOG_ERROR, mean)));
      const method = context.quantizationMethod ?? options.quantizationMethod;
      const rise = deploymentRise(network, descriptors, deployment, fitted.quantization, method);
      return estimateOf(SURROGATE_NAME, floatError, variance, rise, fitted.quantization.relativeError);
    },
  };
}

/** The answer that a float error, the variance of its logarithm and the rise by fewer bits make together. */
export function estimateOf(
  proxy: string,
  floatError: number,
  variance: number,
  rise: number,
  relativeError: number,
): AccuracyEstimate {
  const error = raisedError(floatError, rise);
  // d(error) = error · d(ln error), shrinking towards 1 as the odds form does
  const spread = Math.sqrt(variance + (rise * relativeError) ** 2);
  const standardError = Math.min(0.5, error * Math.min(1, (1 - error) / (1 - floatError)) * spread);
  return { estimate: 1 - error, standardError, proxy };
}

const SUMMARY = "ImageNet top-1 after full training, from a formula fitted to published networks";

export const surrogateDefinition = defineProxy({
  name: SURROGATE_NAME,
  summary: SUMMARY,
  options: z.strictObject({
    recipe: z.string().min(1).optional().describe("training recipe; default: what authors publish with"),
    quantizationMethod: z.enum(QUANTIZATION_METHODS).optional().describe("default: quantization-aware"),
    fitted: z
      .union([z.string().min(1), z.record(z.string(), z.unknown())])
      .optional()
      .describe("file that `cosearch fit-accuracy` wrote; default: the coefficients of the package"),
  }),
  // the coefficients go into the study, so that its run does not depend on the file any more
  resolve: (options, folder) =>
    typeof options.fitted === "string"
      ? {
          ...options,
          fitted: { ...readFitted(isAbsolute(options.fitted) ? options.fitted : join(folder, options.fitted)) },
        }
      : options,
  create({ recipe, quantizationMethod, fitted }) {
    const known = {
      ...(recipe !== undefined && { recipe }),
      ...(quantizationMethod !== undefined && { quantizationMethod }),
    };
    if (fitted === undefined) return imagenetSurrogate(known);
    return imagenetSurrogate(
      known,
      typeof fitted === "string" ? readFitted(fitted) : (fitted as unknown as FittedSurrogate),
    );
  },
});
