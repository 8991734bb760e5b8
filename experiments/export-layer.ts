// A layer, a machine and a mapping as the files of another tool: what `cosearch export` asks for.
import { checkMapping } from "../envs/accelerator/check-mapping.js";
import { CostModel } from "../envs/accelerator/cost.js";
import { type Exported, plainName } from "../envs/accelerator/export/design.js";
import { EXPORT_FORMATS, EXPORTERS, type ExportFormat } from "../envs/accelerator/export/index.js";
import { type LayerPart, layerParts, onlyPart, readLayerFile } from "../envs/accelerator/layer-file.js";
import { DEFAULT_BUDGET, mapProblem } from "../envs/accelerator/mapper.js";
import { type MappingData, mappingData } from "../envs/accelerator/mapping.js";
import { readMappingFile } from "../envs/accelerator/mapping-file.js";
import { CosearchError, suggestion } from "../src/core/errors.js";
import type { Infeasible } from "../src/core/trial.js";
import { type MapRequest, machineOf } from "./map-layer.js";

export interface ExportRequest extends Omit<MapRequest, "explain"> {
  readonly format: string;
}

export type ExportOutcome =
  | ({ readonly kind: "exported"; readonly format: ExportFormat; readonly layer: string } & Exported)
  | { readonly kind: "infeasible"; readonly infeasible: Infeasible };

/** @throws CosearchError EXPORT_UNSUPPORTED, and what mapLayer throws */
export function exportLayer(request: ExportRequest): ExportOutcome {
  const format = EXPORT_FORMATS.find((name) => name === request.format);
  if (format === undefined) {
    throw new CosearchError(
      "USAGE",
      `--format ${request.format}: no such format${suggestion(request.format, EXPORT_FORMATS)}`,
    );
  }
  const { chip, dataflow } = machineOf(request);
  const part: LayerPart = onlyPart(layerParts(readLayerFile(request.layer), chip.partialBits), request.part);
  const { layer, problem } = part;
  let mapping: MappingData;
  if (request.mapping === undefined) {
    const { objective = "latency", budget = DEFAULT_BUDGET } = request;
    const found = mapProblem(problem, new CostModel(chip), { objective, budget, dataflow });
    if (found.kind === "unmappable") {
      return {
        kind: "infeasible",
        infeasible: {
          code: "mapping",
          reason: "no mapping fits; `cosearch map` says why",
          violations: found.violations,
        },
      };
    }
    mapping = mappingData(found.mapping, chip);
  } else {
    const given = readMappingFile(request.mapping);
    const violations = checkMapping(problem, chip, given, dataflow);
    if (violations.length > 0)
      return { kind: "infeasible", infeasible: { code: "mapping", reason: "the mapping cannot run", violations } };
    // the check has found every name
    mapping = given as MappingData;
  }
  const exported = EXPORTERS[format]({ name: plainName(part.id), layer, problem, chip, mapping });
  return { kind: "exported", format, layer: part.id, ...exported };
}
