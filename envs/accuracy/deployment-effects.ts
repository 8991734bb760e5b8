// What a deployment costs in accuracy: fewer bits and pruned weights each raise ln(error), and the rises add up, so that points
// lost do not simply add.
import type { Deployment } from "../deployment/deployment.js";
import type { Network } from "../network/ir.js";
import type { Descriptors } from "./descriptors.js";
import { pruningRise } from "./pruning.js";
import { type QuantizationMethod, type QuantizationTerms, quantizationRise } from "./quantization.js";

/** Rise of ln(error) against the network as it was trained, with 16 bits and nothing pruned. */
export const deploymentRise = (
  network: Network,
  descriptors: Descriptors,
  deployment: Deployment,
  terms: QuantizationTerms,
  method?: QuantizationMethod,
): number => quantizationRise(network, descriptors, deployment, terms, method) + pruningRise(deployment.pruning);
