// What answers "how accurate would this network be, deployed like this?" without training it to the end.
// Several proxies stand behind one interface; each carries the error that was measured on networks it was not fitted on.
import { CosearchError, suggestion } from "../../src/core/errors.js";
import type { Deployment } from "../deployment/deployment.js";
import type { Network } from "../network/ir.js";
import { imagenetSurrogate } from "./imagenet-surrogate.js";

/** One answer; both numbers are fractions of images classified correctly. */
export interface AccuracyEstimate {
  /** top-1 in (0, 1) */
  readonly estimate: number;
  /** standard deviation of what a real training would give around the estimate */
  readonly standardError: number;
  /** name of the proxy that answered */
  readonly proxy: string;
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

/** Answers for any network and deployment; pure: the same question always has the same answer. */
export interface AccuracyProxy {
  readonly name: string;
  readonly summary: string;
  readonly error: ProxyError;
  estimate(network: Network, deployment: Deployment): AccuracyEstimate;
}

export const DEFAULT_ACCURACY_PROXY = "imagenet-surrogate";

/** Every proxy, by name. Built on first use: a proxy reads its coefficients from a file. */
const PROXIES: Readonly<Record<string, () => AccuracyProxy>> = {
  [DEFAULT_ACCURACY_PROXY]: () => imagenetSurrogate(),
};

export const accuracyProxyNames = (): string[] => Object.keys(PROXIES);

/** All proxies, in the order that lists show. */
export const accuracyProxies = (): AccuracyProxy[] => Object.values(PROXIES).map((build) => build());

/** The proxy of that name. @throws CosearchError PROXY_UNKNOWN with the near miss */
export function accuracyProxy(name: string): AccuracyProxy {
  const build = Object.hasOwn(PROXIES, name) ? PROXIES[name] : undefined;
  if (build === undefined) {
    throw new CosearchError("PROXY_UNKNOWN", `"${name}" is no accuracy proxy${suggestion(name, accuracyProxyNames())}`);
  }
  return build();
}
