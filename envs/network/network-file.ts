// The door to networks: built-in ones by name, a user's by path, checked by the schema once and built.
import { dataNames, parseValue, readDocument, resolveDocument } from "../../src/files/documents.js";
import { buildNetwork } from "./build-network.js";
import type { Network } from "./ir.js";
import { type NetworkFile, networkFileSchema } from "./network-schema.js";

export { buildNetwork } from "./build-network.js";
export { NetworkShapeError } from "./layer-builder.js";
export { NETWORK_DEFAULTS, type NetworkFile, networkFileSchema } from "./network-schema.js";

const PRESETS = "envs/network/presets";

/** Names of the built-in networks. */
export const networkNames = (): string[] => dataNames(PRESETS);

/** The checked file of a built-in network, or of a YAML or JSON file.
 *  @throws CosearchError NETWORK_UNKNOWN, FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE */
export function loadNetworkFile(nameOrPath: string): NetworkFile {
  return readDocument(resolveDocument(nameOrPath, PRESETS, "NETWORK_UNKNOWN", "network"), networkFileSchema);
}

/** @throws what loadNetworkFile throws, and CosearchError NETWORK_BAD_SHAPE */
export function loadNetwork(nameOrPath: string): Network {
  return buildNetwork(loadNetworkFile(nameOrPath));
}

/** A network written inside another document. @throws CosearchError FILE_BAD_VALUE; `where` names the document */
export function parseNetwork(value: unknown, where: string): NetworkFile {
  return parseValue(value, where, networkFileSchema);
}
