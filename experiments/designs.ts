// Designs in full, for verdicts and reports: a run's candidate, and the reference that it is compared with.
import { buildAccelerator } from "../envs/accelerator/architecture.js";
import { LayerCosts } from "../envs/accelerator/network-cost.js";
import { accuracyProxy } from "../envs/accuracy/proxy.js";
import { createCodesignEnvironment, type DesignReport, evaluateDesign } from "../envs/codesign-env.js";
import { buildNetwork } from "../envs/network/network-file.js";
import type { Candidate, Infeasible } from "../src/core/trial.js";
import { codesignOptions, type ResolvedStudy } from "./resolve-study.js";

/** The design of a candidate, or why there is none. */
export async function designOf(study: ResolvedStudy, candidate: Candidate): Promise<DesignReport | Infeasible> {
  return createCodesignEnvironment(codesignOptions(study)).breakdown(candidate);
}

/** The study's reference design, with the study's mapper and accuracy proxy. */
export async function referenceOf(study: ResolvedStudy): Promise<DesignReport | Infeasible> {
  const layerCosts = new LayerCosts(buildAccelerator(study.reference.accelerator), study.mapper);
  const network = buildNetwork(study.reference.network);
  const { proxy, ...options } = study.accuracy;
  return evaluateDesign(network, layerCosts, study.reference.deployment, accuracyProxy(proxy, options));
}

/** A feasible trial's design beside the reference; undefined when one of them cannot be built, or the
 *  study looks costs up in a table. */
export async function winnerAndReference(
  study: ResolvedStudy,
  candidate: Candidate,
): Promise<{ readonly winner: DesignReport; readonly reference: DesignReport } | undefined> {
  if (study.sizing !== undefined) return undefined; // a table knows no networks and no reference
  const winner = await designOf(study, candidate);
  const reference = await referenceOf(study);
  return isDesign(winner) && isDesign(reference) ? { winner, reference } : undefined;
}

export const isDesign = (design: DesignReport | Infeasible): design is DesignReport => "layers" in design;
