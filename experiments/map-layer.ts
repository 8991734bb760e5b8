// One layer on one machine: the cost of a given mapping, or the best mapping that is found, why it won, and what is in the
// way when there is none. What `cosearch map` and `cosearch export` ask for.
import {
  type Accelerator,
  type AcceleratorFile,
  buildAccelerator,
  DATAFLOWS,
  type DataflowName,
} from "../envs/accelerator/architecture.js";
import { checkMapping } from "../envs/accelerator/check-mapping.js";
import { CostModel } from "../envs/accelerator/cost.js";
import { dataflowsOf, type Remedy, remedies, runnerUp, tightest } from "../envs/accelerator/explain-mapping.js";
import { type LayerPart, layerParts, onlyPart, readLayerFile } from "../envs/accelerator/layer-file.js";
import { DEFAULT_BUDGET, mapProblem, type Objective } from "../envs/accelerator/mapper.js";
import { compileMapping, loopNest, type Mapping, type MappingData } from "../envs/accelerator/mapping.js";
import { mappingFileText, readMappingFile } from "../envs/accelerator/mapping-file.js";
import { type MappingReport, mappingReport } from "../envs/accelerator/mapping-report.js";
import { shapeOf } from "../envs/accelerator/network-cost.js";
import type { WordBits } from "../envs/accelerator/problem.js";
import { CosearchError, suggestion } from "../src/core/errors.js";
import type { Infeasible, Violation } from "../src/core/trial.js";
import { fixedPart } from "./parts.js";

export interface MapRequest {
  /** layer file */
  readonly layer: string;
  /** built-in name or path */
  readonly accelerator: string;
  /** mapping file; without it the mapper searches */
  readonly mapping?: string;
  /** instead of the accelerator's own */
  readonly dataflow?: string;
  readonly objective?: Objective;
  /** mappings counted exactly per dataflow */
  readonly budget?: number;
  /** of a layer with several parts; without it all of them */
  readonly part?: string;
  /** adds the runner-up */
  readonly explain?: boolean;
}

/** A layer part on the machine, with what it was asked for. */
export interface MappedLayer {
  readonly layer: string;
  readonly kind: string;
  readonly shape: Readonly<Record<string, number>>;
  readonly bits: WordBits;
  readonly accelerator: { readonly name: string; readonly macUnits: number; readonly clockMhz: number };
  /** whose constraints held */
  readonly dataflow: DataflowName;
  readonly result: MapOutcome;
}

export type MapOutcome =
  | {
      readonly kind: "mapped";
      readonly report: MappingReport;
      readonly loopNest: string;
      /** the fixed dataflows that allow the mapping */
      readonly dataflows: readonly DataflowName[];
      /** mappings counted exactly; 0 for a given mapping */
      readonly evaluated: number;
      /** asked for with `explain`; null when no other dataflow can run the layer */
      readonly runnerUp?: {
        readonly dataflow: DataflowName;
        readonly report: MappingReport;
        readonly loopNest: string;
      } | null;
    }
  | { readonly kind: "infeasible"; readonly infeasible: Infeasible & { readonly remedies: readonly Remedy[] } };

/** @throws CosearchError FILE_*, NETWORK_BAD_SHAPE, ACCELERATOR_UNKNOWN, ACCELERATOR_BAD, ENERGY_UNKNOWN_COMPONENT, USAGE */
export function mapLayer(request: MapRequest): readonly MappedLayer[] {
  const { chip, file, dataflow } = machineOf(request);
  const all = layerParts(readLayerFile(request.layer), chip.partialBits);
  const wanted = request.part === undefined && request.mapping === undefined ? all : [onlyPart(all, request.part)];
  const given = request.mapping === undefined ? undefined : readMappingFile(request.mapping);
  return wanted.map((part) => {
    const { layer, problem } = part;
    const result =
      given === undefined ? search(part, chip, file, dataflow, request) : costOf(part, chip, dataflow, given);
    return {
      layer: part.id,
      kind: layer.kind,
      shape: shapeOf(layer, problem),
      bits: problem.bits,
      accelerator: { name: chip.name, macUnits: chip.macUnits, clockMhz: chip.clockMhz },
      dataflow,
      result,
    };
  });
}

/** The text of a mapping file for a result. */
export const mappingText = (mapped: MappedLayer, mapping: MappingData): string =>
  mappingFileText(mapping, mapped.layer, mapped.accelerator.name);

/** The machine of a request, with the dataflow whose constraints hold. */
export function machineOf(request: Pick<MapRequest, "accelerator" | "dataflow">): {
  readonly chip: Accelerator;
  readonly file: AcceleratorFile;
  readonly dataflow: DataflowName;
} {
  const file = fixedPart("accelerator", request.accelerator, ".", "--accelerator");
  const chip = buildAccelerator(file);
  const dataflow = DATAFLOWS.find((known) => known === (request.dataflow ?? chip.dataflow));
  if (dataflow !== undefined) return { chip, file, dataflow };
  throw new CosearchError(
    "USAGE",
    `--dataflow ${request.dataflow}: no such dataflow${suggestion(request.dataflow!, DATAFLOWS)}`,
  );
}

function costOf(
  { problem }: LayerPart,
  chip: Accelerator,
  dataflow: DataflowName,
  given: ReturnType<typeof readMappingFile>,
): MapOutcome {
  const violations = checkMapping(problem, chip, given, dataflow);
  if (violations.length > 0) {
    const reason = `the mapping breaks ${violations.length === 1 ? "one rule" : `${violations.length} rules`}`;
    return infeasible("mapping", reason, violations, []);
  }
  // the check has found every name
  const mapping = compileMapping(given as MappingData, chip);
  return {
    kind: "mapped",
    report: mappingReport(problem, mapping, new CostModel(chip)),
    loopNest: loopNest(mapping, chip),
    dataflows: dataflowsOf(mapping, problem, chip),
    evaluated: 0,
  };
}

function search(
  { problem }: LayerPart,
  chip: Accelerator,
  file: AcceleratorFile,
  dataflow: DataflowName,
  { objective = "latency", budget = DEFAULT_BUDGET, explain = false }: MapRequest,
): MapOutcome {
  const model = new CostModel(chip);
  const found = mapProblem(problem, model, { objective, budget, dataflow });
  if (found.kind === "unmappable") {
    const violations = tightest(problem, chip, dataflow);
    const named = violations.length > 0 ? violations : found.violations;
    const ways = remedies(problem, file, { dataflow, objective, budget });
    return infeasible("mapping", `no mapping fits: ${reasonOf(named)}`, named, ways);
  }
  const { mapping, evaluated } = found;
  return {
    kind: "mapped",
    report: mappingReport(problem, mapping, model),
    loopNest: loopNest(mapping, chip),
    dataflows: dataflowsOf(mapping, problem, chip),
    evaluated,
    ...(explain && { runnerUp: alternative(problem, model, mapping, { objective, budget }) }),
  };
}

function alternative(
  problem: LayerPart["problem"],
  model: CostModel,
  winner: Mapping,
  options: { readonly objective: Objective; readonly budget: number },
): NonNullable<Extract<MapOutcome, { kind: "mapped" }>["runnerUp"]> | null {
  const other = runnerUp(problem, model, winner, options);
  if (other === undefined) return null;
  const { dataflow, mapping } = other;
  return { dataflow, report: mappingReport(problem, mapping, model), loopNest: loopNest(mapping, model.chip) };
}

function infeasible(
  code: string,
  reason: string,
  violations: readonly Violation[],
  ways: readonly Remedy[],
): MapOutcome {
  return { kind: "infeasible", infeasible: { code, reason, violations, remedies: ways } };
}

function reasonOf(violations: readonly Violation[]): string {
  if (violations.length === 0) return "every level holds the smallest tiles, but no split of the fan-outs fits";
  return violations
    .map(({ subject, needed, available, unit }) => `${subject} needs ${needed} ${unit}, has ${available}`)
    .join("; ");
}
