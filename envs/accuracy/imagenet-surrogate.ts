// The default proxy: ImageNet top-1 after full training, from a formula fitted to published networks (docs/accuracy.md).
// Network -> descriptors -> ln(error) of the float network -> raised by the deployment's bits -> estimate and standard error.
import { join } from "node:path";
import { packageRoot, readText } from "../../src/files/documents.js";
import type { Deployment } from "../deployment/deployment.js";
import type { Network } from "../network/ir.js";
import { describe } from "./descriptors.js";
import type { AccuracyEstimate, AccuracyProxy, ProxyError } from "./proxy.js";
import { type QuantizationMethod, type QuantizationTerms, quantizationRise, raisedError } from "./quantization.js";
import { type SurrogateCoefficients, surrogateModel } from "./surrogate-model.js";

export const SURROGATE_NAME = "imagenet-surrogate";

/** The coefficient file that `fit/fit-surrogate.ts` writes. */
export interface FittedSurrogate {
  readonly model: SurrogateCoefficients;
  readonly quantization: QuantizationTerms;
  readonly error: ProxyError;
}

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
): AccuracyProxy {
  const predict = surrogateModel(fitted.model);
  return {
    name: SURROGATE_NAME,
    summary: "ImageNet top-1 after full training, from a formula fitted to published networks",
    error: fitted.error,
    estimate: (network, deployment) => estimateWith(predict, fitted.quantization, options, network, deployment),
  };
}

function estimateWith(
  predict: ReturnType<typeof surrogateModel>,
  quantization: QuantizationTerms,
  options: SurrogateOptions,
  network: Network,
  deployment: Deployment,
): AccuracyEstimate {
  const descriptors = describe(network);
  const predicted = predict(descriptors, options.recipe);
  const floatError = Math.exp(Math.min(HIGHEST_LOG_ERROR, Math.max(LOWEST_LOG_ERROR, predicted.mean)));
  const rise = quantizationRise(network, descriptors, deployment, quantization, options.quantizationMethod);
  const error = raisedError(floatError, rise);
  // d(error) = error · d(ln error), shrinking towards 1 as the odds form does
  const spread = Math.sqrt(predicted.variance + (rise * quantization.relativeError) ** 2);
  const standardError = Math.min(0.5, error * Math.min(1, (1 - error) / (1 - floatError)) * spread);
  return { estimate: 1 - error, standardError, proxy: SURROGATE_NAME };
}
