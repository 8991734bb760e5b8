// The honest baselines: accuracy from the MAC count alone, and from the parameter count alone, as straight lines
//   ln(error) = intercept + slope · (ln count − centre)
// fitted to the same published networks as the surrogate. A proxy that does not beat them has learned nothing else.
import { z } from "zod";
import type { Network } from "../network/ir.js";
import { deploymentRise } from "./deployment-effects.js";
import { describe } from "./descriptors.js";
import type { ProxyError } from "./estimate.js";
import { estimateOf, shippedSurrogate } from "./imagenet-surrogate.js";
import { defineProxy } from "./proxy-definition.js";

export const BASELINES = ["macs-only", "params-only"] as const;
export type Baseline = (typeof BASELINES)[number];

export interface FittedLine {
  readonly intercept: number;
  readonly slope: number;
  readonly centre: number;
  /** of ln(error), for a family that the line has not seen */
  readonly variance: number;
  readonly error: ProxyError;
}

/** The one number that a baseline looks at. */
export const countOf = (baseline: Baseline, network: Pick<Network, "macCount" | "paramCount">): number =>
  baseline === "macs-only" ? network.macCount : network.paramCount;

/** ln(error) that a line predicts, at most that of guessing among a thousand classes. */
export const lineAt = ({ intercept, slope, centre }: Omit<FittedLine, "variance" | "error">, count: number): number =>
  Math.min(Math.log(0.999), intercept + slope * (Math.log(Math.max(1, count)) - centre));

/** Ordinary least squares of ln(error) on ln(count). @param counts, errors of equal length, at least two different counts */
export function fitLine(counts: readonly number[], errors: readonly number[]): Omit<FittedLine, "variance" | "error"> {
  const x = counts.map(Math.log);
  const y = errors.map(Math.log);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [centre, intercept] = [mean(x), mean(y)];
  const squares = x.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  const products = x.reduce((sum, value, i) => sum + (value - centre) * (y[i]! - intercept), 0);
  return { intercept, slope: products / squares, centre };
}

export const baselineDefinition = (baseline: Baseline) => {
  const what = baseline === "macs-only" ? "MAC count" : "parameter count";
  const summary = `baseline: ImageNet top-1 from the ${what} alone`;
  return defineProxy({
    name: baseline,
    summary,
    options: z.strictObject({}),
    create() {
      const { baselines, quantization } = shippedSurrogate();
      const line = baselines?.[baseline];
      if (line === undefined) throw new Error("the package's coefficient file has no baselines");
      return {
        name: baseline,
        summary,
        error: line.error,
        estimate(network, deployment, context = {}) {
          const floatError = Math.exp(lineAt(line, countOf(baseline, network)));
          const rise = deploymentRise(network, describe(network), deployment, quantization, context.quantizationMethod);
          return estimateOf(baseline, floatError, line.variance, rise, quantization.relativeError);
        },
      };
    },
  });
};
