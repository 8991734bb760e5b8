// The co-design environment: a candidate becomes a network, an accelerator and a deployment; the cost of the one on the other
// and the accuracy proxy run side by side and are joined (RxJS) into one evaluation. Pure apart from what it remembers.
import { catchError, defer, firstValueFrom, forkJoin, from, map, type Observable } from "rxjs";
import type { Environment } from "../src/core/environment.js";
import { candidatePart, joinSpaces, Space } from "../src/core/space.js";
import { fillTemplate } from "../src/core/template.js";
import type { Candidate, Evaluation, Infeasible, Metrics } from "../src/core/trial.js";
import { withDefaults } from "../src/files/defaults.js";
import {
  type AcceleratorFile,
  acceleratorSchema,
  buildAccelerator,
  buildCheckedAccelerator,
} from "./accelerator/architecture.js";
import type { MapperOptions } from "./accelerator/mapper.js";
import { LayerCosts } from "./accelerator/network-cost.js";
import { type AccuracyEstimate, type AccuracyProxy, type EstimateContext, trustOf } from "./accuracy/estimate.js";
import { NoEstimate } from "./accuracy/no-estimate.js";
import { accuracyProxy } from "./accuracy/proxy.js";
import { type Deployment, deploymentSchema } from "./deployment/deployment.js";
import type { StayReport } from "./deployment/explain-staying.js";
import { prunedNetwork } from "./deployment/pruning.js";
import {
  designDetails,
  evaluateHardware,
  type GroupReport,
  type HardwareFigures,
  type HardwareResult,
  type LayerReport,
} from "./evaluate-design.js";
import type { Network } from "./network/ir.js";
import { buildNetwork, type NetworkFile, NetworkShapeError } from "./network/network-file.js";
import { type LoadedSpace, parseSpaceFile, type SpaceFile, type SpaceGroup } from "./space-file.js";

/** What is searched in one group, or what is held fixed there. */
export type CodesignPart<File> = { readonly space: SpaceFile } | { readonly fixed: File };

/** Plain data, so that worker threads can build the same environment. */
export interface CodesignOptions {
  readonly network: CodesignPart<NetworkFile>;
  readonly accelerator: CodesignPart<AcceleratorFile>;
  readonly deployment: CodesignPart<Deployment>;
  /** name of the accuracy proxy */
  readonly proxy: string;
  /** what the study says of it beside its name */
  readonly proxyOptions?: Readonly<Record<string, unknown>>;
  readonly mapper: MapperOptions;
}

/** One design in full: what `evaluate --json` prints. Latency and energy are for one batch, unless they say per image. */
export interface DesignReport extends HardwareFigures {
  readonly latencyPerImageMs: number;
  readonly energyPerImageMillijoules: number;
  readonly network: { readonly name: string; readonly macCount: number; readonly paramCount: number };
  readonly accelerator: { readonly name: string; readonly macUnits: number; readonly clockMhz: number };
  readonly deployment: Deployment;
  /** `trust`: how far the proxy can be trusted, in one line */
  readonly accuracy: AccuracyEstimate & { readonly trust: string };
  readonly layers: readonly LayerReport[];
  /** layers that run together, tile by tile */
  readonly groups: readonly GroupReport[];
  /** where each layer's map and weights are between layers and batches, and why */
  readonly staying: readonly StayReport[];
}

export interface CodesignEnvironment extends Environment {
  /** The same evaluation as a stream of one value. */
  evaluate$(candidate: Candidate): Observable<Evaluation>;
  /** The design of a candidate with its layers, or why there is none. */
  breakdown(candidate: Candidate): Promise<DesignReport | Infeasible>;
  /** The parts of a candidate's design, or why they cannot be built. */
  build(candidate: Candidate): BuiltDesign | Infeasible;
}

/** A network, the machine that it runs on with the layers mapped so far, and how it is put there. */
export interface BuiltDesign {
  /** as it is trained; the accuracy proxy knows what pruning costs it */
  readonly network: Network;
  /** as it runs, after pruning */
  readonly prunedNetwork: Network;
  readonly layerCosts: LayerCosts;
  readonly deployment: Deployment;
}

export const CODESIGN_METRICS = [
  "latencyMs",
  "latencyCycles",
  "energyMillijoules",
  "areaMm2",
  "peakOnChipBytes",
  "dramBytes",
  "utilizationFraction",
  "accuracyFraction",
  "accuracyStandardError",
  "macCount",
  "paramCount",
  "latencyPerImageMs",
  "energyPerImageMillijoules",
] as const;

/** @throws CosearchError for a bad space, template or proxy name */
export function createCodesignEnvironment(options: CodesignOptions): CodesignEnvironment {
  const network = partOf<NetworkFile>("network", options.network);
  const accelerator = partOf<AcceleratorFile>("accelerator", options.accelerator);
  const deployment = partOf<Deployment>("deployment", options.deployment);
  const space = joinSpaces("codesign", [
    { group: "network", space: network.space },
    { group: "accelerator", space: accelerator.space },
    { group: "deployment", space: deployment.space },
  ]);
  const proxy = accuracyProxy(options.proxy, options.proxyOptions);
  const machines = new Machines(options.mapper);

  /** @throws NetworkShapeError */
  const designOf = (candidate: Candidate): BuiltDesign => {
    const trained = buildNetwork(network.document(candidate));
    const deployed = deployment.isChecked
      ? withDefaults(deploymentSchema, deployment.document(candidate))
      : deploymentSchema.parse(deployment.document(candidate));
    return {
      network: trained,
      prunedNetwork: prunedNetwork(trained, deployed.pruning),
      layerCosts: machines.of(accelerator.document(candidate), accelerator.isChecked),
      deployment: deployed,
    };
  };

  const evaluate$ = (candidate: Candidate): Observable<Evaluation> =>
    defer(() => {
      const built = unlessUnbuildable(() => designOf(candidate));
      if (built.kind === "infeasible") return [built];
      const design = built.value;
      return forkJoin({
        hardware: defer(() => [evaluateHardware(design.prunedNetwork, design.layerCosts, design.deployment)]),
        accuracy: defer(() => {
          const answer = proxy.estimate(design.network, design.deployment, contextOf(candidate));
          return answer instanceof Promise ? from(answer) : [answer];
        }),
      }).pipe(
        map(({ hardware, accuracy }) => evaluationOf(hardware, accuracy, design.prunedNetwork, design.deployment)),
        catchError(withoutEstimate),
      );
    });

  return {
    name: "codesign",
    space,
    metricNames: CODESIGN_METRICS,
    evaluate$,
    evaluate: (candidate) => firstValueFrom(evaluate$(candidate)),
    build(candidate) {
      const built = unlessUnbuildable(() => designOf(candidate));
      return built.kind === "infeasible" ? built.infeasible : built.value;
    },
    async breakdown(candidate) {
      const built = unlessUnbuildable(() => designOf(candidate));
      return built.kind === "infeasible"
        ? built.infeasible
        : evaluateDesign(
            built.value.network,
            built.value.layerCosts,
            built.value.deployment,
            proxy,
            contextOf(candidate),
          );
    },
  };
}

const contextOf = (candidate: Candidate): EstimateContext => ({ candidate: candidatePart(candidate, "network") });

/** One design in full, or why there is none. */
export async function evaluateDesign(
  network: Network,
  layerCosts: LayerCosts,
  deployment: Deployment,
  proxy: AccuracyProxy,
  context?: EstimateContext,
): Promise<DesignReport | Infeasible> {
  const running = prunedNetwork(network, deployment.pruning);
  const hardware = evaluateHardware(running, layerCosts, deployment);
  if (hardware.kind === "infeasible") return hardware.infeasible;
  const accuracy = await answerOf(proxy, network, deployment, context);
  if ("reason" in accuracy) return accuracy;
  const { name, macUnits, clockMhz } = layerCosts.chip;
  const figures = withMeasured(hardware.figures, accuracy);
  return {
    network: { name: running.name, macCount: running.macCount, paramCount: running.paramCount },
    accelerator: { name, macUnits, clockMhz },
    deployment,
    ...figures,
    latencyPerImageMs: figures.latencyMs / deployment.batch,
    energyPerImageMillijoules: figures.energyMillijoules / deployment.batch,
    accuracy: { ...accuracy, trust: trustOf(proxy) },
    ...designDetails(running, layerCosts, deployment),
  };
}

async function answerOf(
  proxy: AccuracyProxy,
  network: Network,
  deployment: Deployment,
  context: EstimateContext | undefined,
): Promise<AccuracyEstimate | Infeasible> {
  try {
    return await proxy.estimate(network, deployment, context);
  } catch (error) {
    if (error instanceof NoEstimate) return error.infeasible;
    throw error;
  }
}

/** A design that the proxy has no answer for is infeasible. */
function withoutEstimate(error: unknown): Evaluation[] {
  if (error instanceof NoEstimate) return [{ kind: "infeasible", infeasible: error.infeasible }];
  throw error;
}

/** Figures of the model, replaced by those that a table measured. */
const withMeasured = (figures: HardwareFigures, accuracy: AccuracyEstimate): HardwareFigures => ({
  ...figures,
  ...(accuracy.latencyMs !== undefined && { latencyMs: accuracy.latencyMs }),
  ...(accuracy.energyMillijoules !== undefined && { energyMillijoules: accuracy.energyMillijoules }),
});

function evaluationOf(
  hardware: HardwareResult,
  accuracy: AccuracyEstimate,
  network: Network,
  deployment: Deployment,
): Evaluation {
  if (hardware.kind === "infeasible") return hardware;
  const figures = withMeasured(hardware.figures, accuracy);
  const metrics: Record<(typeof CODESIGN_METRICS)[number], number> = {
    latencyMs: figures.latencyMs,
    latencyCycles: figures.latencyCycles,
    energyMillijoules: figures.energyMillijoules,
    areaMm2: figures.areaMm2,
    peakOnChipBytes: figures.peakOnChipBytes,
    dramBytes: figures.dramBytes,
    utilizationFraction: figures.utilizationFraction,
    accuracyFraction: accuracy.estimate,
    accuracyStandardError: accuracy.standardError,
    macCount: network.macCount,
    paramCount: network.paramCount,
    latencyPerImageMs: figures.latencyMs / deployment.batch,
    energyPerImageMillijoules: figures.energyMillijoules / deployment.batch,
  };
  return { kind: "measured", metrics: metrics satisfies Metrics };
}

/** A part of the design: its knobs, and the document that a candidate gives it. */
interface PreparedPart<File> {
  readonly space: Space;
  /** its values have passed the schema */
  readonly isChecked: boolean;
  document(candidate: Candidate): File;
}

function partOf<File>(group: SpaceGroup, part: CodesignPart<File>): PreparedPart<File> {
  if ("fixed" in part) {
    return { space: new Space({ name: group, knobs: [] }), isChecked: false, document: () => part.fixed };
  }
  const schema = group === "accelerator" ? acceleratorSchema : undefined;
  const { space, template }: LoadedSpace = parseSpaceFile(part.space, part.space.name, schema);
  return {
    space,
    isChecked: true,
    document: (candidate) => fillTemplate(template, candidatePart(candidate, group)) as File,
  };
}

type Built<T> = { readonly kind: "built"; readonly value: T } | Extract<Evaluation, { kind: "infeasible" }>;

/** A network whose layers do not fit together is a design that cannot be built, not a failure. */
function unlessUnbuildable<T>(build: () => T): Built<T> {
  try {
    return { kind: "built", value: build() };
  } catch (error) {
    if (!(error instanceof NetworkShapeError)) throw error;
    return { kind: "infeasible", infeasible: { code: "shape", reason: error.message, violations: [error.violation] } };
  }
}

/** The machines met so far, each with the layers that it has mapped; the least recently used is forgotten. */
class Machines {
  readonly #options: MapperOptions;
  readonly #known = new Map<string, LayerCosts>();

  constructor(options: MapperOptions) {
    this.#options = options;
  }

  of(file: AcceleratorFile, isChecked: boolean): LayerCosts {
    const key = JSON.stringify(file);
    const known = this.#known.get(key);
    this.#known.delete(key);
    const machine =
      known ?? new LayerCosts((isChecked ? buildCheckedAccelerator : buildAccelerator)(file), this.#options);
    if (this.#known.size >= MAX_MACHINES) this.#known.delete(this.#known.keys().next().value as string);
    this.#known.set(key, machine);
    return machine;
  }
}

const MAX_MACHINES = 256;
