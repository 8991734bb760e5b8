// What answers "how accurate would this network be, deployed like this?" without training it to the end.
// Several proxies stand behind one interface; each carries the error that was measured on networks it was not fitted on.
import type { Candidate } from "../../src/core/trial.js";
import type { Deployment } from "../deployment/deployment.js";
import type { Network } from "../network/ir.js";
import type { QuantizationMethod } from "./quantization.js";

/** One answer; both numbers are fractions of images classified correctly. */
export interface AccuracyEstimate {
  /** top-1 in (0, 1) */
  readonly estimate: number;
  /** standard deviation of what a real training would give around the estimate */
  readonly standardError: number;
  /** name of the proxy that answered */
  readonly proxy: string;
  /** measured figures of one batch that replace the modelled ones, from a table that has them */
  readonly latencyMs?: number;
  readonly energyMillijoules?: number;
}

/** How far a proxy can be trusted, measured on networks left out of its fit. */
export interface ProxyError {
  /** mean absolute error, percentage points of top-1 */
  readonly meanAbsoluteErrorPoints: number;
  /** rank correlation, and that of the MAC count and the parameter count alone on the same networks */
  readonly kendallTau: number;
  readonly macsOnlyKendallTau: number;
  readonly paramsOnlyKendallTau: number;
  /** share of left-out networks inside estimate ± 1.645 standard errors; 0.9 is meant */
  readonly coverage90: number;
  /** networks left out, in how many groups */
  readonly networkCount: number;
  readonly groupCount: number;
  /** one sentence: how the figures were measured */
  readonly protocol: string;
}

/** What is known beside the network; a search knows its candidate, a table of published results how each was trained. */
export interface EstimateContext {
  /** knob values of the network's own space, without the `network/` prefix */
  readonly candidate?: Candidate;
  readonly recipe?: string;
  readonly quantizationMethod?: QuantizationMethod;
}

/** Answers for any network and deployment; pure: the same question always has the same answer. Formulas answer at once,
 *  proxies that train or run the network answer with a promise. */
export interface AccuracyProxy {
  readonly name: string;
  readonly summary: string;
  /** undefined when there was nothing to measure it against, as for a table that the user names */
  readonly error: ProxyError | undefined;
  /** @throws NoEstimate when there is no answer for this design */
  estimate(
    network: Network,
    deployment: Deployment,
    context?: EstimateContext,
  ): AccuracyEstimate | Promise<AccuracyEstimate>;
}

/** A proxy that answers at once. */
export interface ImmediateProxy extends AccuracyProxy {
  estimate(network: Network, deployment: Deployment, context?: EstimateContext): AccuracyEstimate;
}

/** How far the proxy can be trusted, as one line for a report. */
export function trustOf({ error }: Pick<AccuracyProxy, "error">): string {
  if (error === undefined) return "its error has not been measured on left-out networks";
  const { meanAbsoluteErrorPoints, kendallTau, macsOnlyKendallTau, networkCount } = error;
  return (
    `mean error ${meanAbsoluteErrorPoints.toFixed(1)} points, Kendall tau ${kendallTau.toFixed(2)} ` +
    `(MACs alone ${macsOnlyKendallTau.toFixed(2)}) on ${networkCount} left-out networks`
  );
}
