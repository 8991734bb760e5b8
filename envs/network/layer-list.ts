import { CosearchError } from "../../src/core/errors.js";
import type { Block } from "./ir.js";
import type { LayerBuilder } from "./layer-builder.js";
import type { LayerEntry } from "./network-schema.js";
export function addLayerList(_b: LayerBuilder, _l: readonly LayerEntry[]): Block[] {
  throw new CosearchError("NETWORK_BAD_SHAPE", "x");
}
