// One design by names or files: what `cosearch evaluate` asks for.
import { type AcceleratorFile, buildAccelerator, DATAFLOWS } from "../envs/accelerator/architecture.js";
import { DEFAULT_BUDGET } from "../envs/accelerator/mapper.js";
import { LayerCosts } from "../envs/accelerator/network-cost.js";
import { accuracyProxy, DEFAULT_ACCURACY_PROXY, resolveAccuracy } from "../envs/accuracy/proxy.js";
import { type DesignReport, evaluateDesign } from "../envs/codesign-env.js";
import { buildNetwork } from "../envs/network/network-file.js";
import { CosearchError, suggestion } from "../src/core/errors.js";
import type { Infeasible } from "../src/core/trial.js";
import { fixedPart } from "./parts.js";

export interface NamedDesign {
  /** built-in name or path */
  readonly network: string;
  readonly accelerator: string;
  /** path; default 8 bits, batch 1, no fusion */
  readonly deployment?: string;
  /** instead of the accelerator's own */
  readonly dataflow?: string;
  readonly objective?: "latency" | "energy" | "edp";
  readonly proxy?: string;
  /** of the proxy; paths are relative to the working folder */
  readonly proxyOptions?: Readonly<Record<string, unknown>>;
  /** mappings costed exactly per layer */
  readonly mapperBudget?: number;
}

/** The design in full, or why there is none.
 *  @throws CosearchError NETWORK_UNKNOWN, ACCELERATOR_UNKNOWN, PROXY_UNKNOWN, USAGE, FILE_*, NETWORK_BAD_SHAPE */
export async function evaluateNamed(given: NamedDesign): Promise<DesignReport | Infeasible> {
  const network = buildNetwork(fixedPart("network", given.network, ".", "--network"));
  const file = fixedPart("accelerator", given.accelerator, ".", "--accelerator");
  const deployment = fixedPart("deployment", given.deployment ?? "default", ".", "--deployment");
  const { objective = "latency", mapperBudget: budget = DEFAULT_BUDGET } = given;
  const chip = buildAccelerator(withDataflow(file, given.dataflow));
  const { proxy: name, ...options } = resolveAccuracy(
    { ...given.proxyOptions, proxy: given.proxy ?? DEFAULT_ACCURACY_PROXY },
    ".",
  );
  const proxy = accuracyProxy(name, options);
  return evaluateDesign(network, new LayerCosts(chip, { objective, budget }), deployment, proxy);
}

function withDataflow(file: AcceleratorFile, name: string | undefined): AcceleratorFile {
  if (name === undefined) return file;
  const dataflow = DATAFLOWS.find((known) => known === name);
  if (dataflow !== undefined) return { ...file, dataflow };
  throw new CosearchError("USAGE", `--dataflow ${name}: no such dataflow${suggestion(name, DATAFLOWS)}`);
}
